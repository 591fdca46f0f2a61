//! Deviations of real browsers that no scenario shows: each was measured on its own.

use std::convert::Infallible;
use std::future::ready;

use http::Response;
use same_origin::browser::Engine::{self, Chromium, Firefox, Standard, WebKit};
use same_origin::browser::{
    Body, BodyInit, EmbedderPolicy, Exchange, FetchErrorKind, Form, Mode, Outcome, ReferrerPolicy,
    Request, Web,
};
use tower::service_fn;

use super::api::API;

const PAGE: &str = "https://app.test/page?x";

/// An API that all may use, at home too. `/via` leads to the page's origin; `/near` leads away from it and wants
/// the whole of the page's address told there.
fn web(engine: Engine) -> Web {
    let api = service_fn(|request: http::Request<Body>| {
        let response = Response::builder()
            .header("access-control-allow-origin", "*")
            .header("access-control-allow-headers", "*")
            .header("cross-origin-resource-policy", "cross-origin")
            .header("cache-control", "max-age=100");
        let response = match request.uri().path() {
            "/via" if request.method() != "OPTIONS" => response
                .status(302)
                .header("location", "https://app.test/x"),
            "/away" => response
                .status(307)
                .header("location", "https://api.test/via-none"),
            "/within" => response.status(308).header("location", "/away"),
            "/moved" if request.method() == "OPTIONS" => response.status(301),
            "/near" => response
                .status(302)
                .header("location", "https://api.test/x")
                .header("referrer-policy", "unsafe-url"),
            _ => response,
        };
        let response = response.body(String::new()).expect("a response");
        ready(Ok::<_, Infallible>(response))
    });
    Web::new()
        .engine(engine)
        .origin(API, api)
        .origin("http://api.test", api)
        .origin("https://app.test", api)
}

async fn empty(_: http::Request<Body>) -> Result<Response<String>, Infallible> {
    Ok(Response::default())
}

