//! A line that says why for each request that the gateway itself refuses. A proxy and the guard write their own.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use http::{HeaderValue, Method, Request, Response, StatusCode, Uri};
use same_origin::guard::GuardError;
use same_origin::proxy::{_LineLimiter, _Shown, Body};

use crate::answer::Reason;

/// Writes the lines of one route: of one status at most ten in a second, and then a count.
#[derive(Clone, Debug)]
pub struct RefusalLog {
    route: Arc<str>,
    lines: Arc<_LineLimiter<StatusCode>>,
}

/// The part of a line that tells of a request, kept until its answer is known.
pub struct Asked {
    log: RefusalLog,
    method: Method,
    uri: Uri,
    /// The request's id, where requests have ids.
    id: Option<HeaderValue>,
}

/// The client's faults are not warnings.
macro_rules! event {
    ($status:expr, $($fields:tt)*) => {
        if $status.is_server_error() {
            tracing::warn!(status = $status.as_u16(), $($fields)*)
        } else {
            tracing::info!(status = $status.as_u16(), $($fields)*)
        }
    };
}

impl RefusalLog {
    /// `route` is its prefix, or a name for what no route answers.
    pub fn new(route: &str) -> Self {
        Self {
            route: route.into(),
            lines: Arc::default(),
        }
    }

    pub fn asked<B>(&self, request: &Request<B>, id: Option<&HeaderValue>) -> Asked {
        Asked {
            log: self.clone(),
            method: request.method().clone(),
            uri: request.uri().clone(),
            id: id.cloned(),
        }
    }

    /// Tells of a request of `peer` that could not be read, so that there is neither a method nor a path, and no line
    /// in the access log that says whose it was.
    pub fn unreadable(&self, status: StatusCode, peer: IpAddr, reason: &dyn fmt::Display) {
        if self.may_write(status) {
            event!(status, %peer, "refused: {reason}");
        }
    }

    fn may_write(&self, status: StatusCode) -> bool {
        let route = Arc::clone(&self.route);
        self.lines.turn(status, move |status, left_out| {
            event!(
                status,
                route = &*route,
                left_out,
                "more of this status in one second"
            );
        })
    }
}

impl Asked {
    /// Tells of an answer that refuses the request.
    pub fn answered(&self, response: &Response<Body>) {
        let status = response.status();
        // The guard has told of its own.
        let is_told = response.extensions().get::<GuardError>().is_some();
        let is_refusal = status.is_client_error() || status.is_server_error();
        if is_told || !is_refusal || !self.log.may_write(status) {
            return;
        }
        let reason = match response.extensions().get::<Reason>() {
            Some(Reason(reason)) => reason,
            None => status.canonical_reason().unwrap_or("unknown"),
        };
        event!(
            status,
            method = %self.method,
            path = %_Shown(self.uri.path()),
            route = &*self.log.route,
            id = self.id.as_ref().and_then(|id| id.to_str().ok()),
            "refused: {reason}"
        );
    }
}
