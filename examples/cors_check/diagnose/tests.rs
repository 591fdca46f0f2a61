//! Misconfigurations as they are found, each told from the server's own answers.

use std::convert::Infallible;
use std::future::ready;

use http::{HeaderName, HeaderValue, Response};
use same_origin::browser::{self, Engine, Web};

use super::*;

const APP: &str = "https://app.example.com";
const API: &str = "https://api.example.com/x";

/// A status and lines, parted by `|`.
type Answer = (u16, &'static str);

/// A server that answers preflights and other requests so, and what is found.
struct Case {
    call: Kind,
    preflight: Answer,
    answer: Answer,
    code: &'static str,
    owner: &'static str,
    /// A part of what is to be written.
    remedy: &'static str,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Plain,
    Put,
    Patch,
    Token,
    Credentials,
    CredentialedPut,
    CredentialedHeader,
}

use Kind::*;

const MINE: &str = "access-control-allow-origin: https://app.example.com|vary: Origin";
const STAR: &str = "access-control-allow-origin: *";
const ALL: Answer = (
    204,
    "access-control-allow-origin: https://app.example.com|access-control-allow-credentials: true|\
     access-control-allow-methods: PUT|access-control-allow-headers: authorization",
);

const fn answered(
    call: Kind,
    answer: Answer,
    (code, owner): (&'static str, &'static str),
    remedy: &'static str,
) -> Case {
    let preflight = ALL;
    Case {
        call,
        preflight,
        answer,
        code,
        owner,
        remedy,
    }
}

const fn asked_first(
    call: Kind,
    preflight: Answer,
    (code, owner): (&'static str, &'static str),
    remedy: &'static str,
) -> Case {
    let answer = (200, MINE);
    Case {
        call,
        preflight,
        answer,
        code,
        owner,
        remedy,
    }
}

#[rustfmt::skip]
const CASES: &[Case] = &[
    // No permission.
    answered(Plain, (200, ""), ("missing-allow-origin", "server"), "access-control-allow-origin: https://app.example.com"),
    answered(Plain, (200, "server: nginx/1.25"), ("missing-allow-origin", "nginx"), "add_header access-control-allow-origin \"https://app.example.com\" always;"),
    answered(Plain, (200, "x-amz-cf-id: x"), ("missing-allow-origin", "cloudfront"), "\"AccessControlAllowOrigins\": { \"Items\": [\"https://app.example.com\"] }"),
    answered(Plain, (200, "x-amz-cf-id: x|server: AmazonS3"), ("missing-allow-origin", "s3"), "\"AllowedOrigins\""),
    answered(Plain, (404, "server: nginx"), ("missing-allow-origin-on-error", "nginx"), "without `always`"),
    answered(Plain, (401, ""), ("missing-allow-origin-on-error", "server"), "authentication answers outside of CORS"),
    answered(Plain, (429, ""), ("missing-allow-origin-on-error", "server"), "a layer outside of CORS"),
    answered(Plain, (403, "apigw-requestid: x"), ("missing-allow-origin-on-error", "api-gateway"), "DEFAULT_4XX"),
    answered(Plain, (403, "server: AmazonS3"), ("missing-allow-origin-on-error", "s3"), "no rule of the bucket matches"),
    // Another permission.
    answered(Plain, (200, "server: AmazonS3|access-control-allow-origin: https://www.example.com"), ("allow-origin-other", "s3"), "\"AllowedOrigins\": [\"https://app.example.com\"]"),
    answered(Plain, (200, "access-control-allow-origin: https://app.example.com/"), ("allow-origin-trailing-slash", "server"), "exactly so"),
    answered(Plain, (200, "access-control-allow-origin: http://app.example.com"), ("allow-origin-scheme", "server"), "two origins"),
    answered(Plain, (200, "access-control-allow-origin: https://app.example.com:8443"), ("allow-origin-port", "server"), "every port"),
    answered(Plain, (200, "access-control-allow-origin: app.example.com"), ("allow-origin-without-scheme", "server"), "has a scheme"),
    answered(Plain, (200, "access-control-allow-origin: https://app.example.com|access-control-allow-origin: *"), ("several-allow-origin-lines", "server"), "two places write"),
    answered(Plain, (200, "server: nginx|x-powered-by: Express|access-control-allow-origin: *|access-control-allow-origin: *"), ("several-allow-origin-lines", "nginx"), "two places write"),
    answered(Plain, (200, "access-control-allow-origin: https://a.example, https://app.example.com"), ("allow-origin-list", "server"), "is a list"),
    // Credentials.
    answered(Credentials, (200, STAR), ("wildcard-with-credentials", "server"), "with credentials `*` does not do"),
    answered(Credentials, (200, MINE), ("missing-allow-credentials", "server"), "access-control-allow-credentials: true"),
    answered(Credentials, (200, "x-powered-by: Express|access-control-allow-origin: https://app.example.com"), ("missing-allow-credentials", "express"), "cors({ credentials: true })"),
    answered(Credentials, (200, "access-control-allow-origin: https://app.example.com|access-control-allow-credentials: True"), ("allow-credentials-not-true", "server"), "in lower case"),
    asked_first(CredentialedPut, (204, "access-control-allow-origin: https://app.example.com|access-control-allow-credentials: true|access-control-allow-methods: *"), ("methods-wildcard-with-credentials", "server"), "PUT"),
    asked_first(CredentialedHeader, (204, "access-control-allow-origin: https://app.example.com|access-control-allow-credentials: true|access-control-allow-headers: *"), ("headers-wildcard-with-credentials", "server"), "x-a"),
    // Preflights that something else answers.
    asked_first(Token, (401, ""), ("preflight-needs-authentication", "server"), "before authentication"),
    asked_first(Token, (403, "server: nginx"), ("preflight-forbidden", "nginx"), "before authorization"),
    asked_first(Token, (404, ""), ("preflight-not-found", "server"), "before routing"),
    asked_first(Token, (405, STAR), ("preflight-method-refused", "server"), "with 204"),
    asked_first(Token, (429, ""), ("preflight-rate-limited", "server"), "rate limit"),
    asked_first(Token, (500, ""), ("preflight-failed", "server"), "nothing behind it"),
    asked_first(Token, (308, "location: /x/"), ("preflight-redirect-of-slash", "server"), "/x/ at once"),
    asked_first(Token, (301, "location: https://login.example.com/"), ("preflight-redirect", "server"), "login"),
    asked_first(Put, (403, "server: AmazonS3"), ("preflight-refused-by-rules", "s3"), "\"AllowedMethods\": [\"PUT\"]"),
    asked_first(Put, (403, "vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers"), ("preflight-refused-by-policy", "same-origin"), "{ allow_origins = [\"https://app.example.com\"], allow_methods = [\"PUT\"] }"),
    asked_first(Token, (403, "vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers"), ("preflight-refused-by-policy", "same-origin"), "allow_headers = [\"authorization\"] }"),
    // Preflights that allow something else.
    asked_first(Put, (200, "server: AmazonS3|access-control-allow-origin: https://app.example.com|access-control-allow-methods: GET"), ("method-not-allowed", "s3"), "\"AllowedMethods\": [\"PUT\"]"),
    asked_first(Put, (204, "via: 1.1 same-origin|access-control-allow-origin: *"), ("method-not-allowed", "same-origin"), "allow_methods = [\"PUT\"]"),
    asked_first(Patch, (204, "access-control-allow-origin: *|access-control-allow-methods: PATCH"), ("method-case", "server"), "ask by `PATCH`"),
    asked_first(Token, (204, STAR), ("header-not-allowed", "server"), "access-control-allow-headers: authorization"),
    asked_first(Token, (204, "access-control-allow-origin: *|access-control-allow-headers: *"), ("authorization-not-covered-by-wildcard", "server"), "access-control-allow-headers: authorization"),
    asked_first(Token, (200, "access-control-allow-origin: *|vary: origin, access-control-request-method, access-control-request-headers"), ("header-not-allowed", "tower-http"), ".allow_headers("),
    asked_first(Put, (204, "access-control-allow-origin: *|access-control-allow-methods: GET PUT"), ("methods-not-a-list", "server"), "part them by commas"),
    asked_first(Token, (204, "access-control-allow-origin: *|access-control-allow-headers: a; authorization"), ("headers-not-a-list", "server"), "part them by commas"),
    asked_first(Token, (204, "access-control-allow-origin: *|access-control-allow-headers: [\"authorization\"]"), ("headers-not-a-list", "server"), "without quotes and brackets"),
    asked_first(Token, (204, "access-control-allow-origin: *|access-control-allow-headers: authorization|access-control-max-age: 10m"), ("max-age-not-seconds", "server"), "without a unit"),
    // Redirects.
    answered(Plain, (302, "access-control-allow-origin: *|location: https://bucket.example.net/x"), ("null-origin-after-redirect", "server"), "makes Origin `null`"),
    answered(Plain, (302, "location: /y"), ("redirect-without-cors", "server"), "the redirect itself"),
    answered(Plain, (302, "access-control-allow-origin: *|location: /x"), ("too-many-redirects", "server"), "for ever"),
    answered(Plain, (302, "access-control-allow-origin: *|location: ftp://api.example.com/"), ("bad-location", "server"), "http or https"),
    answered(Plain, (302, "access-control-allow-origin: *|location: https://u:p@api.example.com/"), ("redirect-with-credentials", "server"), "user name"),
    answered(Plain, (302, "access-control-allow-origin: *|location: https://api.example.com:6000/"), ("bad-port", "server"), "another port"),
    answered(Plain, (302, "server: nginx|access-control-allow-origin: *|location: http://api.example.com/"), ("mixed-content", "nginx"), "by https"),
    // Settings that work, and are not right.
    answered(Credentials, (200, "access-control-allow-origin: https://app.example.com|access-control-allow-credentials: true|vary: origin|access-control-expose-headers: *"), ("expose-wildcard-with-credentials", "server"), "list the names"),
];

fn call_of(kind: Kind) -> Call {
    let headers = match kind {
        Token => vec![("authorization".to_owned(), "Bearer x".to_owned())],
        CredentialedHeader => vec![("x-a".to_owned(), "x".to_owned())],
        _ => Vec::new(),
    };
    let method = match kind {
        Put | CredentialedPut => "PUT",
        Patch => "patch",
        _ => "GET",
    };
    Call {
        page: APP.into(),
        method: method.into(),
        url: API.into(),
        headers,
        credentials: matches!(kind, Credentials | CredentialedPut | CredentialedHeader),
        ..Call::default()
    }
}

fn answer((status, lines): Answer) -> Response<String> {
    let mut response = Response::new(String::new());
    *response.status_mut() = status.try_into().expect("a status");
    for line in lines.split('|').filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':').expect("a line");
        let name = HeaderName::from_bytes(name.trim().as_bytes()).expect("a name");
        let value = HeaderValue::from_str(value.trim()).expect("a value");
        response.headers_mut().append(name, value);
    }
    response
}

