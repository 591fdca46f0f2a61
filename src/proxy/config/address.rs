//! Checks of the two ends of a mount: the public prefix, and the address of an upstream.

use std::borrow::Cow;

use crate::path::is_ambiguous;
use crate::proxy::config::error::ProxyConfigErrorKind as Kind;
use crate::proxy::upstream::Upstream;

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
    let Some(kind) = fault_of_prefix(prefix) else {
        return Ok(());
    };
    let remedy = match (kind, meant_prefix(prefix)) {
        (Kind::Pattern | Kind::TrailingSlash, Some(meant)) => {
            format!("write {meant:?}, which is for itself and for all below it").into()
        }
        (_, Some(meant)) => format!("write {meant:?}").into(),
        (Kind::QueryOrFragment, None) => "write the path alone".into(),
        (Kind::UnresolvedPath, None) => "write the path as it is resolved".into(),
        (_, None) => "write a path such as \"/api\"".into(),
    };
    Err((kind, remedy))
}

fn fault_of_prefix(prefix: &str) -> Option<Kind> {
    // As in RFC 3986 3.3, because that is how it arrives.
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@%/".contains(&byte);
    match prefix {
        _ if !prefix.starts_with('/') => Some(Kind::NotAPath),
        _ if prefix.contains(['?', '#']) => Some(Kind::QueryOrFragment),
        _ if before_pattern(prefix).is_some() => Some(Kind::Pattern),
        _ if prefix.contains("//") || prefix.contains('\\') || is_ambiguous(prefix) => {
            Some(Kind::UnresolvedPath)
        }
        _ if !prefix.bytes().all(legal) => Some(Kind::UnencodedPath),
        _ if bare(prefix).len() < prefix.len() => Some(Kind::TrailingSlash),
        _ => None,
    }
}

/// The prefix that was meant, where it is one: the path of a URL, or that of a `location ~ ^/api` of nginx, before
/// all that is not a path, and as it arrives.
fn meant_prefix(prefix: &str) -> Option<String> {
    let text = prefix.trim();
    let quoted = |quote| text.strip_prefix(quote)?.strip_suffix(quote);
    let text = quoted('"').or_else(|| quoted('\'')).unwrap_or(text);
    let text = text.strip_prefix("location ").unwrap_or(text);
    let text = match text.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("/", |path| &rest[path..]),
        None => text,
    };
    let modified = text.trim_start_matches(['^', '~', '=', '*', ' ']);
    let is_regex = modified.starts_with('/') && text.starts_with(['^', '~']);
    let text = match modified.starts_with('/') {
        true => modified,
        false => text,
    };
    let text = if is_regex {
        text.trim_end_matches('$')
    } else {
        text
    };
    let text = text.split(['?', '#']).next().unwrap_or_default();
    let slash = if text.starts_with('/') { "" } else { "/" };
    let path = format!("{slash}{text}");
    let plain = before_pattern(&path).unwrap_or_else(|| bare(&path));
    let encoded = plain.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_graphic() && !b"\"<>^`{|}[]".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
        encoded
    });
    fault_of_prefix(&encoded).is_none().then_some(encoded)
}

/// The part of a prefix before what other tools take for a pattern (`/api/*`, `/{id}`, `/api/(.*)`,
/// `/:path`, `/<int:id>`, `/[a-z]`, `/api|/b`, `/api$`), if there is such a thing in it.
fn before_pattern(prefix: &str) -> Option<&str> {
    let wildcard = prefix.find(['*', '{', '(', '<', '[', '|']);
    let parameter = prefix.find("/:");
    // Elsewhere it is a character of a path, `/odata/$metadata`, and the end of one of a regular expression.
    let anchor = prefix.strip_suffix('$').map(str::len);
    let end = wildcard.into_iter().chain(parameter).chain(anchor).min()?;
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

/// The upstreams of a text in which several stand.
fn as_list(text: &str) -> Option<Vec<&str>> {
    let parts = text.split([',', ';', ' ']).filter(|part| !part.is_empty());
    let parts: Vec<_> = parts.collect();
    let are_upstreams = || parts.iter().all(|part| Upstream::parse(part).is_ok());
    (parts.len() > 1 && are_upstreams()).then_some(parts)
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
    if let Some(list) = as_list(text) {
        return Err((Kind::Upstream, format!("write a list: {list:?}").into()));
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
            ("/<id>", "/"),
            ("/user/<int:id>/x", "/user"),
            ("/[a-z]", "/"),
            ("/api|/b", "/api"),
            ("/api$", "/api"),
        ] {
            let (kind, remedy) = check_prefix(prefix).unwrap_err();
            assert_eq!(kind, Kind::Pattern, "{prefix}");
            assert!(remedy.starts_with(&format!("write {want:?}")), "{remedy}");
        }
        for plain in [
            "/api",
            "/$metadata",
            "/a:b",
            "/a;b",
            "/~user",
            "/a$b",
            "/a+b,c='d'!&e@f",
        ] {
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
            ("^/api", "/api"),
            ("^/api/(.*)$", "/api"),
            ("~ /api$", "/api"),
            ("~* ^/api/", "/api"),
            ("= /api", "/api"),
            ("~user", "/~user"),
            ("http://x.example/api?a=b", "/api"),
            ("https://x.example", "/"),
            ("é", "/%C3%A9"),
            ("a b", "/a%20b"),
            ("\"/api/\"", "/api"),
            ("'api'", "/api"),
            ("location /api/", "/api"),
            ("location ~ ^/api/(.*)$", "/api"),
        ] {
            let refused = Err((Kind::NotAPath, format!("write {want:?}").into()));
            assert_eq!(check_prefix(prefix), refused, "{prefix}");
            assert_eq!(check_prefix(want), Ok(()), "{prefix}");
        }
    }

    /// What is proposed is taken.
    #[test]
    fn a_remedy_that_names_a_prefix_names_a_good_one() {
        for (prefix, remedy) in [
            ("/é", "write \"/%C3%A9\""),
            ("/é/*", "write \"/%C3%A9\", which"),
            ("/a^b", "write \"/a%5Eb\""),
            ("/a b/", "write \"/a%20b\""),
            ("/api?x=1", "write \"/api\""),
            ("/api/#x", "write \"/api\""),
            ("/api/", "write \"/api\", which"),
            (" /api", "write \"/api\""),
            ("/a//b", "write the path as it is resolved"),
            ("/a/../b", "write the path as it is resolved"),
            ("/a\\b", "write the path as it is resolved"),
            ("/a//b?x", "write the path alone"),
            ("../api", "write a path such as \"/api\""),
        ] {
            let (_, found) = check_prefix(prefix).unwrap_err();
            assert!(found.starts_with(remedy), "{prefix}: {found}");
            if let Some(meant) = found.split('"').nth(1) {
                assert_eq!(check_prefix(meant), Ok(()), "{prefix}");
            }
        }
    }

    #[test]
    fn several_upstreams_in_one_text_are_told_apart() {
        let text = "http://x.example, http://y.example";
        let (kind, remedy) = check_upstream(text, text, &[]).unwrap_err();
        assert_eq!(kind, Kind::Upstream);
        assert_eq!(
            remedy,
            "write a list: [\"http://x.example\", \"http://y.example\"]"
        );
        // A comma may stand in a path.
        assert!(check_upstream("http://x.example/a,b", "", &[]).is_ok());
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
