//! Forwarding fields, by which the upstream is told of the client: `X-Forwarded-*`, `X-Real-IP`, `Forwarded`
//! (RFC 7239).
//!
//! A client can send these fields itself, so they are worth only as much as the peer that sent them: those
//! of a trusted proxy are kept and continued, those of anybody else are replaced. The word of a trusted proxy
//! in one form is told in the others.

mod element;
mod translate;

use element::Element;
use http::HeaderMap;
use http::header::{self, HeaderName, HeaderValue};
use ipnet::IpNet;
use translate::Word;

use crate::fields::{self, Sole};
use crate::forwarded::{Told, is_told_in_x_fields, leaves_quotes_open};
use crate::path::is_ambiguous;
use crate::proxy::request::peer::Peer;
use crate::proxy::wire::host::{default_port, scheme_name};
use crate::proxy::wire::scan::{HeaderScan, is_untrusted};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
const X_FORWARDED_PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");
const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

/// A field by which a proxy tells the upstream about the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum ForwardingField {
    /// `X-Forwarded-For`: the client's address, behind those that trusted proxies have put there, on one line.
    XForwardedFor,
    /// `X-Forwarded-Proto`: `http` or `https`, as the client came.
    XForwardedProto,
    /// `X-Forwarded-Host`: the host and port that the client asked for.
    XForwardedHost,
    /// `X-Forwarded-Port`: the port that the client asked for. Not sent where a trusted peer has said the
    /// scheme or the host and no port with it, which is then not known.
    XForwardedPort,
    /// `X-Forwarded-Prefix`: the prefix that was stripped; not sent where none was. An address below
    /// that prefix in the upstream's `Location` and the like, and in the `Path` of cookies, is public and stays.
    /// The prefix of a trusted peer is put before it. If this field is not chosen, the peer's is sent on only where
    /// nothing is stripped here: else it would not be the prefix of the paths that the upstream sees.
    XForwardedPrefix,
    /// `X-Real-IP`: the client's address alone, which is [`ClientAddr::derive`](crate::proxy::ClientAddr::derive)'s.
    XRealIp,
    /// `Forwarded` (RFC 7239), an element with `for`, `host` and `proto`, behind those of trusted proxies.
    Forwarded,
}

/// The name of a field, in any case (RFC 9110 5.1).
#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for ForwardingField {
    fn deserialize<D: serde::Deserializer<'de>>(text: D) -> Result<Self, D::Error> {
        const NAMES: [&str; 7] = [
            "x-forwarded-for",
            "x-forwarded-proto",
            "x-forwarded-host",
            "x-forwarded-port",
            "x-forwarded-prefix",
            "x-real-ip",
            "forwarded",
        ];
        const FIELDS: [ForwardingField; NAMES.len()] = [
            ForwardingField::XForwardedFor,
            ForwardingField::XForwardedProto,
            ForwardingField::XForwardedHost,
            ForwardingField::XForwardedPort,
            ForwardingField::XForwardedPrefix,
            ForwardingField::XRealIp,
            ForwardingField::Forwarded,
        ];
        let name = <std::borrow::Cow<'de, str>>::deserialize(text)?;
        let named = NAMES.iter().zip(FIELDS);
        let mut named = named.filter(|(known, _)| known.eq_ignore_ascii_case(&name));
        let unknown = || serde::de::Error::unknown_variant(&name, &NAMES);
        named.next().map(|(_, field)| field).ok_or_else(unknown)
    }
}

/// The fields to send, compiled from the builder's choice.
#[derive(Clone, Debug)]
pub(crate) struct Forwarding {
    fields: Vec<ForwardingField>,
    /// The prefix that is stripped, if one is.
    prefix: Option<HeaderValue>,
}

impl Forwarding {
    pub(crate) const DEFAULT: [ForwardingField; 3] = [
        ForwardingField::XForwardedFor,
        ForwardingField::XForwardedProto,
        ForwardingField::XForwardedHost,
    ];

    pub(crate) fn new(given: &[ForwardingField], stripped_prefix: &str) -> Self {
        // Each once, even if the settings name one twice.
        let mut fields = Vec::with_capacity(given.len());
        for field in given {
            if !fields.contains(field) {
                fields.push(*field);
            }
        }
        Self {
            fields,
            prefix: (!stripped_prefix.is_empty())
                .then(|| HeaderValue::from_str(stripped_prefix).ok())
                .flatten(),
        }
    }

    /// The part of the public prefix that the upstream is told of, without that of a proxy before this one:
    /// empty where none is stripped, `None` where it is not told.
    pub(crate) fn told_prefix(&self) -> Option<&str> {
        match &self.prefix {
            None => Some(""),
            Some(_) if !self.fields.contains(&ForwardingField::XForwardedPrefix) => None,
            Some(prefix) => prefix.to_str().ok(),
        }
    }

