//! How does an axum application keep other sites' pages from acting in its visitors' names?
//!
//!     cargo run --example guard_axum
//!     curl -i -X POST http://127.0.0.1:3000/transfer -H 'Origin: http://127.0.0.1:3000'     # its own page
//!     curl -i -X POST http://127.0.0.1:3000/transfer -H 'Origin: https://evil.example'      # 403
//!     curl -i -X POST http://127.0.0.1:3000/transfer -H 'Origin: https://spa.example.com'   # trusted by CORS
//!     curl -i -X POST http://127.0.0.1:3000/hook     -H 'Origin: https://evil.example'      # exempt
//!     curl -i http://127.0.0.1:3000/live -H 'Origin: https://evil.example' \
//!       -H 'Connection: Upgrade' -H 'Upgrade: websocket' \
//!       -H 'Sec-WebSocket-Version: 13' -H 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='     # 403
//!
//! Elsewhere it needs `axum` (`ws`) and `tokio` (`macros`, `net`, `rt-multi-thread`).

use std::error::Error;

use axum::Router;
use axum::extract::ws::{Message, WebSocketUpgrade};
use axum::http::Method;
use axum::response::Response;
use axum::routing::{any, get, post};
use same_origin::cors::{CorsLayer, CorsPolicy};
use same_origin::guard::{Exemption, Guard, GuardLayer};
use tokio::net::TcpListener;

fn layers() -> Result<(CorsLayer, GuardLayer), Box<dyn Error>> {
    let cors = CorsPolicy::builder()
        .allow_origins(["https://spa.example.com"])
        .allow_credentials(true)
        .build()?;
    let guard = Guard::builder()
        // Origins that may read with the visitor's cookies may write with them.
        .trust_cors(&cors)
        // Called by other servers, and signed by them.
        .dangerously_exempt([Exemption::new("/hook").methods([Method::POST])])
        // Behind a TLS terminator: .public_origins(["https://app.example.com"])
        .build()?;
    Ok((cors.into(), guard.into()))
}

/// A handshake that gets here is of a page that may open it.
async fn live(upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(async |mut socket| {
        let _gone = socket.send(Message::text("hello")).await;
    })
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (cors, guard) = layers()?;
    let app = Router::new()
        .route("/", get(async || "a page\n"))
        .route("/transfer", post(async || "done\n"))
        .route("/hook", post(async || "noted\n"))
        .route("/live", any(live))
        // The layer that is added last is the outermost: CORS answers preflights, and lets the pages
        // that it allows read a refusal.
        .layer(guard)
        .layer(cors);
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:3000".into());
    let listener = TcpListener::bind(address).await?;
    println!("listening on http://{}", listener.local_addr()?);
    Ok(axum::serve(listener, app).await?)
}
