//! The upstream and the proxies, each on a thread and a runtime of its own.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::mpsc;

use axum::Router;
use axum::extract::ws::WebSocketUpgrade;
use axum::routing::{any, get, post};
use axum::serve::ListenerExt;
use bytes::Bytes;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderName, HeaderValue, Request, Uri};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo};
use same_origin::proxy::{Peer, ReverseProxy};
use tokio::net::{TcpListener, TcpStream};
use tower_service::Service as _;

use crate::meter::Meter;

/// A server on a thread, which lives as long as the program.
#[derive(Clone)]
pub struct Server {
    pub address: SocketAddr,
    pub meter: Meter,
}

impl Server {
    fn start<F: Future>(serve: impl FnOnce(TcpListener) -> F + Send + 'static) -> Self {
        let (ready, started) = mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = { runtime }.enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
                let address = listener.local_addr().expect("an address");
                let meter = Meter::this_thread();
                ready
                    .send(Self { address, meter })
                    .expect("the main thread");
                serve(listener).await;
            });
        });
        started.recv().expect("a server")
    }
}

async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    let (stream, peer) = listener.accept().await.expect("a connection");
    stream.set_nodelay(true).expect("no delay");
    (stream, peer)
}

/// An upstream that answers what the cases ask for.
pub fn upstream() -> Server {
    let app = application();
    Server::start(|listener| serve_axum(listener, app))
}

/// So many upstreams on one thread, as one thread for each would be woken for each answer.
pub fn upstreams(count: usize) -> Vec<SocketAddr> {
    let app = application();
    let (tell, told) = mpsc::channel();
    let first = Server::start(async move |listener| {
        for _ in 1..count {
            let another = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            tell.send(another.local_addr().expect("an address"))
                .expect("the main thread");
            tokio::spawn(serve_axum(another, app.clone()));
        }
        drop(tell);
        serve_axum(listener, app).await;
    });
    std::iter::once(first.address).chain(told).collect()
}

fn application() -> Router {
    let small = Bytes::from(vec![b'x'; 128]);
    let medium = Bytes::from(vec![b'x'; 16 * 1024]);
    let large = Bytes::from(vec![b'x'; 1024 * 1024]);
    let fields: Vec<_> = (0..20)
        .map(|n| {
            let name = format!("x-upstream-{n}");
            let value = HeaderValue::from_static("a value of the usual length");
            (HeaderName::try_from(name).expect("a name"), value)
        })
        .collect();
    let with_fields = small.clone();
    Router::new()
        .route("/small", get(|| async { small }))
        .route("/16k", get(|| async { medium }))
        .route("/1m", get(|| async { large }))
        .route("/echo", post(|body: Bytes| async { body }))
        .route(
            "/fields",
            get(|| async {
                let mut response = http::Response::new(axum::body::Body::from(with_fields));
                response.headers_mut().extend(fields);
                response
            }),
        )
        .route("/ws", any(echo))
}

async fn echo(upgrade: WebSocketUpgrade) -> axum::response::Response {
    upgrade.on_upgrade(async |mut socket| {
        while let Some(Ok(message)) = socket.recv().await {
            if socket.send(message).await.is_err() {
                return;
            }
        }
    })
}

async fn serve_axum(listener: TcpListener, app: Router) {
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, app).await.expect("to serve");
}

/// hyper's server and hyper-util's pooling client with nothing between but the authority: not a correct
/// proxy, and the base of all ratios.
pub fn bare(upstream: SocketAddr) -> Server {
    let authority = Authority::try_from(upstream.to_string()).expect("an authority");
    Server::start(move |listener| async move {
        let client = Client::builder(TokioExecutor::new()).build_http::<Incoming>();
        loop {
            let (stream, _) = accept(&listener).await;
            let (client, authority) = (client.clone(), authority.clone());
            let service = service_fn(move |mut request: Request<Incoming>| {
                let mut uri = http::uri::Parts::default();
                uri.scheme = Some(Scheme::HTTP);
                uri.authority = Some(authority.clone());
                let path = request.uri().path_and_query().cloned();
                uri.path_and_query = path.or(Some(PathAndQuery::from_static("/")));
                *request.uri_mut() = Uri::from_parts(uri).expect("a URI");
                client.request(request)
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    })
}

pub fn axum_reverse_proxy(upstream: SocketAddr) -> Server {
    let proxy = axum_reverse_proxy::ReverseProxy::new("/", format!("http://{upstream}"));
    Server::start(|listener| serve_axum(listener, proxy.into()))
}

fn ours(upstream: SocketAddr) -> ReverseProxy {
    ReverseProxy::new("/", format!("http://{upstream}")).expect("a proxy")
}

pub fn ours_in_hyper(upstream: SocketAddr) -> Server {
    let proxy = ours(upstream);
    Server::start(move |listener| async move {
        loop {
            let (stream, peer) = accept(&listener).await;
            let (proxy, peer) = (proxy.clone(), Peer::new(peer));
            let service = service_fn(move |mut request: Request<Incoming>| {
                request.extensions_mut().insert(peer.clone());
                proxy.clone().call(request)
            });
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            tokio::spawn(connection.with_upgrades());
        }
    })
}

pub fn ours_in_axum(upstream: SocketAddr) -> Server {
    let app = Router::new().fallback_service(ours(upstream));
    Server::start(|listener| serve_axum(listener, app))
}
