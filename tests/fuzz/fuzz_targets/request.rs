//! Whatever stands in `Connection`, `Forwarded` and `Host`: nothing panics, what the proxy sets cannot be
//! taken away or forged, and an element of `Forwarded` is one element.
#![no_main]

#[path = "../exchange.rs"]
mod exchange;

use http::{HeaderValue, Request, Response};
use libfuzzer_sys::fuzz_target;
use same_origin::proxy::{Body, ForwardingField, ReverseProxy};

fuzz_target!(|input: (&[u8], &[u8], &[u8])| {
    let (Ok(connection), Ok(forwarded), Ok(host)) = (
        HeaderValue::from_bytes(input.0),
        HeaderValue::from_bytes(input.1),
        HeaderValue::from_bytes(input.2),
    ) else {
        return;
    };
    let request = Request::get("/api/x")
        .header("host", &host)
        .header("connection", connection)
        .header("forwarded", &forwarded)
        .header("x-forwarded-for", &forwarded)
        .header("x_forwarded_for", &forwarded)
        .body(Body::empty())
        .expect("a request");
    let fields = [
        ForwardingField::XForwardedFor,
        ForwardingField::XForwardedHost,
        ForwardingField::Forwarded,
    ];
    let proxy = ReverseProxy::builder("/api", "http://up.example").forwarding(fields);
    let (response, seen) = exchange::exchange(proxy, request, Response::new(()));
    let Some(seen) = seen else {
        assert_eq!(response.status(), 400);
        return;
    };
    assert_eq!(seen.headers["host"], "up.example");
    assert_eq!(seen.headers["x-forwarded-for"], "192.0.2.1");
    assert_eq!(seen.headers["x-forwarded-host"], host);
    assert!(!seen.headers.contains_key("x_forwarded_for"));
    let element = seen.headers["forwarded"].to_str().expect("text");
    let unquoted: String = element.split('"').step_by(2).collect();
    assert!(
        element.starts_with("for=192.0.2.1;host=") && element.ends_with(";proto=http"),
        "{element}"
    );
    assert!(!unquoted.contains(','), "{element}");
});
