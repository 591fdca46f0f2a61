//! Requests without preflight: the CORS check, and what script sees.

use same_origin::browser::Mode;

use super::super::instructed::at;
use super::super::scenario::{Scenario, scenario};
use super::super::step::{fetch, image};
use super::{API, APP, APP_PAGE, CREDENTIALED, ECHO, STAR};

pub fn scenarios() -> Vec<Scenario> {
    let read = |lines: &[&str]| fetch("GET", &at(API, "x").headers(lines));
    vec![
        scenario("the page's own origin needs no header", APP_PAGE).does([fetch(
            "GET",
            &at(APP, "x").headers(&["x-a: 1", "set-cookie: a=b"]),
        )]),
        scenario("* without credentials", APP_PAGE).does([read(STAR), read(STAR).omit()]),
        scenario("* with credentials", APP_PAGE).does([read(STAR).include()]),
        scenario("* and Allow-Credentials with credentials", APP_PAGE).does([read(&[
            "access-control-allow-origin: *",
            "access-control-allow-credentials: true",
        ])
        .include()]),
        scenario("the origin without credentials", APP_PAGE).does([read(ECHO)]),
        scenario(
            "the origin with credentials, Allow-Credentials missing",
            APP_PAGE,
        )
        .does([read(ECHO).include()]),
        scenario("the origin with credentials", APP_PAGE)
            .does([read(CREDENTIALED).include(), read(CREDENTIALED)]),
        scenario("Allow-Credentials in the wrong case", APP_PAGE).does([read(&[
            "access-control-allow-origin: {origin}",
            "access-control-allow-credentials: True",
        ])
        .include()]),
        scenario("Allow-Credentials twice", APP_PAGE).does([read(&[
            "access-control-allow-origin: {origin}",
            "access-control-allow-credentials: true",
            "access-control-allow-credentials: true",
        ])
        .include()]),
        scenario("no Allow-Origin", APP_PAGE).does([read(&[])]),
        scenario("Allow-Origin with a trailing slash", APP_PAGE)
            .does([read(&["access-control-allow-origin: https://app.test/"])]),
        scenario("Allow-Origin in upper case", APP_PAGE)
            .does([read(&["access-control-allow-origin: HTTPS://APP.TEST"])]),
        scenario("Allow-Origin with the default port", APP_PAGE)
            .does([read(&["access-control-allow-origin: https://app.test:443"])]),
        scenario("Allow-Origin without a scheme", APP_PAGE)
            .does([read(&["access-control-allow-origin: app.test"])]),
        scenario("Allow-Origin empty", APP_PAGE).does([read(&["access-control-allow-origin:"])]),
        scenario("Allow-Origin with a pattern", APP_PAGE)
            .does([read(&["access-control-allow-origin: https://*.test"])]),
        scenario("Allow-Origin with two origins", APP_PAGE).does([read(&[
            "access-control-allow-origin: https://app.test, https://other.test",
        ])]),
        scenario("Allow-Origin twice", APP_PAGE).does([read(&[
            "access-control-allow-origin: https://app.test",
            "access-control-allow-origin: https://app.test",
        ])]),
        scenario("Allow-Origin of another page", APP_PAGE)
            .does([read(&["access-control-allow-origin: https://other.test"])]),
        scenario("Allow-Origin null for a page that is not null", APP_PAGE)
            .does([read(&["access-control-allow-origin: null"])]),
        scenario("an error with CORS headers is readable", APP_PAGE).does([
            fetch("GET", &at(API, "x").status(401).headers(STAR)),
            fetch("GET", &at(API, "x").status(500).headers(STAR)),
        ]),
        scenario("an error without CORS headers is not", APP_PAGE)
            .does([fetch("GET", &at(API, "x").status(401))]),
        scenario("methods that need no preflight", APP_PAGE)
            .does([
                fetch("HEAD", &at(API, "x").headers(STAR)),
                fetch("POST", &at(API, "x").headers(STAR)),
                fetch("post", &at(API, "x").headers(STAR)).body("text"),
            ])
            .watch(&["content-type", "content-length"]),
        scenario("headers that need no preflight", APP_PAGE)
            .does([
                read(STAR)
                    .header("accept", "application/json")
                    .header("accept-language", "de, en;q=0.5")
                    .header("content-language", "de"),
                fetch("POST", &at(API, "x").headers(STAR))
                    .header(
                        "content-type",
                        "Application/X-WWW-Form-Urlencoded; charset=x",
                    )
                    .body("a=b"),
                fetch("POST", &at(API, "x").headers(STAR))
                    .header("content-type", "multipart/form-data; boundary=x")
                    .body("--x--"),
                read(STAR).header("range", "bytes=0-1"),
                read(STAR).header("range", "bytes=1-"),
            ])
            .watch(&["content-type", "content-language", "range"]),
        scenario("a range is asked for without compression", APP_PAGE)
            .does([read(STAR).header("range", "bytes=0-1")])
            .watch(&["accept-encoding"]),
        scenario("script that validates on its own", APP_PAGE)
            .does([fetch("GET", &at(APP, "x")).header("if-none-match", "x")])
            .watch(&["if-none-match", "pragma", "cache-control"]),
        scenario("headers that are the browser's are ignored", APP_PAGE)
            .does([read(STAR)
                .header("cookie", "a=b")
                .header("sec-x", "1")
                .header("proxy-x", "1")
                .header("access-control-request-method", "PUT")
                .header("x-http-method-override", "TRACE")])
            .watch(&["sec-x", "proxy-x", "x-http-method-override"]),
        scenario("script sees the safelisted headers", APP_PAGE).does([read(&[
            "access-control-allow-origin: *",
            "x-a: 1",
            "cache-control: no-store",
            "content-language: de",
            "expires: 0",
            "last-modified: x",
            "pragma: y",
            "etag: z",
            "location: /",
        ])]),
        scenario("script sees what is exposed", APP_PAGE).does([read(&[
            "access-control-allow-origin: *",
            "access-control-expose-headers: X-A, x-c",
            "access-control-expose-headers: x-d,,",
            "x-a: 1",
            "x-a: 2",
            "x-b: 2",
            "x-c: 3",
            "x-d: 4",
        ])]),
        scenario("Expose-Headers * without credentials", APP_PAGE).does([read(&[
            "access-control-allow-origin: *",
            "access-control-expose-headers: *",
            "x-a: 1",
            "set-cookie: a=b",
            "etag: z",
        ])]),
        scenario("Expose-Headers * with credentials is a name", APP_PAGE).does([read(&[
            "access-control-allow-origin: {origin}",
            "access-control-allow-credentials: true",
            "access-control-expose-headers: *, x-b",
            "x-a: 1",
            "x-b: 2",
        ])
        .include()]),
        scenario("Expose-Headers that is no list exposes nothing", APP_PAGE).does([
            read(&[
                "access-control-allow-origin: *",
                "access-control-expose-headers: x-a; x-b",
                "x-a: 1",
                "x-b: 1",
            ]),
            read(&[
                "access-control-allow-origin: *",
                "access-control-expose-headers: x-a, x b",
                "x-a: 1",
            ]),
        ]),
        scenario("Set-Cookie is never exposed", APP_PAGE).does([read(&[
            "access-control-allow-origin: *",
            "access-control-expose-headers: set-cookie, x-a",
            "x-a: 1",
            "set-cookie: a=b",
        ])]),
        scenario("white space around a value is not part of it", APP_PAGE).does([
            read(&[
                "access-control-allow-origin: {space}*{space}",
                "x-a: {space}1{space}",
                "access-control-expose-headers: {space}x-a",
            ]),
            read(&[
                "access-control-allow-origin: {space}{origin}",
                "access-control-allow-credentials: {space}true{space}",
            ])
            .include(),
        ]),
        scenario("query is not QUERY", APP_PAGE).does(["QUERY", "query"].map(|method| {
            fetch(
                method,
                &at(API, "x").headers(STAR).preflight(
                    204,
                    &[
                        "access-control-allow-origin: *",
                        "access-control-allow-methods: QUERY",
                    ],
                ),
            )
            .body("select")
        })),
        scenario("a part that was not asked for", APP_PAGE).does([
            fetch("GET", &at(API, "x").status(206)).mode(Mode::NoCors),
            fetch("GET", &at(API, "x").status(416)).mode(Mode::NoCors),
            fetch("GET", &at(API, "x").status(206).headers(STAR)),
            fetch("GET", &at(API, "x").status(416).headers(STAR)),
            fetch("GET", &at(APP, "x").status(206)),
            image(&at(API, "x").status(206)),
            image(&at(API, "x").status(416)),
        ]),
    ]
}
