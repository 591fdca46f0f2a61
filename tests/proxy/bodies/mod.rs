//! Bodies: streamed, whole or known to be cut, both ways.

mod early_answers;
mod expected;
mod read_on;
mod replaced;
pub mod wrapped;

use std::time::{Duration, Instant};

use same_origin::proxy::{Limits, ReverseProxy};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{Upstream, exchange, get, proxy_of, serve};

#[tokio::test]
async fn a_length_stays_a_length_and_chunks_stay_chunks() {
    let upstream = Upstream::ok().await;
    let server = proxy_of(&upstream, "").await;
    let head = "POST /api/x HTTP/1.1\r\nhost: a\r\nconnection: close\r\n";
    exchange(server, format!("{head}content-length: 5\r\n\r\nhello")).await;
    exchange(server, format!("{head}content-length: 0\r\n\r\n")).await;
    exchange(
        server,
        format!("{head}transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
    )
    .await;
    get(server, "/api/x", "").await;
    let seen = upstream.seen();
    assert_eq!(
        (seen[0].field("content-length"), &seen[0].body[..]),
        ("5", &b"hello"[..])
    );
    assert_eq!(seen[1].field("content-length"), "0");
    assert_eq!(
        (seen[2].field("transfer-encoding"), &seen[2].body[..]),
        ("chunked", &b"5\r\nhello\r\n0\r\n\r\n"[..])
    );
    assert!(
        seen[3].all("content-length").is_empty() && seen[3].all("transfer-encoding").is_empty()
    );
}

#[tokio::test]
async fn frames_go_through_as_they_come() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = serve(ReverseProxy::new("/api", url).unwrap()).await;
    let mut client = TcpStream::connect(server).await.unwrap();
    client
        .write_all(
            b"POST /api/x HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n",
        )
        .await
        .unwrap();
    let (mut upstream, _) = listener.accept().await.unwrap();
    // Each piece is awaited on the other side before the next is sent.
    expect(&mut upstream, b"3\r\none\r\n").await;
    upstream
        .write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n")
        .await
        .unwrap();
    expect(&mut client, b"3\r\nabc\r\n").await;
    client.write_all(b"3\r\ntwo\r\n").await.unwrap();
    expect(&mut upstream, b"3\r\ntwo\r\n").await;
    upstream.write_all(b"3\r\ndef\r\n0\r\n\r\n").await.unwrap();
    expect(&mut client, b"3\r\ndef\r\n0\r\n\r\n").await;
}

/// Reads until the stream has given these bytes at its end, and gives all.
async fn expect(stream: &mut TcpStream, end: &[u8]) -> String {
    let mut bytes = Vec::new();
    while !bytes.ends_with(end) {
        let read = stream.read_buf(&mut bytes).await.unwrap();
        assert!(
            read > 0,
            "ended after {:?}",
            String::from_utf8_lossy(&bytes)
        );
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test]
async fn trailers_reach_a_client_that_takes_them() {
    let upstream = Upstream::start(|_| {
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n2\r\nok\r\n0\r\nx-sum: 7\r\n\r\n".to_vec()
    })
    .await;
    let server = proxy_of(&upstream, "").await;
    let answer = get(server, "/api/x", "te: trailers\r\n").await;
    assert!(
        answer.body.ends_with(b"0\r\nx-sum: 7\r\n\r\n"),
        "{answer:?}"
    );
}

#[tokio::test]
async fn a_cut_body_never_looks_whole() {
    for response in [
        "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nhalf\r\n",
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = serve(ReverseProxy::new("/api", url).unwrap()).await;
        let upstream = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            expect(&mut stream, b"\r\n\r\n").await;
            stream.write_all(response.as_bytes()).await.unwrap();
        });
        let answer = get(server, "/api/x", "").await;
        upstream.await.unwrap();
        let whole = answer.all("content-length") == [answer.body.len().to_string()]
            || answer.body.ends_with(b"0\r\n\r\n");
        assert!(
            !whole || answer.status == 502,
            "{response:?} came back as {answer:?}"
        );
    }
}

#[tokio::test]
async fn a_response_with_two_framings_has_one() {
    let upstream = Upstream::start(|_| {
        b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n".to_vec()
    })
    .await;
    let server = proxy_of(&upstream, "").await;
    let answer = get(server, "/api/x", "").await;
    assert!(answer.all("content-length").is_empty(), "{answer:?}");
    assert_eq!(answer.body, "5\r\nhello\r\n0\r\n\r\n");
}

