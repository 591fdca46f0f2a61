//! The scenarios, and their known results.

use same_origin::browser::Engine;

use crate::support::expected::{self, abbreviated, expected};
use crate::support::scenarios;

#[tokio::test]
async fn the_standard() {
    all_come_out(Engine::Standard).await;
}

#[tokio::test]
async fn chromium() {
    all_come_out(Engine::Chromium).await;
}

async fn all_come_out(engine: Engine) {
    let mut wrong = String::new();
    for group in scenarios::groups() {
        let world = (group.world)("");
        for scenario in group.scenarios {
            let seen = abbreviated(&scenario.simulate(&world, engine).await);
            let expected = expected(&scenario, engine).unwrap_or_default();
            if seen != expected {
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
