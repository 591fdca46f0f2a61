//! The authorities that are answered.
//!
//! Nothing here allocates once the set is built.

use std::net::Ipv6Addr;

use crate::host_and_port::HostAndPort;

/// The authorities that are answered.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hosts {
    /// Sorted by the length of the host and then by the host.
    names: Vec<(Box<[u8]>, Ports)>,
    /// Compared as addresses: a client need not write one as browsers do.
    addresses: Vec<(Ipv6Addr, Ports)>,
}

/// The ports of one host.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Ports {
    Any,
    Only(Vec<u16>),
}

impl Hosts {
    /// Whether a request to this authority is answered. Where none is written the port is `default`, that
    /// of the scheme.
    pub(crate) fn answer(&self, authority: HostAndPort<'_>, default: u16) -> bool {
        let ports = match authority.ipv6() {
            Some(address) => {
                let mut addresses = self.addresses.iter();
                let found = addresses.find(|(listed, _)| *listed == address);
                found.map(|(_, ports)| ports)
            }
            None => {
                let by_host = |(host, _): &(Box<[u8]>, Ports)| authority.cmp_host(host).reverse();
                let place = self.names.binary_search_by(by_host).ok();
                place.map(|place| &self.names[place].1)
            }
        };
        match ports {
            None => false,
            Some(Ports::Any) => true,
            Some(Ports::Only(ports)) => ports.contains(&authority.port().unwrap_or(default)),
        }
    }

    fn add(&mut self, host: &str, port: Option<u16>) {
        let address = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .and_then(|host| host.parse::<Ipv6Addr>().ok());
        let ports = match address {
            Some(address) => {
                let place = self
                    .addresses
                    .iter()
                    .position(|(listed, _)| *listed == address);
                let place = place.unwrap_or_else(|| {
                    self.addresses.push((address, Ports::Only(Vec::new())));
                    self.addresses.len() - 1
                });
                &mut self.addresses[place].1
            }
            None => {
                let host = host.as_bytes();
                let order = |(listed, _): &(Box<[u8]>, Ports)| {
                    listed
                        .len()
                        .cmp(&host.len())
                        .then_with(|| (**listed).cmp(host))
                };
                let place = self.names.binary_search_by(order).unwrap_or_else(|place| {
                    self.names
                        .insert(place, (host.into(), Ports::Only(Vec::new())));
                    place
                });
                &mut self.names[place].1
            }
        };
        ports.add(port);
    }
}

impl FromIterator<(String, Option<u16>)> for Hosts {
    fn from_iter<I: IntoIterator<Item = (String, Option<u16>)>>(entries: I) -> Self {
        let mut hosts = Self::default();
        for (host, port) in entries {
            hosts.add(&host, port);
        }
        hosts
    }
}

impl Ports {
    fn add(&mut self, port: Option<u16>) {
        match (&mut *self, port) {
            (Self::Only(ports), Some(port)) => ports.push(port),
            (Self::Any, _) | (_, None) => *self = Self::Any,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_compared_without_case_and_with_their_ports() {
        let hosts: Hosts = [
            ("app.example.com", None),
            ("api.example.com", Some(8443)),
            ("api.example.com", Some(443)),
            ("both.example.com", Some(1)),
            ("both.example.com", None),
            ("[::1]", Some(9000)),
            ("[2001:db8::a]", None),
            ("[::ffff:7f00:1]", None),
        ]
        .map(|(host, port)| (String::from(host), port))
        .into_iter()
        .collect();
        for (authority, default, answered) in [
            ("app.example.com", 80, true),
            ("APP.example.COM:9", 80, true),
            ("api.example.com", 443, true),
            ("api.example.com", 80, false),
            ("api.example.com:8443", 80, true),
            ("api.example.com:8444", 80, false),
            ("both.example.com:7", 80, true),
            ("[::1]:9000", 80, true),
            ("[::1]", 80, false),
            ("[0:0:0:0:0:0:0:1]:9000", 80, true),
            ("[0:0:0:0:0:0:0:1]", 80, false),
            ("[2001:DB8:0::000A]:7", 80, true),
            ("[2001:db8::b]", 80, false),
            // An IPv4 address is another host than the IPv6 address that it is mapped to.
            ("[::ffff:127.0.0.1]", 80, true),
            ("127.0.0.1", 80, false),
            ("[:::]", 80, false),
            ("example.com", 80, false),
            ("www.app.example.com", 80, false),
            ("app.example.com.", 80, false),
            ("evil.example", 80, false),
        ] {
            let parsed = HostAndPort::parse(authority.as_bytes()).unwrap();
            assert_eq!(hosts.answer(parsed, default), answered, "{authority}");
        }
    }
}
