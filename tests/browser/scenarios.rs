//! The scenarios, and their known results.

use same_origin::browser::Engine;

use crate::support::expected::{self, abbreviated, expected, in_words_of, is_simulated};
use crate::support::{scenarios, tables};

#[tokio::test]
async fn the_standard() {
    all_come_out(Engine::Standard).await;
}

#[tokio::test]
async fn chromium() {
    all_come_out(Engine::Chromium).await;
}

#[tokio::test]
async fn firefox() {
    all_come_out(Engine::Firefox).await;
}

#[tokio::test]
async fn webkit() {
    all_come_out(Engine::WebKit).await;
}

/// The documentation says of the browsers what the scenarios hold them to.
#[test]
fn every_deviation_is_a_row_of_the_documentation() {
    let measured = tables::measured("deviations");
    let deviations = expected::deviations();
    assert_eq!(measured.as_deref(), Some(&*deviations), "{deviations}");
}

async fn all_come_out(engine: Engine) {
    let mut wrong = String::new();
    for group in scenarios::groups() {
        let world = (group.world)("");
        for scenario in group.scenarios {
            let seen = scenario.simulate(&world, engine).await;
            let seen = in_words_of(engine, &abbreviated(&seen));
            let expected = expected(&scenario, engine).unwrap_or_default();
            let expected = in_words_of(engine, &expected);
            if (seen == expected) != is_simulated(&scenario, engine) {
                wrong += &format!("# {}\n{seen}instead of\n{expected}\n", scenario.name);
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn nothing_is_written_down_twice_or_for_nothing() {
    let groups = scenarios::groups();
    let run = groups
        .iter()
        .flat_map(|group| &group.scenarios)
        .map(|scenario| scenario.name);
    let mut run: Vec<_> = run.collect();
    let mut known: Vec<_> = expected::names().collect();
    run.sort_unstable();
    known.sort_unstable();
    assert_eq!(known, run);
}
