//! Explanations of a judgement: the steps that fail, why, and what to write.

use http::Request;
use http::request::{Builder, Parts};
use same_origin::cors::{Any, CorsBuilder, CorsPolicy, Outcome};

pub fn settings() -> CorsBuilder {
    CorsPolicy::builder()
        .allow_origins([
            "https://app.example.com",
            "https://*.example.org",
            "http://localhost:3000",
        ])
        .allow_methods(["PUT", "PATCH"])
        .allow_headers(["content-type", "x-known"])
}

fn parts(request: Builder) -> Parts {
    request.body(()).unwrap().into_parts().0
}

fn get(origin: &str) -> Builder {
    Request::get("/items").header("origin", origin)
}

pub fn preflight(method: &str, headers: &str) -> Builder {
    Request::options("/items")
        .header("origin", "https://app.example.com")
        .header("access-control-request-method", method)
        .header("access-control-request-headers", headers)
}

/// The steps that fail: setting, reason, remedy.
fn failures(
    settings: &CorsBuilder,
    request: Builder,
) -> Vec<(Option<&'static str>, String, String)> {
    let explanation = settings.build().unwrap().explain(&parts(request));
    let failing = explanation
        .steps()
        .iter()
        .filter(|step| step.outcome() == Outcome::Fails);
    failing
        .map(|step| {
            (
                step.key(),
                step.reason().to_owned(),
                step.remedy().unwrap_or_default().to_owned(),
            )
        })
        .collect()
}

#[test]
fn near_misses_are_named() {
    for (origin, reason) in [
        (
            "https://evil.example",
            "\"https://evil.example\" is not in the list",
        ),
        (
            "http://app.example.com",
            "\"http://app.example.com\" differs in its scheme from \"https://app.example.com\"",
        ),
        (
            "https://app.example.com:8443",
            "\"https://app.example.com:8443\" differs in its port from \"https://app.example.com\"",
        ),
        (
            "https://example.org",
            "\"https://example.org\" is not below the name in \"https://*.example.org\"",
        ),
        (
            "http://a.example.org",
            "\"http://a.example.org\" differs in its scheme from \"https://*.example.org\"",
        ),
        (
            "https://x.app.example.com",
            "\"https://x.app.example.com\" is a name below that in \"https://app.example.com\"",
        ),
        (
            "https://app.example.com.",
            "\"https://app.example.com.\" differs in the dot at the end of its host from \"https://app.example.com\"",
        ),
        (
            "https://a.example.org.",
            "\"https://a.example.org.\" differs in the dot at the end of its host from \"https://*.example.org\"",
        ),
        ("file://", "\"file://\" is not in the list"),
        ("app://-", "\"app://-\" is not in the list"),
    ] {
        let failing = failures(&settings(), get(origin));
        let remedy = format!("add \"{origin}\" to allow_origins");
        assert_eq!(
            failing,
            [(Some("allow_origins"), reason.to_owned(), remedy)]
        );
    }
}

#[test]
fn what_no_browser_sends_is_blamed_on_others() {
    for (origin, reason) in [
        (
            "https://app.example.com/",
            "\"https://app.example.com/\" has a path, query or fragment, which is not part of an origin",
        ),
        ("", "\"\" is empty"),
        (
            "https://APP.example.com",
            "\"https://APP.example.com\" has upper-case letters, where browsers send lower case",
        ),
    ] {
        let failing = failures(&settings(), get(origin));
        let remedy = "no browser sends this; look for the program that wrote it".to_owned();
        assert_eq!(failing, [(None, reason.to_owned(), remedy)]);
    }
    let twice = get("https://app.example.com").header("origin", "https://app.example.com");
    assert_eq!(
        failures(&settings(), twice)[0].1,
        "there are several Origin lines"
    );
}

