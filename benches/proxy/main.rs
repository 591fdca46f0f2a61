//! The cost of a proxy, beside its peers: CPU time per request over loopback.
//!
//!     cargo bench -p e2e --bench proxy              # prints the tables, some three minutes
//!     cargo bench -p e2e --bench proxy -- --write   # and puts them into benches/README.md, with a chart beside it
//!     cargo bench -p e2e --bench proxy -- --quick   # a look: short rounds, and few
//!
//! Each server has a thread and a runtime of its own; the CPU time of the proxy's thread is what is
//! counted. In each round the proxies take turns, so that what slows the machine slows all of them, and
//! each is compared with the bare one of the same round: a ratio is the median of those, with the least
//! and the greatest. criterion would measure one after the other, by the wall clock.

mod load;
mod meter;
mod report;
mod scale;
mod servers;

use std::time::Duration;

use http::Method;
use load::{Case, Load, Sockets};
use report::{Cell, Table};
use servers::Server;

/// Connections of each load.
const CONNECTIONS: usize = 32;

const CASES: [Case; 5] = [
    Case {
        name: "GET 128 B",
        method: Method::GET,
        path: "/small",
        body: 0,
        fields: 0,
        answer: 128,
        requests: 8000,
    },
    Case {
        name: "GET 16 KiB",
        method: Method::GET,
        path: "/16k",
        body: 0,
        fields: 0,
        answer: 16 * 1024,
        requests: 6000,
    },
    Case {
        name: "GET 1 MiB",
        method: Method::GET,
        path: "/1m",
        body: 0,
        fields: 0,
        answer: 1024 * 1024,
        requests: 320,
    },
    Case {
        name: "POST 4 KiB",
        method: Method::POST,
        path: "/echo",
        body: 4096,
        fields: 0,
        answer: 4096,
        requests: 6000,
    },
    Case {
        name: "20 + 20 fields",
        method: Method::GET,
        path: "/fields",
        body: 0,
        fields: 20,
        answer: 128,
        requests: 6000,
    },
];
const SOCKET_MESSAGES: usize = 8000;

/// The amount of measuring.
#[derive(Clone, Copy)]
struct Effort {
    rounds: usize,
    /// The number of requests is divided by this.
    divisor: usize,
}

/// Something to send and to wait for, whose cost is per one of `requests`.
async fn cost(server: &Server, requests: usize, work: impl AsyncFnOnce()) -> Duration {
    let before = server.meter.read();
    work().await;
    (server.meter.read() - before) / u32::try_from(requests).expect("a number of requests")
}

/// A proxy by its name.
type Named = (&'static str, Server);

/// One row for each proxy, the first being the base of the ratios.
async fn compare(case: &Case, proxies: &[Named], effort: Effort) -> Vec<Cell> {
    let mut loads = Vec::new();
    for (_, server) in proxies {
        let mut load = Load::connect(server.address, CONNECTIONS).await;
        load.run(case, case.requests / 4 / effort.divisor).await;
        loads.push(load);
    }
    let requests = case.requests / effort.divisor;
    let mut cells = vec![Cell::default(); proxies.len()];
    for round in 0..effort.rounds {
        for turn in 0..proxies.len() {
            // Nobody is always the first after the pause between rounds.
            let index = (round + turn) % proxies.len();
            let (server, load) = (&proxies[index].1, &mut loads[index]);
            let took = cost(server, requests, async || load.run(case, requests).await).await;
            cells[index].took.push(took);
        }
    }
    report::relate(&mut cells);
    cells
}

/// As [`compare`], for messages over WebSockets.
async fn compare_sockets(proxies: &[Named], effort: Effort) -> Vec<Cell> {
    let mut loads = Vec::new();
    for (_, server) in proxies {
        let mut load = Sockets::connect(server.address, CONNECTIONS).await;
        load.run(SOCKET_MESSAGES / 4 / effort.divisor).await;
        loads.push(load);
    }
    let messages = SOCKET_MESSAGES / effort.divisor;
    let mut cells = vec![Cell::default(); proxies.len()];
    for _ in 0..effort.rounds {
        for (index, load) in loads.iter_mut().enumerate() {
            let server = &proxies[index].1;
            let took = cost(server, messages, async || load.run(messages).await).await;
            cells[index].took.push(took);
        }
    }
    report::relate(&mut cells);
    cells
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let has = |flag: &str| std::env::args().any(|arg| arg == flag);
    let effort = if has("--quick") {
        Effort {
            rounds: 3,
            divisor: 8,
        }
    } else {
        Effort {
            rounds: 9,
            divisor: 1,
        }
    };
    let upstream = servers::upstream().address;
    let gateway = scale::Gateway::of(upstream);
    let proxies = [
        ("hyper and its legacy client, bare", servers::bare(upstream)),
        ("same-origin in hyper", servers::ours_in_hyper(upstream)),
        ("same-origin in axum", servers::ours_in_axum(upstream)),
        ("same-origin's gateway", gateway.server.clone()),
        (
            "axum-reverse-proxy 2.4",
            servers::axum_reverse_proxy(upstream),
        ),
    ];
    let names = proxies.each_ref().map(|(name, _)| *name);
    let mut table = Table::new("", &names);
    for case in &CASES {
        table.column(case.name, compare(case, &proxies, effort).await);
    }
    // The bare one passes no upgrades, so the first of these is the base.
    let sockets = compare_sockets(&proxies[1..], effort).await;
    table.column(
        "WebSocket echo 128 B",
        [vec![Cell::default()], sockets].concat(),
    );
    println!("{table}");
    let scale = scale::measure(upstream, effort).await;
    println!("{scale}");
    if has("--write") {
        report::write(&table, &scale);
    }
}
