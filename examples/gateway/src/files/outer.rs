//! The prefix that a proxy in front of the gateway has taken away.

use http::header::LOCATION;
use http::{HeaderMap, HeaderValue};

/// A prefix that trusted proxies took away, left in the extensions of a request: redirects to a path are below it for the
/// browser.
#[derive(Clone, Debug)]
pub struct OuterPrefix(Box<str>);

impl OuterPrefix {
    /// `prefix`: a path without a slash at its end.
    pub fn new(prefix: &str) -> Self {
        Self(prefix.into())
    }

    /// Puts it before the `Location` of an answer, which is a path (RFC 9110 10.2.2).
    pub(super) fn apply(&self, headers: &mut HeaderMap) {
        if let Some(location) = headers.get_mut(LOCATION) {
            let public = [self.0.as_bytes(), location.as_bytes()].concat();
            if let Ok(public) = HeaderValue::from_bytes(&public) {
                *location = public;
            }
        }
    }
}
