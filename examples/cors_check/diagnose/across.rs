//! Faults that only the answers to several pages show together.

use std::collections::BTreeMap;

use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, VARY};
use same_origin::browser::{Exchange, Outcome};

use super::advice::{lacks_vary, text};
use super::{Finding, Severity, answer};
use crate::software::Software;

/// The answers to GET whose permission differs from page to page, each that does not say so: the index of its
/// call, and the finding.
pub fn across(outcomes: &[&Outcome]) -> Vec<(usize, Finding)> {
    let mut urls: BTreeMap<&str, Vec<(usize, &Exchange)>> = BTreeMap::new();
    for (index, outcome) in outcomes.iter().enumerate() {
        for exchange in outcome.trace().requests() {
            // A page of the same origin tells none, and its answer is nobody else's.
            if exchange.method() == "GET" && exchange.header("origin").is_some() {
                let url = exchange.url().as_str();
                urls.entry(url).or_default().push((index, exchange));
            }
        }
    }
    urls.values()
        .flat_map(|asked| missing_vary(asked))
        .collect()
}

fn missing_vary(asked: &[(usize, &Exchange)]) -> Vec<(usize, Finding)> {
    let permission = |(_, exchange): &(usize, &Exchange)| {
        let headers = exchange.response_headers()?;
        Some(text(headers, &ACCESS_CONTROL_ALLOW_ORIGIN))
    };
    let mut permissions: Vec<_> = asked.iter().filter_map(permission).collect();
    permissions.sort();
    permissions.dedup();
    if permissions.len() < 2 {
        return Vec::new();
    }
    let lacking = asked.iter().filter(|(_, exchange)| {
        let headers = exchange.response_headers();
        headers.is_some_and(lacks_vary)
    });
    lacking
        .map(|(index, exchange)| (*index, finding(exchange)))
        .collect()
}

fn finding(lacking: &Exchange) -> Finding {
    let software = Software::of(lacking);
    Finding {
        severity: Severity::Warning,
        code: "missing-vary",
        owner: software.word(),
        what: format!(
            "Access-Control-Allow-Origin of {} differs from page to page, and Vary does not name Origin: a cache \
             gives one page's answer to another",
            lacking.url()
        ),
        place: format!("{}: {}", answer(false, lacking), software.place()),
        remedy: "`Vary: Origin` on every answer of this URL, also where nobody is allowed".into(),
        header: Some(VARY.to_string()),
        clause: "Fetch #cors-protocol-and-http-caches",
    }
}
