//! Facts about one connection that its stream and its user share.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Facts about one connection, noted where they arise: by the pool, by the reader of a response, by the
/// stream itself.
#[derive(Debug)]
pub(super) struct Meter {
    /// Whether anything of a request went out.
    used: AtomicBool,
    /// Whether it is to be reset instead of closed although it was used.
    resets: AtomicBool,
    /// Whether it has borne an answer.
    answered: AtomicBool,
    /// Whether it became a tunnel, of whose bytes the client sees nothing.
    tunnel: AtomicBool,
    /// Bytes that were read since the last sign of progress: a request, a response's head, a frame of its
    /// body.
    unseen: AtomicUsize,
    /// How many streams of HTTP/2 the upstream takes, as far as that is known.
    room: AtomicUsize,
}

impl Default for Meter {
    fn default() -> Self {
        Self {
            used: AtomicBool::new(false),
            resets: AtomicBool::new(false),
            answered: AtomicBool::new(false),
            tunnel: AtomicBool::new(false),
            unseen: AtomicUsize::new(0),
            room: AtomicUsize::new(usize::MAX),
        }
    }
}

impl Meter {
    /// A request goes out.
    pub(super) fn uses(&self) {
        self.used.store(true, Ordering::Relaxed);
    }

    pub(super) fn was_used(&self) -> bool {
        self.used.load(Ordering::Relaxed)
    }

    pub(super) fn reset_on_close(&self, resets: bool) {
        self.resets.store(resets, Ordering::Relaxed);
    }

    /// Whether it is closed in due form: not if nothing of it can be late, or nobody waits for it.
    pub(super) fn closes_in_form(&self) -> bool {
        self.was_used() && !self.resets.load(Ordering::Relaxed)
    }

    /// A response's head has come.
    pub(super) fn answered(&self) {
        self.answered.store(true, Ordering::Relaxed);
        self.progress();
    }

    pub(super) fn has_answered(&self) -> bool {
        self.answered.load(Ordering::Relaxed)
    }

    /// A part of a message has come out of the connection.
    pub(super) fn progress(&self) {
        self.unseen.store(0, Ordering::Relaxed);
    }

    pub(super) fn becomes_tunnel(&self) {
        self.tunnel.store(true, Ordering::Relaxed);
    }

    /// Notes bytes that were read, and whether they are within the bound.
    pub(super) fn read(&self, bytes: usize, bound: usize) -> bool {
        let before = self.unseen.fetch_add(bytes, Ordering::Relaxed);
        before.saturating_add(bytes) <= bound || self.tunnel.load(Ordering::Relaxed)
    }

    pub(super) fn set_room(&self, streams: usize) {
        self.room.store(streams, Ordering::Relaxed);
    }

    pub(super) fn room(&self) -> usize {
        self.room.load(Ordering::Relaxed)
    }
}
