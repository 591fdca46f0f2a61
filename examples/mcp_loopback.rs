//! How does a tool server on this machine keep web pages from driving it?
//!
//! Any page can send requests to `http://127.0.0.1:3000`, and a page whose name is rebound to 127.0.0.1 can
//! read the answers, too. To be reachable is all the authority there is, so that the guard is strict, and
//! answers to the names of this machine alone.
//!
//!     cargo run --example mcp_loopback
//!     curl -i http://127.0.0.1:3000/mcp -H 'Content-Type: application/json' \
//!       -d '{"jsonrpc":"2.0","id":1,"method":"tools/list"}'                                 # a program
//!     curl -i http://127.0.0.1:3000/mcp -H 'Origin: https://evil.example' -d '{}'           # a page: 403
//!     curl -i http://127.0.0.1:3000/mcp -H 'Host: evil.example' -d '{}'                     # rebound: 421
//!
//! Elsewhere it needs `axum`, `http`, `serde_json` and `tokio` (`macros`, `net`, `rt-multi-thread`).

use std::error::Error;

use axum::routing::post;
use axum::{Json, Router};
use same_origin::guard::{Guard, GuardError, GuardErrors, GuardLayer, Mode, RefusalPage};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// Refuses all that a page can make, in the words of the protocol.
fn guard() -> Result<GuardLayer<impl RefusalPage<axum::body::Body> + Clone>, GuardErrors> {
    let guard = Guard::builder()
        .mode(Mode::Strict)
        .hosts(["127.0.0.1", "[::1]", "localhost"])
        .build()?;
    let page = |error: &GuardError, _: &http::request::Parts| {
        let error = json!({ "code": -32600, "message": error.to_string() });
        let body = json!({ "jsonrpc": "2.0", "id": null, "error": error }).to_string();
        let json = http::HeaderValue::from_static("application/json");
        let mut response = http::Response::new(body.into());
        response
            .headers_mut()
            .insert(http::header::CONTENT_TYPE, json);
        response
    };
    Ok(GuardLayer::new(guard).page(page))
}

/// A server of the Model Context Protocol with one tool, as far as it matters here.
async fn call(Json(request): Json<Value>) -> Json<Value> {
    let result = match request["method"].as_str() {
        Some("tools/list") => {
            json!({ "tools": [{ "name": "uptime", "inputSchema": { "type": "object" } }] })
        }
        Some("tools/call") => json!({ "content": [{ "type": "text", "text": "up" }] }),
        _ => json!({}),
    };
    Json(json!({ "jsonrpc": "2.0", "id": request["id"], "result": result }))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // On the router as a whole, so that it covers what no route matches as well.
    let app = Router::new()
        .route("/mcp", post(call))
        .fallback(async || http::StatusCode::NOT_FOUND)
        .layer(guard()?);
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:3000".into());
    let listener = TcpListener::bind(address).await?;
    println!("listening on http://{}", listener.local_addr()?);
    Ok(axum::serve(listener, app).await?)
}
