//! The grammar of origins and patterns; one pass, nothing allocated.
//!
//! Fetch #origin-header gives the grammar of a serialized origin. It is obeyed to the letter with one
//! exception: a label may hold underscores. The ABNF has none, but the URL parser lets them through,
//! names with underscores are in use, and browsers send them.

use super::error::OriginErrorKind as Kind;
use super::host;
use std::ops::Range;

/// Where the parts of a text that was found good are.
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
const OPAQUE: [&str; 5] = ["about", "blob", "data", "file", "javascript"];

/// Reads an origin, as it stands in an `Origin` field.
pub(super) fn origin(text: &str) -> Result<Shape, Kind> {
    match pattern(text)? {
        Shape {
            subdomains: true, ..
        }
        | Shape {
            port: Port::Any, ..
        } => Err(Kind::Wildcard),
        shape => Ok(shape),
    }
}

/// Reads an origin or a pattern of origins, as it stands in an allowlist.
pub(super) fn pattern(text: &str) -> Result<Shape, Kind> {
    let Some((scheme, authority)) = text.split_once("://") else {
        return Err(without_scheme(text));
    };
    check_scheme(scheme)?;
    // The authority ends at the first of these (URL #authority-state); `\` counts as `/` there.
    if let Some(end) = authority.find(['/', '\\', '?', '#']) {
        return Err(if end == 0 { Kind::NoHost } else { Kind::Path });
    }
    if authority.contains('@') {
        return Err(Kind::Userinfo);
    }
    let start = scheme.len() + "://".len();
    let (host, port) = split_port(authority)?;
    let (subdomains, host, start) = match host.strip_prefix("*.") {
        Some(base) => (true, base, start + "*.".len()),
        None => (false, host, start),
    };
    host::check(host, subdomains)?;
    let port = match port {
        None => Port::Default,
        Some("*") => Port::Any,
        Some(number) => Port::Number(check_port(scheme, number)?),
    };
    Ok(Shape {
        scheme: scheme.len(),
        subdomains,
        host: start..start + host.len(),
        port,
    })
}

/// The default ports of the schemes that have one (URL #special-scheme).
pub(super) fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "https" => Some(443),
        "http" => Some(80),
        "ftp" => Some(21),
        _ => None,
    }
}

fn without_scheme(text: &str) -> Kind {
    let before_colon = text.split(':').next().unwrap_or_default();
    match text {
        "" => Kind::Empty,
        "*" => Kind::Star,
        _ if text.eq_ignore_ascii_case("null") => Kind::Null,
        _ if text.contains(':') && OPAQUE.contains(&before_colon) => Kind::OpaqueScheme,
        _ => Kind::NoScheme,
    }
}

fn check_scheme(scheme: &str) -> Result<(), Kind> {
    let before_colon = scheme.split(':').next().unwrap_or_default();
    match scheme {
        "" => return Err(Kind::NoScheme),
        "*" => return Err(Kind::Wildcard),
        "ws" | "wss" => return Err(Kind::WebSocketScheme),
        _ if OPAQUE.contains(&before_colon) => return Err(Kind::OpaqueScheme),
        _ => {}
    }
    let valid = |letter: fn(&u8) -> bool| {
        let mut bytes = scheme.bytes();
        bytes.next().is_some_and(|first| letter(&first))
            && bytes.all(|b| letter(&b) || b.is_ascii_digit() || b"+-.".contains(&b))
    };
    if valid(u8::is_ascii_lowercase) {
        Ok(())
    } else if valid(u8::is_ascii_alphabetic) {
        Err(Kind::UpperCase)
    } else {
        Err(Kind::Scheme)
    }
}

