//! Bodies: their length and type, and streams.

use std::convert::Infallible;

use axum::Router;
use http_body::Body as _;
use http_body_util::BodyExt;
use same_origin::browser::{Body, BodyInit, FetchErrorKind, Mode, Request, Web};
use tower::service_fn;

use super::api::{API, open, web};

#[tokio::test]
async fn bodies_have_their_length_and_type() {
    let web = web();
    let page = web.page("https://app.test");
    let sent = async |request: Request| {
        let outcome = page.fetch(request).send().await;
        let exchange = outcome
            .trace()
            .requests()
            .last()
            .expect("a request")
            .clone();
        (
            exchange.header("content-length"),
            exchange.header("content-type"),
        )
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(sent(Request::get(API)).await, (None, None));
    assert_eq!(sent(Request::post(API)).await, (some("0"), None));
    assert_eq!(
        sent(Request::post(API).body("abc")).await,
        (some("3"), some("text/plain;charset=UTF-8"))
    );
    assert_eq!(
        sent(Request::post(API).body(vec![1, 2])).await,
        (some("2"), None)
    );
    assert_eq!(
        sent(
            Request::post(API)
                .body("a=b")
                .header("content-type", "application/x-www-form-urlencoded")
        )
        .await,
        (some("3"), some("application/x-www-form-urlencoded"))
    );
}

#[tokio::test]
async fn a_stream_is_preflighted_and_cannot_be_sent_twice() {
    for (status, kind) in [
        (302, Some(&FetchErrorKind::BodyNotReplayable)),
        (307, Some(&FetchErrorKind::BodyNotReplayable)),
        (303, None),
    ] {
        let redirecting = Router::new().fallback(async move |method: http::Method| {
            let status = if method == "OPTIONS" { 200 } else { status };
            let headers = [
                ("access-control-allow-origin", "*"),
                ("location", "https://api.test/y"),
            ];
            (
                http::StatusCode::from_u16(status).expect("a status"),
                headers,
            )
        });
        let web = Web::new()
            .origin("https://first.test", redirecting)
            .origin(API, open());
        let request = Request::post("https://first.test/x").body("x");
        let outcome = web
            .page("https://app.test")
            .fetch(request)
            .streaming()
            .send()
            .await;
        assert_eq!(outcome.error().map(|error| error.kind()), kind, "{status}");
        assert_eq!(
            outcome.trace().preflights(),
            if kind.is_none() { 2 } else { 1 },
            "{status}"
        );
    }
}

/// Fetch #http-network-or-cache-fetch step 8.8: the length of a stream is null.
#[tokio::test]
async fn a_stream_has_no_length() {
    let api = service_fn(|request: http::Request<Body>| async move {
        let exact = request.body().size_hint().exact();
        let told = request.headers().get("content-length").cloned();
        let body = request.into_body().collect().await?.to_bytes();
        let answer = http::Response::builder()
            .header("access-control-allow-origin", "*")
            .header("access-control-allow-methods", "*")
            .body(format!("{exact:?} {told:?} {body:?}"));
        Ok::<_, Infallible>(answer.expect("a response"))
    });
    let page = Web::new().origin(API, api).page("https://app.test");
    let put = || page.fetch(Request::put(API).body("hello"));
    for (fetch, seen) in [
        (put(), "Some(5) Some(\"5\") b\"hello\""),
        (put().streaming(), "None None b\"hello\""),
    ] {
        let outcome = fetch.send().await;
        assert_eq!(outcome.response().expect("a response").text(), seen);
    }
}

#[tokio::test]
async fn values_are_trimmed_and_streams_are_for_cors() {
    let web = web();
    let page = web.page("https://app.test");
    let outcome = page
        .fetch(Request::get(API).header("accept", " a b\t"))
        .send()
        .await;
    assert_eq!(
        outcome
            .trace()
            .requests()
            .next()
            .expect("a request")
            .header("accept")
            .as_deref(),
        Some("a b")
    );
    let stream = page
        .fetch(Request::post(API).body("x"))
        .streaming()
        .mode(Mode::NoCors);
    assert!(matches!(
        stream.send().await.error().map(|error| error.kind()),
        Some(FetchErrorKind::Script(_))
    ));
}

/// Fetch #dom-request: the type of a body passes the guard of mode `no-cors` as a header of script's does.
#[tokio::test]
async fn a_body_without_cors_tells_a_safelisted_type_only() {
    let page = web().page("https://app.test");
    for (content_type, told) in [
        ("application/json", None),
        ("text/html", None),
        ("text/plain; x=\"y\"", None),
        ("text/plain;x=y", Some("text/plain;x=y")),
        ("multipart/form-data", Some("multipart/form-data")),
    ] {
        let request = Request::post(API).body(BodyInit::blob("{}", content_type));
        let outcome = page.fetch(request).mode(Mode::NoCors).send().await;
        let requests: Vec<_> = outcome.trace().requests().collect();
        assert_eq!(requests.len(), 1, "{content_type}");
        let seen = requests[0].header("content-type");
        assert_eq!(seen.as_deref(), told, "{content_type}");
    }
}

/// Fetch #http-network-or-cache-fetch step 8.10.
#[tokio::test]
async fn beacons_are_short() {
    let page = web().page("https://app.test");
    for (length, is_sent) in [(65_536, true), (65_537, false)] {
        let outcome = page.beacon(API, vec![b'a'; length]).send().await;
        assert_eq!(outcome.trace().requests().count() == 1, is_sent);
        let kind = outcome.error().map(|error| error.kind().clone());
        let too_long = FetchErrorKind::BeaconTooLong(length);
        assert_eq!(kind, (!is_sent).then_some(too_long));
    }
    // A fetch without `keepalive` is not bounded like that.
    let long = Request::post(API).body(vec![b'a'; 70_000]);
    assert!(page.fetch(long).send().await.response().is_ok());
}

/// Beacon #sec-processing-model: a type that is not safelisted makes the mode `cors`, be it of a form.
#[tokio::test]
async fn a_beacon_of_an_unsafe_type_is_preflighted() {
    let long = format!("text/plain;x={}", "y".repeat(116));
    let page = web().page("https://app.test");
    for (content_type, told, preflights) in [
        ("application/json", Some("application/json"), 1),
        ("text/plain; x=\"y\"", None, 1),
        ("multipart/form-data; boundary=\"x\"", None, 1),
        (&*long, None, 1),
        (&long[..128], Some(&long[..128]), 0),
        ("text/plain, text/plain", None, 1),
        ("Text/Plain", Some("text/plain"), 0),
        ("", None, 0),
        ("application/j\u{f6}n", None, 0),
    ] {
        let body = BodyInit::blob("{}", content_type);
        let outcome = page.beacon(API, body).send().await;
        assert_eq!(outcome.trace().preflights(), preflights, "{content_type}");
        let mut requests = outcome.trace().requests();
        let post = requests.find(|request| !request.is_preflight());
        // The answer to the preflight is `*`, which is not for requests with credentials.
        if preflights == 0 {
            let post = post.expect("a request");
            assert_eq!(post.header("content-type").as_deref(), told);
        } else {
            assert!(post.is_none());
            let kind = outcome.error().expect("an error").kind();
            assert_eq!(kind, &FetchErrorKind::WildcardWithCredentials);
        }
    }
}
