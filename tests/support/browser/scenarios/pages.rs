//! Pages that are not ordinary, requests that want less than CORS, and what requests tell of the page.

use same_origin::browser::{Mode, ReferrerPolicy};

use super::super::instructed::at;
use super::super::scenario::{Frame, Scenario, scenario};
use super::super::step::{fetch, image};
use super::{API, APP, APP_PAGE, BUCKET, CREDENTIALED, ECHO, PLAIN, PLAIN_PAGE, SIBLING, STAR};

pub fn scenarios() -> Vec<Scenario> {
    [opaque_origins(), modes(), told(), mixed()].concat()
}

fn opaque_origins() -> Vec<Scenario> {
    let null = &["access-control-allow-origin: null"];
    let steps = [
        fetch("GET", &at(API, "x")),
        fetch("GET", &at(API, "x").headers(STAR)),
        fetch("GET", &at(API, "x").headers(ECHO)),
        fetch("GET", &at(API, "x").headers(null)).include(),
        fetch("GET", &at(API, "x").headers(CREDENTIALED)).include(),
        fetch(
            "GET",
            &at(API, "x").headers(&["access-control-allow-origin: https://app.test"]),
        ),
        fetch(
            "PUT",
            &at(API, "x").headers(null).preflight(
                204,
                &[
                    "access-control-allow-origin: null",
                    "access-control-allow-methods: PUT",
                ],
            ),
        ),
    ];
    let metadata = &["sec-fetch-site", "referer"];
    vec![
        scenario("a sandboxed frame is null", APP_PAGE)
            .framed(Frame::Sandbox)
            .does(steps.clone())
            .watch(metadata),
        scenario("a data: frame is null", APP_PAGE)
            .framed(Frame::Data)
            .does(steps)
            .watch(metadata),
        scenario("a sandboxed frame is foreign to its own origin", APP_PAGE)
            .framed(Frame::Sandbox)
            .does([
                fetch("GET", &at(APP, "x")),
                fetch("GET", &at(APP, "x").headers(STAR)),
            ])
            .watch(metadata),
        scenario("a redirect from null stays null", APP_PAGE)
            .framed(Frame::Sandbox)
            .does([fetch(
                "GET",
                &at(API, "via")
                    .headers(ECHO)
                    .redirect(302, &at(BUCKET, "there").headers(ECHO)),
            )]),
    ]
}

fn modes() -> Vec<Scenario> {
    let policy =
        |value: &str| at(API, "x").headers(&[&format!("cross-origin-resource-policy: {value}")]);
    vec![
        scenario("no-cors sends and sees nothing", APP_PAGE)
            .does([
                fetch("GET", &at(API, "x").headers(&["x-a: 1"])).mode(Mode::NoCors),
                fetch("POST", &at(API, "x")).mode(Mode::NoCors).body("text"),
            ])
            .watch(&["content-type"]),
        scenario("no-cors cannot set more than a form", APP_PAGE)
            .does([fetch("POST", &at(API, "x"))
                .mode(Mode::NoCors)
                .header("x-a", "1")
                .header("authorization", "x")
                .header("content-type", "application/json")
                .header("range", "bytes=0-")
                .body("x")])
            .watch(&["x-a", "content-type", "range"]),
        scenario("no-cors with a method that needs a preflight", APP_PAGE).does([fetch(
            "PUT",
            &at(API, "x"),
        )
        .mode(Mode::NoCors)]),
        scenario("no-cors of one's own origin is basic", APP_PAGE).does([fetch(
            "GET",
            &at(APP, "x").headers(&["x-a: 1"]),
        )
        .mode(Mode::NoCors)]),
        scenario("same-origin stays at home", APP_PAGE).does([
            fetch("GET", &at(APP, "x")).mode(Mode::SameOrigin),
            fetch("GET", &at(API, "x").headers(STAR)).mode(Mode::SameOrigin),
        ]),
        scenario("Cross-Origin-Resource-Policy and no-cors", APP_PAGE).does(
            [
                "same-origin",
                "same-site",
                "cross-origin",
                "Same-Origin",
                "same-origin, same-site",
            ]
            .map(|value| fetch("GET", &policy(value)).mode(Mode::NoCors)),
        ),
        scenario("Cross-Origin-Resource-Policy within the site", APP_PAGE).does(
            ["same-origin", "same-site"].map(|value| {
                fetch(
                    "GET",
                    &at(SIBLING, "x").headers(&[&format!("cross-origin-resource-policy: {value}")]),
                )
                .mode(Mode::NoCors)
            }),
        ),
        scenario("Cross-Origin-Resource-Policy and CORS", APP_PAGE)
            .does([fetch("GET", &policy("same-origin").headers(STAR))]),
        scenario("an image needs no permission", APP_PAGE)
            .does([image(&at(API, "i")), image(&policy("same-origin"))])
            .watch(&["sec-fetch-mode", "sec-fetch-dest"]),
    ]
}

