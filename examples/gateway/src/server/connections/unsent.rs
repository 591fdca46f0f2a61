//! Bytes of answers that hyper has and the system has not taken.
//!
//! For hyper an answer is over with its last frame, which it may hold for long: HTTP/2 has a window for each stream
//! (RFC 9113 5.2), and a client of HTTP/1.1 may leave its socket full. Until the frame is gone, its client reads an answer.

use std::io::IoSlice;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Buf;

use super::Connection;

/// A frame's data, counted in its connection until it is sent, or is not wanted any more.
pub struct Unsent<D> {
    data: D,
    connection: Arc<Connection>,
}

impl<D> Unsent<D> {
    pub fn new(data: D, connection: &Arc<Connection>) -> Self {
        connection.unsent.fetch_add(1, Ordering::Relaxed);
        let connection = Arc::clone(connection);
        Self { data, connection }
    }
}

impl<D> Drop for Unsent<D> {
    fn drop(&mut self) {
        self.connection.unsent.fetch_sub(1, Ordering::Relaxed);
        self.connection.moves();
    }
}

impl Connection {
    /// Something has come of its requests. Where hyper has frames that are not sent it takes more of them whether or not
    /// the client takes any, and only what is sent counts.
    pub(super) fn moves(&self) {
        if self.unsent.load(Ordering::Relaxed) == 0 {
            self.is_heard();
        }
    }

    /// Its client has taken something, or asked for something.
    pub(super) fn is_heard(&self) {
        self.silent.store(0, Ordering::Relaxed);
    }

    /// Whether there is some of an answer that its client has yet to take.
    pub fn has_untaken(&self) -> bool {
        let are_there = |count: &AtomicU32| count.load(Ordering::Relaxed) > 0;
        let is_tunnel = self.is_switched.load(Ordering::Relaxed);
        let is_flushing = self.is_flushing() && !is_tunnel;
        are_there(&self.unsent) || are_there(&self.unread) || is_flushing
    }
}

impl<D: Buf> Buf for Unsent<D> {
    fn remaining(&self) -> usize {
        self.data.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.data.chunk()
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        self.data.chunks_vectored(slices)
    }

    /// hyper and h2 call this with what the stream has taken.
    fn advance(&mut self, taken: usize) {
        self.connection.is_heard();
        self.data.advance(taken);
    }
}
