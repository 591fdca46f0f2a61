//! How does an axum router answer pages of another origin as a Lambda function, behind any of its front doors?
//!
//! ```sh
//! cargo run -p lambda                                   # the same router over a socket, to try it
//! curl -i http://127.0.0.1:3000/items -H 'Origin: https://app.example.com'
//! ```
//!
//! The README says how it is deployed and what each front door needs; `template.yaml` has all four.

use std::error::Error;
use std::time::Duration;

use axum::Router;
use axum::extract::Path;
use axum::response::{AppendHeaders, Redirect};
use axum::routing::{get, post, put};
use http::header::SET_COOKIE;
use same_origin::cors::{CorsBuilder, CorsLayer, CorsPolicy};
use same_origin::guard::{Guard, GuardLayer};

/// The settings in `CORS`, as JSON, or those of the example.
fn settings() -> Result<CorsBuilder, serde_json::Error> {
    match std::env::var("CORS") {
        Ok(text) => serde_json::from_str(&text),
        Err(_) => Ok(CorsPolicy::builder()
            .allow_origins(["https://app.example.com"])
            .allow_credentials(true)
            .allow_methods(["PUT"])
            .allow_headers(["content-type"])
            .max_age(Duration::from_secs(600))),
    }
}

fn app(cors: &CorsPolicy) -> Result<Router, Box<dyn Error + Send + Sync>> {
    let guard = Guard::builder().trust_cors(cors).build()?;
    let cookies = [
        (SET_COOKIE, "seen=1"),
        (SET_COOKIE, "item=7; Path=/items; Secure"),
    ];
    Ok(Router::new()
        .route("/", get(async || "the root\n"))
        .route("/items", get(async || "item 7\n"))
        .route(
            "/items/{id}",
            put(async |Path(id): Path<u32>| format!("item {id} saved\n")),
        )
        .route(
            "/login",
            post(async move || (AppendHeaders(cookies), "welcome\n")),
        )
        .route("/old", get(async || Redirect::permanent("/items")))
        .layer(GuardLayer::from(guard)))
}

// One thread: a function has one event at a time.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let cors = settings()?.build()?;
    // Outermost, it answers preflights, which no front door has to do.
    lambda::serve(app(&cors)?, CorsLayer::from(cors)).await
}
