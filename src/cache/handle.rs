//! The cache itself, as its owner sees it.

use std::sync::Arc;

use crate::cache::config::builder::CacheBuilder;
use crate::cache::config::error::CacheErrors;
use crate::cache::shared::Shared;
use crate::cache::store::stats::Stats;
use crate::cache::store::targets::Targets;

/// Stored responses, bounded in bytes, and what is counted about them.
///
/// Clones share what is stored. A [`CacheLayer`](crate::cache::CacheLayer) puts it before a service; the handle that stays here
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
    pub(crate) shared: Arc<Shared>,
}

impl Cache {
    /// A builder with every default in place.
    pub fn builder() -> CacheBuilder {
        CacheBuilder::default()
    }

    /// Forgets all that is stored of a path, whatever its query and host, and returns of how many targets
    /// there was something. A response that is on its way to the cache at that moment is not used either.
    ///
    /// The path is the one that the inner service sees: between a proxy and its upstream that is the
    /// upstream's.
    #[allow(clippy::must_use_candidate, reason = "it is called for what it does")]
    pub fn purge(&self, path: &str) -> usize {
        self.shared.purge(path)
    }

    /// Forgets all that is stored of a path and of those below it, on segment boundaries: `/items` and
    /// `/items/` are the same prefix, of `/items/1` but not of `/itemsets`.
    #[allow(clippy::must_use_candidate, reason = "it is called for what it does")]
    pub fn purge_prefix(&self, prefix: &str) -> usize {
        self.shared.purge_prefix(prefix)
    }

    /// Forgets everything.
    pub fn clear(&self) {
        self.shared.clear();
    }

    /// Gives back the memory of a cache that another one has taken the place of ([`build_in_place_of`]), which is told
    /// nothing. Requests that still go through this one find nothing stored. With a lot of it this takes a while, as
    /// purges do: not for a thread that serves.
    ///
    /// [`build_in_place_of`]: CacheBuilder::build_in_place_of
    #[doc(hidden)]
    pub fn _let_go(&self) {
        self.shared.store.let_go();
    }

    /// Whether these are one cache.
    #[doc(hidden)]
    #[must_use]
    pub fn _is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
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

impl CacheBuilder {
    /// The cache.
    ///
    /// # Errors
    ///
    /// Every problem of the settings, each with the key, the value, and what to write instead.
    pub fn build(&self) -> Result<Cache, CacheErrors> {
        self.build_with(Arc::default())
    }

    /// The cache, empty, in the place of another one before the same service, such as that of an older configuration.
    ///
    /// An unsafe request may go through the other cache and end when this one has already stored something of its
    /// target. It ends what is stored here, too (RFC 9111 4.4). So does a purge of either.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    pub fn build_in_place_of(&self, before: &Cache) -> Result<Cache, CacheErrors> {
        self.build_with(Arc::clone(&before.shared.store.targets))
    }

    fn build_with(&self, targets: Arc<Targets>) -> Result<Cache, CacheErrors> {
        CacheErrors::into_result(self.problems())?;
        Ok(Cache {
            shared: Arc::new(Shared::new(self, targets)),
        })
    }
}
