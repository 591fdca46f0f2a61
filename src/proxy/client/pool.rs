//! The connections to one upstream.

use crate::proxy::body::Body;
use crate::proxy::error::{ErrorKind, ProxyError};
use crate::proxy::upstream::Protocol;
use bytes::Bytes;
use http::uri::{Authority, Scheme};
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many streams a connection of HTTP/2 carries before another one is made. The least that a server
/// should allow (RFC 9113 6.5.2); above what it does allow, h2 itself lets streams wait.
const STREAMS: usize = 100;

/// The bounds of a pool.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    pub(super) idle_timeout: Duration,
    pub(super) max_idle: usize,
    pub(super) max_age: Duration,
    /// Requests under way at once.
    pub(super) max_in_flight: usize,
    /// Requests that wait to be under way.
    pub(super) max_waiting: usize,
    /// How long one of them waits.
    pub(super) wait_timeout: Duration,
}

/// A connection as it comes from the handshake.
pub(super) enum Connection {
    Http1(http1::SendRequest<Body>),
    Http2(http2::SendRequest<Body>),
}

/// The connections to one upstream: those of HTTP/1.1 that lie idle, and those of HTTP/2, which are
/// shared.
pub(super) struct Pool {
    pub(super) protocol: Protocol,
    pub(super) authority: Authority,
    settings: Settings,
    idle: Mutex<VecDeque<Idle>>,
    http2: Mutex<Vec<Multiplexed>>,
    /// Held while a connection of HTTP/2 is made, so that a burst of requests makes one and not many.
    pub(super) connecting: tokio::sync::Mutex<()>,
    /// Whether ALPN has chosen HTTP/2 before.
    speaks_http2: AtomicBool,
    slots: Arc<Semaphore>,
    waiting: AtomicUsize,
    reaper_runs: AtomicBool,
}

/// A connection of HTTP/1.1 that nobody uses.
struct Idle {
    sender: http1::SendRequest<Body>,
    born: Instant,
    since: Instant,
}

/// A connection of HTTP/2.
struct Multiplexed {
    sender: http2::SendRequest<Body>,
    born: Instant,
    used: Instant,
    /// Cloned into each stream, so its count tells how many there are.
    streams: Arc<()>,
}

impl Multiplexed {
    fn in_use(&self) -> usize {
        Arc::strong_count(&self.streams) - 1
    }
}

/// A connection taken from the pool, and since when it exists.
pub(super) enum Taken {
    Http1(http1::SendRequest<Body>, Instant),
    Http2(http2::SendRequest<Body>, Arc<()>),
}

impl Pool {
    pub(super) fn new(protocol: Protocol, authority: Authority, settings: Settings) -> Self {
        Self {
            protocol,
            authority,
            settings,
            idle: Mutex::default(),
            http2: Mutex::default(),
            connecting: tokio::sync::Mutex::default(),
            speaks_http2: AtomicBool::new(protocol == Protocol::H2c),
            slots: Arc::new(Semaphore::new(settings.max_in_flight)),
            waiting: AtomicUsize::new(0),
            reaper_runs: AtomicBool::new(false),
        }
    }

    /// Whether requests for this origin go here. A pool of `h2c` is entered before any request, so it
    /// is found for its `http` URIs.
    pub(super) fn is_for(&self, scheme: &Scheme, authority: &Authority) -> bool {
        (self.protocol == Protocol::Https) == (*scheme == Scheme::HTTPS)
            // Byte by byte, as both are canonical: the type's own comparison folds case.
            && self.authority.as_str() == authority.as_str()
    }

    pub(super) fn same_origin_as(&self, other: &Self) -> bool {
        let secure = |pool: &Self| pool.protocol == Protocol::Https;
        secure(self) == secure(other) && self.authority == other.authority
    }

    /// Whether a connection that is not idle can take another request.
    pub(super) fn speaks_http2(&self) -> bool {
        self.speaks_http2.load(Ordering::Relaxed)
    }

