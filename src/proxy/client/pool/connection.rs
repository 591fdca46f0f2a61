//! One connection of a pool, lying idle, shared, or with a request.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hyper::client::conn::{http1, http2};

use super::common::Settings;
use crate::proxy::body::Body;
use crate::proxy::client::connect::STREAMS;
use crate::proxy::client::stream::meter::Meter;
use crate::proxy::client::upload::Upload;
use crate::proxy::upstream::backoff::millis;

/// A connection that a request is given to.
pub(crate) enum Connection {
    Http1(Http1),
    Http2(Http2),
}

impl Connection {
    /// The bytes of a head that its upstream takes. Over HTTP/1.1 nobody says.
    pub(crate) fn largest_head(&self) -> usize {
        match self {
            Self::Http1(_) => usize::MAX,
            Self::Http2(connection) => connection.stream.meter().largest_head(),
        }
    }

    /// Whether it has borne an answer.
    pub(super) fn has_answered(&self) -> bool {
        match self {
            Self::Http1(connection) => connection.meter.has_answered(),
            Self::Http2(connection) => connection.stream.meter().has_answered(),
        }
    }
}

/// A connection of HTTP/1.1, which carries one request at a time.
pub(crate) struct Http1 {
    pub(crate) sender: http1::SendRequest<Body>,
    pub(crate) meter: Arc<Meter>,
}

/// A stream of a connection of HTTP/2, about to begin.
pub(crate) struct Http2 {
    pub(crate) sender: http2::SendRequest<Body>,
    pub(crate) stream: Stream,
}

/// A stream's place in the count of its connection, until it is dropped and its request's body is out.
pub(crate) struct Stream {
    place: Place,
    upload: Option<Arc<Upload>>,
}

/// One of the streams of a connection.
struct Place {
    shared: Arc<Shared>,
}

struct Shared {
    meter: Arc<Meter>,
    streams: AtomicUsize,
}

impl Place {
    fn new(shared: &Arc<Shared>) -> Self {
        shared.streams.fetch_add(1, Ordering::Relaxed);
        let shared = Arc::clone(shared);
        Self { shared }
    }
}

impl Drop for Place {
    /// A request that waits for a connection is given the free stream at once. Otherwise it would wait for the
    /// attempt to open another connection, which may hang. The pool takes its lock for that: nobody may hold it here.
    fn drop(&mut self) {
        self.shared.streams.fetch_sub(1, Ordering::Relaxed);
        self.shared.meter.settled();
    }
}

impl Stream {
    pub(crate) fn meter(&self) -> &Arc<Meter> {
        &self.place.shared.meter
    }

    /// Keeps the place of the stream until this upload is over.
    pub(crate) fn lasts(&mut self, upload: &Arc<Upload>) {
        self.upload = Some(Arc::clone(upload));
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if let Some(upload) = self.upload.take() {
            upload.keep_stream(Place::new(&self.place.shared));
        }
    }
}

impl Http1 {
    /// Whether a request can be given to it at once. A new connection takes its first request before its task asks
    /// for one.
    pub(super) fn is_ready(&self) -> bool {
        self.sender.is_ready() || (!self.meter.was_used() && !self.sender.is_closed())
    }

    pub(super) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// The time at which it begins to lie idle: now if that matters, else as the last one to look has seen the time.
    pub(super) fn idle_since(&self, clock: &Clock) -> u64 {
        match self.meter.kept_for() {
            Some(_) => clock.look(),
            None => clock.last_seen(),
        }
    }
}

/// A connection of HTTP/1.1 that nobody uses.
pub(super) struct Idle {
    pub(super) connection: Http1,
    pub(super) since: u64,
}

impl Idle {
    pub(super) fn is_spent(&self, now: u64, clock: &Clock, settings: &Settings) -> bool {
        let meter = &self.connection.meter;
        let is_forgotten = meter
            .kept_for()
            .is_some_and(|time| is_over(time, self.since, clock.look()));
        is_forgotten
            || is_over(settings.idle_timeout, self.since, now)
            || is_over(settings.max_age, meter.born(), now)
    }
}

/// A connection of HTTP/2, which many requests share.
pub(super) struct Multiplexed {
    sender: http2::SendRequest<Body>,
    used: u64,
    shared: Arc<Shared>,
}

impl Multiplexed {
    pub(super) fn new(sender: http2::SendRequest<Body>, meter: Arc<Meter>, now: u64) -> Self {
        let streams = AtomicUsize::new(0);
        Self {
            sender,
            used: now,
            shared: Arc::new(Shared { meter, streams }),
        }
    }

    pub(super) fn begin_stream(&mut self, now: u64) -> Http2 {
        self.used = now;
        Http2 {
            sender: self.sender.clone(),
            stream: Stream {
                place: Place::new(&self.shared),
                upload: None,
            },
        }
    }

    pub(super) fn streams(&self) -> usize {
        self.shared.streams.load(Ordering::Relaxed)
    }

    /// The number of streams that it may carry. Above what the upstream allows h2 would let them wait.
    pub(super) fn room(&self) -> usize {
        self.shared.meter.room().min(STREAMS)
    }

    /// Whether the upstream has yet to say how many that are.
    pub(super) fn is_settling(&self) -> bool {
        !self.shared.meter.is_settled() && !self.is_closed()
    }

    /// Whether it has had so long for that.
    pub(super) fn is_unsettled_after(&self, time: Duration, now: u64) -> bool {
        self.is_settling() && is_over(time, self.shared.meter.born(), now)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// Dropped from the books, it ends by itself after its last stream.
    pub(super) fn is_spent(&self, now: u64, settings: &Settings) -> bool {
        let meter = &self.shared.meter;
        (self.streams() == 0 && is_over(settings.idle_timeout, self.used, now))
            || is_over(settings.max_age, meter.born(), now)
            || meter.is_doubted()
    }
}

/// Milliseconds since it was made. The reaper looks now and then; requests read what it saw, which costs
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

/// Whether so much time has passed between two looks at the clock.
fn is_over(time: Duration, since: u64, now: u64) -> bool {
    now.saturating_sub(since) >= millis(time)
}
