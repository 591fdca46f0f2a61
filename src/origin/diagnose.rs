//! The reason why the grammar refuses a text. Only configuration is read here.

use super::error::OriginErrorKind as Kind;
use super::host;
use super::parse::{self, OPAQUE, WEBSOCKET};

/// The first thing that is wrong with a text, read from the left; it was refused as a pattern.
pub(super) fn diagnose(text: &str) -> Kind {
    if text.matches("://").count() > 1 && text.contains([',', ';', ' ', '\t', '\n']) {
        return Kind::Several;
    }
    let split = text
        .split_once(':')
        .and_then(|(scheme, rest)| Some((scheme, rest.strip_prefix("//")?)));
    let Some((scheme, authority)) = split else {
        return without_scheme(text);
    };
    in_scheme(scheme)
        .or_else(|| (scheme == "file").then_some(Kind::File))
        .or_else(|| around_host(authority))
        .unwrap_or_else(|| in_host_and_port(scheme, authority))
}

fn without_scheme(text: &str) -> Kind {
    match text {
        "" => Kind::Empty,
        "*" => Kind::Star,
        _ if text.eq_ignore_ascii_case("null") => Kind::Null,
        _ if text.starts_with("file:") => Kind::File,
        _ if text
            .split_once(':')
            .is_some_and(|(scheme, _)| OPAQUE.contains(&scheme)) =>
        {
            Kind::OpaqueScheme
        }
        _ => Kind::NoScheme,
    }
}

fn in_scheme(scheme: &str) -> Option<Kind> {
    let known = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"+-.".contains(&b);
    match scheme {
        "" => Some(Kind::NoScheme),
        "*" => Some(Kind::Wildcard),
        _ if WEBSOCKET.contains(&scheme) => Some(Kind::WebSocketScheme),
        _ if OPAQUE.contains(&scheme) => Some(Kind::OpaqueScheme),
        _ if scheme.bytes().all(known) && scheme.starts_with(|c: char| c.is_ascii_lowercase()) => {
            (scheme.len() > host::LONGEST).then_some(Kind::LongScheme)
        }
        _ if scheme.bytes().any(|b| b.is_ascii_uppercase()) => Some(Kind::UpperCase),
        _ => Some(Kind::Scheme),
    }
}

fn around_host(authority: &str) -> Option<Kind> {
    // The authority ends at the first of these (URL #authority-state); `\` counts as `/` there.
    match authority.find(['/', '\\', '?', '#']) {
        Some(0) => Some(Kind::NoHost),
        Some(_) => Some(Kind::Path),
        None if authority.contains('@') => Some(Kind::Userinfo),
        None => None,
    }
}

fn in_host_and_port(scheme: &str, authority: &str) -> Kind {
    // Only in IPv6 addresses is there more than one colon.
    let is_ipv6_like = |b: u8| b.is_ascii_hexdigit() || b":.]".contains(&b);
    if authority.matches(':').count() > 1 && authority.bytes().all(is_ipv6_like) {
        return Kind::Ipv6;
    }
    let (host, port) = split_port(authority);
    in_host(scheme, host).unwrap_or_else(|| in_port(scheme, host, port))
}

/// Host and port. The colons between brackets are not the one before the port, and without the second bracket there
/// is none.
fn split_port(authority: &str) -> (&str, Option<&str>) {
    let host = match authority.rfind(']') {
        Some(end) if authority.starts_with('[') => end + 1,
        None if authority.starts_with('[') => authority.len(),
        _ => 0,
    };
    match authority[host..].find(':') {
        Some(colon) => {
            let (host, port) = authority.split_at(host + colon);
            (host, Some(&port[1..]))
        }
        None => (authority, None),
    }
}

fn in_host(scheme: &str, host: &str) -> Option<Kind> {
    let (subdomains, name) = match host.strip_prefix("*.") {
        Some(base) => (true, base),
        None => (false, host),
    };
    if host.starts_with('[') {
        in_brackets(host)
    } else if parse::is_special(scheme.as_bytes()) {
        in_domain(name, subdomains)
    } else {
        in_opaque_host(name, subdomains)
    }
}

