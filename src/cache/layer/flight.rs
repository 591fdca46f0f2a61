//! One fetch for many requests that miss the same.

use crate::cache::store::key::Key;
use foldhash::quality::RandomState;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// The fetches under way that others may wait for.
#[derive(Debug, Default)]
pub(crate) struct Flights {
    /// For each the channel that ends with it, from the first one on that waits: most wait for nobody.
    under_way: Mutex<UnderWay>,
}

type UnderWay = HashMap<Key, Option<watch::Sender<()>>, RandomState>;

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
}

/// Waits for the end of a fetch.
#[derive(Debug)]
pub(crate) struct Wait {
    end: watch::Receiver<()>,
}

impl Flights {
    pub(crate) fn join(self: &Arc<Self>, key: &Key) -> Place {
        let mut under_way = self.lock();
        if let Some(end) = under_way.get_mut(key) {
            let end = end.get_or_insert_with(|| watch::Sender::new(()));
            return Place::Wait(Wait {
                end: end.subscribe(),
            });
        }
        under_way.insert(key.clone(), None);
        Place::Lead(Lead {
            flights: Arc::clone(self),
            key: key.clone(),
        })
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
}

impl Drop for Lead {
    fn drop(&mut self) {
        // Those that wait are woken when it is out of the table, so that one of them can lead.
        let end = self.flights.lock().remove(&self.key);
        drop(end);
    }
}

impl Wait {
    /// Until the fetch has ended.
    pub(crate) async fn end(mut self) {
        // Nothing is ever sent: an error says that the sender is gone.
        while self.end.changed().await.is_ok() {}
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
        waiting.await.unwrap();
        assert!(matches!(flights.join(&a), Place::Lead(_)));
        assert!(flights.lock().is_empty());
    }
}