/// A field of each request on the wire.
fn told(outcome: &Outcome, name: &str) -> Vec<Option<String>> {
    let field = |exchange: &Exchange| exchange.header(name);
    outcome.trace().requests().map(field).collect()
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[tokio::test]
async fn a_preflight_to_plain_http_tells_its_mode() {
    for (engine, expected) in [(Standard, None), (Chromium, some("cors")), (Firefox, None)] {
        let page = web(engine).page("http://app.test");
        let request = Request::get("http://api.test/x").header("x-a", "1");
        let outcome = page.fetch(request).send().await;
        assert_eq!(told(&outcome, "sec-fetch-mode"), [expected, None]);
        assert_eq!(told(&outcome, "sec-fetch-site"), [None, None]);
    }
}

#[tokio::test]
async fn a_preflight_behind_a_redirect_tells_the_nearest_site() {
    let far = some("cross-site");
    let near = some("same-origin");
    for (engine, nearest) in [(Standard, &far), (Chromium, &near), (Firefox, &near)] {
        let request = Request::get(&*format!("{API}/via")).header("x-a", "1");
        let outcome = web(engine).page(PAGE).fetch(request).send().await;
        let sites = told(&outcome, "sec-fetch-site");
        assert_eq!(sites[..3], [far.clone(), far.clone(), nearest.clone()]);
    }
}

#[tokio::test]
async fn a_preflight_of_a_conditional_request_says_how_old() {
    for (engine, expected) in [
        (Standard, None),
        (Chromium, some("max-age=0")),
        (Firefox, some("no-cache")),
    ] {
        let request = Request::get(&*format!("{API}/x")).header("if-none-match", "x");
        let outcome = web(engine).page(PAGE).fetch(request).send().await;
        assert_eq!(told(&outcome, "cache-control")[0], expected, "{engine:?}");
    }
}

#[tokio::test]
async fn a_beacon_of_no_type_tells_none() {
    for (engine, preflights) in [(Standard, 1), (Chromium, 0), (Firefox, 1)] {
        for content_type in ["x", "text/plain, text/plain"] {
            let body = BodyInit::blob("x", content_type);
            let outcome = web(engine).page(PAGE).beacon(API, body).send().await;
            assert_eq!(outcome.trace().preflights(), preflights, "{engine:?}");
            assert_eq!(told(&outcome, "content-type"), [None], "{engine:?}");
        }
    }
}

#[tokio::test]
async fn an_unsafe_url_of_a_redirect() {
    for (engine, expected) in [
        (Standard, some(PAGE)),
        (Chromium, some(PAGE)),
        (Firefox, some("https://app.test/")),
        (WebKit, some("https://app.test/")),
    ] {
        let outcome = web(engine).page(PAGE).fetch("/near").send().await;
        assert_eq!(
            told(&outcome, "referer"),
            [some(PAGE), expected],
            "{engine:?}"
        );
    }
}

#[tokio::test]
async fn policies_that_tell_another_site_more() {
    let (full, origin) = (some(PAGE), some("https://app.test/"));
    for (engine, expected) in [
        (Standard, &full),
        (Chromium, &full),
        (Firefox, &origin),
        (WebKit, &origin),
    ] {
        for policy in [
            ReferrerPolicy::UnsafeUrl,
            ReferrerPolicy::NoReferrerWhenDowngrade,
        ] {
            let web = web(engine).origin("https://sub.app.test", service_fn(empty));
            let page = web.page(PAGE).referrer_policy(policy);
            for (fetch, expected) in [
                (page.fetch("https://api.test/1"), expected),
                (page.image("https://api.test/2"), expected),
                (page.iframe("https://api.test/3"), expected),
                (page.fetch("https://sub.app.test").mode(Mode::NoCors), &full),
                (page.navigate("https://api.test/4"), &full),
            ] {
                let told = told(&fetch.send().await, "referer");
                assert_eq!(
                    told,
                    std::slice::from_ref(expected),
                    "{engine:?} {policy:?}"
                );
            }
        }
        // Where it would be a downgrade, the default policy tells nothing.
        let web = web(engine).origin("http://localhost", service_fn(empty));
        let page = web.page(PAGE).referrer_policy(ReferrerPolicy::UnsafeUrl);
        let outcome = page.image("http://localhost").send().await;
        let expected = expected.clone().filter(|_| *expected == full);
        assert_eq!(told(&outcome, "referer"), [expected], "{engine:?}");
    }
}

#[tokio::test]
async fn this_machine_is_mixed_content() {
    for (engine, is_blocked) in [
        (Standard, false),
        (Chromium, false),
        (Firefox, false),
        (WebKit, true),
    ] {
        let web = web(engine)
            .origin("http://localhost:3000", service_fn(empty))
            .origin("http://127.0.0.1", service_fn(empty));
        let page = web.page(PAGE);
        for url in ["http://localhost:3000/", "http://127.0.0.1/"] {
            assert!(page.image(url).send().await.response().is_ok());
            let outcome = page.fetch(url).mode(Mode::NoCors).send().await;
            let kind = outcome.error().map(|error| error.kind());
            let expected = is_blocked.then_some(&FetchErrorKind::MixedContent);
            assert_eq!(kind, expected, "{engine:?} {url}");
        }
        let plain = web.page("http://localhost:3000");
        let outcome = plain.fetch("/x").mode(Mode::NoCors).send().await;
        assert!(outcome.response().is_ok(), "{engine:?}");
    }
}

#[tokio::test]
async fn a_beacon_says_how_old() {
    for (engine, expected) in [(Standard, None), (WebKit, some("max-age=0"))] {
        let outcome = web(engine).page(PAGE).beacon(API, "x").send().await;
        assert_eq!(told(&outcome, "cache-control"), [expected]);
    }
}

#[tokio::test]
async fn forms_of_webkit_are_not_as_its_fetches() {
    let own = || some("https://app.test");
    for (engine, there) in [(Firefox, own()), (WebKit, some("null"))] {
        let page = web(engine).page(PAGE);
        let form = || Form::post("/within");
        for fetch in [page.submit(form()), page.submit_in_frame(form())] {
            let expected = [own(), own(), there.clone()];
            assert_eq!(told(&fetch.send().await, "origin"), expected, "{engine:?}");
        }
        let request = Request::post("/within").body("x");
        let outcome = page.fetch(request).mode(Mode::NoCors).send().await;
        assert_eq!(told(&outcome, "origin"), [own(), own(), own()]);
    }
    // Script's POST tells its origin on when it becomes a GET, a form does not.
    let page = web(WebKit).page("https://api.test/");
    let (via, there) = ("https://api.test/near", some("https://api.test"));
    let outcome = page.fetch(Request::post(via)).send().await;
    assert_eq!(told(&outcome, "origin"), [there.clone(), there.clone()]);
    let page = web(WebKit).page("https://api.test/");
    let outcome = page.submit(Form::post(via)).send().await;
    assert_eq!(told(&outcome, "origin"), [there, None]);
}

#[tokio::test]
async fn redirects_through_another_site() {
    let moved = |to: &'static str| {
        service_fn(move |_| {
            let response = Response::builder().status(307).header("location", to);
            let response = response.body(String::new()).expect("a response");
            ready(Ok::<_, Infallible>(response))
        })
    };
    for (engine, window, frame) in [
        (Chromium, true, true),
        (Firefox, false, false),
        (WebKit, false, true),
    ] {
        for (framed, sent) in [(false, window), (true, frame)] {
            let web = web(engine).origin("https://other.test", moved("https://app.test/"));
            let strict = "a=1; Secure; SameSite=Strict";
            let set = web.set_cookie("https://app.test", strict);
            set.expect("a cookie");
            let page = web.page(PAGE);
            let fetch = match framed {
                true => page.iframe("https://other.test"),
                false => page.navigate("https://other.test"),
            };
            let cookies = told(&fetch.send().await, "cookie");
            let expected = sent.then(|| "a=1".to_owned());
            assert_eq!(cookies, [None, expected], "{engine:?} {framed}");
        }
    }
}

