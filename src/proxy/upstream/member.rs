//! One upstream of a proxy: its load, its health, and the way to its connections.
#![cfg_attr(
    not(feature = "balance"),
    allow(
        dead_code,
        reason = "load and health decide only where there is a choice"
    )
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use crate::proxy::client::ConnectTo;
use crate::proxy::upstream::Upstream;
use crate::proxy::upstream::backoff::{millis, pause};

/// One upstream of a proxy.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) upstream: Upstream,
    pub(crate) connect_to: ConnectTo,
    /// Requests under way.
    load: AtomicUsize,
    health: Health,
}

/// The failures of a member, and the time until which it is left alone. Times are milliseconds of the list's
/// epoch.
#[derive(Debug, Default)]
struct Health {
    failures: AtomicU32,
    /// Requests that were sent and not answered, since the last answer.
    unanswered: AtomicU32,
    set_aside_until: AtomicU64,
    /// Whether it was set aside though it could be connected to.
    is_connectable: AtomicBool,
}

/// A member that leaves so many requests in a row unanswered is set aside. One alone may be the request's own doing.
const MOST_UNANSWERED: u32 = 3;

/// The one place for a request to a list whose members are all set aside.
#[derive(Debug, Default)]
pub(crate) struct ProbePlace(Arc<AtomicBool>);

/// The place, taken until this is dropped.
#[derive(Debug)]
pub(crate) struct Probe(Arc<AtomicBool>);

impl ProbePlace {
    pub(crate) fn take(&self) -> Option<Probe> {
        let was_taken = self.0.swap(true, Ordering::AcqRel);
        (!was_taken).then(|| Probe(Arc::clone(&self.0)))
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// The members that a request has been to in vain.
#[derive(Debug, Default)]
pub(crate) struct Tried(Vec<Arc<Member>>);

impl Tried {
    pub(crate) fn add(&mut self, request: &InFlight) {
        self.0.push(Arc::clone(&request.member));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn has(&self, member: &Arc<Member>) -> bool {
        self.0.iter().any(|tried| Arc::ptr_eq(tried, member))
    }
}

/// A request under way at a member, until it is dropped.
#[derive(Debug)]
pub(crate) struct InFlight {
    member: Arc<Member>,
    /// The member's failures when it was picked.
    failures: u32,
    /// Whether the member was set aside when it was picked: as a probe, or as the last resort.
    in_a_pause: bool,
    /// The number of members that it was picked from.
    choices: usize,
    /// Held until its outcome is known, if all members were set aside.
    probe: Option<Probe>,
}

impl Member {
    pub(crate) fn new(upstream: Upstream) -> Self {
        let connect_to = ConnectTo::new(upstream.destination.clone());
        Self {
            upstream,
            connect_to,
            load: AtomicUsize::new(0),
            health: Health::default(),
        }
    }

    /// Notes that it answered. Returns whether it had been set aside.
    pub(crate) fn succeeded(&self) -> bool {
        let Health {
            failures,
            unanswered,
            set_aside_until,
            ..
        } = &self.health;
        if unanswered.load(Ordering::Relaxed) != 0 {
            unanswered.store(0, Ordering::Relaxed);
        }
        // Read first: most answers change nothing, and a write would cost each of them.
        if failures.load(Ordering::Relaxed) == 0 || failures.swap(0, Ordering::Relaxed) == 0 {
            return false;
        }
        set_aside_until.store(0, Ordering::Relaxed);
        true
    }

    /// Sets it aside, for longer each time.
    ///
    /// Requests that were under way there together count as one failure. If each of them counted, one burst would
    /// make the pause the longest at once. The same holds for requests that do not wait for the pause (probes, and
    /// requests that had no other member): one that fails begins the pause anew, with the same length.
    ///
    /// Returns the pause if it is news. It is not news if the request did not wait for it, or if the member is alone.
    fn set_back(&self, request: &InFlight, now: u64) -> Option<Duration> {
        let with_this = |failures: u32| {
            let is_known = request.in_a_pause && failures == request.failures;
            failures.saturating_add(u32::from(!is_known || failures == 0))
        };
        let first = |failures| (failures <= request.failures).then(|| with_this(failures));
        let failures = &self.health.failures;
        let counted = failures.fetch_update(Ordering::Relaxed, Ordering::Relaxed, first);
        let before = counted.ok()?;
        let pause = pause(with_this(before) - 1);
        self.set_aside(now + millis(pause));
        (with_this(before) > before && request.choices > 1).then_some(pause)
    }

    /// Notes that a request could not be connected. See [`set_back`](Self::set_back).
    pub(crate) fn failed(&self, request: &InFlight, now: u64) -> Option<Duration> {
        self.health.is_connectable.store(false, Ordering::Relaxed);
        self.set_back(request, now)
    }

    /// Whether it is set aside because of requests that were sent, which may have been those requests' own doing.
    pub(crate) fn is_connectable(&self) -> bool {
        self.health.is_connectable.load(Ordering::Relaxed)
    }

    /// Notes that a request was sent, or nearly so, and not answered.
    pub(crate) fn left_unanswered(&self, request: &InFlight, now: u64) -> Option<Duration> {
        let unanswered = &self.health.unanswered;
        let one_more = |count: u32| count.checked_add(1);
        let before = unanswered.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
        let before = before.unwrap_or(MOST_UNANSWERED);
        let was_set_aside = request.failures != 0 && self.failures() != 0;
        if !was_set_aside && before + 1 < MOST_UNANSWERED {
            return None;
        }
        self.health.is_connectable.store(true, Ordering::Relaxed);
        self.set_back(request, now)
    }

    pub(crate) fn load(&self) -> usize {
        self.load.load(Ordering::Relaxed)
    }

    pub(crate) fn is_available(&self, now: u64) -> bool {
        self.set_aside_until() <= now
    }

    pub(crate) fn set_aside_until(&self) -> u64 {
        self.health.set_aside_until.load(Ordering::Relaxed)
    }

    pub(crate) fn set_aside(&self, until: u64) {
        let health = &self.health;
        health.set_aside_until.store(until, Ordering::Relaxed);
    }

    pub(crate) fn failures(&self) -> u32 {
        self.health.failures.load(Ordering::Relaxed)
    }

    /// One request tries a member whose pause is over; the others wait for its outcome.
    fn begin_trial(&self, now: u64) -> u32 {
        let failures = self.failures();
        if failures != 0 {
            self.set_aside(now + millis(pause(failures - 1)));
        }
        failures
    }
}

impl InFlight {
    /// Begins a request at a member that was picked from `choices`.
    pub(crate) fn at(member: &Arc<Member>, choices: usize, now: u64) -> Self {
        let in_a_pause = !member.is_available(now);
        let failures = member.begin_trial(now);
        member.load.fetch_add(1, Ordering::Relaxed);
        Self {
            member: Arc::clone(member),
            failures,
            in_a_pause,
            choices,
            probe: None,
        }
    }

    pub(crate) fn with(mut self, probe: Probe) -> Self {
        self.probe = Some(probe);
        self
    }

    /// Notes that its member answered. Returns whether that is news: it was set aside, and there are others.
    pub(crate) fn answered(&mut self) -> bool {
        self.probe = None;
        self.member.succeeded() && self.choices > 1
    }

    pub(crate) fn member(&self) -> &Member {
        &self.member
    }

    pub(crate) fn is_at(&self, member: &Arc<Member>) -> bool {
        Arc::ptr_eq(member, &self.member)
    }

    pub(crate) fn choices(&self) -> usize {
        self.choices
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.member.load.fetch_sub(1, Ordering::Relaxed);
    }
}
