//! Upstreams that are down, slow, or speak garbage.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Response, StatusCode};
use http_body::Body as _;
use hyper_util::rt::TokioExecutor;
use same_origin::proxy::{Body, ProxyError, ProxyErrorKind, ReverseProxy, Timeouts};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufStream};
use tokio::net::TcpListener;
use tokio::sync::Barrier;
use tower::{Service, ServiceExt, service_fn};

use crate::support::{Upstream, exchange, get, proxy_of, serve};

/// An address that refuses connections.
async fn dead() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

async fn error_of(proxy: ReverseProxy, method: &str) -> (StatusCode, ProxyError) {
    let request = Request::builder()
        .method(method)
        .uri("/api/x")
        .header("host", "a")
        .body(Body::empty());
    let response = proxy.oneshot(request.unwrap()).await.unwrap();
    let error = response.extensions().get::<ProxyError>().unwrap().clone();
    (response.status(), error)
}

#[tokio::test]
async fn every_failure_is_a_response_and_a_typed_error() {
    let closing = Upstream::start(|_| Vec::new()).await;
    let garbage = Upstream::start(|_| b"SSH-2.0-OpenSSH_9.2\r\n\r\n".to_vec()).await;
    let switching = Upstream::start(|_| {
        b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n"
            .to_vec()
    })
    .await;
    for (url, kind, status, was_sent) in [
        (dead().await, ProxyErrorKind::Connect, 502, false),
        (
            "http://does-not-exist.invalid".to_owned(),
            ProxyErrorKind::Dns,
            502,
            false,
        ),
        (closing.url(""), ProxyErrorKind::Closed, 502, true),
        (
            garbage.url(""),
            ProxyErrorKind::MalformedResponse,
            502,
            true,
        ),
        (switching.url(""), ProxyErrorKind::UpgradeFailed, 502, true),
    ] {
        let (found, error) = error_of(ReverseProxy::new("/api", &url).unwrap(), "GET").await;
        assert_eq!(
            (error.kind(), found.as_u16(), error.was_sent()),
            (kind, status, was_sent),
            "{url}: {error:?}"
        );
    }
}

/// Its client finds the status in a head that ends the stream; behind one that does not grpcio may tell a broken one.
#[tokio::test]
async fn a_call_of_grpc_is_told_of_a_failure_by_the_head_alone() {
    let server = serve(ReverseProxy::new("/api", dead().await).unwrap()).await;
    let client = hyper_util::client::legacy::Client::builder(TokioExecutor::new())
        .http2_only(true)
        .build_http();
    for (path, kind, status, is_alone) in [
        ("/api/x", "application/grpc", 502, true),
        ("/api/x", "application/grpc+proto", 502, true),
        ("/elsewhere", "application/grpc", 404, true),
        ("/api/x", "Application/gRPC;x", 502, true),
        ("/api/x", "application/grpc-web+proto", 502, false),
        ("/api/x", "application/grp", 502, false),
        ("/api/x", "application/json", 502, false),
    ] {
        let request = Request::post(format!("http://{server}{path}")).header("content-type", kind);
        let request = request.body(Body::from("message")).unwrap();
        let response = client.request(request).await.unwrap();
        let found = (response.status().as_u16(), response.body().is_end_stream());
        assert_eq!(found, (status, is_alone), "{path} {kind}");
        assert!(response.headers().contains_key("proxy-status"));
    }
}

/// An upstream of HTTP/2 that begins with these bytes when a request has come, and closes the connection.
async fn begins(bytes: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("h2c://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
            while stream.try_read(&mut [0; 4096]).is_ok_and(|read| read > 0) {}
            stream.write_all(bytes).await.unwrap();
        }
    });
    url
}

/// Its causes, one after the other.
fn causes(error: &ProxyError) -> String {
    let mut text = String::new();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(&format!("{cause}; "));
        next = cause.source();
    }
    text
}

#[tokio::test]
async fn who_does_not_speak_http2_is_told_so() {
    const SETTINGS: &[u8] = b"\0\0\0\x04\0\0\0\0\0";
    for (bytes, kind, speaks) in [
        (
            &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..],
            ProxyErrorKind::MalformedResponse,
            false,
        ),
        (b"", ProxyErrorKind::Closed, false),
        (SETTINGS, ProxyErrorKind::Closed, true),
    ] {
        let url = begins(bytes).await;
        let (_, error) = error_of(ReverseProxy::new("/api", url).unwrap(), "POST").await;
        let causes = causes(&error);
        assert_eq!((error.kind(), error.was_sent()), (kind, true), "{causes}");
        let is_told = causes.contains("may not speak");
        assert_eq!(is_told, !speaks, "{}: {causes}", bytes.escape_ascii());
    }
}

