//! The source, and the memory of its answers.

use std::collections::HashMap;
use std::fmt;
use std::future::{Future, ready};
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use futures_util::future::{Shared, WeakShared};
use moka::Expiry;
use moka::sync::Cache;

use crate::cors::config::{PolicyError, PolicyErrorKind};
use crate::origin::Origin;

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
    known: Cache<Origin, bool>,
    asking: Mutex<Asking>,
}

/// The lookups under way, each for as long as a request waits for it.
#[derive(Default)]
struct Asking {
    lookups: HashMap<Origin, (u64, WeakShared<Answer>)>,
    last: u64,
}

/// The place of a lookup, which is free again when the lookup ends or nobody waits for it any more.
struct Turn {
    memory: Arc<Memory>,
    origin: Origin,
    number: u64,
}

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

    /// The most origins that are asked about at once; one at least. Default: 64.
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

    /// The limit with which the source would never be asked, if there is one. To be slow, or to remember nothing, is
    /// none: a time of zero is enough for a source that has its answer at hand.
    pub(super) fn mistake(&self) -> Option<PolicyError> {
        let remedy = "write 1 at least, or build a layer without a source";
        let error = || PolicyError::new("max_in_flight", PolicyErrorKind::NoLookups, remedy);
        (self.limits.in_flight == 0).then(|| error().value_at(None, "0"))
    }
}

impl Memory {
    pub(super) fn new(source: OriginSource) -> Arc<Self> {
        let OriginSource { ask, limits } = source;
        Arc::new(Self {
            ask,
            limits,
            known: Cache::builder()
                .max_capacity(limits.capacity)
                .expire_after(Age(limits))
                .build(),
            asking: Mutex::default(),
        })
    }

    /// Whether the origin is allowed.
    pub(super) fn allows(self: &Arc<Self>, origin: Origin) -> Answer {
        match self.known.get(&origin) {
            Some(known) => Box::pin(ready(known)),
            None => self.look_up(origin),
        }
    }

    /// Waits for the lookup that is under way, or begins one.
    ///
    /// All who wait drive the same lookup, so that it goes on when the request that began it is given up. If the
    /// next one began anew, as moka's own would, clients that come and go could have the source asked without end,
    /// and others wait.
    fn look_up(self: &Arc<Self>, origin: Origin) -> Answer {
        let mut asking = self.asking();
        if let Some(lookup) = asking.of(&origin) {
            return Box::pin(lookup);
        }
        // It may have ended since it was looked for.
        if let Some(known) = self.known.get(&origin) {
            return Box::pin(ready(known));
        }
        if asking.lookups.len() >= self.limits.in_flight {
            return Box::pin(ready(false));
        }
        asking.last += 1;
        let turn = Turn {
            memory: Arc::clone(self),
            origin: origin.clone(),
            number: asking.last,
        };
        let lookup = (Box::pin(turn.ask()) as Answer).shared();
        if let Some(waiting) = lookup.downgrade() {
            let entry = (asking.last, waiting);
            asking.lookups.insert(origin, entry);
        }
        Box::pin(lookup)
    }

    fn asking(&self) -> MutexGuard<'_, Asking> {
        self.asking.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Asking {
    fn of(&self, origin: &Origin) -> Option<Shared<Answer>> {
        self.lookups.get(origin)?.1.upgrade()
    }
}

impl Turn {
    async fn ask(self) -> bool {
        let Memory {
            ask, limits, known, ..
        } = &*self.memory;
        let answer = async { tokio::time::timeout(limits.timeout, ask(&self.origin)).await };
        // A source that panics has no answer either, nor has one whose runtime has ended, with its timer. The panic would
        // reach all who wait, and end their connections.
        match AssertUnwindSafe(answer).catch_unwind().await {
            Ok(Ok(allowed)) => {
                known.insert(self.origin.clone(), allowed);
                allowed
            }
            Ok(Err(_)) | Err(_) => false,
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut asking = self.memory.asking();
        // Another request may have begun the next lookup since nobody waits for this one.
        let is_own = |(number, _): &(u64, _)| *number == self.number;
        if asking.lookups.get(&self.origin).is_some_and(is_own) {
            asking.lookups.remove(&self.origin);
        }
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

    /// As if it was new: moka would keep the time that was left to the answer before.
    fn expire_after_update(
        &self,
        origin: &Origin,
        allowed: &bool,
        now: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        self.expire_after_create(origin, allowed, now)
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
