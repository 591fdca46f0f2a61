//! The interface for a test's author: mistakes, relative URLs, cookies, traces, time.

use std::time::Duration;

use axum::Router;
use axum::response::{IntoResponse, Redirect};
use axum::routing::any;
use bytes::Bytes;
use http::HeaderMap;
use same_origin::browser::{Credentials, Event, FetchErrorKind, Mode, Request, ResponseType, Web};

pub const API: &str = "https://api.test";

/// Sends `*` and what it was sent.
pub fn open() -> Router {
    Router::new().fallback(async |headers: HeaderMap, body: Bytes| {
        let length = headers
            .get("content-length")
            .cloned()
            .unwrap_or("none".parse().expect("a value"));
        (
            [
                ("access-control-allow-origin", "*"),
                ("access-control-allow-headers", "x-a"),
            ],
            [("x-length", length)],
            body,
        )
    })
}

pub fn web() -> Web {
    Web::new().origin(API, open())
}

#[tokio::test]
async fn mistakes_come_back_all_at_once_and_say_what_to_write() {
    let web = Web::new()
        .origin("https://api.test/v1", open())
        .origin("api.test", open());
    let outcome = web
        .page("app.test")
        .fetch(
            Request::get(API)
                .header("no name", "x")
                .header("x-a", "a\nb"),
        )
        .send()
        .await;

    let FetchErrorKind::Setup(mistakes) = outcome.error().expect("an error").kind() else {
        panic!("{:?}", outcome.error());
    };
    assert_eq!(mistakes.len(), 5, "{mistakes:#?}");
    assert_eq!(
        mistakes[0],
        "`https://api.test/v1` is not an origin; write `https://api.test`"
    );
    assert_eq!(
        mistakes[1],
        "`api.test` is not an origin; write one like `https://api.example.com`"
    );
    assert_eq!(
        mistakes[2],
        "`app.test` is not the URL of a page; write one like `https://app.example.com`"
    );
    assert_eq!(outcome.trace().requests().count(), 0);
}

#[tokio::test]
async fn a_request_is_whatever_can_be_one() {
    let web = web();
    let page = web.page("https://app.test/a/b");
    for request in [
        Request::from("https://api.test/x"),
        Request::from(String::from("https://api.test/x")),
        Request::from(http::Request::get("https://api.test/x")),
        Request::from(
            http::Request::get("https://api.test/x")
                .body(())
                .expect("a request"),
        ),
    ] {
        assert!(page.fetch(request).send().await.response().is_ok());
    }
    let put = http::Request::post("https://api.test/x")
        .header("x-a", "1")
        .body("text")
        .expect("a request");
    let outcome = page.fetch(put).send().await;
    assert_eq!(outcome.response().expect("a response").text(), "text");
    assert_eq!(outcome.trace().preflights(), 1);
    assert!(matches!(
        page.fetch(http::Request::get("https://api.test/x y"))
            .send()
            .await
            .error()
            .map(|error| error.kind()),
        Some(FetchErrorKind::Setup(_))
    ));
}

#[tokio::test]
async fn urls_are_relative_to_the_page() {
    let web = Web::new().origin("https://app.test", Router::new().route("/a/c", any("here")));
    let page = web.page("https://app.test/a/b?q#f");

    let outcome = page.fetch("c?x#y").send().await;
    let response = outcome.response().expect("a response");
    assert_eq!(
        (response.kind(), &*response.text()),
        (ResponseType::Basic, "here")
    );
    assert_eq!(
        response.url().expect("a URL").as_str(),
        "https://app.test/a/c?x"
    );
    assert_eq!(
        outcome
            .trace()
            .requests()
            .next()
            .expect("a request")
            .header("referer")
            .as_deref(),
        Some("https://app.test/a/b?q")
    );

    let script =
        |outcome: same_origin::browser::Outcome| outcome.error().expect("an error").to_string();
    assert!(script(page.data().fetch("c").send().await).contains("Failed to parse URL from c"));
    assert!(
        script(page.fetch("https://u:p@app.test/").send().await).contains("includes credentials")
    );
    assert!(
        script(page.fetch("data:text/plain,x").send().await)
            .contains("URL scheme \"data\" is not supported")
    );
}

#[tokio::test]
async fn images_of_addresses_are_not_upgraded() {
    let web = Web::new().origin("https://10.0.0.1", open());
    let outcome = web
        .page("https://app.test")
        .image("http://10.0.0.1/x")
        .send()
        .await;
    assert_eq!(
        outcome.error().map(|error| error.kind()),
        Some(&FetchErrorKind::MixedContent)
    );
}

