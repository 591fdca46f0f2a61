//! The connections to one upstream.

mod reaper;

use super::attempts::Attempts;
use super::clock::{Clock, millis};
use crate::proxy::body::Body;
use crate::proxy::error::{ProxyError, ProxyErrorKind};
use crate::proxy::upstream::Protocol;
use http::uri::{Authority, Scheme};
use hyper::client::conn::{http1, http2};
use std::collections::VecDeque;
use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::runtime::Id;
use tokio::sync::Semaphore;

/// How many streams a connection of HTTP/2 carries before another one is made. The least that a server
/// should allow (RFC 9113 6.5.2); above what it does allow, h2 itself lets streams wait.
pub(super) const STREAMS: usize = 100;

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
    /// Where to connect, if not to what the authority is resolved to.
    pub(super) address: Option<SocketAddr>,
    settings: Settings,
    idle: Mutex<VecDeque<Idle>>,
    http2: Mutex<Vec<Multiplexed>>,
    /// To make a connection of HTTP/2, so that a burst of requests makes one and not many.
    pub(super) attempts: Attempts,
    /// Whether ALPN has chosen HTTP/2 before.
    speaks_http2: AtomicBool,
    slots: Semaphore,
    waiting: AtomicUsize,
    /// The runtimes with a reaper.
    reapers: Mutex<Vec<Id>>,
    /// Whether there is any.
    reaper_runs: AtomicBool,
    clock: Clock,
    /// Whether nothing is kept any more.
    retired: AtomicBool,
}

/// A connection of HTTP/1.1 that nobody uses.
struct Idle {
    sender: http1::SendRequest<Body>,
    born: u64,
    since: u64,
}

/// A connection of HTTP/2.
struct Multiplexed {
    sender: http2::SendRequest<Body>,
    born: u64,
    used: u64,
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
    Http1(http1::SendRequest<Body>, u64),
    Http2(http2::SendRequest<Body>, Arc<()>),
}

