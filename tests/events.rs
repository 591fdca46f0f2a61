//! Refusals and failures leave events, and nothing else does.

use std::convert::Infallible;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{HeaderName, Request, Response};
use same_origin::cors::{CorsLayer, CorsPolicy};
use same_origin::proxy::{Body, Limits, ReverseProxy};
use tower::{Layer as _, ServiceExt as _, service_fn};
use tracing::subscriber::DefaultGuard;
use tracing::{Instrument as _, Level, info_span};
use tracing_subscriber::fmt::MakeWriter;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn take(&self) -> String {
        let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8(std::mem::take(&mut log)).unwrap()
    }
}

impl Log {
    fn follow(&self, level: Level) -> DefaultGuard {
        let subscriber = tracing_subscriber::fmt()
            .with_writer(self.clone())
            .with_max_level(level)
            .with_ansi(false)
            .without_time()
            .finish();
        tracing::subscriber::set_default(subscriber)
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn an_event_for_each_refusal_and_difference() {
    let log = Log::default();
    let _guard = log.follow(Level::TRACE);
    let policy = |origin: &str| {
        CorsPolicy::builder()
            .allow_origins([origin])
            .allow_headers(["x-known"])
            .build()
            .unwrap()
    };
    let layer = CorsLayer::new(policy("https://app.example.com"));
    let send = async |request: http::request::Builder| {
        let application =
            service_fn(|_: Request<()>| async { Ok::<_, Infallible>(Response::new(())) });
        let request = request.body(()).unwrap();
        layer.layer(application).oneshot(request).await.unwrap();
        log.take()
    };
    let get = |origin: &str| Request::get("/x?secret=1").header("origin", origin.as_bytes());
    let preflight = |method: &str, headers: &str| {
        Request::options("/x?secret=1")
            .header("origin", "https://app.example.com")
            .header("access-control-request-method", method)
            .header("access-control-request-headers", headers)
    };
    assert_eq!(send(get("https://app.example.com")).await, "");
    // A servlet's session is no more for logs than a query (RFC 3986 3.3).
    let session = Request::get("/x;jsessionid=00ff/y?secret=1").header("origin", "null");
    let told = send(session).await;
    assert!(told.contains("path=/x;jsessionid=***/y "), "{told}");
    assert_eq!(
        send(get("https://evil.example\"")).await,
        " INFO same_origin::cors: CORS request refused refusal=the origin is not allowed preflight=false \
         method=GET path=/x origin=\"https://evil.example\\\"\"\n"
    );
    assert_eq!(
        send(preflight("DELETE", "x-known")).await,
        " INFO same_origin::cors: CORS request refused refusal=the method is not allowed \
         asked_method=\"DELETE\" preflight=true method=OPTIONS path=/x origin=\"https://app.example.com\"\n"
    );
    assert_eq!(
        send(preflight("GET", "x-known,x-other")).await,
        " INFO same_origin::cors: CORS request refused refusal=a header is not allowed \
         asked_header=\"x-other\" preflight=true method=OPTIONS path=/x origin=\"https://app.example.com\"\n"
    );
    layer.handle().report_only(policy("https://new.example"));
    assert_eq!(
        send(get("https://app.example.com")).await,
        " INFO same_origin::cors: the candidate policy differs difference=\"newly refused\" preflight=false \
         method=GET path=/x origin=\"https://app.example.com\"\n"
    );
}

/// Without a runtime, too, which neither CORS nor the guard asks for.
#[test]
fn of_one_refusal_ten_lines_a_second_are_told_and_the_rest_counted() {
    let log = Log::default();
    let _guard = log.follow(Level::INFO);
    let policy = CorsPolicy::builder().allow_origins(["https://app.example.com"]);
    let id = HeaderName::from_static("x-request-id");
    let layer = CorsLayer::_of_route(policy.build().unwrap(), "/api", Some(id));
    let ask = |origin: &str| {
        let application =
            service_fn(|_: Request<()>| async { Ok::<_, Infallible>(Response::new(())) });
        let request = Request::get("/api/x").header("origin", origin);
        let request = request.header("x-request-id", "7f").body(()).unwrap();
        let asked = layer.layer(application).oneshot(request);
        futures_util::FutureExt::now_or_never(asked)
            .unwrap()
            .unwrap();
    };
    for _ in 0..50 {
        ask("https://evil.example");
    }
    let told = log.take();
    assert_eq!(told.lines().count(), 10, "{told}");
    assert!(
        told.contains("path=/api/x id=\"7f\" route=\"/api\""),
        "{told}"
    );
    // Another kind has lines of its own.
    ask("null");
    assert_eq!(log.take().lines().count(), 1);
    std::thread::sleep(Duration::from_millis(1500));
    let count = " INFO same_origin::cors: more of this kind in one second refusal=the origin is not allowed \
                 route=\"/api\" left_out=40\n";
    assert_eq!(log.take(), count);
}

#[tokio::test]
async fn a_failed_request_is_told_of_within_the_applications_span() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let dead = listener.local_addr().unwrap();
    drop(listener);
    let proxy = ReverseProxy::new("/api", format!("http://{dead}")).unwrap();
    let fail = async |level: Level| {
        let log = Log::default();
        let _guard = log.follow(level);
        let request = Request::get("/api/x;sid=5/z?y").header("host", "a");
        let answer = proxy.clone().oneshot(request.body(Body::empty()).unwrap());
        let answer = answer.instrument(info_span!("application")).await.unwrap();
        assert_eq!(answer.status(), 502);
        log.take()
    };
    // With the span of the exchange where that is looked at, and without.
    let told = fail(Level::DEBUG).await;
    let spans = "application:proxy{method=GET path=\"/api/x;sid=***/z\"";
    assert!(told.contains(spans) && told.contains("WARN"), "{told}");
    assert!(!told.contains("?y") && !told.contains("sid=5"), "{told}");
    let told = fail(Level::WARN).await;
    assert_eq!(told.lines().count(), 1, "{told}");
    assert!(told.starts_with(" WARN same_origin::proxy"), "{told}");
    let told = fail(Level::INFO).await;
    assert!(
        told.starts_with(" WARN application: same_origin::proxy"),
        "{told}"
    );
    let why = "method=GET path=/api/x;sid=***/z route=\"/api\" upstream=";
    assert!(told.contains(why), "{told}");
    let why = "kind=Connect was_sent=false cause=Connection refused (os error 111)";
    assert!(told.contains(why), "{told}");
}

/// Whichever of them a request comes to, the log says why it cannot be connected to.
#[cfg(feature = "balance")]
#[tokio::test]
async fn an_upstream_that_is_set_aside_is_told_of_with_its_cause() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let free = async || {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap()
    };
    let upstreams = [free().await, free().await];
    let proxy =
        ReverseProxy::builder("/api", "").upstreams(upstreams.map(|at| format!("http://{at}")));
    let proxy = proxy.build().unwrap();
    let log = Log::default();
    let _guard = log.follow(Level::INFO);
    let ask = async || {
        let request = Request::get("/api/x")
            .header("host", "a")
            .body(Body::empty());
        let answer = proxy.clone().oneshot(request.unwrap()).await.unwrap();
        (answer.status().as_u16(), log.take())
    };
    let refused = "cause=Connection refused (os error 111)";
    let none = "the upstream could not be connected to: Connection refused (os error 111)";
    let (status, told) = ask().await;
    let lines: Vec<_> = told.lines().collect();
    assert_eq!((status, lines.len()), (502, 3), "{told}");
    for upstream in upstreams {
        let aside = format!(
            " WARN same_origin::proxy: an upstream is set aside route=\"/api\" upstream=\"{upstream}\" \
             kind=Connect {refused} pause_s=1"
        );
        assert!(lines[..2].contains(&aside.as_str()), "{aside}: {told}");
    }
    assert!(
        lines[2].ends_with(&format!("kind=NoUpstream was_sent=false cause={none}")),
        "{told}"
    );
    assert_eq!(proxy.set_aside(), 2);
    // A probe that fails is not news.
    let (_, told) = ask().await;
    assert_eq!(told.lines().count(), 1, "{told}");
    assert!(told.contains(none), "{told}");

