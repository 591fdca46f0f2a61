//! The crate's two halves beside each other, in-process: a page that reaches its API and its bucket by the
//! proxy under its own origin, and the same page without it.

use axum::Router;
use axum::extract::Request as Received;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use same_origin::browser::{Credentials::Include, Request, ResponseType, Web};
use same_origin::proxy::{Mounts, ReverseProxy};

const APP: &str = "https://app.test";
const API: &str = "https://api.test";
const BUCKET: &str = "https://bucket.test";
const OBJECT: &str = "/a%2Fb?signature=x%2By&x=+";

/// It answers to its own host, sets cookies for it, and redirects to the bucket.
fn api() -> Router {
    let login = [
        (
            "set-cookie",
            "sid=1; Domain=api.test; Path=/prod; Secure; HttpOnly",
        ),
        ("set-cookie", "__Host-id=2; Path=/; Secure"),
    ];
    let report = [("location", format!("{BUCKET}{OBJECT}"))];
    let routes = Router::new()
        .route(
            "/login",
            any(async move || axum::response::AppendHeaders(login)),
        )
        .route(
            "/report",
            get(async move || (StatusCode::SEE_OTHER, report)),
        )
        .fallback(async |method: Method, headers: HeaderMap| {
            let cookies = headers.get("cookie").map(|cookies| cookies.as_bytes());
            let cookies = String::from_utf8_lossy(cookies.unwrap_or_default()).into_owned();
            format!("{method} {cookies}")
        });
    Router::new().nest("/prod", routes)
}

/// Answers with the request's target, byte for byte; refuses a second authority.
fn bucket() -> Router {
    Router::new().fallback(async |request: Received| -> Response {
        if request.headers().contains_key("authorization") {
            return StatusCode::BAD_REQUEST.into_response();
        }
        let target = request.uri().path_and_query().map(ToString::to_string);
        target.unwrap_or_default().into_response()
    })
}

/// The application with both under its origin; their services stand for the wire.
fn gateway() -> Router {
    let mounts = Mounts::new();
    let to_api = ReverseProxy::builder("/api", "https://api.test/prod").mounts(&mounts);
    let to_bucket = ReverseProxy::builder("/files", BUCKET)
        .mounts(&mounts)
        .remove_request_headers([http::header::AUTHORIZATION]);
    let to_api = to_api.build_with_client(api()).expect("a sound proxy");
    let to_bucket = to_bucket
        .build_with_client(bucket())
        .expect("a sound proxy");
    Router::new()
        .nest_service("/api", to_api)
        .nest_service("/files", to_bucket)
}

#[tokio::test]
async fn behind_the_proxy_there_is_no_cors() {
    let web = Web::new().origin(APP, gateway());
    let page = web.page(&format!("{APP}/some/page"));
    page.fetch("/api/login")
        .send()
        .await
        .response()
        .expect("a login");
    assert_eq!(
        web.cookies(&format!("{APP}/api/x")).as_deref(),
        Some("sid=1; __Host-id=2")
    );

    for method in ["GET", "PUT", "DELETE", "PATCH"] {
        let request = Request::new(method, "/api/items/7")
            .header("authorization", "Bearer x")
            .header("x-request-id", "7");
        let outcome = page.fetch(request).send().await;
        let response = outcome.response().expect("an answer");
        assert_eq!(response.text(), format!("{method} sid=1; __Host-id=2"));
        assert_eq!(outcome.trace().requests().count(), 1, "{}", outcome.trace());
    }

    let report = Request::get("/api/report").header("authorization", "Bearer x");
    let outcome = page.fetch(report).send().await;
    let response = outcome.response().expect("an answer");
    assert_eq!((response.text().as_str(), response.status()), (OBJECT, 200));
    assert_eq!(response.kind(), ResponseType::Basic);
    let url = response.url().map(String::from);
    assert_eq!(url, Some(format!("{APP}/files{OBJECT}")));
    assert_eq!(outcome.trace().preflights(), 0);
}

#[tokio::test]
async fn without_it_nothing_can_be_read() {
    let web = Web::new().origin(API, api()).origin(BUCKET, bucket());
    let page = web.page(APP);
    for path in ["/prod/items/7", "/prod/report"] {
        let url = format!("{API}{path}");
        let outcome = page.fetch(url).credentials(Include).send().await;
        let error = outcome.response().expect_err("no CORS, no answer");
        assert_eq!(
            error.header(),
            Some(http::header::ACCESS_CONTROL_ALLOW_ORIGIN)
        );
    }
}
