//! The client's address, as far as it can be believed.

use std::net::{IpAddr, SocketAddr};

use http::header::{self, HeaderMap, HeaderName};
use ipnet::{IpNet, Ipv4Net};

use crate::forwarded::{is_told_in_x_fields, last_elements, parameter};
use crate::proxy::request::peer::Peer;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

/// The address of the client that a request comes from, by the trust model of
/// [`trusted_proxies`](crate::proxy::ProxyBuilder::trusted_proxies).
///
/// In the extensions of a request it is what [`ReverseProxy`](crate::proxy::ReverseProxy) counts the request
/// by ([`Limits::client_share`](crate::proxy::Limits::client_share)); without it the proxy derives it as
/// [`derive`](Self::derive) does. A layer outside that has a bucket for each client (a rate limit) should
/// take it too: by the peer's address alone, everybody behind a balancer would share one. The example
/// `rate_limit_axum` does so with `tower_governor`.
///
/// # Examples
///
/// ```
/// use http::HeaderMap;
/// use same_origin::proxy::{ClientAddr, Peer};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let balancer = Peer::new("10.0.0.1:40000".parse()?);
/// let mut headers = HeaderMap::new();
/// headers.insert("x-forwarded-for", "203.0.113.7, 10.0.0.9".parse()?);
/// let trusted = ["10.0.0.0/8".parse()?];
/// let client = ClientAddr::derive(&balancer, &headers, &trusted);
/// assert_eq!(client.ip(), "203.0.113.7".parse::<std::net::IpAddr>()?);
/// // Of a peer that is not trusted, its own address is all that is known.
/// assert_eq!(ClientAddr::derive(&balancer, &headers, &[]).ip(), balancer.ip());
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientAddr(IpAddr);

impl ClientAddr {
    /// A client at this address.
    #[must_use]
    pub fn new(ip: IpAddr) -> Self {
        Self(ip.to_canonical())
    }

    /// The client of a request that `peer` sent, with the head as it arrived.
    ///
    /// Of a peer in `trusted`, the last address in `X-Forwarded-For` that is not trusted itself; without
    /// that field the last one in `Forwarded`, or `X-Real-IP`. `Forwarded` is not read beside `X-Forwarded-Proto` or
    /// `-Host`: whoever writes those may hand on what a client has written there. If all of them are trusted,
    /// the first. Nothing before an element that is not an address is believed.
    #[must_use]
    pub fn derive(peer: &Peer, headers: &HeaderMap, trusted: &[IpNet]) -> Self {
        let is_trusted = |ip| {
            let mut networks = trusted.iter().map(_canonical_network);
            networks.any(|network| network.contains(&ip))
        };
        Self(client_address(peer.ip(), headers, is_trusted))
    }

    /// The address; one of IPv4 that came as IPv6 is one of IPv4.
    #[must_use]
    pub const fn ip(self) -> IpAddr {
        self.0
    }
}

/// A network as it is compared with the addresses of peers and clients, which are IPv4 where they are IPv4-mapped
/// (RFC 4291 2.5.5.2). For the gateway, whose one list of networks is compared in several places, and not part of
/// the API.
#[doc(hidden)]
#[must_use]
pub fn _canonical_network(network: &IpNet) -> IpNet {
    const MAPPED: u8 = 96;
    let IpNet::V6(v6) = network else {
        return *network;
    };
    let address = v6.network().to_ipv4_mapped();
    let length = v6.prefix_len().checked_sub(MAPPED);
    match address
        .zip(length)
        .map(|(address, length)| Ipv4Net::new(address, length))
    {
        Some(Ok(v4)) => v4.into(),
        _ => *network,
    }
}

/// Returns whether an address is in one of the networks, which are canonical.
pub(crate) fn is_in(networks: &[IpNet], ip: IpAddr) -> bool {
    networks.iter().any(|network| network.contains(&ip))
}

/// The client's address: `peer`, unless that is trusted to say another.
pub(crate) fn client_address(
    peer: IpAddr,
    headers: &HeaderMap,
    is_trusted: impl Fn(IpAddr) -> bool,
) -> IpAddr {
    let mut client = peer;
    for hop in hops(headers) {
        if !is_trusted(client) {
            break;
        }
        match hop {
            Some(ip) => client = ip,
            None => break,
        }
    }
    client
}