fn in_brackets(host: &str) -> Option<Kind> {
    match host {
        // As Chromium's settings have it: `[*.]example.com`.
        _ if host.contains('*') => Some(Kind::Wildcard),
        _ if host::is_canonical(host.as_bytes(), true) => None,
        _ => Some(Kind::Ipv6),
    }
}

/// The host is good.
fn in_port(scheme: &str, host: &str, port: Option<&str>) -> Kind {
    match port.map(|port| (port, parse::port_number(port.as_bytes()))) {
        Some((_, Some(number))) if parse::default_port(scheme.as_bytes()) == Some(number) => {
            Kind::DefaultPort
        }
        Some((port, None)) if port.contains('*') => Kind::Wildcard,
        // An empty host is good, unless a port follows it.
        Some(_) if host.is_empty() => Kind::NoHost,
        // Nothing is wrong with it as a pattern: it was read where an origin has to be.
        Some((_, Some(_))) | None => Kind::Wildcard,
        Some((_, None)) => Kind::Port,
    }
}

fn in_domain(name: &str, subdomains: bool) -> Option<Kind> {
    let known = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b);
    let rooted = name.strip_suffix('.').unwrap_or(name);
    let wrong = match name {
        "" | "." => Kind::NoHost,
        _ if name.contains('*') => Kind::Wildcard,
        _ if name.chars().any(|c| !c.is_ascii() && !c.is_whitespace()) => Kind::Unicode,
        _ if !name.bytes().all(|b| known(b.to_ascii_lowercase())) => Kind::HostCharacter,
        _ if !name.bytes().all(known) => Kind::UpperCase,
        _ if rooted.split('.').any(str::is_empty) => Kind::EmptyLabel,
        _ if rooted
            .split('.')
            .any(|label| label.starts_with("xn--") && label.ends_with('-')) =>
        {
            Kind::Punycode
        }
        _ if rooted.split('.').any(|label| label.len() > 63) => Kind::LongLabel,
        _ if rooted.len() > longest(subdomains) => Kind::LongHost,
        _ if !host::ends_in_number(name.as_bytes()) => return None,
        _ if subdomains => Kind::Wildcard,
        _ if name.parse::<std::net::Ipv4Addr>().is_err() => Kind::Ipv4,
        _ => return None,
    };
    Some(wrong)
}

fn in_opaque_host(name: &str, subdomains: bool) -> Option<Kind> {
    let rooted = name.strip_suffix('.').unwrap_or(name);
    let wrong = match name {
        _ if name.contains('*') => Kind::Wildcard,
        _ if name.chars().any(|c| !c.is_ascii() && !c.is_whitespace()) => Kind::Unicode,
        _ if !name.bytes().all(host::is_opaque) => Kind::HostCharacter,
        _ if name.len() > longest(subdomains) => Kind::LongHost,
        _ if !subdomains => return None,
        "" | "." => Kind::NoHost,
        _ if rooted.split('.').any(str::is_empty) => Kind::EmptyLabel,
        _ if host::ends_in_number(name.as_bytes()) => Kind::Wildcard,
        _ => return None,
    };
    Some(wrong)
}

