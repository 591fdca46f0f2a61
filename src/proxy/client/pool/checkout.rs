//! A connection for a request, when none lies ready.
//!
//! An attempt is a task of the pool and not a part of the request that wanted it, so it is not lost when
//! that request is: a client that resets its streams would otherwise cost a connection, and its port, for
//! each of them. Its connection goes to whoever waits longest, or lies idle for the next. A request that
//! waits takes whatever comes first, the connection of another request included.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::common::Common;
use super::connection::{Connection, Http1};
use super::queue::{Checkout, Order, Outcome};
use super::{MOST_ABANDONED, Need, Pool, State};
use crate::proxy::client::connect::NewConnection;
use crate::proxy::client::error::ConnectError;
use crate::proxy::client::stream::meter::Settles;
use crate::proxy::error::ProxyErrorKind;

impl Pool {
    /// A connection: one that lies ready by now, else the first that is made or put back.
    ///
    /// `anew`: one of HTTP/1.1 that has never been used, for a request that is lost if that dies too.
    pub(crate) async fn checkout(
        self: &Arc<Self>,
        need: Need,
        anew: bool,
    ) -> Result<Checkout, ConnectError> {
        if anew && !self.shares(need) {
            return self.connect(need).await;
        }
        let (told, outcome) = oneshot::channel();
        let (id, orders) = {
            let mut state = self.lock();
            if let Some(connection) = self.take_from(&mut state, need) {
                let reused = true;
                return Ok(Checkout { connection, reused });
            }
            let id = state.queue(need).join(told);
            (id, self.order(&mut state, need))
        };
        let mut ticket = Ticket {
            pool: self,
            need,
            id,
            outcome,
        };
        self.spawn(orders, need);
        let longest = self.common.connector.timeout;
        let mut has_waited = false;
        loop {
            match tokio::time::timeout(longest, &mut ticket.outcome).await {
                Ok(Ok(outcome)) => return outcome,
                Ok(Err(_)) => return Err(given_up()),
                // An attempt to connect ends with the connect timeout. An attempt that was under way before may leave
                // this request without a stream, if the upstream takes few of them. The next attempt is then this
                // request's own.
                Err(_) if !has_waited && !self.is_unsettled() => has_waited = true,
                Err(elapsed) => {
                    return Err(ConnectError::new(ProxyErrorKind::ConnectTimeout, elapsed));
                }
            }
        }
    }

    /// Whether all that there is are connections of HTTP/2 whose upstream has said nothing for the connect timeout (RFC
    /// 9113 3.4: its settings are the first that it sends). Beside them no other one is made.
    fn is_unsettled(&self) -> bool {
        let (now, longest) = (self.clock.look(), self.common.connector.timeout);
        let state = self.lock();
        let mut connections = state.http2.iter();
        !state.http2.is_empty() && connections.all(|one| one.is_unsettled_after(longest, now))
    }

    /// A new connection, for this request alone.
    async fn connect(self: &Arc<Self>, need: Need) -> Result<Checkout, ConnectError> {
        let Common {
            connector,
            destination,
            ..
        } = &*self.common;
        let new = connector.connect(destination, need == Need::Http1).await?;
        let mut state = self.lock();
        let connection = match self.admit(&mut state, new, need) {
            Some(connection) => Some(Connection::Http1(connection)),
            None => self.take_http2(&mut state),
        };
        let connection = connection.ok_or_else(given_up)?;
        let reused = false;
        Ok(Checkout { connection, reused })
    }

    /// Orders as many attempts to connect as there are requests that wait. If they share a connection, it is one
    /// attempt, and none before the last connection has told how many requests it takes.
    fn order(&self, state: &mut State, need: Need) -> Vec<Order> {
        let most = match self.shares(need) {
            true => usize::from(!state.is_settling()),
            false => usize::MAX,
        };
        let queue = state.queue(need);
        queue.order(queue.len().min(most))
    }

    fn spawn(self: &Arc<Self>, orders: Vec<Order>, need: Need) {
        for Order { id, given_up } in orders {
            let attempt = Running {
                pool: Arc::clone(self),
                need,
                id,
            };
            tokio::spawn(attempt.run(given_up));
        }
    }

    /// Notes the outcome of an attempt, and hands out what came of it.
    pub(super) fn attempted(
        self: &Arc<Self>,
        need: Need,
        id: u64,
        made: Result<NewConnection, ConnectError>,
    ) {
        let (orders, _unwanted) = {
            let mut state = self.lock();
            if !state.queue(need).ended(id) {
                // It was given up, or has ended before.
                return;
            }
            let unwanted = match made {
                Ok(new) => self.made(&mut state, need, new),
                Err(error) => self.failed(&mut state, need, id, error),
            };
            (self.order(&mut state, need), unwanted)
        };
        self.spawn(orders, need);
    }

