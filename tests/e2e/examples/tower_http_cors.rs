//! A server whose CORS is tower-http's layer, right at `/ok` and wrong at the other paths: the peer of
//! `cors_check`. `tower_http_cors CERT KEY`; prints its port.

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use http::header::AUTHORIZATION;
use http::{HeaderValue, Method, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tower_http::cors::{Any, CorsLayer};

const APP: HeaderValue = HeaderValue::from_static("https://app.example.com");

/// All that the page needs.
fn cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin([APP])
        .allow_methods([Method::PUT])
        .allow_headers([AUTHORIZATION])
}

fn at(path: &str, cors: CorsLayer) -> Router {
    Router::new().route(path, any("here")).layer(cors)
}

/// Authentication, which lets preflights through.
async fn tokens(request: Request, next: Next) -> Response {
    let known = request.headers().contains_key(AUTHORIZATION);
    match known || request.method() == Method::OPTIONS {
        true => next.run(request).await,
        false => StatusCode::UNAUTHORIZED.into_response(),
    }
}

fn app() -> Router {
    let stranger = HeaderValue::from_static("https://www.example.com");
    let open = CorsLayer::new().allow_origin(Any).allow_methods(Any);
    Router::new()
        .merge(at("/ok", cors().allow_credentials(true)))
        .merge(at("/anonymous", cors()))
        .merge(at("/stranger", cors().allow_origin([stranger])))
        .merge(at("/method", cors().allow_methods([Method::DELETE])))
        .merge(at("/header", cors().allow_headers([])))
        .merge(at("/any", open.allow_headers(Any)))
        .merge(at("/inside", cors()).layer(from_fn(tokens)))
}

#[tokio::main]
async fn main() {
    let files: Vec<_> = std::env::args().skip(1).collect();
    let chain = CertificateDer::pem_file_iter(&files[0]).expect("a certificate");
    let chain = chain.collect::<Result<_, _>>().expect("a certificate");
    let key = PrivateKeyDer::from_pem_file(&files[1]).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("a pair");
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
    let listener = listener.expect("a port");
    println!("{}", listener.local_addr().expect("an address").port());
    let service = TowerToHyperService::new(app());
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        let (acceptor, service) = (acceptor.clone(), service.clone());
        tokio::spawn(async move {
            let Ok(stream) = acceptor.accept(stream).await else {
                return;
            };
            let builder = Builder::new(TokioExecutor::new());
            // A client that goes away is not of interest.
            let _ = builder
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}
