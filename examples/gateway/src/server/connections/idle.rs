//! Connections of HTTP/1.1 that have been idle for a while: told to rest, see [`crate::server::stream::rest`].

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::Duration;

use super::{Connection, Connections, LAST, STEPS, lock};

/// The interval at which each connection is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// The number of parts that are looked at in turn: connections that fall idle together are not all to be woken before
/// the next request.
const PARTS: u32 = 8;
/// The number of looks in a row at which a connection that is to rest has been without a request.
const LOOKS: u8 = 2;

/// Facts about a connection between two requests.
#[derive(Default)]
pub struct Idle {
    /// Looks in a row without a request.
    looks: AtomicU8,
    /// Whether it is one of HTTP/1.1 whose last request had no body. The end of a body is not seen from here: it
    /// may still be on its way when the request has been answered.
    may_rest: AtomicBool,
    /// Whether hyper has something to send.
    is_sending: AtomicBool,
}

impl Connections {
    /// Tells connections to rest that have had no request for one to two seconds. Never ends itself.
    pub(super) async fn let_rest(&self) {
        for part in (0..PARTS).cycle() {
            tokio::time::sleep(LOOK / PARTS).await;
            for (id, connection) in &*lock(&self.open) {
                if id % u64::from(PARTS) == u64::from(part) {
                    connection.look();
                }
            }
        }
    }
}

impl Connection {
    fn look(&self) {
        let idle = &self.idle;
        if self.is_asked() || !idle.may_rest.load(Ordering::Relaxed) {
            return;
        }
        let looks = idle.looks.load(Ordering::Relaxed);
        if looks < LOOKS {
            idle.looks.store(looks + 1, Ordering::Relaxed);
        }
        if looks + 1 == LOOKS {
            self.wake();
        }
    }

    /// Whether nothing is lost if hyper's state of this connection is dropped.
    pub fn is_to_rest(&self) -> bool {
        let idle = &self.idle;
        idle.looks.load(Ordering::Relaxed) >= LOOKS
            && idle.may_rest.load(Ordering::Relaxed)
            && !idle.is_sending.load(Ordering::Relaxed)
            && !self.is_asked()
            && !self.is_finishing()
    }

    /// It is not idle, or begins to be so.
    pub fn is_awake(&self) {
        self.idle.looks.store(0, Ordering::Relaxed);
    }

    pub fn may_rest(&self, may_rest: bool) {
        self.idle.may_rest.store(may_rest, Ordering::Relaxed);
    }

    /// Whether hyper has something to send. Over TLS that may be what is encrypted already.
    pub(super) fn is_flushing(&self) -> bool {
        self.idle.is_sending.load(Ordering::Relaxed)
    }

    pub fn is_sending(&self, is_sending: bool) {
        let was_sending = self.is_flushing();
        self.idle.is_sending.store(is_sending, Ordering::Relaxed);
        if was_sending && !is_sending {
            self.is_flushed();
        }
    }

    fn is_flushed(&self) {
        if self.is_ending() {
            self.wake();
        }
        // The patience with it is shorter now. Bytes that are sent in time, or on an order, are not a sign of a
        // client that reads.
        let is_late = self.silent.load(Ordering::Relaxed) > STEPS;
        let is_ordered = self.order.load(Ordering::Relaxed) >= LAST;
        if is_late && !is_ordered && !self.is_asked() {
            self.moves();
        }
    }
}