    let back = tokio::net::TcpListener::bind(upstreams[0]).await.unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = back.accept().await.unwrap();
            assert!(stream.read(&mut [0; 4096]).await.unwrap() > 0);
            let answer = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
            stream.write_all(answer).await.unwrap();
        }
    });
    let mut told = String::new();
    for _ in 0..20 {
        told.push_str(&ask().await.1);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let again = format!(
        " INFO same_origin::proxy: an upstream serves again route=\"/api\" upstream=\"{}\"\n",
        upstreams[0]
    );
    assert_eq!(told.matches(&again).count(), 1, "{told}");
    assert_eq!(proxy.set_aside(), 1);
}

#[tokio::test]
async fn an_event_has_the_id_of_its_request() {
    let log = Log::default();
    let _guard = log.follow(Level::INFO);
    let proxy = ReverseProxy::builder("/api", "http://127.0.0.1:9")
        .request_id(HeaderName::from_static("x-request-id"))
        .remove_request_headers(["x-request-id"])
        .build()
        .unwrap();
    let long = "a".repeat(129);
    for (id, told) in [
        ("7f-a/b", Some("id=\"7f-a/b\" ")),
        ("a\"\\b", Some("id=\"a\\\"\\\\b\" ")),
        (&long[1..], Some("id=\"aaa")),
        (&long, None),
        ("\u{e9}", None),
        ("", None),
    ] {
        // Refused by its head, and not answered.
        for path in ["/elsewhere", "/api/x"] {
            let request = Request::get(path).header("host", "a");
            let request = request.header("x-request-id", id).body(Body::empty());
            proxy.clone().oneshot(request.unwrap()).await.unwrap();
            let line = log.take();
            assert_eq!(line.lines().count(), 1, "{line}");
            match told {
                Some(told) => assert!(line.contains(told), "{line}"),
                None => assert!(!line.contains(" id="), "{line}"),
            }
        }
    }
}

