//! Events for what is refused; without the feature `tracing` there are none.
//!
//! A request that is admitted leaves no event.

use crate::guard::policy::Compiled;
use crate::guard::request::head::Head;
use crate::guard::verdict::Refusal;

/// A request was refused, or would be but for `report_only`.
#[cold]
pub(crate) fn refused(guard: &Compiled, refusal: Refusal, head: &Head<'_>) {
    #[cfg(feature = "tracing")]
    written::refused(guard, refusal, head);
    #[cfg(not(feature = "tracing"))]
    let _no_event = (guard, refusal, head);
}

/// A guard that is only tried says something else than the one in place.
#[cold]
pub(crate) fn differs(
    guard: &Compiled,
    difference: &'static str,
    refusal: Option<Refusal>,
    head: &Head<'_>,
) {
    #[cfg(feature = "tracing")]
    written::differs(guard, difference, refusal, head);
    #[cfg(not(feature = "tracing"))]
    let _no_event = (guard, difference, refusal, head);
}

#[cfg(feature = "tracing")]
mod written {
    use super::{Compiled, Head, Refusal};
    use crate::excerpt::Excerpt;
    use http::HeaderValue;

    /// The path without its query, which may bear a signature.
    fn path<'a>(head: &Head<'a>) -> Excerpt<'a> {
        Excerpt(head.public_path().as_bytes())
    }

    fn origin<'a>(head: &Head<'a>) -> Excerpt<'a> {
        Excerpt(
            head.origin_text()
                .map(HeaderValue::as_bytes)
                .unwrap_or_default(),
        )
    }

    pub(crate) fn refused(guard: &Compiled, refusal: Refusal, head: &Head<'_>) {
        // A flood of refusals costs no texts where nobody reads them.
        if !tracing::enabled!(target: "same_origin::guard", tracing::Level::WARN) {
            return;
        }
        let advice = guard.advise(refusal, head);
        let outcome = if guard.report_only {
            "would be refused"
        } else {
            "refused"
        };
        tracing::warn!(
            target: "same_origin::guard",
            rule = refusal.rule(),
            %refusal,
            method = %head.method,
            path = %path(head),
            origin = %origin(head),
            reason = advice.reason,
            remedy = advice.remedy,
            "{outcome}"
        );
    }

    pub(crate) fn differs(
        guard: &Compiled,
        difference: &'static str,
        refusal: Option<Refusal>,
        head: &Head<'_>,
    ) {
        let reason = refusal.map(|refusal| guard.advise(refusal, head).reason);
        tracing::info!(
            target: "same_origin::guard",
            difference,
            reason,
            method = %head.method,
            path = %path(head),
            origin = %origin(head),
            "the candidate guard differs"
        );
    }
}
