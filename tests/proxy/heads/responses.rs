//! Heads of an upstream's responses as they come: many lines, white space, a time to live, lengths.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::header::{CONNECTION, CONTENT_LENGTH, HeaderValue, UPGRADE};
use http::{Request, Response, StatusCode, Version};
use same_origin::proxy::{Body, Limits, ProxyError, ProxyErrorKind, ReverseProxy};
use tower::{ServiceExt, service_fn};

use crate::support::{Upstream, get, proxy_of, reply, serve};

fn lines(count: usize) -> String {
    (0..count).map(|n| format!("x-{n}: {n}\r\n")).collect()
}

#[tokio::test]
async fn a_thousand_lines_are_a_head_or_an_informational_one_or_trailers() {
    let many = lines(999);
    let interim = format!("HTTP/1.1 103 Early Hints\r\n{many}\r\n");
    let last = "HTTP/1.1 200 OK\r\n";
    for answer in [
        format!("{last}content-length: 2\r\n{many}\r\nok"),
        format!("{interim}{last}content-length: 2\r\n\r\nok"),
        format!("{last}transfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n{many}\r\n"),
    ] {
        let upstream = Upstream::start(move |_| answer.clone().into_bytes()).await;
        let answer = get(proxy_of(&upstream, "").await, "/api/x", "").await;
        assert_eq!(answer.status, 200, "{}", answer.head);
        assert!(answer.body.windows(2).any(|ok| ok == b"ok"));
    }
}

#[tokio::test]
async fn more_lines_than_are_wanted_are_502() {
    for (count, status) in [(9, 200), (10, 502)] {
        let upstream = Upstream::start(move |_| reply(&lines(count))).await;
        let limits = Limits::default().response_fields(10);
        let proxy = ReverseProxy::builder("/api", upstream.url("")).limits(limits);
        let answer = get(serve(proxy.build().unwrap()).await, "/api/x", "").await;
        assert_eq!(answer.status, status, "{count} and the length");
    }
}

#[tokio::test]
async fn white_space_before_a_colon_is_taken_out() {
    for line in ["x-a : 1\r\n", "x-a\t: 1\r\n", "x-a \t : 1\r\n"] {
        let upstream = Upstream::start(move |_| reply(line)).await;
        let answer = get(proxy_of(&upstream, "").await, "/api/x", "").await;
        assert_eq!(
            (answer.status, answer.all("x-a")),
            (200, vec!["1"]),
            "{line:?}"
        );
        assert!(answer.head.contains("\r\nx-a: 1\r\n"), "{}", answer.head);
    }
}

/// A request that is sent after the announced time may be lost with the connection.
#[tokio::test]
async fn a_connection_is_not_used_for_longer_than_its_upstream_keeps_it() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = serve(ReverseProxy::new("/api", url).unwrap()).await;
    let connections = tokio::spawn(async move {
        let mut bytes = [0; 4096];
        let answer = reply("keep-alive: timeout=1\r\n");
        let mut used = Vec::new();
        for requests in [2, 1] {
            let (mut stream, _) = listener.accept().await.unwrap();
            for _ in 0..requests {
                assert!(stream.read(&mut bytes).await.unwrap() > 0);
                stream.write_all(&answer).await.unwrap();
            }
            used.push(stream);
        }
    });
    for pause in [0, 0, 1000] {
        tokio::time::sleep(Duration::from_millis(pause)).await;
        assert_eq!(get(server, "/api/x", "").await.status, 200);
    }
    connections.await.unwrap();
}

/// Apache's `max` is the number of requests that may still come: with `max=1` there is one more.
#[tokio::test]
async fn a_connection_is_used_for_no_more_requests_than_its_upstream_announces() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    for (field, wanted) in [("max=0", 3), ("timeout=5, max=0", 3), ("max=1", 1)] {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = serve(ReverseProxy::new("/api", url).unwrap()).await;
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(async move {
                    while stream.read(&mut [0; 4096]).await.unwrap_or(0) > 0 {
                        let answer = reply(&format!("keep-alive: {field}\r\n"));
                        stream.write_all(&answer).await.unwrap();
                    }
                });
            }
        });
        for _ in 0..3 {
            assert_eq!(get(server, "/api/x", "").await.status, 200);
        }
        assert_eq!(connections.load(Ordering::Relaxed), wanted, "{field}");
    }
}

