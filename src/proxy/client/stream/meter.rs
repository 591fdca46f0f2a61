//! Facts about one connection that its stream and its user share.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering, fence};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use tokio::task::AbortHandle;

use crate::proxy::client::hyper_error::{Lost, is_alert};
use crate::proxy::upstream::backoff::millis;

/// Facts about one connection, noted where they arise: by the pool, by the reader of a response, by the
/// stream itself.
#[derive(Debug)]
pub(crate) struct Meter {
    /// Writes that took something of a request.
    writes: AtomicUsize,
    /// Whether it is to be reset instead of closed although it was used.
    resets: AtomicBool,
    /// Whether it has carried a response.
    answered: AtomicBool,
    /// Heads and frames that streams of HTTP/2 have brought when they were waited for.
    heard: AtomicUsize,
    /// Reads of a connection of HTTP/2 that brought anything, an answer to a PING included.
    reads: AtomicUsize,
    /// Whether a request has waited in vain since a stream of HTTP/2 last brought something.
    late: AtomicBool,
    /// Whether requests have waited in vain for so long that it may be dead, or hang.
    doubted: AtomicBool,
    /// Whether it became a tunnel, of whose bytes the client sees nothing.
    tunnel: AtomicBool,
    /// Bytes that were read since the last sign of progress: a request, a response's head, a frame of its
    /// body.
    unseen: AtomicUsize,
    /// The number of streams of HTTP/2 that the upstream takes; [`UNSETTLED`] until its settings are there.
    room: AtomicUsize,
    /// The bytes of a request's head that the upstream takes, as HTTP/2 counts them.
    largest_head: AtomicUsize,
    /// Told of the number of streams, of the end of each stream, and of the connection's.
    pool: OnceLock<Weak<dyn Settles>>,
    /// Whether the other end of a connection of HTTP/2 has begun to speak it, or something else.
    speaks_http2: OnceLock<bool>,
    /// The alert of TLS that ended it.
    alert: OnceLock<Box<str>>,
    /// The time at which it came into its pool, by the pool's clock.
    born: AtomicU64,
    /// The milliseconds for which its upstream keeps it idle; [`FOR_EVER`] if it has not said so.
    kept_for: AtomicU64,
    /// One of its pool's connections.
    counted: OnceLock<Arc<()>>,
    /// The task that drives a connection of HTTP/1.1.
    task: OnceLock<AbortHandle>,
}

const FOR_EVER: u64 = u64::MAX;
const UNSETTLED: usize = 0;

/// Lets requests wait for a connection's settings, or for one of its streams.
pub(crate) trait Settles: Send + Sync {
    /// The settings of a connection have come, or it or one of its streams has ended.
    fn settled(self: Arc<Self>);
}

impl Default for Meter {
    fn default() -> Self {
        Self {
            writes: AtomicUsize::new(0),
            resets: AtomicBool::new(false),
            answered: AtomicBool::new(false),
            heard: AtomicUsize::new(0),
            reads: AtomicUsize::new(0),
            late: AtomicBool::new(false),
            doubted: AtomicBool::new(false),
            tunnel: AtomicBool::new(false),
            unseen: AtomicUsize::new(0),
            room: AtomicUsize::new(usize::MAX),
            largest_head: AtomicUsize::new(usize::MAX),
            pool: OnceLock::new(),
            speaks_http2: OnceLock::new(),
            alert: OnceLock::new(),
            born: AtomicU64::new(0),
            kept_for: AtomicU64::new(FOR_EVER),
            counted: OnceLock::new(),
            task: OnceLock::new(),
        }
    }
}

impl Meter {
    /// Something of a request goes out. Over HTTP/1.1 one task writes, so that none is lost.
    pub(crate) fn uses(&self) {
        self.writes
            .store(self.writes().wrapping_add(1).max(1), Ordering::Relaxed);
    }

    pub(crate) fn writes(&self) -> usize {
        self.writes.load(Ordering::Relaxed)
    }

    pub(crate) fn was_used(&self) -> bool {
        self.writes() != 0
    }

    pub(crate) fn reset_on_close(&self, resets: bool) {
        self.resets.store(resets, Ordering::Relaxed);
    }

    /// Whether it is closed in due form: not if nothing of it can be late, or nobody waits for it.
    pub(crate) fn closes_in_form(&self) -> bool {
        self.was_used() && !self.resets.load(Ordering::Relaxed)
    }

    /// A response's head has come.
    pub(crate) fn answered(&self) {
        self.answered.store(true, Ordering::Relaxed);
        if !self.is_settled() {
            self.set_room(1);
        }
        self.progress();
    }

    pub(crate) fn has_answered(&self) -> bool {
        self.answered.load(Ordering::Relaxed)
    }

    /// A part of a message has come out of the connection.
    pub(crate) fn progress(&self) {
        self.unseen.store(0, Ordering::Relaxed);
    }

    /// A stream of HTTP/2 has brought a head or a frame. Of several at once some may not be counted.
    pub(crate) fn hears(&self) {
        self.heard
            .store(self.heard().wrapping_add(1), Ordering::Relaxed);
        self.late.store(false, Ordering::Relaxed);
    }

    pub(crate) fn heard(&self) -> usize {
        self.heard.load(Ordering::Relaxed)
    }

    /// Something was read of a connection of HTTP/2. One task reads, so that none is lost.
    pub(crate) fn speaks(&self) {
        self.reads
            .store(self.reads().wrapping_add(1), Ordering::Relaxed);
    }

