//! An API that redirects to a bucket, in every way to part them over domains: the tables of what a
//! page can read, as they were measured in Chromium, with our layer as every server's CORS.

mod preflights;
mod redirects;

pub use preflights::Preflights;
pub use redirects::{Redirects, SETUPS};
use same_origin::browser::Engine;

use super::instructed::server;
use super::step::Step;
use super::world::{Arrived, World};

/// Sections of `### name`, a table and, below it, what the servers saw: the page of the documentation.
const MEASURED: &str = include_str!("../../../../src/browser/what_browsers_do.md");

/// A table that a browser fills by fetching.
pub trait Table {
    /// The headline, by which the measured one is found.
    fn name(&self) -> String;
    /// The URL of the page.
    fn page(&self) -> &'static str;
    /// URLs that were visited before the start, and the `Set-Cookie` that they answer.
    fn cookies(&self) -> Vec<(String, &'static str)>;
    /// The fetches of the page, in order.
    fn steps(&self) -> Vec<Step>;
    /// The table, from what script saw of each step (its status, if it could read it) and from what
    /// arrived at the servers.
    fn render(&self, seen: &[Option<u16>], arrived: &[Arrived]) -> String;
}

/// All of the tables.
pub fn all() -> Vec<Box<dyn Table + Send>> {
    let redirects = SETUPS
        .iter()
        .map(|setup| Box::new(Redirects(setup)) as Box<dyn Table + Send>);
    redirects.chain([Box::new(Preflights) as _]).collect()
}

/// The servers of all tables.
pub fn world(page: &'static str) -> World {
    let sites = [
        "https://app.test",
        "https://api.test",
        "https://bucket.test",
        "http://app.test",
    ];
    sites.into_iter().fold(World::default(), |world, origin| {
        let page = axum::Router::new().route("/", axum::routing::get(axum::response::Html(page)));
        let tables = redirects::servers().merge(preflights::servers());
        world.site(origin, server().merge(page).merge(tables))
    })
}

/// The table as it was measured.
pub fn measured(name: &str) -> Option<String> {
    let mut sections = MEASURED
        .split("### ")
        .filter_map(|section| section.split_once('\n'));
    let (_, section) = sections.find(|(headline, _)| *headline == name)?;
    let lines = section
        .lines()
        .take_while(|line| !line.starts_with('#'))
        .filter(|line| !line.is_empty());
    // Behind the last table of a chapter the prose goes on.
    let own = |line: &&str| line.starts_with('|') || line.starts_with("transport ");
    Some(lines.filter(own).map(|line| format!("{line}\n")).collect())
}

/// The table by the simulated browser.
pub async fn simulate(table: &dyn Table, world: &World, engine: Engine) -> String {
    let web = world.web().engine(engine);
    for (url, cookie) in table.cookies() {
        web.set_cookie(&url, cookie)
            .expect("a browser takes the cookie");
    }
    world.arrived();
    let page = web.page(table.page());
    let mut seen = Vec::new();
    for step in table.steps() {
        seen.push(step.status(&page).await);
    }
    table.render(&seen, &world.arrived())
}
