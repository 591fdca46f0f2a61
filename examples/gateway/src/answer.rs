//! Short answers of the gateway itself: 404, and the 400 of every kind of route.

use http::{Request, Response, StatusCode};
use same_origin::proxy::{Body, check};

/// The reason for which a request was refused, for the log: with an answer of the gateway's own, among its extensions.
#[derive(Clone, Debug)]
pub struct Reason(pub String);

/// The refusal of a request that names no host, or whose path servers read differently, if it is one. A proxy checks
/// its requests itself.
pub fn refused<B>(request: &Request<B>) -> Option<Response<Body>> {
    let kind = check(request).err()?;
    let mut response = text(kind.status(), format!("{kind}\n"));
    response.extensions_mut().insert(Reason(kind.to_string()));
    Some(response)
}

pub fn not_found() -> Response<Body> {
    text(StatusCode::NOT_FOUND, "not found\n")
}

pub fn text(status: StatusCode, body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let kind = http::HeaderValue::from_static("text/plain; charset=utf-8");
    response
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, kind);
    response
}