/// An upstream that closes each connection after its first answer.
async fn closing(answer: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let mut stream = BufStream::new(listener.accept().await.unwrap().0);
            let mut line = String::new();
            while line != "\r\n" {
                line.clear();
                stream.read_line(&mut line).await.unwrap();
            }
            stream.write_all(answer.as_bytes()).await.unwrap();
            stream.flush().await.unwrap();
        }
    });
    url
}

/// A browser takes an empty reply on a kept connection for one that nobody has read, and sends its request again.
#[tokio::test]
async fn an_answer_that_is_cut_is_never_nothing() {
    let broken: [(&str, &[u16], &[u8]); 4] = [
        ("content-length: 10\r\n\r\n", &[502, 201], b""),
        ("transfer-encoding: chunked\r\n\r\nzz\r\n", &[502], b""),
        ("content-length: 10\r\n\r\nabc", &[201], b"abc"),
        (
            "transfer-encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n",
            &[201],
            b"3\r\nabc\r\n",
        ),
    ];
    for (rest, statuses, begins) in broken {
        let upstream = closing(format!("HTTP/1.1 201 Created\r\n{rest}")).await;
        let server = serve(ReverseProxy::new("/api", upstream).unwrap()).await;
        for _ in 0..10 {
            let request =
                "POST /api/x HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
            let answer = exchange(server, request).await;
            assert!(statuses.contains(&answer.status), "{rest:?}: {answer:?}");
            if answer.status == 502 {
                let why = "same-origin; error=http_response_incomplete";
                assert_eq!(answer.all("proxy-status"), [why], "{rest:?}");
            } else {
                assert_eq!(answer.body, begins, "{rest:?}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn silence_is_504() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let proxy = ReverseProxy::builder("/api", url)
        .timeouts(Timeouts::default().response(Duration::from_secs(30)))
        .build()
        .unwrap();
    let (status, error) = error_of(proxy, "GET").await;
    assert_eq!(
        (status.as_u16(), error.kind()),
        (504, ProxyErrorKind::ResponseTimeout)
    );
}

#[tokio::test]
async fn a_client_learns_nothing_of_the_inside() {
    let url = dead().await;
    let server = serve(ReverseProxy::new("/api", &url).unwrap()).await;
    let answer = get(server, "/api/x", "").await;
    assert_eq!(answer.status, 502);
    assert_eq!(
        answer.all("proxy-status"),
        ["same-origin; error=connection_refused"]
    );
    assert_eq!(answer.body, "Bad Gateway\n");
    let port = url.rsplit(':').next().unwrap();
    assert!(!answer.head.contains(port), "{}", answer.head);
}

#[tokio::test]
async fn an_error_page_can_be_ones_own() {
    let proxy = ReverseProxy::builder("/api", dead().await)
        .map_error(|error, response| {
            let page = format!("kind: {:?}", error.kind());
            response.map(|_| Body::from(page))
        })
        .build()
        .unwrap();
    let answer = get(serve(proxy).await, "/api/x", "").await;
    assert_eq!(
        (answer.status, &answer.body[..]),
        (502, &b"kind: Connect"[..])
    );
}

/// An upstream that answers one request on its first connection, and closes it on the second.
async fn dying() -> Upstream {
    let count = AtomicUsize::new(0);
    Upstream::start(move |_| match count.fetch_add(1, Ordering::SeqCst) {
        1 => Vec::new(),
        _ => crate::support::reply(""),
    })
    .await
}

#[tokio::test]
async fn an_idempotent_request_is_repeated_once_on_a_new_connection() {
    let upstream = dying().await;
    let server = proxy_of(&upstream, "").await;
    assert_eq!(get(server, "/api/1", "").await.status, 200);
    assert_eq!(get(server, "/api/2", "").await.status, 200);
    let targets: Vec<_> = upstream
        .seen()
        .iter()
        .map(|seen| seen.target().to_owned())
        .collect();
    assert_eq!(targets, ["/1", "/2", "/2"]);
}

#[tokio::test]
async fn what_is_repeated_is_the_same() {
    let upstream = dying().await;
    let server = proxy_of(&upstream, "").await;
    let fields = "x-own: 1\r\nauthorization: a: b\r\nx-own: \r\ncookie: c=\"d\"; e\r\n";
    assert_eq!(get(server, "/api/1", fields).await.status, 200);
    assert_eq!(get(server, "/api/2%20?q=%0a:", fields).await.status, 200);
    let seen = upstream.seen();
    assert_eq!(seen[1].target(), "/2%20?q=%0a:");
    assert_eq!(seen[1].head, seen[2].head);
}

/// An upstream that answers once on each of its first two connections, when both have been asked.
async fn two_that_die(asked: Arc<AtomicUsize>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let both = Arc::new(Barrier::new(2));
        for number in 0.. {
            let (stream, _) = listener.accept().await.unwrap();
            let (asked, both) = (Arc::clone(&asked), Arc::clone(&both));
            tokio::spawn(async move {
                let mut stream = BufStream::new(stream);
                for turn in 0.. {
                    let mut line = String::new();
                    while line != "\r\n" {
                        line.clear();
                        if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                            return;
                        }
                    }
                    asked.fetch_add(1, Ordering::SeqCst);
                    match (number, turn) {
                        (0..2, 0) => _ = both.wait().await,
                        (0..2, _) => return,
                        _ => {}
                    }
                    stream.write_all(&crate::support::reply("")).await.unwrap();
                    stream.flush().await.unwrap();
                }
            });
        }
    });
    format!("http://{address}")
}

#[tokio::test]
async fn a_request_is_not_repeated_on_another_connection_that_lay_idle() {
    let asked = Arc::new(AtomicUsize::new(0));
    let url = two_that_die(Arc::clone(&asked)).await;
    let server = serve(ReverseProxy::new("/api", url).unwrap()).await;
    let (one, other) = tokio::join!(get(server, "/api/1", ""), get(server, "/api/2", ""));
    assert_eq!((one.status, other.status), (200, 200));
    assert_eq!(get(server, "/api/3", "").await.status, 200);
    // Two on each's first turn, one that dies, and its repeat on a new connection.
    assert_eq!(asked.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn a_request_that_may_have_been_seen_is_not_repeated() {
    let upstream = dying().await;
    let server = proxy_of(&upstream, "").await;
    assert_eq!(get(server, "/api/1", "").await.status, 200);
    let post = "POST /api/2 HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 1\r\n\r\nx";
    assert_eq!(exchange(server, post).await.status, 502);
    assert_eq!(upstream.seen().len(), 2);
}

#[tokio::test]
async fn a_new_connection_that_dies_is_not_tried_again() {
    let upstream = Upstream::start(|_| Vec::new()).await;
    let server = proxy_of(&upstream, "").await;
    assert_eq!(get(server, "/api/x", "").await.status, 502);
    assert_eq!(upstream.seen().len(), 1);
}

/// RFC 9110 9.3.2; over HTTP/2 content would be an error of the stream.
#[tokio::test]
async fn a_failed_head_has_no_content() {
    let server = serve(ReverseProxy::new("/api", dead().await).unwrap()).await;
    for (target, status, length) in [("/api/x", 502, "12"), ("/api/%2e%2e/x", 400, "12")] {
        let stream = tokio::net::TcpStream::connect(server).await.unwrap();
        let (mut client, connection) = h2::client::handshake(stream).await.unwrap();
        tokio::spawn(connection);
        let request = Request::head(format!("http://{server}{target}"));
        let (response, _) = client
            .send_request(request.body(()).unwrap(), true)
            .unwrap();
        let response = response.await.unwrap();
        assert_eq!(response.status(), status, "{target}");
        assert_eq!(response.headers()["content-length"], length);
        assert!(response.into_body().data().await.is_none());
    }
}

/// A client service that is never ready.
#[derive(Clone)]
struct Unready;

impl Service<Request<Body>> for Unready {
    type Response = Response<Body>;
    type Error = std::io::Error;
    type Future = std::future::Pending<Result<Response<Body>, std::io::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), std::io::Error>> {
        Poll::Ready(Err(std::io::Error::other("out of order")))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        std::future::pending()
    }
}

#[tokio::test]
async fn a_client_service_that_is_not_ready_was_given_nothing() {
    let builder = ReverseProxy::builder("/api", "http://upstream.example");
    let fails = service_fn(|_: Request<Body>| async {
        Err::<Response<Body>, _>(std::io::Error::other("half way"))
    });
    let unready = builder.build_with_client(Unready).unwrap();
    let failing = builder.build_with_client(fails).unwrap();
    let request = || Request::get("/api/x").body(Body::empty()).unwrap();
    let (unready, failing) = (unready.oneshot(request()), failing.oneshot(request()));
    for (answer, was_sent) in [
        (unready.await.unwrap(), false),
        (failing.await.unwrap(), true),
    ] {
        let error = answer.extensions().get::<ProxyError>().unwrap();
        assert_eq!(error.kind(), ProxyErrorKind::Client);
        assert_eq!(error.was_sent(), was_sent, "{error:?}");
    }
}