#[test]
fn names_that_dns_does_not_have_are_not_said_to_be_never_sent() {
    let failing = failures(&settings(), get("https://a..example.com"));
    assert_eq!(
        failing[0].2,
        "DNS does not have such names; look for the program that wrote it"
    );
}

#[test]
fn extensions_cannot_be_named_one_by_one() {
    let origin = "moz-extension://140bb581-a2c0-422a-9dd3-6982a5abee5e";
    let failing = failures(&settings(), get(origin));
    let remedy =
        "add \"moz-extension://*\" to allow_origins, as each installation draws its own host";
    assert_eq!(failing[0].2, remedy);
    let failing = failures(&settings_with_credentials(), get(origin));
    assert_eq!(
        failing[0].2,
        format!("{remedy}, which with credentials takes dangerously_allow_any_extension")
    );
    let chromium = "chrome-extension://abcdefghijklmnopabcdefghijklmnop";
    let failing = failures(&settings(), get(chromium));
    assert_eq!(failing[0].2, format!("add \"{chromium}\" to allow_origins"));
}

fn settings_with_credentials() -> CorsBuilder {
    CorsPolicy::builder()
        .allow_origins(["https://app.example.com"])
        .allow_credentials(true)
}

#[test]
fn all_that_a_preflight_fails_in_is_named() {
    let failing = failures(&settings(), preflight("DELETE", "x-known,x-other"));
    assert_eq!(
        failing,
        [
            (
                Some("allow_methods"),
                "\"DELETE\" is not in the list".to_owned(),
                "add \"DELETE\" to allow_methods".to_owned()
            ),
            (
                Some("allow_headers"),
                "\"x-other\" is not in the list".to_owned(),
                "add \"x-other\" to allow_headers".to_owned()
            ),
        ]
    );
    let failing = failures(&settings(), preflight("patch", ""));
    assert_eq!(
        failing[0].1,
        "\"patch\" is not \"PATCH\", as methods are case-sensitive"
    );
    let any = CorsPolicy::builder().allow_origins(Any).allow_headers(Any);
    let failing = failures(&any, preflight("GET", "authorization"));
    assert_eq!(failing[0].2, "write [\"*\", \"authorization\"]");
}

/// Each remedy that names a setting is one that `build` takes.
#[test]
fn nothing_is_advised_that_cannot_be_set() {
    let never = "no browser sends this; look for the program that wrote it";
    for (method, headers, reason, remedy) in [
        (
            "TRACE",
            "",
            "\"TRACE\" is a method that browsers do not let scripts use",
            never,
        ),
        (
            "delete",
            "",
            "\"delete\" is a method that browsers send in upper case",
            never,
        ),
        (
            "put",
            "",
            "\"put\" is a method that browsers send in upper case",
            never,
        ),
        ("P T", "", "\"P T\" is not a method", never),
        (
            "*",
            "",
            "\"*\" is not in the list",
            "use another method in the script, as \"*\" stands for all of them",
        ),
        (
            "PUT",
            "cookie",
            "\"cookie\" is a header that browsers do not let scripts set",
            never,
        ),
        (
            "PUT",
            "Sec-Foo",
            "\"Sec-Foo\" is a header that browsers do not let scripts set",
            never,
        ),
        (
            "PUT",
            "x a",
            "\"x a\" is not a valid token (RFC 9110 5.6.2)",
            never,
        ),
        (
            "PUT",
            "access-control-allow-origin",
            "\"access-control-allow-origin\" is a response header",
            "remove it from the request in the script",
        ),
        (
            "PUT",
            "x-*",
            "\"x-*\" has a \"*\", but there are no patterns of names",
            "give the header another name in the script",
        ),
    ] {
        let failing = failures(&settings(), preflight(method, headers));
        let said: Vec<_> = failing.iter().map(|(_, a, b)| (&**a, &**b)).collect();
        assert_eq!(said, [(reason, remedy)]);
    }
}

