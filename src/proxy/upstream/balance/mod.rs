//! The choice of one of several upstreams for a request.
//!
//! Power of two choices: of two taken at random, the one with fewer requests under way. It needs no
//! view of all and follows the load at once. `tower::balance::p2c` is the same idea for services that
//! have a readiness of their own; it is not `Clone`, so it would stand behind a buffer's task and
//! channel, and it has no notion of an endpoint that is set aside for a while and tried again.
//! `tower::load` measures one service for each endpoint, up to the head of a response; here one client
//! serves all, and a request weighs until its response's last byte.

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::proxy::error::{ProxyError, ProxyErrorKind};
use crate::proxy::upstream::Upstream;
use crate::proxy::upstream::backoff::millis;
use crate::proxy::upstream::endpoint_list::Discovery;
use crate::proxy::upstream::member::{InFlight, Member, ProbePlace, Tried};

/// Several upstreams of one proxy.
#[derive(Debug)]
pub(crate) struct Balancer {
    members: Members,
    epoch: Instant,
    probe: ProbePlace,
    /// The last failure to connect to one of them.
    unconnected: Mutex<Option<ProxyError>>,
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
            unconnected: Mutex::default(),
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

    /// The reason why nothing could be picked. Where there are members none can be connected to; the cause is that of
    /// the last one, whichever request found it out.
    pub(crate) fn why_none(&self) -> ProxyError {
        let none = ProxyErrorKind::NoUpstream;
        match &self.members {
            Members::Changing(discovery) if discovery.members().is_empty() => {
                discovery.why_empty().into()
            }
            Members::Fixed(_) | Members::Changing(_) => match &*self.unconnected() {
                Some(cause) => ProxyError::new(none, false, cause.clone()),
                None => none.into(),
            },
        }
    }

    pub(crate) fn failed(&self, request: &InFlight, error: &ProxyError) -> Option<Duration> {
        *self.unconnected() = Some(error.clone());
        request.member().failed(request, self.now())
    }

    pub(crate) fn left_unanswered(&self, request: &InFlight) -> Option<Duration> {
        request.member().left_unanswered(request, self.now())
    }

    /// The number of members that are set aside, or were and have not answered since. Of one alone none ever is.
    pub(crate) fn set_aside(&self) -> usize {
        let count = |members: &[Arc<Member>]| {
            let failed = members.iter().filter(|member| member.failures() != 0);
            if members.len() > 1 { failed.count() } else { 0 }
        };
        match &self.members {
            Members::Fixed(members) => count(members),
            Members::Changing(discovery) => count(&discovery.members()),
        }
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

    /// A poisoned lock guards one value, which a panic elsewhere cannot have torn.
    fn unconnected(&self) -> MutexGuard<'_, Option<ProxyError>> {
        self.unconnected
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
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
