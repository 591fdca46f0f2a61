//! Local Network Access: pages of the internet ask for nothing nearer without their user's permission.

use url::{Host, Url};

use super::Web;
use crate::browser::fetch::state::State;
use crate::browser::outcome::error::FetchErrorKind;
use crate::browser::site::potentially_trustworthy;

/// The distance of an address (Local Network Access #ip-address-space-heading), the nearest last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum AddressSpace {
    /// The internet.
    Public,
    /// A private network.
    Local,
    /// This machine.
    Loopback,
}

impl AddressSpace {
    /// The space of a URL by its host: addresses speak for themselves, names are the internet's unless they
    /// end in `localhost` or `.local`.
    fn of(url: &Url) -> Self {
        let host = match url.host() {
            // The address that it leads to, in another notation.
            Some(Host::Ipv6(address)) => match address.to_ipv4_mapped() {
                Some(address) => Some(Host::Ipv4(address)),
                None => Some(Host::Ipv6(address)),
            },
            host => host,
        };
        match host {
            Some(Host::Ipv4(address)) if address.is_loopback() => Self::Loopback,
            Some(Host::Ipv4(address)) if address.is_private() || address.is_link_local() => {
                Self::Local
            }
            Some(Host::Ipv6(address)) if address.is_loopback() => Self::Loopback,
            Some(Host::Ipv6(address))
                if address.is_unique_local() || address.is_unicast_link_local() =>
            {
                Self::Local
            }
            Some(Host::Domain(name)) if name == "localhost" || name.ends_with(".localhost") => {
                Self::Loopback
            }
            Some(Host::Domain(name)) if name.ends_with(".local") => Self::Local,
            None if url.scheme() == "file" => Self::Loopback,
            _ => Self::Public,
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Local => "local",
            Self::Loopback => "loopback",
        }
    }
}

impl Web {
    /// Whether the user permits pages to ask for addresses that are nearer than they are: a private network's,
    /// or those of this machine. Yes by default; a browser asks its user, and where the page came by plain
    /// http it refuses.
    pub fn local_network_access(mut self, permitted: bool) -> Self {
        self.local_network_access = permitted;
        self
    }

    /// Says how far an origin is, where its host does not: by default names are the internet's, but
    /// `localhost` and `*.local`.
    pub fn address_space(mut self, origin: &str, space: AddressSpace) -> Self {
        self.spaces.insert(origin.to_owned(), space);
        self
    }

    /// Local Network Access #local-network-access-check. A window may go wherever its user leads it.
    pub(crate) fn local_network_check(&self, state: &State) -> Result<(), FetchErrorKind> {
        let Some(page) = &state.client.address else {
            return Ok(());
        };
        let (from, to) = (self.space_of(page), self.space_of(state.url()));
        let nearer = to > from && !state.initiator.is_window();
        if !nearer || self.local_network_access {
            return Ok(());
        }
        Err(match potentially_trustworthy(page) {
            true => FetchErrorKind::LocalNetwork(to.as_str()),
            false => FetchErrorKind::LocalNetworkInsecure(to.as_str()),
        })
    }

    fn space_of(&self, url: &Url) -> AddressSpace {
        let origin = url.origin().ascii_serialization();
        let known = self.spaces.get(&origin).copied();
        known.unwrap_or_else(|| AddressSpace::of(url))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spaces() {
        for (url, space) in [
            ("https://app.test/", AddressSpace::Public),
            ("http://8.8.8.8/", AddressSpace::Public),
            ("http://10.1.2.3/", AddressSpace::Local),
            ("http://192.168.0.1/", AddressSpace::Local),
            ("http://printer.local/", AddressSpace::Local),
            ("http://[fd00::1]/", AddressSpace::Local),
            ("http://127.0.0.1:3000/", AddressSpace::Loopback),
            ("http://[::1]/", AddressSpace::Loopback),
            ("http://[::ffff:127.0.0.1]/", AddressSpace::Loopback),
            ("http://[::ffff:10.1.2.3]/", AddressSpace::Local),
            ("http://[::ffff:8.8.8.8]/", AddressSpace::Public),
            ("http://app.localhost/", AddressSpace::Loopback),
            ("file:///home/me/page.html", AddressSpace::Loopback),
        ] {
            assert_eq!(AddressSpace::of(&Url::parse(url).unwrap()), space, "{url}");
        }
    }
}
