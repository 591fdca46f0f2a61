//! The rules by which a cookie is refused where it is set (RFC 6265bis 5.7).

use super::access::SiteMode;
use super::parse::{SameSite, SetCookie};
use crate::browser::engine::{Engine, Quirk};

/// The place that a cookie comes from, as far as the rules depend on it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source {
    pub(crate) trustworthy: bool,
    pub(crate) mode: SiteMode,
    /// The host that sent it is the only one to get it back.
    pub(crate) host_only: bool,
    /// The engine whose rules apply.
    pub(crate) engine: Engine,
}

/// RFC 6265bis 5.7, without what depends on the host and on other cookies.
///
/// # Errors
/// Says which rule the cookie breaks.
pub(crate) fn check(cookie: &SetCookie, source: Source) -> Result<(), &'static str> {
    let name = cookie.name.to_ascii_lowercase();
    let unrestricted = cookie.same_site == SameSite::None;
    let of_host = cookie.secure && source.host_only && cookie.path.as_deref() == Some("/");
    let knows_prefixes = !source.engine.has(Quirk::NoPrefixes);
    let has_prefix = |prefix: &[u8]| knows_prefixes && name.starts_with(prefix);
    let value = cookie.value.to_ascii_lowercase();
    let pretends = cookie.name.is_empty()
        && [&b"__secure-"[..], b"__host-", b"__http-"]
            .iter()
            .any(|prefix| value.starts_with(prefix));
    // Sent back it would read as a name and a value.
    let looks_for_a_name = source.engine.has(Quirk::NamelessWithoutEquals);
    let rules = [
        (
            !cookie.secure || source.trustworthy,
            "Secure, but it did not come by https",
        ),
        (
            source.mode != SiteMode::None || unrestricted,
            "its SameSite keeps it from being set across sites",
        ),
        (
            !unrestricted || cookie.secure || source.engine.has(Quirk::NoneWithoutSecure),
            "SameSite=None needs Secure",
        ),
        (
            !cookie.partitioned
                || cookie.secure
                || source.engine.has(Quirk::PartitionedWithoutSecure),
            "Partitioned needs Secure",
        ),
        (
            !has_prefix(b"__secure-") || cookie.secure,
            "__Secure- needs Secure",
        ),
        (
            !has_prefix(b"__host-http-") || of_host && cookie.http_only,
            "__Host-Http- needs Secure, HttpOnly, Path=/ and no Domain",
        ),
        (
            !has_prefix(b"__host-") || of_host,
            "__Host- needs Secure, Path=/ and no Domain",
        ),
        (
            !has_prefix(b"__http-") || cookie.secure && cookie.http_only,
            "__Http- needs Secure and HttpOnly",
        ),
        (
            !pretends || !knows_prefixes,
            "it has no name, and its value begins as a prefix",
        ),
        (
            !cookie.name.is_empty() || !cookie.value.contains(&b'=') || !looks_for_a_name,
            "it has no name, and its value has a `=`",
        ),
    ];
    rules
        .into_iter()
        .find(|(holds, _)| !holds)
        .map_or(Ok(()), |(_, reason)| Err(reason))
}

#[cfg(test)]
mod tests {
    use super::super::parse::parse;
    use super::*;

    #[test]
    fn a_value_that_would_read_as_a_name() {
        for (line, is_kept) in [
            ("=a", true),
            ("=a=b", false),
            ("==", false),
            ("==a", false),
            ("a==b", true),
        ] {
            for (engine, is_kept) in [(Engine::Standard, true), (Engine::Chromium, is_kept)] {
                let source = Source {
                    trustworthy: true,
                    mode: SiteMode::Strict,
                    host_only: true,
                    engine,
                };
                let checked = check(&parse(line.as_bytes()).unwrap(), source);
                assert_eq!(checked.is_ok(), is_kept, "{line} {engine:?}");
            }
        }
    }

    #[test]
    fn prefixes_and_attributes() {
        const OK: &str = "";
        const CASES: &[(&str, &str)] = &[
            ("a=1; SameSite=None", "SameSite=None needs Secure"),
            ("a=1; SameSite=None; Secure", OK),
            ("a=1; Partitioned", "Partitioned needs Secure"),
            ("a=1; Partitioned; Secure", OK),
            ("__Secure-a=1", "__Secure- needs Secure"),
            ("__Secure-a=1; Secure", OK),
            ("__Host-a=1; Secure; Path=/", OK),
            (
                "__Host-a=1; Secure",
                "__Host- needs Secure, Path=/ and no Domain",
            ),
            (
                "__host-a=1; Path=/",
                "__Host- needs Secure, Path=/ and no Domain",
            ),
            ("__Http-a=1; Secure; HttpOnly", OK),
            ("__Http-a=1; Secure", "__Http- needs Secure and HttpOnly"),
            ("__http-a=1; HttpOnly", "__Http- needs Secure and HttpOnly"),
            ("__Host-Http-a=1; Secure; HttpOnly; Path=/", OK),
            (
                "__Host-Http-a=1; Secure; Path=/",
                "__Host-Http- needs Secure, HttpOnly, Path=/ and no Domain",
            ),
            (
                "=__Secure-a; Secure",
                "it has no name, and its value begins as a prefix",
            ),
            ("__HTTP-a=", "__Http- needs Secure and HttpOnly"),
            (
                "__host-a",
                "it has no name, and its value begins as a prefix",
            ),
        ];
        let source = Source {
            trustworthy: true,
            mode: SiteMode::Strict,
            host_only: true,
            engine: Engine::Standard,
        };
        for (line, expected) in CASES {
            let checked = check(&parse(line.as_bytes()).unwrap(), source);
            assert_eq!(checked.err().unwrap_or_default(), *expected, "{line}");
        }
    }
}
