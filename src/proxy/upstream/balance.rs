//! The choice of one of several upstreams for a request.
//!
//! Power of two choices: of two taken at random, the one with fewer requests under way. It needs no
//! view of all and follows the load at once. `tower::balance::p2c` is the same idea for services that
//! have a readiness of their own; it is not `Clone`, so it would stand behind a buffer's task and
//! channel, and it has no notion of an endpoint that is set aside for a while and tried again.
//! `tower::load` measures one service for each endpoint, up to the head of a response; here one client
//! serves all, and a request weighs until its response's last byte.

use crate::proxy::error::ProxyErrorKind;
use crate::proxy::upstream::Upstream;
use crate::proxy::upstream::backoff::millis;
use crate::proxy::upstream::endpoint_list::Discovery;
use crate::proxy::upstream::member::{InFlight, Member, ProbePlace, Tried};
use std::sync::Arc;
use tokio::time::Instant;

/// Several upstreams of one proxy.
#[derive(Debug)]
pub(crate) struct Balancer {
    members: Members,
    epoch: Instant,
    probe: ProbePlace,
}

#[derive(Debug)]
enum Members {
    /// At least one.
    Fixed(Vec<Arc<Member>>),
    Changing(Discovery),
}

impl Balancer {
    /// A list that stays; the builder has checked that it is not empty.
    pub(crate) fn fixed(upstreams: Vec<Upstream>) -> Self {
        let member = |upstream| Arc::new(Member::new(upstream));
        Self::new(Members::Fixed(upstreams.into_iter().map(member).collect()))
    }

    pub(crate) fn changing(discovery: Discovery) -> Self {
        Self::new(Members::Changing(discovery))
    }

    fn new(members: Members) -> Self {
        Self {
            members,
            epoch: Instant::now(),
            probe: ProbePlace::default(),
        }
    }

    pub(crate) fn first(&self) -> &Upstream {
        match &self.members {
            Members::Fixed(members) => &members[0].upstream,
            Members::Changing(discovery) => discovery.service(),
        }
    }

    pub(crate) fn pick(&self, tried: &Tried, may_probe: bool) -> Option<InFlight> {
        match &self.members {
            Members::Fixed(members) => self.pick_of(members, tried, may_probe),
            Members::Changing(discovery) => self.pick_of(&discovery.members(), tried, may_probe),
        }
    }

    pub(crate) async fn pick_late(&self, tried: &Tried, may_probe: bool) -> Option<InFlight> {
        match &self.members {
            Members::Changing(discovery) if discovery.is_awaited().await => {
                self.pick(tried, may_probe)
            }
            Members::Fixed(_) | Members::Changing(_) => None,
        }
    }

    pub(crate) fn why_none(&self) -> ProxyErrorKind {
        match &self.members {
            Members::Changing(discovery) => discovery.why_none(),
            Members::Fixed(_) => ProxyErrorKind::NoUpstream,
        }
    }

    pub(crate) fn failed(&self, request: &InFlight) {
        request.member().failed(request, self.now());
    }

    pub(crate) fn left_unanswered(&self, request: &InFlight) {
        request.member().left_unanswered(request, self.now());
    }

    /// Whether there is another one than a request's, or the only one of a list that has changed.
    pub(crate) fn has_another(&self, request: &InFlight) -> bool {
        match &self.members {
            Members::Fixed(members) => members.len() > 1,
            Members::Changing(discovery) => {
                let members = discovery.members();
                members.iter().any(|member| !request.is_at(member))
            }
        }
    }

    fn pick_of(&self, members: &[Arc<Member>], tried: &Tried, may_probe: bool) -> Option<InFlight> {
        let now = self.now();
        let may = |member: &Arc<Member>| member.is_available(now) && !tried.has(member);
        let chosen = match members {
            // To set aside the only one there is would turn a short failure into a long one.
            [only] => Some(only).filter(|only| !tried.has(only)),
            _ => two_of_all(members, may).or_else(|| two_of_available(members, may)),
        };
        // One client's requests can set aside who answers everybody else. Such a member is the last resort, or they
        // would be 502 to all.
        let may_all_the_same = |member: &Arc<Member>| member.is_connectable() && !tried.has(member);
        match chosen.or_else(|| two_of_available(members, may_all_the_same)) {
            Some(chosen) => Some(InFlight::at(chosen, members.len(), now)),
            None if may_probe && tried.is_empty() => self.probe(members, now),
            None => None,
        }
    }

