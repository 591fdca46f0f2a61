//! What a page may embed: `Cross-Origin-Resource-Policy`, embedder policies, fonts; and what it may know of
//! the time it took.

use same_origin::browser::Mode;

use super::super::instructed::{Target, at};
use super::super::scenario::{Scenario, scenario};
use super::super::step::{Blind, Loaded, Step, blind, fetch, image, loaded, timing};
use super::{API, APP, APP_PAGE, CORP_PAGE, CREDENTIALLESS_PAGE, SIBLING, STAR};

/// By every means that has no CORS.
fn embedded(target: &Target) -> Vec<Step> {
    vec![
        image(target),
        loaded(Loaded::Script, target),
        loaded(Loaded::Style, target),
        fetch("GET", target).mode(Mode::NoCors),
    ]
}

/// From another site and from a sibling, with each word.
fn policies() -> Vec<Step> {
    let words = [
        "same-origin",
        "same-site",
        "cross-origin",
        "none",
        "same-site, cross-origin",
    ];
    let lines = words.map(|word| format!("cross-origin-resource-policy: {word}"));
    let targets = [API, SIBLING].into_iter().flat_map(|origin| {
        let told = lines
            .iter()
            .map(move |line| at(origin, "x").headers(&[line]));
        [at(origin, "x")].into_iter().chain(told)
    });
    targets.flat_map(|target| embedded(&target)).collect()
}

pub fn scenarios() -> Vec<Scenario> {
    let time = |lines: &[&str]| timing(&at(API, "x").headers(lines));
    let with_cookies = |scenario: Scenario| {
        scenario
            .cookie(API, "a=1; SameSite=None; Secure; Path=/")
            .cookie(APP, "b=2; Path=/")
    };
    vec![
        scenario("Cross-Origin-Resource-Policy", APP_PAGE).does(policies()),
        scenario("an embedder that requires a policy", CORP_PAGE).does(policies()),
        with_cookies(
            scenario(
                "an embedder that requires a policy, with cookies",
                CORP_PAGE,
            )
            .does(embedded(
                &at(API, "x").headers(&["cross-origin-resource-policy: cross-origin"]),
            )),
        ),
        scenario("an embedder asks with CORS", CORP_PAGE).does([
            fetch("GET", &at(API, "x").headers(STAR)),
            fetch("GET", &at(API, "x")),
        ]),
        with_cookies(
            scenario("an embedder without credentials", CREDENTIALLESS_PAGE).does(
                [API, APP]
                    .into_iter()
                    .flat_map(|origin| embedded(&at(origin, "x"))),
            ),
        ),
        with_cookies(scenario("a font is asked for with CORS", APP_PAGE).does([
            blind(Blind::Font, "GET", &at(API, "font").headers(STAR)),
            blind(Blind::Font, "GET", &at(APP, "font")),
        ]))
        .watch(&["sec-fetch-mode", "sec-fetch-dest", "sec-fetch-site"]),
        scenario("Timing-Allow-Origin", APP_PAGE).does([
            timing(&at(APP, "x")),
            time(&[]),
            time(&["timing-allow-origin: *"]),
            time(&["timing-allow-origin: https://app.test"]),
            time(&["timing-allow-origin: https://other.test, https://app.test"]),
            time(&[
                "timing-allow-origin: https://other.test",
                "timing-allow-origin: https://app.test",
            ]),
            time(&["timing-allow-origin: https://other.test"]),
            time(&["timing-allow-origin: null"]),
            time(&["access-control-allow-origin: *"]),
        ]),
        scenario("Timing-Allow-Origin on the way", APP_PAGE).does([
            timing(&at(API, "x").redirect(302, &at(APP, "y"))),
            timing(
                &at(API, "x")
                    .headers(&["timing-allow-origin: *"])
                    .redirect(302, &at(APP, "y").headers(&["timing-allow-origin: *"])),
            ),
            timing(&at(APP, "x").redirect(302, &at(API, "y").headers(&["timing-allow-origin: *"]))),
        ]),
    ]
}
