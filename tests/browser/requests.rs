//! Deviations of real browsers that random requests have shown; `engines.rs` has the others.

use std::convert::Infallible;
use std::future::ready;

use http::Response;
use same_origin::browser::Engine::{self, Chromium, Firefox, Standard, WebKit};
use same_origin::browser::{Body, Exchange, Fetch, FetchErrorKind, Outcome, Page, Request, Web};
use tower::service_fn;

const PAGE: &str = "https://app.test/page";
const ENGINES: [Engine; 4] = [Standard, Chromium, Firefox, WebKit];

/// Two servers that allow all pages everything, but for the methods of preflights to `/unlisted` and all pages of those
/// to `/own`.
fn web(engine: Engine) -> Web {
    let server = service_fn(|request: http::Request<Body>| {
        let path = request.uri().path();
        let asks = request
            .headers()
            .contains_key("access-control-request-method");
        let response = match path {
            _ if asks => Response::builder().header("access-control-allow-headers", "*, x-a"),
            "/away" => Response::builder()
                .status(302)
                .header("location", "https://api.test/x"),
            "/home" => Response::builder()
                .status(307)
                .header("location", "https://app.test/own"),
            "/310" => Response::builder().status(310).header("location", "/x"),
            _ => Response::builder(),
        };
        let response = match path {
            "/unlisted" => response,
            _ => response.header("access-control-allow-methods", "PUT"),
        };
        let response = match path {
            "/own" if asks => response,
            _ => response.header("access-control-allow-origin", "*"),
        };
        ready(Ok::<_, Infallible>(
            response.body(String::new()).expect("a response"),
        ))
    });
    Web::new()
        .engine(engine)
        .origin("https://app.test", server)
        .origin("https://api.test", server)
}

/// A field of each request on the wire.
fn told(outcome: &Outcome, name: &str) -> Vec<Option<String>> {
    let field = |exchange: &Exchange| exchange.header(name);
    outcome.trace().requests().map(field).collect()
}

fn upload(page: &Page, method: &str, url: &str) -> Fetch {
    page.fetch(Request::new(method, url).body("x"))
        .upload_listener()
}

#[tokio::test]
async fn the_method_of_an_upload_is_listed() {
    for engine in ENGINES {
        let page = web(engine).page(PAGE);
        let outcome = upload(&page, "PUT", "https://api.test/unlisted")
            .send()
            .await;
        let kind = outcome.error().map(|error| error.kind().clone());
        let expected = FetchErrorKind::MethodNotAllowed("PUT".into());
        assert_eq!(kind, (engine != Standard).then_some(expected), "{engine:?}");
        // A safelisted one need not be, and the permission is remembered all the same.
        for preflights in [1, 0] {
            let outcome = upload(&page, "POST", "https://api.test/unlisted")
                .send()
                .await;
            assert!(outcome.response().is_ok(), "{engine:?}");
            assert_eq!(outcome.trace().preflights(), preflights, "{engine:?}");
        }
    }
}

#[tokio::test]
async fn an_upload_without_a_body() {
    for engine in ENGINES {
        for method in ["GET", "POST"] {
            let request = Request::new(method, "https://api.test/x");
            let page = web(engine).page(PAGE);
            let outcome = page.fetch(request).upload_listener().send().await;
            let expected = usize::from(engine != Chromium);
            assert_eq!(outcome.trace().preflights(), expected, "{engine:?}");
        }
    }
}

#[tokio::test]
async fn client_hints_behind_a_redirect() {
    let some = |text: &str| Some(text.to_owned());
    for engine in ENGINES {
        let page = web(engine).page(PAGE);
        let request = Request::get("/away")
            .header("dpr", "2")
            .header("save-data", "on");
        let outcome = page.fetch(request).send().await;
        let last = |name| told(&outcome, name).pop().flatten();
        assert_eq!(
            last("dpr"),
            some("2").filter(|_| engine != Chromium),
            "{engine:?}"
        );
        assert_eq!(last("save-data"), some("on"), "{engine:?}");
    }
}

#[tokio::test]
async fn a_condition_of_an_xml_http_request() {
    for (engine, first, then) in [
        (Standard, None, Some("no-cache")),
        (Chromium, Some("max-age=0"), Some("max-age=0")),
        (Firefox, None, None),
        (WebKit, None, Some("no-cache")),
    ] {
        let page = web(engine).page(PAGE);
        let request = Request::post("https://api.test/x")
            .header("if-match", "x")
            .body("x");
        let outcome = page.fetch(request).upload_listener().send().await;
        let expected = [first, then].map(|text| text.map(str::to_owned));
        assert_eq!(told(&outcome, "cache-control"), expected, "{engine:?}");
    }
}

#[tokio::test]
async fn a_preflight_that_comes_home() {
    for engine in ENGINES {
        let page = web(engine).page(PAGE);
        let outcome = page
            .fetch(Request::put("https://api.test/home"))
            .send()
            .await;
        let is_allowed = outcome.response().is_ok();
        assert_eq!(is_allowed, engine == Firefox, "{engine:?}");
    }
}

#[tokio::test]
async fn referrers_of_a_sandboxed_frame() {
    let url = "https://api.test/x";
    for (engine, markup, font, fetch) in [
        (Standard, false, false, false),
        (Chromium, false, false, false),
        (Firefox, true, false, false),
        (WebKit, true, true, false),
    ] {
        let frame = web(engine).page(PAGE).sandboxed();
        for (asked, is_told) in [
            (frame.image(url), markup),
            (frame.script(url), markup),
            (frame.stylesheet(url), markup),
            (frame.beacon(url, "x"), markup),
            (frame.iframe(url), markup),
            (frame.font(url), font),
            (frame.fetch(url), fetch),
        ] {
            let referrer = told(&asked.send().await, "referer").pop().flatten();
            let expected = is_told.then(|| "https://app.test/".to_owned());
            assert_eq!(referrer, expected, "{engine:?}");
        }
        // A `data:` document has no address.
        let image = web(engine).page(PAGE).data().image(url).send().await;
        assert_eq!(told(&image, "referer"), [None], "{engine:?}");
    }
}

#[tokio::test]
async fn a_beacon_of_a_data_document() {
    for engine in ENGINES {
        let page = web(engine).page(PAGE).data();
        let outcome = page.beacon("https://api.test/x", "x").send().await;
        assert_eq!(
            told(&outcome, "origin"),
            [Some("null".to_owned())],
            "{engine:?}"
        );
    }
}

#[tokio::test]
async fn a_status_that_nobody_knows() {
    for engine in ENGINES {
        let outcome = web(engine)
            .page(PAGE)
            .fetch("https://api.test/310")
            .send()
            .await;
        let response = outcome.response().expect("a response");
        let expected = if engine == WebKit { 200 } else { 310 };
        assert_eq!(response.status(), expected, "{engine:?}");
    }
}

#[tokio::test]
async fn mixed_content_by_its_kind() {
    let page = web(Chromium).page(PAGE);
    let url = "http://plain.test/x";
    for (asked, noun) in [
        (page.fetch(url), "resource"),
        (page.fetch(url).upload_listener(), "XMLHttpRequest endpoint"),
        (page.script(url), "script"),
        (page.stylesheet(url), "stylesheet"),
    ] {
        let outcome = asked.send().await;
        let console = outcome
            .error()
            .map(same_origin::browser::FetchError::console);
        let wanted = format!("an insecure {noun} '{url}'");
        assert!(console.is_some_and(|said| said.contains(&wanted)), "{noun}");
    }
}
