//! WebSockets: what a handshake says, and which answers open it.

use axum::Router;
use http::StatusCode;
use same_origin::browser::{Redirect, Web};

const APP: &str = "https://app.test";

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
