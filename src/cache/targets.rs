//! Invalidation: which targets have been changed since something of them was fetched.
//!
//! A counter belongs to every path and query of which something is stored or on its way, and every stored
//! response remembers what it was when its request was sent. An unsafe request or a purge counts up, and
//! what remembers less is not used any more: whatever its host, and even if it was on its way in that
//! moment and is stored only later. Looking for entries would miss those.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// The counters in use.
#[derive(Debug, Default)]
pub(crate) struct Targets {
    counters: Mutex<HashMap<Arc<str>, Weak<Target>>>,
}

/// A path and query, and how often it was changed.
pub(crate) struct Target {
    name: Arc<str>,
    changes: AtomicU64,
    home: Weak<Targets>,
}

/// A target as it was when something of it was asked for.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    target: Arc<Target>,
    changes: u64,
}

impl Targets {
    /// The target as it is now.
    pub(crate) fn snapshot(self: &Arc<Self>, name: &str) -> Snapshot {
        let mut counters = self.lock();
        let known = counters.get(name).and_then(Weak::upgrade);
        let target = known.unwrap_or_else(|| {
            let name: Arc<str> = Arc::from(name);
            let target = Arc::new(Target {
                name: Arc::clone(&name),
                changes: AtomicU64::new(0),
                home: Arc::downgrade(self),
            });
            counters.insert(name, Arc::downgrade(&target));
            target
        });
        drop(counters);
        let changes = target.changes.load(Ordering::Acquire);
        Snapshot { target, changes }
    }

    /// Notes a change of one target, and returns whether anything of it was there.
    pub(crate) fn change(&self, name: &str) -> bool {
        let known = self.lock().get(name).and_then(Weak::upgrade);
        known.is_some_and(|target| {
            target.change();
            true
        })
    }

    /// Notes a change of each target whose path and query are wanted, and returns of how many.
    pub(crate) fn change_all(&self, wanted: impl Fn(&str) -> bool) -> usize {
        // Let go of only when the lock is free: the last one to let go of a target takes the lock.
        let found: Vec<_> = {
            let counters = self.lock();
            let found = counters.iter().filter(|(name, _)| wanted(name));
            found.filter_map(|(_, target)| target.upgrade()).collect()
        };
        found.iter().for_each(|target| target.change());
        found.len()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, Weak<Target>>> {
        self.counters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Target {
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
        self.target.name.len()
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
            .get(&self.name)
            .is_some_and(|held| held.strong_count() == 0);
        if is_own {
            counters.remove(&self.name);
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

/// Whether a path and query is of a path: that path, whatever its query.
pub(crate) fn is_of_path(target: &str, path: &str) -> bool {
    target
        .strip_prefix(path)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('?'))
}

/// Whether a path and query is below a prefix, on segment boundaries.
pub(crate) fn is_below(target: &str, prefix: &str) -> bool {
    let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
    let rest = target.strip_prefix(prefix);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_reaches_what_was_asked_for_before_and_nothing_else() {
        let targets = Arc::new(Targets::default());
        let before = targets.snapshot("/a");
        let other = targets.snapshot("/b");
        assert!(targets.change("/a"));
        let after = targets.snapshot("/a");
        assert!(!before.is_current());
        assert!(after.is_current() && other.is_current());
        assert_eq!(targets.change_all(|name| name == "/b"), 1);
        assert!(!other.is_current() && after.is_current());
    }

    #[test]
    fn a_target_that_nobody_holds_is_forgotten() {
        let targets = Arc::new(Targets::default());
        let held = targets.snapshot("/a");
        for n in 0..1000 {
            drop(targets.snapshot(&format!("/{n}")));
        }
        assert_eq!(targets.lock().len(), 1);
        assert!(!targets.change("/1"));
        drop(held);
        assert_eq!(targets.lock().len(), 0);
    }

    #[test]
    fn paths_and_prefixes_end_at_segments() {
        for (target, path, expected) in [
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