async fn found(call: &Call, preflight: Answer, said: Answer) -> Vec<Finding> {
    found_in(Engine::Chromium, call, preflight, said).await
}

async fn found_in(engine: Engine, call: &Call, preflight: Answer, said: Answer) -> Vec<Finding> {
    let (preflight, said) = (answer(preflight), answer(said));
    let api = tower::service_fn(move |request: http::Request<browser::Body>| {
        let headers = request.headers();
        let asks = headers.contains_key("access-control-request-method");
        let answer = if asks {
            preflight.clone()
        } else {
            said.clone()
        };
        ready(Ok::<_, Infallible>(answer))
    });
    let bucket = tower::service_fn(|_| ready(Ok::<_, Infallible>(Response::new(String::new()))));
    let web = Web::new()
        .engine(engine)
        .origin("https://api.example.com", api)
        .origin("https://bucket.example.net", bucket);
    diagnose(call, &crate::ask(&web, call).await)
}

#[tokio::test]
async fn misconfigurations_are_named() {
    assert!(CASES.len() >= 40);
    let both = [Engine::Chromium, Engine::Standard];
    for (case, engine) in CASES
        .iter()
        .flat_map(|case| both.map(|engine| (case, engine)))
    {
        let call = call_of(case.call);
        let findings = found_in(engine, &call, case.preflight, case.answer).await;
        let faults = findings
            .iter()
            .filter(|finding| finding.severity != Severity::Note);
        let [fault] = &*faults.collect::<Vec<_>>() else {
            panic!("{}: {findings:#?}", case.code);
        };
        assert_eq!(
            (fault.code, fault.owner),
            (case.code, case.owner),
            "{fault:#?}"
        );
        assert!(
            fault.remedy.contains(case.remedy),
            "{}: {fault:#?}",
            case.remedy
        );
        let shown = crate::software::PLACES
            .iter()
            .find(|(word, _)| *word == case.owner);
        let (_, place) = shown.expect("a place");
        assert!(fault.place.contains(place), "{fault:#?}");
        let told = include_str!("../README.md");
        assert!(
            told.contains(&format!("`{}`", fault.code)),
            "{} is not in the README",
            fault.code
        );
    }
}

