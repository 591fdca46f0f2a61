//! The fields by which a proxy tells of the request that it got: `X-Forwarded-*`, or `Forwarded` (RFC 7239), read in
//! one way by the guard and by the proxy.

use std::borrow::Cow;
#[cfg(feature = "proxy")]
use std::collections::VecDeque;

use http::header::{FORWARDED, HeaderMap, HeaderName};

use crate::fields;
use crate::host_and_port::HostAndPort;

/// The most proxies that a request is taken to have come through. A longer list is a client's, and would grow on its
/// way.
#[cfg(feature = "proxy")]
pub(crate) const MOST_HOPS: usize = 32;

/// The scheme and the authority, as they were told; both are yet to be checked.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Told<'a> {
    pub(crate) scheme: Option<Cow<'a, [u8]>>,
    pub(crate) authority: Option<Cow<'a, [u8]>>,
}

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

impl<'a> Told<'a> {
    /// The last member of a list counts: it is the peer's own word, and those before it may be the client's.
    pub(crate) fn by(headers: &'a HeaderMap) -> Self {
        let last = |name| {
            let line = headers.get_all(name).iter().next_back()?;
            Some(last_element(line.as_bytes()))
        };
        let is_told = |value: &Cow<'_, [u8]>| !value.is_empty();
        let (scheme, authority) = if is_told_in_x_fields(headers) {
            let host = last(X_FORWARDED_HOST);
            (
                last(X_FORWARDED_PROTO).map(Cow::Borrowed),
                host.map(|host| with_port(host, last(X_FORWARDED_PORT))),
            )
        } else {
            let element = last(FORWARDED).unwrap_or_default();
            (parameter(element, b"proto"), parameter(element, b"host"))
        };
        Self {
            scheme: scheme.filter(is_told),
            authority: authority.filter(is_told),
        }
    }

    /// Whether the scheme is that of TLS, if it is one that browsers ask by. Some proxies tell the scheme of a
    /// handshake by the WebSocket's own name for it.
    pub(crate) fn is_secure(&self) -> Option<bool> {
        let scheme = self.scheme.as_deref()?;
        let is = |name: &str| scheme.eq_ignore_ascii_case(name.as_bytes());
        match () {
            () if is("https") || is("wss") => Some(true),
            () if is("http") || is("ws") => Some(false),
            () => None,
        }
    }
}

/// Whether a proxy tells of the request in `X-Forwarded-*`, even if it tells the address alone (HAProxy's `option
/// forwardfor`). Such a proxy may hand `Forwarded` through as the client sent it, as an AWS ALB does.
pub(crate) fn is_told_in_x_fields(headers: &HeaderMap) -> bool {
    [X_FORWARDED_FOR, X_FORWARDED_PROTO, X_FORWARDED_HOST]
        .iter()
        .any(|name| headers.contains_key(name))
}

/// The authority of a host that was told without its port, as nginx's `$host` is. A port that is not one is not
/// taken; nor are 80 and 443, which the scheme stands for, or which are those of a hop behind the one that
/// speaks TLS: no page is at `https://a.example:80`.
fn with_port<'a>(host: &'a [u8], port: Option<&[u8]>) -> Cow<'a, [u8]> {
    let is_alone = || HostAndPort::parse(host).is_some_and(|it| it.port().is_none());
    let is_port = |joined: &Vec<u8>| {
        let port = HostAndPort::parse(joined).and_then(|it| it.port());
        port.is_some_and(|port| !matches!(port, 0 | 80 | 443))
    };
    let port = port.filter(|_| is_alone());
    let joined = port.map(|port| [host, b":", port].concat());
    joined
        .filter(is_port)
        .map_or(Cow::Borrowed(host), Cow::Owned)
}

/// The last element of a list in which quoted strings may stand (RFC 7239 4).
fn last_element(line: &[u8]) -> &[u8] {
    fields::trim(split_unquoted(line, b',').last().unwrap_or_default())
}

/// The last elements of a line of `Forwarded`, the very last one first: no chain of proxies is longer than
/// [`MOST_HOPS`].
#[cfg(feature = "proxy")]
pub(crate) fn last_elements(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut last = VecDeque::with_capacity(MOST_HOPS);
    for element in split_unquoted(line, b',').map(fields::trim) {
        if last.len() == MOST_HOPS {
            last.pop_front();
        }
        if !element.is_empty() {
            last.push_back(element);
        }
    }
    last.into_iter().rev()
}

/// The value of a forwarded-pair, without its quotes.
pub(crate) fn parameter<'a>(element: &'a [u8], name: &[u8]) -> Option<Cow<'a, [u8]>> {
    split_unquoted(element, b';').find_map(|pair| {
        let at = pair.iter().position(|&byte| byte == b'=')?;
        let (key, value) = (fields::trim(&pair[..at]), fields::trim(&pair[at + 1..]));
        key.eq_ignore_ascii_case(name).then(|| match value {
            [b'"', quoted @ .., b'"'] if quoted.contains(&b'\\') => Cow::Owned(unescape(quoted)),
            [b'"', quoted @ .., b'"'] => Cow::Borrowed(quoted),
            token => Cow::Borrowed(token),
        })
    })
}

