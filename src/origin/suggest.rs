//! The origin that a browser makes of a text that is not one, to be written instead.

use super::host;
use super::parse::{self, OPAQUE};
use crate::config_error::parts;

/// The origin or pattern that was meant, where that leaves no doubt.
pub(super) fn suggest(value: &str) -> Option<String> {
    let text = value.trim().trim_matches(['"', '\'']).replace('\\', "/");
    let text = text.strip_prefix("blob:").unwrap_or(&text);
    // `data:` is not a host with an empty port.
    let scheme = text.split_once(':').map_or(text, |(scheme, _)| scheme);
    if OPAQUE.contains(&scheme) {
        return None;
    }
    let (scheme, rest) = match text.split_once(':') {
        Some((scheme, rest)) if rest.starts_with('/') => (scheme.to_ascii_lowercase(), rest),
        _ => (String::from("*"), text),
    };
    let scheme = match scheme.as_str() {
        // A page that matters is on https, but for those of a server under development.
        "*" if is_loopback(rest) => "http",
        "wss" | "*" => "https",
        "ws" => "http",
        "file" => return Some(String::from("file://")),
        scheme => scheme,
    };
    let special = parse::is_special(scheme.as_bytes());
    let rest = if special {
        // URL #special-authority-ignore-slashes-state: any number of slashes will do.
        rest.trim_start_matches('/')
    } else {
        rest.strip_prefix("//")?
    };
    let authority = rest.split(['/', '?', '#']).next()?;
    let authority = authority.rsplit('@').next()?;
    let (host, port) = split_port(authority);
    let host = if special {
        canonical(host)?
    } else {
        percent_encoded(host)
    };
    let default = parse::default_port(scheme.as_bytes()).map(|port| port.to_string());
    let suggestion = if port.is_empty() || default.as_deref() == Some(port) {
        format!("{scheme}://{host}")
    } else {
        format!("{scheme}://{host}:{port}")
    };
    let shape = parse::pattern(suggestion.as_bytes())?;
    // A single word is as likely a mistake of another kind.
    let guessed = !value.contains(':') && !host.contains('.');
    let empty = shape.host.is_empty();
    let good = suggestion != value
        && !guessed
        && !empty
        && (!special || host::is_punycode_valid(&suggestion[shape.host]));
    good.then_some(suggestion)
}

/// The origins or patterns where several stand in a text, with blanks between them or with commas alone.
pub(super) fn several(value: &str, blanks: bool) -> Option<Vec<String>> {
    let read = |part: &str| match parse::pattern(part.as_bytes()) {
        Some(shape) => host::is_punycode_valid(&part[shape.host]).then(|| part.to_owned()),
        None => suggest(part),
    };
    let separators: &[char] = if blanks {
        &[',', ';', ' ', '\t', '\n']
    } else {
        &[',', ';']
    };
    parts(value, separators, read)
}

/// Whether the host is this machine; slashes may stand before it, and anything behind.
fn is_loopback(rest: &str) -> bool {
    let authority = rest.trim_start_matches('/').split(['/', '?', '#']).next();
    let host = authority.and_then(|authority| canonical(split_port(authority).0));
    host.is_some_and(|host| host::is_loopback(&host))
}

/// Host and port, where an IPv6 address may lack its brackets.
fn split_port(authority: &str) -> (&str, &str) {
    match authority.rsplit_once(':') {
        _ if host::ipv6(&format!("[{authority}]")).is_some() => (authority, ""),
        Some((host, port)) if !port.contains(']') => match port.trim_start_matches('0') {
            // 0 is a port of its own, and not that which is left out.
            "" if !port.is_empty() => (host, "0"),
            number => (host, number),
        },
        _ => (authority, ""),
    }
}

/// The host as browsers serialize it, with `*.` in front if it has that.
fn canonical(written: &str) -> Option<String> {
    let bracketed = format!("[{}]", written.trim_matches(['[', ']']));
    if let Some(address) = host::ipv6(&bracketed) {
        let mut text = String::new();
        return host::write_ipv6(address, &mut text).ok().map(|()| text);
    }
    let (wildcard, name) = match written.strip_prefix("*.") {
        Some(base) => ("*.", base),
        None => ("", written),
    };
    let name = name.to_lowercase();
    #[cfg(feature = "idna")]
    let name = idna::domain_to_ascii(&name).ok()?;
    // One dot at the end of a name is another origin; one behind an address is dropped.
    let bare = name.trim_end_matches('.');
    let is_address = bare.parse::<std::net::Ipv4Addr>().is_ok();
    let name = if is_address || name.ends_with("..") {
        bare
    } else {
        &name
    };
    Some(format!("{wildcard}{name}"))
}

