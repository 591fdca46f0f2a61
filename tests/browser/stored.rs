//! Responses that the HTTP cache keeps, or not, for what became of their fetch or for the page that asked.

use std::convert::Infallible;
use std::future::ready;

use http::Response;
use same_origin::browser::{Body, Engine, Mode, Web};
use tower::service_fn;

use super::api::API;

/// Answers each request with this head, and with CORS for everybody if it is asked for `/open`.
fn web(status: u16, policy: &'static str) -> Web {
    let api = service_fn(move |request: http::Request<Body>| {
        let response = Response::builder()
            .status(status)
            .header("cache-control", "max-age=60")
            .header("location", "/elsewhere")
            .header("cross-origin-resource-policy", policy);
        let response = match request.uri().path() {
            "/open" => response.header("access-control-allow-origin", "*"),
            _ => response,
        };
        let response = response.body(String::new()).expect("a response");
        ready(Ok::<_, Infallible>(response))
    });
    Web::new().origin(API, api)
}

/// Fetch #http-network-or-cache-fetch step 10.5: the response is stored before it is checked.
#[tokio::test]
async fn a_redirect_that_is_refused_is_stored() {
    use Engine::{Chromium, Firefox, Standard};
    for (status, mode, policy, engine, arrives_again) in [
        (302, Mode::Cors, "cross-origin", Standard, false),
        (302, Mode::Cors, "cross-origin", Chromium, false),
        (302, Mode::Cors, "cross-origin", Firefox, true),
        (302, Mode::NoCors, "same-origin", Standard, false),
        (302, Mode::NoCors, "same-origin", Chromium, false),
        (302, Mode::NoCors, "same-origin", Firefox, true),
        // The body of another response is not read, so that it is not whole.
        (200, Mode::Cors, "cross-origin", Standard, true),
        (200, Mode::Cors, "cross-origin", Chromium, true),
    ] {
        let web = web(status, policy).engine(engine);
        let page = web.page("https://app.test");
        for is_cached in [false, !arrives_again] {
            let outcome = page.fetch(API).mode(mode).send().await;
            let name = format!("{status} {mode:?} {engine:?}");
            assert!(outcome.error().is_some(), "{name}");
            let sent = outcome.trace().requests().count();
            assert_eq!(sent == 0, is_cached, "{name}");
        }
    }
}

/// Fetch #http-cache-partitions: an opaque origin has a partition of its own; Chromium gives it none.
#[tokio::test]
async fn a_sandboxed_page_has_a_cache_of_its_own_or_none() {
    for (engine, hits) in [
        (Engine::Standard, true),
        (Engine::Chromium, false),
        (Engine::Firefox, true),
    ] {
        let web = web(200, "cross-origin").engine(engine);
        let page = web.page("https://app.test").sandboxed();
        let url = format!("{API}/open");
        for is_cached in [false, hits] {
            let outcome = page.fetch(&*url).send().await;
            let sent = outcome.trace().requests().count();
            assert_eq!(sent == 0, is_cached, "{engine:?}");
        }
    }
}
