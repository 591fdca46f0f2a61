//! Referrers: how much of the page's address each request of a chain is told.

use same_origin::browser::ReferrerPolicy;

use super::super::instructed::at;
use super::super::scenario::{Scenario, scenario};
use super::super::step::fetch;
use super::{API, APP, BUCKET, ECHO, SIBLING, STAR};

const DEEP: &str = "https://app.test/page/deep";

pub fn scenarios() -> Vec<Scenario> {
    let via = |lines: &[&str]| at(API, "via").headers(STAR).headers(lines);
    let unsafe_url = &["referrer-policy: unsafe-url"];
    vec![
        scenario("a referrer that was cut stays cut", DEEP)
            .does([
                fetch(
                    "GET",
                    &via(&[]).redirect(302, &at(APP, "end").headers(ECHO)),
                ),
                fetch(
                    "GET",
                    &via(unsafe_url).redirect(302, &at(APP, "end").headers(ECHO)),
                ),
                fetch("GET", &at(APP, "via").redirect(302, &at(APP, "end"))),
            ])
            .watch(&["referer"]),
        scenario("no referrer stays none", DEEP)
            .does([fetch(
                "GET",
                &via(unsafe_url).redirect(302, &at(BUCKET, "end").headers(STAR)),
            )
            .referrer_policy(ReferrerPolicy::NoReferrer, "no-referrer")])
            .watch(&["referer"]),
        scenario("each hop may tell less", DEEP)
            .does([fetch(
                "GET",
                &at(APP, "via")
                    .headers(&["referrer-policy: origin"])
                    .redirect(
                        302,
                        &at(APP, "via2")
                            .headers(unsafe_url)
                            .redirect(302, &at(SIBLING, "end").headers(STAR)),
                    ),
            )])
            .watch(&["referer"]),
        scenario("a long address is cut to its origin", &LONG)
            .does([
                fetch("GET", &at(APP, "x")),
                fetch("GET", &at(API, "x").headers(STAR))
                    .referrer_policy(ReferrerPolicy::UnsafeUrl, "unsafe-url"),
            ])
            .watch(&["referer"]),
    ]
}

/// An address of 4,097 bytes.
static LONG: std::sync::LazyLock<String> =
    std::sync::LazyLock::new(|| format!("https://app.test/page/{}", "a".repeat(4075)));
