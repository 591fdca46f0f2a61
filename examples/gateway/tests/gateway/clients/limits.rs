//! Limits, of a client or of a route: the answer to what is above one, and that nobody else notices.

use std::net::SocketAddr;

use bytes::Bytes;
use futures_util::future::select;
use http::{Request, StatusCode};
use http_body_util::Full;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::client::{exchange, get, send, upstream};
use crate::gateway;
use crate::http2::{GOAWAY, Http2, RST_STREAM, SETTINGS, frame, headers};
use crate::process::Process;

/// A gateway of three workers, whose connections count as one's do: limits are those of the process.
fn start(server: &str, upstream: SocketAddr, route: &str) -> Process {
    gateway::with(&format!(
        "workers = 3\n[server]\n{server}\n[[routes]]\nprefix = '/'\nupstream = 'http://{upstream}'\n{route}\n"
    ))
}

/// A gateway before an upstream that leaves each request to the test.
struct Held {
    gateway: Process,
    requests: UnboundedReceiver<Waiting>,
}

/// A request that has arrived at the upstream.
struct Waiting(TcpStream);

impl Held {
    async fn start(server: &str, route: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let gateway = start(server, listener.local_addr().unwrap(), route);
        let (arrived, requests) = unbounded_channel();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let arrived = arrived.clone();
                tokio::spawn(async move {
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n") {
                        if stream.read_buf(&mut head).await.unwrap_or(0) == 0 {
                            return;
                        }
                    }
                    let _ended = arrived.send(Waiting(stream));
                });
            }
        });
        Self { gateway, requests }
    }
}

impl Waiting {
    async fn answer(mut self) {
        let answer = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
        self.0.write_all(answer).await.unwrap();
    }

    /// Waits until nobody wants an answer any more.
    async fn ended(mut self) {
        assert_eq!(self.0.read(&mut [0]).await.unwrap_or(0), 0);
    }
}

async fn status_line(gateway: &Process, bytes: impl AsRef<[u8]>) -> String {
    let answer = exchange(gateway, bytes).await;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    answer.lines().next().unwrap_or_default().to_owned()
}

/// A head of HTTP/1.1 with these many more field lines, the first of which is so long.
fn head(fields: usize, length: usize) -> String {
    let long = "x".repeat(length);
    let more: String = (1..fields).map(|n| format!("x-{n}: 1\r\n")).collect();
    format!("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\nx-0: {long}\r\n{more}\r\n")
}

#[tokio::test]
async fn a_head_that_is_too_large_is_431() {
    let upstream = upstream("up").await;
    let gateway = start("head_size = 2048\nhead_fields = 20", upstream, "");
    let (ok, large) = (
        "HTTP/1.1 200 OK",
        "HTTP/1.1 431 Request Header Fields Too Large",
    );
    for (fields, length, answer) in [(18, 1500, ok), (19, 1, large), (2, 2048, large)] {
        let line = status_line(&gateway, head(fields, length)).await;
        assert_eq!(line, answer, "{fields} fields, {length} long");
    }
    let defaults = start("", upstream, "");
    for (fields, length, answer) in [(90, 60_000, ok), (99, 1, large), (1, 70_000, large)] {
        let line = status_line(&defaults, head(fields, length)).await;
        assert_eq!(line, answer, "{fields} fields, {length} long");
    }
}

