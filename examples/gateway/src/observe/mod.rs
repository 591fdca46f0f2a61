//! Observation of requests: a line in the access log, and counts for Prometheus. Off, neither costs a request more than
//! a look at an empty option.

mod access;
mod body;
mod diagnostics;
mod durations;
mod json;
mod line;
mod metrics;
mod out;
mod redact;
mod refusals;
mod sink;

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

pub use access::{AccessLog, Format, Target};
pub use body::ObservedBody;
pub use diagnostics::Diagnostics;
use http::response::Parts;
use http::{Request, StatusCode};
use line::Line;
pub use metrics::{Metrics, OpenConnection, RouteMetrics, handshake, no_proxy_header, reload};
pub use refusals::{Asked, RefusalLog};
use same_origin::cors;
use same_origin::guard::GuardError;
pub use sink::PATIENCE;

use crate::edge::{Arrival, RateLimited};

/// The observer of the requests of one route.
#[derive(Clone, Default)]
pub struct Observer {
    pub log: Option<Arc<AccessLog>>,
    pub metrics: Option<Arc<RouteMetrics>>,
    /// The prefix of the route, for the log.
    pub route: Arc<str>,
    /// Whether the route has a policy of CORS.
    pub has_cors: bool,
}

/// One request, from its head to its response's last byte. Told when it is dropped, so that what is given up is told,
/// too.
pub struct Observation {
    observer: Arc<Observer>,
    started: Instant,
    line: Option<Line>,
    status: Option<StatusCode>,
    bytes: u64,
    /// Whether its server has had all of the response's body.
    is_whole: bool,
}

/// Whether the drain time is over, so that what ends now was cut.
static DRAIN_IS_OVER: AtomicBool = AtomicBool::new(false);

/// Requests that end from now on were cut at the end of the drain time.
pub fn drain_is_over() {
    DRAIN_IS_OVER.store(true, Ordering::Relaxed);
}

impl Observer {
    /// Begins to look at a request; `None` if nobody does.
    pub fn begin<B>(
        self: &Arc<Self>,
        arrival: &Arrival,
        request: &Request<B>,
    ) -> Option<Box<Observation>> {
        if self.log.is_none() && self.metrics.is_none() {
            return None;
        }
        if let Some(metrics) = &self.metrics {
            metrics.begun();
        }
        let mut observation = Box::new(Observation {
            observer: Arc::clone(self),
            started: Instant::now(),
            line: None,
            status: None,
            bytes: 0,
            is_whole: false,
        });
        // Put where it stays: it is too large to be moved there.
        if let Some(log) = &self.log {
            observation.line = Some(Line::of(
                arrival,
                request,
                log.shows_queries(),
                self.has_cors,
            ));
        }
        Some(observation)
    }
}

impl Observation {
    /// Looks at the head of the response. Its body is followed by an [`ObservedBody`].
    pub fn answered(&mut self, response: &Parts) {
        self.status = Some(response.status);
        if let Some(metrics) = &self.observer.metrics {
            count_refusal(metrics, response);
        }
        if let Some(line) = &mut self.line {
            line.answered(response, self.started.elapsed());
        }
    }

    fn sent(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
    }

    /// The response's body has ended.
    fn is_whole(&mut self) {
        self.is_whole = true;
    }

    fn cut_off(&mut self, error: &(dyn Error + 'static)) {
        if let Some(line) = &mut self.line {
            line.cut_off(error);
        }
    }
}

/// Counts a refusal by its rule, which whoever refused has left in the extensions.
fn count_refusal(metrics: &RouteMetrics, response: &Parts) {
    let extensions = &response.extensions;
    if extensions.is_empty() {
        return;
    }
    if let Some(refusal) = extensions.get::<cors::Refusal>() {
        metrics.refused_by_cors(refusal);
    }
    if let Some(error) = extensions.get::<GuardError>() {
        metrics.refused_by_guard(&error.refusal());
    }
    if extensions.get::<RateLimited>().is_some() {
        metrics.rate_limited();
    }
}

impl Drop for Observation {
    fn drop(&mut self) {
        let elapsed = self.started.elapsed();
        if let Some(metrics) = &self.observer.metrics {
            metrics.ended(self.status, elapsed);
        }
        if let (Some(log), Some(line)) = (&self.observer.log, &mut self.line) {
            if !self.is_whole {
                line.given_up(self.bytes, DRAIN_IS_OVER.load(Ordering::Relaxed));
            }
            log.write(line, &self.observer.route, self.bytes, elapsed);
        }
    }
}
