//! The explanation is the judgement in words.

use same_origin::guard::{Guard, GuardBuilder, Mode, Outcome, Refusal};

use crate::request::{parts, peer};

fn explain(guard: &GuardBuilder, method: &str, fields: &[(&str, &str)]) -> String {
    let guard = guard.build().expect("a guard");
    let mut request = parts(method, fields);
    request.extensions.insert(peer(true));
    let explanation = guard.explain(&request);
    assert_eq!(explanation.refusal(), guard.judge(&request).refusal());
    let last = explanation.steps().last().expect("a step");
    let refused = explanation.refusal().is_some();
    assert_eq!(last.outcome() == Outcome::Refuses, refused);
    assert_eq!(explanation.remedy().is_some(), refused);
    explanation.to_string()
}

#[test]
fn a_refusal_in_full() {
    let guard = Guard::builder()
        .mode(Mode::Credentials)
        .hosts(["app.example.com"])
        .dangerously_exempt(["/hook"]);
    let fields = [
        ("origin", "https://evil.example"),
        ("sec-fetch-site", "cross-site"),
        ("cookie", "sid=1"),
    ];
    assert_eq!(
        explain(&guard, "POST", &fields),
        "POST \"/api/x\", from \"https://evil.example\": refused, the page is of another site\n\
         own origin: https://app.example.com\n\
         1. goes on: the host is in hosts (RFC 9110 7.4, DNS rebinding)\n\
         2. goes on: POST is not a safe method (RFC 9110 9.2.1, RFC 6455 10.2)\n\
         3. goes on: the path is not exempt for this method (dangerously_exempt)\n\
         4. goes on: the request carries credentials of a browser (mode)\n\
         5. goes on: Sec-Fetch-Site is neither \"same-origin\" nor \"none\" (Fetch Metadata 2.4)\n\
         6. goes on: no origin is trusted (trust)\n\
         7. refused: Sec-Fetch-Site is \"cross-site\", and \"https://evil.example\" is not trusted (Fetch Metadata 2.4)\n\
         to let it through: if its pages may do this, add \"https://evil.example\" to trust\n"
    );
}

#[test]
fn an_admission_in_full() {
    let guard = Guard::builder().trust(["https://partner.example"]);
    let fields = [
        ("origin", "https://app.example.com"),
        ("upgrade", "websocket"),
    ];
    assert_eq!(
        explain(&guard, "GET", &fields),
        "GET \"/api/x\", from \"https://app.example.com\": not refused\n\
         own origin: https://app.example.com\n\
         2. goes on: the request asks for a WebSocket (RFC 9110 9.2.1, RFC 6455 10.2)\n\
         5. goes on: there is no Sec-Fetch-Site (Fetch Metadata 2.4)\n\
         6. goes on: the origin is not trusted (trust)\n\
         8. let through: \"https://app.example.com\" is the request's own origin (Fetch #origin-header)\n"
    );
}

