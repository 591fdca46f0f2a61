//! The orders that a connection is given, each of which goes further than the one before.

use std::sync::atomic::Ordering;

use super::Connection;

/// The next request is the last: its answer says so, as far as the protocol has a word for it.
pub(super) const FINISH: u8 = 1;
/// The request that is under way is the last, for what it was, and not because anything else ends.
pub const LAST: u8 = 2;
/// No further request, and the end of it if there is none.
pub const STOP: u8 = 3;
/// The end, whatever is under way.
pub(super) const CLOSE: u8 = 4;

impl Connection {
    pub(super) fn tell(&self, order: u8) {
        self.order.fetch_max(order, Ordering::Relaxed);
        self.wake();
    }

    fn order(&self) -> u8 {
        self.order.load(Ordering::Relaxed)
    }

    /// The request that is under way is the last that is read.
    pub fn is_asked_no_more(&self) {
        self.tell(LAST);
    }

    /// Whether it is to take no request after this one.
    pub fn is_finishing(&self) -> bool {
        self.order() >= FINISH
    }

    /// Whether it is to end as soon as it can.
    pub fn is_stopping(&self) -> bool {
        self.order() >= STOP
    }
}
