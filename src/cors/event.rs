//! Events for refusals; without the feature `tracing` there are none.
//!
//! A request that is allowed leaves no event.

use super::judge::Refusal;
use http::HeaderValue;

/// A request was refused, which is its own fault: hence the level `INFO`.
///
/// `name` is the method or header that a preflight was refused for, looked for only where somebody listens: it
/// takes a second pass over the list.
#[cold]
pub(super) fn refused<'a>(
    refusal: Refusal,
    preflight: bool,
    origin: Option<&HeaderValue>,
    name: impl FnOnce() -> Option<&'a [u8]>,
) {
    #[cfg(feature = "tracing")]
    if tracing::enabled!(target: "same_origin::cors", tracing::Level::INFO) {
        let origin = origin.map(HeaderValue::as_bytes).map(shown);
        let name = name().map(shown);
        let (method, header) = match refusal {
            Refusal::Method => (name, None),
            _ => (None, name),
        };
        tracing::info!(target: "same_origin::cors", %refusal, method, header, preflight, origin, "CORS request refused");
    }
    #[cfg(not(feature = "tracing"))]
    let _no_event = (refusal, preflight, origin, name);
}

/// A candidate differs from the policy in place.
#[cold]
pub(super) fn differs(difference: &'static str, preflight: bool, origin: Option<&HeaderValue>) {
    #[cfg(feature = "tracing")]
    {
        let origin = origin.map(HeaderValue::as_bytes).map(shown);
        tracing::info!(target: "same_origin::cors", difference, preflight, origin, "the candidate policy differs");
    }
    #[cfg(not(feature = "tracing"))]
    let _no_event = (difference, preflight, origin);
}

#[cfg(feature = "tracing")]
fn shown(value: &[u8]) -> tracing::field::DisplayValue<crate::excerpt::Excerpt<'_>> {
    tracing::field::display(crate::excerpt::Excerpt(value))
}
