//! Checks of the two ends of a mount: the public prefix, and the address of an upstream.

use crate::path::is_ambiguous;
use crate::proxy::config::error::ProxyConfigErrorKind as Kind;
use crate::proxy::upstream::Upstream;
use std::borrow::Cow;

/// The kind of an error, and what to write instead.
pub(super) type Refusal = (Kind, Cow<'static, str>);

/// An address as it can be shown, without user information and query. For the gateway, and not part of the API.
#[doc(hidden)]
#[must_use]
pub fn _masked_address(text: &str) -> String {
    crate::config_error::masked_address(text)
}

/// Refuses what is not a plain path in the one form in which it arrives.
pub(super) fn check_prefix(prefix: &str) -> Result<(), Refusal> {
    if !prefix.starts_with('/') {
        let path = format!("/{prefix}");
        let path = path.split(['?', '#']).next().unwrap_or("/");
        let plain = before_pattern(path).unwrap_or_else(|| bare(path));
        return Err((Kind::NotAPath, format!("write {plain:?}").into()));
    }
    if prefix.contains(['?', '#']) {
        return Err((Kind::QueryOrFragment, "write the path alone".into()));
    }
    if let Some(plain) = before_pattern(prefix) {
        let remedy = format!("write {plain:?}, which is for itself and for all below it");
        return Err((Kind::Pattern, remedy.into()));
    }
    if prefix.contains("//") || prefix.contains('\\') || is_ambiguous(prefix) {
        let remedy = "write the path as it is resolved";
        return Err((Kind::UnresolvedPath, remedy.into()));
    }
    // As in RFC 3986 3.3, because that is how it arrives.
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@%/".contains(&byte);
    if !prefix.bytes().all(legal) {
        let remedy = "write them percent-encoded";
        return Err((Kind::UnencodedPath, remedy.into()));
    }
    let bare = bare(prefix);
    if bare.len() < prefix.len() {
        let remedy = format!("write {bare:?}, which is for itself and for all below it");
        return Err((Kind::TrailingSlash, remedy.into()));
    }
    Ok(())
}

/// The part of a prefix before what other tools take for a pattern (`/api/*`, `/{id}`, `/api/(.*)`,
/// `/:path`), if there is such a thing in it.
fn before_pattern(prefix: &str) -> Option<&str> {
    let wildcard = prefix.find(['*', '{', '(']);
    let parameter = prefix.find("/:");
    let end = wildcard.into_iter().chain(parameter).min()?;
    Some(bare(&prefix[..end]))
}

/// A path without slashes at its end, or the one that is nothing else.
fn bare(path: &str) -> &str {
    let bare = path.trim_end_matches('/');
    if bare.is_empty() { "/" } else { bare }
}

/// The part of an upstream before the first variable of nginx that is known to be used in its place.
fn before_variable(upstream: &str) -> Option<&str> {
    const KNOWN: [&str; 5] = ["host", "uri", "request_uri", "scheme", "args"];
    let is_variable = |rest: &str| {
        let word = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        rest.starts_with(['{', '1', '2', '3', '4', '5', '6', '7', '8', '9'])
            || KNOWN.contains(&&rest[..word.unwrap_or(rest.len())])
    };
    let mut dollars = upstream.match_indices('$').map(|(index, _)| index);
    dollars
        .find(|index| is_variable(&upstream[index + 1..]))
        .map(|index| &upstream[..index])
}

/// An upstream that may stand beside those that were named before it. Variables are looked for in `marked`, which
/// is the same text, or has no dollar signs where they are known not to begin one.
pub(super) fn check_upstream(
    text: &str,
    marked: &str,
    others: &[Upstream],
) -> Result<Upstream, Refusal> {
    if let Some(before) = before_variable(marked) {
        let plain = before.trim_end_matches(['/', '?']);
        let remedy = match Upstream::parse(plain) {
            Ok(_) => format!(
                "write {plain:?}; the path behind the prefix and the query go on by themselves"
            ),
            Err(_) => "write the host as it is, such as \"http://127.0.0.1:3000\"".to_owned(),
        };
        return Err((Kind::Variable, remedy.into()));
    }
    let one = Upstream::parse(text).map_err(|why| (Kind::Upstream, why.to_string().into()))?;
    if !cfg!(feature = "tls") && one.destination.protocol().is_tls() {
        return Err((Kind::DisabledFeature, "enable the feature `tls`".into()));
    }
    let bare = |upstream: &Upstream| upstream.base.trim_end_matches('/').to_owned();
    if let Some(first) = others
        .first()
        .map(bare)
        .filter(|first| *first != bare(&one))
    {
        let path = if first.is_empty() { "/" } else { &first };
        let remedy = format!("write the path {path:?}");
        return Err((Kind::OtherBasePath, remedy.into()));
    }
    if others
        .iter()
        .any(|other| other.destination.is_same_origin(&one.destination))
    {
        return Err((Kind::Repeated, "remove it".into()));
    }
    Ok(one)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_of_other_tools_are_refused_with_the_plain_prefix() {
        for (prefix, want) in [
            ("/api/*", "/api"),
            ("/api/**", "/api"),
            ("/api*", "/api"),
            ("/api/{*rest}", "/api"),
            ("/{tenant}/api", "/"),
            ("/api/(.*)", "/api"),
            ("/api/:path*", "/api"),
            ("/:id", "/"),
        ] {
            let (kind, remedy) = check_prefix(prefix).unwrap_err();
            assert_eq!(kind, Kind::Pattern, "{prefix}");
            assert!(remedy.starts_with(&format!("write {want:?}")), "{remedy}");
        }
        for plain in ["/api", "/a:b", "/a;b", "/~user", "/a$b", "/a+b,c='d'!&e@f"] {
            assert_eq!(check_prefix(plain), Ok(()), "{plain}");
        }
    }

    #[test]
    fn the_remedy_for_what_is_not_a_path_is_one() {
        for (prefix, want) in [
            ("", "/"),
            ("api", "/api"),
            ("api/", "/api"),
            ("a/b//", "/a/b"),
            ("api/*", "/api"),
            ("*", "/"),
            ("api/?a=b", "/api"),
        ] {
            let refused = Err((Kind::NotAPath, format!("write {want:?}").into()));
            assert_eq!(check_prefix(prefix), refused, "{prefix}");
            assert_eq!(check_prefix(want), Ok(()), "{prefix}");
        }
    }

    #[test]
    fn variables_of_nginx_are_refused_and_other_dollars_stay() {
        for (upstream, remedy) in [
            ("http://a.example$request_uri", "write \"http://a.example\""),
            ("http://a.example/$1", "write \"http://a.example\""),
            ("http://a.example/x/$9/y", "write \"http://a.example/x\""),
            ("http://a.example/${path}", "write \"http://a.example\""),
            ("http://a.example$uri?$args", "write \"http://a.example\""),
            ("http://$host/x", "write the host"),
            ("$scheme://a.example", "write the host"),
        ] {
            let (kind, found) = check_upstream(upstream, upstream, &[]).unwrap_err();
            assert_eq!(kind, Kind::Variable, "{upstream}");
            assert!(found.starts_with(remedy), "{upstream}: {found}");
        }
        let meant = check_upstream("http://a.example/$host", "http://a.example/%24host", &[]);
        assert_eq!(&*meant.unwrap().base, "/$host");
        for upstream in [
            "http://a.example/$web",
            "http://a.example/$hostname",
            "http://a.example/$0",
            "http://a.example/$",
            "http://a.example/a$",
            "http://a.example/$args2",
        ] {
            let found = check_upstream(upstream, upstream, &[]).unwrap();
            assert!(upstream.ends_with(&*found.base), "{upstream}");
        }
    }
}
