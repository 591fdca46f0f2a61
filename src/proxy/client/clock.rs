//! The time as the last one to look has seen it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Milliseconds since it was made. The reapers look now and then; requests read what it saw, which costs
/// them nothing.
pub(super) struct Clock {
    epoch: Instant,
    seen: AtomicU64,
}

impl Clock {
    pub(super) fn new() -> Self {
        Self {
            epoch: Instant::now(),
            seen: AtomicU64::new(0),
        }
    }

    pub(super) fn last_seen(&self) -> u64 {
        self.seen.load(Ordering::Relaxed)
    }

    pub(super) fn look(&self) -> u64 {
        let now = millis(self.epoch.elapsed());
        self.seen.store(now, Ordering::Relaxed);
        now
    }
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
