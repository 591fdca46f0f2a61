//! A world on real sockets: one port of the loopback for all names, with and without TLS.

use std::net::SocketAddr;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use crate::identity::Identity;
use crate::support::world::World;

/// Serves until dropped.
pub struct Served {
    address: SocketAddr,
    pin: String,
    accepting: JoinHandle<()>,
}

impl Served {
    pub async fn start(world: &World) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .expect("a free port");
        let address = listener.local_addr().expect("the port");
        let identity = Identity::new(&["*.test", "*.app.test"]);
        let (pin, tls) = (identity.pin(), identity.acceptor(&[]));
        let (https, http) = (by_host(world, "https"), by_host(world, "http"));
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, tls.clone(), https.clone(), http.clone()));
            }
        });
        Self {
            address,
            pin,
            accepting,
        }
    }

    /// The command line that makes Chromium find these servers and trust them.
    pub fn chromium_args(&self) -> [String; 2] {
        [
            format!("--host-resolver-rules=MAP *.test {}", self.address),
            format!("--ignore-certificate-errors-spki-list={}", self.pin),
        ]
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// One service for all origins of a scheme, told apart by `Host`.
fn by_host(world: &World, scheme: &str) -> Router {
    let sites = world.sites.clone();
    let scheme = scheme.to_owned();
    Router::new().fallback(async move |request: axum::extract::Request| {
        let host = request
            .headers()
            .get("host")
            .and_then(|host| host.to_str().ok())
            .unwrap_or_default();
        match sites.get(&*format!("{scheme}://{host}")) {
            Some(app) => app.clone().oneshot(request).await,
            None => Ok(axum::response::IntoResponse::into_response(
                http::StatusCode::NOT_FOUND,
            )),
        }
    })
}

/// A TLS connection starts with the byte 22, an HTTP request with a letter.
async fn serve(stream: TcpStream, tls: TlsAcceptor, https: Router, http: Router) {
    let mut first = [0];
    if !matches!(stream.peek(&mut first).await, Ok(1)) {
        return;
    }
    match first[0] {
        22 => {
            // Chromium probes connections and drops them.
            if let Ok(stream) = tls.accept(stream).await {
                serve_http(stream, https).await;
            }
        }
        _ => serve_http(stream, http).await,
    }
}

/// HTTP/1.1 or HTTP/2, whichever the client begins with.
pub async fn serve_http(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, app: Router) {
    let connection = Builder::new(TokioExecutor::new());
    // A connection that the browser cuts is none of the test's business.
    let _ = connection
        .serve_connection_with_upgrades(TokioIo::new(stream), TowerToHyperService::new(app))
        .await;
}
