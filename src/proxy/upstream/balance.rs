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
use crate::proxy::upstream::member::{InFlight, Member};
use std::sync::Arc;
use std::time::Instant;

/// Several upstreams of one proxy.
#[derive(Debug)]
pub(crate) struct Balancer {
    members: Members,
    epoch: Instant,
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
        }
    }

    pub(crate) fn first(&self) -> &Upstream {
        match &self.members {
            Members::Fixed(members) => &members[0].upstream,
            Members::Changing(discovery) => discovery.service(),
        }
    }

    pub(crate) fn pick(&self) -> Option<InFlight> {
        match &self.members {
            Members::Fixed(members) => self.pick_of(members),
            Members::Changing(discovery) => self.pick_of(&discovery.members()),
        }
    }

    pub(crate) async fn pick_late(&self) -> Option<InFlight> {
        match &self.members {
            Members::Changing(discovery) if discovery.is_awaited().await => self.pick(),
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

    fn pick_of(&self, members: &[Arc<Member>]) -> Option<InFlight> {
        let now = self.now();
        let chosen = match members {
            // To set aside the only one there is would turn a short failure into a long one.
            [only] => only,
            _ => two_of_all(members, now).or_else(|| two_of_available(members, now))?,
        };
        Some(InFlight::at(chosen, members.len(), now))
    }

    fn now(&self) -> u64 {
        millis(self.epoch.elapsed()).max(1)
    }
}

/// The usual case, whatever the number of members: both draws are available.
fn two_of_all(members: &[Arc<Member>], now: u64) -> Option<&Arc<Member>> {
    let (first, second) = two_of(members.len())?;
    let (first, second) = (&members[first], &members[second]);
    let both = first.is_available(now) && second.is_available(now);
    both.then(|| less_loaded(first, second))
}

fn two_of_available(members: &[Arc<Member>], now: u64) -> Option<&Arc<Member>> {
    let available = || members.iter().filter(|member| member.is_available(now));
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
        let upstreams = balancer(2);
        let busy = upstreams.pick().unwrap();
        for _ in 0..20 {
            let other = upstreams.pick().unwrap();
            assert_ne!(host(&other), host(&busy));
        }
    }

    #[test]
    fn a_failed_upstream_is_left_alone_until_one_trial() {
        let upstreams = balancer(2);
        let failing = upstreams.pick().unwrap();
        upstreams.failed(&failing);
        for _ in 0..20 {
            assert_ne!(host(&upstreams.pick().unwrap()), host(&failing));
        }
        // Its pause is over: exactly one of many picks tries it.
        failing.member().set_aside(0);
        let picks: Vec<_> = (0..50).map(|_| upstreams.pick().unwrap()).collect();
        let trials = picks.iter().filter(|picked| host(picked) == host(&failing));
        assert_eq!(trials.count(), 1);
        failing.member().succeeded();
        assert!(failing.member().is_available(0));
    }

    #[test]
    fn a_burst_of_failures_is_one_failure() {
        let upstreams = balancer(1);
        let burst: Vec<_> = (0..20).map(|_| upstreams.pick().unwrap()).collect();
        for request in &burst {
            upstreams.failed(request);
        }
        let member = &members(&upstreams)[0];
        let failures = || member.failures();
        assert_eq!(failures(), 1);
        // The trial after its pause is another one.
        member.set_aside(0);
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
        let upstreams = balancer(1);
        for _ in 0..3 {
            let picked = upstreams.pick().unwrap();
            upstreams.failed(&picked);
            assert!(!upstreams.has_another(&picked));
        }
        assert!(!members(&upstreams)[0].is_available(1));
    }

    #[test]
    fn when_all_are_set_aside_there_is_none() {
        let upstreams = balancer(2);
        while let Some(picked) = upstreams.pick() {
            upstreams.failed(&picked);
        }
        assert!(members(&upstreams).iter().all(|one| !one.is_available(1)));
    }
}
