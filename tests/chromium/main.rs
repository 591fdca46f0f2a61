//! The simulated browser beside a real one.

use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::process::ExitCode;

use same_origin::browser::Engine;

#[path = "../support/chromium.rs"]
mod chromium;
mod real;
mod sockets;
#[path = "../support/browser/mod.rs"]
mod support;

use chromium::{Chromium, trial};
use sockets::Served;
use support::expected::{abbreviated, expected};
use support::scenarios::Group;
use support::{scenarios, tables};

fn main() -> ExitCode {
    let scenarios = scenarios::groups().into_iter().map(|group| {
        trial(&format!("scenarios::{}", group.name), move || {
            scenarios_come_out_equal(group)
        })
    });
    let others = [
        trial("leaves_no_process_behind", leaves_no_process_behind),
        trial("tables", tables_come_out_equal),
    ];
    chromium::run(others.into_iter().chain(scenarios).collect())
}

async fn leaves_no_process_behind() {
    let browser = Chromium::start([]).await;
    let profile = browser.profile();
    assert!(
        processes_of(&profile) > 1,
        "the profile's path marks the browser's processes"
    );

    let panicking = std::panic::catch_unwind(AssertUnwindSafe(move || {
        let _browser = browser;
        std::panic::resume_unwind(Box::new("a test that fails in the middle"));
    }));

    assert!(panicking.is_err());
    assert_eq!(processes_of(&profile), 0);
}

/// How many running processes name this path in their command line.
fn processes_of(profile: &Path) -> usize {
    let profile = profile.to_string_lossy();
    let processes = std::fs::read_dir("/proc").expect("Linux").flatten();
    let lines = processes.filter_map(|process| std::fs::read(process.path().join("cmdline")).ok());
    lines
        .filter(|line| String::from_utf8_lossy(line).contains(&*profile))
        .count()
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
