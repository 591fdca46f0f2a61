//! Length, version and trailers of a message arrive in one form, whatever came in.

use std::convert::Infallible;
use std::net::SocketAddr;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use same_origin::proxy::{Body, ReverseProxy};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tower::service_fn;

use crate::support::{Upstream, exchange, get, proxy_of, serve};

/// The answer to a client of HTTP/2, or that it got none.
async fn get_by_http2(server: SocketAddr) -> Option<(u16, http::HeaderMap, http::HeaderMap)> {
    let client = Client::builder(TokioExecutor::new())
        .http2_only(true)
        .build_http::<Body>();
    let request = Request::get(format!("http://{server}/api/x")).header("te", "trailers");
    let request = request.body(Body::empty()).unwrap();
    let (parts, body) = client.request(request).await.ok()?.into_parts();
    let body = body.collect().await.ok()?;
    let trailers = body.trailers().cloned().unwrap_or_default();
    Some((parts.status.as_u16(), parts.headers, trailers))
}

#[tokio::test]
async fn an_old_upstream_makes_no_old_answer() {
    let upstream =
        Upstream::start(|_| b"HTTP/1.0 200 OK\r\ncontent-length: 3\r\n\r\nall".to_vec()).await;
    let answer = get(proxy_of(&upstream, "").await, "/api/x", "").await;
    assert!(answer.head.starts_with("HTTP/1.1 200 "), "{}", answer.head);
}

#[tokio::test]
async fn one_length_arrives_whatever_the_protocol() {
    for (lengths, want) in [
        ("content-length: 2\r\ncontent-length: 2\r\n", Some("2")),
        ("content-length: 2, 2\r\n", Some("2")),
        ("content-length: 2\r\ncontent-length: 3\r\n", None),
    ] {
        let upstream =
            Upstream::start(move |_| format!("HTTP/1.1 200 OK\r\n{lengths}\r\nok").into_bytes());
        let server = proxy_of(&upstream.await, "").await;
        let answer = get(server, "/api/x", "").await;
        let (status, headers, _) = get_by_http2(server).await.expect("an answer");
        let by_http2 = headers.get_all("content-length").iter();
        let by_http2: Vec<_> = by_http2.map(|length| length.to_str().unwrap()).collect();
        match want {
            Some(want) => {
                assert_eq!(answer.all("content-length"), [want]);
                assert_eq!((status, by_http2), (200, vec![want]));
            }
            None => assert_eq!((answer.status, status), (502, 502)),
        }
    }
    let upstream =
        Upstream::start(|_| b"HTTP/1.1 204 No Content\r\ncontent-length: 3\r\n\r\n".into());
    let (status, headers, _) = get_by_http2(proxy_of(&upstream.await, "").await)
        .await
        .expect("an answer");
    assert_eq!(status, 204);
    assert!(!headers.contains_key("content-length"));
}

/// RFC 9110 6.4.1: over HTTP/2 nothing but the status says that there is none. The request goes on meanwhile.
#[tokio::test]
async fn a_204_has_no_content_whatever_its_upstream_sends() {
    let (read, mut has_read) = tokio::sync::mpsc::channel(1);
    let upstream = service_fn(move |request: Request<Incoming>| {
        let read = read.clone();
        let content = async move {
            let upload = request.collect().await.unwrap().to_bytes();
            read.send(upload.len()).await.unwrap();
            Ok::<_, Infallible>(Frame::data(Bytes::from("content")))
        };
        let body = StreamBody::new(stream::once(Box::pin(content)));
        let response = Response::builder().status(204).body(Body::new(body));
        async { Ok(response.unwrap()) }
    });
    let url = format!("h2c://{}", serve(upstream).await);
    let server = serve(ReverseProxy::new("/api", url).unwrap()).await;
    let client = Client::builder(TokioExecutor::new())
        .http2_only(true)
        .build_http();
    let (send, mut texts) = tokio::sync::mpsc::unbounded_channel::<&str>();
    let frames = stream::poll_fn(move |cx| texts.poll_recv(cx));
    let frames = frames.map(|text| Ok::<_, Infallible>(Frame::data(Bytes::from(text))));
    let upload = StreamBody::new(frames);
    let request = Request::put(format!("http://{server}/api/x")).body(Body::new(upload));
    send.send("one ").unwrap();
    let response = client.request(request.unwrap()).await.unwrap();
    assert_eq!(response.status(), 204);
    assert!(!response.headers().contains_key("content-length"));
    send.send("two ").unwrap();
    send.send("three").unwrap();
    drop(send);
    assert_eq!(response.collect().await.unwrap().to_bytes(), "");
    assert_eq!(has_read.recv().await, Some(13));
    let answer = get(server, "/api/x", "").await;
    assert_eq!((answer.status, &*answer.body), (204, &b""[..]));
}

#[tokio::test]
async fn a_body_in_an_unnamed_coding_is_not_handed_on() {
    for coding in ["gzip, chunked", "chunked, chunked", "chunked,"] {
        let upstream = Upstream::start(move |_| {
            format!("HTTP/1.1 200 OK\r\ntransfer-encoding: {coding}\r\n\r\n2\r\nok\r\n0\r\n\r\n")
                .into_bytes()
        });
        let answer = get(proxy_of(&upstream.await, "").await, "/api/x", "").await;
        assert_eq!(answer.status, 502, "{coding}");
    }
    let upstream = Upstream::ok().await;
    let request = "POST /api/x HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\
                   transfer-encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n";
    let answer = exchange(proxy_of(&upstream, "").await, request).await;
    assert_eq!(answer.status, 501);
    assert!(upstream.seen().is_empty());
}

