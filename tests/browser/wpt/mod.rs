//! The cases of web-platform-tests that can be said in our terms, in our own words.
//!
//! Facts carry over, code does not: which requests a page makes, what the server answers, what must come of
//! it. Each assertion is named after its file there; the page of the documentation has the counts, and what
//! cannot be said.

mod cors;
mod cors_origins;
mod fetch_cors;
mod fetch_preflights;
mod fetch_redirects;
mod metadata;
mod origin;
mod redirects;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use same_origin::browser::{Engine, Outcome, Page, ReferrerPolicy, ResponseType, Web};

use crate::support::instructed::{Target, at, server};
use crate::support::step::Step;

pub const APP: &str = "https://app.test";
/// The page, deep enough to tell its address from its origin.
pub const PAGE: &str = "https://app.test/page/deep";
pub const API: &str = "https://api.test";
pub const BUCKET: &str = "https://bucket.test";
pub const SIBLING: &str = "https://sub.app.test";
pub const PORT: &str = "https://app.test:8443";
pub const FAR_PORT: &str = "https://api.test:8443";
pub const PLAIN: &str = "http://plain.test";
pub const PLAIN_TLS: &str = "https://plain.test";

pub const STAR: &[&str] = &["access-control-allow-origin: *"];
pub const ECHO: &[&str] = &["access-control-allow-origin: {origin}"];
pub const CREDENTIALED: &[&str] = &[
    "access-control-allow-origin: {origin}",
    "access-control-allow-credentials: true",
];

const DOCUMENTED: &str = include_str!("../../../src/browser/web_platform_tests.md");

/// One assertion.
pub struct Case {
    file: &'static str,
    name: String,
    page: &'static str,
    page_policy: Option<ReferrerPolicy>,
    cookies: Vec<(&'static str, &'static str)>,
    engine: Engine,
    /// The steps of script; the last of them is judged.
    steps: Vec<Step>,
    expect: Vec<Expect>,
}

