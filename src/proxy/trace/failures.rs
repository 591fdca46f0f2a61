//! Events for the requests that a proxy answers itself, so many a second and no more.

use crate::proxy::error::{ProxyError, ProxyErrorKind};
use http::Method;
use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::time::Instant;
use tracing::{Level, event_enabled};

/// Lines of one kind in a second. Further ones are counted.
const MOST: u32 = 10;
const WINDOW: Duration = Duration::from_secs(1);
/// Bytes of a path that are shown.
const SHOWN: usize = 256;

/// The log of one proxy's failures.
pub(crate) struct FailureLog {
    route: Box<str>,
    windows: Mutex<HashMap<ProxyErrorKind, Window>>,
}

/// A request that was answered by the proxy itself.
pub(crate) struct Failure<'a> {
    pub(crate) error: &'a ProxyError,
    pub(crate) method: &'a Method,
    /// The public path.
    pub(crate) path: &'a str,
    pub(crate) upstream: Option<&'a str>,
}

/// A second in which lines of one kind were wanted.
struct Window {
    begun: Instant,
    told: u32,
    left_out: u64,
}

/// Decision about a line.
#[derive(Debug, PartialEq, Eq)]
enum Turn {
    Tell,
    /// It is counted. The first one of its second has to see to it that the number is written.
    LeaveOut {
        is_first: bool,
    },
}

impl Window {
    fn new(now: Instant) -> Self {
        Self {
            begun: now,
            told: 0,
            left_out: 0,
        }
    }

    fn turn(&mut self) -> Turn {
        if self.told < MOST {
            self.told += 1;
            return Turn::Tell;
        }
        self.left_out += 1;
        Turn::LeaveOut {
            is_first: self.left_out == 1,
        }
    }

    /// The number of lines that were left out in a second that is over; the next one has begun.
    fn close(&mut self, now: Instant) -> Option<u64> {
        if now < self.begun + WINDOW {
            return None;
        }
        let over = std::mem::replace(self, Self::new(now));
        (over.left_out > 0).then_some(over.left_out)
    }
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
            windows: Mutex::default(),
        }
    }

    pub(crate) fn tell(self: &Arc<Self>, failure: &Failure<'_>) {
        let kind = failure.error.kind();
        if !is_enabled(kind) {
            return;
        }
        let now = Instant::now();
        let (left_out, turn) = {
            let mut windows = self.windows.lock().unwrap_or_else(|e| e.into_inner());
            let window = windows.entry(kind).or_insert_with(|| Window::new(now));
            (window.close(now), window.turn())
        };
        self.tell_left_out(kind, left_out);
        match turn {
            Turn::Tell => self.write(failure),
            Turn::LeaveOut { is_first: true } => self.tell_later(kind),
            Turn::LeaveOut { is_first: false } => {}
        }
    }

    fn write(&self, failure: &Failure<'_>) {
        let error = failure.error;
        let cause = error.source().map(Causes).map(tracing::field::display);
        event!(
            error.kind(),
            method = %failure.method,
            path = %Shown(failure.path),
            route = &*self.route,
            upstream = failure.upstream,
            kind = ?error.kind(),
            was_sent = error.was_sent(),
            cause,
            "{error}"
        );
    }

    /// Writes the number when the second is over, whether another failure comes or not.
    fn tell_later(self: &Arc<Self>, kind: ProxyErrorKind) {
        // Without a runtime the next failure of the kind tells it.
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let log = Arc::clone(self);
        let dispatch = tracing::dispatcher::get_default(Clone::clone);
        runtime.spawn(async move {
            tokio::time::sleep(WINDOW).await;
            let now = Instant::now();
            let left_out = {
                let mut windows = log.windows.lock().unwrap_or_else(|e| e.into_inner());
                windows.get_mut(&kind).and_then(|window| window.close(now))
            };
            tracing::dispatcher::with_default(&dispatch, || log.tell_left_out(kind, left_out));
        });
    }

    fn tell_left_out(&self, kind: ProxyErrorKind, count: Option<u64>) {
        if let Some(left_out) = count {
            event!(
                kind,
                route = &*self.route,
                kind = ?kind,
                left_out,
                "more of this kind in one second"
            );
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

/// A path as it can be shown to people: escaped, and cut where it is long.
struct Shown<'a>(&'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.0.as_bytes();
        let shown = &bytes[..bytes.len().min(SHOWN)];
        let cut = if shown.len() < bytes.len() { "…" } else { "" };
        write!(f, "{}{cut}", shown.escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_lines_a_second_and_a_count() {
        let begun = Instant::now();
        let mut window = Window::new(begun);
        for _ in 0..MOST {
            assert_eq!(window.turn(), Turn::Tell);
        }
        assert_eq!(window.turn(), Turn::LeaveOut { is_first: true });
        assert_eq!(window.turn(), Turn::LeaveOut { is_first: false });
        assert_eq!(window.close(begun + WINDOW / 2), None);
        assert_eq!(window.close(begun + WINDOW), Some(2));
        assert_eq!(window.turn(), Turn::Tell);
        assert_eq!(window.close(begun + WINDOW * 3), None);
    }

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

    #[test]
    fn a_path_is_shown_escaped_and_cut() {
        let long = "é".repeat(200);
        let shown = Shown(&long).to_string();
        assert!(shown.starts_with("\\xc3\\xa9") && shown.ends_with('…'));
        assert_eq!(Shown("/a%20b").to_string(), "/a%20b");
    }
}
