//! The authority of a request, and the authorities that are answered.
//!
//! Nothing here allocates once the set is built.

use std::cmp::Ordering;
use std::fmt;

/// A host and a port, as they stand in `Host`, in `:authority` or in a target in absolute form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Authority<'a> {
    /// In any case; an IPv6 address has its brackets.
    host: &'a [u8],
    port: Option<u16>,
}

impl<'a> Authority<'a> {
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
            // Most name no port. To look at all bytes without a way out takes half as long as to look for the
            // first that is not a name's (5 ns of 60, `benches/guard.rs`).
            _ if is_name(text) => (text, &[][..]),
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
    fn cmp_host(&self, lower: &[u8]) -> Ordering {
        // Nearly every request names its host in lower case.
        if self.host == lower {
            return Ordering::Equal;
        }
        let host = self.host.iter().map(u8::to_ascii_lowercase);
        let by_length = self.host.len().cmp(&lower.len());
        by_length.then_with(|| host.cmp(lower.iter().copied()))
    }
}

impl fmt::Display for Authority<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.host.to_ascii_lowercase().escape_ascii())?;
        match self.port {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

fn is_name(text: &[u8]) -> bool {
    text.iter()
        .fold(true, |is, &byte| is & IN_NAME[usize::from(byte)])
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
    pub(crate) fn answer(&self, authority: Authority<'_>, default: u16) -> bool {
        let by_host = |(host, _): &(Box<[u8]>, Ports)| authority.cmp_host(host).reverse();
        match self.0.binary_search_by(by_host) {
            Ok(place) => match &self.0[place].1 {
                Ports::Any => true,
                Ports::Only(ports) => ports.contains(&authority.port.unwrap_or(default)),
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
            let found = Authority::parse(text.as_bytes());
            let want = read.map(|(host, port): (&str, _)| Authority {
                host: host.as_bytes(),
                port,
            });
            assert_eq!(found, want, "{text}");
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
            let parsed = Authority::parse(authority.as_bytes()).unwrap();
            let found = parsed.is_serialized_as(text.as_bytes(), default);
            assert_eq!(found, same, "{authority} {text}");
        }
    }

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
            let parsed = Authority::parse(authority.as_bytes()).unwrap();
            assert_eq!(hosts.answer(parsed, default), answered, "{authority}");
        }
    }
}
