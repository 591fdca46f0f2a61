//! Settings and limits that the pools of one destination share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::proxy::client::connect::Connector;
use crate::proxy::error::{ProxyError, ProxyErrorKind};
use crate::proxy::upstream::destination::Destination;

/// The bounds of a pool.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) idle_timeout: Duration,
    pub(crate) max_idle: usize,
    pub(crate) max_age: Duration,
    /// Requests under way at once.
    pub(crate) max_in_flight: usize,
    /// Requests that wait to be under way.
    pub(crate) max_waiting: usize,
    /// The time for which one of them waits.
    pub(crate) wait_timeout: Duration,
}

/// Everything that the pools of one destination have in common.
pub(crate) struct Common {
    pub(super) destination: Destination,
    pub(super) connector: Arc<Connector>,
    pub(super) settings: Settings,
    pub(super) slots: Slots,
    pub(super) retired: AtomicBool,
}

impl Common {
    /// Whether nothing is kept any more.
    pub(super) fn is_retired(&self) -> bool {
        self.retired.load(Ordering::Relaxed)
    }

    #[cfg(feature = "balance")]
    pub(super) fn retire(&self) {
        self.retired.store(true, Ordering::Relaxed);
    }
}

/// The places of one destination, and the queue for them.
pub(super) struct Slots {
    free: Semaphore,
    /// Places that were taken beyond those that there are: so many are not given back.
    beyond: AtomicUsize,
    waiting: AtomicUsize,
    most_waiting: usize,
    patience: Duration,
}

impl Slots {
    pub(super) fn new(most: usize, most_waiting: usize, patience: Duration) -> Self {
        Self {
            free: Semaphore::new(most),
            beyond: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            most_waiting,
            patience,
        }
    }

    /// Takes a place if one is free.
    pub(super) fn take(&self) -> bool {
        let permit = self.free.try_acquire();
        permit.map(SemaphorePermit::forget).is_ok()
    }

    /// Takes a place that becomes free in time.
    pub(super) async fn wait(&self) -> Result<(), ProxyError> {
        let overloaded = || ProxyError::refused(ProxyErrorKind::Overloaded);
        let _queued = Queued::join(&self.waiting, self.most_waiting).ok_or_else(overloaded)?;
        match tokio::time::timeout(self.patience, self.free.acquire()).await {
            Ok(Ok(permit)) => {
                permit.forget();
                Ok(())
            }
            Ok(Err(_)) | Err(_) => Err(overloaded()),
        }
    }

    /// Takes a place more than there are.
    pub(super) fn take_beyond(&self) {
        self.beyond.fetch_add(1, Ordering::Relaxed);
    }

    /// Gives a place back.
    pub(super) fn give_back(&self) {
        if self.beyond.load(Ordering::Relaxed) > 0 && self.is_one_beyond_less() {
            return;
        }
        self.free.add_permits(1);
    }

    fn is_one_beyond_less(&self) -> bool {
        let less = |beyond: usize| beyond.checked_sub(1);
        let beyond = &self.beyond;
        beyond
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less)
            .is_ok()
    }
}

/// A place in the queue, left when dropped.
struct Queued<'a>(&'a AtomicUsize);

impl<'a> Queued<'a> {
    fn join(waiting: &'a AtomicUsize, most: usize) -> Option<Self> {
        let queued = Self(waiting);
        (waiting.fetch_add(1, Ordering::Relaxed) < most).then_some(queued)
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
