//! Cookies: which go along, which are kept.

use super::super::instructed::at;
use super::super::scenario::{Frame, Scenario, scenario};
use super::super::step::fetch;
use super::{API, APP, APP_PAGE, BUCKET, CREDENTIALED, ECHO, PLAIN, PLAIN_PAGE, SIBLING};

pub fn scenarios() -> Vec<Scenario> {
    let read = |origin: &str| fetch("GET", &at(origin, "x").headers(CREDENTIALED));
    let set = |origin: &str, cookie: &str| {
        fetch(
            "GET",
            &at(origin, "x")
                .headers(CREDENTIALED)
                .headers(&[&format!("set-cookie: {cookie}")]),
        )
    };
    vec![
        scenario("cookies of the page's own origin", APP_PAGE)
            .cookie(APP, "a=1; Path=/")
            .cookie(APP, "b=2; SameSite=Strict; Path=/")
            .does([read(APP), read(APP).omit(), read(APP).include()]),
        scenario("cookies go to other origins with include only", APP_PAGE)
            .cookie(API, "a=1; SameSite=None; Secure; Path=/")
            .does([read(API), read(API).omit(), read(API).include()]),
        scenario("SameSite keeps cookies from other sites", APP_PAGE)
            .cookie(API, "plain=1; Path=/")
            .cookie(API, "lax=1; SameSite=Lax; Path=/")
            .cookie(API, "strict=1; SameSite=Strict; Path=/")
            .cookie(API, "none=1; SameSite=None; Secure; Path=/")
            .does([read(API).include()]),
        scenario("another origin of the same site gets them", APP_PAGE)
            .cookie(SIBLING, "lax=1; SameSite=Lax; Path=/")
            .cookie(APP, "site=1; Domain=app.test; Path=/")
            .does([read(SIBLING).include(), read(SIBLING)]),
        scenario("a preflight has none", APP_PAGE)
            .cookie(API, "a=1; SameSite=None; Secure; Path=/")
            .does([fetch(
                "PUT",
                &at(API, "x").headers(CREDENTIALED).preflight(
                    204,
                    &[
                        "access-control-allow-origin: {origin}",
                        "access-control-allow-credentials: true",
                        "access-control-allow-methods: PUT",
                    ],
                ),
            )
            .include()]),
        scenario("Set-Cookie is obeyed with credentials only", APP_PAGE).does([
            set(API, "a=1; SameSite=None; Secure"),
            read(API).include(),
            set(API, "b=1; SameSite=None; Secure").include(),
            read(API).include(),
        ]),
        scenario("Set-Cookie across sites needs SameSite=None", APP_PAGE).does([
            set(API, "a=1").include(),
            set(API, "b=1; SameSite=Lax").include(),
            set(API, "c=1; SameSite=None").include(),
            read(API).include(),
        ]),
        scenario("Set-Cookie that breaks its prefix", APP_PAGE).does([
            set(APP, "__Host-a=1; Secure"),
            set(APP, "__Host-b=1; Secure; Path=/; Domain=app.test"),
            set(APP, "__Secure-c=1"),
            set(APP, "__Host-d=1; Secure; Path=/"),
            read(APP),
        ]),
        scenario("Domain and Path", APP_PAGE).does([
            set(APP, "a=1; Domain=app.test"),
            set(APP, "b=1; Domain=other.test"),
            set(APP, "c=1; Path=/y"),
            set(APP, "d=1; Domain=test"),
            read(APP),
            read(SIBLING).include(),
            fetch("GET", &at(APP, "y/z")),
        ]),
        scenario("Secure stays off plain http", PLAIN_PAGE).does([
            set(PLAIN, "a=1"),
            set(PLAIN, "b=1; Secure"),
            read(PLAIN),
        ]),
        scenario("the scheme is part of the site", PLAIN_PAGE)
            .cookie("https://plain.test", "lax=1; SameSite=Lax; Path=/")
            .cookie(
                "https://plain.test",
                "none=1; SameSite=None; Secure; Path=/",
            )
            .does([read("https://plain.test").include()]),
        scenario("a cookie with Domain is another than without", APP_PAGE).does([
            set(APP, "a=1; Path=/"),
            set(APP, "a=2; Path=/; Domain=app.test"),
            read(APP),
            set(APP, "a=; Path=/; Max-Age=0"),
            read(APP),
        ]),
        scenario("a cookie is removed", APP_PAGE)
            .cookie(APP, "a=1; Path=/")
            .does([read(APP), set(APP, "a=; Max-Age=0; Path=/"), read(APP)]),
        scenario("a sandboxed frame gets SameSite=None only", APP_PAGE)
            .framed(Frame::Sandbox)
            .cookie(APP, "lax=1; SameSite=Lax; Path=/")
            .cookie(APP, "none=1; SameSite=None; Secure; Path=/")
            .does([read(APP).include()]),
        scenario("cookies along redirects", APP_PAGE)
            .cookie(BUCKET, "b=1; SameSite=None; Secure; Path=/")
            .does([
                fetch(
                    "GET",
                    &at(APP, "via").redirect(302, &at(BUCKET, "there").headers(ECHO)),
                ),
                fetch(
                    "GET",
                    &at(APP, "via").redirect(302, &at(BUCKET, "there").headers(CREDENTIALED)),
                )
                .include(),
            ]),
        scenario(
            "no cookies for one's own origin by way of another",
            APP_PAGE,
        )
        .cookie(APP, "a=1; Path=/")
        .does([fetch(
            "GET",
            &at(API, "via")
                .headers(ECHO)
                .redirect(302, &at(APP, "there").headers(ECHO)),
        )]),
        scenario("SameSite after a redirect through another site", APP_PAGE)
            .cookie(APP, "lax=1; SameSite=Lax; Path=/")
            .cookie(APP, "none=1; SameSite=None; Secure; Path=/")
            .does([fetch(
                "GET",
                &at(API, "via")
                    .headers(CREDENTIALED)
                    .redirect(302, &at(APP, "there").headers(CREDENTIALED)),
            )
            .include()]),
        scenario("a cookie without a name", APP_PAGE).does([
            set(APP, "alone; Path=/"),
            read(APP),
            set(APP, "=other; Path=/"),
            set(APP, "=; Path=/"),
            read(APP),
        ]),
        scenario("the older cookie goes first", APP_PAGE).does([
            set(APP, "site=1; Domain=app.test; Path=/"),
            set(APP, "host=1; Path=/"),
            set(APP, "site=2; Domain=app.test; Path=/"),
            set(APP, "deep=1; Path=/x"),
            read(APP),
        ]),
        scenario("attributes that are too long, or stand twice", APP_PAGE).does([
            set(APP, &format!("a=1; Path=/{}", "x".repeat(1023))),
            set(APP, &format!("b=1; Path=/; Path=/{}", "x".repeat(1024))),
            set(APP, "c=1; Path=/; Domain=other.test; Domain=app.test"),
            set(APP, "d=1; Path=/; Domain=app.test; Domain="),
            set(APP, "e=1; Path=/; Domain=app.test; Domain=other.test"),
            set(APP, "f=1; Path=/; Max-Age=0; Max-Age=60"),
            set(
                APP,
                "g=1; Path=/; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
            ),
            read(APP),
            read(SIBLING).include(),
        ]),
        scenario("prefixes of cookies that script does not see", APP_PAGE).does([
            set(APP, "__Http-a=1; Secure; Path=/"),
            set(APP, "__Http-b=1; Secure; HttpOnly; Path=/"),
            set(APP, "__Host-Http-c=1; Secure; Path=/"),
            set(APP, "__Host-Http-d=1; Secure; HttpOnly; Path=/"),
            set(APP, "__Host-Http-e=1; Secure; HttpOnly; Path=/x"),
            set(APP, "=__Host-f; Secure; Path=/"),
            set(APP, "__http-g=1; Path=/"),
            read(APP),
        ]),
    ]
}