    /// A place among the requests under way, at once.
    pub(super) fn try_slot(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.slots).try_acquire_owned().ok()
    }

    /// A place among the requests under way, when one becomes free in time.
    pub(super) async fn wait_for_slot(&self) -> Result<OwnedSemaphorePermit, ProxyError> {
        let overloaded = || ProxyError::refused(ErrorKind::Overloaded);
        let _queued =
            Queued::enter(&self.waiting, self.settings.max_waiting).ok_or_else(overloaded)?;
        let slot = Arc::clone(&self.slots).acquire_owned();
        match tokio::time::timeout(self.settings.wait_timeout, slot).await {
            Ok(Ok(slot)) => Ok(slot),
            Ok(Err(_)) | Err(_) => Err(overloaded()),
        }
    }

    /// A connection that lies ready: the one of HTTP/1.1 that was used last, or one of HTTP/2 with a
    /// stream to spare.
    pub(super) fn take(&self, http1_only: bool) -> Option<Taken> {
        if self.speaks_http2() && !http1_only {
            return self.take_http2();
        }
        let mut idle = lock(&self.idle);
        let now = Instant::now();
        while let Some(last) = idle.pop_back() {
            if last.sender.is_ready() && !last.is_spent(now, &self.settings) {
                return Some(Taken::Http1(last.sender, last.born));
            }
        }
        None
    }

    fn take_http2(&self) -> Option<Taken> {
        let mut connections = lock(&self.http2);
        let now = Instant::now();
        connections.retain(|one| !one.sender.is_closed() && !one.is_spent(now, &self.settings));
        let best = connections
            .iter_mut()
            .filter(|one| one.in_use() < STREAMS)
            .min_by_key(|one| one.in_use())?;
        best.used = now;
        Some(Taken::Http2(best.sender.clone(), Arc::clone(&best.streams)))
    }

    /// A new connection enters the books.
    pub(super) fn enter(self: &Arc<Self>, connection: Connection) -> Taken {
        let now = Instant::now();
        match connection {
            Connection::Http1(sender) => Taken::Http1(sender, now),
            Connection::Http2(sender) => {
                let streams = Arc::new(());
                lock(&self.http2).push(Multiplexed {
                    sender: sender.clone(),
                    born: now,
                    used: now,
                    streams: Arc::clone(&streams),
                });
                self.speaks_http2.store(true, Ordering::Relaxed);
                self.start_reaper();
                Taken::Http2(sender, streams)
            }
        }
    }

    /// Puts a connection of HTTP/1.1 back, for the next request.
    fn put_back(self: &Arc<Self>, sender: http1::SendRequest<Body>, born: Instant) {
        let since = Instant::now();
        let mut idle = lock(&self.idle);
        if idle.len() >= self.settings.max_idle {
            idle.pop_front();
        }
        if self.settings.max_idle > 0 {
            idle.push_back(Idle {
                sender,
                born,
                since,
            });
        }
        drop(idle);
        self.start_reaper();
    }

    /// Closes what lies idle too long, as long as anything does. One task for a pool, not one for a
    /// connection or a request.
    fn start_reaper(self: &Arc<Self>) {
        if self.reaper_runs.load(Ordering::Relaxed) || self.reaper_runs.swap(true, Ordering::AcqRel)
        {
            return;
        }
        match Handle::try_current() {
            Ok(runtime) => {
                let pause = self.settings.idle_timeout.max(Duration::from_millis(100)) / 2;
                runtime.spawn(reap(Arc::downgrade(self), pause));
            }
            // No runtime, as in a destructor at the end of a program: nothing to reap for.
            Err(_) => self.reaper_runs.store(false, Ordering::Release),
        }
    }

    /// Drops what is spent, and tells whether anything is left.
    fn sweep(&self) -> bool {
        let now = Instant::now();
        let mut idle = lock(&self.idle);
        idle.retain(|one| !one.sender.is_closed() && !one.is_spent(now, &self.settings));
        let mut http2 = lock(&self.http2);
        http2.retain(|one| !one.sender.is_closed() && !one.is_spent(now, &self.settings));
        !idle.is_empty() || !http2.is_empty()
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("protocol", &self.protocol)
            .field("authority", &self.authority)
            .finish_non_exhaustive()
    }
}