#[tokio::test]
async fn forms_say_how_old() {
    for (engine, expected) in [
        (Standard, None),
        (Chromium, some("max-age=0")),
        (WebKit, None),
    ] {
        let page = web(engine).page(PAGE);
        let post = page.submit(Form::post("/near"));
        let told_by = told(&post.send().await, "cache-control");
        assert_eq!(told_by, [expected.clone(), expected], "{engine:?}");
        let outcome = page.submit(Form::get("/x")).send().await;
        assert_eq!(told(&outcome, "cache-control"), [None], "{engine:?}");
    }
}

#[tokio::test]
async fn a_post_that_becomes_a_get_elsewhere_tells_no_origin() {
    for engine in [Standard, Chromium, Firefox, WebKit] {
        let request = Request::post("/near").body("x");
        let page = web(engine).page(PAGE);
        let outcome = page.fetch(request).mode(Mode::NoCors).send().await;
        let expected = [some("https://app.test"), None];
        assert_eq!(told(&outcome, "origin"), expected, "{engine:?}");
    }
}

#[tokio::test]
async fn a_page_that_takes_credentials_away_goes_past_the_cache() {
    let asked_anew = || vec![some("no-cache")];
    for (engine, first, again) in [
        (Standard, vec![None], vec![]),
        (Chromium, asked_anew(), asked_anew()),
        (Firefox, vec![None], vec![]),
    ] {
        let page = web(engine).page(PAGE);
        let page = page.embedder_policy(EmbedderPolicy::Credentialless);
        for expected in [first, again] {
            let outcome = page.fetch(API).mode(Mode::NoCors).send().await;
            for name in ["pragma", "cache-control"] {
                assert_eq!(told(&outcome, name), expected, "{engine:?}");
            }
        }
        // Its own origin keeps its credentials, and so does a request in mode cors.
        let cors = format!("{API}/cors");
        for fetch in [page.fetch("/x").mode(Mode::NoCors), page.fetch(&*cors)] {
            assert_eq!(told(&fetch.send().await, "pragma"), [None], "{engine:?}");
        }
    }
}

#[tokio::test]
async fn a_preflight_that_is_moved_to_nowhere() {
    use FetchErrorKind::{PreflightRedirect, PreflightStatus};
    let moved = http::StatusCode::MOVED_PERMANENTLY;
    for (engine, expected) in [
        (Standard, PreflightRedirect(moved)),
        (Chromium, PreflightStatus(moved)),
        (Firefox, PreflightRedirect(moved)),
    ] {
        let request = Request::put(&*format!("{API}/moved"));
        let outcome = web(engine).page(PAGE).fetch(request).send().await;
        let error = outcome.response().expect_err("no permission");
        assert_eq!(*error.kind(), expected, "{engine:?}");
    }
}

#[tokio::test]
async fn a_post_that_its_own_origin_sends_away() {
    let (own, null) = (some("https://app.test"), some("null"));
    for (engine, there) in [(Standard, &own), (Chromium, &null), (Firefox, &own)] {
        let page = web(engine).page(PAGE);
        let post = |path: &str| Request::post(path).body("x");
        for fetch in [
            page.fetch(post("/within")).mode(Mode::NoCors),
            page.beacon("/within", "x"),
            page.submit(Form::post("/within")),
            page.submit_in_frame(Form::post("/within")),
        ] {
            let origins = told(&fetch.send().await, "origin");
            assert_eq!(
                origins,
                [own.clone(), own.clone(), there.clone()],
                "{engine:?}"
            );
        }
        // With CORS it is the page.
        let origins = told(&page.fetch(post("/away")).send().await, "origin");
        assert_eq!(origins, [own.clone(), own.clone()], "{engine:?}");
    }
}