/// An opaque host as browsers serialize it (URL #concept-opaque-host-parser).
fn percent_encoded(host: &str) -> String {
    host.bytes().fold(String::new(), |mut text, byte| {
        if byte.is_ascii() {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_meant() {
        for (value, meant) in [
            ("https://example.com/", "https://example.com"),
            ("https://example.com/app?x=1#top", "https://example.com"),
            ("https://Example.com", "https://example.com"),
            ("HTTPS://example.com", "https://example.com"),
            ("https://*.Example.com", "https://*.example.com"),
            ("https://example.com:443", "https://example.com"),
            ("http://example.com:80/", "http://example.com"),
            ("https://example.com:08443", "https://example.com:8443"),
            ("https://example.com:", "https://example.com"),
            ("https://Example.com.", "https://example.com."),
            ("https://example.com..", "https://example.com"),
            ("http://127.0.0.1.", "http://127.0.0.1"),
            ("file:///home/me/page.html", "file://"),
            ("file:///", "file://"),
            ("app://My-App/", "app://My-App"),
            ("APP://My-App", "app://My-App"),
            ("app://bücher", "app://b%C3%BCcher"),
            ("https://user:pw@example.com", "https://example.com"),
            (" https://example.com ", "https://example.com"),
            ("\"https://example.com\"", "https://example.com"),
            ("https:/example.com", "https://example.com"),
            ("https:///example.com", "https://example.com"),
            ("https:\\\\example.com", "https://example.com"),
            ("//example.com", "https://example.com"),
            ("example.com", "https://example.com"),
            ("*.example.com", "https://*.example.com"),
            ("*://example.com", "https://example.com"),
            ("wss://example.com", "https://example.com"),
            ("localhost:3000", "http://localhost:3000"),
            ("LOCALHOST:3000/app", "http://localhost:3000"),
            ("app.localhost", "http://app.localhost"),
            ("//localhost:3000", "http://localhost:3000"),
            ("*://localhost:3000", "http://localhost:3000"),
            ("127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("[::1]:3000", "http://[::1]:3000"),
            ("192.0.2.1:8080", "https://192.0.2.1:8080"),
            ("wss://localhost:3000", "https://localhost:3000"),
            ("blob:https://example.com", "https://example.com"),
            ("http://[0:0:0:0:0:0:0:1]:3000", "http://[::1]:3000"),
            ("http://::1", "http://[::1]"),
            ("http://[::ffff:192.0.2.1]", "http://[::ffff:c000:201]"),
            ("http://LOCALHOST:*", "http://localhost:*"),
            ("http://[::1]:80", "http://[::1]"),
            ("http://[::1]:08080", "http://[::1]:8080"),
        ] {
            assert_eq!(suggest(value).as_deref(), Some(meant), "{value}");
        }
    }

    #[test]
    #[cfg(feature = "idna")]
    fn punycode_of_a_unicode_host() {
        let meant = suggest("https://exämple.com");
        assert_eq!(meant.as_deref(), Some("https://xn--exmple-cua.com"));
        // The URL parser takes these for addresses, too.
        assert_eq!(
            suggest("http://１２７.0.0.1").as_deref(),
            Some("http://127.0.0.1")
        );
    }

    #[test]
    fn no_guess_where_there_is_doubt() {
        for value in [
            "",
            "*",
            "null",
            "https",
            "https://",
            "https://*",
            "https://a.example,https://b.example",
            "https://app*.example.com",
            "https://example.com:99999",
            "https://example.com:0",
            "localhost:00",
            "https://exa mple.com",
            "app:///index.html",
            "app://a b",
            "app://*",
            "intranet",
            "data:",
            "data:text/html",
            "about:blank",
            "javascript:",
            "blob:data:",
        ] {
            assert_eq!(suggest(value), None, "{value}");
        }
    }
}
