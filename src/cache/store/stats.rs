//! Counts of what a cache has done.

use std::sync::atomic::{AtomicU64, Ordering};

/// The outcome of a request. It is in the extensions of the response that a cache gives back, for logs and metrics.
///
/// # Examples
///
/// ```
/// use same_origin::cache::Outcome;
///
/// fn log<B>(response: &http::Response<B>) {
///     if let Some(outcome) = response.extensions().get::<Outcome>() {
///         println!("cache {}", outcome.as_str());
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// Answered from memory.
    Hit,
    /// Answered from memory with a response that is stale: while it is validated, or because the upstream
    /// failed.
    Stale,
    /// Answered from memory after the upstream had said that it is still good.
    Revalidated,
    /// Answered by the upstream.
    Miss,
    /// Answered by the upstream, because the request is not one that a cache answers.
    Bypass,
}

impl Outcome {
    /// A word for logs and metrics: `hit`, `stale`, `revalidated`, `miss` or `bypass`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Stale => "stale",
            Self::Revalidated => "revalidated",
            Self::Miss => "miss",
            Self::Bypass => "bypass",
        }
    }
}

/// Counts since a cache was made, and its size now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Requests that were answered from memory.
    pub hits: u64,
    /// Requests that were answered with a stale response.
    pub stale: u64,
    /// Requests that were answered from memory after a validation.
    pub revalidated: u64,
    /// Requests that were answered by the upstream.
    pub misses: u64,
    /// Requests that a cache does not answer.
    pub bypassed: u64,
    /// Requests that waited for the fetch of another one.
    pub collapsed: u64,
    /// Responses that were stored.
    pub stored: u64,
    /// Resources in memory, about.
    pub entries: u64,
    /// Bytes in memory, about.
    pub bytes: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    outcomes: [AtomicU64; 5],
    pub(crate) collapsed: AtomicU64,
    pub(crate) stored: AtomicU64,
}

impl Counters {
    pub(crate) fn count(&self, outcome: Outcome) {
        self.outcomes[outcome as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> Stats {
        let of = |outcome: Outcome| self.outcomes[outcome as usize].load(Ordering::Relaxed);
        Stats {
            hits: of(Outcome::Hit),
            stale: of(Outcome::Stale),
            revalidated: of(Outcome::Revalidated),
            misses: of(Outcome::Miss),
            bypassed: of(Outcome::Bypass),
            collapsed: self.collapsed.load(Ordering::Relaxed),
            stored: self.stored.load(Ordering::Relaxed),
            entries: 0,
            bytes: 0,
        }
    }
}
