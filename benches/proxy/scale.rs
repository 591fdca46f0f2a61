//! The cost that grows with the number of routes, upstreams, workers and idle connections: measured on the
//! gateway, a process of its own.

#[path = "../../examples/gateway/tests/gateway/support/process.rs"]
mod process;
#[path = "../../tests/e2e/support/program.rs"]
mod program;

use std::fmt::Write;
use std::net::SocketAddr;

use process::Process;
use tempfile::NamedTempFile;
use tokio::net::TcpStream;

use crate::load::{Case, Load};
use crate::meter::Meter;
use crate::report::{Cell, relate};
use crate::servers::Server;
use crate::{CASES, CONNECTIONS, Effort, cost};

/// A running gateway.
pub struct Gateway {
    pub server: Server,
    _process: Process,
    _file: NamedTempFile,
}

/// The gateway's configuration in words.
#[derive(Clone, Copy)]
struct Setup {
    routes: usize,
    upstreams: usize,
    workers: usize,
}

const PLAIN: Setup = Setup {
    routes: 1,
    upstreams: 1,
    workers: 1,
};

impl Gateway {
    /// With one route and one worker.
    pub fn of(upstream: SocketAddr) -> Self {
        Self::start(&[upstream], PLAIN)
    }

    fn start(upstreams: &[SocketAddr], setup: Setup) -> Self {
        let file = NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), config(upstreams, setup)).expect("to write it");
        let path = file.path().to_string_lossy().into_owned();
        let process = Process::start(&program::gateway(), &["--config", &path]);
        Self {
            server: Server {
                address: process.address(),
                meter: Meter::Process(process.id()),
            },
            _process: process,
            _file: file,
        }
    }
}

/// The route that is asked is the last of the list.
fn config(upstreams: &[SocketAddr], setup: Setup) -> String {
    let list: Vec<_> = upstreams
        .iter()
        .map(|at| format!("\"http://{at}\""))
        .collect();
    let upstream = format!("[{}]", list[..setup.upstreams].join(", "));
    let mut config = format!("listen = \"127.0.0.1:0\"\nworkers = {}\n", setup.workers);
    for n in 1..setup.routes {
        let _ = write!(
            config,
            "\n[[routes]]\nprefix = \"/service-{n:04}\"\nupstream = {upstream}\n"
        );
    }
    let _ = write!(
        config,
        "\n[[routes]]\nprefix = \"/\"\nupstream = {upstream}\n"
    );
    config
}

/// The cost of a small GET as one thing grows, as Markdown.
pub async fn measure(upstream: SocketAddr, effort: Effort) -> String {
    let others = crate::servers::upstreams(100);
    let setups = [
        ("1 route, 1 upstream, 1 worker", PLAIN, 0),
        (
            "10 routes",
            Setup {
                routes: 10,
                ..PLAIN
            },
            0,
        ),
        (
            "1,000 routes",
            Setup {
                routes: 1000,
                ..PLAIN
            },
            0,
        ),
        (
            "10 upstreams",
            Setup {
                upstreams: 10,
                ..PLAIN
            },
            0,
        ),
        (
            "100 upstreams",
            Setup {
                upstreams: 100,
                ..PLAIN
            },
            0,
        ),
        ("2,000 idle connections beside", PLAIN, 2000),
        (
            "2 workers",
            Setup {
                workers: 2,
                ..PLAIN
            },
            0,
        ),
    ];
    let case: &Case = &CASES[0];
    let requests = case.requests / effort.divisor;
    let mut running = Vec::new();
    for (_, setup, idle) in setups {
        let upstreams = if setup.upstreams > 1 {
            &others[..]
        } else {
            &[upstream]
        };
        let gateway = Gateway::start(upstreams, setup);
        let mut beside = Vec::new();
        for _ in 0..idle {
            beside.push(
                TcpStream::connect(gateway.server.address)
                    .await
                    .expect("a connection"),
            );
        }
        let mut load = Load::connect(gateway.server.address, CONNECTIONS).await;
        load.run(case, requests / 4).await;
        running.push((gateway, load, beside));
    }
    let mut cells = vec![Cell::default(); running.len()];
    for _ in 0..effort.rounds {
        for (cell, (gateway, load, _)) in cells.iter_mut().zip(&mut running) {
            let work = async || load.run(case, requests).await;
            cell.took.push(cost(&gateway.server, requests, work).await);
        }
    }
    relate(&mut cells);
    let mut table = String::from("| the gateway with | GET 128 B |\n|---|---|\n");
    for ((name, ..), cell) in setups.iter().zip(&cells) {
        let _ = writeln!(table, "| {name} | {cell} |");
    }
    table
}
