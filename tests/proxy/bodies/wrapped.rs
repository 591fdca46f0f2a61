//! Bodies that do not say whether they are empty, as layers put them around those of a server.

use crate::support::{Upstream, exchange, fields, reply, serve};
use bytes::Bytes;
use futures_util::stream;
use http::Request;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper_util::client::legacy;
use hyper_util::rt::TokioExecutor;
use same_origin::proxy::{Body, Client, ReverseProxy};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tower::{Service, ServiceBuilder, ServiceExt};

/// A body that hands its hints on as little as that of `tower_http::timeout::RequestBodyTimeoutLayer` does.
struct Wrapped<B>(B);

impl<B: http_body::Body + Unpin> http_body::Body for Wrapped<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.0).poll_frame(cx)
    }
}

/// A proxy behind such a layer, served.
async fn serve_wrapped(proxy: ReverseProxy) -> SocketAddr {
    let wrap = |request: Request<Incoming>| request.map(Wrapped);
    serve(ServiceBuilder::new().map_request(wrap).service(proxy)).await
}

const METHODS: [&str; 4] = ["GET", "HEAD", "DELETE", "OPTIONS"];

#[tokio::test]
async fn a_request_without_content_stays_one() {
    let upstream = Upstream::start(|seen| {
        let reply = reply("");
        let is_head = seen.head.starts_with("HEAD");
        reply[..reply.len() - if is_head { 2 } else { 0 }].to_vec()
    });
    let upstream = upstream.await;
    let proxy = ReverseProxy::builder("/api", upstream.url("")).refuse_unexpected_content(true);
    let proxy = proxy.build().unwrap();
    let server = serve_wrapped(proxy.clone()).await;
    for method in METHODS {
        for length in ["", "content-length: 0\r\n"] {
            let head = format!("{method} /api/x HTTP/1.1\r\nhost: a\r\nconnection: close\r\n");
            let answer = exchange(server, format!("{head}{length}\r\n")).await;
            assert_eq!(answer.status, 200, "{method} {length}");
        }
        let client = legacy::Client::builder(TokioExecutor::new())
            .http2_only(true)
            .build_http::<Body>();
        let request = Request::builder().method(method);
        let request = request.uri(format!("http://{server}/api/x"));
        let request = request.body(Body::empty()).unwrap();
        let by_http2 = client.request(request).await.unwrap();
        assert_eq!(by_http2.status(), 200, "{method}");
    }
    for seen in upstream.seen() {
        let named = ["connection", "transfer-encoding"];
        assert!(
            named.iter().all(|name| seen.all(name).is_empty()),
            "{seen:?}"
        );
    }
    assert_eq!(proxy.connections(), 1);
    let content =
        "GET /api/x HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 1\r\n\r\nx";
    assert_eq!(exchange(server, content).await.status, 400);
}

#[tokio::test]
async fn a_websocket_opens() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = serve_wrapped(ReverseProxy::new("/api", url).unwrap()).await;
    let mut client = TcpStream::connect(server).await.unwrap();
    let offer =
        "GET /api/ws HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
    client.write_all(offer.as_bytes()).await.unwrap();
    let (mut upstream, _) = listener.accept().await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(upstream.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    assert_eq!(fields(&head, "upgrade"), ["websocket"]);
    assert_eq!(fields(&head, "connection"), ["upgrade"]);
}

/// A body that says nothing of itself. The first of its frames is there at once, or later.
fn unclear(is_late: bool) -> Body {
    let frames = stream::once(async move {
        if is_late {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok::<_, Infallible>(Frame::data(Bytes::from_static(b"hel")))
    });
    let more = stream::iter([Ok(Frame::data(Bytes::from_static(b"lo")))]);
    let frames = futures_util::StreamExt::chain(frames, more);
    Body::new(StreamBody::new(Box::pin(frames)))
}

/// As those of a program are, and those of a layer that has decoded a body and taken its length away.
#[tokio::test]
async fn content_without_a_field_is_sent() {
    let upstream = Upstream::ok().await;
    let proxy = ReverseProxy::new("/api", upstream.url("")).unwrap();
    for (method, is_late) in [
        ("GET", false),
        ("DELETE", false),
        ("DELETE", true),
        ("OPTIONS", true),
        ("POST", false),
        ("POST", true),
    ] {
        let request = Request::builder().method(method).uri("/api/x");
        let request = request.body(unclear(is_late)).unwrap();
        let answer = proxy.clone().oneshot(request).await.unwrap();
        assert_eq!(answer.status(), 200, "{method} {is_late}");
        answer.into_body().collect().await.unwrap();
        let seen = upstream.seen().pop().unwrap();
        let chunks = String::from_utf8(seen.body.clone()).unwrap();
        assert!(chunks.contains("hel") && chunks.contains("lo"), "{seen:?}");
    }
}

/// `call` may be outside of the runtime that the future is driven on.
#[test]
fn a_look_waits_for_its_runtime() {
    let runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = { runtime }.enable_all().worker_threads(1).build().unwrap();
    let upstream = runtime.block_on(Upstream::ok());
    let mut proxy = ReverseProxy::new("/api", upstream.url("")).unwrap();
    let request = Request::delete("/api/x").body(unclear(true)).unwrap();
    let answer = proxy.call(request);
    assert_eq!(runtime.block_on(answer).unwrap().status(), 200);
}

#[tokio::test]
async fn the_client_by_itself_looks_too() {
    let upstream = Upstream::ok().await;
    let mut client = Client::new().unwrap();
    for _ in 0..2 {
        let request = Request::get(upstream.url("/x"));
        let request = request.body(Body::new(Wrapped(Body::empty()))).unwrap();
        let answer = client.call(request).await.unwrap();
        answer.into_body().collect().await.unwrap();
    }
    assert!(upstream.seen()[0].all("connection").is_empty());
    assert_eq!(client.connections(), 1);
}
