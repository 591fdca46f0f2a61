//! The grammar of origins and patterns, as a recognizer: one walk over the bytes, nothing allocated.
//! Requests are read by it. What is wrong with a text that it refuses is for `diagnose` to say.
//!
//! Fetch #origin-header gives the grammar of a serialized origin. It is obeyed to the letter with one
//! exception: a label may hold underscores. The ABNF has none, but the URL parser lets them through,
//! names with underscores are in use, and browsers send them.

use super::host;
use std::ops::Range;

/// Where the parts of a text are that was found good.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Shape {
    /// The scheme ends here.
    pub(super) scheme: usize,
    /// `*.` stands before the host.
    pub(super) subdomains: bool,
    /// The host, of which `*.` is no part; with the brackets, where it is an IPv6 address.
    pub(super) host: Range<usize>,
    pub(super) port: Port,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Port {
    /// None is written: the default port of the scheme.
    Default,
    Number(u16),
    /// `*`
    Any,
}

/// Schemes whose documents have an opaque origin (URL #concept-url-origin).
pub(super) const OPAQUE: [&str; 5] = ["about", "blob", "data", "file", "javascript"];

/// Schemes of URLs that are no documents; the origin that is sent is that of the page.
pub(super) const WEBSOCKET: [&str; 2] = ["ws", "wss"];

/// Reads an origin, as it stands in an `Origin` field.
pub(super) fn origin(text: &[u8]) -> Option<Shape> {
    pattern(text).filter(|shape| !shape.subdomains && shape.port != Port::Any)
}

/// Reads an origin or a pattern of origins, as it stands in an allowlist.
pub(super) fn pattern(text: &[u8]) -> Option<Shape> {
    let (scheme, rest) = text.split_at(text.iter().position(|&byte| byte == b':')?);
    let authority = rest.strip_prefix(b"://")?;
    let (host, port) = split_port(authority);
    let start = text.len() - authority.len();
    let (subdomains, host, start) = match host {
        [b'*', b'.', base @ ..] => (true, base, start + 2),
        host => (false, host, start),
    };
    let port = match port {
        None => Port::Default,
        Some(b"*") => Port::Any,
        Some(digits) => Port::Number(port_number(digits)?),
    };
    let canonical = match port {
        Port::Number(number) => default_port(scheme) != Some(number),
        Port::Default | Port::Any => true,
    };
    (canonical && is_scheme(scheme) && host::is_canonical(host, subdomains)).then(|| Shape {
        scheme: scheme.len(),
        subdomains,
        host: start..start + host.len(),
        port,
    })
}

/// The default ports of the schemes that have one (URL #special-scheme).
pub(super) fn default_port(scheme: &[u8]) -> Option<u16> {
    match scheme {
        b"https" => Some(443),
        b"http" => Some(80),
        b"ftp" => Some(21),
        _ => None,
    }
}

fn is_scheme(scheme: &[u8]) -> bool {
    let is_letter = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"+-.".contains(b);
    let has_no_origin = || {
        OPAQUE
            .iter()
            .chain(&WEBSOCKET)
            .any(|name| name.as_bytes() == scheme)
    };
    matches!(scheme, b"https" | b"http")
        || (scheme.first().is_some_and(u8::is_ascii_lowercase)
            && scheme.iter().all(is_letter)
            && !has_no_origin())
}

/// Host and port; what is before the colon of a host in brackets is no business of this function.
pub(super) fn split_port(authority: &[u8]) -> (&[u8], Option<&[u8]>) {
    let skip = match authority {
        [b'[', ..] => authority.iter().position(|&byte| byte == b']').unwrap_or(0),
        _ => 0,
    };
    match authority[skip..].iter().position(|&byte| byte == b':') {
        Some(colon) => (
            &authority[..skip + colon],
            Some(&authority[skip + colon + 1..]),
        ),
        None => (authority, None),
    }
}

/// A port in its canonical form.
pub(super) fn port_number(digits: &[u8]) -> Option<u16> {
    let canonical = matches!(digits, [b'1'..=b'9', rest @ ..] if rest.len() < 5 && rest.iter().all(u8::is_ascii_digit));
    let number = digits
        .iter()
        .take(5)
        .fold(0, |n, &digit| n * 10 + u32::from(digit.wrapping_sub(b'0')));
    u16::try_from(number).ok().filter(|_| canonical)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_are_where_they_stand() {
        let text = "https://*.example.com:8443";
        let shape = pattern(text.as_bytes()).unwrap();
        assert_eq!(&text[..shape.scheme], "https");
        assert_eq!(&text[shape.host], "example.com");
        assert!(shape.subdomains);
        assert_eq!(shape.port, Port::Number(8443));

        let text = "http://[::1]:*";
        let shape = pattern(text.as_bytes()).unwrap();
        assert_eq!(&text[..shape.scheme], "http");
        assert_eq!(&text[shape.host], "[::1]");
        assert_eq!(shape.port, Port::Any);
    }

    #[test]
    fn a_pattern_is_no_origin() {
        assert_eq!(origin(b"https://*.example.com"), None);
        assert_eq!(origin(b"https://example.com:*"), None);
        assert!(origin(b"https://example.com:8443").is_some());
    }

    #[test]
    fn another_schemes_default_port_is_an_ordinary_port() {
        for text in [
            "http://example.com:443",
            "app://example.com:443",
            "https://example.com:80",
        ] {
            assert!(origin(text.as_bytes()).is_some(), "{text}");
        }
        for text in [
            "http://example.com:80",
            "https://example.com:443",
            "ftp://example.com:21",
        ] {
            assert_eq!(origin(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn ports() {
        for (digits, number) in [("1", 1), ("80", 80), ("65535", 65535)] {
            assert_eq!(port_number(digits.as_bytes()), Some(number));
        }
        for digits in [
            "",
            "0",
            "080",
            "65536",
            "99999",
            "100000",
            "+80",
            "8a",
            " 80",
            "4294967376",
        ] {
            assert_eq!(port_number(digits.as_bytes()), None, "{digits}");
        }
    }
}
