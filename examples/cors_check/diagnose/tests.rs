//! Misconfigurations as they are found, each told from the server's own answers.

use std::convert::Infallible;
use std::future::ready;

use http::{HeaderName, HeaderValue, Response};
use same_origin::browser::{self, Credentials, Request, Web};

use super::*;

const APP: &str = "https://app.example.com";

/// A server that answers preflights and other requests with these statuses and lines.
struct Misconfigured {
    name: &'static str,
    preflight: (u16, &'static [&'static str]),
    answer: (u16, &'static [&'static str]),
    call: fn(Request) -> Request,
    credentials: Credentials,
    /// What the finding must name: the place and the remedy.
    place: &'static str,
    remedy: &'static str,
}

const OK: (u16, &[&str]) = (
    200,
    &["access-control-allow-origin: https://app.example.com"],
);
const ALL: (u16, &[&str]) = (
    204,
    &[
        "access-control-allow-origin: https://app.example.com",
        "access-control-allow-methods: PUT",
        "access-control-allow-headers: authorization",
    ],
);

fn plain(request: Request) -> Request {
    request
}

fn put(_: Request) -> Request {
    Request::put("https://api.example.com/x")
}

fn token(request: Request) -> Request {
    request.header("authorization", "Bearer x")
}

fn cases() -> Vec<Misconfigured> {
    let base = || Misconfigured {
        name: "",
        preflight: ALL,
        answer: OK,
        call: plain,
        credentials: Credentials::SameOrigin,
        place: "the server",
        remedy: "",
    };
    vec![
        Misconfigured {
            name: "nothing at all",
            answer: (200, &[]),
            remedy: "access-control-allow-origin: https://app.example.com",
            ..base()
        },
        Misconfigured {
            name: "nginx without add_header",
            answer: (200, &["server: nginx/1.25"]),
            place: "nginx",
            remedy: "add_header access-control-allow-origin \"https://app.example.com\" always;",
            ..base()
        },
        Misconfigured {
            name: "nginx add_header without always",
            answer: (404, &["server: nginx"]),
            place: "nginx",
            remedy: "a layer outside of CORS answers this error",
            ..base()
        },
        Misconfigured {
            name: "a bucket of another page",
            answer: (
                200,
                &[
                    "server: AmazonS3",
                    "access-control-allow-origin: https://www.example.com",
                ],
            ),
            place: "S3",
            remedy: "\"AllowedOrigins\": [\"https://app.example.com\"]",
            ..base()
        },
        Misconfigured {
            name: "a bucket without the method",
            preflight: (
                200,
                &[
                    "server: AmazonS3",
                    "access-control-allow-origin: https://app.example.com",
                    "access-control-allow-methods: GET",
                ],
            ),
            call: put,
            place: "S3",
            remedy: "\"AllowedMethods\": [\"PUT\"]",
            ..base()
        },
        Misconfigured {
            name: "a bucket that refuses the preflight",
            preflight: (403, &["server: AmazonS3"]),
            call: put,
            place: "S3",
            remedy: "the preflight never has a token",
            ..base()
        },
        Misconfigured {
            name: "a star with credentials",
            answer: (200, &["access-control-allow-origin: *"]),
            credentials: Credentials::Include,
            remedy: "with credentials `*` does not do",
            ..base()
        },
        Misconfigured {
            name: "credentials that are not allowed",
            credentials: Credentials::Include,
            remedy: "access-control-allow-credentials: true",
            ..base()
        },
        Misconfigured {
            name: "express without credentials",
            answer: (
                200,
                &[
                    "x-powered-by: Express",
                    "access-control-allow-origin: https://app.example.com",
                ],
            ),
            credentials: Credentials::Include,
            place: "express",
            remedy: "cors({ credentials: true })",
            ..base()
        },
        Misconfigured {
            name: "a trailing slash",
            answer: (
                200,
                &["access-control-allow-origin: https://app.example.com/"],
            ),
            remedy: "exactly so",
            ..base()
        },
        Misconfigured {
            name: "two authors",
            answer: (
                200,
                &[
                    "access-control-allow-origin: https://app.example.com",
                    "access-control-allow-origin: *",
                ],
            ),
            remedy: "two places write",
            ..base()
        },
        Misconfigured {
            name: "a list of origins",
            answer: (
                200,
                &["access-control-allow-origin: https://a.example, https://app.example.com"],
            ),
            remedy: "one writes a list",
            ..base()
        },
        Misconfigured {
            name: "a name without a scheme",
            answer: (200, &["access-control-allow-origin: app.example.com"]),
            remedy: "access-control-allow-origin: https://app.example.com",
            ..base()
        },
        Misconfigured {
            name: "authentication before CORS",
            preflight: (401, &[]),
            call: token,
            remedy: "before authentication",
            ..base()
        },
        Misconfigured {
            name: "a slash that redirects the preflight",
            preflight: (308, &["access-control-allow-origin: *", "location: /x/"]),
            call: token,
            remedy: "before redirects",
            ..base()
        },
        Misconfigured {
            name: "no route for OPTIONS",
            preflight: (405, &["access-control-allow-origin: *"]),
            call: token,
            remedy: "answer OPTIONS with 204",
            ..base()
        },
        Misconfigured {
            name: "a header that is not listed",
            preflight: (204, &["access-control-allow-origin: *"]),
            call: token,
            remedy: "access-control-allow-headers: authorization",
            ..base()
        },
        Misconfigured {
            name: "tower-http without the header",
            preflight: (
                200,
                &[
                    "access-control-allow-origin: *",
                    "vary: origin, access-control-request-method, access-control-request-headers",
                ],
            ),
            call: token,
            place: "tower-http",
            remedy: ".allow_headers(",
            ..base()
        },
        Misconfigured {
            name: "our gateway without the method",
            preflight: (
                204,
                &["via: 1.1 same-origin", "access-control-allow-origin: *"],
            ),
            call: put,
            place: "gateway",
            remedy: "allow_methods = [\"PUT\"]",
            ..base()
        },
        Misconfigured {
            name: "methods parted by spaces",
            preflight: (
                204,
                &[
                    "access-control-allow-origin: *",
                    "access-control-allow-methods: GET PUT",
                ],
            ),
            call: put,
            remedy: "part them by commas",
            ..base()
        },
        Misconfigured {
            name: "headers parted by semicolons",
            preflight: (
                204,
                &[
                    "access-control-allow-origin: *",
                    "access-control-allow-headers: a; authorization",
                ],
            ),
            call: token,
            remedy: "part them by commas",
            ..base()
        },
        Misconfigured {
            name: "CloudFront without a policy",
            answer: (200, &["x-amz-cf-id: x"]),
            place: "CloudFront",
            remedy: "access-control-allow-origin",
            ..base()
        },
        Misconfigured {
            name: "API Gateway's own 403",
            answer: (403, &["apigw-requestid: x"]),
            place: "API Gateway",
            remedy: "a layer outside of CORS",
            ..base()
        },
        Misconfigured {
            name: "a redirect to a bucket",
            answer: (
                302,
                &[
                    "access-control-allow-origin: *",
                    "location: https://bucket.example.net/x",
                ],
            ),
            remedy: "makes Origin `null`",
            ..base()
        },
    ]
}

