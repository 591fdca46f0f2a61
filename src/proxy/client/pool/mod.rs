//! The connections to one destination.
//!
//! A pool belongs to one runtime: a connection can be driven only by the runtime that it was made on, and
//! one that is driven no more would keep its request waiting for ever. Requests of several runtimes to one
//! destination share its limits ([`Common`]) and nothing else.

mod checkout;
pub(super) mod common;
pub(super) mod connection;
pub(super) mod pools;
pub(super) mod queue;
#[cfg(test)]
pub(super) mod tests;

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Weak};

use common::{Common, Settings};
use connection::{Clock, Connection, Http1, Idle, Multiplexed};
use queue::Queue;
use tokio::runtime::Id;

use super::connect::{NewConnection, Sender};
use super::upload::Upload;
use crate::proxy::error::ProxyError;
use crate::proxy::ticker::{self, Ticked, Ticker};
use crate::proxy::upstream::destination::{Destination, Protocol};

/// The connections to one destination on one runtime: those of HTTP/1.1 that lie idle, and those of
/// HTTP/2, which are shared.
pub(super) struct Pool {
    common: Arc<Common>,
    runtime: Option<Id>,
    state: Mutex<State>,
    /// Whether the upstream has chosen HTTP/2 by ALPN, or is spoken to in nothing else.
    speaks_http2: AtomicBool,
    /// Cloned into each connection, so that its count tells how many there are, in use or idle.
    connections: Arc<()>,
    ticker: Ticker,
    clock: Clock,
    /// Exchanges that go on although their clients have gone.
    abandoned: AtomicUsize,
}

/// The number of exchanges, and of attempts to connect, that go on although nobody waits for them.
const MOST_ABANDONED: usize = 16;

#[derive(Default)]
struct State {
    idle: VecDeque<Idle>,
    http2: Vec<Multiplexed>,
    for_any: Queue,
    for_http1: Queue,
}

/// The connections that can carry a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    Any,
    /// One of HTTP/1.1 although the upstream would choose HTTP/2: the request asks for an upgrade, which
    /// takes a whole connection.
    Http1,
}

impl State {
    fn queue(&mut self, need: Need) -> &mut Queue {
        match need {
            Need::Any => &mut self.for_any,
            Need::Http1 => &mut self.for_http1,
        }
    }

    /// Whether there is a connection that may turn out to have room for those who wait.
    fn is_settling(&self) -> bool {
        self.http2.iter().any(Multiplexed::is_settling)
    }
}

impl Pool {
    fn new(common: Arc<Common>, runtime: Option<Id>) -> Self {
        let speaks_http2 = common.destination.protocol() == Protocol::H2c;
        let settings = &common.settings;
        let shortest = settings.idle_timeout.min(settings.max_age);
        Self {
            common,
            runtime,
            state: Mutex::default(),
            speaks_http2: AtomicBool::new(speaks_http2),
            connections: Arc::default(),
            ticker: Ticker::new(shortest),
            clock: Clock::new(),
            abandoned: AtomicUsize::new(0),
        }
    }

    pub(super) fn destination(&self) -> &Destination {
        &self.common.destination
    }

    /// The connections that can carry a request which asks for an upgrade, or does not.
    pub(super) fn need(&self, asks_upgrade: bool) -> Need {
        // Elsewhere there is no choice of protocols.
        if asks_upgrade && self.destination().protocol() == Protocol::Https {
            Need::Http1
        } else {
            Need::Any
        }
    }

    /// A connection that lies ready: the one of HTTP/1.1 that was used last, or the first one of HTTP/2
    /// that has room for a stream.
    pub(super) fn take(&self, need: Need) -> Option<Connection> {
        self.take_from(&mut self.lock(), need)
    }

    fn take_from(&self, state: &mut State, need: Need) -> Option<Connection> {
        if self.shares(need) {
            return self.take_http2(state);
        }
        let now = self.clock.last_seen();
        while let Some(last) = state.idle.pop_back() {
            if last.connection.is_ready() && !last.is_spent(now, &self.clock, self.settings()) {
                return Some(Connection::Http1(last.connection));
            }
        }
        None
    }

    /// The first one with room, so that a burst's connections become idle, and close, when it is over. The
    /// least used one would keep a few streams on each of them: with 32 connections that cost 40 % more
    /// processor time for each request.
    fn take_http2(&self, state: &mut State) -> Option<Connection> {
        let now = self.clock.last_seen();
        let connections = &mut state.http2;
        connections.retain(|one| !one.is_closed() && !one.is_spent(now, self.settings()));
        let first = connections
            .iter_mut()
            .find(|one| one.streams() < one.room())?;
        Some(Connection::Http2(first.begin_stream(now)))
    }

    /// Whether such a request goes to a connection that carries others.
    fn shares(&self, need: Need) -> bool {
        need == Need::Any && self.speaks_http2.load(Ordering::Relaxed)
    }

