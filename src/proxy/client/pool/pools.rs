//! The pools of one destination, one for each runtime, and those of all destinations of a client.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use arc_swap::ArcSwap;
use http::uri::{Authority, Scheme};
use tokio::runtime::Handle;

use super::Pool;
use super::common::{Common, Settings, Slots};
use crate::proxy::client::connect::Connector;
use crate::proxy::upstream::destination::{Destination, Protocol};

/// The pools of one destination.
pub(crate) struct Pools {
    common: Arc<Common>,
    /// They are few: one for each runtime that has sent a request there.
    by_runtime: ArcSwap<Vec<Arc<Pool>>>,
}

impl Pools {
    fn new(destination: Destination, connector: Arc<Connector>, settings: Settings) -> Self {
        let most = settings.max_in_flight;
        let slots = Slots::new(most, settings.max_waiting, settings.wait_timeout);
        Self {
            common: Arc::new(Common {
                destination,
                connector,
                settings,
                slots,
                retired: AtomicBool::new(false),
            }),
            by_runtime: ArcSwap::default(),
        }
    }

    pub(crate) fn destination(&self) -> &Destination {
        &self.common.destination
    }

    /// The pool of the runtime that this is called on.
    pub(crate) fn here(&self) -> Arc<Pool> {
        let here = Handle::try_current().ok().map(|runtime| runtime.id());
        let is_here = |pool: &&Arc<Pool>| pool.runtime == here;
        if let Some(pool) = self.by_runtime.load().iter().find(is_here) {
            return Arc::clone(pool);
        }
        let new = Arc::new(Pool::new(Arc::clone(&self.common), here));
        let mut found = Arc::clone(&new);
        self.by_runtime.rcu(|pools| {
            if let Some(pool) = pools.iter().find(is_here) {
                found = Arc::clone(pool);
                return Vec::clone(pools);
            }
            found = Arc::clone(&new);
            // Without those of runtimes that are over.
            let used = pools.iter().filter(|pool| !is_unused(pool));
            used.chain([&new]).cloned().collect()
        });
        found
    }

    /// Connections that are open or being opened.
    fn connections(&self) -> usize {
        self.by_runtime
            .load()
            .iter()
            .map(|pool| pool.connections())
            .sum()
    }

    #[cfg(test)]
    pub(super) fn by_runtime_len(&self) -> usize {
        self.by_runtime.load().len()
    }

    /// Closes the connections that lie idle, and the others after their last response.
    #[cfg(feature = "balance")]
    pub(crate) fn retire(&self) {
        self.common.retire();
        for pool in self.by_runtime.load().iter() {
            pool.retire();
        }
    }

    /// Whether nobody has a request, a connection or a way here.
    fn is_unused(self: &Arc<Self>) -> bool {
        // The list that it is in holds it too.
        Arc::strong_count(self) == 1 && self.by_runtime.load().iter().all(is_unused)
    }
}

/// Whether a pool has no connection, not even one that has become a tunnel, and only its list holds it.
///
/// The connections of a runtime that is over have ended with it, and so has the task that would have thrown them out.
fn is_unused(pool: &Arc<Pool>) -> bool {
    pool.drop_closed();
    Arc::strong_count(pool) == 1 && pool.is_empty() && pool.connections() == 0
}

impl fmt::Debug for Pools {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pools")
            .field("destination", self.destination())
            .finish_non_exhaustive()
    }
}

/// The pools of a client.
#[derive(Debug)]
pub(crate) struct Registry {
    connector: Arc<Connector>,
    settings: Settings,
    /// They are few, known after the first requests, and read on every one.
    pools: ArcSwap<Vec<Arc<Pools>>>,
}

impl Registry {
    pub(crate) fn new(connector: Connector, settings: Settings) -> Self {
        Self {
            connector: Arc::new(connector),
            settings,
            pools: ArcSwap::default(),
        }
    }

    /// Connections of all pools.
    pub(crate) fn connections(&self) -> usize {
        self.pools
            .load()
            .iter()
            .map(|pools| pools.connections())
            .sum()
    }

    /// The pools of an origin as a URI names it, if it can be one.
    pub(crate) fn of_origin(&self, scheme: &Scheme, authority: &Authority) -> Option<Arc<Pools>> {
        let is_it = |pools: &&Arc<Pools>| {
            let destination = pools.destination();
            destination.address().is_none() && destination.serves(scheme, authority)
        };
        if let Some(pools) = self.pools.load().iter().find(is_it) {
            return Some(Arc::clone(pools));
        }
        // RFC 9110 4.2: nothing else is spoken here, and what is meant to be secret (`wss`) is not sent in the clear.
        let protocol = match scheme {
            _ if *scheme == Scheme::HTTPS => Protocol::Https,
            _ if *scheme == Scheme::HTTP => Protocol::Http,
            _ => return None,
        };
        // RFC 9110 4.2.4: what stands before `@` is not a part of the name. Or in another spelling than
        // the pool's.
        let authority = authority.as_str();
        let named = authority.rsplit('@').next().unwrap_or(authority);
        let destination = Destination::new(protocol, &named.parse().ok()?).ok()?;
        Some(self.of(&destination))
    }

    /// The pools of a destination, which are made if there are none.
    pub(crate) fn of(&self, destination: &Destination) -> Arc<Pools> {
        let is_it =
            |pools: &&Arc<Pools>| pools.destination() == destination && !pools.common.is_retired();
        if let Some(pools) = self.pools.load().iter().find(is_it) {
            return Arc::clone(pools);
        }
        let connector = Arc::clone(&self.connector);
        let new = Arc::new(Pools::new(destination.clone(), connector, self.settings));
        let mut found = Arc::clone(&new);
        self.pools.rcu(|all| {
            if let Some(pools) = all.iter().find(is_it) {
                found = Arc::clone(pools);
                return Vec::clone(all);
            }
            found = Arc::clone(&new);
            // Out with those that nobody uses, so that a client of many origins does not grow.
            let used = all.iter().filter(|pools| !pools.is_unused());
            used.chain([&new]).cloned().collect()
        });
        found
    }
}