/// A property that the last step's outcome must have.
#[derive(Clone, Debug)]
pub enum Expect {
    /// Script has a response of this status.
    Status(u16),
    /// Script has a response.
    Passes,
    /// Script gets a `TypeError`.
    Fails,
    Type(ResponseType),
    Preflights(usize),
    Requests(usize),
    Redirected(bool),
    /// A header of the last request on the wire.
    Sent(&'static str, Option<String>),
    /// A header of the first request on the wire.
    SentFirst(&'static str, Option<String>),
    SentMethod(&'static str),
    /// A header that script sees.
    Seen(&'static str, Option<&'static str>),
    /// The path at which the response was found.
    EndsAt(&'static str),
}

pub fn case(file: &'static str, name: impl Into<String>) -> Case {
    Case {
        file,
        name: name.into(),
        page: PAGE,
        page_policy: None,
        cookies: Vec::new(),
        engine: Engine::Standard,
        steps: Vec::new(),
        expect: Vec::new(),
    }
}

impl Case {
    pub fn page(self, page: &'static str) -> Self {
        Self { page, ..self }
    }

    pub fn page_policy(self, policy: ReferrerPolicy) -> Self {
        Self {
            page_policy: Some(policy),
            ..self
        }
    }

    pub fn chromium(self) -> Self {
        Self {
            engine: Engine::Chromium,
            ..self
        }
    }

    pub fn cookie(mut self, url: &'static str, cookie: &'static str) -> Self {
        self.cookies.push((url, cookie));
        self
    }

    pub fn does(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    pub fn expect(mut self, expect: impl IntoIterator<Item = Expect>) -> Self {
        self.expect.extend(expect);
        self
    }

    fn page_of(&self, web: &Web) -> Page {
        let page = web.page(self.page);
        match self.page_policy {
            Some(policy) => page.referrer_policy(policy),
            None => page,
        }
    }

    async fn run(&self, id: usize) -> Result<(), String> {
        let origins = [APP, API, BUCKET, SIBLING, PORT, FAR_PORT, PLAIN, PLAIN_TLS];
        let web = origins
            .into_iter()
            .fold(Web::new(), |web, origin| web.origin(origin, server()))
            .engine(self.engine);
        for (url, cookie) in &self.cookies {
            web.set_cookie(url, cookie)?;
        }
        let page = self.page_of(&web);
        let (last, before) = self.steps.split_last().ok_or("nothing is done")?;
        for step in before {
            step.simulate(&web, &page, id).await;
        }
        let outcome = last.outcome(&page, id).await;
        let unmet = self
            .expect
            .iter()
            .find(|expect| !expect.is_met_by(&outcome));
        match unmet {
            Some(expect) => Err(format!("{expect:?}\n{}", outcome.trace())),
            None if self.expect.is_empty() => Err("nothing is expected".into()),
            None => Ok(()),
        }
    }
}

impl Expect {
    fn is_met_by(&self, outcome: &Outcome) -> bool {
        let mut requests = outcome
            .trace()
            .requests()
            .filter(|exchange| !exchange.is_preflight());
        let response = outcome.response().ok();
        match self {
            Self::Status(status) => response.is_some_and(|response| response.status() == *status),
            Self::Passes => response.is_some(),
            Self::Fails => response.is_none(),
            Self::Type(kind) => response.is_some_and(|response| response.kind() == *kind),
            Self::Preflights(count) => outcome.trace().preflights() == *count,
            Self::Requests(count) => requests.count() == *count,
            Self::Redirected(wanted) => {
                response.is_some_and(|response| response.redirected() == *wanted)
            }
            Self::Sent(name, value) => requests
                .last()
                .is_some_and(|request| request.header(name) == *value),
            Self::SentFirst(name, value) => requests
                .next()
                .is_some_and(|request| request.header(name) == *value),
            Self::SentMethod(method) => requests
                .last()
                .is_some_and(|request| request.method() == method),
            Self::Seen(name, value) => {
                response.is_some_and(|response| response.header(name).as_deref() == *value)
            }
            Self::EndsAt(path) => response
                .and_then(|response| response.url())
                .is_some_and(|url| url.path() == *path),
        }
    }
}

/// A header of the last request.
pub fn sent(name: &'static str, value: &str) -> Expect {
    Expect::Sent(name, Some(value.to_owned()))
}

pub fn not_sent(name: &'static str) -> Expect {
    Expect::Sent(name, None)
}

/// `path` at an origin with the answer's header lines.
pub fn says(origin: &str, lines: &[&str]) -> Target {
    at(origin, "x").headers(lines)
}

fn all() -> Vec<Case> {
    [
        cors::cases(),
        cors_origins::cases(),
        fetch_cors::cases(),
        fetch_preflights::cases(),
        fetch_redirects::cases(),
        redirects::cases(),
        origin::cases(),
        metadata::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[tokio::test]
async fn every_assertion_holds() {
    let mut wrong = String::new();
    let cases = all();
    for (id, case) in cases.iter().enumerate() {
        if let Err(fault) = case.run(id + 1).await {
            writeln!(wrong, "{}: {}: {fault}", case.file, case.name).expect("a string");
        }
    }
    assert!(cases.len() >= 300, "{} assertions", cases.len());
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn names_are_not_used_twice() {
    let cases = all();
    let mut names: Vec<_> = cases.iter().map(|case| (case.file, &case.name)).collect();
    let count = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), count);
}

/// The counts of the page are those of the tests.
#[test]
fn the_counts_are_documented() {
    let mut counts = BTreeMap::new();
    for case in all() {
        *counts.entry(case.file).or_insert(0) += 1;
    }
    let total: usize = counts.values().sum();
    let rows: String = counts
        .iter()
        .map(|(file, count)| format!("| `{file}` | {count} |\n"))
        .collect();
    let table = format!(
        "| file | assertions |\n|---|---|\n{rows}| **{} files** | {total} |\n",
        counts.len()
    );
    assert!(
        DOCUMENTED.contains(&table),
        "write this into the page:\n{table}"
    );
}