/// A client's fault is not a warning, and leaves a line.
#[tokio::test]
async fn a_refused_request_is_told_of_with_its_public_path() {
    let log = Log::default();
    let _guard = log.follow(Level::INFO);
    let proxy = ReverseProxy::builder("/api", "http://127.0.0.1:9");
    let proxy = proxy
        .limits(Limits::default().request_body(3))
        .build()
        .unwrap();
    for (uri, status, kind) in [
        ("/elsewhere?secret=1", 404, "OutsidePrefix"),
        ("/api/..%2Fx?secret=1", 400, "AmbiguousPath"),
        ("/api/upload?secret=1", 413, "BodyTooLarge"),
        ("/api/host?secret=1", 400, "MalformedHost"),
    ] {
        let host = if uri.starts_with("/api/host") {
            "a b"
        } else {
            "a"
        };
        let request = Request::post(uri)
            .header("host", host)
            .header("content-length", "4");
        let request = request.body(Body::from("body")).unwrap();
        let answer = proxy.clone().oneshot(request).await.unwrap();
        assert_eq!(answer.status(), status, "{uri}");
        let told = log.take();
        let path = uri.split('?').next().unwrap();
        let line = format!("method=POST path={path} route=\"/api\" kind={kind} was_sent=false\n");
        assert!(
            told.starts_with(" INFO same_origin::proxy: ") && told.ends_with(&line),
            "{told}"
        );
    }
}

#[tokio::test]
async fn a_destination_is_told_of_as_such_and_with_the_public_path() {
    let log = Log::default();
    let _guard = log.follow(Level::INFO);
    let proxy = ReverseProxy::new("/dav", "http://127.0.0.1:9/secret").unwrap();
    for (destination, told) in [
        (
            "/other/b",
            " WARN same_origin::proxy: the destination is on another host, or not below the proxy's prefix \
             method=MOVE path=/dav/a route=\"/dav\" kind=ForeignDestination was_sent=false\n",
        ),
        (
            "/dav/../b",
            " INFO same_origin::proxy: the destination is malformed, or can be read as leading elsewhere \
             method=MOVE path=/dav/a route=\"/dav\" kind=MalformedDestination was_sent=false\n",
        ),
    ] {
        let request = Request::builder().method("MOVE").uri("/dav/a?secret");
        let request = request
            .header("host", "a")
            .header("destination", destination);
        let request = request.body(Body::empty()).unwrap();
        proxy.clone().oneshot(request).await.unwrap();
        assert_eq!(log.take(), told);
    }
}

#[tokio::test]
async fn of_one_kind_ten_lines_a_second_are_told_and_the_rest_counted() {
    let log = Log::default();
    let _guard = log.follow(Level::INFO);
    let proxy = ReverseProxy::new("/api", "http://127.0.0.1:9").unwrap();
    let ask = async |path: &str| {
        let request = Request::get(path).header("host", "a").body(Body::empty());
        proxy.clone().oneshot(request.unwrap()).await.unwrap();
    };
    for _ in 0..50 {
        ask("/elsewhere").await;
    }
    assert_eq!(log.take().lines().count(), 10);
    // Another kind has lines of its own.
    ask("/api/%2e%2e").await;
    assert_eq!(log.take().lines().count(), 1);
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let told = log.take();
    assert!(
        told.contains("route=\"/api\" kind=OutsidePrefix left_out=40"),
        "{told}"
    );
    ask("/elsewhere").await;
    let told = log.take();
    assert_eq!(told.lines().count(), 1, "{told}");
}

#[tokio::test]
async fn an_origin_that_no_guard_has_judged_is_warned_of_once() {
    let log = Log::default();
    let _guard = log.follow(Level::WARN);
    let upstream = service_fn(|request: Request<Body>| async move {
        assert_eq!(request.headers()["origin"], "https://app.example.com");
        Ok::<_, Infallible>(Response::new(Body::empty()))
    });
    let proxy = ReverseProxy::builder("/api", "http://upstream.example")
        .rewrite_origin(true)
        .build_with_client(upstream)
        .unwrap();
    let send = async || {
        let request = Request::get("http://app.example.com/api/x")
            .header("origin", "https://app.example.com");
        let request = request.body(Body::empty()).unwrap();
        let answer = proxy.clone().oneshot(request).await.unwrap();
        assert!(answer.status().is_success());
        log.take()
    };
    let warned = send().await;
    assert!(
        warned.contains("rewrite_origin has no effect") && warned.contains("GuardLayer"),
        "{warned}"
    );
    assert_eq!(send().await, "");
}
