//! An API that believes it is alone: its URLs, redirects and cookies name its own address.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{any, get, put};
use axum::{Json, Router};
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, ETAG, LOCATION};
use http::{Method, StatusCode};
use http_body_util::BodyExt;
use serde_json::json;
use tower::{ServiceExt, service_fn};
use tower_http::compression::Compression;

use super::bucket::Signer;
use super::events::Events;
use super::sockets::Sockets;
use super::uploads::Uploads;
use crate::support::instructed;

/// The beginning of all paths of the API.
pub const BASE: &str = "/prod";

#[derive(Clone)]
pub struct Api {
    /// Its own address, and the bucket's as it knows it.
    own: Arc<str>,
    bucket: Arc<str>,
    signer: Signer,
    pub events: Events,
    pub sockets: Sockets,
    pub uploads: Uploads,
}

impl Api {
    pub fn new(own: &str, bucket: &str, signer: Signer) -> Self {
        Self {
            own: own.into(),
            bucket: bucket.into(),
            signer,
            events: Events::default(),
            sockets: Sockets::default(),
            uploads: Uploads::default(),
        }
    }

    pub fn router(&self) -> Router {
        let below = Router::new()
            .route("/session", any(async || Json(json!({ "user": "ada" }))))
            .route("/items", any(async || Json(json!([1, 2, 3]))))
            .route("/items/{id}", any(async || Json(json!({ "done": true }))))
            .route("/report", any(report))
            .route("/elsewhere", any(elsewhere))
            .route("/text", get(text))
            .route("/events", get(Events::stream).post(Events::acknowledge))
            .route("/socket", any(Sockets::open))
            .route("/uploads", put(Uploads::take).post(Uploads::acknowledge))
            .route("/streams", get(Uploads::arrived).post(Uploads::stream))
            .nest("/obey", instructed::server().with_state(()))
            .fallback(nothing)
            .with_state(self.clone());
        Router::new().nest(BASE, below).fallback(nothing)
    }
}

/// A signed URL, at the bucket's own address.
async fn report(State(api): State<Api>) -> Response {
    let target = api.signer.sign(&Method::GET, REPORT);
    let location = format!("{}{target}", api.bucket);
    (StatusCode::SEE_OTHER, [(LOCATION, location)]).into_response()
}

/// Things by which a signature is easily lost: encoded slashes, spaces in two spellings, a repeated name.
pub const REPORT: &str =
    "/reports/a%2Fb/2026~11%20.csv?response-content-disposition=a%3D%22b%22&x=+&x=%20&empty=";

/// A redirect to another path of the API, at its own address.
async fn elsewhere(State(api): State<Api>, request: Request) -> Response {
    let location = format!("{}{BASE}/session", api.own);
    if request.method() == Method::POST {
        return (StatusCode::TEMPORARY_REDIRECT, [(LOCATION, location)]).into_response();
    }
    Redirect::to(&location).into_response()
}

async fn nothing() -> Response {
    let error = json!({ "error": "the API knows no such thing" });
    (StatusCode::NOT_FOUND, Json(error)).into_response()
}

/// An answer that is compressed, and for which the API has a strong validator.
pub const TEXT: &str = "All that is gold does not glitter. ";
pub const REPEATED: usize = 1000;
pub const TEXT_ETAG: &str = "\"text-gzip\"";

async fn text() -> Response {
    let body = compressed(TEXT.repeat(REPEATED)).await;
    let fields = [
        (CONTENT_TYPE, "text/plain"),
        (CONTENT_ENCODING, "gzip"),
        (ETAG, TEXT_ETAG),
    ];
    (fields, body).into_response()
}

/// The text as a whole, so that the answer has a length.
pub async fn compressed(text: String) -> Bytes {
    let plain = service_fn(|_: Request| {
        let text = text.clone();
        async { Ok::<_, Infallible>(text.into_response()) }
    });
    let mut asked = Request::new(Body::empty());
    let gzip = http::HeaderValue::from_static("gzip");
    asked.headers_mut().insert(ACCEPT_ENCODING, gzip);
    let answer = Compression::new(plain).oneshot(asked).await;
    let body = answer.expect("a text").into_body().collect().await;
    body.expect("what is in memory").to_bytes()
}
