//! One fetch for many requests that miss the same.

use std::collections::HashMap;
use std::fmt;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};

use foldhash::quality::RandomState;
use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::cache::store::key::Key;

/// The fetches under way that others may wait for.
#[derive(Debug, Default)]
pub(crate) struct Flights {
    under_way: Mutex<UnderWay>,
}

#[derive(Debug, Default)]
struct UnderWay {
    by_name: HashMap<Key, Flight, RandomState>,
    /// The number of all that there were.
    count: u64,
}

#[derive(Debug)]
struct Flight {
    /// Another one of the same name may have taken the place of one that a change has ended.
    number: u64,
    /// The channel that ends with it, from the first one on that waits: most wait for nobody.
    end: Option<watch::Sender<End>>,
    /// The body that the first one that waits begins to read.
    body: Option<Weak<dyn Ahead>>,
}

/// The end of a fetch, for those who wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The answer is stored by then, if it may be. If it does not serve who waited, the next one would not either.
    Over,
    /// It brought nothing for a reason of its own: its client left, or was refused. One of those who wait may fetch for
    /// the others.
    Left,
    /// The target was changed meanwhile. Requests from now on get the answer of after the change, and nobody waits for
    /// the rest of the one that was under way.
    Changed,
    /// The upstream has failed. One after the other would wait for it to fail again.
    Failed,
}

/// A request's place in a fetch.
#[derive(Debug)]
pub(crate) enum Place {
    /// It is the one that fetches. Whoever waits goes on when the guard is dropped.
    Lead(Lead),
    /// Another one does.
    Wait(Wait),
}

/// Ends its fetch when it is dropped: because the response is stored, because it will not be, or because
/// nobody reads it any more.
#[derive(Debug)]
pub(crate) struct Lead {
    flights: Arc<Flights>,
    key: Key,
    number: u64,
    end: End,
}

/// Waits for the end of a fetch.
#[derive(Debug)]
pub(crate) struct Wait {
    end: watch::Receiver<End>,
}

impl Flights {
    pub(crate) fn join(self: &Arc<Self>, key: &Key) -> Place {
        let mut under_way = self.lock();
        if let Some(flight) = under_way.by_name.get_mut(key) {
            let end = flight
                .end
                .get_or_insert_with(|| watch::Sender::new(End::Left));
            let end = end.subscribe();
            let body = flight.body.take();
            drop(under_way);
            if let Some(body) = body {
                spawn(&body);
            }
            return Place::Wait(Wait { end });
        }
        under_way.count += 1;
        let number = under_way.count;
        let flight = Flight {
            number,
            end: None,
            body: None,
        };
        under_way.by_name.insert(key.clone(), flight);
        Place::Lead(Lead {
            flights: Arc::clone(self),
            key: key.clone(),
            number,
            end: End::Left,
        })
    }

    /// Ends those whose target is one that has changed, for all but their own clients.
    pub(crate) fn change(&self, is_changed: impl Fn(&str) -> bool) {
        let mut ended = Vec::new();
        self.lock().by_name.retain(|name, flight| {
            let is_over = is_changed(name.target());
            if is_over {
                ended.extend(flight.end.take());
            }
            !is_over
        });
        for end in ended {
            end.send_replace(End::Changed);
        }
    }

    fn lock(&self) -> MutexGuard<'_, UnderWay> {
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lead {
    /// The name of the fetch.
    pub(crate) fn name(&self) -> &Key {
        &self.key
    }

    /// Sets what those who wait are told at its end. Until then it is that its client has left.
    pub(crate) fn set_end(&mut self, end: End) {
        self.end = end;
    }

    /// Has the body read for those who wait, now or when the first one does.
    pub(crate) fn offer(&self, body: Weak<dyn Ahead>) {
        let mut under_way = self.flights.lock();
        let flight = under_way.by_name.get_mut(&self.key);
        match flight.filter(|flight| flight.number == self.number) {
            Some(flight) if flight.end.is_none() => flight.body = Some(body),
            Some(_) => {
                drop(under_way);
                spawn(&body);
            }
            None => {}
        }
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        // The waiting requests are woken when this is out of the table, so that one of them can lead.
        let mut under_way = self.flights.lock();
        let held = under_way.by_name.get(&self.key);
        if held.is_none_or(|flight| flight.number != self.number) {
            return;
        }
        let flight = under_way.by_name.remove(&self.key);
        drop(under_way);
        if let Some(end) = flight.and_then(|flight| flight.end) {
            end.send_replace(self.end);
        }
    }
}

impl Wait {
    /// Until the fetch has ended.
    pub(crate) async fn end(mut self) -> End {
        // The last value counts: an error says that the sender is gone.
        while self.end.changed().await.is_ok() {}
        *self.end.borrow()
    }
}

/// A body that can be read ahead of its client, for those who wait.
pub(crate) trait Ahead: fmt::Debug + Send + Sync {
    /// Reads until there is nothing more to read for them.
    fn poll_ahead(&self, cx: &mut Context<'_>) -> Poll<()>;

    /// Leaves the rest to the client.
    fn stop(&self);
}

/// Reads a body ahead in a task of its own, unless its client has left.
fn spawn(body: &Weak<dyn Ahead>) {
    if let (Some(body), Ok(runtime)) = (body.upgrade(), Handle::try_current()) {
        // Made in the task: a runtime that is being shut down drops the task at once, and its reader would stop a body
        // that whoever calls this has locked.
        runtime.spawn(async move {
            let reader = Reader(body);
            poll_fn(|cx| reader.0.poll_ahead(cx)).await;
        });
    }
}

/// The reader ahead. Its runtime may end before the client's.
struct Reader(Arc<dyn Ahead>);

impl Drop for Reader {
    fn drop(&mut self) {
        self.0.stop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn those_that_wait_go_on_when_the_fetch_ends_and_the_next_may_lead() {
        let flights = Arc::new(Flights::default());
        let (a, b) = (Key::new(b"a"), Key::new(b"b"));
        let Place::Lead(lead) = flights.join(&a) else {
            panic!("the first one leads");
        };
        let Place::Wait(wait) = flights.join(&a) else {
            panic!("the second one waits");
        };
        assert!(matches!(flights.join(&b), Place::Lead(_)));
        let waiting = tokio::spawn(wait.end());
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(lead);
        assert_eq!(waiting.await.unwrap(), End::Left);
        let Place::Lead(mut lead) = flights.join(&a) else {
            panic!("the next one leads");
        };
        let Place::Wait(wait) = flights.join(&a) else {
            panic!("and another one waits");
        };
        lead.set_end(End::Failed);
        drop(lead);
        assert_eq!(wait.end().await, End::Failed);
        assert!(flights.lock().by_name.is_empty());
    }

    #[tokio::test]
    async fn a_change_ends_a_fetch_for_those_who_wait_and_leaves_the_next_one_alone() {
        let flights = Arc::new(Flights::default());
        let (a, b) = (Key::new(b"\n\n/a\n"), Key::new(b"\n\n/b\n"));
        let Place::Lead(old) = flights.join(&a) else {
            panic!("the first one leads");
        };
        let (Place::Wait(wait), Place::Lead(_other)) = (flights.join(&a), flights.join(&b)) else {
            panic!("the second one waits, and not for another target");
        };
        flights.change(|target| target == "/a");
        assert_eq!(wait.end().await, End::Changed);
        let Place::Lead(_new) = flights.join(&a) else {
            panic!("the next one does not wait for what was asked for before");
        };
        drop(old);
        assert!(matches!(flights.join(&a), Place::Wait(_)));
        assert!(matches!(flights.join(&b), Place::Wait(_)));
    }
}
