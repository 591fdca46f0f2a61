//! What to write instead of a text that is no origin: what a browser makes of it.

use super::{host, parse};

/// The origin or pattern that was meant, where that leaves no doubt.
pub(super) fn suggest(value: &str) -> Option<String> {
    let text = value.trim().trim_matches(['"', '\'']).replace('\\', "/");
    let text = text.strip_prefix("blob:").unwrap_or(&text);
    let (scheme, rest) = match text.split_once(':') {
        Some((scheme, rest)) if rest.starts_with('/') => (scheme.to_ascii_lowercase(), rest),
        // No scheme: a page that matters is on https.
        _ => (String::from("https"), text),
    };
    let scheme = match scheme.as_str() {
        "wss" | "*" => "https",
        "ws" => "http",
        scheme => scheme,
    };
    // URL #special-authority-ignore-slashes-state: any number of slashes will do.
    let authority = rest.trim_start_matches('/').split(['/', '?', '#']).next()?;
    let authority = authority.rsplit('@').next()?;
    let (host, port) = split_port(authority);
    let host = canonical(host)?;
    let default = parse::default_port(scheme.as_bytes()).map(|port| port.to_string());
    let suggestion = if port.is_empty() || default.as_deref() == Some(port) {
        format!("{scheme}://{host}")
    } else {
        format!("{scheme}://{host}:{port}")
    };
    let shape = parse::pattern(suggestion.as_bytes())?;
    // A single word is as likely a mistake of another kind.
    let guessed = !value.contains(':') && !host.contains('.');
    let good = suggestion != value && !guessed && host::is_punycode_valid(&suggestion[shape.host]);
    good.then_some(suggestion)
}

/// Host and port, where an IPv6 address may lack its brackets.
fn split_port(authority: &str) -> (&str, &str) {
    match authority.rsplit_once(':') {
        _ if host::ipv6(&format!("[{authority}]")).is_some() => (authority, ""),
        Some((host, port)) if !port.contains(']') => (host, port.trim_start_matches('0')),
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
    let name = name.trim_end_matches('.').to_lowercase();
    #[cfg(feature = "idna")]
    let name = idna::domain_to_ascii(&name).ok()?;
    Some(format!("{wildcard}{name}"))
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
            ("https://example.com.", "https://example.com"),
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
            ("blob:https://example.com", "https://example.com"),
            ("http://[0:0:0:0:0:0:0:1]:3000", "http://[::1]:3000"),
            ("http://::1", "http://[::1]"),
            ("http://[::ffff:192.0.2.1]", "http://[::ffff:c000:201]"),
            ("http://LOCALHOST:*", "http://localhost:*"),
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
            "file:///x",
            "https://exa mple.com",
            "https://-.example.com",
            "intranet",
        ] {
            assert_eq!(suggest(value), None, "{value}");
        }
    }
}
