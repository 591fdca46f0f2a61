//! The scenarios, one list for both browsers.

mod caches;
mod cookies;
mod pages;
mod preflight;
mod redirects;
mod simple;

use super::instructed::{page_server, server};
use super::scenario::Scenario;
use super::world::World;

const APP: &str = "https://app.test";
const APP_PAGE: &str = "https://app.test/";
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

/// All of them, by theme.
pub fn groups() -> impl Iterator<Item = (&'static str, Vec<Scenario>)> {
    let mut groups = [
        ("simple", simple::scenarios()),
        ("preflight", preflight::scenarios()),
        ("caches", caches::scenarios()),
        ("redirects", redirects::scenarios()),
        ("pages", pages::scenarios()),
        ("cookies", cookies::scenarios()),
    ];
    let scenarios = groups.iter_mut().flat_map(|(_, group)| group);
    for (id, scenario) in scenarios.enumerate() {
        scenario.id = id;
    }
    groups.into_iter()
}

/// All of them.
pub fn all() -> Vec<Scenario> {
    groups().flat_map(|(_, group)| group).collect()
}

/// The servers they need. `page` is what a page's own server sends at `/`.
pub fn world(page: &'static str) -> World {
    [APP, API, SIBLING, PLAIN, "https://plain.test"]
        .into_iter()
        .fold(World::default(), |world, origin| {
            world.site(origin, page_server(page))
        })
        .site(BUCKET, server())
}
