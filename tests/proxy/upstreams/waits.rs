//! Which timeout counts when: the wait for a place, for a connection, and for an answer.

use std::future::Future;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use http::Request;
use same_origin::proxy::{
    Body, Limits, ProxyBuilder, ProxyError, ProxyErrorKind, ReverseProxy, Timeouts, Transport,
    UpstreamTls,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tower::ServiceExt;
use tower::layer::util::Identity;

use super::frames::{frame, ok, upstream};
use crate::support::{Answer, Upstream, exchange, get, serve};

/// An address that takes connections and says nothing, so that no handshake of TLS comes to its end.
async fn hanging() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    (listener, url)
}

/// A timeout for connections that is longer than that for answers.
fn timeouts() -> Timeouts {
    Timeouts::default()
        .connect(Duration::from_millis(600))
        .response(Duration::from_millis(200))
}

/// A proxy of https upstreams, none of which is trusted.
fn proxy(urls: impl IntoIterator<Item = String>) -> (ProxyBuilder, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(Vec::new()).unwrap();
    let ca = dir.path().join("ca.pem");
    std::fs::write(&ca, params.self_signed(&key).unwrap().pem()).unwrap();
    let proxy = ReverseProxy::builder("/api", "")
        .upstreams(urls)
        .upstream_tls(UpstreamTls::default().ca(ca))
        .timeouts(timeouts());
    (proxy, dir)
}

async fn error_of<T: Transport>(proxy: ReverseProxy<T>) -> ProxyError {
    let request = Request::get("/api/x").header("host", "a");
    let request = request.body(Body::empty()).unwrap();
    let response = proxy.oneshot(request).await.unwrap();
    response.extensions().get::<ProxyError>().unwrap().clone()
}

#[tokio::test]
async fn who_cannot_be_connected_to_is_not_told_as_silent() {
    let (_silent, url) = hanging().await;
    let (proxy, _dir) = proxy([url]);
    let plain = error_of(proxy.build().unwrap()).await;
    let layered = error_of(proxy.build_with_layer(&Identity::new()).unwrap()).await;
    for error in [plain, layered] {
        let found = (error.kind(), error.was_sent());
        assert_eq!(found, (ProxyErrorKind::ConnectTimeout, false), "{error:?}");
    }
}

fn post(server: SocketAddr) -> impl Future<Output = Answer> {
    let request =
        "POST /api/x HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 1\r\n\r\nx";
    exchange(server, request)
}

/// Whatever the method, as nothing was sent.
#[tokio::test]
async fn a_request_goes_to_another_however_short_the_wait_for_answers_is() {
    let good = Upstream::ok().await;
    let (_silent, url) = hanging().await;
    let (proxy, _dir) = proxy([url, good.url("")]);
    let server = serve(proxy.build().unwrap()).await;
    let asked = (0..6).map(|_| async { tokio::join!(get(server, "/api/x", ""), post(server)) });
    for (get, post) in futures_util::future::join_all(asked).await {
        assert_eq!((get.status, post.status), (200, 200));
    }
    // It is set aside at once.
    let begun = Instant::now();
    for _ in 0..6 {
        assert_eq!(get(server, "/api/x", "").await.status, 200);
    }
    assert!(begun.elapsed() < Duration::from_millis(600));
}

/// A proxy with one place at its upstream, whose answers begin at once and end after that time.
async fn with_one_place(hold: Duration) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                assert!(stream.read(&mut [0; 4096]).await.unwrap() > 0);
                let head = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\n";
                stream.write_all(head.as_bytes()).await.unwrap();
                tokio::time::sleep(hold).await;
                stream.write_all(b"ok").await.unwrap();
            });
        }
    });
    let limits = Limits::default().in_flight(1);
    let proxy = ReverseProxy::builder("/api", url)
        .limits(limits.client_share(1.0).connection_share(1.0))
        .timeouts(timeouts());
    serve(proxy.build().unwrap()).await
}

#[tokio::test]
async fn a_wait_for_a_place_is_not_one_for_an_answer() {
    for (hold, second) in [(400, (200, "")), (1200, (503, "connection_limit_reached"))] {
        let server = with_one_place(Duration::from_millis(hold)).await;
        let first = tokio::spawn(get(server, "/api/x", ""));
        tokio::time::sleep(Duration::from_millis(50)).await;
        let answer = get(server, "/api/x", "").await;
        let why = answer.all("proxy-status").join("");
        let why = why.rsplit('=').next().unwrap_or_default();
        assert_eq!((answer.status, why), second, "{hold}: {answer:?}");
        assert_eq!(first.await.unwrap().status, 200);
    }
}

