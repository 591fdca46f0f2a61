//! What can a page read, and what does it pay, in the simulated browser and in Chromium?
//!
//! Prints the tables of both and where they differ. Without Chromium, the simulated browser's alone.
//!
//!     cargo run -p e2e --example browser_tables

#[allow(dead_code, reason = "the tests of the same file use the rest")]
#[path = "../support/chromium.rs"]
mod chromium;
#[path = "../tests/chromium/identity.rs"]
mod identity;
#[path = "../tests/chromium/real.rs"]
mod real;
#[path = "../tests/chromium/sockets.rs"]
mod sockets;
#[path = "../../support/browser/mod.rs"]
mod support;

use same_origin::browser::Engine;
use sockets::Served;
use support::expected::{abbreviated, why_different};
use support::{scenarios, tables};

#[tokio::main]
async fn main() {
    let missing = chromium::missing();
    if let Some(reason) = missing {
        println!("{reason}: this is the simulated browser alone\n");
    }
    print_tables(missing.is_none()).await;
    if missing.is_none() {
        compare_scenarios().await;
    }
}

async fn print_tables(with_chromium: bool) {
    let world = tables::world(real::PAGE);
    let served = Served::start(&world).await;
    let chromium = if with_chromium {
        Some(real::start(&served).await)
    } else {
        None
    };
    for table in tables::all() {
        let simulated = tables::simulate(&*table, &world).await;
        println!("## {}\n\n{simulated}", table.name());
        if let Some(chromium) = &chromium {
            match real::table(chromium, &world, &*table).await {
                real if real == simulated => println!("Chromium: the same.\n"),
                real => println!("Chromium:\n\n{real}"),
            }
        }
    }
}

/// Which of the scenarios Chromium takes otherwise than the standard.
async fn compare_scenarios() {
    for group in scenarios::groups() {
        let world = (group.world)(real::PAGE);
        let served = Served::start(&world).await;
        let chromium = real::start(&served).await;
        println!("## {} scenarios: {}\n", group.scenarios.len(), group.name);
        for scenario in group.scenarios {
            let standard = abbreviated(&scenario.simulate(&world, Engine::Standard).await);
            let real = abbreviated(&real::run(&chromium, &world, &scenario).await);
            if real != standard {
                let why = why_different(&scenario).unwrap_or("not explained");
                println!("- {}; Chromium: {why}", scenario.name);
            }
        }
        println!();
    }
}
