//! Domains of cookies (RFC 6265bis 5.1.3, 5.6).

use std::borrow::Cow;

/// Whether a cookie of a domain would be taken from a host (RFC 6265bis 5.1.3, 5.6): the domain is the
/// host's or one above it, and not one below which anybody can have a name. A leading dot does not count.
///
/// An address has no domains. Without the list of public suffixes none can be told from them.
pub(super) fn covers(domain: &str, host: &str) -> bool {
    let domain = domain.strip_prefix('.').unwrap_or(domain);
    let host = match host.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => host,
    };
    let (domain, host) = (lower(domain), lower(host));
    let is_address = host.starts_with('[') || host.parse::<std::net::Ipv4Addr>().is_ok();
    let is_above = host
        .strip_suffix(&*domain)
        .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    !domain.is_empty() && !is_address && is_above && !may_be_public_suffix(&domain)
}

fn lower(text: &str) -> Cow<'_, str> {
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(text.to_ascii_lowercase())
    } else {
        Cow::Borrowed(text)
    }
}

#[cfg(feature = "public-suffix")]
fn may_be_public_suffix(domain: &str) -> bool {
    crate::origin::public_suffix_of(domain).is_none_or(|suffix| suffix.len() == domain.len())
}

#[cfg(not(feature = "public-suffix"))]
fn may_be_public_suffix(_: &str) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_is_one_of_the_host_and_not_of_everybody() {
        let known = cfg!(feature = "public-suffix");
        for (domain, host, want) in [
            ("example.com", "app.example.com", known),
            ("example.com", "APP.Example.com:80", known),
            ("app.github.io", "app.github.io", known),
            ("github.io", "app.github.io", false),
            ("co.uk", "a.co.uk", false),
            ("a.co.uk", "a.co.uk", known),
            ("localhost", "localhost:8080", false),
            ("127.0.0.1", "127.0.0.1:80", false),
            ("0.0.1", "127.0.0.1", false),
            ("[::1]", "[::1]:80", false),
            ("1]", "[::1]", false),
        ] {
            assert_eq!(covers(domain, host), want, "{domain} {host}");
        }
    }
}
