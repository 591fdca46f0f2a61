//! The simulated browser beside real ones.

use std::process::ExitCode;

mod attacks;
#[path = "../../support/browsers/mod.rs"]
mod browsers;
mod cached;
mod compare;
mod endings;
mod gateway;
mod identity;
mod local_network;
mod network;
mod one_origin;
#[path = "../../../../examples/gateway/tests/gateway/support/process.rs"]
mod process;
#[path = "../../support/program.rs"]
mod program;
mod real;
mod server;
mod sockets;
#[path = "../../../support/browser/mod.rs"]
mod support;
mod upstreams;
mod waterfall;

use same_origin::browser::Engine;
use support::tables;
use waterfall::{Cost, Setup, Waterfall};

fn main() -> ExitCode {
    if let Some(ended) = endings::victim() {
        return ended;
    }
    let own = [
        one_origin::trial("waterfall", one_origin_saves_round_trips),
        browsers::trial(
            Engine::Chromium,
            "local_network",
            local_network::is_asked_for_with_permission_only,
        ),
    ];
    let trials = endings::trials().chain(compare::trials()).chain(own);
    let trials = trials.chain(attacks::trials()).chain(one_origin::trials());
    let trials = trials.chain(cached::trials());
    let ended = browsers::run(trials.collect());
    print!("{}", compare::summary());
    ended
}

/// Counts are asserted, times are not.
async fn one_origin_saves_round_trips() {
    let mut all = Vec::new();
    for setup in Setup::ALL {
        all.push(Waterfall::measure(setup, waterfall::ONE_WAY).await);
    }
    let mut counts = Vec::new();
    for waterfall in &all {
        let [first, again] = waterfall.rounds.each_ref().map(|round| Cost::sum(round));
        counts.push((
            first.requests,
            first.preflights,
            first.connections,
            first.round_trips(),
        ));
        // Preflights are remembered and connections kept.
        assert_eq!(
            (again.requests, again.preflights, again.connections),
            (9, 0, 0)
        );
        assert_eq!(waterfall.options, first.preflights, "{:?}", waterfall.setup);
    }
    assert_eq!(counts, [(9, 0, 0, 9), (17, 8, 2, 21), (17, 8, 4, 25)]);
    let counted = waterfall::counted(&all);
    assert_eq!(Some(counted), tables::measured(waterfall::COUNTED));
    let calls = |table: &str| -> Vec<_> {
        let lines = table.lines().map(|line| line.split('|').nth(1));
        lines.map(|call| call.map(str::to_owned)).collect()
    };
    let timed = tables::measured(waterfall::TIMED).expect("a table");
    assert_eq!(calls(&timed), calls(&waterfall::timed(&all)));
}
