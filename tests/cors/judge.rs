//! The judgement of request heads, one by one.

use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, Request};
use same_origin::cors::{Any, CorsBuilder, CorsPolicy, Refusal, Verdict};

const ORIGIN: &str = "https://app.example.com";

fn settings() -> CorsBuilder {
    CorsPolicy::builder()
        .allow_origins([ORIGIN, "https://*.example.org"])
        .allow_methods(["PUT"])
        .allow_headers(["x-a"])
}

/// Characters of the values stand for bytes, as in Latin-1.
fn head(method: &str, fields: &[(&'static str, &str)]) -> Parts {
    let mut request = Request::new(());
    *request.method_mut() = Method::from_bytes(method.as_bytes()).unwrap();
    for (name, value) in fields {
        let value: Vec<u8> = value.chars().map(|c| u8::try_from(c).unwrap()).collect();
        let value = HeaderValue::from_bytes(&value).unwrap();
        request
            .headers_mut()
            .append(HeaderName::from_static(name), value);
    }
    request.into_parts().0
}

/// A word for the verdict: what the request is, and what is said to it.
fn judged(settings: &CorsBuilder, head: &Parts) -> String {
    let policy = settings.build().unwrap();
    match policy.judge(head) {
        Verdict::NotCors => "not CORS".to_owned(),
        Verdict::Actual(Ok(grant)) => format!("actual {}", grant.origin().to_str().unwrap()),
        Verdict::Actual(Err(refusal)) => format!("actual: {refusal}"),
        Verdict::Preflight(Ok(grant)) => format!("preflight {}", grant.origin().to_str().unwrap()),
        Verdict::Preflight(Err(refusal)) => format!("preflight: {refusal}"),
        other => panic!("{other:?}"),
    }
}

const ACRM: &str = "access-control-request-method";
const ACRH: &str = "access-control-request-headers";

#[test]
fn requests_are_what_their_heads_say() {
    let own = ("origin", ORIGIN);
    for (method, fields, expected) in [
        ("GET", &[][..], "not CORS"),
        ("OPTIONS", &[], "not CORS"),
        ("OPTIONS", &[(ACRM, "PUT")], "not CORS"),
        ("GET", &[own], "actual https://app.example.com"),
        ("PATCH", &[own], "actual https://app.example.com"),
        ("OPTIONS", &[own], "actual https://app.example.com"),
        (
            "OPTIONS",
            &[own, (ACRH, "x-other")],
            "actual https://app.example.com",
        ),
        (
            "GET",
            &[own, (ACRM, "PATCH")],
            "actual https://app.example.com",
        ),
        (
            "options",
            &[own, (ACRM, "PUT")],
            "actual https://app.example.com",
        ),
        (
            "OPTIONS",
            &[own, (ACRM, "PUT")],
            "preflight https://app.example.com",
        ),
        (
            "OPTIONS",
            &[own, (ACRM, "GET")],
            "preflight https://app.example.com",
        ),
        (
            "OPTIONS",
            &[own, (ACRM, "PUT"), (ACRH, "x-a")],
            "preflight https://app.example.com",
        ),
        (
            "OPTIONS",
            &[own, (ACRM, "PUT"), (ACRH, "X-A"), (ACRH, ",")],
            "preflight https://app.example.com",
        ),
    ] {
        assert_eq!(
            judged(&settings(), &head(method, fields)),
            expected,
            "{method} {fields:?}"
        );
    }
}

#[test]
fn origins_are_taken_to_the_letter() {
    for (origin, allowed) in [
        (ORIGIN, true),
        ("https://a.example.org", true),
        ("https://my_app.example.org", true),
        ("", false),
        ("*", false),
        ("null", false),
        ("https://example.org", false),
        ("https://-a.example.org", true),
        ("https://a.example.org.", false),
        ("https://a.example.org:443", false),
        ("https://a.example.org\u{ff}", false),
        ("https://\u{c3}\u{a4}.example.org", false),
        ("https://a.example.org, https://a.example.org", false),
        ("https://a.example.org/", false),
        ("HTTPS://a.example.org", false),
    ] {
        let actual = head("GET", &[("origin", origin)]);
        let policy = settings().build().unwrap();
        let verdict = policy.judge(&actual);
        assert_eq!(verdict.grant().is_some(), allowed, "{}", origin);
        let preflight = head("OPTIONS", &[("origin", origin), (ACRM, "PUT")]);
        let verdict = policy.judge(&preflight);
        assert_eq!(
            (verdict.is_preflight(), verdict.grant().is_some()),
            (true, allowed)
        );
    }
}

#[test]
fn origins_outside_dns_are_taken_to_the_letter() {
    let policy = CorsPolicy::builder()
        .allow_origins([
            "app://.",
            "app://-",
            "file://",
            "https://app.example.com.",
            "safari-web-extension://140BB581-A2C0-422A-9DD3-6982A5ABEE5E",
            "moz-extension://*",
        ])
        .build()
        .unwrap();
    for (origin, allowed) in [
        ("app://.", true),
        ("app://", false),
        ("app://..", false),
        ("app://-", true),
        ("file://", true),
        ("file:///", false),
        ("https://app.example.com.", true),
        ("https://app.example.com", false),
        (
            "safari-web-extension://140BB581-A2C0-422A-9DD3-6982A5ABEE5E",
            true,
        ),
        (
            "safari-web-extension://140bb581-a2c0-422a-9dd3-6982a5abee5e",
            false,
        ),
        ("moz-extension://0d1b3c5a-a2c0-422a-9dd3-6982a5abee5e", true),
        ("moz-extension://", false),
        ("moz-extension://*", false),
        ("moz-extension://a/", false),
        ("chrome-extension://abcdefghijklmnopabcdefghijklmnop", false),
    ] {
        let request = head("GET", &[("origin", origin)]);
        let verdict = policy.judge(&request);
        assert_eq!(verdict.grant().is_some(), allowed, "{origin}");
    }
}

#[test]
fn a_method_with_a_star_is_one_method() {
    let policy = settings().allow_methods(["P*"]).build().unwrap();
    for (method, allowed) in [("P*", true), ("PUT", false), ("P", false)] {
        let request = head("OPTIONS", &[("origin", ORIGIN), (ACRM, method)]);
        assert_eq!(
            policy.judge(&request).grant().is_some(),
            allowed,
            "{method}"
        );
    }
}

#[test]
fn several_lines_of_what_has_one_are_none() {
    let own = ("origin", ORIGIN);
    for (fields, refusal) in [
        (&[own, own][..], Refusal::SeveralOrigins),
        (
            &[own, ("origin", "https://evil.example")],
            Refusal::SeveralOrigins,
        ),
        (
            &[("origin", "null"), ("origin", "null")],
            Refusal::SeveralOrigins,
        ),
        (&[own, (ACRM, "PUT"), (ACRM, "PUT")], Refusal::Method),
        (&[own, (ACRM, "PUT"), (ACRM, "DELETE")], Refusal::Method),
    ] {
        let settings = settings().allow_null_origin(true);
        let policy = settings.build().unwrap();
        assert_eq!(
            policy.judge(&head("OPTIONS", fields)).refusal(),
            Some(refusal),
            "{fields:?}"
        );
    }
}

#[test]
fn a_preflight_fails_in_one_rule() {
    let own = ("origin", ORIGIN);
    for (fields, refusal) in [
        (
            &[("origin", "https://evil.example"), (ACRM, "PUT")][..],
            Refusal::Origin,
        ),
        (&[("origin", "null"), (ACRM, "PUT")], Refusal::NullOrigin),
        (&[own, (ACRM, "DELETE")], Refusal::Method),
        (&[own, (ACRM, "put")], Refusal::Method),
        (&[own, (ACRM, "")], Refusal::Method),
        (&[own, (ACRM, "PUT, GET")], Refusal::Method),
        (&[own, (ACRM, "PUT\u{ff}")], Refusal::Method),
        (&[own, (ACRM, "PUT"), (ACRH, "x-")], Refusal::Header),
        (&[own, (ACRM, "PUT"), (ACRH, "x-a\u{ff}")], Refusal::Header),
        (
            &[own, (ACRM, "PUT"), (ACRH, &",".repeat(1024))],
            Refusal::TooManyHeaders,
        ),
    ] {
        let policy = settings().build().unwrap();
        assert_eq!(
            policy.judge(&head("OPTIONS", fields)).refusal(),
            Some(refusal),
            "{fields:?}"
        );
    }
}

#[test]
fn everything_is_not_whatever() {
    let any = CorsPolicy::builder()
        .allow_origins(Any)
        .allow_methods(Any)
        .allow_headers(Any);
    let own = ("origin", ORIGIN);
    for (fields, expected) in [
        (
            &[own, (ACRM, "CHICKEN"), (ACRH, "x-any")][..],
            "preflight *",
        ),
        (&[("origin", "null"), (ACRM, "PUT")], "preflight *"),
        (
            &[own, (ACRM, "PUT DELETE")],
            "preflight: the method is not allowed",
        ),
        (
            &[own, (ACRM, "PUT"), (ACRH, "authorization")],
            "preflight: a header is not allowed",
        ),
        (
            &[own, (ACRM, "PUT"), (ACRH, "x-a, Authorization")],
            "preflight: a header is not allowed",
        ),
    ] {
        assert_eq!(
            judged(&any, &head("OPTIONS", fields)),
            expected,
            "{fields:?}"
        );
    }
    let with = any.allow_headers(["*", "authorization"]);
    let fields = [own, (ACRM, "PUT"), (ACRH, "authorization,x-a")];
    assert_eq!(judged(&with, &head("OPTIONS", &fields)), "preflight *");
}

#[test]
fn null_is_four_bytes() {
    let settings = CorsPolicy::builder().allow_null_origin(true);
    for (origin, expected) in [
        ("null", "actual null"),
        ("NULL", "actual: the origin is not allowed"),
        ("null,null", "actual: the origin is not allowed"),
        (ORIGIN, "actual: the origin is not allowed"),
    ] {
        let head = head("GET", &[("origin", origin)]);
        assert_eq!(judged(&settings, &head), expected);
    }
}
