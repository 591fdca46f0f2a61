//! Logs through `tracing`: a span at `DEBUG` for each exchange, and an event for each request that the proxy
//! answers itself, and for each upstream of a list that is set aside. Paths are written without their query, at every
//! level: a signed URL's signature is there.
//!
//! Without the feature, and where nobody listens, it does nothing.

#[cfg(feature = "tracing")]
mod failures;

#[cfg(feature = "tracing")]
pub(crate) use enabled::*;
#[cfg(feature = "tracing")]
pub(crate) use failures::FailureLog;
#[cfg(not(feature = "tracing"))]
pub(crate) use silent::*;

#[cfg(feature = "tracing")]
mod enabled {
    use std::future::Future;
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use http::uri::Authority;
    use http::{Response, StatusCode, request};
    use tracing::{Instrument, Span};

    use super::failures::Failure;
    use crate::log::_masked_path;
    use crate::proxy::error::ProxyError;
    use crate::proxy::exchange::Answer;
    use crate::proxy::plan::Plan;
    use crate::proxy::request::{RequestContext, target};
    use crate::proxy::upstream::Upstream;
    use crate::proxy::upstream::member::Member;

    /// One exchange, from the outgoing head to the head of its answer.
    #[derive(Clone)]
    pub(crate) struct Trace {
        /// Only if anybody looks at it: an exchange without is smaller by what this holds.
        seen: Option<Arc<Seen>>,
    }

    struct Seen {
        span: Span,
        started: Instant,
    }

    impl Trace {
        pub(crate) fn begin(context: &RequestContext) -> Self {
            let span = tracing::debug_span!(
                target: "same_origin::proxy",
                "proxy",
                method = %context.method,
                path = &*_masked_path(context.public.path()),
                upstream = tracing::field::Empty,
                status = tracing::field::Empty,
                head_ms = tracing::field::Empty,
            );
            let started = (!span.is_disabled()).then(Instant::now);
            Self {
                seen: started.map(|started| Arc::new(Seen { span, started })),
            }
        }

        pub(crate) fn upstream(&self, upstream: &Upstream) {
            if let Some(Seen { span, .. }) = self.seen.as_deref() {
                span.record("upstream", upstream.destination.authority().as_str());
            }
        }

        pub(crate) fn answered(&self, status: StatusCode) {
            if let Some(Seen { span, started }) = self.seen.as_deref() {
                span.record("status", status.as_u16());
                let millis = started.elapsed().as_secs_f64() * 1e3;
                span.record("head_ms", millis);
                tracing::debug!(target: "same_origin::proxy", parent: span, "answered");
            }
        }

        /// A request was not answered by its upstream, or not to its end.
        #[cold]
        pub(crate) fn failed(
            &self,
            plan: &Plan,
            context: &RequestContext,
            upstream: &Authority,
            error: &ProxyError,
        ) {
            // Within the caller's span if our own span is not recorded, as where a subscriber takes only warnings.
            let _within = self.seen.as_ref().map(|seen| seen.span.enter());
            plan.failures.tell(&Failure {
                error,
                method: &context.method,
                path: context.public.path(),
                id: context.id.as_deref(),
                upstream: Some(upstream.as_str()),
            });
        }

        /// The exchange within its span, if anybody looks at it.
        pub(crate) fn follow<F>(self, exchange: F) -> Answer
        where
            F: Future<Output = Response<crate::proxy::body::Body>> + Send + 'static,
        {
            match self.seen {
                None => Box::pin(exchange),
                Some(seen) => Box::pin(exchange.instrument(seen.span.clone())),
            }
        }
    }

    /// A member of a list is set aside, or has its turn again after it was.
    #[cold]
    pub(crate) fn set_aside(plan: &Plan, member: &Member, error: &ProxyError, pause: Duration) {
        let upstream = &member.upstream.destination;
        plan.failures.set_aside(upstream, error, pause);
    }

    #[cold]
    pub(crate) fn serves_again(plan: &Plan, member: &Member) {
        plan.failures.serves_again(&member.upstream.destination);
    }

    /// A request was refused by its head.
    #[cold]
    pub(crate) fn refused(plan: &Plan, parts: &request::Parts, error: &ProxyError) {
        let public = target::public_uri(parts);
        plan.failures.tell(&Failure {
            error,
            method: &parts.method,
            path: public.as_deref().unwrap_or(&parts.uri).path(),
            id: plan.request.id_of(&parts.headers),
            upstream: None,
        });
    }
}

#[cfg(not(feature = "tracing"))]
mod silent {
    use std::future::Future;
    use std::time::Duration;

    use http::uri::Authority;
    use http::{Response, StatusCode, request};

    use crate::proxy::body::Body;
    use crate::proxy::error::ProxyError;
    use crate::proxy::exchange::Answer;
    use crate::proxy::plan::Plan;
    use crate::proxy::request::RequestContext;
    use crate::proxy::upstream::Upstream;
    use crate::proxy::upstream::member::Member;

    #[derive(Clone)]
    pub(crate) struct Trace;

    impl Trace {
        pub(crate) fn begin(_: &RequestContext) -> Self {
            Self
        }

        pub(crate) fn upstream(&self, _: &Upstream) {}

        pub(crate) fn answered(&self, _: StatusCode) {}

        pub(crate) fn failed(
            &self,
            plan: &Plan,
            context: &RequestContext,
            _: &Authority,
            _: &ProxyError,
        ) {
            // Read with the feature alone.
            let _ = (
                &plan.failures,
                &context.method,
                &context.public,
                &context.id,
            );
        }

        pub(crate) fn follow<F>(self, exchange: F) -> Answer
        where
            F: Future<Output = Response<Body>> + Send + 'static,
        {
            Box::pin(exchange)
        }
    }

    pub(crate) fn set_aside(_: &Plan, _: &Member, _: &ProxyError, _: Duration) {}

    pub(crate) fn serves_again(_: &Plan, _: &Member) {}

    pub(crate) fn refused(_: &Plan, _: &request::Parts, _: &ProxyError) {}

    pub(crate) struct FailureLog;

    impl FailureLog {
        pub(crate) fn new(_: &str) -> Self {
            Self
        }
    }
}
