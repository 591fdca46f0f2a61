//! What is refused whatever it is for: with 400, on every kind of route.

use crate::routes::text;
use http::{Request, Response, StatusCode};
use same_origin::proxy::{Body, check_host, check_path};

/// The answer to a request that names no host, or whose path not everybody reads in the same way. A
/// proxy asks by itself.
pub fn refused<B>(request: &Request<B>) -> Option<Response<Body>> {
    let why = if let Err(malformed) = check_host(request) {
        format!("{malformed}\n")
    } else if check_path(request.uri().path()).is_err() {
        "ambiguous path\n".to_owned()
    } else {
        return None;
    };
    Some(text(StatusCode::BAD_REQUEST, why))
}
