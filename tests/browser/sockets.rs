//! WebSockets: what a handshake says, and which answers open it.

use axum::Router;
use axum::extract::ws::WebSocketUpgrade;
use axum::response::{AppendHeaders, IntoResponse};
use axum::routing::any;
use http::StatusCode;
use same_origin::browser::{FetchError, FetchErrorKind, Redirect, ResponseType, Web};

const APP: &str = "https://app.test";
const API: &str = "https://api.test";

#[tokio::test]
async fn sockets_open_where_the_server_says_so() {
    let answer = |status: u16, accept: &'static str| {
        Router::new().fallback(async move || {
            let fields = [
                ("upgrade", "websocket"),
                ("connection", "Upgrade"),
                ("sec-websocket-accept", accept),
                ("sec-websocket-protocol", "chat"),
                ("sec-websocket-extensions", "permessage-deflate"),
            ];
            (StatusCode::from_u16(status).expect("a status"), fields).into_response()
        })
    };
    const RIGHT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
    for (status, accept, opens) in [(101, RIGHT, true), (101, "x", false), (200, RIGHT, false)] {
        let web = Web::new().origin(API, answer(status, accept));
        let socket = web.page(APP).socket("wss://api.test/chat");
        let outcome = socket.protocols(["talk", "chat"]).send().await;
        assert_eq!(outcome.response().is_ok(), opens, "{status} {accept}");
        let request = outcome.trace().requests().next().expect("a request");
        let protocols = request.header("sec-websocket-protocol");
        assert_eq!(protocols.as_deref(), Some("talk, chat"));
        assert_eq!(request.header("origin").as_deref(), Some(APP));
        assert_eq!(request.header("upgrade").as_deref(), Some("websocket"));
        if opens {
            let response = outcome.response().expect("a response");
            assert_eq!(response.kind(), ResponseType::Socket);
            assert_eq!(
                response.header("sec-websocket-protocol").as_deref(),
                Some("chat")
            );
        }
    }
    // axum sees a handshake. It cannot switch, since nothing below it is a connection.
    let ws = Router::new().route(
        "/ws",
        any(async |ws: WebSocketUpgrade| ws.on_upgrade(async |_| {})),
    );
    let outcome = Web::new()
        .origin(API, ws)
        .page(APP)
        .socket("wss://api.test/ws")
        .send()
        .await;
    assert_eq!(
        outcome.error().expect("an error").console(),
        "WebSocket connection to 'wss://api.test/ws' failed: Error during WebSocket handshake: \
         Unexpected response code: 426"
    );
    for wrong in ["ftp://api.test/", "wss://api.test/#a", "wss://"] {
        let outcome = Web::new().page(APP).socket(wrong).send().await;
        assert!(matches!(
            outcome.error().expect("an error").kind(),
            FetchErrorKind::Script(_)
        ));
    }
}

