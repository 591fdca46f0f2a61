//! Requests that wait for a connection, and the attempts to make one.

use std::collections::VecDeque;

use tokio::sync::oneshot;

use super::connection::Connection;
use crate::proxy::client::error::ConnectError;

/// The requests that wait for connections of one kind, and the attempts under way.
#[derive(Default)]
pub(super) struct Queue {
    waiting: VecDeque<Waiting>,
    attempts: Vec<Attempt>,
    next_id: u64,
}

struct Waiting {
    id: u64,
    told: oneshot::Sender<Outcome>,
}

struct Attempt {
    id: u64,
    /// Dropped, it gives the attempt up.
    _goes_on: oneshot::Sender<()>,
}

/// An attempt that has to be spawned, outside the lock: a runtime that shuts down drops it at once, which
/// takes the lock.
pub(super) struct Order {
    pub(super) id: u64,
    pub(super) given_up: oneshot::Receiver<()>,
}

pub(super) type Outcome = Result<Checkout, ConnectError>;

/// A connection for a request.
pub(crate) struct Checkout {
    pub(crate) connection: Connection,
    /// Whether it has been used before, so that it may be dying.
    pub(crate) reused: bool,
}

impl Queue {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether a request waits that did so when this attempt was ordered.
    pub(super) fn waits_since_before(&self, attempt: u64) -> bool {
        let longest = self.waiting.front();
        longest.is_some_and(|waiting| waiting.id < attempt)
    }

    #[cfg(test)]
    pub(super) fn attempts(&self) -> usize {
        self.attempts.len()
    }

    /// The number of requests that wait.
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Lets a request wait that is told by `told`.
    pub(super) fn join(&mut self, told: oneshot::Sender<Outcome>) -> u64 {
        let id = self.id();
        self.waiting.push_back(Waiting { id, told });
        id
    }

    /// A request waits no more.
    pub(super) fn leave(&mut self, id: u64) {
        self.waiting.retain(|waiting| waiting.id != id);
    }

    /// An attempt has ended. Returns whether it was still one of these.
    pub(super) fn ended(&mut self, id: u64) -> bool {
        let at = self.attempts.iter().position(|attempt| attempt.id == id);
        at.map(|at| self.attempts.remove(at)).is_some()
    }

    /// Tells the one that waits longest that there is no connection.
    pub(super) fn tell(&mut self, mut error: ConnectError) {
        while let Some(first) = self.waiting.pop_front() {
            match first.told.send(Err(error)) {
                Err(Err(back)) => error = back,
                _ => return,
            }
        }
    }

    fn id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// Gives a connection to the one that waits longest, or back.
    pub(super) fn give(&mut self, mut checkout: Checkout) -> Result<(), Checkout> {
        while let Some(first) = self.waiting.pop_front() {
            match first.told.send(Ok(checkout)) {
                Ok(()) => return Ok(()),
                Err(Ok(back)) => checkout = back,
                Err(Err(_)) => return Ok(()),
            }
        }
        Err(checkout)
    }

    /// Orders attempts until there are as many as are wanted.
    pub(super) fn order(&mut self, wanted: usize) -> Vec<Order> {
        let mut orders = Vec::new();
        while self.attempts.len() < wanted {
            let (goes_on, given_up) = oneshot::channel();
            let id = self.id();
            self.attempts.push(Attempt {
                id,
                _goes_on: goes_on,
            });
            orders.push(Order { id, given_up });
        }
        orders
    }

    /// Gives up all attempts.
    pub(super) fn give_up(&mut self) {
        self.attempts.clear();
    }

    /// Gives up the newest of the attempts that nobody waits for, but for some.
    pub(super) fn trim(&mut self, most_spare: usize) {
        self.attempts.truncate(self.waiting.len() + most_spare);
    }
}
