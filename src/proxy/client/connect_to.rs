//! The way to one upstream: its destination, and the pools of the client that was asked first.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock, Weak};

use http::uri::{Authority, Scheme};

use super::pool::Pool;
use super::pool::pools::{Pools, Registry};
use crate::proxy::upstream::destination::Destination;

/// The server that a proxy sends a request to, in the extensions of each request that it gives to a client
/// service.
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
    target: Arc<Target>,
}

struct Target {
    destination: Destination,
    pools: OnceLock<(Weak<Registry>, Arc<Pools>)>,
}

impl ConnectTo {
    pub(crate) fn new(destination: Destination) -> Self {
        Self {
            target: Arc::new(Target {
                destination,
                pools: OnceLock::new(),
            }),
        }
    }

    /// The address to connect to, as opposed to what the URI, `Host` and the certificate say; `None` where
    /// the URI's host is to be resolved as ever.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.target.destination.address()
    }

    /// Closes the connections that lie idle, and the others after their last response.
    #[cfg(feature = "balance")]
    pub(crate) fn retire(&self) {
        if let Some((_, pools)) = self.target.pools.get() {
            pools.retire();
        }
    }

    /// Whether a request whose URI says this is meant; a layer may have sent it elsewhere.
    pub(super) fn is_for(&self, scheme: &Scheme, authority: &Authority) -> bool {
        self.target.destination.serves(scheme, authority)
    }

    /// The client's pool on this runtime.
    pub(super) fn pool(&self, client: &Arc<Registry>) -> Arc<Pool> {
        let Target { destination, pools } = &*self.target;
        let find = || (Arc::downgrade(client), client.of(destination));
        let (owner, pools) = pools.get_or_init(find);
        // A proxy has one client nearly always. A second one below it finds its own pools each time.
        if owner.as_ptr() == Arc::as_ptr(client) {
            pools.here()
        } else {
            client.of(destination).here()
        }
    }
}

impl fmt::Debug for ConnectTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let destination = &self.target.destination;
        f.debug_struct("ConnectTo")
            .field("authority", destination.authority())
            .field("address", &destination.address())
            .finish()
    }
}
