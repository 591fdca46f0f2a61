//! Requests with preflight: what makes one, what it asks, which answers let the request through.

use super::super::instructed::{Target, at};
use super::super::scenario::{Scenario, scenario};
use super::super::step::{Step, fetch, upload};
use super::{API, APP_PAGE, CREDENTIALED, ECHO, STAR};

/// Answers the preflight like this, for as long as a slow machine takes, and allows the request itself.
fn asked(lines: &[&str]) -> Target {
    let answer = [CREDENTIALED, &["access-control-max-age: 600"], lines].concat();
    at(API, "x").headers(CREDENTIALED).preflight(204, &answer)
}

pub fn scenarios() -> Vec<Scenario> {
    [methods(), headers(), safelist(), answers()].concat()
}

fn methods() -> Vec<Scenario> {
    let try_all = |methods: &[&'static str], lines: &[&str]| -> Vec<Step> {
        methods
            .iter()
            .map(|method| fetch(method, &asked(lines)))
            .collect()
    };
    vec![
        scenario("methods that are listed", APP_PAGE).does(try_all(
            &["PUT", "DELETE", "PATCH", "QUERY"],
            &[
                "access-control-allow-methods: PUT, DELETE,PATCH",
                "access-control-allow-methods: QUERY",
            ],
        )),
        scenario("a method that is not listed", APP_PAGE).does(try_all(
            &["PUT"],
            &["access-control-allow-methods: GET, POST"],
        )),
        scenario("no Allow-Methods", APP_PAGE).does(try_all(&["DELETE"], &[])),
        scenario("Allow-Methods in lower case", APP_PAGE)
            .does(try_all(&["PUT"], &["access-control-allow-methods: put"])),
        scenario("patch is not PATCH", APP_PAGE).does(try_all(
            &["patch"],
            &["access-control-allow-methods: PATCH"],
        )),
        scenario("put and delete are PUT and DELETE", APP_PAGE).does(try_all(
            &["put", "delete"],
            &["access-control-allow-methods: PUT, DELETE"],
        )),
        scenario("a method of one's own", APP_PAGE).does(try_all(
            &["CHICKEN", "chicken"],
            &["access-control-allow-methods: CHICKEN"],
        )),
        scenario("Allow-Methods * without credentials", APP_PAGE).does(try_all(
            &["PUT", "CHICKEN"],
            &["access-control-allow-methods: *"],
        )),
        scenario("Allow-Methods * with credentials is a name", APP_PAGE).does([fetch(
            "PUT",
            &asked(&["access-control-allow-methods: *"]),
        )
        .include()]),
        scenario("script's OPTIONS is preflighted too", APP_PAGE).does(try_all(
            &["OPTIONS"],
            &["access-control-allow-methods: OPTIONS"],
        )),
        scenario("methods that script may not use", APP_PAGE)
            .does(try_all(&["TRACE", "connect", "TRACK"], &[])),
        scenario("a method that is none", APP_PAGE).does(try_all(&["PUT IT"], &[])),
        scenario("GET with a body", APP_PAGE).does([fetch("GET", &asked(&[])).body("x")]),
        scenario(
            "an upload listener makes a preflight of a simple POST",
            APP_PAGE,
        )
        .does([
            upload("POST", &asked(&[])).body("x"),
            upload("POST", &asked(&[])).body("x"),
        ]),
        scenario("an upload listener with credentials", APP_PAGE).does([upload(
            "POST",
            &at(API, "x").headers(STAR).preflight(204, STAR),
        )
        .include()
        .body("x")]),
    ]
}

fn headers() -> Vec<Scenario> {
    let allow = |names: &str| asked(&[&format!("access-control-allow-headers: {names}")]);
    vec![
        scenario("JSON needs Content-Type but no method listed", APP_PAGE).does([fetch(
            "POST",
            &allow("content-type"),
        )
        .json_body()]),
        scenario("names are matched in any case", APP_PAGE)
            .does([fetch("GET", &allow("X-ONE")).header("x-One", "1")]),
        scenario("names are asked sorted, in lower case, once", APP_PAGE).does([fetch(
            "GET",
            &allow("x-b, x-a, authorization"),
        )
        .header("X-B", "1")
        .header("Authorization", "x")
        .header("X-A", "1")
        .header("x-b", "2")
        .header("accept", "a")]),
        scenario("a header that is not listed", APP_PAGE).does([fetch("GET", &allow("x-a"))
            .header("x-a", "1")
            .header("x-b", "1")]),
        scenario("Allow-Headers * without credentials", APP_PAGE)
            .does([fetch("GET", &allow("*")).header("x-a", "1")]),
        scenario("Allow-Headers * with credentials is a name", APP_PAGE).does([fetch(
            "GET",
            &allow("*"),
        )
        .header("x-a", "1")
        .include()]),
        scenario("Authorization that is listed", APP_PAGE).does([fetch(
            "GET",
            &allow("Authorization"),
        )
        .header("authorization", "Bearer x")]),
        scenario("Authorization and *", APP_PAGE)
            .does([fetch("GET", &allow("*")).header("authorization", "Bearer x")]),
        scenario("Authorization and * with credentials", APP_PAGE).does([fetch(
            "GET",
            &allow("*"),
        )
        .header("authorization", "Bearer x")
        .include()]),
    ]
}