#[tokio::test]
async fn a_head_that_is_too_large_is_431_over_http_2() {
    let upstream = upstream("up").await;
    let gateway = start("head_size = 2048\nhead_fields = 20", upstream, "");
    let stream = TcpStream::connect(gateway.address()).await.unwrap();
    let (mut client, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    for (fields, length, status) in [(15, 100, 200), (21, 1, 431), (2, 2048, 431), (1, 1, 200)] {
        let mut request = Request::get("http://a/");
        for n in 0..fields {
            request = request.header(
                format!("x-{n}"),
                "x".repeat(if n == 0 { length } else { 1 }),
            );
        }
        let request = request.body(Full::<Bytes>::default()).unwrap();
        let answer = client.send_request(request).await.unwrap();
        assert_eq!(answer.status(), status, "{fields} fields, {length} long");
    }
}

#[tokio::test]
async fn a_head_that_is_late_ends_its_connection() {
    let upstream = upstream("up").await;
    let gateway = start("head_timeout = '200ms'", upstream, "");
    for slow in ["", "GET / HTTP/1.1\r\nhost: a\r\n", "PRI * HTTP/2.0\r\n"] {
        let answer = exchange(&gateway, slow).await;
        assert_eq!(String::from_utf8_lossy(&answer), "", "{slow:?}");
    }
    // A connection between two requests too, and one that waits for its answer not.
    let whole = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";
    assert_eq!(status_line(&gateway, whole).await, "HTTP/1.1 200 OK");
    let mut held = Held::start("head_timeout = '1s'", "").await;
    let client = tokio::spawn(get(held.gateway.origin.clone()));
    let request = held.requests.recv().await.unwrap();
    let idle = TcpStream::connect(held.gateway.address()).await.unwrap();
    assert_eq!({ idle }.read(&mut [0]).await.unwrap_or(0), 0);
    request.answer().await;
    assert_eq!(client.await.unwrap().status, StatusCode::OK);
}

#[tokio::test]
async fn one_connection_too_many_waits() {
    let upstream = upstream("up").await;
    let gateway = start("connections = 1", upstream, "");
    let first = Http2::connect(&gateway).await;
    let second = tokio::spawn(get(gateway.origin.clone()));
    tokio::task::yield_now().await;
    assert!(!second.is_finished());
    drop(first);
    assert_eq!(second.await.unwrap().status, StatusCode::OK);
}

#[tokio::test]
async fn one_stream_too_many_is_refused() {
    let mut held = Held::start("streams = 2", "").await;
    let mut client = Http2::connect(&held.gateway).await;
    assert_eq!(
        client.settings.get(&3),
        Some(&2),
        "SETTINGS_MAX_CONCURRENT_STREAMS"
    );
    for stream in [1, 3, 5] {
        client.request(stream).await;
    }
    let refused = client.next(RST_STREAM, 5).await;
    assert_eq!(refused.payload, 7_u32.to_be_bytes(), "REFUSED_STREAM");
    for _ in 0..2 {
        held.requests.recv().await.unwrap().answer().await;
    }
    client.is_ok(1).await;
    client.is_ok(3).await;
}

#[tokio::test]
async fn a_burst_of_resets_is_told_to_calm_down() {
    let upstream = upstream("up").await;
    let gateway = start("resets = 10", upstream, "");
    let mut other = Http2::connect(&gateway).await;
    let mut client = Http2::connect(&gateway).await;
    let mut burst = Vec::new();
    for stream in (1..2000).step_by(2) {
        burst.extend(headers(stream));
        burst.extend(frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes()));
    }
    // It may be closed before all is written.
    let _closed = client.stream.write_all(&burst).await;
    let goaway = client.next(GOAWAY, 0).await;
    assert_eq!(
        goaway.payload[4..8],
        11_u32.to_be_bytes(),
        "ENHANCE_YOUR_CALM"
    );
    other.request(1).await;
    other.is_ok(1).await;
}

#[tokio::test]
async fn resets_of_requests_that_have_begun_end_their_connection() {
    let mut held = Held::start("resets = 10", "").await;
    let mut other = Http2::connect(&held.gateway).await;
    let mut client = Http2::connect(&held.gateway).await;
    for stream in (1..=21).step_by(2) {
        client.request(stream).await;
        let request = held.requests.recv().await.unwrap();
        client
            .write(frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes()))
            .await;
        // The upstream is not asked to go on.
        request.ended().await;
    }
    client.ended().await;
    other.request(1).await;
    held.requests.recv().await.unwrap().answer().await;
    other.is_ok(1).await;
}

