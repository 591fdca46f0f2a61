//! The mapping of a public prefix to an upstream base path, and back.
//!
//! A mount joins a public prefix (`/api`) to an upstream's base path (`/prod`). Both directions are
//! segment by segment and byte for byte: `/api/a%2Fb` is `/prod/a%2Fb`, and `/apix` is not below
//! `/api`.

use std::borrow::Cow;
use std::sync::Arc;

use arc_swap::ArcSwap;
use http::uri::PathAndQuery;

use crate::proxy::upstream::destination::Destination;

/// A prefix of the public path and the path of the upstream that it stands for.
///
/// Both are kept without a trailing slash, so the root is the empty string and "below" is a
/// comparison and one look at the next byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PathMap {
    prefix: Box<str>,
    pub(crate) base: Box<str>,
    /// Whether forwarding leaves every path as it is.
    is_identity: bool,
}

impl PathMap {
    /// The prefix and the base as validated by the builder; a trailing slash is dropped.
    pub(crate) fn new(prefix: &str, base: &str) -> Self {
        let (prefix, base) = (without_trailing_slash(prefix), without_trailing_slash(base));
        Self {
            prefix: prefix.into(),
            base: base.into(),
            is_identity: prefix == base,
        }
    }

    /// The prefix, without a slash at its end.
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Whether a public path, perhaps with a query or a fragment, is below the prefix.
    pub(crate) fn covers(&self, public: &str) -> bool {
        below(path_of(public), &self.prefix).is_some()
    }

    /// The upstream's path and query for a public one; `None` outside the prefix.
    ///
    /// The error is of a target that became longer than [`PathAndQuery`] can hold.
    pub(crate) fn to_upstream(
        &self,
        public: &PathAndQuery,
    ) -> Option<Result<PathAndQuery, http::uri::InvalidUri>> {
        let rest = below(public.path(), &self.prefix)?;
        if self.is_identity {
            return Some(Ok(public.clone()));
        }
        // An empty path is `/` in a request (RFC 9112 3.2.1).
        let path = if self.base.is_empty() && rest.is_empty() {
            "/"
        } else {
            rest
        };
        let mut target = String::with_capacity(self.base.len() + public.as_str().len() + 1);
        target.push_str(&self.base);
        target.push_str(path);
        if let Some(query) = public.query() {
            target.push('?');
            target.push_str(query);
        }
        Some(PathAndQuery::from_maybe_shared(bytes::Bytes::from(target)))
    }

    /// Whether a public path that is [covered](Self::covers) has nothing below the prefix; at the root `/` has
    /// nothing, since a proxy before this one may have been asked for the bare prefix that it took away.
    pub(crate) fn is_bare(&self, public: &str) -> bool {
        public.len() <= self.prefix.len().max(1)
    }

    /// Whether the base is a path of the upstream, or below it.
    pub(crate) fn is_below(&self, upstream: &str) -> bool {
        below(&self.base, without_trailing_slash(upstream)).is_some()
    }

    /// The public path for one of the upstream; `None` outside the base. A query or a fragment may stand
    /// behind the path, and stays.
    pub(crate) fn to_public(&self, upstream: &str) -> Option<String> {
        let path = path_of(upstream);
        let rest = below(path, &self.base)?;
        let rest = if self.prefix.is_empty() && rest.is_empty() {
            "/"
        } else {
            rest
        };
        Some([&self.prefix, rest, &upstream[path.len()..]].concat())
    }

    /// As [`to_public`](Self::to_public), for a reference in an address field. Where nothing is left before
    /// an empty segment, what follows it would be read as a host (RFC 3986 4.2): `//evil.example/x`. A
    /// dot segment before it keeps it a path, the same one (URL standard, URL serializing).
    ///
    /// Dot segments go first: they are about the upstream's path, and would lead out of the prefix here.
    pub(crate) fn reference_to_public(&self, upstream: &str) -> Option<String> {
        let public = self.to_public(&without_dot_segments(upstream))?;
        Some(if public.starts_with("//") {
            ["/.", &public].concat()
        } else {
            public
        })
    }
}

/// The path of a reference that starts with one.
fn path_of(reference: &str) -> &str {
    &reference[..reference.find(['?', '#']).unwrap_or(reference.len())]
}

/// The rest of `path` behind `prefix`, if the prefix ends at a segment's end.
pub(crate) fn below<'a>(path: &'a str, prefix: &str) -> Option<&'a str> {
    let rest = path.strip_prefix(prefix)?;
    (rest.is_empty() || rest.starts_with('/')).then_some(rest)
}

