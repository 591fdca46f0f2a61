//! So many log lines of one kind in a second, and then a count. For the logs of the proxy, of the layers, and of
//! the gateway.
//!
//! Counts are told by a thread, which is there from the first of them on. A task would need a runtime with
//! timers, which CORS and the guard do not ask for, and would panic in one without.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::mpsc::{self, SyncSender};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::log::secrets::_masked_path;

/// The most lines of one kind that are written in a second. The others are counted.
const MOST: u32 = 10;
const WINDOW: Duration = Duration::from_secs(1);
/// The most of a path that is shown, in bytes.
const SHOWN: usize = 256;

/// The most counts that wait for their second to be over: more than there are kinds in all layers of a server.
const WAITING: usize = 4096;

/// The lines of each kind. There is room for every kind that comes, so kinds are few. Not part of the API.
#[doc(hidden)]
#[derive(Debug)]
pub struct _LineLimiter<K> {
    windows: Mutex<HashMap<K, Window>>,
}

/// A second in which lines of one kind were wanted.
#[derive(Debug)]
struct Window {
    begun: Instant,
    told: u32,
    left_out: u64,
}

/// The fate of a line.
#[derive(Debug, PartialEq, Eq)]
enum Turn {
    Tell,
    /// It is counted. The first one of its second: somebody has to tell how many there were.
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

impl<K> Default for _LineLimiter<K> {
    fn default() -> Self {
        Self {
            windows: Mutex::default(),
        }
    }
}

impl<K: Clone + Eq + Hash + Send + 'static> _LineLimiter<K> {
    /// Whether a line of a kind may be written. `left_out` tells how many were not, as soon as their second
    /// is over.
    pub fn turn(self: &Arc<Self>, kind: K, left_out: impl Fn(&K, u64) + Send + 'static) -> bool {
        let now = Instant::now();
        let (count, turn) = {
            let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
            let window = windows
                .entry(kind.clone())
                .or_insert_with(|| Window::new(now));
            (window.close(now), window.turn())
        };
        if let Some(count) = count {
            left_out(&kind, count);
        }
        if turn == (Turn::LeaveOut { is_first: true }) {
            self.tell_later(kind, left_out);
        }
        turn == Turn::Tell
    }

    /// When the second is over, whether another line is wanted or not.
    fn tell_later(self: &Arc<Self>, kind: K, left_out: impl Fn(&K, u64) + Send + 'static) {
        let limiter = Arc::clone(self);
        let dispatch = tracing::dispatcher::get_default(Clone::clone);
        let tell = move || {
            let now = Instant::now();
            let count = {
                let mut windows = limiter
                    .windows
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner);
                windows.get_mut(&kind).and_then(|window| window.close(now))
            };
            if let Some(count) = count {
                tracing::dispatcher::with_default(&dispatch, || left_out(&kind, count));
            }
        };
        // If the count cannot be told then, the next line of the kind tells it.
        if let Some(counts) = counts() {
            let _full = counts.try_send((Instant::now() + WINDOW, Box::new(tell)));
        }
    }
}

/// A count, and when it is told.
type Count = (Instant, Box<dyn FnOnce() + Send>);

/// The way to the thread that tells counts; `None` where there cannot be one.
fn counts() -> Option<&'static SyncSender<Count>> {
    static COUNTS: OnceLock<Option<SyncSender<Count>>> = OnceLock::new();
    let begin = || {
        let (sender, receiver) = mpsc::sync_channel::<Count>(WAITING);
        // All wait for as long, so that the first to come is the first to be told.
        let tell = move || {
            for (due, tell) in receiver {
                thread::sleep(due.saturating_duration_since(Instant::now()));
                tell();
            }
        };
        let thread = thread::Builder::new().name(String::from("log-counts"));
        thread.spawn(tell).ok().map(|_| sender)
    };
    COUNTS.get_or_init(begin).as_ref()
}

/// A path as it can be shown to people: without the sessions in it, escaped, and cut where it is long.
#[doc(hidden)]
#[derive(Debug)]
#[allow(
    clippy::exhaustive_structs,
    reason = "a wrapper, and not part of the API"
)]
pub struct _Shown<'a>(pub &'a str);

impl fmt::Display for _Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = _masked_path(self.0);
        let bytes = path.as_bytes();
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
    fn a_path_is_shown_escaped_and_cut() {
        let long = "é".repeat(200);
        let shown = _Shown(&long).to_string();
        assert!(shown.starts_with("\\xc3\\xa9") && shown.ends_with('…'));
        assert_eq!(_Shown("/a%20b").to_string(), "/a%20b");
        let session = format!("/a;jsessionid={}", "5".repeat(2000));
        assert_eq!(_Shown(&session).to_string(), "/a;jsessionid=***");
    }
}