/// RFC 9113 10.5: each changes the windows of all streams.
#[tokio::test]
async fn settings_without_end_end_their_connection() {
    let mut held = Held::start("resets = 10", "").await;
    let mut client = Http2::connect(&held.gateway).await;
    // With the one that it began with, as many as any client may send.
    let settings = frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 1]);
    client.write(settings.repeat(31 + 10)).await;
    client.request(1).await;
    held.requests.recv().await.unwrap().answer().await;
    client.is_ok(1).await;
    client.write(settings.repeat(12)).await;
    client.ended().await;
}

#[tokio::test]
async fn above_what_an_upstream_takes_requests_wait_and_then_are_503() {
    let limits = "limits = { in_flight = 1, waiting = 1 }";
    let mut held = Held::start("", limits).await;
    let url = held.gateway.origin.clone();
    let first = tokio::spawn(get(url.clone()));
    let request = held.requests.recv().await.unwrap();
    // One of these waits and the other is refused, whichever came first.
    let (one, two) = (tokio::spawn(get(url.clone())), tokio::spawn(get(url)));
    let (refused, served) = select(one, two).await.factor_first();
    let refused = refused.unwrap();
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    let why = "same-origin; error=connection_limit_reached";
    assert_eq!(refused.field("proxy-status"), why);
    request.answer().await;
    held.requests.recv().await.unwrap().answer().await;
    assert_eq!(first.await.unwrap().status, StatusCode::OK);
    assert_eq!(served.await.unwrap().status, StatusCode::OK);
}

#[tokio::test]
async fn a_request_waits_for_the_connect_timeout_at_most() {
    let route = "limits = { in_flight = 1 }\ntimeouts = { connect = '500ms' }";
    let mut held = Held::start("", route).await;
    let first = tokio::spawn(get(held.gateway.origin.clone()));
    let request = held.requests.recv().await.unwrap();
    let late = get(held.gateway.origin.clone()).await;
    assert_eq!(late.status, StatusCode::SERVICE_UNAVAILABLE);
    request.answer().await;
    assert_eq!(first.await.unwrap().status, StatusCode::OK);
}

#[tokio::test]
async fn a_body_that_is_too_long_is_413() {
    let upstream = upstream("up").await;
    let gateway = start("", upstream, "limits = { request_body = 10 }");
    for (length, status) in [(10, StatusCode::OK), (11, StatusCode::PAYLOAD_TOO_LARGE)] {
        let body = Full::from("x".repeat(length));
        let answer = send(Request::put(&gateway.origin).body(body).unwrap()).await;
        assert_eq!(answer.status, status, "{length}");
    }
    let chunked = "PUT / HTTP/1.1\r\nhost: a\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n\
        b\r\nxxxxxxxxxxx\r\n0\r\n\r\n";
    assert_eq!(
        status_line(&gateway, chunked).await,
        "HTTP/1.1 413 Payload Too Large"
    );
}

/// `printf … | nc -N`. A client that has gone looks the same, so that only a moment is waited for.
#[tokio::test]
async fn a_client_that_closes_its_side_gets_an_answer_that_comes_soon() {
    let mut held = Held::start("", "").await;
    for is_late in [false, true] {
        let mut client = TcpStream::connect(held.gateway.address()).await.unwrap();
        let request = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n";
        client.write_all(request).await.unwrap();
        client.shutdown().await.unwrap();
        let waiting = held.requests.recv().await.unwrap();
        let mut answer = Vec::new();
        if is_late {
            // The upstream does not work for nobody.
            waiting.ended().await;
            client.read_to_end(&mut answer).await.unwrap();
            assert_eq!(answer, b"");
        } else {
            waiting.answer().await;
            client.read_to_end(&mut answer).await.unwrap();
            assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n"));
        }
    }
}
