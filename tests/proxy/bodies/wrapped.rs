//! Bodies that do not say whether they are empty, as layers put them around those of a server.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::{Request, Response};
use http_body_util::{BodyExt, Limited, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioIo};
use same_origin::proxy::{Body, Client, ProxyError, ProxyErrorKind, ReverseProxy};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tower::{Service, ServiceBuilder, ServiceExt};

use crate::support::{Seen, Upstream, exchange, fields, reply, serve};

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
pub async fn serve_wrapped(proxy: ReverseProxy) -> SocketAddr {
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
pub(super) fn unclear(is_late: bool) -> Body {
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

/// An upstream of HTTP/2 that reads what it is sent.
pub(super) async fn http2_upstream() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let read = |request: Request<Incoming>| async move {
        let body = request.into_body().collect().await?;
        Ok::<_, hyper::Error>(Response::new(Body::from(body.to_bytes())))
    };
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            let stream = TokioIo::new(stream);
            tokio::spawn(server.serve_connection(stream, hyper::service::service_fn(read)));
        }
    });
    format!("h2c://{address}")
}

/// One that its program, or a layer, has put in the place of the body that the head is about.
#[tokio::test]
async fn a_body_is_as_long_as_its_head_says_or_refused() {
    let upstream = Upstream::ok().await;
    let by_http1 = ReverseProxy::new("/api", upstream.url("")).unwrap();
    let by_http2 = ReverseProxy::new("/api", http2_upstream().await).unwrap();
    for length in ["0", "2", "3", "4", "5", "6", "+5", "x"] {
        for (name, proxy) in [("HTTP/1.1", &by_http1), ("HTTP/2", &by_http2)] {
            for (number, body) in [Body::from("hello"), unclear(false), unclear(true)]
                .into_iter()
                .enumerate()
            {
                // Nothing is asked of a body that is to be empty, over HTTP/1.1, and this one has nothing yet.
                if (length, number) == ("0", 2) {
                    continue;
                }
                let request = Request::post("/api/x").header("content-length", length);
                let answer = proxy.clone().oneshot(request.body(body).unwrap());
                let answer = tokio::time::timeout(Duration::from_secs(9), answer).await;
                let answer = answer.expect("an answer").unwrap();
                let status = if length == "5" { 200 } else { 400 };
                assert_eq!(answer.status(), status, "{name} {length} {number}");
                let kind = answer.extensions().get().map(ProxyError::kind);
                let refused = (status == 400).then_some(ProxyErrorKind::RequestBody);
                assert_eq!(kind, refused, "{name} {length} {number}");
            }
        }
    }
    let seen = upstream.seen();
    let is_whole = |seen: &&Seen| seen.field("content-length") == seen.body.len().to_string();
    assert_eq!(seen.iter().filter(is_whole).count(), 3, "{seen:?}");
    // Without a body, too.
    let request = Request::post("/api/x").header("content-length", 1);
    let answer = by_http1.oneshot(request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.unwrap().status(), 400);
}

/// As under `tower_http::limit::RequestBodyLimitLayer`.
#[tokio::test]
async fn a_body_over_the_limit_of_a_layer_is_413() {
    let upstream = Upstream::ok().await;
    let limit = |request: Request<Incoming>| request.map(|body| Limited::new(body, 4));
    let proxy = ReverseProxy::new("/api", upstream.url("")).unwrap();
    let server = serve(ServiceBuilder::new().map_request(limit).service(proxy)).await;
    for (chunk, status) in [("4\r\nfour", 200), ("5\r\nfives", 413)] {
        let head = "POST /api/x HTTP/1.1\r\nhost: a\r\nconnection: close\r\n";
        let request = format!("{head}transfer-encoding: chunked\r\n\r\n{chunk}\r\n0\r\n\r\n");
        assert_eq!(exchange(server, request).await.status, status, "{chunk}");
    }
    let body = Body::new(Limited::new(unclear(true), 4));
    let request = Request::post(upstream.url("/x")).body(body).unwrap();
    let error = Client::new().unwrap().call(request).await.unwrap_err();
    assert_eq!(error.kind(), ProxyErrorKind::BodyTooLarge);
}
