//! All that the services before which one cache stands have in common.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::cache::config::builder::CacheBuilder;
use crate::cache::layer::flight::Flights;
use crate::cache::rules::Limits;
use crate::cache::store::Store;
use crate::cache::store::stats::Counters;
use crate::cache::store::targets::{self, Targets};

/// The most validations at once that no client waits for. A client has its stale answers for nothing: without a bound one
/// could have so many validated that all places at the upstream are taken, as these are counted to nobody's share.
const MOST_BEHIND: usize = 32;

/// A cache's memory and its settings.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) limits: Limits,
    pub(crate) wait: Duration,
    pub(crate) name: Box<str>,
    pub(crate) store: Store,
    pub(crate) flights: Arc<Flights>,
    /// The places of validations that no client waits for.
    pub(crate) behind: Arc<Semaphore>,
    pub(crate) counters: Counters,
}

impl Shared {
    /// A cache by settings that have been checked, with the changes of these targets.
    pub(crate) fn new(settings: &CacheBuilder, targets: Arc<Targets>) -> Self {
        Self {
            limits: Limits {
                object: settings.object,
                stale: settings.stale,
                store_set_cookie: settings.dangerously_store_set_cookie,
            },
            wait: settings.wait,
            name: settings.name.as_str().into(),
            store: Store::new(settings.size, targets),
            flights: Arc::default(),
            behind: Arc::new(Semaphore::new(MOST_BEHIND)),
            counters: Counters::default(),
        }
    }

    /// Ends what is stored of a target, and the wait for what was asked for before: it is not given to anybody else.
    pub(crate) fn change(&self, target: &str) {
        self.store.targets.change(target);
        self.flights.change(|other| targets::is_same(other, target));
    }

    /// The same for a path, whatever the query. Gives the number of targets of which something was stored.
    pub(crate) fn purge(&self, path: &str) -> usize {
        let purged = self.store.purge(path);
        self.flights
            .change(|target| targets::is_of_path(target, path));
        purged
    }

    /// The same for all below a prefix.
    pub(crate) fn purge_prefix(&self, prefix: &str) -> usize {
        let purged = self.store.purge_prefix(prefix);
        self.flights
            .change(|target| targets::is_below(target, prefix));
        purged
    }

    /// The same for everything.
    pub(crate) fn clear(&self) {
        self.store.clear();
        self.flights.change(|_| true);
    }
}