/// The addresses that proxies have seen before them, the nearest first; `None` for text that is not an
/// address.
pub(super) fn hops(headers: &HeaderMap) -> Box<dyn Iterator<Item = Option<IpAddr>> + '_> {
    if headers.contains_key(&X_FORWARDED_FOR) {
        return Box::new(addresses(headers, X_FORWARDED_FOR));
    }
    if headers.contains_key(header::FORWARDED) && !is_told_in_x_fields(headers) {
        let lines = headers.get_all(header::FORWARDED).iter().rev();
        let elements = lines.flat_map(|line| last_elements(line.as_bytes()));
        return Box::new(elements.map(forwarded_for));
    }
    Box::new(addresses(headers, X_REAL_IP))
}

/// The elements of a list of addresses, the last first. RFC 9110 5.3: lines are one list.
fn addresses(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = Option<IpAddr>> {
    let lines = headers.get_all(name).iter().rev();
    lines.flat_map(|line| {
        // A line that is not text is one element that is not an address.
        let elements = line.to_str().unwrap_or("?").rsplit(',').map(str::trim);
        elements.filter(|element| !element.is_empty()).map(address)
    })
}

/// `for` of a forwarded-element (RFC 7239 4, 6).
fn forwarded_for(element: &[u8]) -> Option<IpAddr> {
    let node = parameter(element, b"for")?;
    let node = std::str::from_utf8(&node).ok()?;
    // RFC 7239 6: a port may have a name in its place (`192.0.2.1:_web`).
    address(
        node.split_once(":_")
            .map_or(node, |(address, _port)| address),
    )
}

/// An address as proxies write it: alone, with a port, in brackets.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    let ip = bare.unwrap_or(text).parse::<IpAddr>().ok();
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    ip.or_else(with_port).map(|ip| ip.to_canonical())
}

/// The owner of one share of an upstream's places: an address of IPv4, a network of IPv6. RFC 6177: a site has a
/// /64 at least, so that one client can have any number of addresses in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Subscriber {
    V4(u32),
    V6Network(u64),
}

impl From<IpAddr> for Subscriber {
    fn from(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            IpAddr::V4(ip) => Self::V4(ip.to_bits()),
            IpAddr::V6(ip) => Self::V6Network((ip.to_bits() >> 64) as u64),
        }
    }
}

/// The client and the connection whose shares a request is counted to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Requester {
    pub(crate) subscriber: Subscriber,
    /// The connection, if it carries many requests at once and is the client's own.
    pub(crate) connection: Option<SocketAddr>,
}

