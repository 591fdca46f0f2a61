//! The authority of a request: a host, and a port perhaps.
//!
//! Nothing here allocates.

use std::cmp::Ordering;
use std::fmt;
use std::net::Ipv6Addr;

use http::HeaderValue;
use http::uri::{Authority, Scheme};

/// The port that a scheme stands for (RFC 9110 4.2.1, 4.2.2).
pub(crate) const fn default_port(is_secure: bool) -> u16 {
    if is_secure { 443 } else { 80 }
}

/// Whether a `Host` says what `:authority` says. RFC 9113 8.3.1, RFC 9114 4.3.1: of two that differ the request is
/// malformed. Both are normalized by the scheme, whose port stands for one that is left out.
pub(crate) fn is_same(line: &HeaderValue, authority: &Authority, scheme: Option<&Scheme>) -> bool {
    let (line, authority) = (line.as_bytes(), authority.as_str().as_bytes());
    if line.eq_ignore_ascii_case(authority) {
        return true;
    }
    let default = match scheme.map(Scheme::as_str) {
        Some("http") => Some(default_port(false)),
        Some("https") => Some(default_port(true)),
        // Nobody knows it.
        _ => None,
    };
    let both = HostAndPort::parse(line).zip(HostAndPort::parse(authority));
    both.is_some_and(|(line, authority)| line.is_same(&authority, default))
}

/// A host and a port, as they stand in `Host`, in `:authority` or in a target in absolute form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HostAndPort<'a> {
    /// The host in any case of letters; an IPv6 address has its brackets.
    host: &'a [u8],
    port: Option<u16>,
}

impl<'a> HostAndPort<'a> {
    /// Reads `uri-host [ ":" port ]` (RFC 9110 7.2).
    ///
    /// Only what a name of the DNS, an IPv4 address or a bracketed IPv6 address can be is an authority:
    /// what else the grammar of a registered name allows (a comma, a percent-encoding, a user name before
    /// an `@`) is read differently by different servers. An empty port is the default one (RFC 3986
    /// 3.2.3).
    #[inline]
    pub(crate) fn parse(text: &'a [u8]) -> Option<Self> {
        let (host, port) = match text {
            [b'[', rest @ ..] => text.split_at(address(rest)? + 2),
            _ => {
                // Up to the first byte that a name cannot have, which has to be the port's colon.
                let end = text.iter().position(|&byte| !IN_NAME[usize::from(byte)]);
                text.split_at(end.unwrap_or(text.len()))
            }
        };
        let port = match port {
            [] | [b':'] => None,
            [b':', digits @ ..] => Some(port_number(digits)?),
            _ => return None,
        };
        (!host.is_empty()).then_some(Self { host, port })
    }

    /// Whether a text is not one for its port alone, whose digits are a number that no port has.
    #[cold]
    pub(crate) fn has_no_such_port(text: &[u8]) -> bool {
        let Some(colon) = text.iter().rposition(|&byte| byte == b':') else {
            return false;
        };
        let (host, digits) = (&text[..colon], &text[colon + 1..]);
        let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
        let is_host =
            HostAndPort::parse(host).is_some_and(|it| it.port.is_none() && it.host == host);
        is_number && is_host && port_number(digits).is_none()
    }

    /// The port that is written, if one is.
    pub(crate) const fn port(&self) -> Option<u16> {
        self.port
    }

    /// The address in brackets. One address can be written in several ways (RFC 4291 2.2).
    pub(crate) fn ipv6(&self) -> Option<Ipv6Addr> {
        let address = self.host.strip_prefix(b"[")?.strip_suffix(b"]")?;
        std::str::from_utf8(address).ok()?.parse().ok()
    }

    /// Whether both are one host and one port, where a port that is left out is the default one.
    fn is_same(&self, other: &Self, default: Option<u16>) -> bool {
        let is_same_host = self.host.eq_ignore_ascii_case(other.host)
            || matches!((self.ipv6(), other.ipv6()), (Some(one), Some(other)) if one == other);
        is_same_host && self.port.or(default) == other.port.or(default)
    }

    /// Whether browsers write this authority so in an origin: in lower case, and without the port that is
    /// the scheme's default (URL #origin-serialization).
    #[inline]
    pub(crate) fn is_serialized_as(&self, text: &[u8], default: u16) -> bool {
        let Some((host, port)) = text.split_at_checked(self.host.len()) else {
            return false;
        };
        if self.cmp_host(host) != Ordering::Equal {
            return false;
        }
        match (self.port.filter(|&port| port != default), port) {
            (None, []) => true,
            // No leading zero: browsers write the number.
            (Some(port), [b':', digits @ ..]) => {
                !digits.starts_with(b"0") && port_number(digits) == Some(port)
            }
            (None, _) | (Some(_), _) => false,
        }
    }

    /// The host of the request beside one in lower case; host names have no case (RFC 9110 4.2.3).
    ///
    /// Shorter ones are less, so that most are told apart without a look at their bytes.
    pub(crate) fn cmp_host(&self, lower: &[u8]) -> Ordering {
        // Nearly every request names its host in lower case.
        if self.host == lower {
            return Ordering::Equal;
        }
        let host = self.host.iter().map(u8::to_ascii_lowercase);
        let by_length = self.host.len().cmp(&lower.len());
        by_length.then_with(|| host.cmp(lower.iter().copied()))
    }
}

impl fmt::Display for HostAndPort<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.host.to_ascii_lowercase().escape_ascii())?;
        match self.port {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

/// The length of an IPv6 address that ends with a bracket.
fn address(text: &[u8]) -> Option<usize> {
    let end = text.iter().position(|&byte| byte == b']')?;
    let legal = |byte: &u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.');
    (end > 0 && text[..end].iter().all(legal)).then_some(end)
}

/// The bytes of a name or an IPv4 address: RFC 3986's `unreserved`.
const IN_NAME: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        let b = byte as u8;
        table[byte] = b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
        byte += 1;
    }
    table
};

