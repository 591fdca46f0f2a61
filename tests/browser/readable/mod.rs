//! `readable`: routers whose layers are in the wrong order, each with the answer that a page cannot read.
//!
//! The first of them are rebuilt from public reports: a body limit around CORS (restate#5297), a check of
//! `Accept` around CORS (0xMiden/node#1707) and a rate limit (its #1865), authentication that meets the
//! preflight (litellm-rs#832).

mod refusing;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::extract::Request as AxumRequest;
use axum::handler::Handler;
use axum::middleware::{Next, from_fn, map_response};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Json, Router};
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{Method, StatusCode};
use same_origin::browser::{Readability, ReadableReport, Request, readable};
use same_origin::cors::{CorsLayer, CorsPolicy};
use serde_json::Value;

const PAGE: &str = "https://app.example.com";

fn cors() -> CorsLayer {
    CorsPolicy::builder()
        .allow_origins([PAGE])
        .allow_methods([Method::PUT])
        .allow_headers([AUTHORIZATION, CONTENT_TYPE])
        .build()
        .expect("a policy")
        .into()
}

fn api() -> Router {
    Router::new().route("/items", post(echo)).route(
        "/slow",
        get(async || tokio::time::sleep(Duration::from_secs(60)).await),
    )
}

async fn echo(Json(item): Json<Value>) -> Json<Value> {
    Json(item)
}

async fn quick() -> &'static str {
    "quick"
}

/// Allows sixty requests.
fn rate_limited(router: Router) -> Router {
    let count = Arc::new(AtomicUsize::new(0));
    router.layer(from_fn(move |request: AxumRequest, next: Next| {
        let seen = count.fetch_add(1, Ordering::Relaxed);
        async move {
            match seen >= 60 {
                true => StatusCode::TOO_MANY_REQUESTS.into_response(),
                false => next.run(request).await,
            }
        }
    }))
}

async fn report(router: Router) -> ReadableReport {
    let call = Request::post("/items")
        .header("authorization", "Bearer good")
        .header("content-type", "application/json")
        .body("{}");
    readable(router, [PAGE])
        .call(call)
        .slow(Request::get("/slow"))
        .deadline(Duration::from_millis(200))
        .burst(60)
        .run()
        .await
}

/// The faults as `probe: status: layer`.
fn faults(report: &ReadableReport) -> Vec<String> {
    let fault = |readability: &Readability| match readability {
        Readability::Unreadable { status, layer } => format!("{status}: {layer}"),
        Readability::PreflightRefused { status, layer } => format!("preflight {status}: {layer}"),
        other => format!("{other:?}"),
    };
    let faults = report.faults();
    faults
        .map(|reading| format!("{}: {}", reading.probe(), fault(reading.readability())))
        .collect()
}

struct Fixture {
    name: &'static str,
    router: Router,
    faults: &'static [&'static str],
}

/// A body that never comes and a slow call are ended by a deadline of the router's own, inside of CORS.
fn timed(router: Router) -> Router {
    router.layer(from_fn(refusing::slow_answers))
}

