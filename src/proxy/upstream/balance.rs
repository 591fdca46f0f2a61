//! Which of several upstreams gets a request.
//!
//! Power of two choices: of two taken at random, the one with fewer requests under way. It needs no
//! view of all and follows the load at once. `tower::balance::p2c` is the same idea for services that
//! have a readiness of their own; it is not `Clone`, so it would stand behind a buffer's task and
//! channel, and it has no notion of an endpoint that is set aside for a while and tried again.
//! `tower::load` measures one service for each endpoint, up to the head of a response; here one client
//! serves all, and a request weighs until its response's last byte.

use crate::proxy::client::{ConnectTo, Way};
use crate::proxy::error::ProxyErrorKind;
use crate::proxy::upstream::Upstream;
use crate::proxy::upstream::board::Discovery;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// The first pause of an upstream that could not be connected to. It doubles with each failure.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The upstreams of one proxy.
#[derive(Debug)]
pub(crate) struct Upstreams {
    list: List,
    /// Drives the choice. It need not be unpredictable, only well mixed.
    draws: AtomicUsize,
    epoch: Instant,
}

#[derive(Debug)]
enum List {
    /// No choice: it is never set aside and its load is not counted.
    One(Box<Member>),
    /// At least one.
    Several(Vec<Arc<Member>>),
    Changing(Discovery),
}

/// One upstream of several, its load and its health.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) upstream: Upstream,
    pub(crate) way: Way,
    in_flight: AtomicUsize,
    failures: AtomicU32,
    /// Milliseconds of the epoch before which it is not tried.
    set_aside_until: AtomicU64,
}

/// A request under way at a member, until it is dropped.
#[derive(Debug)]
pub(crate) struct InFlight {
    member: Arc<Member>,
    /// The member's failures when it was picked.
    failures: u32,
    /// Of how many it was picked.
    choices: usize,
}

impl InFlight {
    pub(crate) fn member(&self) -> &Member {
        &self.member
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.member.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Upstreams {
    /// A list that stays; the builder has checked that it is not empty.
    pub(crate) fn fixed(mut upstreams: Vec<Upstream>) -> Self {
        if upstreams.len() == 1 {
            let only = Member::new(upstreams.remove(0), None);
            return Self::new(List::One(Box::new(only)));
        }
        let member = |upstream| Arc::new(Member::new(upstream, None));
        Self::new(List::Several(upstreams.into_iter().map(member).collect()))
    }

    pub(crate) fn changing(discovery: Discovery) -> Self {
        Self::new(List::Changing(discovery))
    }

    fn new(list: List) -> Self {
        Self {
            list,
            draws: AtomicUsize::new(0),
            epoch: Instant::now(),
        }
    }

    /// The only upstream, if there is and will be no other.
    pub(crate) fn only(&self) -> Option<&Member> {
        match &self.list {
            List::One(only) => Some(only),
            List::Several(_) | List::Changing(_) => None,
        }
    }

    /// The one that stands for all of them in a log.
    pub(crate) fn first(&self) -> &Upstream {
        match &self.list {
            List::One(only) => &only.upstream,
            List::Several(members) => &members[0].upstream,
            List::Changing(discovery) => discovery.service(),
        }
    }

    /// An upstream for the next request; `None` when there is none, or all are set aside.
    pub(crate) fn pick(&self) -> Option<InFlight> {
        match &self.list {
            List::One(_) => None,
            List::Several(members) => self.pick_of(members),
            List::Changing(discovery) => self.pick_of(&discovery.members()),
        }
    }

    /// Why nothing could be picked.
    pub(crate) fn why_none(&self) -> ProxyErrorKind {
        match &self.list {
            List::Changing(discovery) => discovery.why_none(),
            List::One(_) | List::Several(_) => ProxyErrorKind::NoUpstream,
        }
    }

    /// When nothing could be picked: something, if the list is only just being asked for.
    pub(crate) async fn pick_late(&self) -> Option<InFlight> {
        match &self.list {
            List::Changing(discovery) if discovery.is_expected().await => self.pick(),
            List::One(_) | List::Several(_) | List::Changing(_) => None,
        }
    }

    fn pick_of(&self, members: &[Arc<Member>]) -> Option<InFlight> {
        let now = self.now();
        let draw = mix(self.draws.fetch_add(1, Ordering::Relaxed));
        let chosen = match members {
            // To set aside the only one there is would turn a short failure into a long one.
            [only] => only,
            _ => two_of_all(members, draw, now).or_else(|| two_of_available(members, draw, now))?,
        };
        let failures = chosen.begin_trial(now);
        chosen.in_flight.fetch_add(1, Ordering::Relaxed);
        Some(InFlight {
            member: Arc::clone(chosen),
            failures,
            choices: members.len(),
        })
    }

    /// The member of a request could not be connected to.
    ///
    /// Of the requests that were under way there together the first one tells all that there is to
    /// tell. If each of them counted, one burst would make the pause the longest at once.
    pub(crate) fn failed(&self, request: &InFlight) {
        let member = request.member();
        let first =
            |failures: u32| (failures <= request.failures).then(|| failures.saturating_add(1));
        let counted = member
            .failures
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, first);
        if let Ok(failures) = counted {
            let until = self.now() + millis(pause(failures));
            member.set_aside_until.store(until, Ordering::Relaxed);
        }
    }

    /// Whether a request that could not be connected, for the `times`-th time, may go elsewhere. Each
    /// time sets one aside; the bound is for a list that changes meanwhile.
    pub(crate) fn may_go_on(&self, request: &InFlight, times: usize) -> bool {
        let elsewhere = match &self.list {
            List::One(_) => false,
            List::Several(members) => members.len() > 1,
            // Another one, or the only one of a list that has changed.
            List::Changing(discovery) => {
                let is_other = |member| !Arc::ptr_eq(member, &request.member);
                discovery.members().iter().any(is_other)
            }
        };
        elsewhere && times <= request.choices
    }

    fn now(&self) -> u64 {
        millis(self.epoch.elapsed()).max(1)
    }
}

impl Member {
    pub(crate) fn new(upstream: Upstream, place: Option<ConnectTo>) -> Self {
        let (protocol, authority) = (upstream.protocol, upstream.authority.clone());
        Self {
            way: Way::new(protocol, authority, place),
            upstream,
            in_flight: AtomicUsize::new(0),
            failures: AtomicU32::new(0),
            set_aside_until: AtomicU64::new(0),
        }
    }

