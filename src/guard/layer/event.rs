//! Events for what is refused, so many a second; without the feature `tracing` there are none.
//!
//! A request that is admitted leaves no event.

use crate::guard::policy::Compiled;
use crate::guard::request::head::Head;
use crate::guard::verdict::Refusal;
use crate::log::LayerLog;

/// The log of one layer's guard.
pub(crate) type GuardLog = LayerLog<Kind>;

/// The kind of an event. Of each there are so many a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    not(feature = "tracing"),
    expect(dead_code, reason = "events are written with the feature alone")
)]
pub(crate) enum Kind {
    /// A refusal by a rule.
    Refused { rule: u8 },
    /// A refusal that `report_only` holds back.
    Reported { rule: u8 },
    /// A candidate differs.
    Differs(&'static str),
}

/// A request was refused, or would be but for `report_only`.
#[cold]
pub(crate) fn refused(log: &GuardLog, guard: &Compiled, refusal: Refusal, head: &Head<'_>) {
    #[cfg(feature = "tracing")]
    written::refused(log, guard, refusal, head);
    #[cfg(not(feature = "tracing"))]
    let _no_event = (log, guard, refusal, head);
}

/// A guard that is only tried says something else than the one in place.
#[cold]
pub(crate) fn differs(
    log: &GuardLog,
    guard: &Compiled,
    difference: &'static str,
    refusal: Option<Refusal>,
    head: &Head<'_>,
) {
    #[cfg(feature = "tracing")]
    written::differs(log, guard, difference, refusal, head);
    #[cfg(not(feature = "tracing"))]
    let _no_event = (log, guard, difference, refusal, head);
}

/// All of them are of the level `INFO`: a refusal is a 4xx, which is the client's fault, and a server is not
/// to be woken for what any stranger can send.
#[cfg(feature = "tracing")]
mod written {
    use http::HeaderValue;
    use tracing::Level;

    use super::{Compiled, GuardLog, Head, Kind, Refusal};
    use crate::excerpt::Excerpt;
    use crate::log::_Shown;

    fn is_enabled() -> bool {
        tracing::event_enabled!(target: "same_origin::guard", Level::INFO)
    }

    fn origin<'a>(head: &Head<'a>) -> Excerpt<'a> {
        Excerpt(
            head.origin_text()
                .map(HeaderValue::as_bytes)
                .unwrap_or_default(),
        )
    }

    pub(crate) fn refused(log: &GuardLog, guard: &Compiled, refusal: Refusal, head: &Head<'_>) {
        let rule = refusal.rule();
        let (kind, outcome) = if guard.report_only {
            (Kind::Reported { rule }, "would be refused")
        } else {
            (Kind::Refused { rule }, "refused")
        };
        // A flood of refusals costs no texts where nobody reads them.
        if !is_enabled() || !log.turn(kind, left_out) {
            return;
        }
        let advice = guard.advise(refusal, head);
        tracing::info!(
            target: "same_origin::guard",
            rule,
            %refusal,
            method = %head.method,
            // Without its query, which may bear a signature.
            path = %_Shown(head.public_path()),
            id = log.id_of(head.headers),
            route = log.route(),
            origin = %origin(head),
            reason = advice.reason,
            remedy = advice.remedy,
            "{outcome}"
        );
    }

    pub(crate) fn differs(
        log: &GuardLog,
        guard: &Compiled,
        difference: &'static str,
        refusal: Option<Refusal>,
        head: &Head<'_>,
    ) {
        if !is_enabled() || !log.turn(Kind::Differs(difference), left_out) {
            return;
        }
        let reason = refusal.map(|refusal| guard.advise(refusal, head).reason);
        tracing::info!(
            target: "same_origin::guard",
            difference,
            reason,
            method = %head.method,
            path = %_Shown(head.public_path()),
            id = log.id_of(head.headers),
            route = log.route(),
            origin = %origin(head),
            "the candidate guard differs"
        );
    }

    fn left_out(kind: &Kind, route: Option<&str>, left_out: u64) {
        let (outcome, rule, difference) = match *kind {
            Kind::Refused { rule } => (Some("refused"), Some(rule), None),
            Kind::Reported { rule } => (Some("would be refused"), Some(rule), None),
            Kind::Differs(difference) => (None, None, Some(difference)),
        };
        tracing::info!(
            target: "same_origin::guard",
            rule,
            outcome,
            difference,
            route,
            left_out,
            "more of this kind in one second"
        );
    }
}
