//! Broken servers, each found by the scenario that exists for it; the sound one passes them all.

mod broken;
mod scenarios;
mod server;

use broken::mutants;
use scenarios::SCENARIOS;
use server::web;

#[tokio::test]
async fn the_sound_server_passes_every_scenario() {
    for scenario in SCENARIOS {
        let web = web(|_, _| {});
        if let Err(report) = (scenario.run)(web).await {
            panic!("{}\n{report}", scenario.name);
        }
    }
}

#[tokio::test]
async fn every_mutant_is_found_by_its_scenario() {
    for mutant in mutants() {
        let scenario = SCENARIOS
            .iter()
            .find(|scenario| scenario.name == mutant.found_by);
        let scenario = scenario.unwrap_or_else(|| panic!("no scenario `{}`", mutant.found_by));
        let Err(report) = (scenario.run)(web(mutant.mutate)).await else {
            panic!("`{}` passes `{}`", mutant.name, scenario.name);
        };
        assert!(
            report.contains(mutant.says),
            "`{}` is found for another reason:\n{report}",
            mutant.name
        );
    }
}

#[test]
fn there_are_enough_mutants_and_no_scenario_is_idle() {
    assert!(mutants().count() >= 25);
    for scenario in SCENARIOS {
        assert!(
            mutants().any(|mutant| mutant.found_by == scenario.name),
            "{}",
            scenario.name
        );
    }
}