/// RFC 3986 5.2.4, with the spellings that the URL standard takes for a dot segment too.
pub(crate) fn without_dot_segments(reference: &str) -> Cow<'_, str> {
    let dots = |segment: &str| match segment.len() {
        1..=6 => match &*segment.to_ascii_lowercase().replace("%2e", ".") {
            "." => 1,
            ".." => 2,
            _ => 0,
        },
        _ => 0,
    };
    let (path, tail) = reference.split_at(path_of(reference).len());
    if path.split('/').all(|segment| dots(segment) == 0) {
        return Cow::Borrowed(reference);
    }
    let mut left = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        match dots(segment) {
            0 => left.push(segment),
            up => {
                if up == 2 {
                    left.pop();
                }
                // The segment named a folder.
                if segments.peek().is_none() {
                    left.push("");
                }
            }
        }
    }
    Cow::Owned(["/", &left.join("/"), tail].concat())
}

pub(crate) fn without_trailing_slash(path: &str) -> &str {
    path.strip_suffix('/').unwrap_or(path)
}

/// The names of the upstreams of a mount. They are looked at only where a response holds an address, and
/// change with a list that does.
#[derive(Clone, Debug)]
pub(crate) struct Origins(Arc<ArcSwap<Vec<Destination>>>);

impl Origins {
    pub(crate) fn new(origins: Vec<Destination>) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(origins)))
    }

    /// Whether an upstream is in both.
    pub(crate) fn meet(&self, others: &Self) -> bool {
        let (ours, theirs) = (self.0.load(), others.0.load());
        let is_theirs = |origin: &Destination| theirs.iter().any(|it| it.is_same_origin(origin));
        ours.iter().any(is_theirs)
    }

    #[cfg(feature = "balance")]
    pub(crate) fn replace(&self, origins: Vec<Destination>) {
        self.0.store(Arc::new(origins));
    }
}

/// A public prefix and the upstreams that it leads to.
#[derive(Clone, Debug)]
pub(crate) struct Mount {
    pub(crate) map: PathMap,
    pub(crate) origins: Origins,
}

impl Mount {
    /// Whether `scheme://authority` is one of the upstreams; `scheme` is `None` for a reference without
    /// one (`//host/path`).
    pub(crate) fn leads_to(&self, scheme: Option<&str>, authority: &str) -> bool {
        self.origins.0.load().iter().any(|origin| {
            scheme.is_none_or(|scheme| scheme.eq_ignore_ascii_case(origin.scheme().as_str()))
                && origin.has_authority(authority)
        })
    }

    /// The public path for what an upstream calls `scheme://authority/path`, if that is this mount's.
    pub(crate) fn to_public(
        &self,
        scheme: Option<&str>,
        authority: &str,
        path: &str,
    ) -> Option<String> {
        if !self.leads_to(scheme, authority) {
            return None;
        }
        self.map.reference_to_public(&rooted(path))
    }
}

