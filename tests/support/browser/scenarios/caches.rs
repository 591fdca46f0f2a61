//! Caches: of preflights and of responses.

use super::super::instructed::{Target, at};
use super::super::scenario::{Frame, Scenario, scenario};
use super::super::step::{Step, fetch, image, upload, wait};
use super::{API, APP, APP_PAGE, BUCKET};

/// Allows what is asked, for so long.
fn remembered(path: &str, max_age: &str) -> Target {
    let lines = [
        "access-control-allow-origin: {origin}",
        "access-control-allow-credentials: true",
        "access-control-allow-methods: {method}",
        "access-control-allow-headers: x-a, x-b, authorization",
        max_age,
    ];
    let lines = if max_age.is_empty() {
        &lines[..4]
    } else {
        &lines[..]
    };
    at(API, path).headers(&lines[..2]).preflight(204, lines)
}

const HUGE: &str = "access-control-max-age: 99999999999999999999";
const LONG: &str = "access-control-max-age: 600";

pub fn scenarios() -> Vec<Scenario> {
    [preflights(), forgetting(), responses()].concat()
}

fn preflights() -> Vec<Scenario> {
    let put = |path: &str, max_age: &str| fetch("PUT", &remembered(path, max_age));
    let twice = |step: Step| [step.clone(), step];
    vec![
        scenario("a preflight is remembered for five seconds", APP_PAGE).does([
            put("five", ""),
            put("five", ""),
            wait(6),
            put("five", ""),
        ]),
        scenario("Max-Age 0 switches it off", APP_PAGE)
            .does(twice(put("zero", "access-control-max-age: 0"))),
        scenario("Max-Age -1 is no number", APP_PAGE)
            .does(twice(put("minus", "access-control-max-age: -1"))),
        scenario("Max-Age that is nonsense", APP_PAGE)
            .does(twice(put("nonsense", "access-control-max-age: soon"))),
        scenario("Max-Age 1", APP_PAGE).does([
            put("one", "access-control-max-age: 1"),
            wait(2),
            put("one", "access-control-max-age: 1"),
        ]),
        scenario("Max-Age 600", APP_PAGE).does([put("long", LONG), wait(6), put("long", LONG)]),
        scenario("Max-Age beyond all numbers", APP_PAGE).does([
            put("huge", HUGE),
            wait(6),
            put("huge", HUGE),
        ]),
        scenario("a preflight of a long URL", APP_PAGE)
            .does([put(&"a".repeat(1024), LONG), put(&"a".repeat(1024), LONG)]),
        scenario("every URL pays again", APP_PAGE).does([
            put("a", LONG),
            put("b", LONG),
            put("a", LONG),
        ]),
        scenario("without credentials is not good for with", APP_PAGE)
            .does([put("plain-first", LONG), put("plain-first", LONG).include()]),
        scenario("with credentials is good for without", APP_PAGE).does([
            put("include-first", LONG).include(),
            put("include-first", LONG),
            put("include-first", LONG).omit(),
        ]),
        scenario("all that was listed is remembered", APP_PAGE).does([
            put("listed", LONG).header("x-a", "1"),
            put("listed", LONG).header("x-b", "1"),
            fetch("GET", &remembered("listed", LONG)).header("x-b", "1"),
        ]),
        scenario("an upload listener's preflight is remembered", APP_PAGE)
            .does(twice(upload("POST", &remembered("upload", LONG)).body("x"))),
        scenario("a POST with JSON is remembered by its header", APP_PAGE).does(twice(
            fetch(
                "POST",
                &at(API, "json")
                    .headers(&["access-control-allow-origin: *"])
                    .preflight(
                        204,
                        &[
                            "access-control-allow-origin: *",
                            "access-control-allow-headers: content-type",
                            LONG,
                        ],
                    ),
            )
            .json_body(),
        )),
        scenario("* is remembered as *", APP_PAGE).does({
            let star = at(API, "star")
                .headers(&["access-control-allow-origin: *"])
                .preflight(
                    204,
                    &[
                        "access-control-allow-origin: *",
                        "access-control-allow-methods: *",
                        "access-control-allow-headers: *",
                        LONG,
                    ],
                );
            [
                fetch("PUT", &star).header("x-a", "1"),
                fetch("DELETE", &star).header("x-b", "1"),
                fetch("DELETE", &star).header("x-c", "1"),
            ]
        }),
        scenario(
            "* that was remembered does not cover Authorization",
            APP_PAGE,
        )
        .does({
            let star = at(API, "star-auth")
                .headers(&["access-control-allow-origin: *"])
                .preflight(
                    204,
                    &[
                        "access-control-allow-origin: *",
                        "access-control-allow-headers: *",
                        LONG,
                    ],
                );
            [
                fetch("GET", &star).header("x-a", "1"),
                fetch("GET", &star).header("authorization", "1"),
            ]
        }),
        scenario("conditional requests and preflights", APP_PAGE).does({
            let target = at(API, "conditional")
                .headers(&["access-control-allow-origin: *"])
                .preflight(
                    204,
                    &[
                        "access-control-allow-origin: *",
                        "access-control-allow-headers: if-none-match, x-a",
                        LONG,
                    ],
                );
            [
                fetch("GET", &target).header("if-none-match", "x"),
                fetch("GET", &target).header("if-none-match", "x"),
                fetch("GET", &target).header("x-a", "x"),
            ]
        }),
        scenario("a fragment is part of the remembered URL", APP_PAGE).does([
            fetch("PUT", &remembered("fragment", LONG).fragment("a")),
            fetch("PUT", &remembered("fragment", LONG).fragment("b")),
        ]),
    ]
}