/// A port, which a client may write with leading zeros (RFC 3986 3.2.3).
fn port_number(digits: &[u8]) -> Option<u16> {
    if digits.is_empty() || digits.len() > 5 {
        return None;
    }
    let number = digits.iter().try_fold(0_u32, |number, digit| {
        digit
            .is_ascii_digit()
            .then(|| number * 10 + u32::from(digit - b'0'))
    })?;
    u16::try_from(number).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_there_is_not() {
        for (text, is_one) in [
            ("a:65536", true),
            ("a:655360", true),
            ("[::1]:99999", true),
            ("a:65535", false),
            ("a:", false),
            ("a", false),
            (":99999", false),
            ("a b:99999", false),
            ("a:1:99999", false),
            ("a:9999x9", false),
        ] {
            let found = HostAndPort::has_no_such_port(text.as_bytes());
            assert_eq!(found, is_one, "{text}");
        }
    }

    #[test]
    fn authorities() {
        let long = "a:655360";
        for (text, read) in [
            ("app.example.com", Some(("app.example.com", None))),
            (
                "APP.example.com:8443",
                Some(("APP.example.com", Some(8443))),
            ),
            ("127.0.0.1:080", Some(("127.0.0.1", Some(80)))),
            ("[::1]", Some(("[::1]", None))),
            ("[2001:db8::7]:9000", Some(("[2001:db8::7]", Some(9000)))),
            ("app.example.com:", Some(("app.example.com", None))),
            ("app.example.com.", Some(("app.example.com.", None))),
            ("", None),
            (":80", None),
            ("[]", None),
            ("[::1", None),
            ("[::1]x", None),
            ("::1", None),
            ("a b", None),
            ("a,b", None),
            ("a;b", None),
            ("a_b-c.x", Some(("a_b-c.x", None))),
            ("[g]", None),
            ("[::1%eth0]", None),
            ("a:1", Some(("a", Some(1)))),
            ("a:123456", None),
            ("a%41", None),
            ("u@app.example.com", None),
            ("app.example.com@evil.example", None),
            ("http://a", None),
            ("a/b", None),
            ("a:b", None),
            ("a:+1", None),
            ("a:1:2", None),
            ("a:65536", None),
            (long, None),
            ("a\u{e9}", None),
        ] {
            let found = HostAndPort::parse(text.as_bytes());
            let want = read.map(|(host, port): (&str, _)| HostAndPort {
                host: host.as_bytes(),
                port,
            });
            assert_eq!(found, want, "{text}");
        }
    }

    #[test]
    fn two_authorities_of_one_request() {
        for (line, uri, same) in [
            ("a.example", "http://a.example/", true),
            ("A.example", "http://a.Example/", true),
            ("a.example:80", "http://a.example/", true),
            ("a.example", "http://a.example:80/", true),
            ("a.example:", "http://a.example:080/", true),
            ("a.example:443", "https://a.example/", true),
            ("[0:0:0:0:0:0:0:1]", "https://[::1]:443/", true),
            ("a.example:443", "http://a.example/", false),
            ("a.example:80", "https://a.example/", false),
            ("a.example:8080", "http://a.example:8081/", false),
            ("a.example.", "http://a.example/", false),
            ("b.example", "http://a.example/", false),
            ("[::2]", "http://[::1]/", false),
            ("u@a.example", "http://a.example/", false),
            ("", "http://a.example/", false),
            // A scheme whose port nobody knows.
            ("a.example:80", "ws://a.example/", false),
            ("a.example", "ws://a.example/", true),
        ] {
            let uri: http::Uri = uri.parse().unwrap();
            let line = HeaderValue::from_static(line);
            let found = is_same(&line, uri.authority().unwrap(), uri.scheme());
            assert_eq!(found, same, "{line:?} {uri}");
        }
    }

    #[test]
    fn an_authority_in_an_origin() {
        for (authority, text, default, same) in [
            ("app.example.com", "app.example.com", 80, true),
            ("App.Example.com", "app.example.com", 80, true),
            ("app.example.com:80", "app.example.com", 80, true),
            ("app.example.com:", "app.example.com", 80, true),
            ("app.example.com:080", "app.example.com", 80, true),
            ("app.example.com:8080", "app.example.com:8080", 80, true),
            ("[::1]:3000", "[::1]:3000", 80, true),
            ("[::A]", "[::a]", 80, true),
            ("app.example.com.", "app.example.com.", 80, true),
            ("app.example.com", "App.example.com", 80, false),
            ("app.example.com", "app.example.com:80", 80, false),
            ("app.example.com:80", "app.example.com:80", 80, false),
            ("app.example.com:443", "app.example.com", 80, false),
            ("app.example.com:8080", "app.example.com", 80, false),
            ("app.example.com:8080", "app.example.com:08080", 80, false),
            ("app.example.com:8080", "app.example.com:8080/", 80, false),
            ("app.example.com:8080", "app.example.com:73616", 80, false),
            ("app.example.com", "app.example.co", 80, false),
            ("app.example.com", "app.example.com.", 80, false),
            ("app.example.com", "app.example.com.evil.example", 80, false),
            ("app.example.com", "app.example.com:", 80, false),
            ("app.example.com", "", 80, false),
        ] {
            let parsed = HostAndPort::parse(authority.as_bytes()).unwrap();
            let found = parsed.is_serialized_as(text.as_bytes(), default);
            assert_eq!(found, same, "{authority} {text}");
        }
    }
}