#[tokio::test]
async fn a_body_over_the_limit_is_413() {
    let upstream = Upstream::ok().await;
    let proxy = ReverseProxy::builder("/api", upstream.url(""))
        .limits(Limits::default().request_body(5))
        .build()
        .unwrap();
    let server = serve(proxy).await;
    let head = "POST /api/x HTTP/1.1\r\nhost: a\r\nconnection: close\r\n";
    let fits = exchange(server, format!("{head}content-length: 5\r\n\r\nhello")).await;
    assert_eq!(fits.status, 200);
    let told = exchange(server, format!("{head}content-length: 6\r\n\r\nhello!")).await;
    assert_eq!(told.status, 413);
    let chunks = "3\r\nhel\r\n3\r\nlo!\r\n0\r\n\r\n";
    let found = exchange(
        server,
        format!("{head}transfer-encoding: chunked\r\n\r\n{chunks}"),
    )
    .await;
    assert_eq!(found.status, 413);
    assert_eq!(upstream.seen().len(), 1);
}

/// A client's request head that asks before it sends five bytes.
const EXPECTS: &[u8] =
    b"POST /api/x HTTP/1.1\r\nhost: a\r\nconnection: close\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n";

/// A client that has sent `EXPECTS`, and the upstream that has got it.
async fn expecting() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = serve(ReverseProxy::new("/api", url).unwrap()).await;
    let mut client = TcpStream::connect(server).await.unwrap();
    client.write_all(EXPECTS).await.unwrap();
    let (mut upstream, _) = listener.accept().await.unwrap();
    expect(&mut upstream, b"\r\n\r\n").await;
    (client, upstream)
}

#[tokio::test]
async fn a_client_that_waits_for_100_is_told_so_by_the_upstream() {
    let (mut client, mut upstream) = expecting().await;
    upstream
        .write_all(b"HTTP/1.1 100 Continue\r\n\r\n")
        .await
        .unwrap();
    expect(&mut client, b"HTTP/1.1 100 Continue\r\n\r\n").await;
    client.write_all(b"hello").await.unwrap();
    expect(&mut upstream, b"hello").await;
    upstream
        .write_all(b"HTTP/1.1 204 No Content\r\n\r\n")
        .await
        .unwrap();
    let mut rest = String::new();
    client.read_to_string(&mut rest).await.unwrap();
    assert!(rest.starts_with("HTTP/1.1 204 "), "{rest}");
}

// RFC 9110 10.1.1: the upstream says what it makes of it, and nobody waits for a 100.
#[tokio::test]
async fn an_expectation_that_is_none_holds_no_body_back() {
    for expectation in ["banana", ""] {
        let upstream = Upstream::ok().await;
        let server = proxy_of(&upstream, "").await;
        let request = format!(
            "POST /api/x HTTP/1.1\r\nhost: a\r\nconnection: close\r\nexpect: {expectation}\r\ncontent-length: 5\r\n\r\nhello"
        );
        let since = Instant::now();
        assert_eq!(exchange(server, request).await.status, 200);
        assert!(since.elapsed() < PATIENCE, "{:?}", since.elapsed());
        assert_eq!(upstream.one().all("expect"), [expectation]);
    }
}

/// The time for which a body is held back for an upstream that does not say `100 Continue`.
const PATIENCE: Duration = Duration::from_secs(1);

/// RFC 9110 10.1.1: of HTTP/1.0 it is ignored. An upstream that waited would wait for what is there already.
#[tokio::test]
async fn a_client_of_http_10_waits_for_nothing() {
    let upstream = Upstream::ok().await;
    let server = proxy_of(&upstream, "").await;
    let head = String::from_utf8_lossy(EXPECTS).replace("HTTP/1.1", "HTTP/1.0");
    let answer = exchange(server, format!("{head}hello")).await;
    assert_eq!(answer.status, 200);
    assert!(answer.head.starts_with("HTTP/1.0 200 "), "{answer:?}");
    let seen = upstream.one();
    assert!(seen.all("expect").is_empty(), "{seen:?}");
    assert_eq!(seen.body, b"hello");
}

/// RFC 9110 10.1.1: nobody waits indefinitely.
#[tokio::test]
async fn a_client_that_waits_for_100_is_told_so_if_the_upstream_says_nothing() {
    let (mut client, mut upstream) = expecting().await;
    expect(&mut client, b"HTTP/1.1 100 Continue\r\n\r\n").await;
    client.write_all(b"hello").await.unwrap();
    expect(&mut upstream, b"hello").await;
}

