//! Sites and trustworthiness: HTML's "same site" and Secure Contexts' "potentially trustworthy".

use url::Origin::Tuple;
use url::{Host, Url};

use crate::browser::origin::Origin;

/// HTML #same-site: the scheme counts.
pub(crate) fn same_site(a: &Origin, b: &Origin) -> bool {
    match (a, b) {
        (Origin::Web(Tuple(a_scheme, ..)), Origin::Web(Tuple(b_scheme, ..))) => {
            a_scheme == b_scheme && schemelessly_same_site(a, b)
        }
        _ => a == b,
    }
}

/// HTML #schemelessly-same-site.
pub(crate) fn schemelessly_same_site(a: &Origin, b: &Origin) -> bool {
    match (a, b) {
        (Origin::Web(Tuple(_, a, _)), Origin::Web(Tuple(_, b, _))) => {
            a == b
                || registrable_domain(a).is_some_and(|domain| Some(domain) == registrable_domain(b))
        }
        _ => a == b,
    }
}

/// The key of caches and cookies: the site of the page, or an opaque origin of its own.
pub(crate) fn partition(origin: &Origin) -> String {
    match origin {
        Origin::Web(Tuple(scheme, host, _)) => match registrable_domain(host) {
            Some(domain) => format!("{scheme}://{domain}"),
            None => format!("{scheme}://{host}"),
        },
        Origin::Web(opaque) => format!("{opaque:?}"),
        Origin::App(serialized) => serialized.clone(),
    }
}

/// Secure Contexts #is-url-trustworthy, for http and https.
pub(crate) fn potentially_trustworthy(url: &Url) -> bool {
    url.scheme() == "https"
        || match url.host() {
            Some(Host::Domain(domain)) => domain == "localhost" || domain.ends_with(".localhost"),
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        }
}

/// Whether cookies may not be set for this whole domain (RFC 6265bis 5.7).
pub(crate) fn is_public_suffix(domain: &str) -> bool {
    registrable(domain).is_none()
}

/// The domain that a URL's owner registered; an address has none.
pub(crate) fn registrable_domain_of(url: &Url) -> Option<&str> {
    match url.host() {
        Some(Host::Domain(_)) => registrable(url.host_str()?),
        _ => None,
    }
}

fn registrable_domain(host: &Host) -> Option<&str> {
    match host {
        Host::Domain(domain) => registrable(domain),
        Host::Ipv4(_) | Host::Ipv6(_) => None,
    }
}

#[cfg(feature = "public-suffix")]
fn registrable(domain: &str) -> Option<&str> {
    psl::domain_str(domain)
}

/// Without the list, the rule it starts with: every top-level domain is a public suffix, nothing else.
#[cfg(not(feature = "public-suffix"))]
fn registrable(domain: &str) -> Option<&str> {
    let bare = domain.strip_suffix('.').unwrap_or(domain);
    let (rest, _) = bare.rsplit_once('.')?;
    Some(rest.rfind('.').map_or(domain, |dot| &domain[dot + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(url: &str) -> Origin {
        Origin::of(&Url::parse(url).unwrap())
    }

    #[test]
    fn sites() {
        const CASES: &[(&str, &str, bool)] = &[
            ("https://app.example.com", "https://api.example.com", true),
            (
                "https://example.com",
                "https://deep.api.example.com:8443",
                true,
            ),
            ("https://app.example.com", "http://app.example.com", false),
            ("https://app.test", "https://api.test", false),
            ("https://example.com", "https://notexample.com", false),
            ("http://localhost:3000", "http://localhost:8080", true),
            ("http://127.0.0.1:3000", "http://127.0.0.1:8080", true),
            ("http://127.0.0.1", "http://127.0.0.2", false),
            ("http://[::1]:1", "http://[::1]:2", true),
        ];
        for (a, b, expected) in CASES {
            assert_eq!(same_site(&origin(a), &origin(b)), *expected, "{a} {b}");
        }
        assert!(!same_site(&Origin::opaque(), &Origin::opaque()));
        assert!(schemelessly_same_site(
            &origin("https://a.example.com"),
            &origin("http://b.example.com")
        ));
    }

    #[cfg(feature = "public-suffix")]
    #[test]
    fn public_suffixes_part_sites() {
        assert!(!same_site(
            &origin("https://a.co.uk"),
            &origin("https://b.co.uk")
        ));
        assert!(!same_site(
            &origin("https://a.github.io"),
            &origin("https://b.github.io")
        ));
        assert!(is_public_suffix("co.uk") && !is_public_suffix("a.co.uk"));
    }

    #[test]
    fn loopback_is_trustworthy_without_tls() {
        for (url, expected) in [
            ("https://app.test/", true),
            ("http://localhost:3000/", true),
            ("http://app.localhost/", true),
            ("http://127.9.9.9/", true),
            ("http://[::1]/", true),
            ("http://app.test/", false),
            ("http://10.0.0.1/", false),
        ] {
            assert_eq!(
                potentially_trustworthy(&Url::parse(url).unwrap()),
                expected,
                "{url}"
            );
        }
    }
}
