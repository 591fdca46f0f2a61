//! Bodies of requests whose method gives them no meaning, and upstreams that leave them unread.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::Request;
use http_body_util::StreamBody;
use hyper::body::Frame;
use hyper_util::client::legacy;
use hyper_util::rt::TokioExecutor;
use same_origin::proxy::{Body, ReverseProxy};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::bodies::wrapped::serve_wrapped;
use crate::support::{Upstream, exchange, get, reply, serve};

/// An upstream that reads heads and never a body, and answers each with its target. Counts connections.
async fn careless() -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(async move {
                let mut bytes = Vec::new();
                while let Ok(1..) = stream.read_buf(&mut bytes).await {
                    while let Some(end) = bytes.windows(4).position(|it| it == b"\r\n\r\n") {
                        let head = bytes.drain(..end + 4).collect::<Vec<_>>();
                        let head = String::from_utf8(head).unwrap();
                        let target = head.split(' ').nth(1).unwrap_or_default();
                        let len = if head.starts_with("HEAD") { "" } else { target };
                        let answer = format!(
                            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{len}",
                            target.len()
                        );
                        let _ = stream.write_all(answer.as_bytes()).await;
                    }
                }
            });
        }
    });
    (address, connections)
}

const HIDDEN: &str = "GET /hidden HTTP/1.1\r\nhost: a\r\n\r\n";

#[tokio::test]
async fn a_hidden_request_poisons_no_other_answer() {
    let (address, _) = careless().await;
    let url = format!("http://{address}");
    let server = serve(ReverseProxy::new("/api", url).unwrap()).await;
    for method in ["GET", "HEAD", "DELETE", "OPTIONS"] {
        for _ in 0..5 {
            let request = format!(
                "{method} /api/own HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{HIDDEN}",
                HIDDEN.len()
            );
            let own = exchange(server, request).await;
            assert_eq!(own.status, 200, "{method}");
            let victim = get(server, "/api/victim", "").await;
            assert_eq!(victim.body, "/victim", "{method}");
        }
    }
}

#[tokio::test]
async fn only_such_a_request_costs_a_connection() {
    let (address, connections) = careless().await;
    let url = format!("http://{address}");
    let server = serve(ReverseProxy::new("/api", url).unwrap()).await;
    for _ in 0..3 {
        get(server, "/api/x", "").await;
        get(server, "/api/x", "content-length: 0\r\n").await;
    }
    assert_eq!(connections.load(Ordering::Relaxed), 1);
    exchange(
        server,
        "GET /api/x HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 1\r\n\r\nx",
    )
    .await;
    get(server, "/api/x", "").await;
    assert_eq!(connections.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn the_upstream_is_asked_to_close_and_sees_the_body() {
    let upstream = Upstream::start(|_| reply("")).await;
    let server = serve(ReverseProxy::new("/api", upstream.url("")).unwrap()).await;
    let request =
        "GET /api/x HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 4\r\n\r\nbody";
    assert_eq!(exchange(server, request).await.status, 200);
    let seen = upstream.one();
    assert_eq!(seen.field("connection"), "close");
    assert_eq!(seen.body, b"body");
}

#[tokio::test]
async fn it_can_be_refused() {
    let upstream = Upstream::start(|_| reply("")).await;
    let proxy = ReverseProxy::builder("/api", upstream.url("")).refuse_unexpected_content(true);
    let server = serve(proxy.build().unwrap()).await;
    for (request, status) in [
        ("GET", 400),
        ("HEAD", 400),
        ("DELETE", 400),
        ("OPTIONS", 400),
        ("POST", 200),
        ("PUT", 200),
        ("QUERY", 200),
    ] {
        let request = format!(
            "{request} /api/x HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 1\r\n\r\nx"
        );
        assert_eq!(exchange(server, &request).await.status, status, "{request}");
    }
    assert_eq!(
        get(server, "/api/x", "content-length: 0\r\n").await.status,
        200
    );
}

/// RFC 9113 8.1, RFC 9112 7.1: the end of a request may stand behind its head, and nothing before it.
#[tokio::test]
async fn a_request_that_turns_out_to_have_none_is_not_refused() {
    let upstream = Upstream::start(|seen| {
        let reply = reply("");
        let is_head = seen.head.starts_with("HEAD");
        reply[..reply.len() - if is_head { 2 } else { 0 }].to_vec()
    });
    let upstream = upstream.await;
    let proxy = ReverseProxy::builder("/api", upstream.url("")).refuse_unexpected_content(true);
    let proxy = proxy.build().unwrap();
    let servers = [serve(proxy.clone()).await, serve_wrapped(proxy).await];
    let methods = ["GET", "HEAD", "DELETE", "OPTIONS"];
    for (server, method) in servers
        .into_iter()
        .flat_map(|it| methods.map(|name| (it, name)))
    {
        let head = format!(
            "{method} /api/x HTTP/1.1\r\nhost: a\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n"
        );
        for (chunks, status) in [("0\r\n\r\n", 200), ("1\r\nx\r\n0\r\n\r\n", 400)] {
            let answer = exchange(server, format!("{head}{chunks}")).await;
            assert_eq!(answer.status, status, "{method} {chunks:?}");
        }
        for (frames, status) in [(&[][..], 200), (&["", ""], 200), (&["", "x"], 400)] {
            let client = legacy::Client::builder(TokioExecutor::new())
                .http2_only(true)
                .build_http::<Body>();
            // Each of them comes after the head.
            let frames = stream::iter(frames.to_vec()).then(async |data| {
                tokio::time::sleep(Duration::from_millis(20)).await;
                Ok::<_, Infallible>(Frame::data(Bytes::from_static(data.as_bytes())))
            });
            let request = Request::builder().method(method);
            let request = request.uri(format!("http://{server}/api/x"));
            let body = Body::new(StreamBody::new(Box::pin(frames)));
            let answer = client.request(request.body(body).unwrap()).await.unwrap();
            assert_eq!(answer.status(), status, "{method}");
        }
    }
    for seen in upstream.seen() {
        assert!(seen.all("transfer-encoding").is_empty(), "{seen:?}");
        assert_eq!(seen.body, b"");
    }
}
