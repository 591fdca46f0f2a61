//! `Host`: its grammar, and its place in a head.

use http::header::{self, HeaderMap, HeaderValue};
use http::uri::Authority;
use std::borrow::Cow;
use std::net::Ipv6Addr;

/// The scheme of HTTP with or without TLS.
pub(crate) const fn scheme_name(is_secure: bool) -> &'static str {
    if is_secure { "https" } else { "http" }
}

/// The port that a scheme stands for (RFC 9110 4.2.1, 4.2.2).
pub(crate) const fn default_port(is_secure: bool) -> u16 {
    if is_secure { 443 } else { 80 }
}

/// Whether two hosts are the same: names in any case, IPv6 addresses in any spelling.
pub(crate) fn is_same_host(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
        || matches!((ipv6(one), ipv6(other)), (Some(one), Some(other)) if one == other)
}

/// Whether a text is an authority with the same host and the same port, where one that names no port has
/// the scheme's. User information makes it another.
pub(crate) fn is_same_authority(text: &str, known: &Authority, default_port: u16) -> bool {
    let Ok(authority) = text.parse::<Authority>() else {
        return false;
    };
    let port = |authority: &Authority| authority.port_u16().unwrap_or(default_port);
    !text.contains('@')
        && is_same_host(authority.host(), known.host())
        && port(&authority) == port(known)
}

/// A host in lower case, and an IPv6 address in its one canonical spelling (RFC 5952).
pub(crate) fn canonical_host(host: &str) -> Cow<'_, str> {
    match ipv6(host) {
        Some(address) => Cow::Owned(format!("[{address}]")),
        None if host.bytes().any(|byte| byte.is_ascii_uppercase()) => {
            Cow::Owned(host.to_ascii_lowercase())
        }
        None => Cow::Borrowed(host),
    }
}

/// The address of a host in brackets.
pub(crate) fn ipv6(host: &str) -> Option<Ipv6Addr> {
    host.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

/// `Host` where it was, or first (RFC 9110 7.2: it should be) if there was none.
pub(crate) fn set_host(headers: &mut HeaderMap, host: HeaderValue) {
    match headers.entry(header::HOST) {
        header::Entry::Occupied(mut entry) => {
            entry.insert(host);
        }
        header::Entry::Vacant(_) => {
            let others = std::mem::take(headers);
            headers.reserve(others.len() + 1);
            headers.insert(header::HOST, host);
            headers.extend(others);
        }
    }
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

/// `uri-host [ ":" port ]` (RFC 9110 7.2), of which only what a name of the DNS, an IPv4 address or a
/// bracketed IPv6 address can be is let through: whatever else the grammar of a registered name
/// allows (a comma, a semicolon, percent-encodings) is read differently by different servers.
pub(crate) fn is_host_and_port(value: &[u8]) -> bool {
    let (host, port) = match value {
        [b'[', rest @ ..] => match rest.iter().position(|byte| *byte == b']') {
            Some(end) => {
                let literal = &rest[..end];
                let legal = |byte: &u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.');
                if literal.is_empty() || !literal.iter().all(legal) {
                    return false;
                }
                (literal, &rest[end + 1..])
            }
            None => return false,
        },
        _ => {
            // Up to the first byte that a name cannot have, which has to be the port's colon.
            let end = value.iter().position(|byte| !IN_NAME[usize::from(*byte)]);
            value.split_at(end.unwrap_or(value.len()))
        }
    };
    !host.is_empty() && is_port(port)
}

/// Nothing, or a colon and at most five digits, none of them being allowed (RFC 3986 3.2.3).
fn is_port(port: &[u8]) -> bool {
    match port {
        [] => true,
        [b':', digits @ ..] => digits.len() <= 5 && digits.iter().all(u8::is_ascii_digit),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_compared_as_such() {
        for (one, other, same) in [
            ("a.example", "A.Example", true),
            ("a.example", "b.example", false),
            ("a.example", "a.example.", false),
            ("[::1]", "[0:0:0:0:0:0:0:1]", true),
            ("[::FFFF:10.0.0.1]", "[::ffff:a00:1]", true),
            ("[::1]", "[::2]", false),
            ("[::ffff:10.0.0.1]", "10.0.0.1", false),
            ("[x]", "[y]", false),
        ] {
            assert_eq!(is_same_host(one, other), same, "{one} {other}");
            assert_eq!(
                canonical_host(one) == canonical_host(other),
                same,
                "{one} {other}"
            );
        }
        assert_eq!(canonical_host("[::FFFF:10.0.0.1]"), "[::ffff:10.0.0.1]");
        for (one, other, same) in [
            ("a", "A:443", true),
            ("a:", "a:443", true),
            ("a:80", "a", false),
            ("u@a", "a", false),
            ("[::1]:81", "[0::1]:81", true),
            ("[::1]:81", "[::1]:82", false),
        ] {
            let known = other.parse().unwrap();
            assert_eq!(is_same_authority(one, &known, 443), same, "{one} {other}");
        }
    }

    #[test]
    fn hosts_are_names_and_addresses_with_a_port_perhaps() {
        for good in [
            "a",
            "app.example.com:8443",
            "127.0.0.1:80",
            "[::1]",
            "[::1]:80",
            "a_b-c.x",
            "a:",
        ] {
            assert!(is_host_and_port(good.as_bytes()), "{good}");
        }
        for bad in [
            "",
            ":80",
            "a b",
            "a,b",
            "u@a",
            "a/b",
            "a:b",
            "a:123456",
            "[::1",
            "[]",
            "[g]",
            "[::1]x",
            "a:1:2",
            "ä",
            "a;b",
            "a%20b",
            "[::1%eth0]",
        ] {
            assert!(!is_host_and_port(bad.as_bytes()), "{bad}");
        }
    }
}
