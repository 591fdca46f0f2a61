//! What is told of an exchange through `tracing`: a span at `debug`, an event at `warn` when it fails.
//!
//! Without the feature, and where nobody listens, it does nothing.

use crate::proxy::body::Body;
use crate::proxy::error::ProxyError;
use crate::proxy::service::Answer;
use crate::proxy::upstream::Upstream;
use http::{Response, StatusCode, request};
use std::future::Future;
#[cfg(feature = "tracing")]
use std::{sync::Arc, time::Instant};
#[cfg(feature = "tracing")]
use tracing::{Instrument, Span};

/// One exchange, from the outgoing head to the head of its answer.
#[derive(Clone)]
pub(crate) struct Trace {
    /// Only if anybody looks at it: an exchange without is smaller by what this holds.
    #[cfg(feature = "tracing")]
    seen: Option<Arc<Seen>>,
}

#[cfg(feature = "tracing")]
struct Seen {
    span: Span,
    started: Instant,
}

#[cfg(feature = "tracing")]
impl Trace {
    pub(crate) fn begin(parts: &request::Parts) -> Self {
        let span = tracing::debug_span!(
            "proxy",
            method = %parts.method,
            target = %parts.uri,
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
            tracing::debug!(parent: span, "answered");
        }
    }

    /// `first` names the upstream, or the first of several.
    pub(crate) fn failed(&self, error: &ProxyError, first: &Upstream) {
        // Within the caller's span if there is none of ours, as where only warnings are looked at.
        let _within = self.seen.as_ref().map(|seen| seen.span.enter());
        let cause = std::error::Error::source(error).map(tracing::field::display);
        tracing::warn!(
            upstream = first.destination.authority().as_str(),
            kind = ?error.kind(),
            was_sent = error.was_sent(),
            cause,
            "{error}"
        );
    }

    /// The exchange within its span, if anybody looks at it.
    pub(crate) fn follow<F>(self, exchange: F) -> Answer
    where
        F: Future<Output = Response<Body>> + Send + 'static,
    {
        match self.seen {
            None => Box::pin(exchange),
            Some(seen) => Box::pin(exchange.instrument(seen.span.clone())),
        }
    }
}

#[cfg(not(feature = "tracing"))]
impl Trace {
    pub(crate) fn begin(_: &request::Parts) -> Self {
        Self {}
    }

    pub(crate) fn upstream(&self, _: &Upstream) {}

    pub(crate) fn answered(&self, _: StatusCode) {}

    pub(crate) fn failed(&self, _: &ProxyError, _: &Upstream) {}

    pub(crate) fn follow<F>(self, exchange: F) -> Answer
    where
        F: Future<Output = Response<Body>> + Send + 'static,
    {
        Box::pin(exchange)
    }
}