fn told() -> Vec<Scenario> {
    let metadata = &[
        "sec-fetch-site",
        "sec-fetch-mode",
        "sec-fetch-dest",
        "referer",
    ];
    let post = |origin: &str| fetch("POST", &at(origin, "x").headers(STAR));
    vec![
        scenario("Fetch Metadata and Referer", APP_PAGE)
            .does([
                fetch("GET", &at(APP, "x")),
                fetch("GET", &at(SIBLING, "x").headers(STAR)),
                fetch("GET", &at(API, "x").headers(STAR)),
                fetch("GET", &at(API, "x")).mode(Mode::NoCors),
                fetch("GET", &at(APP, "x")).mode(Mode::SameOrigin),
            ])
            .watch(metadata),
        scenario("Fetch Metadata of a preflight", APP_PAGE)
            .does([fetch(
                "PUT",
                &at(API, "x").headers(STAR).preflight(
                    204,
                    &[
                        "access-control-allow-origin: *",
                        "access-control-allow-methods: PUT",
                    ],
                ),
            )])
            .watch(metadata),
        scenario("Fetch Metadata after redirects", APP_PAGE)
            .does([
                fetch(
                    "GET",
                    &at(API, "via")
                        .headers(STAR)
                        .redirect(302, &at(APP, "there").headers(ECHO)),
                ),
                fetch(
                    "GET",
                    &at(SIBLING, "via")
                        .headers(STAR)
                        .redirect(302, &at(APP, "there").headers(ECHO)),
                ),
            ])
            .watch(metadata),
        scenario("Referrer-Policy of a redirect", APP_PAGE)
            .does([fetch(
                "GET",
                &at(API, "via")
                    .headers(STAR)
                    .headers(&["referrer-policy: no-referrer"])
                    .redirect(302, &at(BUCKET, "there").headers(STAR)),
            )])
            .watch(&["referer"]),
        scenario("Origin of requests without CORS", APP_PAGE).does([
            fetch("GET", &at(APP, "x")),
            post(APP),
            fetch("PUT", &at(APP, "x")),
            post(API).mode(Mode::NoCors),
        ]),
        scenario("Origin hidden by the referrer policy", APP_PAGE)
            .does([
                post(APP).referrer_policy(ReferrerPolicy::NoReferrer, "no-referrer"),
                post(APP)
                    .mode(Mode::SameOrigin)
                    .referrer_policy(ReferrerPolicy::NoReferrer, "no-referrer"),
                post(API)
                    .mode(Mode::NoCors)
                    .referrer_policy(ReferrerPolicy::NoReferrer, "no-referrer"),
                post(API)
                    .mode(Mode::NoCors)
                    .referrer_policy(ReferrerPolicy::SameOrigin, "same-origin"),
                post(API).referrer_policy(ReferrerPolicy::NoReferrer, "no-referrer"),
                post(API)
                    .mode(Mode::NoCors)
                    .referrer_policy(ReferrerPolicy::UnsafeUrl, "unsafe-url"),
            ])
            .watch(&["referer"]),
        scenario("a page without TLS", PLAIN_PAGE)
            .does([
                fetch("GET", &at(PLAIN, "x")),
                fetch("GET", &at(API, "x").headers(ECHO)),
                post(PLAIN),
            ])
            .watch(metadata),
    ]
}

fn mixed() -> Vec<Scenario> {
    vec![
        scenario("a page with TLS asks for no plain http", APP_PAGE)
            .does([fetch("GET", &at(PLAIN, "x").headers(STAR))]),
        scenario("an image is asked for with TLS instead", APP_PAGE).does([image(&at(PLAIN, "i"))]),
        scenario("nor is it redirected there", APP_PAGE).does([fetch(
            "GET",
            &at(API, "via")
                .headers(STAR)
                .redirect(302, &at(PLAIN, "x").headers(STAR)),
        )]),
    ]
}