    /// The number of fields that may be added.
    pub(crate) fn len(&self) -> usize {
        self.fields.len()
    }

    /// Writes the fields, and returns what trusted proxies have said. `believed` are the networks of trusted
    /// proxies, if the peer is in one of them; `host` is what the client named, if anything; hop-by-hop
    /// fields are gone, so that `Connection` cannot take away what is set here (CVE-2022-31813, CVE-2024-45410).
    pub(crate) fn apply(
        &self,
        headers: &mut HeaderMap,
        scan: HeaderScan,
        peer: Option<&Peer>,
        believed: Option<&[IpNet]>,
        host: Option<&HeaderValue>,
    ) -> Option<Box<Outside>> {
        // Nearly no request has any. Those that have pay for it.
        let is_forwarded = scan.has_forwarded();
        if is_forwarded {
            remove_untrusted(headers, believed.is_some());
        }
        let (outside, port_is_told) = match believed {
            Some(networks) if is_forwarded => self.continue_word(headers, peer, networks),
            _ => (None, false),
        };
        let set = |headers: &mut HeaderMap, name: HeaderName, value: HeaderValue| {
            if !(is_forwarded && headers.contains_key(&name)) {
                let _full = headers.try_insert(name, value);
            }
        };
        for field in &self.fields {
            match field {
                ForwardingField::XForwardedFor => {
                    if let Some(peer) = peer {
                        fields::append_element(headers, X_FORWARDED_FOR, peer.ip_value());
                    }
                }
                ForwardingField::XForwardedProto => {
                    let secure = peer.is_some_and(Peer::is_secure);
                    let scheme = HeaderValue::from_static(scheme_name(secure));
                    set(headers, X_FORWARDED_PROTO, scheme);
                }
                ForwardingField::XForwardedHost => {
                    if let Some(host) = host {
                        set(headers, X_FORWARDED_HOST, host.clone());
                    }
                }
                ForwardingField::XForwardedPort if port_is_told => {}
                ForwardingField::XForwardedPort => {
                    set(headers, X_FORWARDED_PORT, port(host, peer));
                }
                ForwardingField::XForwardedPrefix => self.apply_prefix(headers),
                ForwardingField::XRealIp => {
                    if let Some(peer) = peer {
                        set(headers, X_REAL_IP, peer.ip_value());
                    }
                }
                ForwardingField::Forwarded => {
                    if let Some(element) = own_element(peer, host) {
                        if is_forwarded {
                            remove_unclosed(headers);
                        }
                        fields::append_element(headers, header::FORWARDED, element);
                    }
                }
            }
        }
        outside
    }

    /// Puts the word of trusted proxies, whose fields alone are left, into each form that the upstream is told,
    /// and returns what they say of the outside, and whether the port is theirs to say.
    fn continue_word(
        &self,
        headers: &mut HeaderMap,
        peer: Option<&Peer>,
        networks: &[IpNet],
    ) -> (Option<Box<Outside>>, bool) {
        remove_unsound_prefix(headers);
        // It may be the client's, and is not believed. An upstream that is told would believe it.
        if is_told_in_x_fields(headers) {
            headers.remove(header::FORWARDED);
        }
        let told = Told::by(headers);
        let outside = Outside::of(headers, &told);
        // A proxy that is trusted for the scheme or the host knows the port that belongs to it, and we do not.
        let port_is_told = told.scheme.is_some() || told.authority.is_some();
        let translated = Word::new(headers, &told).translated(&self.fields, peer, networks);
        for (name, value) in translated {
            let _full = headers.try_insert(name, value);
        }
        self.remove_short_prefix(headers);
        (outside, port_is_told)
    }

    /// Takes out a trusted proxy's prefix where ours is stripped too and is not told: what the upstream is asked for
    /// lies below both, and of the one alone it would make addresses that lead nowhere. To add ours would be as true.
    /// But a route that leaves the field out may have a reason: it cannot say the base path of an upstream.
    fn remove_short_prefix(&self, headers: &mut HeaderMap) {
        if self.told_prefix().is_none() {
            headers.remove(X_FORWARDED_PREFIX);
        }
    }

