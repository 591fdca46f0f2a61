//! The preflights that a page pays: on the first call, for new URLs, for the same URL again.

use std::fmt::Write as _;
use std::time::Duration;

use axum::Router;
use axum::routing::any;
use http::Method;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use same_origin::browser::Credentials;
use same_origin::cors::{CorsLayer, CorsPolicy};

use super::super::step::{Step, fetch_url};
use super::super::world::Arrived;
use super::Table;

/// The table.
pub struct Preflights;

/// Headline, and the request to a URL.
type Kind = (&'static str, fn(&str) -> Step);

/// The kinds of request: all but the first need a preflight across origins.
const KINDS: [Kind; 4] = [
    ("simple GET", |url| fetch_url("GET", url)),
    ("GET + Authorization", |url| {
        fetch_url("GET", url).header("authorization", "Bearer x")
    }),
    ("JSON POST", |url| fetch_url("POST", url).json_body()),
    ("PUT", |url| fetch_url("PUT", url)),
];

/// Headline, origin, the part of the path that chooses the policy, credentials mode.
type Setup = (&'static str, &'static str, &'static str, Credentials);

const SETUPS: [Setup; 5] = [
    (
        "same origin",
        "https://app.test",
        "absent",
        Credentials::SameOrigin,
    ),
    (
        "cross origin, Max-Age 0",
        "https://api.test",
        "0",
        Credentials::SameOrigin,
    ),
    (
        "cross origin, Max-Age 600",
        "https://api.test",
        "600",
        Credentials::SameOrigin,
    ),
    (
        "cross origin, Max-Age absent",
        "https://api.test",
        "absent",
        Credentials::SameOrigin,
    ),
    (
        "cross origin, Max-Age 600, credentials include",
        "https://api.test",
        "600",
        Credentials::Include,
    ),
];

/// One call after the page has loaded, three of new URLs, two of the last again.
const CALLS: [u8; 6] = [0, 1, 2, 3, 3, 3];

/// `/preflights/MAX-AGE/…` answers everything, to the page.
pub fn servers() -> Router {
    ["absent", "0", "600"]
        .into_iter()
        .fold(Router::new(), |router, max_age| {
            let mut policy = CorsPolicy::builder()
                .allow_origins(["https://app.test"])
                .allow_credentials(true)
                .allow_methods([Method::PUT])
                .allow_headers([AUTHORIZATION, CONTENT_TYPE]);
            if let Ok(seconds) = max_age.parse() {
                policy = policy.max_age(Duration::from_secs(seconds));
            }
            let cors = CorsLayer::new(policy.build().expect("a sound policy"));
            router.nest(
                &format!("/preflights/{max_age}"),
                Router::new().route("/{*rest}", any("answer")).layer(cors),
            )
        })
}

fn rows() -> impl Iterator<Item = (usize, Kind, &'static Setup)> {
    let all = KINDS
        .into_iter()
        .flat_map(|kind| SETUPS.iter().map(move |setup| (kind, setup)));
    // A simple request has one row across origins, as nothing about preflights concerns it.
    let told = all.filter(|((name, _), setup)| *name != "simple GET" || setup.2 == "absent");
    told.enumerate()
        .map(|(number, (kind, setup))| (number, kind, setup))
}

impl Table for Preflights {
    fn name(&self) -> String {
        "preflights of a warm page".into()
    }

    fn page(&self) -> &'static str {
        "https://app.test/"
    }

    fn cookies(&self) -> Vec<(String, &'static str)> {
        Vec::new()
    }

    fn steps(&self) -> Vec<Step> {
        let calls = rows().flat_map(|(number, (_, kind), (_, origin, max_age, credentials))| {
            CALLS.map(|url| {
                kind(&format!("{origin}/preflights/{max_age}/{number}/{url}"))
                    .credentials(*credentials)
            })
        });
        calls.collect()
    }

    fn render(&self, seen: &[Option<u16>], arrived: &[Arrived]) -> String {
        assert!(
            seen.iter().all(|status| *status == Some(200)),
            "all of it is allowed: {seen:?}"
        );
        let mut table = String::from(
            "| request | setup | first call | three new URLs | the same URL twice again |\n|---|---|---|---|---|\n",
        );
        for (number, (kind, _), (setup, _, max_age, _)) in rows() {
            let preflights = |url: u8| {
                let path = format!("/preflights/{max_age}/{number}/{url}");
                arrived
                    .iter()
                    .filter(|request| request.path == path && request.is_preflight())
                    .count()
            };
            // The last URL is fetched three times; the first of them is one of the new.
            let again = preflights(3).saturating_sub(1);
            let new = preflights(1) + preflights(2) + preflights(3) - again;
            writeln!(
                table,
                "| {kind} | {setup} | {} | {new} | {again} |",
                preflights(0)
            )
            .expect("a string");
        }
        table
    }
}
