//! The simulated browser beside a real one.

use std::process::ExitCode;

use same_origin::browser::Engine;

mod cached;
#[path = "../../support/chromium.rs"]
mod chromium;
mod endings;
mod gateway;
mod identity;
mod network;
mod one_origin;
#[path = "../../../../examples/gateway/tests/gateway/process.rs"]
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

use chromium::trial;
use sockets::Served;
use support::expected::{abbreviated, expected};
use support::scenarios::Group;
use support::{scenarios, tables};
use waterfall::{Cost, Setup, Waterfall};

fn main() -> ExitCode {
    if let Some(ended) = endings::victim() {
        return ended;
    }
    let scenarios = scenarios::groups().into_iter().map(|group| {
        trial(&format!("scenarios::{}", group.name), move || {
            scenarios_come_out_equal(group)
        })
    });
    let others = [
        trial("tables", tables_come_out_equal),
        one_origin::trial("waterfall", one_origin_saves_round_trips),
    ];
    let trials = endings::trials().chain(others).chain(scenarios);
    let trials = trials.chain(one_origin::trials());
    chromium::run(trials.chain(cached::trials()).collect())
}

async fn scenarios_come_out_equal(group: Group) {
    let world = (group.world)(real::PAGE);
    let served = Served::start(&world).await;
    let browser = real::start(&served).await;
    let mut differences = String::new();
    for scenario in group.scenarios {
        let simulated = scenario.simulate(&world, Engine::Chromium).await;
        let real = real::run(&browser, &world, &scenario).await;
        if simulated != real {
            differences += &format!("# {}\n{simulated}but Chromium\n{real}\n", scenario.name);
        }
        let expected = expected(&scenario, Engine::Chromium).unwrap_or_default();
        if abbreviated(&real) != expected {
            differences += &format!(
                "# {}\nexpected\n{expected}but Chromium\n{real}\n",
                scenario.name
            );
        }
    }
    assert!(differences.is_empty(), "{differences}");
}

async fn tables_come_out_equal() {
    let world = tables::world(real::PAGE);
    let served = Served::start(&world).await;
    let browser = real::start(&served).await;
    for table in tables::all() {
        let real = real::table(&browser, &world, &*table).await;
        assert_eq!(
            real,
            tables::simulate(&*table, &world).await,
            "{}",
            table.name()
        );
        assert_eq!(
            Some(real),
            tables::measured(&table.name()),
            "{}",
            table.name()
        );
    }
}

/// What is counted is asserted, what is timed is not.
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
