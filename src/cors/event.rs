//! Events for what is refused; without the feature `tracing` there are none.
//!
//! A request that is allowed leaves no event.

use super::judge::Refusal;
use http::header::HeaderMap;

/// A request was refused.
pub(super) fn refused(refusal: Refusal, preflight: bool, headers: &HeaderMap) {
    #[cfg(feature = "tracing")]
    tracing::debug!(%refusal, preflight, origin = %origin(headers), "not shared");
    #[cfg(not(feature = "tracing"))]
    let _no_event = (refusal, preflight, headers);
}

/// A policy that is only tried says something else than the one in place.
pub(super) fn differs(difference: &'static str, preflight: bool, headers: &HeaderMap) {
    #[cfg(feature = "tracing")]
    tracing::info!(difference, preflight, origin = %origin(headers), "the candidate policy differs");
    #[cfg(not(feature = "tracing"))]
    let _no_event = (difference, preflight, headers);
}

#[cfg(feature = "tracing")]
fn origin(headers: &HeaderMap) -> super::excerpt::Excerpt<'_> {
    let line = headers.get(http::header::ORIGIN);
    super::excerpt::Excerpt(line.map(|line| line.as_bytes()).unwrap_or_default())
}
