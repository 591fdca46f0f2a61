//! The client's end of a connection.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

use http::header::HeaderValue;

/// The client's end of a connection, which a server puts into the extensions of its requests.
///
/// Under axum (feature `axum`) it is not needed, as long as the server speaks no TLS and serves
/// `app.into_make_service_with_connect_info::<SocketAddr>()`: the `ConnectInfo` that this inserts is
/// understood as well. It knows of no TLS, so that a server that speaks it has to insert a
/// [`secure`](Self::secure) `Peer`. Without either the proxy does not know the client's address: it
/// sends no `X-Forwarded-For`, and trusts nobody.
///
/// The address tells clients apart, and with the port their connections
/// ([`Limits::client_share`](crate::proxy::Limits::client_share)); a port of 0 is not known.
///
/// It is made once per connection and cloned into each request; the clone formats nothing.
///
/// # Examples
///
/// ```
/// use same_origin::proxy::Peer;
///
/// # let address = "192.0.2.1:50000".parse().unwrap();
/// # let mut request = http::Request::new(());
/// let peer = Peer::new(address).secure(true); // came by TLS
/// request.extensions_mut().insert(peer);
/// ```
#[derive(Clone, Debug)]
pub struct Peer {
    ip: IpAddr,
    port: u16,
    ip_value: HeaderValue,
    secure: bool,
}

impl Peer {
    /// The client at `address`, connected without TLS.
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        // An IPv4 client of a dual-stack listener is an IPv4 client.
        let ip = address.ip().to_canonical();
        Self {
            ip,
            port: address.port(),
            ip_value: HeaderValue::try_from(ip.to_string())
                .unwrap_or_else(|_| HeaderValue::from_static("unknown")),
            secure: false,
        }
    }

    /// Whether the client came by TLS, for `X-Forwarded-Proto`. Default: `false`.
    #[must_use]
    pub fn secure(mut self, secure: bool) -> Self {
        self.secure = secure;
        self
    }

    /// The client's address.
    #[must_use]
    pub fn ip(&self) -> IpAddr {
        self.ip
    }

    /// The connection, which has its address and port for itself while it is open; `None` where no port
    /// tells it from others.
    pub(crate) fn connection(&self) -> Option<SocketAddr> {
        (self.port != 0).then(|| SocketAddr::new(self.ip, self.port))
    }

    /// Whether the client came by TLS.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    pub(crate) fn ip_value(&self) -> HeaderValue {
        self.ip_value.clone()
    }
}

/// The client's end: what the server says, or axum knows.
pub(crate) fn peer_of(extensions: &http::Extensions) -> Option<Cow<'_, Peer>> {
    if let Some(peer) = extensions.get::<Peer>() {
        return Some(Cow::Borrowed(peer));
    }
    #[cfg(feature = "axum")]
    if let Some(info) = extensions.get::<axum::extract::ConnectInfo<SocketAddr>>() {
        return Some(Cow::Owned(Peer::new(info.0)));
    }
    None
}
