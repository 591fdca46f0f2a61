//! Refusals and failures leave events, and nothing else does.

use http::{Request, Response};
use same_origin::cors::{CorsLayer, CorsPolicy};
use same_origin::proxy::{Body, ReverseProxy};
use std::convert::Infallible;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
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
    let get = |origin: &str| Request::get("/").header("origin", origin.as_bytes());
    let preflight = |method: &str, headers: &str| {
        Request::options("/")
            .header("origin", "https://app.example.com")
            .header("access-control-request-method", method)
            .header("access-control-request-headers", headers)
    };
    assert_eq!(send(get("https://app.example.com")).await, "");
    assert_eq!(
        send(get("https://evil.example\"")).await,
        " INFO same_origin::cors: CORS request refused refusal=the origin is not allowed preflight=false \
         origin=\"https://evil.example\\\"\"\n"
    );
    assert_eq!(
        send(preflight("DELETE", "x-known")).await,
        " INFO same_origin::cors: CORS request refused refusal=the method is not allowed method=\"DELETE\" \
         preflight=true origin=\"https://app.example.com\"\n"
    );
    assert_eq!(
        send(preflight("GET", "x-known,x-other")).await,
        " INFO same_origin::cors: CORS request refused refusal=a header is not allowed header=\"x-other\" \
         preflight=true origin=\"https://app.example.com\"\n"
    );
    layer.handle().report_only(policy("https://new.example"));
    assert_eq!(
        send(get("https://app.example.com")).await,
        " INFO same_origin::cors: the candidate policy differs difference=\"newly refused\" preflight=false \
         origin=\"https://app.example.com\"\n"
    );
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
        let request = Request::get("/api/x?y").header("host", "a");
        let answer = proxy.clone().oneshot(request.body(Body::empty()).unwrap());
        let answer = answer.instrument(info_span!("application")).await.unwrap();
        assert_eq!(answer.status(), 502);
        log.take()
    };
    // With the span of the exchange where that is looked at, and without.
    let told = fail(Level::DEBUG).await;
    let spans = "application:proxy{method=GET target=/x?y";
    assert!(told.contains(spans) && told.contains("WARN"), "{told}");
    let told = fail(Level::WARN).await;
    assert_eq!(told.lines().count(), 1, "{told}");
    assert!(told.starts_with(" WARN same_origin::proxy"), "{told}");
    let told = fail(Level::INFO).await;
    assert!(
        told.starts_with(" WARN application: same_origin::proxy"),
        "{told}"
    );
    assert!(
        told.contains(&format!("upstream=\"{dead}\" kind=Connect was_sent=false")),
        "{told}"
    );
}
