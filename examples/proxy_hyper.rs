//! How is the reverse proxy used without axum, on bare hyper?
//!
//!     python3 -m http.server --bind 127.0.0.1 8000 &
//!     cargo run --example proxy_hyper
//!     curl -i http://127.0.0.1:3000/files/Cargo.toml   # http://127.0.0.1:8000/Cargo.toml
//!     curl -i http://127.0.0.1:3000/elsewhere          # 404, here
//!     curl -i http://127.0.0.1:3000/files/..%2fsecret  # 400: not everybody reads it as below /files
//!
//! Elsewhere it needs `http`, `hyper` (`http1`, `server`), `hyper-util` (`tokio`), `tower` (`util`) and `tokio` (`macros`,
//! `net`, `rt-multi-thread`, `time`).

use std::convert::Infallible;
use std::error::Error;
use std::time::Duration;

use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use same_origin::proxy::{Body, Peer, ReverseProxy};
use tokio::net::TcpListener;
use tokio::time::sleep;
use tower::ServiceExt;

async fn answer(
    files: ReverseProxy,
    peer: Peer,
    mut request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    if request.uri().path().starts_with("/files/") {
        request.extensions_mut().insert(peer); // for X-Forwarded-For and -Proto
        return files.oneshot(request).await; // cannot fail: a failure is a response
    }
    let mut response = Response::new(Body::from("nothing here\n"));
    *response.status_mut() = StatusCode::NOT_FOUND;
    Ok(response)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let address = args.next().unwrap_or("127.0.0.1:3000".into());
    let upstream = args.next().unwrap_or("http://127.0.0.1:8000".into());
    let files = ReverseProxy::new("/files", upstream)?;
    let listener = TcpListener::bind(address).await?;
    println!("listening on http://{}", listener.local_addr()?);
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                eprintln!("accept: {error}"); // no file descriptors left, say: they come back
                sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let (files, peer) = (files.clone(), Peer::new(peer));
        let service = service_fn(move |request| answer(files.clone(), peer.clone(), request));
        tokio::spawn(async move {
            let connection = http1::Builder::new()
                .timer(TokioTimer::new()) // slow heads are cut off
                .serve_connection(TokioIo::new(stream), service)
                .with_upgrades(); // WebSockets pass
            if let Err(error) = connection.await {
                eprintln!("connection: {error}");
            }
        });
    }
}