#[tokio::test]
async fn a_client_that_waits_for_100_is_not_told_to_send_what_is_refused() {
    let (mut client, mut upstream) = expecting().await;
    upstream
        .write_all(b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 2\r\n\r\nno")
        .await
        .unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 401 ") && answer.ends_with("\r\n\r\nno"),
        "{answer}"
    );
    // The body that nobody wants keeps no connection.
    assert_eq!(upstream.read(&mut [0]).await.unwrap_or(0), 0);
}

/// RFC 9110 10.1.1, RFC 9112 9.6: what follows on a connection is the body, or the next request, and nobody can tell;
/// so the connection ends, and the client is told.
#[tokio::test]
async fn the_end_of_a_connection_is_announced_where_the_body_is_not_read() {
    const LIMITED: &str = "HTTP/1.1 413 Content Too Large\r\n";
    for (name, expects, sent, from_upstream, want) in [
        ("refused", true, "", "HTTP/1.1 401 Unauthorized\r\n", true),
        ("answered without it", true, "", "HTTP/1.1 200 OK\r\n", true),
        (
            "nobody waits, and it is here",
            false,
            "hello",
            LIMITED,
            false,
        ),
        (
            "and the upstream closes",
            false,
            "hello",
            "HTTP/1.1 200 OK\r\nconnection: close\r\n",
            false,
        ),
        (
            "a part, and it goes on reading",
            false,
            "he",
            LIMITED,
            false,
        ),
        (
            "a part, and it closes",
            false,
            "he",
            "HTTP/1.1 413 Too Large\r\nconnection: close\r\n",
            true,
        ),
        (
            "a part, and it is of HTTP/1.0",
            false,
            "he",
            "HTTP/1.0 413 Too Large\r\n",
            true,
        ),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = serve(ReverseProxy::new("/api", url).unwrap()).await;
        let mut client = TcpStream::connect(server).await.unwrap();
        let expect_field = if expects {
            "expect: 100-continue\r\n"
        } else {
            ""
        };
        let head = format!(
            "POST /api/x HTTP/1.1\r\nhost: a\r\n{expect_field}content-length: 5\r\n\r\n{sent}"
        );
        client.write_all(head.as_bytes()).await.unwrap();
        let (mut upstream, _) = listener.accept().await.unwrap();
        expect(&mut upstream, format!("\r\n\r\n{sent}").as_bytes()).await;
        let reply = format!("{from_upstream}content-length: 2\r\n\r\nno");
        upstream.write_all(reply.as_bytes()).await.unwrap();
        let answer = expect(&mut client, b"\r\n\r\nno").await;
        let is_announced = answer.contains("\r\nconnection: close\r\n");
        assert_eq!(is_announced, want, "{name}: {answer}");
        if from_upstream.starts_with("HTTP/1.0") {
            upstream.shutdown().await.unwrap();
        }
        if want {
            assert_eq!(client.read(&mut [0]).await.unwrap_or(0), 0, "{name}");
        } else {
            let rest = format!(
                "{}GET /api/y HTTP/1.1\r\nhost: a\r\n\r\n",
                &"hello"[sent.len()..]
            );
            client.write_all(rest.as_bytes()).await.unwrap();
            if from_upstream.contains("close") {
                upstream = listener.accept().await.unwrap().0;
            }
            let seen = expect(&mut upstream, b"\r\n\r\n").await;
            assert!(seen.contains("GET /y HTTP/1.1\r\n"), "{name}: {seen}");
        }
    }
}

#[tokio::test]
async fn it_is_announced_where_the_proxy_answers_itself_too() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    let limits = Limits::default().request_body(4);
    for (name, url, rest, status, want) in [
        (
            "nobody to ask",
            &url,
            "expect: 100-continue\r\ncontent-length: 3\r\n\r\n",
            502,
            true,
        ),
        (
            "it is here, and skipped",
            &url,
            "content-length: 3\r\n\r\nabc",
            502,
            false,
        ),
        (
            "too long",
            &Upstream::ok().await.url(""),
            "transfer-encoding: chunked\r\n\r\n6\r\nabcdef\r\n",
            413,
            true,
        ),
    ] {
        let proxy = ReverseProxy::builder("/api", url)
            .limits(limits.clone())
            .build();
        let mut client = TcpStream::connect(serve(proxy.unwrap()).await)
            .await
            .unwrap();
        let request = format!("POST /api/x HTTP/1.1\r\nhost: a\r\n{rest}");
        client.write_all(request.as_bytes()).await.unwrap();
        let answer = expect(&mut client, b"\n").await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{name}: {answer}"
        );
        let is_announced = answer.contains("\r\nconnection: close\r\n");
        assert_eq!(is_announced, want, "{name}: {answer}");
    }
}