/// `*.` stands for two bytes at least.
fn longest(subdomains: bool) -> usize {
    host::LONGEST - if subdomains { 2 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            ("file:///", Kind::File),
            ("file:///home/me/page.html", Kind::File),
            ("file://host", Kind::File),
            ("file:", Kind::File),
            ("data:text/html,x", Kind::OpaqueScheme),
            ("blob:https://example.com", Kind::OpaqueScheme),
            ("wss://example.com", Kind::WebSocketScheme),
            ("https://", Kind::NoHost),
            ("https://.", Kind::NoHost),
            ("https:///example.com", Kind::NoHost),
            ("https://:8443", Kind::NoHost),
            ("https://user@example.com", Kind::Userinfo),
            ("https://example.com/", Kind::Path),
            ("https://example.com?x", Kind::Path),
            ("https://example.com#x", Kind::Path),
            ("https://example.com\\x", Kind::Path),
            ("https://Example.com", Kind::UpperCase),
            ("https://bücher.example", Kind::Unicode),
            ("https://exa mple.com", Kind::HostCharacter),
            ("https://ex%61mple.com", Kind::HostCharacter),
            ("https://a.example,https://b.example", Kind::Several),
            ("https://a.example https://b.example", Kind::Several),
            ("https://example.com..", Kind::EmptyLabel),
            ("https://.example.com", Kind::EmptyLabel),
            ("https://a..example.com", Kind::EmptyLabel),
            ("https://xn--.example.com", Kind::Punycode),
            ("https://xn--a-.example.com", Kind::Punycode),
            ("app://a b", Kind::HostCharacter),
            ("app://bücher", Kind::Unicode),
            ("app://:80", Kind::NoHost),
            ("app://a/", Kind::Path),
            ("app://*", Kind::Wildcard),
            ("app://*.", Kind::NoHost),
            ("app://*.a..b", Kind::EmptyLabel),
            ("app://*.127.0.0.1", Kind::Wildcard),
            ("moz-extension://*:*", Kind::Wildcard),
            ("moz-extension://*:80", Kind::Wildcard),
            ("https://example.com:443", Kind::DefaultPort),
            ("http://example.com:80", Kind::DefaultPort),
            ("https://example.com:", Kind::Port),
            ("https://example.com:0", Kind::Port),
            ("https://example.com:08443", Kind::Port),
            ("https://example.com:65536", Kind::Port),
            ("https://example.com:+8443", Kind::Port),
            ("https://example.com:https", Kind::Port),
            ("https://example.com:1:2", Kind::Port),
            ("https://example.com:٤", Kind::Port),
            ("https://example.com:80*", Kind::Wildcard),
            ("https://example.com:**", Kind::Wildcard),
            ("https://*", Kind::Wildcard),
            ("https://*:*", Kind::Wildcard),
            ("https://a*.example.com", Kind::Wildcard),
            ("https://*.*.example.com", Kind::Wildcard),
            ("https://example.*", Kind::Wildcard),
            ("http://*.127.0.0.1", Kind::Wildcard),
            ("http://127.1", Kind::Ipv4),
            ("http://0x7f.0.0.1", Kind::Ipv4),
            ("http://127.0.0.1.", Kind::Ipv4),
            ("http://256.0.0.1", Kind::Ipv4),
            ("http://::1", Kind::Ipv6),
            ("http://[::1", Kind::Ipv6),
            ("http://::1]", Kind::Ipv6),
            ("http://[::1]x", Kind::Ipv6),
            ("http://[2001:DB8::1]", Kind::Ipv6),
            ("http://[2001:DB8::1]:80", Kind::Ipv6),
            ("http://[::1]x:80", Kind::Ipv6),
            ("http://[::1:8080", Kind::Ipv6),
            ("http://[]", Kind::Ipv6),
            ("http://[::1]]:80", Kind::Ipv6),
            ("http://[::1]:80", Kind::DefaultPort),
            ("app://[::1]:0", Kind::Port),
            ("http://[::1]:0", Kind::Port),
            ("http://[::1]:", Kind::Port),
            ("http://[::1]:08080", Kind::Port),
            ("http://[::1]:99999", Kind::Port),
            ("http://[::1]:abc", Kind::Port),
            ("http://[::1]:1:2", Kind::Port),
            ("http://[::1]:8*", Kind::Wildcard),
            ("https://[*.]example.com", Kind::Wildcard),
            ("https://[*.]example.com:8443", Kind::Wildcard),
        ] {
            assert_eq!(parse::pattern(text.as_bytes()), None, "{text}");
            assert_eq!(diagnose(text), kind, "{text}");
        }
    }

    #[test]
    fn parts_that_are_too_long_are_named() {
        let long = "a".repeat(254);
        for (text, kind) in [
            (format!("app://{long}"), Kind::LongHost),
            (format!("app://*.{}", &long[2..]), Kind::LongHost),
            (format!("{long}://host"), Kind::LongScheme),
            (
                format!("https://{}", "a.".repeat(127) + "a"),
                Kind::LongHost,
            ),
        ] {
            assert_eq!(parse::pattern(text.as_bytes()), None, "{text}");
            assert_eq!(diagnose(&text), kind, "{text}");
        }
    }
}