/// In Chromium's words, and in the order of its checks.
#[tokio::test]
async fn sockets_are_refused_in_the_words_of_the_console() {
    const ACCEPT: (&str, &str) = ("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    const UPGRADE: (&str, &str) = ("upgrade", "websocket");
    const CONNECTION: (&str, &str) = ("connection", "keep-alive, Upgrade");
    const PROTOCOL: (&str, &str) = ("sec-websocket-protocol", "graphql-ws");
    const DEFLATE: (&str, &str) = ("sec-websocket-extensions", "permessage-deflate; x=1");
    const FOO: (&str, &str) = ("sec-websocket-extensions", "foo");
    type Fields = &'static [(&'static str, &'static str)];
    const BASE: Fields = &[UPGRADE, CONNECTION, ACCEPT];
    let cases: &[(u16, &[&str], Fields, Fields, &str)] = &[
        (101, &[], BASE, &[], ""),
        (101, &[], BASE, &[DEFLATE], ""),
        (101, &["graphql-ws"], BASE, &[PROTOCOL], ""),
        (
            302,
            &[],
            BASE,
            &[("location", "/login")],
            "Unexpected response code: 302",
        ),
        (200, &[], BASE, &[], "Unexpected response code: 200"),
        (
            101,
            &[],
            &[CONNECTION, ACCEPT],
            &[],
            "'Upgrade' header is missing",
        ),
        (
            101,
            &[],
            &[CONNECTION, ACCEPT],
            &[("upgrade", "h2c")],
            "'Upgrade' header value is not 'WebSocket': h2c",
        ),
        (
            101,
            &[],
            &[UPGRADE, ACCEPT],
            &[],
            "'Connection' header is missing",
        ),
        (
            101,
            &[],
            &[UPGRADE, ACCEPT],
            &[("connection", "close")],
            "'Connection' header value must contain 'Upgrade'",
        ),
        (
            101,
            &[],
            &[UPGRADE, CONNECTION],
            &[],
            "'Sec-WebSocket-Accept' header is missing",
        ),
        (
            101,
            &[],
            BASE,
            &[ACCEPT],
            "'Sec-WebSocket-Accept' header must not appear more than once in a response",
        ),
        (
            101,
            &[],
            BASE,
            &[PROTOCOL],
            "Response must not include 'Sec-WebSocket-Protocol' header if not present in request: graphql-ws",
        ),
        (
            101,
            &["chat"],
            BASE,
            &[PROTOCOL],
            "'Sec-WebSocket-Protocol' header value 'graphql-ws' in response does not match any of sent values",
        ),
        (
            101,
            &["graphql-ws"],
            BASE,
            &[PROTOCOL, PROTOCOL],
            "'Sec-WebSocket-Protocol' header must not appear more than once in a response",
        ),
        (
            101,
            &["chat"],
            BASE,
            &[],
            "Sent non-empty 'Sec-WebSocket-Protocol' header but no response was received",
        ),
        (
            101,
            &[],
            BASE,
            &[FOO],
            "Found an unsupported extension 'foo' in 'Sec-WebSocket-Extensions' header",
        ),
        (
            101,
            &[],
            BASE,
            &[DEFLATE, DEFLATE],
            "Received duplicate permessage-deflate response",
        ),
    ];
    for (status, protocols, base, more, expected) in cases {
        let answer = Router::new().fallback(async || {
            let status = StatusCode::from_u16(*status).expect("a status");
            let lines = [*base, *more].concat();
            (status, AppendHeaders(lines)).into_response()
        });
        let page = Web::new().origin(API, answer).page(APP);
        let socket = page.socket("wss://api.test/x");
        let outcome = socket.protocols(protocols.iter().copied()).send().await;
        let told = outcome.error().map(FetchError::console);
        let expected = (!expected.is_empty()).then(|| {
            let failed = "WebSocket connection to 'wss://api.test/x' failed";
            format!("{failed}: Error during WebSocket handshake: {expected}")
        });
        assert_eq!(told, expected, "{protocols:?}");
    }
}

#[tokio::test]
async fn subprotocols_are_tokens_and_not_repeated() {
    let told = async |names: &[&str]| {
        let socket = Web::new().page(APP).socket("wss://api.test/x");
        let outcome = socket.protocols(names.iter().copied()).send().await;
        outcome.error().expect("an error").console()
    };
    const FAILED: &str = "SyntaxError: Failed to construct 'WebSocket': The subprotocol";
    for (names, what) in [
        (&["a b"][..], "'a b' is invalid."),
        (&["a", ""], "'' is invalid."),
        (&["a", "b", "a"], "'a' is duplicated."),
    ] {
        assert_eq!(told(names).await, format!("{FAILED} {what}"));
    }
    let fetch = Web::new().page(APP).fetch(API).protocols(["a"]);
    let outcome = fetch.send().await;
    let kind = outcome.error().expect("an error").kind();
    assert!(matches!(kind, FetchErrorKind::Setup(_)), "{kind:?}");
}

/// WebSockets #concept-websocket-establish: the cache mode is `no-store`.
#[tokio::test]
async fn the_cache_does_not_answer_handshakes() {
    for status in [200, 301] {
        let cached = Router::new().fallback(async move || {
            let fields = [("cache-control", "max-age=60"), ("location", "/y")];
            (StatusCode::from_u16(status).expect("a status"), fields)
        });
        let page = Web::new().origin(APP, cached).page(APP);
        page.fetch("/x").redirect(Redirect::Manual).send().await;
        for _ in 0..2 {
            let outcome = page.socket("wss://app.test/x").send().await;
            let handshake = outcome.trace().requests().next().expect("a request");
            for (name, value) in [
                ("cache-control", "no-cache"),
                ("pragma", "no-cache"),
                (
                    "sec-websocket-extensions",
                    "permessage-deflate; client_max_window_bits",
                ),
            ] {
                assert_eq!(handshake.header(name).as_deref(), Some(value));
            }
        }
    }
}
