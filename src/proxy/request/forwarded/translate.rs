//! The word of a trusted proxy in the forms that the upstream is told of, whichever the proxy writes (RFC 7239 7.4).

use std::fmt::Write;
use std::net::IpAddr;

use http::header::{FORWARDED, HeaderMap, HeaderName, HeaderValue};
use ipnet::IpNet;

use super::element::Element;
use super::{
    ForwardingField, X_FORWARDED_FOR, X_FORWARDED_HOST, X_FORWARDED_PORT, X_FORWARDED_PROTO,
    X_REAL_IP,
};
use crate::forwarded::{MOST_HOPS, Told};
use crate::host_and_port::HostAndPort;
use crate::proxy::request::client::{client_address, hops, is_in};
use crate::proxy::request::peer::Peer;
use crate::proxy::wire::host::scheme_name;

/// A request's fields of trusted proxies, as they came.
pub(super) struct Word<'a> {
    headers: &'a HeaderMap,
    told: &'a Told<'a>,
    /// The host and port, if they are those of a host.
    authority: Option<(&'a str, HostAndPort<'a>)>,
}

impl<'a> Word<'a> {
    pub(super) fn new(headers: &'a HeaderMap, told: &'a Told<'a>) -> Self {
        let authority = told.authority.as_deref().and_then(|authority| {
            let text = std::str::from_utf8(authority).ok()?;
            Some((text, HostAndPort::parse(authority)?))
        });
        Self {
            headers,
            told,
            authority,
        }
    }

    /// The fields, of those that the upstream is told, whose content came in another form alone: else the
    /// upstream would read there that the proxy is the client. One that came itself stays, but for `X-Real-IP`:
    /// an AWS ALB adds to `X-Forwarded-For`, and hands on the `X-Real-IP` that a client invents.
    pub(super) fn translated(
        &self,
        fields: &[ForwardingField],
        peer: Option<&Peer>,
        networks: &[IpNet],
    ) -> Vec<(HeaderName, HeaderValue)> {
        let translated = fields.iter().filter_map(|field| {
            let absent = |name| (!self.headers.contains_key(&name)).then_some(name);
            Some(match field {
                ForwardingField::XForwardedFor => (absent(X_FORWARDED_FOR)?, self.addresses()?),
                ForwardingField::XForwardedProto => (absent(X_FORWARDED_PROTO)?, self.scheme()?),
                ForwardingField::XForwardedHost => (absent(X_FORWARDED_HOST)?, self.host()?),
                ForwardingField::XForwardedPort => (absent(X_FORWARDED_PORT)?, self.port()?),
                ForwardingField::Forwarded => (absent(FORWARDED)?, self.elements()?),
                ForwardingField::XRealIp => (X_REAL_IP, self.client(peer?, networks)?),
                // RFC 7239 has no parameter for it.
                ForwardingField::XForwardedPrefix => return None,
            })
        });
        let mut translated: Vec<_> = translated.collect();
        // Also where it is not ours to tell: it must not contradict the others.
        if self.headers.contains_key(X_REAL_IP) && !fields.contains(&ForwardingField::XRealIp) {
            let client = peer.and_then(|peer| self.client(peer, networks));
            translated.extend(client.map(|client| (X_REAL_IP, client)));
        }
        translated
    }

    fn scheme(&self) -> Option<HeaderValue> {
        let scheme = scheme_name(self.told.is_secure()?);
        Some(HeaderValue::from_static(scheme))
    }

    fn host(&self) -> Option<HeaderValue> {
        let (text, _) = self.authority?;
        HeaderValue::from_str(text).ok()
    }

    fn port(&self) -> Option<HeaderValue> {
        let (_, authority) = self.authority?;
        authority.port().map(HeaderValue::from)
    }

    fn client(&self, peer: &Peer, networks: &[IpNet]) -> Option<HeaderValue> {
        let client = client_address(peer.ip(), self.headers, |ip| is_in(networks, ip));
        if client == peer.ip() {
            return Some(peer.ip_value());
        }
        HeaderValue::try_from(client.to_string()).ok()
    }

    /// The addresses before the peer, the client's first. Nothing before an element that is not an address is
    /// believed, nor is a part of the list that is longer than any chain of proxies.
    fn hops(&self) -> Vec<IpAddr> {
        let believed = hops(self.headers).map_while(|hop| hop).take(MOST_HOPS);
        let mut hops: Vec<_> = believed.collect();
        hops.reverse();
        hops
    }

    fn addresses(&self) -> Option<HeaderValue> {
        let hops = self.hops();
        let list: Vec<_> = hops.iter().map(IpAddr::to_string).collect();
        (!list.is_empty()).then(|| HeaderValue::try_from(list.join(", ")).ok())?
    }

    /// An element for each hop. The last one is the peer's own, and has the host and the scheme that it says.
    fn elements(&self) -> Option<HeaderValue> {
        let hops = self.hops();
        let host = self.authority.map(|(text, _)| text);
        let secure = self.told.is_secure();
        if hops.is_empty() && host.is_none() && secure.is_none() {
            return None;
        }
        let (client, before) = match hops.split_last() {
            Some((client, before)) => (Some(*client), before),
            None => (None, &[][..]),
        };
        let mut list = String::new();
        for hop in before {
            let hop = Element {
                client: Some(*hop),
                host: None,
                secure: None,
            };
            let _infallible = write!(list, "{hop}, ");
        }
        let own = Element {
            client,
            host,
            secure,
        };
        let _infallible = write!(list, "{own}");
        HeaderValue::try_from(list).ok()
    }
}