    /// It answered.
    pub(crate) fn succeeded(&self) {
        if self.failures.load(Ordering::Relaxed) != 0 {
            self.failures.store(0, Ordering::Relaxed);
            self.set_aside_until.store(0, Ordering::Relaxed);
        }
    }

    fn load(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    fn is_available(&self, now: u64) -> bool {
        self.set_aside_until.load(Ordering::Relaxed) <= now
    }

    /// One request tries a member whose pause is over; the others wait for what becomes of it.
    /// Gives how often it has failed.
    fn begin_trial(&self, now: u64) -> u32 {
        let failures = self.failures.load(Ordering::Relaxed);
        if failures != 0 {
            let until = now + millis(pause(failures - 1));
            self.set_aside_until.store(until, Ordering::Relaxed);
        }
        failures
    }
}

/// The usual case, whatever the number of members: both draws are available.
fn two_of_all(members: &[Arc<Member>], draw: usize, now: u64) -> Option<&Arc<Member>> {
    let (first, second) = two_of(draw, members.len())?;
    let (first, second) = (&members[first], &members[second]);
    let both = first.is_available(now) && second.is_available(now);
    both.then(|| less_loaded(first, second))
}

fn two_of_available(members: &[Arc<Member>], draw: usize, now: u64) -> Option<&Arc<Member>> {
    let available = || members.iter().filter(|member| member.is_available(now));
    match two_of(draw, available().count()) {
        Some((first, second)) => Some(less_loaded(
            available().nth(first)?,
            available().nth(second)?,
        )),
        None => available().next(),
    }
}

fn less_loaded<'a>(first: &'a Arc<Member>, second: &'a Arc<Member>) -> &'a Arc<Member> {
    if second.load() < first.load() {
        second
    } else {
        first
    }
}

/// Two different numbers below `count`, if there are two.
fn two_of(draw: usize, count: usize) -> Option<(usize, usize)> {
    let others = count.checked_sub(1).filter(|others| *others > 0)?;
    let first = draw % count;
    let second = (first + 1 + (draw / count) % others) % count;
    Some((first, second))
}

/// How long nobody tries again after so many failures before this one.
pub(crate) fn pause(failures: u32) -> Duration {
    FIRST_PAUSE
        .saturating_mul(1 << failures.min(10))
        .min(LONGEST_PAUSE)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// SplitMix64's finalizer: neighbouring numbers become unrelated ones.
fn mix(n: usize) -> usize {
    let mut z = (n as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    (z ^ (z >> 31)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upstreams(count: usize) -> Upstreams {
        let address = |n| Upstream::parse(&format!("http://up{n}.example")).unwrap();
        let member = |n| Arc::new(Member::new(address(n), None));
        Upstreams::new(List::Several((0..count).map(member).collect()))
    }

    fn members(upstreams: &Upstreams) -> &[Arc<Member>] {
        match &upstreams.list {
            List::Several(members) => members,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_upstream_is_picked() {
        let upstreams = upstreams(5);
        let mut held = Vec::new();
        for _ in 0..100 {
            held.push(upstreams.pick().unwrap());
        }
        let loads: Vec<_> = members(&upstreams).iter().map(|one| one.load()).collect();
        assert!(
            loads.iter().all(|load| (10..=30).contains(load)),
            "{loads:?}"
        );
        drop(held);
        assert!(members(&upstreams).iter().all(|one| one.load() == 0));
    }

    #[test]
    fn the_less_loaded_of_two_is_picked() {
        let upstreams = upstreams(2);
        let busy = upstreams.pick().unwrap();
        for _ in 0..20 {
            let other = upstreams.pick().unwrap();
            assert_ne!(other.member().upstream.host, busy.member().upstream.host);
        }
    }

    #[test]
    fn a_failed_upstream_is_left_alone_until_one_trial() {
        let upstreams = upstreams(2);
        let failing = upstreams.pick().unwrap();
        let host = &failing.member().upstream.host;
        upstreams.failed(&failing);
        for _ in 0..20 {
            assert_ne!(upstreams.pick().unwrap().member().upstream.host, *host);
        }
        // Its pause is over: exactly one of many picks tries it.
        failing.member().set_aside_until.store(0, Ordering::Relaxed);
        let picks: Vec<_> = (0..50).map(|_| upstreams.pick().unwrap()).collect();
        let trials = picks.iter().filter(|p| p.member().upstream.host == *host);
        assert_eq!(trials.count(), 1);
        failing.member().succeeded();
        assert!(failing.member().is_available(0));
    }

    #[test]
    fn a_burst_of_failures_is_one_failure() {
        let upstreams = upstreams(1);
        let burst: Vec<_> = (0..20).map(|_| upstreams.pick().unwrap()).collect();
        for request in &burst {
            upstreams.failed(request);
        }
        let member = &members(&upstreams)[0];
        let failures = || member.failures.load(Ordering::Relaxed);
        assert_eq!(failures(), 1);
        // The trial after its pause is another one.
        member.set_aside_until.store(0, Ordering::Relaxed);
        upstreams.failed(&upstreams.pick().unwrap());
        assert_eq!(failures(), 2);
        // After a success it starts anew, whenever the request was picked that fails.
        member.succeeded();
        upstreams.failed(&burst[0]);
        assert_eq!(failures(), 1);
        assert!(!member.is_available(1));
    }

    #[test]
    fn the_only_one_is_tried_each_time() {
        let upstreams = upstreams(1);
        for _ in 0..3 {
            let picked = upstreams.pick().unwrap();
            upstreams.failed(&picked);
            assert!(!upstreams.may_go_on(&picked, 1));
        }
        assert!(!members(&upstreams)[0].is_available(1));
    }

    #[test]
    fn when_all_are_set_aside_there_is_none() {
        let upstreams = upstreams(2);
        while let Some(picked) = upstreams.pick() {
            upstreams.failed(&picked);
        }
        assert!(members(&upstreams).iter().all(|one| !one.is_available(1)));
    }

    #[test]
    fn pauses_grow_to_a_bound() {
        let pauses: Vec<_> = [0, 1, 2, 5, 6, 40]
            .map(pause)
            .iter()
            .map(Duration::as_secs)
            .collect();
        assert_eq!(pauses, [1, 2, 4, 32, 60, 60]);
    }
}