    /// One request at a time finds out whether all are still down, and the others need not wait for it: pauses grow
    /// to a minute, which would outlast the failure. It goes to the member that is due first. A request that has
    /// failed elsewhere is not taken for it, or one alone would wait for each of the members to time out; nor is one with
    /// a body, whose client could hold the place for as long as it sends.
    fn probe(&self, members: &[Arc<Member>], now: u64) -> Option<InFlight> {
        let due = members.iter().min_by_key(|one| one.set_aside_until())?;
        let probe = self.probe.take()?;
        Some(InFlight::at(due, members.len(), now).with(probe))
    }

    fn now(&self) -> u64 {
        millis(self.epoch.elapsed()).max(1)
    }
}

/// The usual case, whatever the number of members: both draws are available.
fn two_of_all(members: &[Arc<Member>], may: impl Fn(&Arc<Member>) -> bool) -> Option<&Arc<Member>> {
    let (first, second) = two_of(members.len())?;
    let (first, second) = (&members[first], &members[second]);
    (may(first) && may(second)).then(|| less_loaded(first, second))
}

fn two_of_available(
    members: &[Arc<Member>],
    may: impl Fn(&Arc<Member>) -> bool,
) -> Option<&Arc<Member>> {
    let available = || members.iter().filter(|member| may(member));
    match two_of(available().count()) {
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

/// Two different numbers below `count`, if there are two. They need not be unpredictable.
fn two_of(count: usize) -> Option<(usize, usize)> {
    let others = count.checked_sub(1).filter(|others| *others > 0)?;
    let first = fastrand::usize(..count);
    let second = (first + 1 + fastrand::usize(..others)) % count;
    Some((first, second))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn balancer(count: usize) -> Balancer {
        let address = |n| Upstream::parse(&format!("http://up{n}.example")).unwrap();
        Balancer::fixed((0..count).map(address).collect())
    }

    fn members(balancer: &Balancer) -> &[Arc<Member>] {
        match &balancer.members {
            Members::Fixed(members) => members,
            Members::Changing(_) => panic!("it is a list that stays"),
        }
    }

    fn host(picked: &InFlight) -> &str {
        picked.member().upstream.destination.host()
    }

    #[test]
    fn every_upstream_is_picked() {
        let upstreams = balancer(5);
        let mut held = Vec::new();
        for _ in 0..100 {
            held.push(upstreams.pick(&Tried::default(), true).unwrap());
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
        let upstreams = balancer(2);
        let busy = upstreams.pick(&Tried::default(), true).unwrap();
        for _ in 0..20 {
            let other = upstreams.pick(&Tried::default(), true).unwrap();
            assert_ne!(host(&other), host(&busy));
        }
    }

    #[test]
    fn a_failed_upstream_is_left_alone_until_one_trial() {
        let upstreams = balancer(2);
        let failing = upstreams.pick(&Tried::default(), true).unwrap();
        upstreams.failed(&failing);
        for _ in 0..20 {
            assert_ne!(
                host(&upstreams.pick(&Tried::default(), true).unwrap()),
                host(&failing)
            );
        }
        // Its pause is over: exactly one of many picks tries it.
        failing.member().set_aside(0);
        let picks: Vec<_> = (0..50)
            .map(|_| upstreams.pick(&Tried::default(), true).unwrap())
            .collect();
        let trials = picks.iter().filter(|picked| host(picked) == host(&failing));
        assert_eq!(trials.count(), 1);
        failing.member().succeeded();
        assert!(failing.member().is_available(0));
    }

    #[test]
    fn a_burst_of_failures_is_one_failure() {
        let upstreams = balancer(1);
        let burst: Vec<_> = (0..20)
            .map(|_| upstreams.pick(&Tried::default(), true).unwrap())
            .collect();
        for request in &burst {
            upstreams.failed(request);
        }
        let member = &members(&upstreams)[0];
        let failures = || member.failures();
        assert_eq!(failures(), 1);
        // The trial after its pause is another one.
        member.set_aside(0);
        upstreams.failed(&upstreams.pick(&Tried::default(), true).unwrap());
        assert_eq!(failures(), 2);
        // After a success it starts anew, whenever the request was picked that fails.
        member.succeeded();
        upstreams.failed(&burst[0]);
        assert_eq!(failures(), 1);
        assert!(!member.is_available(1));
    }

    #[test]
    fn the_only_one_is_tried_each_time() {
        let upstreams = balancer(1);
        for _ in 0..3 {
            let picked = upstreams.pick(&Tried::default(), true).unwrap();
            upstreams.failed(&picked);
            assert!(!upstreams.has_another(&picked));
        }
        assert!(!members(&upstreams)[0].is_available(1));
    }

    fn pick(upstreams: &Balancer) -> Option<InFlight> {
        upstreams.pick(&Tried::default(), true)
    }

    /// A request that comes to each in vain.
    fn exhaust(upstreams: &Balancer) -> Vec<String> {
        let (mut tried, mut hosts) = (Tried::default(), Vec::new());
        while let Some(picked) = upstreams.pick(&tried, true) {
            upstreams.failed(&picked);
            hosts.push(host(&picked).to_owned());
            tried.add(&picked);
        }
        hosts
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_comes_to_each_once_and_then_there_is_none() {
        let upstreams = balancer(3);
        let mut hosts = exhaust(&upstreams);
        hosts.sort();
        assert_eq!(hosts, ["up0.example", "up1.example", "up2.example"]);
        assert!(members(&upstreams).iter().all(|one| !one.is_available(1)));
        // As a probe the next one comes to a single member.
        assert_eq!(exhaust(&upstreams).len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn when_all_are_set_aside_one_request_at_a_time_probes() {
        let upstreams = balancer(2);
        exhaust(&upstreams);
        tokio::time::advance(Duration::from_millis(10)).await;
        let probe = pick(&upstreams).unwrap();
        assert!(pick(&upstreams).is_none());
        let first = host(&probe).to_owned();
        // Its client has gone.
        drop(probe);
        let mut probe = pick(&upstreams).unwrap();
        assert_ne!(host(&probe), first, "the one that is due first");
        probe.answered();
        let back = host(&probe);
        for _ in 0..10 {
            assert_eq!(host(&pick(&upstreams).unwrap()), back);
        }
        // As its response is not here yet, the place is not its own any more.
        upstreams.failed(&pick(&upstreams).unwrap());
        assert!(pick(&upstreams).is_some());
    }

    /// However many requests come while all are down.
    #[tokio::test(start_paused = true)]
    async fn probes_make_no_pause_longer() {
        let upstreams = balancer(2);
        exhaust(&upstreams);
        for _ in 0..400 {
            tokio::time::advance(Duration::from_millis(100)).await;
            upstreams.failed(&pick(&upstreams).unwrap());
        }
        let mut probe = pick(&upstreams).unwrap();
        probe.answered();
        tokio::time::advance(Duration::from_secs(1)).await;
        let now = upstreams.now();
        assert!(members(&upstreams).iter().all(|one| one.is_available(now)));
    }

    #[tokio::test(start_paused = true)]
    async fn who_answers_nothing_three_times_in_a_row_is_left_alone() {
        let upstreams = balancer(2);
        let at = |which: usize| InFlight::at(&members(&upstreams)[which], 2, upstreams.now());
        let is_available = || members(&upstreams)[0].is_available(upstreams.now());
        for _ in 0..2 {
            upstreams.left_unanswered(&at(0));
            upstreams.left_unanswered(&at(0));
            assert!(is_available());
            at(0).answered();
        }
        upstreams.left_unanswered(&at(0));
        upstreams.left_unanswered(&at(0));
        // Another one's answer says nothing of it.
        at(1).answered();
        upstreams.left_unanswered(&at(0));
        assert!(!is_available());
        // One trial is enough then, and its pause is longer.
        tokio::time::advance(Duration::from_secs(1)).await;
        upstreams.left_unanswered(&at(0));
        tokio::time::advance(Duration::from_millis(1900)).await;
        assert!(!is_available());
        tokio::time::advance(Duration::from_millis(100)).await;
        at(0).answered();
        upstreams.left_unanswered(&at(0));
        assert!(is_available());
    }

    /// A client that knows a path on which all of them are silent does not close them to others.
    #[tokio::test(start_paused = true)]
    async fn who_can_be_connected_to_is_the_last_resort() {
        let upstreams = balancer(3);
        let at = |which: usize| InFlight::at(&members(&upstreams)[which], 3, upstreams.now());
        for which in [0, 0, 0, 1, 1, 1] {
            upstreams.left_unanswered(&at(which));
        }
        upstreams.failed(&at(2));
        let mut picked = Vec::new();
        for _ in 0..40 {
            let request = upstreams.pick(&Tried::default(), false).unwrap();
            assert_ne!(host(&request), "up2.example");
            picked.push(request);
        }
        assert!(members(&upstreams)[..2].iter().all(|one| one.load() > 10));
        // With those that cannot be connected to there is nothing to go on with, and a body is not a probe.
        for which in [0, 1] {
            upstreams.failed(&at(which));
        }
        assert!(upstreams.pick(&Tried::default(), false).is_none());
        assert!(upstreams.pick(&Tried::default(), true).is_some());
    }
}
