//! The sockets of clients, which outlive their connections of HTTP where they become tunnels.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

use crate::observe::OpenConnection;

/// Sockets of clients.
#[derive(Default)]
pub struct Sockets {
    open: AtomicUsize,
    /// Told when one is closed, and there is room.
    one_closed: Notify,
}

impl Sockets {
    pub fn count(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Waits until fewer than so many are open.
    pub async fn fewer_than(&self, most: usize) {
        loop {
            let closed = self.one_closed.notified();
            if self.count() < most {
                return;
            }
            closed.await;
        }
    }
}

/// One of them, until this is dropped.
pub struct Socket {
    all: Arc<Sockets>,
    _metric: OpenConnection,
}

impl Socket {
    pub fn new(all: &Arc<Sockets>) -> Self {
        all.open.fetch_add(1, Ordering::Relaxed);
        Self {
            all: Arc::clone(all),
            _metric: OpenConnection::begin(),
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.all.open.fetch_sub(1, Ordering::Relaxed);
        self.all.one_closed.notify_waiters();
    }
}