#[test]
fn the_null_origin_with_credentials_takes_its_switch() {
    let guarded = "if each response is guarded by its own signature";
    let failing = failures(&settings(), get("null"));
    assert_eq!(failing[0].2, format!("set allow_null_origin, {guarded}"));
    let failing = failures(&settings_with_credentials(), get("null"));
    let switch = "which with credentials takes dangerously_allow_credentialed_null_origin";
    assert_eq!(
        failing[0].2,
        format!("set allow_null_origin, {switch}, {guarded}")
    );
}

#[test]
#[cfg(feature = "idna")]
fn an_origin_that_no_page_can_have_is_not_to_be_added() {
    let failing = failures(&settings(), get("https://xn--a.example"));
    assert_eq!(
        failing[0].1,
        "\"https://xn--a.example\" has a label in \"xn--\" that is not punycode"
    );
}

#[test]
fn insecure_origins_with_credentials_are_no_small_remedy() {
    let failing = failures(&settings_with_credentials(), get("http://app.example.com"));
    assert_eq!(
        failing[0].2,
        "add \"http://app.example.com\" to allow_origins, which with credentials takes dangerously_allow_insecure_origins"
    );
}

#[test]
fn credentials_depend_on_the_browser() {
    let explain =
        |settings: &CorsBuilder, request| settings.build().unwrap().explain(&parts(request));
    let explanation = explain(
        &settings(),
        get("https://app.example.com").header("cookie", "sid=1"),
    );
    assert_eq!(explanation.refusal(), None);
    let last = explanation.steps().last().unwrap();
    assert_eq!(
        (last.outcome(), last.key()),
        (Outcome::Depends, Some("allow_credentials"))
    );
    assert!(last.reason().starts_with("the request has a cookie"));

    let with = settings().allow_credentials(true);
    let explanation = explain(
        &with,
        get("https://app.example.com").header("cookie", "sid=1"),
    );
    assert!(
        explanation
            .steps()
            .iter()
            .all(|step| step.outcome() == Outcome::Passes)
    );
}

#[test]
fn requests_that_are_not_cors_are_told_so() {
    let explanation = settings()
        .build()
        .unwrap()
        .explain(&parts(Request::get("/items")));
    assert_eq!(
        explanation.to_string(),
        "GET without Origin: not refused\n\
         - passes: it is not a CORS request: the page is of the same origin, it is a navigation, or the client is not a browser \
         (Fetch #http-requests)\n"
    );
}

#[test]
fn what_a_peer_sent_is_shown_escaped_and_short() {
    let origin =
        http::HeaderValue::from_bytes(&[b"https://\xff\"".as_slice(), &[b'a'; 60_000]].concat())
            .unwrap();
    let request = Request::get("/").header("origin", origin);
    let text = settings()
        .build()
        .unwrap()
        .explain(&parts(request))
        .to_string();
    assert!(text.contains(r#"https://\xff\"aaa"#), "{text}");
    assert!(text.len() < 1000, "{} bytes", text.len());
}

/// With credentials a `*` means nothing, so that to set them alone would be an error.
#[test]
fn credentials_are_advised_with_all_that_they_take() {
    let listed = || CorsPolicy::builder().allow_origins(["https://a.example"]);
    for (policy, remedy) in [
        (listed(), "set allow_credentials"),
        (
            listed().allow_methods(Any).allow_headers(Any),
            "set allow_credentials, and name the methods, the headers",
        ),
        (
            CorsPolicy::builder().allow_origins(Any),
            "set allow_credentials, and name the origins",
        ),
    ] {
        let policy = policy.build().unwrap();
        let request = Request::get("/")
            .header("origin", "https://a.example")
            .header("cookie", "a=b");
        let (request, ()) = request.body(()).unwrap().into_parts();
        let explanation = policy.explain(&request);
        let steps = explanation.steps().iter();
        let advised: Vec<_> = steps.filter_map(|step| step.remedy()).collect();
        assert_eq!(advised, [remedy]);
    }
}