/// RFC 9113 3.4: its settings are the first that an upstream sends. Those who wait to share its connection have waited
/// for them as long as a connection may take, and need not do so twice.
#[tokio::test]
async fn an_upstream_that_never_sends_its_settings_is_told_in_time() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("h2c://{}", silent.local_addr().unwrap());
    let connect = Duration::from_millis(800);
    let times = Timeouts::default()
        .connect(connect)
        .response(Duration::from_secs(20));
    let proxy = ReverseProxy::builder("/api", url).timeouts(times);
    let server = serve(proxy.build().unwrap()).await;
    let first = tokio::spawn(get(server, "/api/first", ""));
    let _connection = silent.accept().await.unwrap();
    let begun = Instant::now();
    let second = get(server, "/api/second", "").await;
    assert_eq!(second.status, 504);
    let waited = begun.elapsed();
    assert!(waited < connect * 7 / 4, "{waited:?}");
    first.abort();
}

/// A connection whose other end is gone brings nothing, and nobody tells. Another one may be dialled.
#[tokio::test]
async fn a_connection_that_brings_nothing_while_a_request_waits_in_vain_gets_no_other() {
    let up = upstream(&[], |begun| match (begun.connection, begun.stream) {
        (0, 3..) => Vec::new(),
        (_, stream) => ok(stream),
    });
    let proxy = ReverseProxy::builder("/api", format!("h2c://{}", up.await));
    let proxy = serve(proxy.timeouts(timeouts()).build().unwrap()).await;
    for status in [200, 504, 200, 200] {
        assert_eq!(get(proxy, "/api/x", "").await.status, status);
    }
}

/// It may be an answer to a PING, which says that its other end is there.
#[tokio::test]
async fn one_that_says_anything_meanwhile_stays() {
    let up = upstream(&[], |begun| match (begun.connection, begun.stream) {
        (0, 3) => pong(),
        (0, stream) => ok(stream),
        (_, _) => panic!("another connection"),
    });
    let proxy = ReverseProxy::builder("/api", format!("h2c://{}", up.await));
    let proxy = serve(proxy.timeouts(timeouts()).build().unwrap()).await;
    for status in [200, 504, 200, 200] {
        assert_eq!(get(proxy, "/api/x", "").await.status, status);
    }
}

/// An answer to a PING.
fn pong() -> Vec<u8> {
    const PING: u8 = 6;
    frame(PING, 1, 0, &[0; 8])
}

/// What answers PINGs may hang behind its connection. Each answer to a request is a new beginning.
#[tokio::test]
async fn one_that_says_nothing_else_gets_no_third_request_after_two_in_vain() {
    let up = upstream(&[], |begun| match (begun.connection, begun.stream) {
        (0, 1 | 5) => ok(begun.stream),
        (0, 3 | 7 | 9) => pong(),
        (0, stream) => panic!("stream {stream}"),
        (_, stream) => ok(stream),
    });
    let proxy = ReverseProxy::builder("/api", format!("h2c://{}", up.await));
    let proxy = serve(proxy.timeouts(timeouts()).build().unwrap()).await;
    for status in [200, 504, 200, 504, 504, 200] {
        assert_eq!(get(proxy, "/api/x", "").await.status, status);
    }
}

/// However many wait in vain.
#[tokio::test]
async fn one_that_answers_others_meanwhile_stays() {
    let up = upstream(&[], |begun| match (begun.connection, begun.stream) {
        (0, 3 | 5) => Vec::new(),
        (0, stream) => ok(stream),
        (_, _) => panic!("another connection"),
    });
    let proxy = ReverseProxy::builder("/api", format!("h2c://{}", up.await));
    let proxy = serve(proxy.timeouts(timeouts()).build().unwrap()).await;
    assert_eq!(get(proxy, "/api/x", "").await.status, 200);
    let slow = move || get(proxy, "/api/slow", "");
    let waits = tokio::spawn(async move { tokio::join!(slow(), slow()) });
    while !waits.is_finished() {
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_ne!(get(proxy, "/api/x", "").await.status, 502);
    }
    let (one, other) = waits.await.unwrap();
    assert_eq!([one.status, other.status], [504, 504]);
    assert_eq!(get(proxy, "/api/x", "").await.status, 200);
}