/// Host and port of an authority without userinfo.
fn split_port(authority: &str) -> Result<(&str, Option<&str>), Kind> {
    if authority.starts_with('[') {
        let end = authority.find(']').ok_or(Kind::Ipv6)? + 1;
        return match authority.split_at(end) {
            (host, "") => Ok((host, None)),
            (host, rest) => Ok((host, Some(rest.strip_prefix(':').ok_or(Kind::Ipv6)?))),
        };
    }
    let Some((host, port)) = authority.split_once(':') else {
        return Ok((authority, None));
    };
    let bare_ipv6 = authority
        .bytes()
        .all(|b| b.is_ascii_hexdigit() || b":.]%".contains(&b));
    if bare_ipv6 && port.contains(':') {
        return Err(Kind::Ipv6);
    }
    Ok((host, Some(port)))
}

fn check_port(scheme: &str, port: &str) -> Result<u16, Kind> {
    let canonical =
        !port.is_empty() && !port.starts_with('0') && port.bytes().all(|b| b.is_ascii_digit());
    match port.parse() {
        _ if port.contains('*') => Err(Kind::Wildcard),
        Ok(number) if canonical && default_port(scheme) == Some(number) => Err(Kind::DefaultPort),
        Ok(number) if canonical => Ok(number),
        _ => Err(Kind::Port),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_are_where_they_stand() {
        let text = "https://*.example.com:8443";
        let shape = pattern(text).unwrap();
        assert_eq!(&text[..shape.scheme], "https");
        assert_eq!(&text[shape.host], "example.com");
        assert!(shape.subdomains);
        assert_eq!(shape.port, Port::Number(8443));

        let text = "http://[::1]:*";
        let shape = pattern(text).unwrap();
        assert_eq!(&text[shape.host], "[::1]");
        assert_eq!(shape.port, Port::Any);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, kind) in [
            ("", Kind::Empty),
            ("*", Kind::Star),
            ("null", Kind::Null),
            ("NULL", Kind::Null),
            ("example.com", Kind::NoScheme),
            ("//example.com", Kind::NoScheme),
            ("://example.com", Kind::NoScheme),
            ("https:/example.com", Kind::NoScheme),
            ("https:\\\\example.com", Kind::NoScheme),
            ("1app://example.com", Kind::Scheme),
            ("my~app://example.com", Kind::Scheme),
            ("*://example.com", Kind::Wildcard),
            ("HTTPS://example.com", Kind::UpperCase),
            ("file:///", Kind::OpaqueScheme),
            ("data:text/html,x", Kind::OpaqueScheme),
            ("blob:https://example.com", Kind::OpaqueScheme),
            ("wss://example.com", Kind::WebSocketScheme),
            ("https://", Kind::NoHost),
            ("https:///example.com", Kind::NoHost),
            ("https://:443", Kind::NoHost),
            ("https://user@example.com", Kind::Userinfo),
            ("https://example.com/", Kind::Path),
            ("https://example.com?x", Kind::Path),
            ("https://example.com#x", Kind::Path),
            ("https://example.com\\x", Kind::Path),
            ("https://example.com:443", Kind::DefaultPort),
            ("http://example.com:80", Kind::DefaultPort),
            ("https://example.com:", Kind::Port),
            ("https://example.com:0", Kind::Port),
            ("https://example.com:08443", Kind::Port),
            ("https://example.com:65536", Kind::Port),
            ("https://example.com:+8443", Kind::Port),
            ("https://example.com:1:2", Kind::Port),
            ("https://example.com:80*", Kind::Wildcard),
            ("https://example.com:**", Kind::Wildcard),
            ("http://::1", Kind::Ipv6),
            ("http://[::1", Kind::Ipv6),
            ("http://::1]", Kind::Ipv6),
            ("http://[::1]x", Kind::Ipv6),
        ] {
            assert_eq!(pattern(text), Err(kind), "{text}");
        }
    }

    #[test]
    fn a_pattern_is_no_origin() {
        assert_eq!(origin("https://*.example.com"), Err(Kind::Wildcard));
        assert_eq!(origin("https://example.com:*"), Err(Kind::Wildcard));
        assert!(origin("https://example.com:8443").is_ok());
    }

    #[test]
    fn another_schemes_default_port_is_an_ordinary_port() {
        assert!(origin("http://example.com:443").is_ok());
        assert!(origin("app://example.com:443").is_ok());
    }
}
