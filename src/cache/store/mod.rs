//! The memory of a cache: bounded by bytes, on moka.

pub(crate) mod entry;
pub(crate) mod key;
pub(crate) mod size;
pub(crate) mod stats;
pub(crate) mod targets;
mod unstored;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use foldhash::quality::RandomState;
use http::HeaderMap;
use moka::Expiry;
use moka::sync::Cache as Map;

use crate::cache::store::entry::{Resource, Stored};
use crate::cache::store::key::Key;
use crate::cache::store::targets::Targets;
use crate::cache::store::unstored::{Unstored, Why};

/// Longer than this a timer need not wait; an entry that nobody asks for is evicted before.
const A_YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

/// The outcome of storing a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Insertion {
    Stored,
    /// The stored response is more recent.
    Outdated,
    /// It is larger than all may be together.
    TooLarge,
}

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
    pub(crate) fn new(size: u64, targets: Arc<Targets>) -> Self {
        let resources = Map::builder()
            .max_capacity(size)
            .weigher(|key: &Key, resource: &Arc<Resource>| resource.weight(key))
            .expire_after(Usefulness)
            .build_with_hasher(RandomState::default());
        Self {
            resources,
            unstored: Unstored::new(),
            targets,
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
    pub(crate) fn insert(&self, key: Key, stored: Stored, request: &HeaderMap) -> Insertion {
        let stored = Arc::new(stored);
        let _alone = self.lock(&key);
        let held = self.resources.get(&key).unwrap_or_default();
        let with = held.with(&stored, request, self.size / 2);
        with.map_or(Insertion::Outdated, |resource| {
            if self.put(key, resource) {
                Insertion::Stored
            } else {
                Insertion::TooLarge
            }
        })
    }

    /// Whether a response of this size and a body of this length are not larger than all may be together.
    pub(crate) fn fits(&self, key: &Key, bare: usize, body: u64) -> bool {
        entry::weight_of(key, bare, body) <= self.size
    }

    /// Puts one response in place of another, or removes it. `false` if that one is not there any more: then all stays
    /// as it is. Nor if the other one is too large, which removes it.
    pub(crate) fn replace(&self, key: &Key, old: &Arc<Stored>, new: Option<Arc<Stored>>) -> bool {
        let _alone = self.lock(key);
        let held = self.resources.get(key);
        let Some(resource) = held.and_then(|held| held.replaced(old, new)) else {
            return false;
        };
        if resource.is_empty() {
            self.resources.invalidate(key);
            return true;
        }
        self.put(key.clone(), resource)
    }

    /// `false` if it is larger than all may be together.
    fn put(&self, key: Key, resource: Resource) -> bool {
        let weight = u64::from(resource.weight(&key));
        // moka would evict all others for a thing that is heavier than everything may be, and then that.
        if weight > self.size {
            self.resources.invalidate(&key);
            return false;
        }
        self.resources.insert(key, Arc::new(resource));
        // moka evicts some time later, and counts in entries how late. The bound is one in bytes.
        let behind = self.behind.fetch_add(weight, Ordering::Relaxed) + weight;
        if behind > self.size / 64 {
            self.settle();
        }
        true
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
        self.unstored.note(key, Why::Any);
    }

    /// The same for one that turned out to be too long, which the head of the next one may not show.
    pub(crate) fn note_too_long(&self, key: &Key) {
        self.unstored.note(key, Why::TooLong);
    }

    pub(crate) fn was_too_long(&self, key: &Key) -> bool {
        self.unstored.find(key) == Some(Why::TooLong)
    }

    pub(crate) fn was_unstored(&self, key: &Key) -> bool {
        self.unstored.find(key).is_some()
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
        self.let_go();
    }

    /// Gives back all memory. Others that hear of the same changes keep what they have.
    pub(crate) fn let_go(&self) {
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