#[tokio::test]
async fn a_second_preflight_renews_what_it_repeats() {
    let api = Router::new().fallback(async |headers: HeaderMap| {
        let asked = headers.get("access-control-request-headers").cloned();
        let names = asked.unwrap_or_else(|| "accept".parse().expect("a value"));
        let always = [
            ("access-control-allow-origin", "*"),
            ("access-control-allow-methods", "PUT"),
            ("access-control-max-age", "10"),
        ];
        (always, [("access-control-allow-headers", names)])
    });
    let web = Web::new().origin(API, api);
    let page = web.page("https://app.test");
    let preflights = async |name: &'static str| {
        page.fetch(Request::put(API).header(name, "1"))
            .send()
            .await
            .trace()
            .preflights()
    };
    assert_eq!(preflights("accept").await, 1);
    web.advance(Duration::from_secs(8));
    assert_eq!(preflights("x-a").await, 1);
    web.advance(Duration::from_secs(8));
    assert_eq!(
        preflights("accept").await,
        0,
        "the second answer listed PUT again"
    );
}

#[tokio::test]
async fn fragments_go_along_redirects_that_have_none() {
    let web = Web::new().origin(
        API,
        Router::new().fallback(async |uri: http::Uri| match uri.path() {
            "/end" => "end".into_response(),
            "/own" => Redirect::to("/end#own").into_response(),
            _ => Redirect::to("/end").into_response(),
        }),
    );
    let page = web.page(API);
    for (url, kept) in [
        ("/#a", "https://api.test/end#a"),
        ("/own#a", "https://api.test/end#own"),
    ] {
        let outcome = page.fetch(url).send().await;
        assert_eq!(
            outcome
                .trace()
                .requests()
                .last()
                .expect("a request")
                .url()
                .as_str(),
            kept
        );
        assert_eq!(
            outcome
                .response()
                .expect("a response")
                .url()
                .expect("a URL")
                .as_str(),
            "https://api.test/end"
        );
    }
}

#[tokio::test]
async fn profiles_are_shared_by_windows_and_left_by_incognito() {
    let web = web();
    web.set_cookie(API, "a=1; SameSite=None; Secure; Max-Age=60")
        .expect("a cookie");
    assert_eq!(web.clone().cookies(API).as_deref(), Some("a=1"));
    assert_eq!(web.incognito().cookies(API), None);
    assert_eq!(
        web.set_cookie(API, "a=1; SameSite=None"),
        Err("SameSite=None needs Secure")
    );
    web.advance(Duration::from_secs(61));
    assert_eq!(web.cookies(API), None);
}

#[tokio::test]
async fn third_party_cookies_can_be_blocked() {
    let web = Web::new().third_party_cookies(false).origin(API, open());
    web.set_cookie(API, "a=1; SameSite=None; Secure")
        .expect("a cookie");
    let cookie = async |page: &str| {
        let outcome = web
            .page(page)
            .fetch(API)
            .mode(Mode::NoCors)
            .credentials(Credentials::Include)
            .send()
            .await;
        outcome
            .trace()
            .requests()
            .next()
            .expect("a request")
            .header("cookie")
    };
    assert_eq!(cookie("https://app.test").await, None);
    assert_eq!(cookie("https://www.api.test").await.as_deref(), Some("a=1"));
}

#[tokio::test]
async fn the_trace_tells_the_story() {
    let page = web().page("https://app.test");
    let outcome = page
        .fetch(Request::put("https://api.test/x").header("x-a", "1"))
        .send()
        .await;

    let trace = outcome.trace();
    assert!(matches!(trace.events().last(), Some(Event::Console(_))));
    let failed: Vec<_> = trace
        .checks()
        .filter(|check| !check.passed())
        .map(|check| check.clause())
        .collect();
    assert_eq!(failed, ["Fetch #cors-preflight-fetch step 7.5"]);
    assert_eq!(
        trace.to_string(),
        "\
fetch PUT https://api.test/x from https://app.test (mode cors, credentials same-origin)
  ok  another origin, method PUT, header x-a: a preflight is needed [Fetch #main-fetch step 12]
> OPTIONS https://api.test/x (preflight)
    accept: */*
    access-control-request-method: PUT
    access-control-request-headers: x-a
    referer: https://app.test/
    origin: https://app.test
    sec-fetch-dest: empty
    sec-fetch-mode: cors
    sec-fetch-site: cross-site
    host: api.test
    user-agent: Mozilla/5.0 (same-origin; simulated)
< 200 OK
    content-type: application/octet-stream
    access-control-allow-origin: *
    access-control-allow-headers: x-a
    x-length: none
    content-length: 0
  NO  the answer to the preflight: access-control-allow-methods [Fetch #cors-preflight-fetch step 7.5]
! Access to fetch at 'https://api.test/x' from origin 'https://app.test' has been blocked by CORS policy: Method PUT is not allowed by Access-Control-Allow-Methods in preflight response.
"
    );
    let error = outcome.error().expect("an error");
    assert!(error.in_preflight());
    assert_eq!(
        error.header().expect("a header"),
        "access-control-allow-methods"
    );
    assert!(
        error
            .to_string()
            .ends_with("(access-control-allow-methods; Fetch #cors-preflight-fetch step 7.5)")
    );
}