    fn made(
        self: &Arc<Self>,
        state: &mut State,
        need: Need,
        new: NewConnection,
    ) -> Option<Checkout> {
        match self.admit(state, new, need) {
            Some(connection) => {
                let connection = Connection::Http1(connection);
                let checkout = Checkout {
                    connection,
                    reused: false,
                };
                if let Err(Checkout {
                    connection: Connection::Http1(connection),
                    ..
                }) = state.queue(need).give(checkout)
                {
                    self.keep(state, connection);
                }
                None
            }
            None => {
                let unwanted = self.share(state);
                // If others turn out to be shared, more of them are not wanted.
                if state.is_settling() {
                    state.for_any.give_up();
                } else {
                    state.for_any.trim(0);
                }
                unwanted
            }
        }
    }

    /// Gives streams of the connections of HTTP/2 to those who wait, while there are any. One that nobody takes is for
    /// the caller to drop without the lock: the end of a stream takes it.
    fn share(&self, state: &mut State) -> Option<Checkout> {
        while !state.for_any.is_empty() {
            let connection = self.take_http2(state)?;
            let reused = connection.has_answered();
            if let Err(unwanted) = state.for_any.give(Checkout { connection, reused }) {
                return Some(unwanted);
            }
        }
        None
    }

    /// Tells the one that waits longest, or all who wait for a connection that they would share: each
    /// trying in turn would take the last of them as many timeouts as there are. Beside another connection, whose
    /// streams become free, those who have waited for all of the attempt.
    fn failed(
        &self,
        state: &mut State,
        need: Need,
        id: u64,
        error: ConnectError,
    ) -> Option<Checkout> {
        if !self.shares(need) {
            state.queue(need).tell(error);
            return None;
        }
        let unwanted = self.share(state);
        let since = if state.http2.is_empty() { u64::MAX } else { id };
        let text = error.source.to_string();
        while state.for_any.waits_since_before(since) {
            let same = ConnectError::new(error.kind, text.as_str());
            state.for_any.tell(same);
        }
        unwanted
    }

    /// Gives out the room of a connection that has become known, or a stream that has become free, or makes another
    /// connection where one has ended.
    fn settle(self: &Arc<Self>) {
        if !self.shares(Need::Any) {
            return;
        }
        let (orders, _unwanted) = {
            let mut state = self.lock();
            let unwanted = self.share(&mut state);
            // A stream ends where its response is dropped, which may be on another runtime, or on none.
            let orders = match state.for_any.is_empty() || !self.is_here() {
                true => Vec::new(),
                false => self.order(&mut state, Need::Any),
            };
            (orders, unwanted)
        };
        self.spawn(orders, Need::Any);
    }

    /// Whether this is the runtime that drives its connections.
    fn is_here(&self) -> bool {
        let here = Handle::try_current().ok().map(|here| here.id());
        here.is_some() && here == self.runtime
    }

    /// Gives a connection that was used to a request that waits for one, or back.
    pub(super) fn hand_out(&self, state: &mut State, connection: Http1) -> Option<Http1> {
        let need = if self.shares(Need::Any) {
            Need::Http1
        } else {
            Need::Any
        };
        let queue = state.queue(need);
        if queue.is_empty() {
            return Some(connection);
        }
        let connection = Connection::Http1(connection);
        let given = queue.give(Checkout {
            connection,
            reused: true,
        });
        queue.trim(MOST_ABANDONED);
        match given {
            Err(Checkout {
                connection: Connection::Http1(connection),
                ..
            }) => Some(connection),
            _ => None,
        }
    }
}

impl Settles for Pool {
    fn settled(self: Arc<Self>) {
        self.settle();
    }
}

fn given_up() -> ConnectError {
    ConnectError::new(ProxyErrorKind::Connect, "the attempt was given up")
}

/// A request's place in the queue, left when dropped.
struct Ticket<'a> {
    pool: &'a Arc<Pool>,
    need: Need,
    id: u64,
    outcome: oneshot::Receiver<Outcome>,
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        let late = {
            let mut state = self.pool.lock();
            let queue = state.queue(self.need);
            queue.leave(self.id);
            queue.trim(MOST_ABANDONED);
            self.outcome.close();
            self.outcome.try_recv()
        };
        // It was given a connection just as its client went.
        if let Ok(Ok(Checkout {
            connection: Connection::Http1(connection),
            ..
        })) = late
        {
            self.pool.put_back(connection);
        }
    }
}

/// An attempt under way.
struct Running {
    pool: Arc<Pool>,
    need: Need,
    id: u64,
}

impl Running {
    async fn run(self, given_up: oneshot::Receiver<()>) {
        let common = &self.pool.common;
        let http1_only = self.need == Need::Http1;
        let made = tokio::select! {
            made = common.connector.connect(&common.destination, http1_only) => made,
            _ = given_up => return,
        };
        self.pool.attempted(self.need, self.id, made);
    }
}

impl Drop for Running {
    /// It may have ended with its runtime, or by a panic.
    fn drop(&mut self) {
        self.pool.attempted(self.need, self.id, Err(given_up()));
    }
}