    pub(crate) fn reads(&self) -> usize {
        self.reads.load(Ordering::Relaxed)
    }

    /// A head is late. Whether another one was, and no stream has brought anything since.
    pub(crate) fn late_again(&self) -> bool {
        self.late.swap(true, Ordering::Relaxed)
    }

    /// It gets no more requests. Those that it has may wait for what is late.
    pub(crate) fn doubt(&self) {
        self.doubted.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_doubted(&self) -> bool {
        self.doubted.load(Ordering::Relaxed)
    }

    pub(crate) fn becomes_tunnel(&self) {
        self.tunnel.store(true, Ordering::Relaxed);
    }

    /// Notes bytes that were read, and whether they are within the bound.
    pub(crate) fn read(&self, bytes: usize, bound: usize) -> bool {
        let before = self.unseen.fetch_add(bytes, Ordering::Relaxed);
        before.saturating_add(bytes) <= bound || self.tunnel.load(Ordering::Relaxed)
    }

    /// The first bytes have come.
    pub(crate) fn begins(&self, speaks_http2: bool) {
        let _is_the_first = self.speaks_http2.set(speaks_http2);
    }

    /// Nothing more can be read.
    pub(crate) fn breaks(&self, error: &io::Error) {
        if is_alert(error) {
            let _is_the_first = self.alert.set(error.to_string().into());
        }
    }

    /// The reason for which a connection of HTTP/2 has ended, if there is one that hyper does not tell.
    pub(crate) fn lost(&self) -> Option<Lost> {
        if let Some(alert) = self.alert.get() {
            return Some(Lost::Alert(alert.clone()));
        }
        match self.speaks_http2.get() {
            Some(true) => None,
            Some(false) => Some(Lost::Malformed),
            None => Some(Lost::Unsettled),
        }
    }

    /// Its room is known when the upstream's settings are there.
    pub(crate) fn waits_for_settings(&self) {
        self.room.store(UNSETTLED, Ordering::Relaxed);
    }

    pub(crate) fn is_settled(&self) -> bool {
        self.room.load(Ordering::Relaxed) != UNSETTLED
    }

    /// At least one: none at all is for a while, in which streams wait, and on a new connection they would, too.
    pub(crate) fn set_room(&self, streams: usize) {
        let before = self.room.swap(streams.max(1), Ordering::Relaxed);
        if before == UNSETTLED {
            self.settled();
        }
    }

    /// The number of streams that it may carry: one that goes with the preface, until more is known.
    pub(crate) fn room(&self) -> usize {
        self.room.load(Ordering::Relaxed).max(1)
    }

    pub(crate) fn takes_heads_of(&self, bytes: usize) {
        self.largest_head.store(bytes, Ordering::Relaxed);
    }

    /// The bytes of a head that the upstream has said it takes; without end until its settings are there.
    pub(crate) fn largest_head(&self) -> usize {
        self.largest_head.load(Ordering::Relaxed)
    }

    /// Tells the pool that this one may have room for requests that wait, or never will.
    pub(crate) fn settled(&self) {
        // Either this one sees the pool, or the pool the room, see `tells`.
        fence(Ordering::SeqCst);
        if let Some(pool) = self.pool.get().and_then(Weak::upgrade) {
            pool.settled();
        }
    }

    /// Sets the pool that is told when the settings are there. They may have come before: the pool has to look at the
    /// room itself after this.
    pub(crate) fn tells(&self, pool: Weak<dyn Settles>) {
        let _is_the_first = self.pool.set(pool);
        fence(Ordering::SeqCst);
    }

    /// It comes into a pool, and is one of its connections.
    pub(crate) fn is_born(&self, now: u64, connections: &Arc<()>) {
        self.born.store(now, Ordering::Relaxed);
        let _is_the_first = self.counted.set(Arc::clone(connections));
    }

    pub(crate) fn born(&self) -> u64 {
        self.born.load(Ordering::Relaxed)
    }

    /// Notes how long the upstream is going to keep it idle. It is used for somewhat less, as what is sent
    /// while the upstream closes it is lost.
    pub(crate) fn is_kept_for(&self, time: Duration) {
        let margin = (time / 4).min(Duration::from_secs(1));
        self.kept_for
            .store(millis(time - margin), Ordering::Relaxed);
    }

    pub(crate) fn kept_for(&self) -> Option<Duration> {
        let time = self.kept_for.load(Ordering::Relaxed);
        (time != FOR_EVER).then(|| Duration::from_millis(time))
    }

    pub(crate) fn is_driven_by(&self, task: AbortHandle) {
        let _is_the_first = self.task.set(task);
    }

    /// Ends the connection at once, whatever is still to be written, such as an upload that nobody reads.
    ///
    /// To drop the request is not enough. hyper writes what it has before it closes a connection, and does not read
    /// meanwhile. So an upstream that does not read would keep the connection open, and so would one that is gone:
    /// see [`EarlyAnswer`](super::early_answer::EarlyAnswer).
    pub(crate) fn abort(&self) {
        if let Some(task) = self.task.get() {
            task.abort();
        }
    }

    /// Whether a connection of HTTP/1.1 has come to its end.
    pub(crate) fn is_over(&self) -> bool {
        self.task.get().is_none_or(AbortHandle::is_finished)
    }
}
