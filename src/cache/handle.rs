//! The cache itself, as its owner sees it.

use super::builder::CacheBuilder;
use super::flight::Flights;
use super::layer::CacheLayer;
use super::rules::Limits;
use super::stats::{Counters, Stats};
use super::store::Store;
use std::sync::Arc;
use std::time::Duration;

/// Stored responses, bounded in bytes, and what is counted about them.
///
/// Clones share what is stored. A [`CacheLayer`] puts it before a service; the handle that stays here
/// empties it and reads its counts.
///
/// # Examples
///
/// ```
/// use same_origin::cache::Cache;
///
/// # fn main() -> Result<(), same_origin::cache::CacheErrors> {
/// let cache = Cache::builder().build()?;
/// let layer = cache.layer();
/// cache.purge("/items"); // whatever its query
/// cache.purge_prefix("/items/"); // and all below it
/// assert_eq!(cache.stats().hits, 0);
/// # let _ = layer;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Cache {
    pub(super) shared: Arc<Shared>,
}

/// All that the services before which a cache stands have in common.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) limits: Limits,
    pub(crate) wait: Duration,
    pub(crate) name: Box<str>,
    pub(crate) store: Store,
    pub(crate) flights: Arc<Flights>,
    pub(crate) counters: Counters,
}

impl Cache {
    /// A builder with every default in place.
    pub fn builder() -> CacheBuilder {
        CacheBuilder::default()
    }

    pub(super) fn from_settings(settings: &CacheBuilder) -> Self {
        let shared = Shared {
            limits: Limits {
                object: settings.object,
                stale: settings.stale,
                store_set_cookie: settings.dangerously_store_set_cookie,
            },
            wait: settings.wait,
            name: settings.name.as_str().into(),
            store: Store::new(settings.size),
            flights: Arc::default(),
            counters: Counters::default(),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// The layer that puts this cache before a service.
    #[must_use]
    pub fn layer(&self) -> CacheLayer {
        CacheLayer::new(self)
    }

    /// Forgets all that is stored of a path, whatever its query and host, and returns of how many targets
    /// there was something. What is on its way to the cache at that moment is not used either.
    ///
    /// The path is the one that the inner service sees: between a proxy and its upstream that is the
    /// upstream's.
    #[allow(clippy::must_use_candidate, reason = "it is called for what it does")]
    pub fn purge(&self, path: &str) -> usize {
        self.shared.store.purge(path)
    }

    /// Forgets all that is stored of a path and of those below it, on segment boundaries: `/items` and
    /// `/items/` are the same prefix, of `/items/1` but not of `/itemsets`.
    #[allow(clippy::must_use_candidate, reason = "it is called for what it does")]
    pub fn purge_prefix(&self, prefix: &str) -> usize {
        self.shared.store.purge_prefix(prefix)
    }

    /// Forgets everything.
    pub fn clear(&self) {
        self.shared.store.clear();
    }

    /// The counts, and the size as of now.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats {
            entries: self.shared.store.entries(),
            bytes: self.shared.store.bytes(),
            ..self.shared.counters.read()
        }
    }
}
