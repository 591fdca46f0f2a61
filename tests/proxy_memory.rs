//! Memory that a connection of HTTP/2 keeps after its messages.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use same_origin::proxy::{Peer, ReverseProxy};
use tokio::net::{TcpListener, TcpStream};
use tower::Service;

/// As many messages as have more new fields than HPACK's dynamic table remembers (RFC 7541 4.2: 4,096 bytes).
const MESSAGES: usize = 80;
const BODY: usize = 64 * 1024;
/// The most that may stay of them: two connections with their tables and read buffers. With the buffers that the
/// values came in it is more than ten times as much.
const MOST: i64 = 768 * 1024;

/// A value that no other message has.
fn new_value() -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    format!("value-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

fn large() -> Full<Bytes> {
    Full::new(Bytes::from(vec![b'x'; BODY]))
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// An upstream whose every answer has a field that is new.
async fn upstream() -> SocketAddr {
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = hyper::service::service_fn(async |request: Request<Incoming>| {
                request.into_body().collect().await.unwrap();
                let response = Response::builder().header("x-new", new_value());
                Ok::<_, Infallible>(response.body(large()).unwrap())
            });
            tokio::spawn(async move {
                let server = auto::Builder::new(TokioExecutor::new());
                let _ = server.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    address
}

async fn proxy(upstream: String) -> SocketAddr {
    let (listener, address) = listen().await;
    let proxy = ReverseProxy::new("/api", upstream).unwrap();
    tokio::spawn(async move {
        while let Ok((stream, client)) = listener.accept().await {
            let (proxy, peer) = (proxy.clone(), Peer::new(client));
            let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
                request.extensions_mut().insert(peer.clone());
                proxy.clone().call(request)
            });
            tokio::spawn(async move {
                let server = auto::Builder::new(TokioExecutor::new());
                let _ = server.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    address
}

fn request() -> Request<Full<Bytes>> {
    let request = Request::post("http://app.example/api/x").header("host", "app.example");
    request.header("x-new", new_value()).body(large()).unwrap()
}

/// The bytes that are left of some messages while the connections are open. All of it is one thread.
fn left_of(messages: impl AsyncFnOnce()) -> i64 {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let measured = allocation_counter::measure(|| runtime.block_on(messages()));
    measured.bytes_current
}

#[test]
fn a_client_of_http2_keeps_no_buffers_of_an_upstream_of_http1() {
    let left = left_of(async || {
        let server = proxy(format!("http://{}", upstream().await)).await;
        let stream = TokioIo::new(TcpStream::connect(server).await.unwrap());
        let (mut client, connection) = conn::http2::handshake(TokioExecutor::new(), stream)
            .await
            .unwrap();
        tokio::spawn(connection);
        for _ in 0..MESSAGES {
            let answer = client.send_request(request()).await.unwrap();
            assert_eq!(answer.status(), 200);
            answer.into_body().collect().await.unwrap();
        }
        // The connection stays open as long as the runtime.
        std::mem::forget(client);
    });
    assert!(left < MOST, "{left}");
}

#[test]
fn an_upstream_of_http2_keeps_no_buffers_of_a_client_of_http1() {
    let left = left_of(async || {
        let server = proxy(format!("h2c://{}", upstream().await)).await;
        let stream = TokioIo::new(TcpStream::connect(server).await.unwrap());
        let (mut client, connection) = conn::http1::handshake(stream).await.unwrap();
        tokio::spawn(connection);
        for _ in 0..MESSAGES {
            client.ready().await.unwrap();
            let answer = client.send_request(request()).await.unwrap();
            assert_eq!(answer.status(), 200);
            answer.into_body().collect().await.unwrap();
        }
        std::mem::forget(client);
    });
    assert!(left < MOST, "{left}");
}
