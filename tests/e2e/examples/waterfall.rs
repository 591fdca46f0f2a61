//! What does one origin save? The calls of a page, counted and timed in Chromium, 100 ms away from its
//! servers: page, API and bucket behind the gateway, and on three origins with CORS.
//!
//!     cargo run -p e2e --example waterfall
//!     cargo run -p e2e --example waterfall -- 25        # so many milliseconds one way
//!
//! Needs Chromium and ChromeDriver.

use std::process::ExitCode;
use std::time::Duration;

#[path = "../support/browsers/mod.rs"]
mod browsers;
#[path = "../tests/engines/gateway.rs"]
mod gateway;
#[path = "../tests/engines/identity.rs"]
mod identity;
#[path = "../tests/engines/network.rs"]
mod network;
#[path = "../../../examples/gateway/tests/gateway/support/process.rs"]
mod process;
#[path = "../support/program.rs"]
mod program;
#[path = "../tests/engines/server.rs"]
mod server;
#[allow(dead_code, reason = "the tests of the same file use the rest")]
#[path = "../tests/engines/sockets.rs"]
mod sockets;
#[path = "../../support/browser/mod.rs"]
mod support;
#[path = "../tests/engines/upstreams/mod.rs"]
mod upstreams;
#[path = "../tests/engines/waterfall/mod.rs"]
mod waterfall;

use waterfall::{Setup, Waterfall};

#[tokio::main]
async fn main() -> ExitCode {
    let one_way = match std::env::args().nth(1).map(|given| given.parse()) {
        None => waterfall::ONE_WAY,
        Some(Ok(milliseconds)) => Duration::from_millis(milliseconds),
        Some(Err(error)) => {
            eprintln!("the way to the servers in milliseconds: {error}");
            return ExitCode::FAILURE;
        }
    };
    if let Some(missing) = browsers::chromium::missing() {
        eprintln!("{missing}");
        return ExitCode::FAILURE;
    }
    let mut all = Vec::new();
    for setup in Setup::ALL {
        all.push(Waterfall::measure(setup, one_way).await);
    }
    println!("## {}\n\n{}", waterfall::COUNTED, waterfall::counted(&all));
    println!(
        "## {}, {one_way:?} away\n\n{}",
        waterfall::TIMED,
        waterfall::timed(&all)
    );
    ExitCode::SUCCESS
}