fn forgetting() -> Vec<Scenario> {
    let echoing = remembered("echoing", LONG);
    let allowed = [
        "access-control-allow-origin: *",
        "access-control-allow-methods: PUT",
        LONG,
    ];
    vec![
        scenario("the answers of several preflights add up", APP_PAGE).does([
            fetch("PUT", &echoing),
            fetch("DELETE", &echoing),
            fetch("PUT", &echoing),
        ]),
        scenario("a failed request makes the browser forget", APP_PAGE).does([
            fetch("PUT", &at(API, "failing").preflight(204, &allowed)),
            fetch("PUT", &at(API, "failing").preflight(204, &allowed)),
        ]),
        scenario("a failed preflight is not remembered", APP_PAGE).does([
            fetch("DELETE", &at(API, "refused").preflight(204, &allowed)),
            fetch("DELETE", &at(API, "refused").preflight(204, &allowed)),
        ]),
        scenario(
            "the preflight of a frame that is null is remembered",
            APP_PAGE,
        )
        .framed(Frame::Sandbox)
        .does([put_null(), put_null()]),
        scenario(
            "the preflight of a request that became null is remembered",
            APP_PAGE,
        )
        .does([
            fetch(
                "PUT",
                &at(BUCKET, "via")
                    .headers(&["access-control-allow-origin: *"])
                    .preflight(204, &allowed)
                    .redirect(307, &remembered("tainted", LONG)),
            ),
            fetch(
                "PUT",
                &at(BUCKET, "via")
                    .headers(&["access-control-allow-origin: *"])
                    .preflight(204, &allowed)
                    .redirect(307, &remembered("tainted", LONG)),
            ),
        ]),
        scenario("* that came with credentials", APP_PAGE).does({
            let listed = at(API, "literal")
                .headers(&[
                    "access-control-allow-origin: {origin}",
                    "access-control-allow-credentials: true",
                ])
                .preflight(
                    204,
                    &[
                        "access-control-allow-origin: {origin}",
                        "access-control-allow-credentials: true",
                        "access-control-allow-methods: {method}, *",
                        LONG,
                    ],
                );
            [
                fetch("PUT", &listed).include(),
                fetch("DELETE", &listed).include(),
            ]
        }),
    ]
}

fn put_null() -> Step {
    fetch("PUT", &remembered("null", LONG))
}

fn responses() -> Vec<Scenario> {
    const FRESH: &str = "cache-control: max-age=600";
    let fresh = |path: &str, lines: &[&str]| at(API, path).headers(&[&[FRESH], lines].concat());
    let shown_then_read = |target: Target| [image(&target), fetch("GET", &target)];
    vec![
        scenario("an image, then fetch(): no Vary", APP_PAGE)
            .does(shown_then_read(fresh("i1", &[]))),
        scenario("an image, then fetch(): the origin without Vary", APP_PAGE).does(
            shown_then_read(fresh(
                "i2",
                &["access-control-allow-origin: https://app.test"],
            )),
        ),
        scenario("an image, then fetch(): Vary", APP_PAGE).does(shown_then_read(fresh(
            "i3",
            &[
                "access-control-allow-origin: https://app.test",
                "vary: Origin",
            ],
        ))),
        scenario("an image, then fetch(): *", APP_PAGE).does(shown_then_read(fresh(
            "i4",
            &["access-control-allow-origin: *"],
        ))),
        scenario("a fresh answer is not asked for again", APP_PAGE).does({
            let target = fresh("again", &["access-control-allow-origin: *"]);
            [
                fetch("GET", &target),
                fetch("GET", &target),
                fetch("POST", &target),
                fetch("GET", &target),
            ]
        }),
        scenario("what may not be stored is asked for again", APP_PAGE).does({
            let target = at(API, "no-store")
                .headers(&["access-control-allow-origin: *", "cache-control: no-store"]);
            [fetch("GET", &target), fetch("GET", &target)]
        }),
        scenario("lasting statuses are remembered without a word", APP_PAGE).does({
            let moved = |status: u16| {
                let to = at(API, "end").headers(&["access-control-allow-origin: *"]);
                let from = at(API, &format!("moved-{status}"))
                    .headers(&["access-control-allow-origin: *"])
                    .redirect(status, &to);
                [fetch("GET", &from), fetch("GET", &from)]
            };
            [300, 301, 302, 303, 307, 308, 410].map(moved).concat()
        }),
        scenario("lasting statuses that say otherwise", APP_PAGE).does({
            let moved = |line: &str| {
                let to = at(APP, "end");
                let from = at(APP, "moved").headers(&[line]).redirect(301, &to);
                [fetch("GET", &from), fetch("GET", &from)]
            };
            [
                "cache-control: no-cache",
                "cache-control: max-age=0",
                "cache-control: must-revalidate",
                "cache-control: private",
                "pragma: no-cache",
                "expires: 0",
                "vary: *",
            ]
            .map(moved)
            .concat()
        }),
        scenario("a redirect that is fresh is remembered", APP_PAGE).does({
            let to = at(API, "end").headers(&["access-control-allow-origin: *"]);
            let from = fresh("moved", &["access-control-allow-origin: *"]).redirect(302, &to);
            [fetch("GET", &from), fetch("GET", &from)]
        }),
    ]
}