/// The path behind an authority: `http://host` and `http://host?x` name the root (RFC 9110 4.2.3).
pub(crate) fn rooted(path: &str) -> Cow<'_, str> {
    if path.starts_with('/') {
        Cow::Borrowed(path)
    } else {
        Cow::Owned(["/", path].concat())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::proxy::upstream::Upstream;

    fn forward(prefix: &str, base: &str, public: &'static str) -> Option<String> {
        PathMap::new(prefix, base)
            .to_upstream(&PathAndQuery::from_static(public))
            .map(|target| target.unwrap().as_str().to_owned())
    }

    #[test]
    fn to_upstream_strips_one_prefix_and_puts_the_base_before() {
        for (prefix, base, public, want) in [
            ("/api", "/base", "/api/x", Some("/base/x")),
            ("/api", "/base", "/api", Some("/base")),
            ("/api", "/base", "/api/", Some("/base/")),
            ("/api", "/base", "/api?x=1", Some("/base?x=1")),
            ("/api", "/base", "/api//x", Some("/base//x")),
            ("/api", "/base", "/api/api/x", Some("/base/api/x")),
            ("/api", "/base/", "/api/x", Some("/base/x")),
            ("/api", "", "/api", Some("/")),
            ("/api", "/", "/api/x", Some("/x")),
            ("/api", "", "/api?x", Some("/?x")),
            ("/api", "/api", "/api/x?", Some("/api/x?")),
            ("/", "/base", "/", Some("/base/")),
            ("/", "", "/a?b", Some("/a?b")),
            ("/api", "/base", "/api/x?", Some("/base/x?")),
            (
                "/api",
                "/base",
                "/api/%2F%2e?a=/../b",
                Some("/base/%2F%2e?a=/../b"),
            ),
            ("/api", "/base", "/apix", None),
            ("/api", "/base", "/API/x", None),
            ("/api", "/base", "/api%2Fx", None),
            ("/api", "/base", "/", None),
        ] {
            assert_eq!(
                forward(prefix, base, public).as_deref(),
                want,
                "{prefix} {base} {public}"
            );
        }
    }

    #[test]
    fn to_public_is_the_inverse() {
        for (prefix, base, upstream, want) in [
            ("/api", "/prod", "/prod/x?a#b", Some("/api/x?a#b")),
            ("/api", "/prod", "/prod", Some("/api")),
            ("/api", "/prod", "/prod/", Some("/api/")),
            ("/api", "/prod", "/prod?x", Some("/api?x")),
            ("/api", "", "/", Some("/api/")),
            ("/api", "", "/x", Some("/api/x")),
            ("/", "/prod", "/prod", Some("/")),
            ("/", "", "/x", Some("/x")),
            ("/api", "/prod", "/production", None),
            ("/api", "/prod", "/login?next=/prod/x", None),
        ] {
            let public = PathMap::new(prefix, base).to_public(upstream);
            assert_eq!(public.as_deref(), want, "{prefix} {base} {upstream}");
        }
    }

    #[test]
    fn a_path_never_comes_back_as_a_host() {
        for (prefix, base, upstream, want) in [
            ("/", "", "//evil.example/x", "/.//evil.example/x"),
            ("/", "/base", "/base//evil.example", "/.//evil.example"),
            ("/", "/base", "/base///x?a#b", "/.///x?a#b"),
            ("/", "/base", "/base//", "/.//"),
            ("/api", "/base", "/base//x", "/api//x"),
            ("/", "/base", "/base/x//y", "/x//y"),
            ("/api", "", "/../x", "/api/x"),
            ("/api", "", "/a/../../x?..#..", "/api/x?..#.."),
            ("/api", "", "/%2E%2e/a/./%2e/b", "/api/a/b"),
            ("/api", "", "/a/b/..", "/api/a/"),
            ("/api", "", "/a/.", "/api/a/"),
            ("/api", "", "/a//../b", "/api/a/b"),
            ("/api", "/base", "/x/../base/.../..x/y", "/api/.../..x/y"),
            ("/", "/base", "/base/./../base//evil", "/.//evil"),
        ] {
            let public = PathMap::new(prefix, base).reference_to_public(upstream);
            assert_eq!(public.as_deref(), Some(want), "{prefix} {base} {upstream}");
        }
    }

    #[test]
    fn a_target_that_grows_too_long_is_an_error() {
        let map = PathMap::new("/a", &format!("/{}", "b".repeat(1000)));
        let public: PathAndQuery = format!("/a/{}", "c".repeat(65_000)).parse().unwrap();
        assert!(map.to_upstream(&public).unwrap().is_err());
    }

    pub(crate) fn mount(prefix: &str, upstream: &str, base: &str) -> Mount {
        let upstream = Upstream::parse(upstream).unwrap();
        Mount {
            map: PathMap::new(prefix, base),
            origins: Origins::new(vec![upstream.destination]),
        }
    }

    #[test]
    fn an_absolute_uri_is_known_by_scheme_host_and_port() {
        let api = mount("/api", "http://up.example", "");
        for (scheme, authority, path, want) in [
            (Some("http"), "up.example", "/x", Some("/api/x")),
            (Some("HTTP"), "UP.example:80", "/x", Some("/api/x")),
            (Some("http"), "up.example:", "/x", Some("/api/x")),
            (None, "up.example", "/x", Some("/api/x")),
            (Some("http"), "up.example", "", Some("/api/")),
            (Some("http"), "up.example", "?q", Some("/api/?q")),
            (Some("https"), "up.example", "/x", None),
            (Some("http"), "up.example:81", "/x", None),
            (Some("http"), "up.example.evil.example", "/x", None),
            (Some("http"), "u@up.example", "/x", None),
            (Some("http"), "[::1]", "/x", None),
        ] {
            let public = api.to_public(scheme, authority, path);
            assert_eq!(public.as_deref(), want, "{scheme:?} {authority} {path}");
        }
    }

    #[test]
    fn a_host_that_is_an_address_is_known_in_each_spelling() {
        let api = mount("/api", "http://[2001:db8::1]:81", "");
        for (authority, want) in [
            ("[2001:db8::1]:81", Some("/api/x")),
            ("[2001:DB8:0:0:0:0:0:1]:81", Some("/api/x")),
            ("[2001:db8::0001]:81", Some("/api/x")),
            ("[2001:db8::1]", None),
            ("[2001:db8::2]:81", None),
        ] {
            let public = api.to_public(Some("http"), authority, "/x");
            assert_eq!(public.as_deref(), want, "{authority}");
        }
    }

    proptest! {
        #[test]
        fn there_and_back_again(
            prefix in "(/[a-z.%2F~-]{1,8}){0,3}",
            base in "(/[a-z.%2F~-]{1,8}){0,3}",
            rest in "(/[!-\"$->@-~]{0,9}){1,4}",
            query in proptest::option::of("[!-\"$-~]{0,20}"),
        ) {
            let query = query.map_or(String::new(), |query| format!("?{query}"));
            let public = format!("{prefix}{rest}{query}");
            let Ok(parsed) = public.parse::<PathAndQuery>() else { return Ok(()) };
            prop_assume!(parsed.as_str() == public);
            let map = PathMap::new(&prefix, &base);
            let target = map.to_upstream(&parsed).unwrap().unwrap();
            prop_assert_eq!(target.as_str(), format!("{}{}{}", without_trailing_slash(&base), rest, query));
            prop_assert_eq!(map.to_public(target.as_str()), Some(public));
        }
    }
}
