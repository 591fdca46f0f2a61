//! The plan of a proxy: everything that its requests have in common, compiled by the builder.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{Response, request};

use crate::proxy::body::Body;
use crate::proxy::body::download::Downloads;
use crate::proxy::error::ProxyError;
use crate::proxy::request::{RequestContext, RequestRules, Verdict};
use crate::proxy::response::ResponseRules;
use crate::proxy::response::error_page::ErrorPage;
use crate::proxy::share::Shares;
use crate::proxy::trace::FailureLog;
use crate::proxy::tunnel::{TunnelSlots, Tunnels};
use crate::proxy::upstream::upstreams::Upstreams;

/// A proxy as compiled by the builder.
pub(crate) struct Plan {
    pub(crate) request: RequestRules,
    pub(crate) response: ResponseRules,
    pub(crate) error_page: ErrorPage,
    pub(crate) upstreams: Upstreams,
    /// Whether responses tell which of them gave them.
    pub(crate) tell_upstream: bool,
    pub(crate) shares: Shares,
    /// The timeout of a response's head.
    pub(crate) response_timeout: Duration,
    /// The time for which a client may send or take nothing.
    pub(crate) client_timeout: Duration,
    pub(crate) downloads: Arc<Downloads>,
    pub(crate) failures: Arc<FailureLog>,
    pub(crate) tunnels: TunnelPlan,
}

/// Tunnels of a proxy: where they are counted, how many there may be, and how long one may be silent.
pub(crate) struct TunnelPlan {
    pub(crate) open: Tunnels,
    pub(crate) slots: TunnelSlots,
    pub(crate) idle: Duration,
}

impl Plan {
    /// Rewrites a request's head.
    pub(crate) fn request(&self, parts: &mut request::Parts, body: &Body) -> Verdict {
        let only = self.upstreams.only();
        let only = only.map(|only| only.upstream.destination.host_value());
        self.request.apply(parts, body, only)
    }

    /// The response that stands for an error.
    pub(crate) fn failed(&self, error: ProxyError, context: &RequestContext) -> Response<Body> {
        self.error_page.render(error, context.error_reader)
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan")
            .field("mount", &self.request.mount)
            .finish_non_exhaustive()
    }
}
