//! Invalidation: which targets have been changed since something of them was fetched.
//!
//! Two things keep the answers of before a change from being used after it. A counter belongs to every path and
//! query of which something is stored, and what is stored remembers what it was: an unsafe request or a purge counts
//! up, and what remembers less is not used any more, whatever its host. For answers that are still on their way
//! there is a list of the latest changes: a fetch remembers where it ended, and what it brings is stored only if
//! nothing of its target was added since. Looking for entries would miss both other hosts and such answers.

use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use foldhash::quality::RandomState;

use crate::cache::store::key::Key;

/// The most changes that are remembered. A fetch during which there are more is not stored.
const MOST_CHANGES: usize = 4096;

/// The counters in use, and the latest changes.
#[derive(Debug, Default)]
pub(crate) struct Targets {
    counters: Mutex<HashMap<u64, Weak<Target>, RandomState>>,
    changes: Mutex<Changes>,
    /// The number of changes so far.
    latest: AtomicU64,
    hasher: RandomState,
}

/// The latest changes: their numbers, and the hashes of their targets.
#[derive(Debug, Default)]
struct Changes {
    list: VecDeque<(u64, u64)>,
    /// Up to this one, anything may have been changed.
    forgotten: u64,
}

/// The time at which a fetch began, by the number of changes before it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Began(u64);

/// A path and query, and how often it was changed.
struct Target {
    /// A key of the first that was stored of it, which the name is a part of.
    key: Key,
    hash: u64,
    changes: AtomicU64,
    home: Weak<Targets>,
}

/// A target as it was when something of it was stored.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    target: Arc<Target>,
    changes: u64,
}

impl Targets {
    /// Now, for a fetch that begins.
    pub(crate) fn now(&self) -> Began {
        Began(self.latest.load(Ordering::Acquire))
    }

    /// The target of a key as it is now, for something that was fetched; nothing if it was changed meanwhile.
    pub(crate) fn snapshot(self: &Arc<Self>, key: &Key, began: Began) -> Option<Snapshot> {
        let hash = self.hash(key.target());
        let target = self.enter(key, hash);
        let snapshot = Snapshot {
            changes: target.changes.load(Ordering::Acquire),
            target,
        };
        // A change is in the list before it is counted: what was counted before the line above is found here.
        let is_changed = self.lock_changes().contain(hash, began);
        (!is_changed).then_some(snapshot)
    }

    /// Notes a change of one target.
    pub(crate) fn change(&self, name: &str) {
        let hash = self.hash(name);
        self.note(Some(hash));
        let known = self.lock().get(&hash).and_then(Weak::upgrade);
        if let Some(target) = known {
            target.change();
        }
    }

    /// Notes a change of each target whose path and query are wanted, and returns of how many something is
    /// stored. A response that is on its way may be of one of them, and is not stored.
    pub(crate) fn change_all(&self, wanted: impl Fn(&str) -> bool) -> usize {
        self.note(None);
        // Let go of only when the lock is free: the last one to let go of a target takes the lock.
        let all: Vec<_> = self.lock().values().filter_map(Weak::upgrade).collect();
        let found = all.iter().filter(|target| wanted(target.name()));
        found.map(|target| target.change()).count()
    }

    fn note(&self, hash: Option<u64>) {
        let mut changes = self.lock_changes();
        let number = self.latest.load(Ordering::Acquire) + 1;
        changes.add(number, hash);
        self.latest.store(number, Ordering::Release);
    }

    fn enter(self: &Arc<Self>, key: &Key, hash: u64) -> Arc<Target> {
        let mut counters = self.lock();
        if let Some(known) = counters.get(&hash).and_then(Weak::upgrade) {
            return known;
        }
        let target = Arc::new(Target {
            key: key.clone(),
            hash,
            changes: AtomicU64::new(0),
            home: Arc::downgrade(self),
        });
        counters.insert(hash, Arc::downgrade(&target));
        target
    }

