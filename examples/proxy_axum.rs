//! How do a page and an API that runs elsewhere get one origin, in an axum application?
//!
//!     cargo run --example proxy_axum
//!     curl -i http://127.0.0.1:3000/                   # the page, which asks its own origin
//!     curl -i 'http://127.0.0.1:3000/api/items?x=1'    # the API's /prod/items?x=1, no CORS anywhere
//!     curl -i http://127.0.0.1:3000/api/login          # its cookie and redirect come back under /api
//!
//! Elsewhere it needs `axum` and `tokio` (`macros`, `net`, `rt-multi-thread`).

use std::error::Error;
use std::net::SocketAddr;

use axum::Router;
use axum::http::Uri;
use axum::http::header::SET_COOKIE;
use axum::response::{Html, Redirect};
use axum::routing::get;
use same_origin::proxy::ReverseProxy;
use tokio::net::TcpListener;

const PAGE: &str = "<!doctype html><title>One origin</title><pre></pre><script>
fetch('/api/items?x=1').then((r) => r.text()).then((t) => document.querySelector('pre').append(t))
</script>";

/// The API that runs elsewhere: below a base path, as behind an API gateway's stage.
async fn start_api() -> Result<SocketAddr, Box<dyn Error>> {
    let items = async |uri: Uri| format!("the API was asked for {uri}\n");
    let cookie = [(SET_COOKIE, "session=abc; Path=/prod; HttpOnly")];
    let login = async move || (cookie, Redirect::to("/prod/items"));
    let api = Router::new()
        .route("/prod/items", get(items))
        .route("/prod/login", get(login));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, api).await });
    Ok(address)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let api = ReverseProxy::new("/api", format!("http://{}/prod", start_api().await?))?;
    let app = Router::new()
        .route("/", get(async || Html(PAGE)))
        .nest_service("/api", api);
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:3000".into());
    let listener = TcpListener::bind(address).await?;
    println!("listening on http://{}", listener.local_addr()?);
    // With the client's address, so that the API is told it in X-Forwarded-For.
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    Ok(axum::serve(listener, app).await?)
}
