//! The grammar of origins and patterns, as a recognizer: one walk over the bytes, nothing allocated.
//! Requests are read by it. `diagnose` says what is wrong with a text that it refuses.
//!
//! Fetch #origin-header gives the grammar of a serialized origin, and the URL standard says which of
//! these texts its parser leaves as they are. A scheme that is special (URL #is-special) has a domain or
//! an address for a host; any other has an opaque host, which keeps its case and may be empty.

use std::ops::Range;

use super::host;

/// The places of the parts in a text that is an origin.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Shape {
    /// The scheme ends here.
    pub(super) scheme: usize,
    pub(super) hosts: Hosts,
    /// The host, or the base of a pattern of hosts; with the brackets, where it is an IPv6 address.
    pub(super) host: Range<usize>,
    pub(super) port: Port,
}

/// The hosts that a text stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Hosts {
    /// The host that is written.
    One,
    /// `*.` before a host: those below it.
    Below,
    /// `*`: every host of an extension's scheme.
    Every,
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
///
/// `file` is not one of them: the standard leaves its origin to the browser, and Chromium sends
/// `file://` where it is told to let files read other files.
pub(super) const OPAQUE: [&str; 4] = ["about", "blob", "data", "javascript"];

/// Schemes of URLs that are not documents; the origin that is sent is that of the page.
pub(super) const WEBSOCKET: [&str; 2] = ["ws", "wss"];

/// Schemes of extensions, of browsers and of VS Code. Some of them draw the host for each installation,
/// so that a server cannot know it.
const EXTENSION: [&str; 6] = [
    "chrome-extension",
    "moz-extension",
    "ms-browser-extension",
    "safari-extension",
    "safari-web-extension",
    "vscode-webview",
];

/// Reads an origin, as it stands in an `Origin` field.
pub(super) fn origin(text: &[u8]) -> Option<Shape> {
    pattern(text).filter(|shape| shape.hosts == Hosts::One && shape.port != Port::Any)
}

/// Reads an origin or a pattern of origins, as it stands in an allowlist.
pub(super) fn pattern(text: &[u8]) -> Option<Shape> {
    let (scheme, rest) = text.split_at(text.iter().position(|&byte| byte == b':')?);
    let authority = rest.strip_prefix(b"://")?;
    let (host, port) = split_port(authority);
    let port = match port {
        None => Port::Default,
        Some(b"*") => Port::Any,
        Some(digits) => Port::Number(port_number(digits)?),
    };
    let special = is_special(scheme);
    let start = text.len() - authority.len();
    let (hosts, host, start) = match host {
        b"*" => (Hosts::Every, &b""[..], start),
        [b'*', b'.', base @ ..] => (Hosts::Below, base, start + 2),
        host => (Hosts::One, host, start),
    };
    let good_host = match hosts {
        // The URL parser refuses a port behind an empty host (URL #host-state).
        Hosts::One if host.is_empty() => !special && port == Port::Default,
        // Such an origin is that of one file or of all of them, never that of a host.
        Hosts::One | Hosts::Below if scheme == b"file" => false,
        Hosts::One => host::is_canonical(host, special),
        Hosts::Below => host::is_base(host, special),
        Hosts::Every => is_extension(scheme) && port == Port::Default,
    };
    let good_port = match port {
        Port::Number(number) => default_port(scheme) != Some(number),
        Port::Default | Port::Any => true,
    };
    (good_host && good_port && is_scheme(scheme)).then(|| Shape {
        scheme: scheme.len(),
        hosts,
        host: start..start + host.len(),
        port,
    })
}

/// Whether hosts of the scheme are domains and addresses (URL #is-special), rather than opaque.
pub(super) fn is_special(scheme: &[u8]) -> bool {
    default_port(scheme).is_some()
}

/// The default ports of the special schemes whose documents have an origin (URL #special-scheme).
pub(super) fn default_port(scheme: &[u8]) -> Option<u16> {
    match scheme {
        b"https" => Some(443),
        b"http" => Some(80),
        b"ftp" => Some(21),
        _ => None,
    }
}

/// Whether pages of the scheme are those of extensions.
fn is_extension(scheme: &[u8]) -> bool {
    EXTENSION.iter().any(|name| name.as_bytes() == scheme)
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
        // RFC 8252 7.1: the scheme of an application may be a name of DNS, read backwards.
        || (scheme.len() <= host::LONGEST
            && scheme.first().is_some_and(u8::is_ascii_lowercase)
            && scheme.iter().all(is_letter)
            && !has_no_origin())
}

/// Host and port; a colon between the brackets of an address is not the one before the port.
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
        assert_eq!(shape.hosts, Hosts::Below);
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
        assert_eq!(origin(b"moz-extension://*"), None);
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
    fn schemes_that_are_not_special_have_opaque_hosts() {
        for text in [
            "app://.",
            "app://-",
            "app://",
            "app://My-App",
            "app://1.2.3.4.5",
            "app://a..b:8080",
            "app://[::1]",
            "file://",
            "qrc://",
            "safari-web-extension://140BB581-A2C0-422A-9DD3-6982A5ABEE5E",
            "safari-extension://com.example.ext-ABCDE12345",
        ] {
            assert!(origin(text.as_bytes()).is_some(), "{text}");
        }
        for text in [
            "app://a b",
            "app://a/",
            "app://a@b",
            "app://a*",
            "app://[::0001]",
            "app://:80",
            "app://b\u{fc}cher",
            "file://host",
            "file:///",
            "file://:80",
            "https://",
        ] {
            assert_eq!(origin(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn no_origin_is_longer_than_its_parts_may_be() {
        let most = "a".repeat(253);
        assert!(origin(format!("{most}://{most}:65535").as_bytes()).is_some());
        for text in [
            format!("app://{most}a"),
            format!("app://K-1{}.localhost", "a".repeat(350_000)),
            format!("{most}a://host"),
            format!("moz-extension://{most}a"),
        ] {
            assert_eq!(origin(text.as_bytes()), None, "{} bytes", text.len());
        }
    }

    #[test]
    fn every_host_of_extensions_alone() {
        for scheme in EXTENSION {
            let text = format!("{scheme}://*");
            let shape = pattern(text.as_bytes()).unwrap();
            assert_eq!((shape.hosts, shape.port), (Hosts::Every, Port::Default));
            assert!(text[shape.host].is_empty());
        }
        for text in [
            "https://*",
            "http://*:*",
            "app://*",
            "tauri://*",
            "file://*",
            "moz-extension://*:*",
            "moz-extension://*:80",
            "moz-extension://*.",
            "moz-extension://**",
            "moz-extension://a*",
        ] {
            assert_eq!(pattern(text.as_bytes()), None, "{text}");
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
