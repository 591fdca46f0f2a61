//! What the scenarios are known to come to.

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
    let world = scenarios::world("");
    let mut wrong = String::new();
    for scenario in scenarios::all() {
        let seen = abbreviated(&scenario.simulate(&world, engine).await);
        let expected = expected(&scenario, engine).unwrap_or_default();
        if seen != expected {
            wrong += &format!("# {}\n{seen}instead of\n{expected}\n", scenario.name);
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn nothing_is_written_down_twice_or_for_nothing() {
    let mut known: Vec<_> = expected::names().collect();
    let mut run: Vec<_> = scenarios::all()
        .iter()
        .map(|scenario| scenario.name)
        .collect();
    known.sort_unstable();
    run.sort_unstable();
    assert_eq!(known, run);
}
