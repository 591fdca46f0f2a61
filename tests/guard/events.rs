//! A refusal leaves an event that says what to write, so many a second; nothing else leaves one.

use std::convert::Infallible;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use http::{Request, Response};
use same_origin::guard::{Guard, GuardBuilder, GuardLayer};
use tower::{Layer as _, ServiceExt as _, service_fn};
use tracing_subscriber::fmt::MakeWriter;

use crate::request::request;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("the log").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

async fn application(_: Request<String>) -> Result<Response<String>, Infallible> {
    Ok(Response::default())
}

/// The events of a guard that sees a request.
async fn written(guard: GuardBuilder, request: Request<String>) -> String {
    let layer = GuardLayer::new(guard.build().expect("a guard"));
    written_by(&layer, request).await
}

async fn written_by(layer: &GuardLayer, request: Request<String>) -> String {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(log.clone())
        .with_ansi(false)
        .without_time();
    let guard = tracing::subscriber::set_default(subscriber.finish());
    let Ok(_response) = layer.layer(service_fn(application)).oneshot(request).await;
    drop(guard);
    let bytes = std::mem::take(&mut *log.0.lock().expect("the log"));
    String::from_utf8(bytes).expect("text")
}

#[tokio::test]
async fn a_refusal_names_rule_origin_and_remedy() {
    for (method, host, fields, texts) in [
        (
            "POST",
            "app.example.com",
            &[
                ("origin", "https://evil.example"),
                ("sec-fetch-site", "cross-site"),
            ][..],
            &[
                "rule=7",
                "https://evil.example",
                "add \\\"https://evil.example\\\" to trust",
            ][..],
        ),
        (
            "POST",
            "app.example.com",
            &[("origin", "https://app.example.com")],
            &[
                "rule=8",
                "in its scheme alone",
                "trusted_proxies",
                // What the library has for it.
                "OwnOrigin",
                "public_origins",
            ],
        ),
        (
            "POST",
            "app.example.com",
            &[
                ("origin", "https://app.example.com"),
                ("sec-fetch-site", "cross-site"),
            ],
            &[
                "rule=7",
                "in its scheme alone",
                "trusted_proxies",
                // What the library has for it.
                "OwnOrigin",
                "public_origins",
            ],
        ),
        (
            "POST",
            "internal:3000",
            &[("origin", "https://app.example.com")],
            &[
                "http://internal:3000",
                "rewrites Host",
                "trusted_proxies",
                // What the library has for it.
                "OwnOrigin",
                "public_origins",
            ],
        ),
        (
            "POST",
            "app.example.com",
            &[("origin", "null")],
            &["Referrer-Policy", "dangerously_exempt"],
        ),
        (
            "POST",
            "app.example.com",
            &[("sec-fetch-site", "same-site")],
            &["no Origin", "dangerously_exempt"],
        ),
        (
            "POST",
            "app.example.com",
            &[("sec-fetch-site", "x\"y")],
            &["rule=7", "no browser sends this"],
        ),
        (
            "POST",
            "app.example.com",
            &[("origin", "evil")],
            &["no browser sends this"],
        ),
    ] {
        let mut request = request(method, fields);
        *request.uri_mut() = "/api/x?token=secret".parse().unwrap();
        request.headers_mut().insert("host", host.parse().unwrap());
        let log = written(Guard::builder(), request).await;
        assert!(log.contains("INFO same_origin::guard: refused"), "{log}");
        assert!(log.contains("path=/api/x "), "{log}");
        assert!(!log.contains("secret"), "{log}");
        for text in texts {
            assert!(log.contains(text), "{text} is not in {log}");
        }
        assert_eq!(log.lines().count(), 1, "{log}");
    }
}

#[tokio::test]
async fn a_foreign_host_is_named_as_an_entry_has_it() {
    for (host, remedy) in [
        ("Evil.example", "add \\\"evil.example\\\" to hosts"),
        ("evil.example:080", "add \\\"evil.example:80\\\" to hosts"),
        ("[0:0:0:0:0:0:0:2]:81", "add \\\"[::2]:81\\\" to hosts"),
        ("[::ffff:127.0.0.1]", "add \\\"[::ffff:7f00:1]\\\" to hosts"),
        ("a..b", "no browser sends this"),
    ] {
        let mut foreign = request("GET", &[]);
        let headers = foreign.headers_mut();
        headers.insert("host", host.parse().unwrap());
        let log = written(Guard::builder().hosts(["[::1]"]), foreign).await;
        assert!(log.contains("rule=1") && log.contains(remedy), "{log}");
    }
    let mut long = request("GET", &[]);
    let host = "[0:0:0:0:0:0:0:1]".parse().unwrap();
    long.headers_mut().insert("host", host);
    assert_eq!(written(Guard::builder().hosts(["[::1]"]), long).await, "");
}

#[tokio::test]
async fn a_report_says_so_and_what_passes_says_nothing() {
    let evil = [("origin", "https://evil.example")];
    let log = written(Guard::builder().report_only(true), request("POST", &evil)).await;
    assert!(
        log.contains("INFO same_origin::guard: would be refused"),
        "{log}"
    );
    assert_eq!(written(Guard::builder(), request("GET", &evil)).await, "");
    assert_eq!(written(Guard::builder(), request("POST", &[])).await, "");
}

#[tokio::test]
async fn a_candidate_that_differs_says_so() {
    let layer = GuardLayer::new(
        Guard::builder()
            .trust(["https://evil.example"])
            .build()
            .expect("a guard"),
    );
    layer
        .handle()
        .report_only(Guard::builder().build().expect("a guard"));
    let log = written_by(
        &layer,
        request("POST", &[("origin", "https://evil.example")]),
    )
    .await;
    assert!(
        log.contains("INFO same_origin::guard: the candidate guard differs"),
        "{log}"
    );
    assert!(log.contains("newly refused"), "{log}");
}

#[test]
fn of_one_rule_ten_lines_a_second_are_told_and_the_rest_counted() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(log.clone())
        .with_ansi(false)
        .without_time();
    let _follow = tracing::subscriber::set_default(subscriber.finish());
    let take = || {
        let bytes = std::mem::take(&mut *log.0.lock().expect("the log"));
        String::from_utf8(bytes).expect("text")
    };
    let evil = [("origin", "https://evil.example")];
    let id = http::HeaderName::from_static("x-request-id");
    for (report_only, outcome) in [(false, "refused"), (true, "would be refused")] {
        let guard = Guard::builder().report_only(report_only).build();
        let layer = GuardLayer::_of_route(guard.expect("a guard"), "/api", Some(id.clone()));
        let ask = |fields: &[(&str, &str)]| {
            let mut request = request("POST", fields);
            let id = "7f".parse().expect("an id");
            request.headers_mut().insert("x-request-id", id);
            let asked = layer.layer(service_fn(application)).oneshot(request);
            let _answer = futures_util::FutureExt::now_or_never(asked).expect("at once");
        };
        for _ in 0..50 {
            ask(&evil);
        }
        let told = take();
        assert_eq!(told.lines().count(), 10, "{told}");
        assert!(told.contains("id=\"7f\" route=\"/api\""), "{told}");
        // Another rule has lines of its own.
        ask(&[("sec-fetch-site", "cross-site")]);
        assert_eq!(take().lines().count(), 1);
        std::thread::sleep(std::time::Duration::from_millis(1500));
        let count = format!(
            " INFO same_origin::guard: more of this kind in one second rule=8 outcome=\"{outcome}\" \
             route=\"/api\" left_out=40\n"
        );
        assert_eq!(take(), count);
    }
}