impl Requester {
    /// `is_trusted`: what the peer says of its client is believed. Its connection is not one client's then.
    pub(crate) fn new(
        peer: &Peer,
        is_trusted: bool,
        said: Option<ClientAddr>,
        is_multiplexed: bool,
        derive: impl FnOnce() -> IpAddr,
    ) -> Self {
        let client = match said {
            Some(said) => said.ip(),
            None if is_trusted => derive(),
            None => peer.ip(),
        };
        Self {
            subscriber: client.into(),
            connection: peer.connection().filter(|_| is_multiplexed && !is_trusted),
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    struct Case {
        name: &'static str,
        fields: &'static [(&'static str, &'static str)],
        client: &'static str,
    }

    #[test]
    fn a_trusted_peer_says_who_the_client_is() {
        const CASES: &[Case] = &[
            Case {
                name: "nothing is said",
                fields: &[],
                client: "10.0.0.1",
            },
            Case {
                name: "one client",
                fields: &[("x-forwarded-for", "203.0.113.7")],
                client: "203.0.113.7",
            },
            Case {
                name: "trusted ones between",
                fields: &[("x-forwarded-for", "203.0.113.7, 10.1.1.1,10.2.2.2")],
                client: "203.0.113.7",
            },
            Case {
                name: "what a client put before itself",
                fields: &[("x-forwarded-for", "198.51.100.1, 203.0.113.7, 10.2.2.2")],
                client: "203.0.113.7",
            },
            Case {
                name: "lines are one list",
                fields: &[
                    ("x-forwarded-for", "203.0.113.7"),
                    ("x-forwarded-for", "10.2.2.2"),
                ],
                client: "203.0.113.7",
            },
            Case {
                name: "all are trusted",
                fields: &[("x-forwarded-for", "10.3.3.3, 10.2.2.2")],
                client: "10.3.3.3",
            },
            Case {
                name: "behind something that is not an address",
                fields: &[("x-forwarded-for", "203.0.113.7, unknown, 10.2.2.2")],
                client: "10.2.2.2",
            },
            Case {
                name: "with ports and brackets",
                fields: &[(
                    "x-forwarded-for",
                    "[2001:db8::1]:4711, 10.2.2.2:80, [::ffff:10.2.2.3]",
                )],
                client: "2001:db8::1",
            },
            Case {
                name: "empty elements",
                fields: &[("x-forwarded-for", " , 203.0.113.7, ,")],
                client: "203.0.113.7",
            },
            Case {
                name: "RFC 7239",
                fields: &[(
                    "forwarded",
                    "for=192.0.2.43, For=\"[2001:db8:cafe::17]:4711\";proto=https",
                )],
                client: "2001:db8:cafe::17",
            },
            Case {
                name: "a hidden port",
                fields: &[(
                    "forwarded",
                    "for=\"[2001:db8::17]:_web\", for=\"10.2.2.2:_a.b-c\"",
                )],
                client: "2001:db8::17",
            },
            Case {
                name: "hidden with a port",
                fields: &[("forwarded", "for=\"_hidden:_web\", for=10.2.2.2")],
                client: "10.2.2.2",
            },
            Case {
                name: "hidden",
                fields: &[("forwarded", "for=192.0.2.43, for=_hidden, for=10.2.2.2")],
                client: "10.2.2.2",
            },
            Case {
                name: "the older field wins",
                fields: &[
                    ("forwarded", "for=192.0.2.43"),
                    ("x-forwarded-for", "203.0.113.7"),
                ],
                client: "203.0.113.7",
            },
            Case {
                name: "an address alone",
                fields: &[("x-real-ip", "203.0.113.7")],
                client: "203.0.113.7",
            },
        ];
        let peer = Peer::new("10.0.0.1:4000".parse().unwrap());
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        for case in CASES {
            let field = |&(name, value)| {
                let name = HeaderName::from_static(name);
                (name, HeaderValue::from_static(value))
            };
            let headers: HeaderMap = case.fields.iter().map(field).collect();
            let derived = ClientAddr::derive(&peer, &headers, &trusted).ip();
            assert_eq!(derived.to_string(), case.client, "{}", case.name);
            let alone = ClientAddr::derive(&peer, &headers, &[]).ip();
            assert_eq!(alone, peer.ip(), "{}: not trusted", case.name);
        }
    }

    #[test]
    fn mapped_networks_are_those_of_ipv4() {
        for (network, want) in [
            ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
            ("::ffff:192.0.2.7/128", "192.0.2.7/32"),
            ("::ffff:0:0/96", "0.0.0.0/0"),
            ("::/0", "::/0"),
            ("2001:db8::/32", "2001:db8::/32"),
            ("10.0.0.0/8", "10.0.0.0/8"),
        ] {
            let want: IpNet = want.parse().unwrap();
            let network = network.parse().unwrap();
            assert_eq!(_canonical_network(&network), want, "{network}");
        }
        let peer = Peer::new("10.0.0.1:4000".parse().unwrap());
        let field = (X_FORWARDED_FOR, HeaderValue::from_static("203.0.113.7"));
        let headers = HeaderMap::from_iter([field]);
        let trusted = ["::ffff:10.0.0.0/104".parse().unwrap()];
        let derived = ClientAddr::derive(&peer, &headers, &trusted).ip();
        assert_eq!(derived.to_string(), "203.0.113.7");
    }

    #[test]
    fn a_network_of_ipv6_is_one_subscriber() {
        let subscriber = |text: &str| Subscriber::from(text.parse::<IpAddr>().unwrap());
        assert_eq!(
            subscriber("2001:db8:0:1::1"),
            subscriber("2001:db8:0:1:ffff::")
        );
        assert_ne!(subscriber("2001:db8:0:1::1"), subscriber("2001:db8:0:2::1"));
        assert_ne!(subscriber("192.0.2.1"), subscriber("192.0.2.2"));
        assert_eq!(subscriber("::ffff:192.0.2.1"), subscriber("192.0.2.1"));
    }
}