fn fixtures() -> Vec<Fixture> {
    use refusing as r;
    let inner = || timed(api());
    let fixture = |name, router, faults| Fixture {
        name,
        router,
        faults,
    };
    vec![
        fixture(
            "authentication around CORS meets the preflight",
            inner().layer(cors()).layer(from_fn(r::tokens)),
            &[
                "the call itself: preflight 401: authentication answers the preflight, which never has a token",
                "a slow call: 401: authentication",
            ],
        ),
        fixture(
            "authentication around CORS that lets preflights through",
            inner()
                .layer(cors())
                .layer(from_fn(r::tokens_but_of_preflights)),
            &[
                "no token: 401: authentication",
                "a wrong token: 401: authentication",
                "a slow call: 401: authentication",
            ],
        ),
        fixture(
            "a body limit around CORS",
            inner().layer(cors()).layer(from_fn(r::large_bodies)),
            &["too long a body: 413: the body limit"],
        ),
        fixture(
            "a check of Accept around CORS",
            inner().layer(cors()).layer(from_fn(r::unknown_types)),
            &["a type that nobody has: 400: the check of what is accepted"],
        ),
        fixture(
            "a check of the content type around CORS",
            inner().layer(cors()).layer(from_fn(r::other_contents)),
            &["another content type: 415: the check of the content type"],
        ),
        fixture(
            "a rate limit around CORS",
            rate_limited(inner().layer(cors())),
            &[
                "many calls at once: 429: the rate limit",
                "a slow call: 429: the rate limit",
            ],
        ),
        fixture(
            "a deadline around CORS",
            api().layer(cors()).layer(from_fn(r::slow_answers)),
            &[
                "a body that never comes: 504: the deadline",
                "a slow call: 504: the deadline",
            ],
        ),
        fixture(
            "a catcher of panics around CORS",
            inner().layer(cors()).layer(from_fn(r::panics)),
            &["a panic: 500: the layer that catches panics"],
        ),
        fixture(
            "CORS on the routes alone",
            inner().route_layer(cors()),
            &[
                "an unknown path: preflight 404: the router answers the preflight: no CORS layer is around this path",
            ],
        ),
        fixture(
            "CORS on the handlers alone",
            Router::new()
                .route("/items", post(echo.layer(cors())))
                .route("/slow", get(quick.layer(cors())))
                .layer(from_fn(refusing::slow_answers)),
            &[
                "the call itself: preflight 405: the method router answers the preflight: no CORS layer is around the routes",
            ],
        ),
        fixture(
            "CORS inside of a nest",
            Router::new()
                .nest("/items", Router::new().route("/", post(echo)).layer(cors()))
                .route("/slow", get("quick").layer(cors()))
                .fallback(async || (StatusCode::NOT_FOUND, "nothing here")),
            &[
                "an unknown path: preflight 404: the router answers the preflight: no CORS layer is around this path",
            ],
        ),
        fixture(
            "slashes around CORS",
            inner().layer(cors()).layer(from_fn(r::missing_slashes)),
            &[
                "the call itself: preflight 308: a redirect (of slashes, to https, to a login) answers the preflight",
            ],
        ),
        fixture(
            "error pages around CORS",
            inner().layer(cors()).layer(map_response(r::error_pages)),
            &[
                "an unknown path: 404: the fallback for unknown paths",
                "another method: 405: the answer to other methods",
                "another content type: 415: the check of the content type",
                "a malformed body: 400: the layer that refuses the request",
                "too long a body: 413: the body limit",
            ],
        ),
        fixture(
            "complaints about bodies around CORS",
            inner().layer(cors()).layer(map_response(r::complaints)),
            &["a malformed body: 400: the layer that refuses the request"],
        ),
        fixture(
            "a check of forgery around CORS",
            inner().layer(cors()).layer(from_fn(r::foreign_origins)),
            &[
                "the call itself: preflight 403: authorization answers the preflight, which never has a token",
            ],
        ),
        fixture(
            "a fallback that is added behind the layer",
            inner()
                .layer(cors())
                .fallback(async || (StatusCode::NOT_FOUND, "nothing here")),
            &[
                "an unknown path: preflight 404: the router answers the preflight: no CORS layer is around this path",
            ],
        ),
        fixture(
            "a route that is added behind the layer",
            Router::new()
                .route("/slow", get("quick"))
                .layer(cors())
                .route("/items", post(echo))
                .layer(from_fn(r::slow_answers)),
            &[
                "the call itself: preflight 405: the method router answers the preflight: no CORS layer is around the routes",
            ],
        ),
        fixture(
            "a filter of methods around CORS",
            inner().layer(cors()).layer(from_fn(r::odd_methods)),
            &[
                "the call itself: preflight 405: the method router answers the preflight: no CORS layer is around the routes",
            ],
        ),
    ]
}

