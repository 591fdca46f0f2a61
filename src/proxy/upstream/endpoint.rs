//! One endpoint of an upstream, as somebody found it.

use std::net::SocketAddr;

use http::uri::Authority;

use crate::proxy::config::error::{ProxyConfigError, ProxyConfigErrorKind};
use crate::proxy::upstream::Upstream;

/// The place of one of several servers of the same upstream.
///
/// Usually an address alone: it is connected to, and everything else (`Host` or `:authority`, SNI, the
/// name in the certificate, the base path) stays what the upstream says. An endpoint that has a name
/// of its own goes by it instead.
///
/// # Examples
///
/// ```
/// use same_origin::proxy::Endpoint;
/// use std::net::SocketAddr;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let address: SocketAddr = "10.0.0.7:8443".parse()?;
/// let one = Endpoint::at(address);
/// let shard = Endpoint::named("shard-3.api.internal:8443")?;
/// let pinned = Endpoint::named("shard-3.api.internal")?.with_address(address);
/// # let _ = (one, shard, pinned);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    pub(crate) name: Option<Authority>,
    pub(crate) address: Option<SocketAddr>,
}

impl Endpoint {
    /// The upstream, at this address. The scope of a link-local address is not kept.
    #[must_use]
    pub fn at(address: SocketAddr) -> Self {
        Self {
            name: None,
            address: Some(address),
        }
    }

    /// The upstream under a name of its own, `host` or `host:port`, which the system resolves.
    ///
    /// # Errors
    ///
    /// It is not a host with or without a port.
    pub fn named(authority: &str) -> Result<Self, ProxyConfigError> {
        let wrong = |remedy: String| {
            ProxyConfigError::new("endpoint", ProxyConfigErrorKind::Upstream, remedy)
                .address_at(None, authority)
        };
        // As the address of an upstream, without a scheme and a path.
        if authority.contains('/') {
            return Err(wrong(
                "write host:port alone; scheme and path are the upstream's".to_owned(),
            ));
        }
        let upstream = Upstream::parse(&format!("http://{authority}"))
            .map_err(|why| wrong(why.to_string()))?;
        // The port may be the default one of another scheme, so it is kept as it is written.
        let authority = authority.parse();
        let name = authority.unwrap_or_else(|_| upstream.destination.authority().clone());
        Ok(Self {
            name: Some(name),
            address: None,
        })
    }

    /// Connects to this address instead of what the name is resolved to.
    #[must_use]
    pub fn with_address(mut self, address: SocketAddr) -> Self {
        self.address = Some(address);
        self
    }
}

impl From<SocketAddr> for Endpoint {
    fn from(address: SocketAddr) -> Self {
        Self::at(address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_host_and_a_port() {
        for name in [
            "a.example",
            "A.example:8443",
            "a:80",
            "a:443",
            "[::1]:3000",
            "10.0.0.1",
        ] {
            let endpoint = Endpoint::named(name).unwrap();
            assert_eq!(endpoint.name.unwrap(), name);
        }
        for (name, why) in [
            ("", "not a URL"),
            ("u@a.example", "user information"),
            ("a.example:0", "port"),
            ("a.example/x", "host:port alone"),
            ("http://a.example", "host:port alone"),
            ("a?x", "no query"),
            ("a b", ""),
        ] {
            let error = Endpoint::named(name).unwrap_err();
            assert!(error.remedy().contains(why), "{name}: {error}");
        }
    }
}
