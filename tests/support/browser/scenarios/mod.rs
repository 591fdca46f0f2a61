//! The scenarios, one list for both browsers.

mod caches;
mod cookies;
mod cross_site;
mod embedding;
mod locations;
mod pages;
mod preflight;
mod redirects;
mod referrers;
mod simple;
mod token;

use super::instructed::{page_server, server};
use super::scenario::Scenario;
use super::world::World;

const APP: &str = "https://app.test";
const APP_PAGE: &str = "https://app.test/";
/// Pages that are sent with `Cross-Origin-Embedder-Policy`.
const CORP_PAGE: &str = "https://app.test/require-corp/page";
const CREDENTIALLESS_PAGE: &str = "https://app.test/credentialless/page";
/// A page that is sent with `Referrer-Policy: no-referrer`.
const HIDDEN_PAGE: &str = "https://app.test/hidden/page";
const API: &str = "https://api.test";
const BUCKET: &str = "https://bucket.test";
const PLAIN: &str = "http://plain.test";
const PLAIN_PAGE: &str = "http://plain.test/";
/// Another origin of the same site as `https://app.test`.
const SIBLING: &str = "https://sub.app.test";

const STAR: &[&str] = &["access-control-allow-origin: *"];
const ECHO: &[&str] = &["access-control-allow-origin: {origin}"];
const CREDENTIALED: &[&str] = &[
    "access-control-allow-origin: {origin}",
    "access-control-allow-credentials: true",
];

/// Scenarios of one theme, and the servers they need.
pub struct Group {
    pub name: &'static str,
    pub scenarios: Vec<Scenario>,
    /// Takes what a page's own server sends at `/`.
    pub world: fn(&'static str) -> World,
}

/// All of them, by theme.
pub fn groups() -> Vec<Group> {
    let group = |name, scenarios| Group {
        name,
        scenarios,
        world,
    };
    let mut groups = vec![
        group("simple", simple::scenarios()),
        group("preflight", preflight::scenarios()),
        group("caches", caches::scenarios()),
        group("redirects", redirects::scenarios()),
        group("pages", pages::scenarios()),
        group("cookies", cookies::scenarios()),
        group("referrers", referrers::scenarios()),
        group("locations", locations::scenarios()),
        group("cross_site", cross_site::scenarios()),
        group("embedding", embedding::scenarios()),
        Group {
            name: "token",
            scenarios: token::scenarios(),
            world: token::world,
        },
    ];
    let scenarios = groups.iter_mut().flat_map(|group| &mut group.scenarios);
    for (number, scenario) in scenarios.enumerate() {
        scenario.id = number + 1;
    }
    groups
}

/// Servers that do what they are told.
fn world(page: &'static str) -> World {
    [APP, API, SIBLING, PLAIN, "https://plain.test"]
        .into_iter()
        .fold(World::default(), |world, origin| {
            world.site(origin, page_server(page))
        })
        .site(BUCKET, server())
}
