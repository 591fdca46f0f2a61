//! A world on real sockets: one port of the loopback for all names, with and without TLS, and by SOCKS.

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use crate::browsers::Reach;
use crate::identity::Identity;
use crate::support::world::World;

/// Serves until dropped.
pub struct Served {
    /// For a browser.
    pub reach: Reach,
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
        let reach = Reach {
            address,
            names: "*.test",
            pin,
        };
        Self { reach, accepting }
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

/// A TLS connection starts with the byte 22, an HTTP request with a letter, SOCKS with its version.
async fn serve(mut stream: TcpStream, tls: TlsAcceptor, https: Router, http: Router) {
    let mut first = first_byte(&stream).await;
    if first == Some(5) {
        if relay_to_here(&mut stream).await.is_err() {
            return;
        }
        first = first_byte(&stream).await;
    }
    match first {
        None => {}
        Some(22) => {
            // Chromium probes connections and drops them.
            if let Ok(stream) = tls.accept(stream).await {
                serve_http(stream, https).await;
            }
        }
        Some(_) => serve_http(stream, http).await,
    }
}

async fn first_byte(stream: &TcpStream) -> Option<u8> {
    let mut first = [0];
    matches!(stream.peek(&mut first).await, Ok(1)).then_some(first[0])
}

/// RFC 1928: grants whoever asks without authentication a connection to any name, which is this one.
async fn relay_to_here(stream: &mut TcpStream) -> std::io::Result<()> {
    let mut greeting = [0; 2];
    stream.read_exact(&mut greeting).await?;
    stream.read_exact(&mut vec![0; greeting[1].into()]).await?;
    stream.write_all(&[5, 0]).await?;
    let mut asked = [0; 4];
    stream.read_exact(&mut asked).await?;
    let length = match asked[3] {
        1 => 4,
        3 => stream.read_u8().await?.into(),
        _ => 16,
    };
    let mut address = vec![0; length + 2];
    stream.read_exact(&mut address).await?;
    stream.write_all(&[5, 0, 0, 1, 127, 0, 0, 1, 0, 0]).await
}

/// HTTP/1.1 or HTTP/2, whichever the client begins with.
pub async fn serve_http(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, app: Router) {
    let connection = Builder::new(TokioExecutor::new());
    // A connection that the browser cuts is none of the test's business.
    let _ = connection
        .serve_connection_with_upgrades(TokioIo::new(stream), TowerToHyperService::new(app))
        .await;
}
