//! Events for the requests that a proxy answers itself, and for upstreams that are set aside: so many a second and no
//! more.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Method};
use tracing::{Level, event_enabled};

use crate::log::{_LineLimiter, _Shown, shown_id};
use crate::proxy::error::{ProxyError, ProxyErrorKind};
use crate::proxy::upstream::destination::Destination;

/// The log of one proxy's failures.
pub(crate) struct FailureLog {
    route: Box<str>,
    lines: Arc<_LineLimiter<Line>>,
}

/// The kinds of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Line {
    Failed(ProxyErrorKind),
    SetAside(ProxyErrorKind),
    ServesAgain,
}

/// A request that was answered by the proxy itself.
pub(crate) struct Failure<'a> {
    pub(crate) error: &'a ProxyError,
    pub(crate) method: &'a Method,
    /// The public path.
    pub(crate) path: &'a str,
    pub(crate) id: Option<&'a HeaderValue>,
    pub(crate) upstream: Option<&'a str>,
}

/// An event of the level that a kind has: what the client did wrong is not a warning.
macro_rules! event {
    ($kind:expr, $($fields:tt)*) => {
        if $kind.status().is_server_error() {
            tracing::warn!(target: "same_origin::proxy", $($fields)*);
        } else {
            tracing::info!(target: "same_origin::proxy", $($fields)*);
        }
    };
}

impl FailureLog {
    pub(crate) fn new(route: &str) -> Self {
        Self {
            route: route.into(),
            lines: Arc::default(),
        }
    }

    pub(crate) fn tell(self: &Arc<Self>, failure: &Failure<'_>) {
        let kind = failure.error.kind();
        if !is_enabled(kind) {
            return;
        }
        if self.has_turn(Line::Failed(kind)) {
            self.write(failure);
        }
    }

    /// An upstream gets no requests for that time.
    pub(crate) fn set_aside(
        self: &Arc<Self>,
        upstream: &Destination,
        error: &ProxyError,
        pause: Duration,
    ) {
        let kind = error.kind();
        if !event_enabled!(target: "same_origin::proxy", Level::WARN)
            || !self.has_turn(Line::SetAside(kind))
        {
            return;
        }
        tracing::warn!(
            target: "same_origin::proxy",
            route = &*self.route,
            upstream = upstream.authority().as_str(),
            address = upstream.address().map(tracing::field::display),
            kind = ?kind,
            cause = error.source().map(Causes).map(tracing::field::display),
            pause_s = pause.as_secs(),
            "an upstream is set aside"
        );
    }

    /// An upstream that was set aside has answered.
    pub(crate) fn serves_again(self: &Arc<Self>, upstream: &Destination) {
        if !event_enabled!(target: "same_origin::proxy", Level::INFO)
            || !self.has_turn(Line::ServesAgain)
        {
            return;
        }
        tracing::info!(
            target: "same_origin::proxy",
            route = &*self.route,
            upstream = upstream.authority().as_str(),
            address = upstream.address().map(tracing::field::display),
            "an upstream serves again"
        );
    }

    fn has_turn(self: &Arc<Self>, line: Line) -> bool {
        let log = Arc::clone(self);
        self.lines
            .turn(line, move |line, count| log.tell_left_out(*line, count))
    }

    fn write(&self, failure: &Failure<'_>) {
        let error = failure.error;
        let cause = error.source().map(Causes).map(tracing::field::display);
        event!(
            error.kind(),
            method = %failure.method,
            path = %_Shown(failure.path),
            id = failure.id.and_then(shown_id),
            route = &*self.route,
            upstream = failure.upstream,
            kind = ?error.kind(),
            was_sent = error.was_sent(),
            cause,
            "{error}"
        );
    }

    fn tell_left_out(&self, line: Line, left_out: u64) {
        const MORE: &str = "more of this kind in one second";
        let route = &*self.route;
        match line {
            Line::Failed(kind) => event!(kind, route, kind = ?kind, left_out, "{MORE}"),
            Line::SetAside(kind) => {
                tracing::warn!(target: "same_origin::proxy", route, set_aside = ?kind, left_out, "{MORE}");
            }
            Line::ServesAgain => {
                tracing::info!(target: "same_origin::proxy", route, serves_again = true, left_out, "{MORE}");
            }
        }
    }
}

fn is_enabled(kind: ProxyErrorKind) -> bool {
    if kind.status().is_server_error() {
        event_enabled!(target: "same_origin::proxy", Level::WARN)
    } else {
        event_enabled!(target: "same_origin::proxy", Level::INFO)
    }
}

/// An error and all its causes. Some errors print their cause themselves; it is not written twice.
struct Causes<'a>(&'a (dyn Error + 'static));

impl fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut said = self.0.to_string();
        f.write_str(&said)?;
        let mut next = self.0.source();
        while let Some(cause) = next {
            let text = cause.to_string();
            if !said.ends_with(&text) {
                write!(f, ": {text}")?;
            }
            said = text;
            next = cause.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_told_to_the_last_one_and_once() {
        #[derive(Debug, thiserror::Error)]
        #[error("outer")]
        struct Outer(#[source] Middle);
        #[derive(Debug, thiserror::Error)]
        #[error("middle: {0}")]
        struct Middle(#[source] std::io::Error);
        let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        let causes = Causes(&Outer(Middle(refused))).to_string();
        assert_eq!(causes, "outer: middle: connection refused");
    }
}