#[tokio::test]
async fn what_is_right_has_no_finding() {
    let mine = (
        200,
        "access-control-allow-origin: https://app.example.com|access-control-allow-credentials: true|vary: Origin",
    );
    for kind in [Plain, Put, Token, Credentials, CredentialedPut] {
        let call = call_of(kind);
        assert_eq!(found(&call, ALL, mine).await, [], "{call:?}");
        if !call.credentials {
            assert_eq!(found(&call, ALL, (401, STAR)).await, [], "{call:?}");
        }
    }
    // A single origin may be the only one that there is; whether it is cannot be seen from one page.
    let alone = (200, "access-control-allow-origin: https://app.example.com");
    let findings = found(&call_of(Plain), ALL, alone).await;
    assert_eq!(findings[0].code, "maybe-missing-vary");
    assert_eq!((findings.len(), findings[0].severity), (1, Severity::Note));
}

#[tokio::test]
async fn strangers_are_to_be_refused() {
    let call = call_of(Plain);
    let refused = found(&call, ALL, (200, "")).await;
    assert_eq!(expect_refusal(refused), []);
    let read = expect_refusal(found(&call, ALL, (200, STAR)).await);
    assert_eq!(read[0].code, "readable-by-others");
    // Nothing is known of a server that is not there.
    let nowhere = Call {
        url: "https://nowhere.example".into(),
        ..call
    };
    let unknown = expect_refusal(found(&nowhere, ALL, (200, "")).await);
    assert_eq!(unknown[0].code, "unreachable");
}

/// A server that names whoever asks, and does not say so.
#[tokio::test]
async fn two_pages_show_that_vary_is_missing() {
    for (vary, faults) in [("", 2), ("origin", 0)] {
        let api = tower::service_fn(move |request: http::Request<browser::Body>| {
            let mut response = answer((200, if vary.is_empty() { "" } else { "vary: origin" }));
            let origin = request.headers().get("origin").cloned().expect("an origin");
            response
                .headers_mut()
                .insert("access-control-allow-origin", origin);
            ready(Ok::<_, Infallible>(response))
        });
        let web = Web::new().origin("https://api.example.com", api);
        let mut outcomes = Vec::new();
        for page in [APP, "https://www.example.com"] {
            let page = page.into();
            outcomes.push(
                crate::ask(
                    &web,
                    &Call {
                        page,
                        ..call_of(Plain)
                    },
                )
                .await,
            );
        }
        let found = across(&outcomes.iter().collect::<Vec<_>>());
        assert_eq!(found.len(), faults, "{found:?}");
        assert!(
            found
                .iter()
                .all(|(_, finding)| finding.code == "missing-vary")
        );
    }
}