/// RFC 9112 6.1: a HEAD and a 304 tell of a coding that was not applied.
#[tokio::test]
async fn a_coding_without_a_body_harms_nobody() {
    let upstream = Upstream::start(|seen| {
        let status = if seen.target() == "/304" {
            "304"
        } else {
            "200"
        };
        format!("HTTP/1.1 {status} \r\ntransfer-encoding: gzip, chunked\r\n\r\n").into_bytes()
    })
    .await;
    let server = proxy_of(&upstream, "").await;
    let head = "HEAD /api/x HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    assert_eq!(exchange(server, head).await.status, 200);
    assert_eq!(get(server, "/api/304", "").await.status, 304);
}

/// Which hyper's client does not send unless it is told to.
#[tokio::test]
async fn the_body_of_a_get_arrives() {
    let upstream = Upstream::ok().await;
    let server = proxy_of(&upstream, "").await;
    let head = "GET /api/x HTTP/1.1\r\nhost: a\r\nconnection: close\r\n";
    let chunked = format!("{head}transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
    assert_eq!(exchange(server, chunked).await.status, 200);
    let seen = upstream.seen().pop().unwrap();
    assert_eq!(seen.field("transfer-encoding"), "chunked");
    assert_eq!(seen.body, b"5\r\nhello\r\n0\r\n\r\n");

    let client = Client::builder(TokioExecutor::new())
        .http2_only(true)
        .build_http();
    let frames = stream::iter(
        ["hel", "lo"]
            .map(|data| Ok::<_, std::io::Error>(Frame::data(Bytes::from_static(data.as_bytes())))),
    );
    let request = Request::get(format!("http://{server}/api/x"));
    let request = request.body(StreamBody::new(frames)).unwrap();
    assert_eq!(client.request(request).await.unwrap().status(), 200);
    let seen = upstream.seen().pop().unwrap();
    assert_eq!(seen.field("transfer-encoding"), "chunked");
    // And one without stays without.
    assert_eq!(exchange(server, format!("{head}\r\n")).await.status, 200);
    let seen = upstream.seen().pop().unwrap();
    assert!(seen.all("transfer-encoding").is_empty() && seen.all("content-length").is_empty());
}

#[tokio::test]
async fn trailers_hold_nothing_that_a_head_decides() {
    let upstream = Upstream::start(|_| {
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\
          trailer: x-sum, connection, content-length, location, access-control-allow-origin\r\n\r\n\
          2\r\nok\r\n0\r\nx-sum: 7\r\nconnection: x-sum\r\ncontent-length: 9\r\n\
          location: http://10.0.0.1/\r\naccess-control-allow-origin: *\r\n\r\n"
            .to_vec()
    });
    let server = proxy_of(&upstream.await, "").await;
    let (status, _, trailers) = get_by_http2(server).await.expect("an answer");
    assert_eq!((status, trailers.len()), (200, 1));
    assert_eq!(trailers["x-sum"], "7");
}

/// Takes one request, and gives what comes behind its last chunk.
async fn trailers_seen(listener: &TcpListener) -> String {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut seen = Vec::new();
    for end in 1..=2 {
        while seen.windows(4).filter(|bytes| bytes == b"\r\n\r\n").count() < end {
            assert!(stream.read_buf(&mut seen).await.unwrap() > 0, "cut");
        }
    }
    let answer = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    stream.write_all(answer).await.unwrap();
    let seen = String::from_utf8(seen).unwrap();
    let (_, after) = seen.split_once("ok\r\n0\r\n").unwrap();
    after.trim_end().to_owned()
}

#[tokio::test]
async fn a_client_says_nothing_in_trailers_that_it_may_not_say_in_the_head() {
    let upstream = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", upstream.local_addr().unwrap());
    let proxy = ReverseProxy::builder("/api", url).remove_request_headers(["x-secret"]);
    let server = serve(proxy.build().unwrap()).await;
    for (trailers, left) in [
        (
            "x-forwarded-for: 6.6.6.6\r\ncookie: a=b\r\nx-sum: 7\r\nx-secret: 1\r\n",
            "x-sum: 7",
        ),
        (
            "x_real_ip: 6.6.6.6\r\nx-secret: 1\r\nauthorization: b\r\n",
            "",
        ),
    ] {
        let request = format!(
            "POST /api/x HTTP/1.1\r\nhost: a\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\
             trailer: x-forwarded-for, x_real_ip, cookie, x-sum, x-secret, authorization\r\n\r\n\
             2\r\nok\r\n0\r\n{trailers}\r\n"
        );
        let (answer, seen) = tokio::join!(exchange(server, request), trailers_seen(&upstream));
        assert_eq!((answer.status, seen.as_str()), (200, left));
    }
}

/// As from a stack whose limits were raised: where the header map itself has an end.
#[tokio::test]
async fn a_head_beyond_all_bounds_is_refused() {
    use tower::ServiceExt;
    let mut request = Request::get("/api/x").header("host", "a");
    for n in 0..24_000 {
        request = request.header(format!("x-{n}"), "");
    }
    let proxy = ReverseProxy::new("/api", "http://127.0.0.1:1").unwrap();
    let request = request.body(http_body_util::Empty::<Bytes>::new()).unwrap();
    let response = proxy.oneshot(request).await.unwrap();
    assert_eq!(response.status(), 431);
}