    /// A trusted proxy's prefix was stripped before ours, so ours is below it. It is one that is believed.
    fn apply_prefix(&self, headers: &mut HeaderMap) {
        let Some(own) = &self.prefix else { return };
        let outer = headers.get(X_FORWARDED_PREFIX).map(HeaderValue::as_bytes);
        let joined = match outer {
            Some(outer) => {
                let outer = outer.strip_suffix(b"/").unwrap_or(outer);
                HeaderValue::from_bytes(&[outer, own.as_bytes()].concat())
            }
            None => Ok(own.clone()),
        };
        if let Ok(joined) = joined {
            let _full = headers.try_insert(X_FORWARDED_PREFIX, joined);
        }
    }
}

/// The element of the client's connection to this proxy.
fn own_element(peer: Option<&Peer>, host: Option<&HeaderValue>) -> Option<HeaderValue> {
    let element = Element {
        client: peer.map(Peer::ip),
        host: host.and_then(|host| host.to_str().ok()),
        secure: Some(peer.is_some_and(Peer::is_secure)),
    };
    // All else in it is quoted, so it is a field value; if not, no element is better than a wrong one.
    HeaderValue::try_from(element.to_string()).ok()
}

/// The port of the host that the client named, or its scheme's.
fn port(host: Option<&HeaderValue>, peer: Option<&Peer>) -> HeaderValue {
    let named = host.and_then(|host| {
        let (_, port) = host.to_str().ok()?.rsplit_once(':')?;
        port.parse::<u16>().ok()
    });
    let port = named.unwrap_or_else(|| default_port(peer.is_some_and(Peer::is_secure)));
    HeaderValue::from(port)
}

/// The public side of a request, as trusted proxies before this one say it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Outside {
    /// The prefix that they have taken away, without a slash at its end.
    pub(crate) prefix: Option<Box<str>>,
    /// The host and port that their client asked for.
    pub(crate) host: Option<HeaderValue>,
}

impl Outside {
    /// Looks at fields of which only trusted ones are left, and a prefix only if it is one.
    fn of(headers: &HeaderMap, told: &Told<'_>) -> Option<Box<Self>> {
        let prefix = sound_prefix(headers).filter(|prefix| !prefix.is_empty());
        let prefix = prefix.map(Box::from);
        let host = told.authority.as_deref();
        let host = host.and_then(|host| HeaderValue::from_bytes(host).ok());
        (prefix.is_some() || host.is_some()).then(|| Box::new(Self { prefix, host }))
    }
}

/// Whether a text can be put before paths for a browser to take: it is one path, and no host.
fn is_prefix(text: &str) -> bool {
    text.starts_with('/')
        && !text.contains("//")
        && text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !b"\\?#\"<>,;".contains(&byte))
        && !is_ambiguous(text)
}

/// Takes out what a peer says of who is before it, unless it is trusted; misspelled names in any case.
fn remove_untrusted(headers: &mut HeaderMap, trusted: bool) {
    let untrusted = headers.keys().filter(|name| is_untrusted(name, trusted));
    for name in untrusted.cloned().collect::<Vec<_>>() {
        headers.remove(name);
    }
}

/// Takes out the lines of `Forwarded` that leave a quoted string open (RFC 7239 4): our element would be a part of it,
/// and a name in it that of another.
fn remove_unclosed(headers: &mut HeaderMap) {
    let is_closed = |line: &&HeaderValue| !leaves_quotes_open(line.as_bytes());
    let lines = headers.get_all(header::FORWARDED);
    if lines.iter().all(|line| is_closed(&line)) {
        return;
    }
    let closed: Vec<_> = lines.iter().filter(is_closed).cloned().collect();
    headers.remove(header::FORWARDED);
    for line in closed {
        fields::append_line(headers, header::FORWARDED, line);
    }
}

/// Takes out a prefix that is not believed for the way back: an application would make addresses of it, and
/// `//evil.example` is a host there (RFC 3986 4.2). Of several lines each reader takes another.
fn remove_unsound_prefix(headers: &mut HeaderMap) {
    if sound_prefix(headers).is_none() {
        headers.remove(X_FORWARDED_PREFIX);
    }
}

/// The prefix that is believed, without a slash at its end.
fn sound_prefix(headers: &HeaderMap) -> Option<&str> {
    let Sole::One(prefix) = fields::sole(headers, &X_FORWARDED_PREFIX) else {
        return None;
    };
    let prefix = prefix.to_str().ok()?;
    let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
    (prefix.is_empty() || is_prefix(prefix)).then_some(prefix)
}

/// The prefix that trusted proxies took away before this server, which is before its paths for a browser; empty if there
/// is none. For servers that answer themselves beside a proxy. The peer has to be a trusted one.
#[doc(hidden)]
#[must_use]
pub fn _outer_prefix(headers: &HeaderMap) -> &str {
    sound_prefix(headers).unwrap_or_default()
}

#[cfg(test)]
mod tests;