/// As of a layer that has given a response another body, or of a client service that makes one up.
#[tokio::test]
async fn a_length_is_a_number_and_that_of_the_body() {
    const TWO: fn() -> Body = || Body::from("ok");
    for (method, lengths, body, is_sound) in [
        ("GET", &["2"][..], TWO, true),
        ("GET", &["2", "2"], TWO, true),
        ("GET", &["00000000000000000000000002"], TWO, true),
        ("GET", &["x"], TWO, false),
        ("GET", &["+2"], TWO, false),
        ("GET", &[""], TWO, false),
        ("GET", &["99999999999999999999"], TWO, false),
        ("HEAD", &["x"], Body::empty, false),
        ("HEAD", &["2"], Body::empty, true),
        ("GET", &["3"], TWO, false),
        ("GET", &["1"], TWO, false),
        ("GET", &["2"], Body::empty, false),
        ("GET", &["0"], Body::empty, true),
    ] {
        let client = service_fn(move |_: Request<Body>| async move {
            let mut response = Response::new(body());
            for length in lengths {
                let length = HeaderValue::from_static(length);
                response.headers_mut().append(CONTENT_LENGTH, length);
            }
            Ok::<_, Infallible>(response)
        });
        let proxy = ReverseProxy::builder("/api", "http://upstream.example");
        let proxy = proxy.build_with_client(client).unwrap();
        let request = Request::builder().method(method).uri("/api/x");
        let request = request.body(Body::empty()).unwrap();
        let answer = proxy.oneshot(request).await.unwrap();
        let kind = answer.extensions().get().map(ProxyError::kind);
        let refused = (!is_sound).then_some(ProxyErrorKind::MalformedResponse);
        assert_eq!(kind, refused, "{method} {lengths:?}");
        assert_eq!(answer.status().as_u16(), if is_sound { 200 } else { 502 });
    }
}

/// RFC 9110 15.5.22: a 426 names what is required, on each hop; over HTTP/2 there is no field for it.
#[tokio::test]
async fn a_426_names_what_can_be_asked_for_here() {
    for (named, version, told) in [
        (Some("websocket"), Version::HTTP_11, Some("websocket")),
        (
            Some("a/1, h2c,TLS/1.2, b"),
            Version::HTTP_11,
            Some("a/1, b"),
        ),
        (Some("h2c"), Version::HTTP_11, None),
        (Some("websocket"), Version::HTTP_10, None),
        (Some("websocket"), Version::HTTP_2, None),
        (None, Version::HTTP_11, None),
    ] {
        let client = service_fn(move |_: Request<Body>| async move {
            let response = Response::builder().status(StatusCode::UPGRADE_REQUIRED);
            let response = match named {
                Some(named) => response
                    .header(CONNECTION, "upgrade")
                    .header(UPGRADE, named),
                None => response,
            };
            response.body(Body::empty())
        });
        let proxy = ReverseProxy::builder("/api", "http://upstream.example");
        let proxy = proxy.build_with_client(client).unwrap();
        let request = Request::get("/api/x").version(version);
        let request = request.body(Body::empty()).unwrap();
        let answer = proxy.oneshot(request).await.unwrap();
        assert_eq!(answer.status(), StatusCode::UPGRADE_REQUIRED);
        let said = [UPGRADE, CONNECTION].map(|name| answer.headers().get(name));
        let told = told.map(HeaderValue::from_static);
        let upgrade = HeaderValue::from_static("upgrade");
        let connection = told.as_ref().map(|_| &upgrade);
        assert_eq!(said, [told.as_ref(), connection], "{named:?} {version:?}");
    }
}

#[tokio::test]
async fn what_a_426_names_is_written_beside_the_end_of_a_connection() {
    let upstream = Upstream::start(|_| {
        b"HTTP/1.1 426 Upgrade Required\r\nconnection: upgrade\r\nupgrade: websocket\r\nupgrade: a/1\r\ncontent-length: 2\r\n\r\nok"
            .to_vec()
    });
    let answer = get(proxy_of(&upstream.await, "").await, "/api/x", "").await;
    assert_eq!((answer.status, &answer.body[..]), (426, &b"ok"[..]));
    assert_eq!(answer.all("upgrade"), ["websocket, a/1"]);
    let options = answer.all("connection");
    assert_eq!(options, ["upgrade, close"], "{}", answer.head);
}

/// RFC 9110 11.7.1: the challenge is for the proxy, and its client could do nothing with it.
#[tokio::test]
async fn a_407_is_not_handed_on() {
    for field in ["", "proxy-authenticate: Basic realm=\"x\"\r\n"] {
        let head = format!("HTTP/1.1 407 Whoever\r\n{field}content-length: 2\r\n\r\nok");
        let upstream = Upstream::start(move |_| head.clone().into_bytes()).await;
        let answer = get(proxy_of(&upstream, "").await, "/api/x", "").await;
        assert_eq!(answer.status, 502);
        let why = ["same-origin; error=http_protocol_error"];
        assert_eq!(answer.all("proxy-status"), why);
        assert!(answer.all("proxy-authenticate").is_empty());
    }
}
