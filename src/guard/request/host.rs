//! The authorities that are answered.
//!
//! Nothing here allocates once the set is built.

use crate::host_and_port::HostAndPort;

/// The authorities that are answered, sorted by the length of the host and then by the host.
#[derive(Clone, Debug)]
pub(crate) struct Hosts(Vec<(Box<[u8]>, Ports)>);

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
        let by_host = |(host, _): &(Box<[u8]>, Ports)| authority.cmp_host(host).reverse();
        match self.0.binary_search_by(by_host) {
            Ok(place) => match &self.0[place].1 {
                Ports::Any => true,
                Ports::Only(ports) => ports.contains(&authority.port().unwrap_or(default)),
            },
            Err(_) => false,
        }
    }
}

impl FromIterator<(String, Option<u16>)> for Hosts {
    fn from_iter<I: IntoIterator<Item = (String, Option<u16>)>>(entries: I) -> Self {
        let mut hosts: Vec<(Box<[u8]>, Ports)> = Vec::new();
        for (host, port) in entries {
            let host = host.into_bytes().into_boxed_slice();
            let order = |listed: &[u8]| {
                listed
                    .len()
                    .cmp(&host.len())
                    .then_with(|| listed.cmp(&*host))
            };
            match hosts.binary_search_by(|(listed, _)| order(listed)) {
                Ok(place) => hosts[place].1.add(port),
                Err(place) => {
                    let mut ports = Ports::Only(Vec::new());
                    ports.add(port);
                    hosts.insert(place, (host, ports));
                }
            }
        }
        Self(hosts)
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
