//! How does an axum application let the pages of another origin use it?
//!
//!     cargo run --example cors_axum
//!     curl -i http://127.0.0.1:3000/items -H 'Origin: https://app.example.com'     # allowed, may read
//!     curl -i http://127.0.0.1:3000/items -H 'Origin: https://evil.example'        # answered, may not read
//!     curl -i -X OPTIONS http://127.0.0.1:3000/items/7 -H 'Origin: https://app.example.com' \
//!       -H 'Access-Control-Request-Method: PUT'                                    # the preflight of a PUT
//!
//! Elsewhere it needs `axum` and `tokio` (`macros`, `net`, `rt-multi-thread`).

use std::error::Error;
use std::time::Duration;

use axum::Router;
use axum::extract::Path;
use axum::http::{Method, header};
use axum::routing::{get, put};
use same_origin::cors::CorsPolicy;
use tokio::net::TcpListener;

async fn save(Path(id): Path<u32>) -> String {
    format!("item {id} saved\n")
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let cors = CorsPolicy::builder()
        // The second one is for pages that you develop: leave it out of what you deploy.
        .allow_origins(["https://app.example.com", "http://localhost:*"])
        .allow_credentials(true)
        .allow_methods(Method::PUT)
        .allow_headers(header::CONTENT_TYPE)
        .max_age(Duration::from_secs(600))
        .layer()?; // all errors at once; nothing can fail afterwards
    let app = Router::new()
        .route("/items", get(|| async { "item 7\n" }))
        .route("/items/{id}", put(save))
        // Around all routes, so that pages can read errors, too.
        .layer(cors);
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:3000".into());
    let listener = TcpListener::bind(address).await?;
    println!("listening on http://{}", listener.local_addr()?);
    Ok(axum::serve(listener, app).await?)
}
