//! The decision allocates nothing, and a response no more than its own map of headers.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use allocation_counter::{AllocationInfo, measure};
use http::header::{HeaderMap, HeaderName};
use http::{HeaderValue, Method, Request, Response};
use proptest::prelude::*;
use same_origin::cors::{Cors, CorsLayer, CorsPolicy};
use tower::{Layer as _, Service};

fn policy() -> CorsPolicy {
    CorsPolicy::builder()
        .allow_origins([
            "https://app.example.com",
            "https://*.example.org:*",
            "http://[::1]:*",
        ])
        .allow_null_origin(true)
        .allow_methods(["PUT", "DELETE"])
        .allow_headers(["authorization", "content-type", "x-a"])
        .expose_headers(["x-request-id"])
        .max_age(Duration::from_secs(600))
        .build()
        .unwrap()
}

fn request(method: Method, fields: &[(&'static str, &'static str)]) -> Request<()> {
    let mut request = Request::new(());
    *request.method_mut() = method;
    for (name, value) in fields {
        request.headers_mut().append(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    request
}

const PREFLIGHT: [(&str, &str); 2] = [
    ("access-control-request-method", "PUT"),
    (
        "access-control-request-headers",
        "x-A, authorization,,content-type",
    ),
];

#[test]
fn a_judgement_takes_nothing() {
    let policy = policy();
    for origin in [
        "https://app.example.com",
        "https://a.b.example.org:8443",
        "http://[::1]:3000",
        "http://[::0001]:3000",
        "http://127.0.0.1",
        "null",
        "https://evil.example",
        "not an origin",
    ] {
        let preflight = [("origin", origin), PREFLIGHT[0], PREFLIGHT[1]];
        for request in [
            request(Method::GET, &[("origin", origin)]),
            request(Method::OPTIONS, &preflight),
        ] {
            let (parts, ()) = request.into_parts();
            let taken = measure(|| {
                let _verdict = policy.judge(&parts);
            });
            assert_eq!(taken, AllocationInfo::default(), "{origin}");
        }
    }
}

proptest! {
    #[test]
    fn no_request_takes_anything_or_panics(
        method in prop::sample::select(vec![Method::GET, Method::OPTIONS]),
        fields in prop::collection::vec(
            (0..4_usize, prop::collection::vec(prop_oneof![32_u8..127, 128_u8..=255, Just(b',')], 0..300)),
            0..6,
        ),
    ) {
        let names = ["origin", "access-control-request-method", "access-control-request-headers", "x-other"];
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(names[name], HeaderValue::from_bytes(&value).unwrap());
        }
        let mut request = Request::new(());
        (*request.method_mut(), *request.headers_mut()) = (method, headers);
        let (parts, ()) = request.into_parts();
        let policy = policy();
        let taken = measure(|| {
            let _verdict = policy.judge(&parts);
        });
        prop_assert_eq!(taken, AllocationInfo::default());
    }
}

/// Answers with one header, so that the map has been made.
#[derive(Clone)]
struct Application;

impl Service<Request<()>> for Application {
    type Response = Response<()>;
    type Error = Infallible;
    type Future = Ready<Result<Response<()>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        let mut response = Response::new(());
        response
            .headers_mut()
            .insert("content-type", HeaderValue::from_static("text/plain"));
        ready(Ok(response))
    }
}

/// The allocations of an answer, the response included.
fn taken<S>(service: &mut S, request: Request<()>) -> u64
where
    S: Service<Request<()>, Response = Response<()>, Error = Infallible>,
{
    let mut answer = None;
    let taken = measure(|| {
        let mut cx = Context::from_waker(Waker::noop());
        answer = Some(std::pin::pin!(service.call(request)).poll(&mut cx));
    });
    assert!(matches!(answer, Some(Poll::Ready(Ok(_)))));
    taken.count_total
}

#[test]
fn a_response_takes_its_map_alone() {
    let mut service: Cors<Application> = CorsLayer::from(policy()).layer(Application);
    let bare = taken(&mut Application, request(Method::GET, &[]));
    assert!(bare > 0, "nothing is counted");
    for origin in [
        "https://app.example.com",
        "https://a.example.org",
        "null",
        "https://evil.example",
    ] {
        let actual = request(Method::GET, &[("origin", origin)]);
        assert_eq!(taken(&mut service, actual), bare, "{origin}");
        let preflight = request(
            Method::OPTIONS,
            &[("origin", origin), PREFLIGHT[0], PREFLIGHT[1]],
        );
        assert_eq!(taken(&mut service, preflight), bare, "{origin}");
    }
    assert_eq!(taken(&mut service, request(Method::GET, &[])), bare);
}

#[test]
fn a_clone_takes_nothing() {
    let service: Cors<Application> = CorsLayer::from(policy()).layer(Application);
    let taken = measure(|| {
        let _clone = service.clone();
    });
    assert_eq!(taken, AllocationInfo::default());
}
