//! The scenarios and the tables in each engine, cell by cell beside the simulated browser.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Mutex;

use libtest_mimic::Trial;
use same_origin::browser::Engine;

use crate::browsers::{self, Browser, trial};
use crate::real;
use crate::sockets::Served;
use crate::support::expected::{abbreviated, expected, in_words_of, is_simulated, why_different};
use crate::support::scenarios::{self, Group};
use crate::support::tables;

/// The numbers of cells that came out alike, explained or otherwise, by engine.
static TALLIES: Mutex<BTreeMap<String, Tally>> = Mutex::new(BTreeMap::new());

/// A cell is a step of a scenario (the requests it makes, and what script sees) or a cell of a table.
#[derive(Clone, Copy, Default)]
struct Tally {
    /// As the standard has it.
    equal: usize,
    /// Otherwise, and for a reason that the documentation names.
    explained: usize,
    /// Neither.
    unexplained: usize,
}

impl Tally {
    fn count(&mut self, is_equal: bool, is_explained: bool) {
        match (is_equal, is_explained) {
            (true, _) => self.equal += 1,
            (false, true) => self.explained += 1,
            (false, false) => self.unexplained += 1,
        }
    }

    fn add_to(self, engine: Engine) {
        let mut tallies = TALLIES.lock().expect("no panic while locked");
        let sum = tallies.entry(format!("{engine:?}")).or_default();
        sum.equal += self.equal;
        sum.explained += self.explained;
        sum.unexplained += self.unexplained;
    }
}

/// All of it, by engine.
pub fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for engine in browsers::ALL {
        let name = |what: &str| format!("compare::{engine:?}::{what}").to_lowercase();
        for group in scenarios::groups() {
            trials.push(trial(engine, &name(group.name), move || {
                scenarios_come_out_equal(engine, group)
            }));
        }
        trials.push(trial(engine, &name("tables"), move || {
            tables_come_out_equal(engine)
        }));
    }
    trials
}

/// The counts in words; nothing if nothing was compared.
pub fn summary() -> String {
    let mut text = String::new();
    for (engine, tally) in &*TALLIES.lock().expect("no panic while locked") {
        let all = tally.equal + tally.explained + tally.unexplained;
        writeln!(
            text,
            "{engine}: {all} cells; {} equal to the standard, {} explained, {} not explained",
            tally.equal, tally.explained, tally.unexplained
        )
        .expect("a string");
    }
    text
}

async fn scenarios_come_out_equal(engine: Engine, group: Group) {
    let world = (group.world)(real::PAGE);
    let served = Served::start(&world).await;
    let browser = Browser::start(engine, &served.reach).await;
    let (mut differences, mut tally) = (String::new(), Tally::default());
    for scenario in group.scenarios {
        let standard = cells(engine, &scenario.simulate(&world, Engine::Standard).await);
        let simulated = cells(engine, &scenario.simulate(&world, engine).await);
        let real = cells(engine, &real::run(&browser, &world, &scenario).await);
        let why = why_different(&scenario, engine);
        let expected = expected(&scenario, engine).unwrap_or_default();
        let is_expected = in_words_of(engine, &expected) == abbreviated(&real.concat());
        for (number, cell) in real.iter().enumerate() {
            let is_explained = why.is_some() && is_expected;
            tally.count(standard.get(number) == Some(cell), is_explained);
        }
        let [simulated, real] = [simulated, real].map(|cells| cells.concat());
        if (simulated == real) != is_simulated(&scenario, engine) {
            differences += &format!("# {}\n{simulated}but {engine:?}\n{real}\n", scenario.name);
        }
        if !is_expected {
            differences += &format!(
                "# {}\nexpected\n{expected}but {engine:?}\n{real}\n",
                scenario.name
            );
        }
    }
    tally.add_to(engine);
    assert!(differences.is_empty(), "{differences}");
}

/// The cells of a report, one for each step: each ends with what script sees, or with the next request.
fn cells(engine: Engine, report: &str) -> Vec<String> {
    let mut cells = vec![String::new()];
    for line in in_words_of(engine, report).lines() {
        let cell = cells.last_mut().expect("one at least");
        writeln!(cell, "{line}").expect("a string");
        if line.starts_with(['=', '!']) {
            cells.push(String::new());
        }
    }
    cells.retain(|cell| !cell.is_empty());
    cells
}

async fn tables_come_out_equal(engine: Engine) {
    let world = tables::world(real::PAGE);
    let served = Served::start(&world).await;
    let browser = Browser::start(engine, &served.reach).await;
    let (mut printed, mut wrong, mut tally) = (String::new(), Vec::new(), Tally::default());
    for table in tables::all() {
        let name = table.name();
        let standard = tables::simulate(&*table, &world, Engine::Standard).await;
        let simulated = tables::simulate(&*table, &world, engine).await;
        let real = real::table(&browser, &world, &*table).await;
        writeln!(printed, "## {name}, {engine:?}\n\n{real}").expect("a string");
        let cells =
            |table: &str| -> Vec<_> { table.split(['|', '\n', ';']).map(str::to_owned).collect() };
        let is_simulated = real == simulated;
        for (real, standard) in cells(&real).iter().zip(cells(&standard)) {
            if !real.trim().is_empty() {
                tally.count(*real == standard, is_simulated);
            }
        }
        if !is_simulated || Some(standard) != tables::measured(&name) {
            wrong.push(name);
        }
    }
    tally.add_to(engine);
    println!("{printed}");
    assert!(wrong.is_empty(), "different: {wrong:?}");
}