async fn reap(pool: Weak<Pool>, pause: Duration) {
    loop {
        tokio::time::sleep(pause).await;
        let Some(pool) = pool.upgrade() else { return };
        if !pool.sweep() {
            pool.reaper_runs.store(false, Ordering::Release);
            return;
        }
    }
}

/// A poisoned lock guards a list of connections, which a panic elsewhere cannot have torn.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

impl Idle {
    fn is_spent(&self, now: Instant, settings: &Settings) -> bool {
        now.duration_since(self.since) > settings.idle_timeout
            || now.duration_since(self.born) > settings.max_age
    }
}

impl Multiplexed {
    /// Dropped from the books, it ends by itself after its last stream.
    fn is_spent(&self, now: Instant, settings: &Settings) -> bool {
        (self.in_use() == 0 && now.duration_since(self.used) > settings.idle_timeout)
            || now.duration_since(self.born) > settings.max_age
    }
}

/// A place in the queue, left when dropped.
struct Queued<'a>(&'a AtomicUsize);

impl<'a> Queued<'a> {
    fn enter(waiting: &'a AtomicUsize, most: usize) -> Option<Self> {
        let queued = Self(waiting);
        (waiting.fetch_add(1, Ordering::Relaxed) < most).then_some(queued)
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A response's body that keeps its connection while it is read and puts it back at its end.
///
/// Dropped before its end, it takes the connection of HTTP/1.1 with it: what the upstream still sends
/// must not be taken for the next response.
pub(crate) struct Lent {
    body: Incoming,
    hold: Option<Hold>,
}

/// What a response holds of its upstream. The fields are there to be dropped.
pub(super) struct Hold {
    pub(super) connection: Held,
    pub(super) _slot: OwnedSemaphorePermit,
}

pub(super) enum Held {
    Http1 {
        sender: http1::SendRequest<Body>,
        born: Instant,
        pool: Arc<Pool>,
    },
    Http2 {
        _stream: Arc<()>,
    },
}

impl Lent {
    pub(super) fn new(body: Incoming, hold: Hold) -> Self {
        Self {
            body,
            hold: Some(hold),
        }
    }

    fn release(&mut self) {
        if let Some(Hold {
            connection: Held::Http1 { sender, born, pool },
            _slot: _,
        }) = self.hold.take()
        {
            put_back_when_ready(sender, born, pool);
        }
    }
}

/// A connection is ready once its task has turned from the end of the response to waiting for a
/// request; nearly always that has happened by now.
fn put_back_when_ready(mut sender: http1::SendRequest<Body>, born: Instant, pool: Arc<Pool>) {
    if sender.is_ready() {
        pool.put_back(sender, born);
    } else if !sender.is_closed() {
        // Another thread is about to make that turn, or the request's body is still on its way.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move {
                let ready = tokio::time::timeout(Duration::from_secs(5), sender.ready());
                if let Ok(Ok(())) = ready.await {
                    pool.put_back(sender, born);
                }
            });
        }
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if self.body.is_end_stream() {
            self.release();
        }
    }
}

impl http_body::Body for Lent {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        match &polled {
            Poll::Ready(None) => self.release(),
            Poll::Ready(Some(Err(_))) => self.hold = None,
            // A reader that knows the length asks no further.
            Poll::Ready(Some(Ok(_))) if self.body.is_end_stream() => self.release(),
            Poll::Ready(Some(Ok(_))) | Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
