//! Exchanges that stay open: server-sent events and WebSockets.

use serde_json::json;

use super::{Protocol, Site};
use crate::gateway::ORIGIN;
use crate::upstreams::events::EVENTS;
use crate::upstreams::sockets::{CLOSING, PROTOCOL};

/// The API sends no event before the page has said that it got the one before: anybody on the way
/// who keeps one back stops all.
pub async fn events_arrive_one_by_one(protocol: Protocol) {
    let site = Site::start(protocol).await;
    let count = 2 * EVENTS + 1;
    let result = site.call("events", json!(count)).await;
    let sent: Vec<_> = (1..=count)
        .map(|number| format!("event {number}"))
        .collect();
    assert_eq!(result["seen"], json!(sent));

    // The API ends each stream after some events; the browser comes back and says where it was.
    assert_eq!(result["opened"], 3);
    let arrived = site.arrived();
    let streams = arrived.iter().filter(|request| request.method == "GET");
    let last: Vec<_> = streams
        .map(|request| request.header("last-event-id"))
        .collect();
    let resumed = [EVENTS, 2 * EVENTS].map(|last| Some(last.to_string()));
    assert_eq!(last, [&[None], &resumed[..]].concat());

    // The page has closed the last one, and the API hears of it.
    let mut open = site.upstreams.api.events.open.subscribe();
    open.wait_for(|open| *open == 0)
        .await
        .expect("the API lives");
}

/// By an upgrade (RFC 6455) or by an extended CONNECT (RFC 8441), which Chromium takes where it has an
/// HTTP/2 connection that offers it. The API sees the same either way.
pub async fn sockets_open_speak_and_close(protocol: Protocol) {
    let site = Site::start(protocol).await;
    let texts = ["hello", "", "€ and 𝄞"];
    let bytes = 300_000;
    for (end, code, reason) in [
        (json!({ "say": "close" }), CLOSING.0, CLOSING.1),
        (json!({ "code": 4002, "reason": "done" }), 4002, "done"),
    ] {
        let url = format!("{}/api/socket?a=%2F", ORIGIN.replace("https", "wss"));
        let told = json!({
            "url": url, "protocol": PROTOCOL, "texts": texts, "bytes": bytes, "end": end,
        });
        let result = site.call("socket", told).await;
        let mut heard = texts.map(|text| json!(text)).to_vec();
        heard.push(json!(bytes));
        assert_eq!(result["heard"], json!(heard));
        assert_eq!(result["protocol"], PROTOCOL);
        assert_eq!(result["code"], code, "{result}");
        assert_eq!(result["reason"], reason);
        assert_eq!(result["wasClean"], true);

        let arrived = site.arrived();
        let request = &arrived[0];
        assert_eq!((&*request.method, &*request.path), ("GET", "/prod/socket"));
        assert_eq!(request.header("upgrade").as_deref(), Some("websocket"));
        assert_eq!(request.header("origin").as_deref(), Some(ORIGIN));
        let via = request.header("via").unwrap_or_default();
        assert!(via.starts_with(protocol.via()), "{protocol:?}: {via}");
    }
    let mut closed = site.upstreams.api.sockets.closed.subscribe();
    let closed = closed.wait_for(|closed| closed.len() == 2).await;
    // The browser has answered the API's code with the same (RFC 6455 5.5.1), and sent its own.
    let closed = closed.expect("the API lives");
    let closed: Vec<_> = closed.iter().map(|(code, _)| *code).collect();
    assert_eq!(closed, [CLOSING.0, 4002]);
}
