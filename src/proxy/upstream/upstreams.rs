//! The upstreams of one proxy: one, or with the feature `balance` a choice.
#![cfg_attr(
    not(feature = "balance"),
    allow(unused_variables, reason = "a single upstream is not chosen")
)]

use std::time::Duration;

use crate::proxy::error::{ProxyError, ProxyErrorKind};
use crate::proxy::upstream::Upstream;
#[cfg(feature = "balance")]
use crate::proxy::upstream::balance::Balancer;
use crate::proxy::upstream::member::{InFlight, Member, Tried};

/// The upstreams of one proxy.
#[derive(Debug)]
pub(crate) enum Upstreams {
    /// No choice: it is never set aside and its load is not counted.
    One(Box<Member>),
    #[cfg(feature = "balance")]
    Several(Balancer),
}

impl Upstreams {
    pub(crate) fn one(upstream: Upstream) -> Self {
        Self::One(Box::new(Member::new(upstream)))
    }

    /// The only upstream, if there is and will be no other.
    pub(crate) fn only(&self) -> Option<&Member> {
        match self {
            Self::One(only) => Some(only),
            #[cfg(feature = "balance")]
            Self::Several(_) => None,
        }
    }

    /// The one that stands for all of them in a log.
    pub(crate) fn first(&self) -> &Upstream {
        match self {
            Self::One(only) => &only.upstream,
            #[cfg(feature = "balance")]
            Self::Several(balancer) => balancer.first(),
        }
    }

    /// An upstream for a request, other than those that it was sent to; `None` when there is no other one, or all are
    /// set aside. `may_probe`: it may find out whether one that could not be connected to is back.
    pub(crate) fn pick(&self, tried: &Tried, may_probe: bool) -> Option<InFlight> {
        match self {
            Self::One(_) => None,
            #[cfg(feature = "balance")]
            Self::Several(balancer) => balancer.pick(tried, may_probe),
        }
    }

    /// The next one to pick, where nothing could be picked because the list is being asked for the first
    /// time.
    pub(crate) async fn pick_late(&self, tried: &Tried, may_probe: bool) -> Option<InFlight> {
        match self {
            Self::One(_) => None,
            #[cfg(feature = "balance")]
            Self::Several(balancer) => balancer.pick_late(tried, may_probe).await,
        }
    }

    /// The reason why nothing could be picked.
    pub(crate) fn why_none(&self) -> ProxyError {
        match self {
            Self::One(_) => ProxyErrorKind::NoUpstream.into(),
            #[cfg(feature = "balance")]
            Self::Several(balancer) => balancer.why_none(),
        }
    }

    /// Notes the failure of a request in its member's health: at once that it could not be connected to, and
    /// several times in a row that it did not answer. Any other failure says nothing of the member. Returns the pause for
    /// which the member is set aside, if that is news.
    pub(crate) fn failed(&self, request: &InFlight, error: &ProxyError) -> Option<Duration> {
        let kind = error.kind();
        let is_unanswered = matches!(
            kind,
            ProxyErrorKind::Closed
                | ProxyErrorKind::MalformedResponse
                | ProxyErrorKind::ResponseTimeout
        );
        match self {
            Self::One(_) => None,
            #[cfg(feature = "balance")]
            Self::Several(balancer) if kind.is_connect() => balancer.failed(request, error),
            #[cfg(feature = "balance")]
            Self::Several(balancer) if is_unanswered => balancer.left_unanswered(request),
            #[cfg(feature = "balance")]
            Self::Several(_) => None,
        }
    }

    /// The number of those that are set aside.
    pub(crate) fn set_aside(&self) -> usize {
        match self {
            Self::One(_) => 0,
            #[cfg(feature = "balance")]
            Self::Several(balancer) => balancer.set_aside(),
        }
    }

    /// Whether a request that was not sent may go elsewhere. It comes to no member twice; the bound is for a list
    /// that changes meanwhile.
    pub(crate) fn may_go_on(&self, request: &InFlight, tried: &Tried) -> bool {
        let has_another = match self {
            Self::One(_) => false,
            #[cfg(feature = "balance")]
            Self::Several(balancer) => balancer.has_another(request),
        };
        has_another && tried.len() < request.choices()
    }
}
