//! An API and a bucket that do it right, and a place to spoil their answers.

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{any, get};
use http::header::{
    ACCESS_CONTROL_REQUEST_METHOD, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, ORIGIN, SET_COOKIE,
};
use http::{HeaderMap, Method, StatusCode};
use same_origin::browser::Web;
use same_origin::cors::{CorsBuilder, CorsLayer, CorsPolicy};

pub const API: &str = "https://api.example.com";
pub const BUCKET: &str = "https://bucket.example.net";

/// The head of a request, for a mutation to look at.
pub struct Asked {
    pub method: Method,
    pub origin: String,
    pub preflight: bool,
    pub headers: HeaderMap,
}

/// A fault: a sound answer becomes a broken one.
pub type Mutation = fn(&Asked, &mut Response);

/// Both servers, spoilt.
pub fn web(mutate: Mutation) -> Web {
    let spoil = move |app: Router| {
        app.layer(from_fn(move |request: Request, next: Next| {
            spoilt(mutate, request, next)
        }))
    };
    Web::new()
        .origin(API, spoil(api()))
        .origin(BUCKET, spoil(bucket()))
}

async fn spoilt(mutate: Mutation, request: Request, next: Next) -> Response {
    let asked = Asked::of(&request);
    let mut response = next.run(request).await;
    mutate(&asked, &mut response);
    response
}

impl Asked {
    fn of(request: &Request) -> Self {
        let headers = request.headers();
        let origin = headers.get(ORIGIN).and_then(|value| value.to_str().ok());
        Self {
            method: request.method().clone(),
            origin: origin.unwrap_or_default().to_owned(),
            preflight: request.method() == Method::OPTIONS
                && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD),
            headers: headers.clone(),
        }
    }
}

fn policy() -> CorsBuilder {
    CorsPolicy::builder().allow_credentials(true)
}

fn layer(builder: &CorsBuilder) -> CorsLayer {
    builder.build().expect("a sound policy").into()
}

fn api() -> Router {
    let cors = policy()
        .allow_origins([
            "https://app.example.com",
            "https://admin.example.com",
            "https://shop.example.org",
        ])
        .allow_methods([Method::PUT, Method::DELETE, Method::OPTIONS])
        .allow_headers([AUTHORIZATION, CONTENT_TYPE])
        .expose_headers(["x-total"])
        .max_age(std::time::Duration::from_secs(600));
    Router::new()
        .route(
            "/items",
            any((
                [("x-total", "3"), (CACHE_CONTROL.as_str(), "max-age=60")],
                "[]",
            )),
        )
        .route("/private", get(StatusCode::UNAUTHORIZED))
        .route(
            "/login",
            any([(SET_COOKIE, "sid=1; SameSite=None; Secure; HttpOnly; Path=/")]),
        )
        .route("/me", get(me))
        .route(
            "/file",
            get(Redirect::temporary("https://bucket.example.net/file")),
        )
        .layer(layer(&cors))
}

async fn me(headers: HeaderMap) -> Response {
    match headers.contains_key("cookie") {
        true => "you".into_response(),
        false => StatusCode::UNAUTHORIZED.into_response(),
    }
}

/// The target of redirects: browsers come as `null`, and the URL is all the authority there is.
fn bucket() -> Router {
    let cors = policy()
        .allow_null_origin(true)
        .dangerously_allow_credentialed_null_origin(true);
    Router::new()
        .route("/file", get("file"))
        .layer(layer(&cors))
}

/// An answer without a body.
pub fn bare(status: u16) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::from_u16(status).expect("a status");
    response
}
