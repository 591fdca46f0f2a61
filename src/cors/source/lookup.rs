//! The source, and the memory of its answers.

use crate::origin::Origin;
use moka::Expiry;
use moka::future::Cache;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// A function that tells whether an origin is allowed, with limits on asking it.
///
/// It is asked within the requests that need the answer: this takes a tokio runtime with its timer, and no
/// task.
#[must_use = "a source is asked by a layer"]
pub struct OriginSource {
    ask: Box<Ask>,
    limits: Limits,
}

type Ask = dyn Fn(&Origin) -> Answer + Send + Sync;
pub(super) type Answer = Pin<Box<dyn Future<Output = bool> + Send>>;

#[derive(Clone, Copy, Debug)]
struct Limits {
    timeout: Duration,
    in_flight: usize,
    capacity: u64,
    ttl: Duration,
    negative_ttl: Duration,
}

/// A source with its memory.
pub(super) struct Memory {
    ask: Box<Ask>,
    limits: Limits,
    asking: AtomicUsize,
    known: Cache<Origin, bool>,
}

/// The source did not answer.
#[derive(Clone, Copy, Debug)]
struct NoAnswer;

/// Counts one lookup as long as it lives.
struct Turn<'a>(&'a AtomicUsize);

/// The time for which an answer is remembered.
struct Age(Limits);

impl OriginSource {
    /// A source that calls the function. What it cannot tell is a no.
    pub fn new<F, A>(ask: F) -> Self
    where
        F: Fn(&Origin) -> A + Send + Sync + 'static,
        A: Future<Output = bool> + Send + 'static,
    {
        Self {
            ask: Box::new(move |origin| Box::pin(ask(origin))),
            limits: Limits {
                timeout: Duration::from_secs(2),
                in_flight: 64,
                capacity: 10_000,
                ttl: Duration::from_secs(60),
                negative_ttl: Duration::from_secs(10),
            },
        }
    }

    /// The time that an answer may take. Default: 2 seconds.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.limits.timeout = timeout;
        self
    }

    /// The most origins that are asked about at once. Default: 64.
    pub fn max_in_flight(mut self, origins: usize) -> Self {
        self.limits.in_flight = origins;
        self
    }

    /// The most answers that are remembered. Default: 10000.
    pub fn capacity(mut self, answers: u64) -> Self {
        self.limits.capacity = answers;
        self
    }

    /// The time for which a yes is remembered. Default: 60 seconds. An origin that is removed from what the
    /// source knows may be allowed for so long.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.limits.ttl = ttl;
        self
    }

    /// The time for which a no is remembered. Default: 10 seconds.
    pub fn negative_ttl(mut self, ttl: Duration) -> Self {
        self.limits.negative_ttl = ttl;
        self
    }
}

impl Memory {
    pub(super) fn new(source: OriginSource) -> Arc<Self> {
        let OriginSource { ask, limits } = source;
        Arc::new(Self {
            ask,
            limits,
            asking: AtomicUsize::new(0),
            known: Cache::builder()
                .max_capacity(limits.capacity)
                .expire_after(Age(limits))
                .build(),
        })
    }

    /// Whether the origin is allowed.
    pub(super) fn allows(self: &Arc<Self>, origin: Origin) -> Answer {
        let memory = Arc::clone(self);
        Box::pin(async move {
            if let Some(known) = memory.known.get(&origin).await {
                return known;
            }
            let look_up = memory.look_up(&origin);
            memory
                .known
                .try_get_with(origin.clone(), look_up)
                .await
                .unwrap_or(false)
        })
    }

    async fn look_up(&self, origin: &Origin) -> Result<bool, NoAnswer> {
        let _turn = Turn::take(&self.asking, self.limits.in_flight).ok_or(NoAnswer)?;
        let answer = tokio::time::timeout(self.limits.timeout, (self.ask)(origin));
        answer.await.map_err(|_elapsed| NoAnswer)
    }
}

impl<'a> Turn<'a> {
    fn take(asking: &'a AtomicUsize, most: usize) -> Option<Self> {
        let turn = Self(asking);
        (asking.fetch_add(1, Ordering::Relaxed) < most).then_some(turn)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Expiry<Origin, bool> for Age {
    fn expire_after_create(&self, _: &Origin, allowed: &bool, _: Instant) -> Option<Duration> {
        Some(if *allowed {
            self.0.ttl
        } else {
            self.0.negative_ttl
        })
    }
}

impl fmt::Debug for OriginSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OriginSource")
            .field("ask", &format_args!("<fn>"))
            .field("limits", &self.limits)
            .finish()
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory")
            .field("known", &self.known.entry_count())
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
