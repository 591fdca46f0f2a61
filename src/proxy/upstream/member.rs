//! One upstream of a proxy: its load, its health, and the way to its connections.
#![cfg_attr(
    not(feature = "balance"),
    allow(
        dead_code,
        reason = "load and health decide only where there is a choice"
    )
)]

use crate::proxy::client::ConnectTo;
use crate::proxy::upstream::Upstream;
use crate::proxy::upstream::backoff::{millis, pause};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};

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
    set_aside_until: AtomicU64,
}

/// A request under way at a member, until it is dropped.
#[derive(Debug)]
pub(crate) struct InFlight {
    member: Arc<Member>,
    /// The member's failures when it was picked.
    failures: u32,
    /// The number of members that it was picked from.
    choices: usize,
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

    /// Notes that it answered.
    pub(crate) fn succeeded(&self) {
        let Health {
            failures,
            set_aside_until,
        } = &self.health;
        if failures.load(Ordering::Relaxed) != 0 {
            failures.store(0, Ordering::Relaxed);
            set_aside_until.store(0, Ordering::Relaxed);
        }
    }

    /// Notes that a request could not be connected.
    ///
    /// Of the requests that were under way there together the first one tells all that there is to
    /// tell. If each of them counted, one burst would make the pause the longest at once.
    pub(crate) fn failed(&self, request: &InFlight, now: u64) {
        let first =
            |failures: u32| (failures <= request.failures).then(|| failures.saturating_add(1));
        let failures = &self.health.failures;
        let counted = failures.fetch_update(Ordering::Relaxed, Ordering::Relaxed, first);
        if let Ok(failures) = counted {
            self.set_aside(now + millis(pause(failures)));
        }
    }

    pub(crate) fn load(&self) -> usize {
        self.load.load(Ordering::Relaxed)
    }

    pub(crate) fn is_available(&self, now: u64) -> bool {
        self.health.set_aside_until.load(Ordering::Relaxed) <= now
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
        let failures = member.begin_trial(now);
        member.load.fetch_add(1, Ordering::Relaxed);
        Self {
            member: Arc::clone(member),
            failures,
            choices,
        }
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
