//! Names below which anybody can have a name (<https://publicsuffix.org/list/>).

use super::is_loopback;

/// Whether anybody can have a name below this one: it is a public suffix, such as `com`, `co.uk` or
/// `github.io`, or there is one below it, as `s3.amazonaws.com` is below `amazonaws.com`.
///
/// Names below `localhost` are this machine's own. A name of one label that is in no list is a public
/// suffix too (the list's own rule: the prevailing rule is `*`). Without the feature `public-suffix`
/// these are the only ones that are known.
pub(in crate::origin) fn covers_public_suffix(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    if is_loopback(host) {
        return false;
    }
    #[cfg(feature = "public-suffix")]
    {
        // A rule such as `*.ck` makes each name below `ck` a suffix, so the pattern `*.ck` is refused as well.
        is_public_suffix(host) || is_public_suffix(&format!("a.{host}")) || has_suffix_below(host)
    }
    #[cfg(not(feature = "public-suffix"))]
    !host.contains('.')
}

#[cfg(feature = "public-suffix")]
fn is_public_suffix(host: &str) -> bool {
    public_suffix_of(host).is_some_and(|suffix| suffix == host)
}

/// The public suffix of a name. One function for all who ask: the list is code, 700 kB of it, and is compiled into
/// each part of the crate that calls `psl` itself.
#[cfg(feature = "public-suffix")]
pub(crate) fn public_suffix_of(name: &str) -> Option<&str> {
    psl::suffix_str(name)
}

/// `psl` answers about a name and not about those below it, so that these are listed: for each name of
/// the public-suffix list that has a suffix below it and is not one, the shortest such suffix.
#[cfg(feature = "public-suffix")]
const DEEP_SUFFIXES: &str = include_str!("deep_suffixes.txt");

#[cfg(feature = "public-suffix")]
fn has_suffix_below(host: &str) -> bool {
    let is_below = |suffix: &str| {
        suffix
            .strip_suffix(host)
            .is_some_and(|labels| labels.ends_with('.'))
    };
    DEEP_SUFFIXES.lines().any(is_below)
}

#[cfg(all(test, feature = "public-suffix"))]
mod tests {
    use super::*;

    #[test]
    fn names_that_anybody_can_have() {
        for host in [
            "com",
            "com.",
            "co.uk",
            "github.io",
            "pages.dev",
            "xn--p1ai",
            "ck",
            "unlisted",
            "amazonaws.com",
            "eu-west-1.amazonaws.com",
            "execute-api.eu-west-1.amazonaws.com",
            "windows.net",
            "fastly.net",
        ] {
            assert!(covers_public_suffix(host), "{host}");
        }
        for host in [
            "example.com",
            "example.com.",
            "example.co.uk",
            "me.github.io",
            "mine.s3.eu-west-1.amazonaws.com",
            "abc.execute-api.eu-west-1.amazonaws.com",
            "notamazonaws.com",
            "localhost",
            "app.localhost",
        ] {
            assert!(!covers_public_suffix(host), "{host}");
        }
    }

    /// The list moves on: a line that is not a suffix any more has to go.
    #[test]
    fn the_suffixes_that_are_listed_are_suffixes() {
        assert!(DEEP_SUFFIXES.lines().is_sorted());
        for suffix in DEEP_SUFFIXES.lines() {
            assert!(is_public_suffix(suffix), "{suffix}");
        }
    }
}
