//! `Host`: its grammar, and its place in a head.

use std::borrow::Cow;
use std::net::Ipv6Addr;

use http::header::{self, HeaderMap, HeaderValue};
use http::uri::Authority;

pub(crate) use crate::host_and_port::default_port;

/// The scheme of HTTP with or without TLS.
pub(crate) const fn scheme_name(is_secure: bool) -> &'static str {
    if is_secure { "https" } else { "http" }
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
}
