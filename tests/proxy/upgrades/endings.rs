//! How tunnels end when one side vanishes.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use same_origin::proxy::{Body, HeldByTunnel, ReverseProxy, Tunnels};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tower::ServiceBuilder;

use super::{open, start};
use crate::support::fields;

async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(20), future)
        .await
        .expect("an end")
}

/// A client that writes and does not read: only its writes tell it.
#[tokio::test]
async fn who_writes_to_an_upstream_that_was_reset_is_told() {
    let tunnels = Tunnels::new();
    for resets in [true, false, true, false] {
        let (mut client, mut upstream) = open(&tunnels).await;
        let gone = tokio::spawn(async move {
            upstream.read_exact(&mut vec![0; 1 << 20]).await.unwrap();
            if resets {
                upstream.set_zero_linger().unwrap();
            }
            // As a crash does, with something unread.
        });
        let block = vec![0; 64 * 1024];
        within(async { while client.write_all(&block).await.is_ok() {} }).await;
        gone.await.unwrap();
        within(tunnels.closed()).await;
    }
}

/// Both ends of a WebSocket by HTTP/2.
async fn by_http_2(tunnels: &Tunnels) -> (h2::SendStream<Bytes>, h2::RecvStream, TcpStream) {
    let (server, listener) = start(tunnels).await;
    let stream = TcpStream::connect(server).await.unwrap();
    let (mut client, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    // Until the server's settings are here.
    while !client.is_extended_connect_protocol_enabled() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let request = Request::builder()
        .method(Method::CONNECT)
        .uri("http://app.example/api/ws")
        .extension(h2::ext::Protocol::from_static("websocket"))
        .header("sec-websocket-version", "13");
    let (answer, client) = client
        .send_request(request.body(()).unwrap(), false)
        .unwrap();
    let (mut upstream, _) = listener.accept().await.unwrap();
    let seen = super::head(&mut upstream).await;
    let proof = super::proof(fields(&seen, "sec-websocket-key")[0]);
    let switch =
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n";
    let switch = format!("{switch}sec-websocket-accept: {proof}\r\n\r\n");
    upstream.write_all(switch.as_bytes()).await.unwrap();
    let answer = within(answer).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    (client, answer.into_body(), upstream)
}

/// RFC 8441 5: END_STREAM is what FIN is, and RST_STREAM with CANCEL what RST is.
#[tokio::test]
async fn a_reset_stream_is_over_and_a_closed_one_half() {
    let tunnels = Tunnels::new();
    for _ in 0..10 {
        let (mut client, _answers, mut upstream) = by_http_2(&tunnels).await;
        client.send_data("hi".into(), false).unwrap();
        assert_eq!(super::read(&mut upstream, 2).await, b"hi");
        client.send_reset(h2::Reason::CANCEL);
        // The upstream keeps its side open.
        within(tunnels.closed()).await;
    }
    let (mut client, mut answers, mut upstream) = by_http_2(&tunnels).await;
    client.send_data("hi".into(), true).unwrap();
    assert_eq!(super::read(&mut upstream, 2).await, b"hi");
    assert_eq!(upstream.read(&mut [0]).await.unwrap(), 0);
    tokio::time::sleep(Duration::from_millis(100)).await;
    upstream.write_all(b"late").await.unwrap();
    assert_eq!(within(answers.data()).await.unwrap().unwrap(), "late");
    assert_eq!(tunnels.count(), 1);
}

/// One of those that are counted.
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(count))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// For as long as the tunnel, and no longer than the request where it opens none.
#[tokio::test]
async fn what_a_server_counts_is_held_by_the_tunnel() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let proxy = ReverseProxy::builder("/api", url).build().unwrap();
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let introduced = ServiceBuilder::new()
        .map_request(move |mut request: Request<Incoming>| {
            let held = HeldByTunnel::new(Counted::new(&counted));
            request.extensions_mut().insert(held);
            request.map(Body::new)
        })
        .service(proxy);
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = server.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = server.accept().await {
            let service = TowerToHyperService::new(introduced.clone());
            let server = hyper::server::conn::http1::Builder::new();
            let served = server.serve_connection(TokioIo::new(stream), service);
            tokio::spawn(served.with_upgrades());
        }
    });
    let held = || count.load(Ordering::Relaxed);
    let mut client = TcpStream::connect(address).await.unwrap();
    for is_opened in [false, true] {
        client.write_all(super::OFFER.as_bytes()).await.unwrap();
        let (mut upstream, _) = listener.accept().await.unwrap();
        super::head(&mut upstream).await;
        assert_eq!(held(), 1);
        if !is_opened {
            let refusal = b"HTTP/1.1 403 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            upstream.write_all(refusal).await.unwrap();
            super::head(&mut client).await;
            assert_eq!(held(), 0);
            continue;
        }
        upstream.write_all(super::SWITCHED).await.unwrap();
        super::head(&mut client).await;
        client.write_all(b"hi").await.unwrap();
        assert_eq!(super::read(&mut upstream, 2).await, b"hi");
        assert_eq!(held(), 1);
    }
    drop(client);
    within(async {
        while held() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}
