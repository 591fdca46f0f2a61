//! Events for what is refused; without the feature `tracing` there are none.
//!
//! A request that is allowed leaves no event.

use super::judge::Refusal;
use http::HeaderValue;

/// A request was refused.
#[cold]
pub(super) fn refused(refusal: Refusal, preflight: bool, origin: Option<&HeaderValue>) {
    #[cfg(feature = "tracing")]
    tracing::debug!(target: "same_origin::cors", %refusal, preflight, origin = %excerpt(origin), "not shared");
    #[cfg(not(feature = "tracing"))]
    let _no_event = (refusal, preflight, origin);
}

/// A policy that is only tried says something else than the one in place.
#[cold]
pub(super) fn differs(difference: &'static str, preflight: bool, origin: Option<&HeaderValue>) {
    #[cfg(feature = "tracing")]
    tracing::info!(target: "same_origin::cors", difference, preflight, origin = %excerpt(origin), "the candidate policy differs");
    #[cfg(not(feature = "tracing"))]
    let _no_event = (difference, preflight, origin);
}

#[cfg(feature = "tracing")]
fn excerpt(origin: Option<&HeaderValue>) -> super::excerpt::Excerpt<'_> {
    super::excerpt::Excerpt(origin.map(HeaderValue::as_bytes).unwrap_or_default())
}