#[test]
fn every_kind_of_judgement_is_put_into_words() {
    let strict = Guard::builder;
    for (guard, method, fields, text) in [
        (strict(), "GET", &[][..], "safe method"),
        (
            strict().dangerously_exempt(["/api"]),
            "POST",
            &[],
            "the path is exempt",
        ),
        (
            strict().mode(Mode::Credentials),
            "POST",
            &[],
            "no credentials of a browser",
        ),
        (
            strict(),
            "POST",
            &[("sec-fetch-site", "same-origin")],
            "of the same origin",
        ),
        (
            strict(),
            "POST",
            &[("sec-fetch-site", "none")],
            "the user made",
        ),
        (
            strict().trust(["https://a.example"]),
            "POST",
            &[("origin", "https://a.example")],
            "is trusted",
        ),
        (strict(), "POST", &[], "no browser sent it"),
        (
            strict().hosts(["b.example"]),
            "GET",
            &[],
            "\"app.example.com\" is not in hosts",
        ),
        (
            strict(),
            "POST",
            &[("sec-fetch-site", "same-site")],
            "no Origin to be trusted",
        ),
        (
            strict(),
            "POST",
            &[("sec-fetch-site", "")],
            "Sec-Fetch-Site is \"\"",
        ),
        (strict(), "POST", &[("origin", "null")], "sandboxed"),
        // Chromium's word for a form of a trusted page that comes by way of a redirect.
        (
            strict().trust(["https://partner.example"]),
            "POST",
            &[("origin", "null"), ("sec-fetch-site", "cross-site")],
            "a trusted page has to post here without a redirect",
        ),
        (
            strict(),
            "POST",
            &[("origin", "http://app.example.com")],
            "in its scheme alone",
        ),
        (
            strict(),
            "POST",
            &[("origin", "https://b.example")],
            "own origin \"https://app.example.com\"",
        ),
        (
            strict().public_origins(["https://b.example"]),
            "POST",
            &[("origin", "https://app.example.com")],
            "differs from all of public_origins",
        ),
        (
            strict().public_origins(["https://b.example"]),
            "POST",
            &[("origin", "http://b.example")],
            "in its scheme alone",
        ),
        (
            strict().require_browser_fields(true),
            "POST",
            &[],
            "neither Sec-Fetch-Site nor Origin",
        ),
    ] {
        let explanation = explain(&guard, method, fields);
        assert!(explanation.contains(text), "{text} is not in {explanation}");
    }
}

#[test]
fn several_lines_are_told() {
    let request = parts(
        "POST",
        &[
            ("origin", "http://app.example.com"),
            ("origin", "http://app.example.com"),
        ],
    );
    let guard = Guard::builder().build().expect("a guard");
    let explanation = guard.explain(&request);
    assert_eq!(explanation.refusal(), Some(Refusal::SeveralOrigins));
    assert!(explanation.to_string().contains("several Origin lines"));
}

/// A request over HTTP/2, whose host is named twice.
fn twice(authority: &str, host: &str, origin: &str) -> http::request::Parts {
    let request = http::Request::post(format!("http://{authority}/api/x"))
        .version(http::Version::HTTP_2)
        .header("host", host)
        .header("origin", origin);
    request.body(()).expect("a request").into_parts().0
}

#[test]
fn a_port_that_the_scheme_implies_contradicts_nothing() {
    for guard in [Guard::builder(), Guard::builder().hosts(["app.test"])] {
        let guard = guard.build().expect("a guard");
        for (authority, host) in [
            ("app.test", "app.test:80"),
            ("app.test:80", "app.test"),
            ("app.test", "App.test:080"),
        ] {
            let request = twice(authority, host, "http://app.test");
            let refusal = guard.judge(&request).refusal();
            assert_eq!(refusal, None, "{authority} {host}");
        }
    }
}

#[test]
fn a_contradiction_is_named() {
    let contradiction =
        "the request contradicts itself: :authority is \"app.test\", and Host is \"app.test:81\"";
    let request = twice("app.test", "app.test:81", "http://app.test");
    for (guard, refusal) in [
        (Guard::builder(), Refusal::ForeignOrigin),
        (Guard::builder().hosts(["app.test"]), Refusal::NoHost),
    ] {
        let guard = guard.build().expect("a guard");
        let explanation = guard.explain(&request);
        assert_eq!(explanation.refusal(), Some(refusal));
        let reason = explanation.steps().last().expect("a step").reason();
        assert!(reason.contains(contradiction), "{reason}");
        assert!(!reason.contains("unknown"), "{reason}");
        let remedy = explanation.remedy().expect("a remedy");
        assert!(remedy.contains("no browser sends this"), "{remedy}");
    }
    let nameless = explain(
        &Guard::builder(),
        "POST",
        &[("host", "b"), ("origin", "http://a")],
    );
    assert!(
        nameless.contains("there are several Host lines"),
        "{nameless}"
    );
}