fn safelist() -> Vec<Scenario> {
    let nothing = asked(&[]);
    let get = |name, value: &str| fetch("GET", &nothing).header(name, value);
    let post = |value: &str| {
        fetch("POST", &nothing)
            .header("content-type", value)
            .body("x")
    };
    let long = "a".repeat(128);
    vec![
        scenario("content types of no form", APP_PAGE).does([
            post("text/plain; x=\"y\""),
            post("text/html"),
            post("text/plain, text/plain"),
            post("text"),
        ]),
        scenario("a value of 128 bytes", APP_PAGE).does([get("accept", &long)]),
        scenario("a value of 129 bytes", APP_PAGE).does([get("accept", &format!("{long}a"))]),
        scenario("values with unsafe bytes", APP_PAGE).does([
            get("accept", "a(b"),
            get("accept-language", "en_GB"),
            get("content-language", "a@b"),
        ]),
        scenario("ranges that are not simple", APP_PAGE).does([
            get("range", "bytes=-5"),
            get("range", "bytes=0-1,3-4"),
            get("range", "bytes=5-1"),
        ]),
        scenario("client hints", APP_PAGE).does([
            get("dpr", "2"),
            get("device-memory", "0.5"),
            get("width", "100"),
            get("viewport-width", "100"),
            get("save-data", "on"),
            get("dpr", "x"),
        ]),
        scenario("client hints about the network", APP_PAGE).does([
            get("downlink", "1.5"),
            get("downlink", "x"),
            get("ect", "4g"),
            get("ect", "x"),
            get("rtt", "50"),
            get("rtt", "x"),
            get("rtt", "\"x\""),
        ]),
        scenario("a safe value twice", APP_PAGE).does([fetch("POST", &nothing)
            .header("content-type", "text/plain")
            .header("content-type", "text/plain")
            .body("x")]),
        scenario("safe values of more than 128 bytes together", APP_PAGE).does([get(
            "accept",
            &"a".repeat(100),
        )
        .header("accept", &"a".repeat(100))]),
        scenario("User-Agent is not safe", APP_PAGE).does([get("user-agent", "x")]),
        scenario("other headers are never safe", APP_PAGE).does([
            get("x-requested-with", "x"),
            get("cache-control", "no-cache"),
            get("if-none-match", "x"),
        ]),
    ]
}

fn answers() -> Vec<Scenario> {
    let put = |status: u16, lines: &[&str]| {
        let allow = ["access-control-allow-methods: PUT"];
        fetch(
            "PUT",
            &at(API, "x")
                .headers(CREDENTIALED)
                .preflight(status, &[&allow, lines].concat()),
        )
    };
    let redirected = [CREDENTIALED, &["location: https://api.test/y"]].concat();
    vec![
        scenario("any 2xx will do", APP_PAGE).does([
            put(200, ECHO),
            put(204, ECHO),
            put(299, STAR),
        ]),
        scenario("a preflight must not be redirected", APP_PAGE).does([
            put(301, &redirected),
            put(302, &redirected),
            put(303, &redirected),
            put(307, &redirected),
            put(308, &redirected),
        ]),
        scenario(
            "a preflight must not be redirected, whatever else is wrong",
            APP_PAGE,
        )
        .does([put(301, &["location: https://api.test/y"])]),
        scenario("a preflight must be ok", APP_PAGE).does([
            put(304, ECHO),
            put(400, ECHO),
            put(401, ECHO),
            put(403, ECHO),
            put(404, ECHO),
            put(405, ECHO),
            put(500, ECHO),
        ]),
        scenario("a preflight needs Allow-Origin", APP_PAGE).does([put(204, &[]), put(403, &[])]),
        scenario("a preflight's Allow-Origin is checked", APP_PAGE).does([
            put(204, &["access-control-allow-origin: https://other.test"]),
            put(204, &["access-control-allow-origin: *, *"]),
            put(204, &["access-control-allow-origin: x"]),
        ]),
        scenario("a preflight for credentials", APP_PAGE).does([
            put(204, STAR).include(),
            put(204, ECHO).include(),
            put(204, CREDENTIALED).include(),
        ]),
        scenario("Allow-Methods that is no list", APP_PAGE).does([fetch(
            "PUT",
            &asked(&["access-control-allow-methods: PUT; DELETE"]),
        )]),
        scenario(
            "Allow-Methods that is no list, for a method that needs none",
            APP_PAGE,
        )
        .does([fetch(
            "POST",
            &asked(&[
                "access-control-allow-methods: a b",
                "access-control-allow-headers: content-type",
            ]),
        )
        .json_body()]),
        scenario("Allow-Headers that is no list", APP_PAGE).does([fetch(
            "PUT",
            &asked(&[
                "access-control-allow-methods: PUT",
                "access-control-allow-headers: x-a x-b",
            ]),
        )]),
        scenario("empty elements of lists are nothing", APP_PAGE).does([fetch(
            "PUT",
            &asked(&[
                "access-control-allow-methods: ,, PUT ,",
                "access-control-allow-headers: , x-a,",
            ]),
        )
        .header("x-a", "1")]),
        scenario("the request itself needs Allow-Origin too", APP_PAGE).does([fetch(
            "PUT",
            &at(API, "x").preflight(
                204,
                &[
                    "access-control-allow-origin: *",
                    "access-control-allow-methods: PUT",
                ],
            ),
        )]),
    ]
}