impl Pool {
    pub(super) fn new(
        protocol: Protocol,
        authority: Authority,
        address: Option<SocketAddr>,
        settings: Settings,
    ) -> Self {
        Self {
            protocol,
            authority,
            address,
            settings,
            idle: Mutex::default(),
            http2: Mutex::default(),
            attempts: Attempts::default(),
            speaks_http2: AtomicBool::new(protocol == Protocol::H2c),
            slots: Semaphore::new(settings.max_in_flight),
            waiting: AtomicUsize::new(0),
            reapers: Mutex::default(),
            reaper_runs: AtomicBool::new(false),
            clock: Clock::new(),
            retired: AtomicBool::new(false),
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

    /// Whether nobody has a request, a connection or a way here. What was entered before its first
    /// request is not found again by a URI, so it stays.
    pub(super) fn is_unused(self: &Arc<Self>) -> bool {
        // The list that it is in holds it too.
        Arc::strong_count(self) == 1
            && self.protocol != Protocol::H2c
            && lock(&self.idle).is_empty()
            && lock(&self.http2).is_empty()
    }

    /// Whether a connection that is not idle can take another request.
    pub(super) fn speaks_http2(&self) -> bool {
        self.speaks_http2.load(Ordering::Relaxed)
    }

    /// A place among the requests under way, at once.
    pub(super) fn try_slot(self: &Arc<Self>) -> Option<Slot> {
        self.slots.try_acquire().ok()?.forget();
        Some(Slot(Arc::clone(self)))
    }

    /// A place among the requests under way, when one becomes free in time.
    pub(super) async fn wait_for_slot(self: &Arc<Self>) -> Result<Slot, ProxyError> {
        let overloaded = || ProxyError::refused(ProxyErrorKind::Overloaded);
        let _queued =
            Queued::enter(&self.waiting, self.settings.max_waiting).ok_or_else(overloaded)?;
        match tokio::time::timeout(self.settings.wait_timeout, self.slots.acquire()).await {
            Ok(Ok(permit)) => {
                permit.forget();
                Ok(Slot(Arc::clone(self)))
            }
            Ok(Err(_)) | Err(_) => Err(overloaded()),
        }
    }

    /// A connection that lies ready: the one of HTTP/1.1 that was used last, or one of HTTP/2 with a
    /// stream to spare.
    pub(super) fn take(&self, http1_only: bool) -> Option<Taken> {
        if self.speaks_http2() && !http1_only {
            return self.take_http2();
        }
        let now = self.clock.last_seen();
        let mut idle = lock(&self.idle);
        while let Some(last) = idle.pop_back() {
            if last.sender.is_ready() && !last.is_spent(now, &self.settings) {
                return Some(Taken::Http1(last.sender, last.born));
            }
        }
        None
    }

    fn take_http2(&self) -> Option<Taken> {
        let now = self.clock.last_seen();
        let mut connections = lock(&self.http2);
        connections.retain(|one| !one.sender.is_closed() && !one.is_spent(now, &self.settings));
        let best = connections
            .iter_mut()
            .filter(|one| one.in_use() < STREAMS)
            .min_by_key(|one| one.in_use())?;
        best.used = now;
        Some(Taken::Http2(best.sender.clone(), Arc::clone(&best.streams)))
    }

    /// A new connection enters the books. `http1_only`: it was not the upstream that chose HTTP/1.1.
    pub(super) fn enter(self: &Arc<Self>, connection: Connection, http1_only: bool) -> Taken {
        let now = self.clock.look();
        self.start_reaper();
        match connection {
            Connection::Http1(sender) => {
                if !http1_only && self.speaks_http2() {
                    self.speaks_http2.store(false, Ordering::Relaxed);
                }
                Taken::Http1(sender, now)
            }
            Connection::Http2(sender) => {
                let streams = Arc::new(());
                lock(&self.http2).push(Multiplexed {
                    sender: sender.clone(),
                    born: now,
                    used: now,
                    streams: Arc::clone(&streams),
                });
                self.speaks_http2.store(true, Ordering::Relaxed);
                Taken::Http2(sender, streams)
            }
        }
    }

    /// Puts a connection of HTTP/1.1 back, for the next request.
    pub(super) fn put_back(self: &Arc<Self>, sender: http1::SendRequest<Body>, born: u64) {
        let since = if self.reaper_runs.load(Ordering::Relaxed) {
            self.clock.last_seen()
        } else {
            self.clock.look()
        };
        let mut idle = lock(&self.idle);
        if idle.len() >= self.settings.max_idle {
            idle.pop_front();
        }
        // Under the lock, so that nothing comes in after the last has been thrown out.
        if self.settings.max_idle > 0 && !self.retired.load(Ordering::Relaxed) {
            idle.push_back(Idle {
                sender,
                born,
                since,
            });
        }
        drop(idle);
        // It may have lain with neither a request nor the pool until it was ready, and the reapers have
        // ended. After the connection is in: one that ends meanwhile looks once more, or is seen to have
        // ended.
        if !self.reaper_runs.load(Ordering::Relaxed) {
            self.start_reaper();
        }
    }

    /// Closes what lies idle, and from now on each connection after its last response: no further
    /// request is meant to come.
    pub(super) fn retire(&self) {
        self.retired.store(true, Ordering::Relaxed);
        lock(&self.idle).clear();
        // Out of the books, one of HTTP/2 ends after its last stream.
        lock(&self.http2).clear();
    }

    /// Drops what is spent, and tells whether a connection is left, idle or in use.
    pub(super) fn sweep(&self) -> bool {
        let now = self.clock.look();
        let mut idle = lock(&self.idle);
        idle.retain(|one| !one.sender.is_closed() && !one.is_spent(now, &self.settings));
        let mut http2 = lock(&self.http2);
        http2.retain(|one| !one.sender.is_closed() && !one.is_spent(now, &self.settings));
        // Under the lock, so that a connection is seen either here or with its request.
        let in_use = self.slots.available_permits() < self.settings.max_in_flight;
        in_use || !idle.is_empty() || !http2.is_empty()
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

/// A poisoned lock guards a mere list, which a panic elsewhere cannot have torn.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

impl Idle {
    fn is_spent(&self, now: u64, settings: &Settings) -> bool {
        is_over(settings.idle_timeout, self.since, now) || is_over(settings.max_age, self.born, now)
    }
}

impl Multiplexed {
    /// Dropped from the books, it ends by itself after its last stream.
    fn is_spent(&self, now: u64, settings: &Settings) -> bool {
        (self.in_use() == 0 && is_over(settings.idle_timeout, self.used, now))
            || is_over(settings.max_age, self.born, now)
    }
}

/// Whether so much time has passed between two looks at the clock.
fn is_over(time: Duration, since: u64, now: u64) -> bool {
    now.saturating_sub(since) >= millis(time)
}

/// A place among the requests under way, left when dropped. It is a permit of the semaphore and a handle
/// on the pool in one reference count.
pub(super) struct Slot(Arc<Pool>);

impl Slot {
    pub(super) fn pool(&self) -> &Arc<Pool> {
        &self.0
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.slots.add_permits(1);
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