/// RFC 9110 5.6.4: a backslash stands for the byte behind it.
fn unescape(quoted: &[u8]) -> Vec<u8> {
    let mut escaped = false;
    let keep = |&byte: &u8| {
        escaped = byte == b'\\' && !escaped;
        (!escaped).then_some(byte)
    };
    quoted.iter().filter_map(keep).collect()
}

fn split_unquoted(line: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let mut quotes = Quotes::default();
    line.split(move |&byte| !quotes.are_open_after(byte) && byte == separator)
}

/// Whether a quoted string begins on a line and does not end there. All that is put behind it would be a part of it.
#[cfg(feature = "proxy")]
pub(crate) fn leaves_quotes_open(line: &[u8]) -> bool {
    let mut quotes = Quotes::default();
    let open = line.iter().map(|&byte| quotes.are_open_after(byte));
    open.last().unwrap_or_default()
}

/// The place in a line in which quoted strings may stand (RFC 9110 5.6.4).
#[derive(Default)]
struct Quotes {
    are_open: bool,
    is_escaped: bool,
}

impl Quotes {
    fn are_open_after(&mut self, byte: u8) -> bool {
        let was_escaped = std::mem::take(&mut self.is_escaped);
        match byte {
            b'"' if !was_escaped => self.are_open = !self.are_open,
            b'\\' if self.are_open => self.is_escaped = !was_escaped,
            _ => {}
        }
        self.are_open
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn head(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn a_port_is_taken_for_a_host_without_one() {
        let (host, port) = ("x-forwarded-host", "x-forwarded-port");
        for (fields, authority) in [
            (
                &[(host, "a.example"), (port, "8443")][..],
                Some("a.example:8443"),
            ),
            (
                &[(host, "[2001:db8::1]"), (port, "8443")],
                Some("[2001:db8::1]:8443"),
            ),
            (
                &[(host, "a.example"), (port, "81, 8443")],
                Some("a.example:8443"),
            ),
            (
                &[(host, "a.example:82"), (port, "8443")],
                Some("a.example:82"),
            ),
            (&[(host, "a.example:"), (port, "8443")], Some("a.example:")),
            (&[(host, "a.example"), (port, "443")], Some("a.example")),
            (&[(host, "a.example"), (port, "80")], Some("a.example")),
            (&[(host, "a.example"), (port, "0")], Some("a.example")),
            (&[(host, "a.example"), (port, "")], Some("a.example")),
            (&[(host, "a.example"), (port, "65536")], Some("a.example")),
            (&[(host, "a.example"), (port, "+81")], Some("a.example")),
            (
                &[(host, "a.example"), (port, ".evil.example")],
                Some("a.example"),
            ),
            (&[(host, "a b"), (port, "8443")], Some("a b")),
            (&[(port, "8443")], None),
            // RFC 7239 5.3: `host` is as `Host` was, with its port.
            (
                &[("forwarded", "host=a.example"), (port, "8443")],
                Some("a.example"),
            ),
        ] {
            let headers = head(fields);
            let found = Told::by(&headers).authority;
            assert_eq!(found.as_deref(), authority.map(str::as_bytes), "{fields:?}");
        }
    }

    #[test]
    fn what_is_told() {
        for (fields, scheme, authority) in [
            (&[][..], None, None),
            (&[("x-forwarded-proto", "https")], Some("https"), None),
            (&[("x-forwarded-proto", "http, https")], Some("https"), None),
            (
                &[("x-forwarded-host", "a.example:8443")],
                None,
                Some("a.example:8443"),
            ),
            (
                &[("x-forwarded-host", "evil.example, a.example")],
                None,
                Some("a.example"),
            ),
            (
                &[
                    ("x-forwarded-host", "evil.example"),
                    ("x-forwarded-host", "a.example"),
                ],
                None,
                Some("a.example"),
            ),
            (&[("x-forwarded-host", "")], None, None),
            (
                &[("forwarded", "for=192.0.2.1;host=a.example;proto=https")],
                Some("https"),
                Some("a.example"),
            ),
            (
                &[("forwarded", "Host=\"a.example:81\" ; Proto=HTTP")],
                Some("HTTP"),
                Some("a.example:81"),
            ),
            (
                &[("forwarded", "host=evil.example, host=a.example")],
                None,
                Some("a.example"),
            ),
            (
                &[("forwarded", "for=\"a,host=evil;host=evil\"")],
                None,
                None,
            ),
            (
                &[("forwarded", "for=\"\\\",\";host=\"a\\.example\"")],
                None,
                Some("a.example"),
            ),
            (&[("forwarded", "host")], None, None),
            // A proxy that sets the one kind may hand the other through as the client sent it.
            (
                &[
                    ("x-forwarded-proto", "https"),
                    ("forwarded", "host=evil.example;proto=http"),
                ],
                Some("https"),
                None,
            ),
            (
                &[
                    ("x-forwarded-for", "192.0.2.1"),
                    ("forwarded", "host=evil.example;proto=https"),
                ],
                None,
                None,
            ),
        ] {
            let headers = head(fields);
            let told = Told::by(&headers);
            let found = (told.scheme.as_deref(), told.authority.as_deref());
            let want = (scheme.map(str::as_bytes), authority.map(str::as_bytes));
            assert_eq!(found, want, "{fields:?}");
        }
    }
}