    /// Two targets with one hash are changed together, which is the safe side. All spellings of one have it
    /// together: they are the same resource (RFC 3986 6.2.2).
    fn hash(&self, name: &str) -> u64 {
        self.hasher.hash_one(&*normal(name))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Weak<Target>, RandomState>> {
        self.counters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_changes(&self) -> MutexGuard<'_, Changes> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Changes {
    /// Adds a change of one target, or of any.
    fn add(&mut self, number: u64, hash: Option<u64>) {
        match hash {
            Some(hash) => self.list.push_back((number, hash)),
            None => {
                self.list.clear();
                self.forgotten = number;
            }
        }
        if self.list.len() > MOST_CHANGES {
            if let Some((oldest, _)) = self.list.pop_front() {
                self.forgotten = oldest;
            }
        }
    }

    fn contain(&self, hash: u64, began: Began) -> bool {
        let since = self
            .list
            .iter()
            .rev()
            .take_while(|(number, _)| *number > began.0);
        self.forgotten > began.0 || since.into_iter().any(|(_, changed)| *changed == hash)
    }
}

impl Target {
    fn name(&self) -> &str {
        self.key.target()
    }

    fn change(&self) {
        self.changes.fetch_add(1, Ordering::AcqRel);
    }
}

impl Snapshot {
    /// Whether nothing has changed since.
    pub(crate) fn is_current(&self) -> bool {
        self.target.changes.load(Ordering::Acquire) == self.changes
    }

    /// The bytes that the name takes.
    pub(crate) fn size(&self) -> usize {
        self.target.name().len()
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        let Some(home) = self.home.upgrade() else {
            return;
        };
        let mut counters = home.lock();
        // Another one may have taken its place since its last owner let go.
        let is_own = counters
            .get(&self.hash)
            .is_some_and(|held| held.strong_count() == 0);
        if is_own {
            counters.remove(&self.hash);
        }
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target")
            .field("changes", &self.changes)
            .finish_non_exhaustive()
    }
}

/// One spelling for all that are equivalent (RFC 3986 6.2.2): unreserved characters as they are, and the others that
/// are percent-encoded in upper case. So are those that no URI may hold, which browsers send as they are, as `|` in a
/// path. Requests go on and are stored as they came; this is for what ends them.
fn normal(target: &str) -> Cow<'_, str> {
    if target.bytes().all(stands_for_itself) {
        return Cow::Borrowed(target);
    }
    let mut normal = String::with_capacity(target.len() + 16);
    let mut rest = target.as_bytes();
    while let [first, after @ ..] = rest {
        let encoded = after.first_chunk().filter(|_| *first == b'%');
        let encoded = encoded.and_then(|digits: &[u8; 2]| decoded(*digits));
        rest = if encoded.is_some() {
            &after[2..]
        } else {
            after
        };
        let stays = match encoded {
            Some(byte) => is_unreserved(byte),
            None => *first == b'%' || stands_for_itself(*first),
        };
        let byte = encoded.unwrap_or(*first);
        if stays {
            normal.push(char::from(byte));
        } else {
            normal.push_str(&format!("%{byte:02X}"));
        }
    }
    Cow::Owned(normal)
}

/// The byte that two hexadecimal digits stand for.
fn decoded(digits: [u8; 2]) -> Option<u8> {
    let [high, low] = digits.map(|digit| char::from(digit).to_digit(16));
    u8::try_from(high? << 4 | low?).ok()
}

/// RFC 3986 2.3.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

/// Whether a byte of a target is a character of URIs (RFC 3986 2.2, 2.3).
fn stands_for_itself(byte: u8) -> bool {
    is_unreserved(byte) || b":/?#[]@!$&'()*+,;=".contains(&byte)
}

/// Whether two paths and queries are spellings of one.
pub(crate) fn is_same(one: &str, other: &str) -> bool {
    normal(one) == normal(other)
}

/// Whether a path and query is of a path: that path, whatever its query.
pub(crate) fn is_of_path(target: &str, path: &str) -> bool {
    let (target, path) = (normal(target), normal(path));
    target
        .strip_prefix(&*path)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('?'))
}