fn answer((status, lines): (u16, &[&str])) -> Response<String> {
    let mut response = Response::new(String::new());
    *response.status_mut() = status.try_into().expect("a status");
    for line in lines {
        let (name, value) = line.split_once(':').expect("a line");
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
        let value = HeaderValue::from_str(value.trim()).expect("a value");
        response.headers_mut().append(name, value);
    }
    response
}

#[tokio::test]
async fn misconfigurations_are_named() {
    let cases = cases();
    assert!(cases.len() >= 20);
    for case in cases {
        let (preflight, other) = (answer(case.preflight), answer(case.answer));
        let api = tower::service_fn(move |request: http::Request<browser::Body>| {
            let asks = request
                .headers()
                .contains_key("access-control-request-method");
            let said = if asks {
                preflight.clone()
            } else {
                other.clone()
            };
            ready(Ok::<_, Infallible>(said))
        });
        let bucket =
            tower::service_fn(|_| ready(Ok::<_, Infallible>(Response::new(String::new()))));
        let web = Web::new()
            .origin("https://api.example.com", api)
            .origin("https://bucket.example.net", bucket);
        let call = (case.call)(Request::get("https://api.example.com/x"));
        let fetch = web.page(APP).fetch(call).credentials(case.credentials);
        let outcome = fetch.send().await;
        let finding = diagnose(&outcome).unwrap_or_else(|| panic!("{} is not found", case.name));
        assert!(
            finding.place.contains(case.place),
            "{}: {finding:?}",
            case.name
        );
        assert!(
            finding.remedy.contains(case.remedy),
            "{}: {finding:?}",
            case.name
        );
    }
}

#[tokio::test]
async fn what_is_right_has_no_finding() {
    let api = tower::service_fn(|_| ready(Ok::<_, Infallible>(answer(ALL))));
    let web = Web::new().origin("https://api.example.com", api);
    for call in [plain, put, token] {
        let call = call(Request::get("https://api.example.com/x"));
        assert_eq!(diagnose(&web.page(APP).fetch(call).send().await), None);
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told_in_words() {
    let web = Web::network().expect("a client");
    // A port that nothing listens on: it was bound, and is free again.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let web = web.resolve("http://api.example.com", address);
    let page = web.page("http://app.example.com");
    let finding = diagnose(&page.fetch("http://api.example.com/x").send().await);
    let finding = finding.expect("a finding");
    assert!(finding.what.contains("refused"), "{finding:?}");
    assert!(finding.remedy.contains("reachable"), "{finding:?}");
}

/// A real server, by a name that DNS does not know.
#[tokio::test]
async fn a_server_is_found_where_it_is_said_to_be() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let address = listener.local_addr().expect("an address");
    let host = async |headers: http::HeaderMap| {
        let host = headers
            .get("host")
            .cloned()
            .unwrap_or(HeaderValue::from_static("none"));
        (
            [("access-control-allow-origin", "*")],
            host.to_str().expect("text").to_owned(),
        )
    };
    let app = axum::Router::new().fallback(host);
    let serving = tokio::spawn(async move { axum::serve(listener, app).await });
    let web = Web::network()
        .expect("a client")
        .resolve("http://api.example.com", address);
    let outcome = web
        .page("http://app.example.com")
        .fetch("http://api.example.com/x")
        .send()
        .await;
    outcome.assert_status(200).assert_text("api.example.com");
    serving.abort();
}
