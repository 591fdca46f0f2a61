//! The upstreams of one proxy: one, or with the feature `balance` a choice.

use crate::proxy::error::ProxyErrorKind;
use crate::proxy::upstream::Upstream;
#[cfg(feature = "balance")]
use crate::proxy::upstream::balance::Balancer;
use crate::proxy::upstream::member::{InFlight, Member};

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

    /// An upstream for the next request; `None` when there is none, or all are set aside.
    pub(crate) fn pick(&self) -> Option<InFlight> {
        match self {
            Self::One(_) => None,
            #[cfg(feature = "balance")]
            Self::Several(balancer) => balancer.pick(),
        }
    }

    /// The next one to pick, where nothing could be picked because the list is being asked for the first
    /// time.
    pub(crate) async fn pick_late(&self) -> Option<InFlight> {
        match self {
            Self::One(_) => None,
            #[cfg(feature = "balance")]
            Self::Several(balancer) => balancer.pick_late().await,
        }
    }

    /// The reason why nothing could be picked.
    pub(crate) fn why_none(&self) -> ProxyErrorKind {
        match self {
            Self::One(_) => ProxyErrorKind::NoUpstream,
            #[cfg(feature = "balance")]
            Self::Several(balancer) => balancer.why_none(),
        }
    }

    /// Notes that the member of a request could not be connected to.
    pub(crate) fn failed(&self, request: &InFlight) {
        match self {
            Self::One(_) => request.member().failed(request, 0),
            #[cfg(feature = "balance")]
            Self::Several(balancer) => balancer.failed(request),
        }
    }

    /// Whether a request that could not be connected, for the `times`-th time, may go elsewhere. Each time
    /// sets one aside; the bound is for a list that changes meanwhile.
    pub(crate) fn may_go_on(&self, request: &InFlight, times: usize) -> bool {
        let has_another = match self {
            Self::One(_) => false,
            #[cfg(feature = "balance")]
            Self::Several(balancer) => balancer.has_another(request),
        };
        has_another && times <= request.choices()
    }
}
