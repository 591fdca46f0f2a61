//! One fetch for many requests that miss the same.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// The fetches under way that others may wait for.
#[derive(Debug, Default)]
pub(crate) struct Flights {
    under_way: Mutex<HashMap<Arc<[u8]>, watch::Receiver<()>>>,
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
    key: Arc<[u8]>,
    _end: watch::Sender<()>,
}

/// Waits for the end of a fetch.
#[derive(Debug)]
pub(crate) struct Wait {
    end: watch::Receiver<()>,
}

impl Flights {
    pub(crate) fn join(self: &Arc<Self>, key: &[u8]) -> Place {
        let mut under_way = self.lock();
        if let Some(end) = under_way.get(key) {
            return Place::Wait(Wait { end: end.clone() });
        }
        let (sender, receiver) = watch::channel(());
        let key: Arc<[u8]> = key.into();
        under_way.insert(Arc::clone(&key), receiver);
        Place::Lead(Lead {
            flights: Arc::clone(self),
            key,
            _end: sender,
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<[u8]>, watch::Receiver<()>>> {
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lead {
    /// The name of the fetch.
    pub(crate) fn name(&self) -> &[u8] {
        &self.key
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        // Before the sender goes, so that who wakes up can lead.
        self.flights.lock().remove(&self.key);
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
        let Place::Lead(lead) = flights.join(b"a") else {
            panic!("the first one leads");
        };
        let Place::Wait(wait) = flights.join(b"a") else {
            panic!("the second one waits");
        };
        assert!(matches!(flights.join(b"b"), Place::Lead(_)));
        let waiting = tokio::spawn(wait.end());
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(lead);
        waiting.await.unwrap();
        assert!(matches!(flights.join(b"a"), Place::Lead(_)));
        assert!(flights.lock().is_empty());
    }
}
