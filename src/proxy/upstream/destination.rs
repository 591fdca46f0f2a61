//! The destination of a request: protocol, authority and address.

use std::net::SocketAddr;

use http::header::HeaderValue;
use http::uri::{Authority, Scheme};

use crate::proxy::upstream::InvalidUpstream;
use crate::proxy::wire::host::{canonical_host, default_port, ipv6};

/// The protocol that an upstream is spoken to in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Protocol {
    /// HTTP/1.1 in plain text.
    Http,
    /// HTTP/1.1 or HTTP/2 over TLS, as ALPN decides.
    Https,
    /// HTTP/2 in plain text by prior knowledge (RFC 9113 3.3).
    H2c,
}

impl Protocol {
    /// The scheme of a request's URI.
    pub(crate) fn scheme(self) -> Scheme {
        match self {
            Self::Http | Self::H2c => Scheme::HTTP,
            Self::Https => Scheme::HTTPS,
        }
    }

    pub(crate) const fn is_tls(self) -> bool {
        matches!(self, Self::Https)
    }

    const fn default_port(self) -> u16 {
        default_port(self.is_tls())
    }
}

/// A server as requests name it, and the address to connect to if that is not what the name is resolved
/// to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Destination {
    protocol: Protocol,
    /// In canonical form, so that two destinations are compared byte by byte.
    authority: Authority,
    /// The authority again, made into a field value once.
    host: HeaderValue,
    address: Option<SocketAddr>,
}

impl Destination {
    pub(crate) fn new(protocol: Protocol, authority: &Authority) -> Result<Self, InvalidUpstream> {
        let authority = canonical(protocol, authority)?;
        let host = HeaderValue::from_str(authority.as_str()).map_err(|_| {
            InvalidUpstream::new("the host is not a field value; write a host name")
        })?;
        Ok(Self {
            protocol,
            authority,
            host,
            address: None,
        })
    }

    /// The same server, connected to at this address.
    #[cfg(any(feature = "balance", feature = "browser", test))]
    #[must_use]
    pub(crate) fn at(mut self, address: Option<SocketAddr>) -> Self {
        self.address = address;
        self
    }

    pub(crate) fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Host and port: lower case, an IPv6 address in its shortest form, the port absent when it is the
    /// scheme's default.
    pub(crate) fn authority(&self) -> &Authority {
        &self.authority
    }

    /// The address to connect to; `None` where the authority's host is resolved.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    pub(crate) fn scheme(&self) -> Scheme {
        self.protocol.scheme()
    }

    /// The authority's host without the brackets of an IPv6 address.
    pub(crate) fn host(&self) -> &str {
        let host = self.authority.host();
        host.strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(host)
    }

    pub(crate) fn port(&self) -> u16 {
        let port = self.authority.port_u16();
        port.unwrap_or_else(|| self.default_port())
    }

    /// The port that the scheme implies.
    pub(crate) const fn default_port(&self) -> u16 {
        self.protocol.default_port()
    }

    /// The value of a `Host` field.
    pub(crate) fn host_value(&self) -> &HeaderValue {
        &self.host
    }

    /// Whether both have one scheme, host and port (RFC 9110 4.3.1), wherever they are connected to.
    pub(crate) fn is_same_origin(&self, other: &Self) -> bool {
        self.serves(&other.scheme(), &other.authority)
    }

    /// Whether a URI of this scheme and authority names this server. The authority has to be canonical:
    /// the type's own comparison folds case, which costs more than comparing bytes.
    pub(crate) fn serves(&self, scheme: &Scheme, authority: &Authority) -> bool {
        *scheme == self.scheme() && self.authority.as_str() == authority.as_str()
    }

    /// Whether an authority as found in a message is this server's. User information makes it a stranger.
    pub(crate) fn has_authority(&self, authority: &str) -> bool {
        // RFC 3986 3.2.3: a colon without a port says nothing.
        let authority = authority.strip_suffix(':').unwrap_or(authority);
        let Ok(other) = authority.parse::<Authority>() else {
            return false;
        };
        let other = canonical(self.protocol, &other);
        other.is_ok_and(|other| other.as_str() == self.authority.as_str())
    }
}

/// Lower case, an IPv6 address in its shortest form (RFC 5952), and without the scheme's default port, as a
/// client would write it in `Host`.
fn canonical(protocol: Protocol, authority: &Authority) -> Result<Authority, InvalidUpstream> {
    let invalid = |why: &str| Err(InvalidUpstream::new(why));
    if authority.as_str().contains('@') {
        return invalid("an upstream has no user information; remove what stands before `@`");
    }
    let host = canonical_host(authority.host()).into_owned();
    if host.is_empty() {
        return invalid("no host; write it as scheme://host:port/base");
    }
    // A resolver would ask for that very name, which some zones answer.
    if host.contains('*') {
        return invalid("the host is a pattern; name one host");
    }
    if host.starts_with('[') && ipv6(&host).is_none() {
        return invalid("not an IPv6 address between the brackets");
    }
    let port = &authority.as_str()[authority.host().len()..];
    let text = match port.strip_prefix(':') {
        None => host,
        Some(digits) => match digits.parse::<u16>() {
            Ok(0) | Err(_) => return invalid("the port is not a number from 1 to 65535"),
            Ok(port) if port == protocol.default_port() => host,
            Ok(port) => format!("{host}:{port}"),
        },
    };
    text.parse()
        .map_err(|_| InvalidUpstream::new("not a host; write a name or an address"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn destination(protocol: Protocol, authority: &str) -> Destination {
        Destination::new(protocol, &authority.parse().unwrap()).unwrap()
    }

    #[test]
    fn one_server_has_one_spelling() {
        for (protocol, written, canonical, port) in [
            (Protocol::Http, "A.example", "a.example", 80),
            (Protocol::Http, "a.example:80", "a.example", 80),
            (Protocol::Http, "a.example:443", "a.example:443", 443),
            (Protocol::Https, "a.example:443", "a.example", 443),
            (Protocol::Https, "a.example", "a.example", 443),
            (Protocol::H2c, "a.example:80", "a.example", 80),
            (Protocol::Http, "[0:0:0:0:0:0:0:1]:3000", "[::1]:3000", 3000),
            (Protocol::Http, "[2001:DB8::0:1]", "[2001:db8::1]", 80),
        ] {
            let one = destination(protocol, written);
            assert_eq!(one.authority().as_str(), canonical, "{written}");
            assert_eq!(one.host_value(), canonical, "{written}");
            assert_eq!(one.port(), port, "{written}");
            assert!(one.has_authority(written), "{written}");
        }
        assert_eq!(destination(Protocol::Http, "[::1]:80").host(), "::1");
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let ours = destination(Protocol::Http, "a.example");
        let address = Some(SocketAddr::from(([10, 0, 0, 7], 80)));
        for (protocol, authority, same) in [
            (Protocol::Http, "a.example:80", true),
            (Protocol::H2c, "A.example", true),
            (Protocol::Https, "a.example:80", false),
            (Protocol::Http, "a.example:81", false),
            (Protocol::Http, "b.example", false),
        ] {
            let other = destination(protocol, authority).at(address);
            assert_eq!(
                ours.is_same_origin(&other),
                same,
                "{protocol:?} {authority}"
            );
        }
        for stranger in ["u@a.example", "a.example:81", "a.example:0", "a b", ""] {
            assert!(!ours.has_authority(stranger), "{stranger}");
        }
    }
}