/// Whether a path and query is below a prefix, on segment boundaries.
pub(crate) fn is_below(target: &str, prefix: &str) -> bool {
    let (target, prefix) = (normal(target), normal(prefix));
    let prefix = prefix.strip_suffix('/').unwrap_or(&prefix);
    let rest = target.strip_prefix(prefix);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(target: &str) -> Key {
        let request = http::Request::builder().uri(target).body(()).unwrap();
        crate::cache::store::key::of(&request.into_parts().0)
    }

    #[test]
    fn a_change_reaches_what_is_stored_and_nothing_else() {
        let targets = Arc::new(Targets::default());
        let stored = |name| targets.snapshot(&key(name), targets.now()).unwrap();
        let (before, other) = (stored("/a"), stored("/b"));
        targets.change("/a");
        let after = stored("/a");
        assert!(!before.is_current());
        assert!(after.is_current() && other.is_current());
        assert_eq!(targets.change_all(|name| name == "/b"), 1);
        assert!(!other.is_current() && after.is_current());
    }

    #[test]
    fn a_change_reaches_what_is_on_its_way() {
        let targets = Arc::new(Targets::default());
        let (early, _) = (targets.now(), targets.change("/a"));
        let late = targets.now();
        assert!(targets.snapshot(&key("/a"), early).is_none());
        assert!(targets.snapshot(&key("/b"), early).is_some());
        assert!(targets.snapshot(&key("/a"), late).is_some());
        targets.change_all(|_| false);
        assert!(targets.snapshot(&key("/b"), late).is_none());
        assert!(targets.snapshot(&key("/b"), targets.now()).is_some());
    }

    #[test]
    fn of_more_changes_than_are_remembered_any_may_be_meant() {
        let targets = Arc::new(Targets::default());
        let began = targets.now();
        for number in 0..MOST_CHANGES {
            targets.change(&number.to_string());
        }
        assert!(targets.snapshot(&key("/a"), began).is_some());
        targets.change("one more");
        assert!(targets.snapshot(&key("/a"), began).is_none());
        assert_eq!(targets.lock_changes().list.len(), MOST_CHANGES);
    }

    #[test]
    fn a_target_that_nobody_holds_is_forgotten() {
        let targets = Arc::new(Targets::default());
        let held = targets.snapshot(&key("/a"), targets.now());
        for n in 0..1000 {
            drop(targets.snapshot(&key(&format!("/{n}")), targets.now()));
        }
        assert_eq!(targets.lock().len(), 1);
        drop(held);
        assert_eq!(targets.lock().len(), 0);
    }

    #[test]
    fn a_change_by_one_spelling_reaches_all() {
        let targets = Arc::new(Targets::default());
        for (sent, spelling) in [
            ("/x/%2c", "/%78/%2c"),
            ("/x/%2c", "/x/%2C"),
            ("/x/%2c", "/%78/%2C"),
            ("/a|b", "/a%7Cb"),
            ("/a%7cb", "/a|b"),
        ] {
            let stored = targets.snapshot(&key(sent), targets.now()).unwrap();
            targets.change(spelling);
            assert!(!stored.is_current(), "{spelling}");
        }
        let stored = targets.snapshot(&key("/x/%2c"), targets.now()).unwrap();
        targets.change("/x/,");
        targets.change("/X/%2c");
        assert!(stored.is_current());
        for (spelling, expected) in [
            ("/a%", "/a%"),
            ("/a%4", "/a%4"),
            ("/a%zz%41", "/a%zzA"),
            ("/%c3%bc?%7e=%20", "/%C3%BC?~=%20"),
            ("/%+1", "/%+1"),
            ("/%ü", "/%%C3%BC"),
            ("/a|b?c={\"d\"}^", "/a%7Cb?c=%7B%22d%22%7D%5E"),
            ("/a%7cb%", "/a%7Cb%"),
        ] {
            assert_eq!(normal(spelling), expected);
        }
    }

    #[test]
    fn paths_and_prefixes_end_at_segments() {
        for (target, path, expected) in [
            ("/api/%78", "/api/x", true),
            ("/api/a%2fb", "/api/a%2Fb", true),
            ("/api/a%2fb", "/api/a/b", false),
            ("/api/x", "/api/x", true),
            ("/api/x?a=1", "/api/x", true),
            ("/api/x/y", "/api/x", false),
            ("/api/xy", "/api/x", false),
        ] {
            assert_eq!(is_of_path(target, path), expected, "{target}");
        }
        for (target, prefix, expected) in [
            ("/api/x", "/api", true),
            ("/api/x", "/api/", true),
            ("/api?a", "/api/", true),
            ("/api", "/api/", true),
            ("/apix", "/api", false),
            ("/apix", "/", true),
            ("/apix", "", true),
        ] {
            assert_eq!(is_below(target, prefix), expected, "{target} {prefix}");
        }
    }
}
