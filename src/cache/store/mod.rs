//! The memory of a cache: bounded by bytes, on moka.

pub(crate) mod entry;
pub(crate) mod key;
pub(crate) mod size;
pub(crate) mod stats;
pub(crate) mod targets;
mod unstored;

use crate::cache::store::entry::{Resource, Stored};
use crate::cache::store::key::Key;
use crate::cache::store::targets::Targets;
use crate::cache::store::unstored::Unstored;
use foldhash::quality::RandomState;
use http::HeaderMap;
use moka::Expiry;
use moka::sync::Cache as Map;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Longer than this a timer need not wait; an entry that nobody asks for is evicted before.
const A_YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

pub(crate) struct Store {
    resources: Map<Key, Arc<Resource>, RandomState>,
    unstored: Unstored,
    pub(crate) targets: Arc<Targets>,
    /// Bytes of bodies that are on their way.
    recorded: AtomicU64,
    /// Bytes that were stored since the last eviction.
    behind: AtomicU64,
    locks: [Mutex<()>; 64],
    size: u64,
}

impl Store {
    pub(crate) fn new(size: u64) -> Self {
        let resources = Map::builder()
            .max_capacity(size)
            .weigher(|key: &Key, resource: &Arc<Resource>| resource.weight(key))
            .expire_after(Usefulness)
            .build_with_hasher(RandomState::default());
        Self {
            resources,
            unstored: Unstored::new(),
            targets: Arc::default(),
            recorded: AtomicU64::new(0),
            behind: AtomicU64::new(0),
            locks: [(); 64].map(Mutex::new),
            size,
        }
    }

    pub(crate) fn get(&self, key: &Key) -> Option<Arc<Resource>> {
        self.resources.get(key)
    }

    /// Stores a response to a request with these fields, unless what is stored for it is more recent.
    pub(crate) fn insert(&self, key: Key, stored: Stored, request: &HeaderMap) -> bool {
        let stored = Arc::new(stored);
        let _alone = self.lock(&key);
        let held = self.resources.get(&key).unwrap_or_default();
        let with = held.with(&stored, request, self.size / 2);
        let is_new = with.is_some();
        if let Some(resource) = with {
            self.put(key, resource);
        }
        is_new
    }

    /// Puts one response in place of another, or removes it. `false` if that one is not there any more: then all stays
    /// as it is.
    pub(crate) fn replace(&self, key: &Key, old: &Arc<Stored>, new: Option<Arc<Stored>>) -> bool {
        let _alone = self.lock(key);
        let held = self.resources.get(key);
        let Some(resource) = held.and_then(|held| held.replaced(old, new)) else {
            return false;
        };
        if resource.is_empty() {
            self.resources.invalidate(key);
        } else {
            self.put(key.clone(), resource);
        }
        true
    }

    fn put(&self, key: Key, resource: Resource) {
        let weight = u64::from(resource.weight(&key));
        // moka would evict all others for a thing that is heavier than everything may be, and then that.
        if weight > self.size {
            self.resources.invalidate(&key);
            return;
        }
        self.resources.insert(key, Arc::new(resource));
        // moka evicts some time later, and counts in entries how late. The bound is one in bytes.
        let behind = self.behind.fetch_add(weight, Ordering::Relaxed) + weight;
        if behind > self.size / 64 {
            self.settle();
        }
    }

    /// Lets one thread at a time read and write a resource.
    fn lock(&self, key: &Key) -> MutexGuard<'_, ()> {
        let at = key.hashed() as usize % self.locks.len();
        let lock = &self.locks[at];
        lock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn settle(&self) {
        self.behind.store(0, Ordering::Relaxed);
        self.resources.run_pending_tasks();
    }

    /// Takes room for a body that is on its way; there is as much of it again as is stored.
    pub(crate) fn reserve(&self, bytes: u64) -> bool {
        let taken = self.recorded.fetch_add(bytes, Ordering::Relaxed);
        let fits = taken.saturating_add(bytes) <= self.size;
        if !fits {
            self.release(bytes);
        }
        fits
    }

    pub(crate) fn release(&self, bytes: u64) {
        self.recorded.fetch_sub(bytes, Ordering::Relaxed);
    }

    pub(crate) fn note_unstored(&self, key: &Key) {
        self.unstored.note(key);
    }

    pub(crate) fn was_unstored(&self, key: &Key) -> bool {
        self.unstored.contains(key)
    }

    pub(crate) fn note_stored(&self, key: &Key) {
        self.unstored.forget(key);
    }

    pub(crate) fn purge(&self, path: &str) -> usize {
        let purged = self
            .targets
            .change_all(|target| targets::is_of_path(target, path));
        self.sweep(purged);
        purged
    }

    pub(crate) fn purge_prefix(&self, prefix: &str) -> usize {
        let purged = self
            .targets
            .change_all(|target| targets::is_below(target, prefix));
        self.sweep(purged);
        purged
    }

    /// Gives back the memory of what has been purged.
    fn sweep(&self, purged: usize) {
        if purged == 0 {
            return;
        }
        let dead: Vec<Key> = self
            .resources
            .iter()
            .filter(|(_, resource)| resource.iter().all(|stored| !stored.snapshot.is_current()))
            .map(|(key, _)| Key::clone(&key))
            .collect();
        for key in dead {
            self.resources.invalidate(&key);
        }
        self.settle();
    }

    pub(crate) fn clear(&self) {
        self.targets.change_all(|_| true);
        self.resources.invalidate_all();
        self.unstored.clear();
        self.settle();
    }

    pub(crate) fn entries(&self) -> u64 {
        self.settle();
        self.resources.entry_count()
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.resources.weighted_size()
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("resources", &self.resources.entry_count())
            .finish_non_exhaustive()
    }
}

/// Lets go of what is stale and cannot be validated, before it is evicted.
struct Usefulness;

impl Expiry<Key, Arc<Resource>> for Usefulness {
    fn expire_after_create(
        &self,
        _: &Key,
        resource: &Arc<Resource>,
        _: Instant,
    ) -> Option<Duration> {
        resource.useful_for().filter(|time| *time < A_YEAR)
    }

    fn expire_after_update(
        &self,
        _: &Key,
        resource: &Arc<Resource>,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        resource.useful_for().filter(|time| *time < A_YEAR)
    }
}
