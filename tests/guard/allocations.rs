//! The decision takes nothing from the heap, and neither does the layer for what it lets through.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use allocation_counter::{AllocationInfo, measure};
use http::header::HeaderMap;
use http::{HeaderValue, Request, Response};
use proptest::prelude::*;
use same_origin::guard::{Guard, GuardLayer, Mode};
use tower::{Layer as _, Service};

use crate::request::{parts, peer, request};

fn guard(mode: Mode) -> Guard {
    Guard::builder()
        .mode(mode)
        .hosts(["app.example.com", "[::1]:8080"])
        .trust(["https://partner.example", "https://*.example.org:*"])
        .dangerously_exempt(["/hook"])
        .build()
        .expect("a guard")
}

#[test]
fn a_judgement_takes_nothing() {
    let guard = guard(Mode::Strict);
    for fields in [
        &[][..],
        &[("origin", "http://app.example.com")],
        &[("origin", "https://app.example.com")],
        &[
            ("origin", "https://a.b.example.org:8443"),
            ("sec-fetch-site", "cross-site"),
        ],
        &[
            ("origin", "https://evil.example"),
            ("sec-fetch-site", "cross-site"),
        ],
        &[("sec-fetch-site", "same-origin"), ("origin", "null")],
        &[("upgrade", "h2c, websocket"), ("origin", "not an origin")],
    ] {
        for method in ["GET", "POST", "CONNECT"] {
            let request = parts(method, fields);
            let taken = measure(|| {
                let _verdict = guard.judge(&request);
            });
            assert_eq!(taken, AllocationInfo::default(), "{method} {fields:?}");
        }
    }
}

proptest! {
    #[test]
    fn no_request_takes_anything_or_panics(
        method in prop::sample::select(vec!["GET", "POST", "CONNECT", "QUERY"]),
        strict in any::<bool>(),
        fields in prop::collection::vec(
            (0..7_usize, prop::collection::vec(prop_oneof![32_u8..127, 128_u8..=255, Just(b':'), Just(b',')], 0..200)),
            0..8,
        ),
    ) {
        let names = ["host", "origin", "sec-fetch-site", "upgrade", "authorization", "cookie", "x-other"];
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(names[name], HeaderValue::from_bytes(&value).unwrap());
        }
        let mut request = parts(method, &[]);
        request.headers = headers;
        let guard = guard(if strict { Mode::Strict } else { Mode::Credentials });
        let taken = measure(|| {
            let _verdict = guard.judge(&request);
        });
        prop_assert_eq!(taken, AllocationInfo::default());
        let _text = guard.explain(&request).to_string();
    }
}

/// Answers with nothing, which takes nothing.
#[derive(Clone)]
struct Application;

impl Service<Request<String>> for Application {
    type Response = Response<String>;
    type Error = Infallible;
    type Future = Ready<Result<Response<String>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<String>) -> Self::Future {
        drop(request);
        ready(Ok(Response::new(String::new())))
    }
}

#[test]
fn what_is_let_through_takes_nothing_where_the_server_knows_its_client() {
    let mut service = GuardLayer::new(guard(Mode::Strict)).layer(Application);
    // The first request of a thread makes the place by which it reads the guard.
    let mut cx = Context::from_waker(Waker::noop());
    assert!(
        pin!(service.call(request("GET", &[])))
            .poll(&mut cx)
            .is_ready()
    );
    for (method, fields) in [
        ("GET", &[][..]),
        ("GET", &[("origin", "https://evil.example")]),
        (
            "POST",
            &[
                ("origin", "http://app.example.com"),
                ("sec-fetch-site", "same-origin"),
            ],
        ),
        ("POST", &[("origin", "http://app.example.com")]),
        (
            "POST",
            &[
                ("origin", "https://partner.example"),
                ("sec-fetch-site", "cross-site"),
            ],
        ),
    ] {
        let mut request = request(method, fields);
        request.extensions_mut().insert(peer(false));
        let mut request = Some(request);
        let taken = measure(|| {
            let request = request.take().expect("a request");
            let mut cx = Context::from_waker(Waker::noop());
            assert!(pin!(service.call(request)).poll(&mut cx).is_ready());
        });
        assert_eq!(taken.count_total, 0, "{method} {fields:?}");
    }
    let taken = measure(|| {
        let _clone = service.clone();
    });
    assert_eq!(taken, AllocationInfo::default());
}
