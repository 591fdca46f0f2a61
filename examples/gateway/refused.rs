//! What is refused whatever it is for: with 400, on every kind of route.

use crate::routes::text;
use http::{Request, Response};
use same_origin::proxy::{Body, check};

/// The answer to a request that names no host, or whose path not everybody reads in the same way. A
/// proxy asks by itself.
pub fn refused<B>(request: &Request<B>) -> Option<Response<Body>> {
    let kind = check(request).err()?;
    Some(text(kind.status(), format!("{kind}\n")))
}
