//! The task that closes connections which lie idle too long.

use super::Pool;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::runtime::Handle;

/// How often the reaper comes by within the idle timeout. A connection may lie one step too long.
const STEPS: u32 = 8;

impl Pool {
    /// Starts the reaper if there is none: one task for a pool, not one for a connection or a request.
    pub(super) fn start_reaper(self: &Arc<Self>) {
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        if Some(runtime.id()) != self.runtime || self.reaper_runs.swap(true, Ordering::AcqRel) {
            return;
        }
        let reaper = Reaper {
            pool: Arc::downgrade(self),
        };
        let pause = self.settings().idle_timeout.max(Duration::from_millis(80)) / STEPS;
        runtime.spawn(reap(reaper, pause));
    }
}

/// Ends when the pool has no connection, as the next one made starts another.
async fn reap(reaper: Reaper, pause: Duration) {
    let pool = loop {
        tokio::time::sleep(pause).await;
        let Some(pool) = reaper.pool.upgrade() else {
            return;
        };
        if !pool.sweep() {
            break pool;
        }
    };
    drop(reaper);
    // Something may have come in before that was to be seen.
    if pool.sweep() {
        pool.start_reaper();
    }
}

/// The only one of its pool, until it is dropped: at its end, or with the runtime.
struct Reaper {
    pool: Weak<Pool>,
}

impl Drop for Reaper {
    fn drop(&mut self) {
        if let Some(pool) = self.pool.upgrade() {
            pool.reaper_runs.store(false, Ordering::Release);
        }
    }
}
