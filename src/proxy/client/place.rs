//! Where one endpoint of a changing list is, and the connections to it.

use super::Shared;
use super::pool::Pool;
use crate::proxy::upstream::Protocol;
use http::uri::{Authority, Scheme};
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock, Weak};

/// Where a request is to be connected to, as opposed to what its URI, `Host` and certificate say: in
/// the extensions of a request that goes to an endpoint of a list that changes
/// ([`ProxyBuilder::discover`](crate::proxy::ProxyBuilder::discover)).
///
/// [`Client`](super::Client) goes there. Layers around it need not care, as long as they hand the
/// extensions on; a client service that replaces it asks for the [`address`](Self::address).
///
/// # Examples
///
/// ```
/// use same_origin::proxy::{Body, ConnectTo};
/// use std::net::SocketAddr;
///
/// fn address(request: &http::Request<Body>) -> Option<SocketAddr> {
///     request.extensions().get::<ConnectTo>()?.address()
/// }
/// ```
#[derive(Clone)]
pub struct ConnectTo {
    place: Arc<Place>,
}

/// The connections belong to the place, so that they go when it does: a list that changes for years
/// leaves nothing behind in the client.
struct Place {
    protocol: Protocol,
    authority: Authority,
    address: Option<SocketAddr>,
    pool: OnceLock<(Weak<Shared>, Arc<Pool>)>,
}

impl ConnectTo {
    pub(crate) fn new(
        protocol: Protocol,
        authority: Authority,
        address: Option<SocketAddr>,
    ) -> Self {
        Self {
            place: Arc::new(Place {
                protocol,
                authority,
                address,
                pool: OnceLock::new(),
            }),
        }
    }

    /// The address; `None` where the URI's host is to be resolved as ever.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.place.address
    }

    /// Closes the connections that lie idle, and the others after their last response.
    pub(crate) fn retire(&self) {
        if let Some((_, pool)) = self.place.pool.get() {
            pool.retire();
        }
    }

    /// For a request whose URI says this.
    pub(super) fn pool(
        &self,
        client: &Arc<Shared>,
        scheme: &Scheme,
        authority: &Authority,
    ) -> Arc<Pool> {
        let pool = self.pool_of(client);
        // A layer may have sent the request elsewhere.
        if pool.is_for(scheme, authority) {
            pool
        } else {
            client.pool(scheme, authority)
        }
    }

    fn pool_of(&self, client: &Arc<Shared>) -> Arc<Pool> {
        let place = &*self.place;
        let new = || {
            let authority = place.authority.clone();
            let settings = client.settings;
            Arc::new(Pool::new(
                place.protocol,
                authority,
                place.address,
                settings,
            ))
        };
        let (owner, pool) = place.pool.get_or_init(|| (Arc::downgrade(client), new()));
        // Of two clients below one proxy the second keeps no connections here.
        if owner.as_ptr() == Arc::as_ptr(client) {
            Arc::clone(pool)
        } else {
            new()
        }
    }
}

/// The way of a proxy's own client to one of its upstreams: which connections to use, found once.
#[derive(Debug)]
pub(crate) struct Way {
    protocol: Protocol,
    authority: Authority,
    /// Where it is, if it came from a list that changes.
    place: Option<ConnectTo>,
    pool: OnceLock<Arc<Pool>>,
}

impl Way {
    pub(crate) fn new(protocol: Protocol, authority: Authority, place: Option<ConnectTo>) -> Self {
        Self {
            protocol,
            authority,
            place,
            pool: OnceLock::new(),
        }
    }

    pub(crate) fn place(&self) -> Option<&ConnectTo> {
        self.place.as_ref()
    }

    /// A proxy has one client, so that the first to ask is the only one.
    pub(super) fn pool(&self, client: &Arc<Shared>) -> &Arc<Pool> {
        self.pool.get_or_init(|| match &self.place {
            None => client.enter(self.protocol, &self.authority),
            Some(place) => place.pool_of(client),
        })
    }
}

impl fmt::Debug for ConnectTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectTo")
            .field("authority", &self.place.authority)
            .field("address", &self.place.address)
            .finish()
    }
}