    /// Puts a connection into the books. One of HTTP/1.1 is given back, for a request or to lie idle.
    fn admit(self: &Arc<Self>, state: &mut State, new: NewConnection, need: Need) -> Option<Http1> {
        let NewConnection { sender, meter } = new;
        let now = self.clock.look();
        meter.is_born(now, &self.connections);
        let pool: Weak<Self> = Arc::downgrade(self);
        meter.tells(pool);
        ticker::start(self);
        match sender {
            Sender::Http1(sender) => {
                // Unless it was not the upstream that chose.
                if self.shares(need) {
                    self.speaks_http2.store(false, Ordering::Relaxed);
                }
                Some(Http1 { sender, meter })
            }
            Sender::Http2(sender) => {
                self.speaks_http2.store(true, Ordering::Relaxed);
                if !self.common.is_retired() || !state.for_any.is_empty() {
                    let connection = Multiplexed::new(sender, meter, now);
                    state.http2.push(connection);
                }
                None
            }
        }
    }

    /// Puts a connection of HTTP/1.1 back, for the next request.
    pub(super) fn put_back(self: &Arc<Self>, connection: Http1) {
        let mut state = self.lock();
        if let Some(connection) = self.hand_out(&mut state, connection) {
            self.keep(&mut state, connection);
        }
    }

    /// Keeps a connection that nobody waits for.
    fn keep(&self, state: &mut State, connection: Http1) {
        // Under the lock, so that none comes in after the last has been thrown out.
        if self.common.is_retired() || self.settings().max_idle == 0 {
            return;
        }
        if state.idle.len() >= self.settings().max_idle {
            state.idle.pop_front();
        }
        let since = connection.idle_since(&self.clock);
        state.idle.push_back(Idle { connection, since });
    }

    /// Closes idle connections, and from now on each one after its last response: no further request is
    /// meant to come.
    #[cfg(feature = "balance")]
    fn retire(&self) {
        let mut state = self.lock();
        state.idle.clear();
        // Out of the books, one of HTTP/2 ends after its last stream.
        state.http2.clear();
    }

    /// Drops connections that are spent.
    fn sweep(&self) {
        let now = self.clock.look();
        let mut state = self.lock();
        let settings = self.settings();
        let is_good =
            |one: &Idle| !one.connection.is_closed() && !one.is_spent(now, &self.clock, settings);
        state.idle.retain(is_good);
        state
            .http2
            .retain(|one| !one.is_closed() && !one.is_spent(now, settings));
    }

    /// Whether one more exchange may go on that nobody waits for.
    pub(super) fn begin_abandoned(&self) -> bool {
        let more = |count: usize| (count < MOST_ABANDONED).then_some(count + 1);
        let count = &self.abandoned;
        let begun = count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        begun.is_ok()
    }

    pub(super) fn end_abandoned(&self) {
        self.abandoned.fetch_sub(1, Ordering::Relaxed);
    }

    /// Drops connections that have ended, so that the queue of one of HTTP/2 gives back its requests.
    pub(super) fn drop_closed(&self) {
        let mut state = self.lock();
        state.idle.retain(|one| !one.connection.is_closed());
        state.http2.retain(|one| !one.is_closed());
    }

    fn is_empty(&self) -> bool {
        let state = self.lock();
        state.idle.is_empty() && state.http2.is_empty()
    }

    fn settings(&self) -> &Settings {
        &self.common.settings
    }

    /// Connections that are in use or idle.
    fn connections(&self) -> usize {
        Arc::strong_count(&self.connections) - 1
    }

    /// A poisoned lock guards mere lists, which a panic elsewhere cannot have torn.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Ticked for Pool {
    fn ticker(&self) -> &Ticker {
        &self.ticker
    }

    /// It comes by while there is a connection, with a request too: that lies idle after it.
    fn tick(self: &Arc<Self>) -> bool {
        self.sweep();
        self.connections() > 0
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("destination", self.destination())
            .finish_non_exhaustive()
    }
}

/// A place among the requests under way, left when it is dropped and its request's body is out. It is a permit of the
/// semaphore and a handle on the pool in one reference count.
pub(super) struct Slot {
    pool: Arc<Pool>,
    upload: Option<Arc<Upload>>,
}

impl Slot {
    /// A place that is free, or the pool again.
    pub(super) fn take(pool: Arc<Pool>) -> Result<Self, Arc<Pool>> {
        if pool.common.slots.take() {
            Ok(Self::new(pool))
        } else {
            Err(pool)
        }
    }

    /// A place that becomes free in time, or one more than there are for who only looks whether the upstream answers.
    pub(super) async fn wait(pool: Arc<Pool>, looks: bool) -> Result<Self, ProxyError> {
        if looks {
            pool.common.slots.take_beyond();
        } else {
            pool.common.slots.wait().await?;
        }
        Ok(Self::new(pool))
    }

    fn new(pool: Arc<Pool>) -> Self {
        let upload = None;
        Self { pool, upload }
    }

    pub(super) fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    /// The upload that it is to last for.
    pub(super) fn upload(&self) -> Option<&Arc<Upload>> {
        self.upload.as_ref()
    }

    /// It lasts as long as this upload.
    pub(super) fn lasts(&mut self, upload: &Arc<Upload>) {
        self.upload = Some(Arc::clone(upload));
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        match self.upload.take() {
            Some(upload) => upload.keep_place(Self::new(Arc::clone(&self.pool))),
            None => self.pool.common.slots.give_back(),
        }
    }
}
