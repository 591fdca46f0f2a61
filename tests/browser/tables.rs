//! The tables of what a page can read over redirects, and of what it pays in preflights.

use same_origin::browser::Engine;

use crate::support::tables;

#[tokio::test]
async fn every_cell_is_as_it_was_measured() {
    let world = tables::world("");
    for table in tables::all() {
        let simulated = tables::simulate(&*table, &world, Engine::Standard).await;
        assert_eq!(
            Some(simulated),
            tables::measured(&table.name()),
            "{}",
            table.name()
        );
    }
}