#[tokio::test]
async fn every_wrong_order_is_found() {
    let mut wrong = String::new();
    for fixture in fixtures() {
        let report = report(fixture.router).await;
        let found = faults(&report);
        if found != fixture.faults {
            wrong += &format!("{}: {found:#?}\n{report}\n", fixture.name);
        }
    }
    assert!(fixtures().len() >= 12 && wrong.is_empty(), "{wrong}");
}

/// The same layers, all of them inside.
fn refusing_all(router: Router) -> Router {
    use refusing as r;
    router
        .layer(from_fn(r::tokens))
        .layer(from_fn(r::large_bodies))
        .layer(from_fn(r::unknown_types))
        .layer(from_fn(r::other_contents))
        .layer(from_fn(r::slow_answers))
        .layer(from_fn(r::panics))
        .layer(map_response(r::error_pages))
}

#[tokio::test]
async fn right_orders_are_not_blamed() {
    let theirs = tower_http::cors::CorsLayer::new()
        .allow_origin([PAGE.parse().expect("a value")])
        .allow_headers([AUTHORIZATION, CONTENT_TYPE]);
    let routers = [
        refusing_all(api()).layer(cors()),
        refusing_all(api()).layer(theirs),
        rate_limited(timed(api())).layer(cors()),
        timed(api()).layer(cors()),
        Router::new()
            .nest("/v1", timed(api()))
            .merge(timed(api()))
            .layer(cors()),
    ];
    for router in routers {
        report(router).await.assert_readable();
    }
}

#[tokio::test]
async fn all_refusals_are_provoked() {
    let report = report(refusing_all(api()).layer(cors())).await;
    let statuses: Vec<_> = report
        .readings()
        .filter_map(|reading| match reading.readability() {
            Readability::Readable(status) => Some((reading.probe().to_owned(), *status)),
            _ => None,
        })
        .collect();
    let expected = [
        ("the call itself", 200),
        ("no token", 401),
        ("a wrong token", 401),
        ("an unknown path", 404),
        ("another method", 405),
        ("a type that nobody has", 400),
        ("another content type", 415),
        ("a malformed body", 400),
        ("too long a body", 413),
        ("a body that never comes", 504),
        ("a panic", 500),
        ("a slow call", 401),
    ];
    let expected = expected.map(|(probe, status)| (probe.to_owned(), status));
    assert_eq!(statuses, expected, "{report}");
}

#[tokio::test]
#[should_panic(expected = "nothing was tried")]
async fn no_page_is_no_proof() {
    let nobody: [&str; 0] = [];
    readable(api(), nobody).run().await.assert_readable();
}

#[tokio::test]
async fn pages_that_are_not_allowed_are_told_apart() {
    let call = || {
        Request::post("/items")
            .header("authorization", "Bearer good")
            .body("{}")
    };
    let stranger = readable(timed(api()).layer(cors()), ["https://stranger.example"]);
    let report = stranger.call(call()).run().await;
    let found: Vec<_> = report.readings().collect();
    assert_eq!(found.len(), 1, "{report}");
    assert!(
        matches!(found[0].readability(), Readability::NotAllowed(_)),
        "{report}"
    );
}

#[tokio::test]
async fn cookies_are_tokens_too() {
    let sessions = async |request: AxumRequest, next: Next| match refusing::text(&request, "cookie")
        == "sid=1"
        || request.method() == Method::OPTIONS
    {
        true => next.run(request).await,
        false => StatusCode::UNAUTHORIZED.into_response(),
    };
    let cors: CorsLayer = CorsPolicy::builder()
        .allow_origins([PAGE])
        .allow_credentials(true)
        .build()
        .expect("a policy")
        .into();
    let router = Router::new()
        .route("/me", get("me"))
        .layer(cors)
        .layer(from_fn(sessions));
    let report = readable(router, [PAGE])
        .cookie("sid=1; SameSite=None; Secure")
        .call(Request::get("/me"))
        .run()
        .await;
    assert_eq!(
        faults(&report),
        [
            "no token: 401: authentication",
            "a wrong token: 401: authentication"
        ],
        "{report}"
    );
}
