//! The way back for cookies: the `Domain` and `Path` of `Set-Cookie` (RFC 6265bis 5.6).

use crate::proxy::mount::map::PathMap;
use crate::proxy::mount::prefix::PublicPrefix;
use crate::proxy::response::cookie::{attribute, trim};
use crate::proxy::response::domain::covers;
use http::header::{HeaderMap, HeaderValue, SET_COOKIE};

/// The way back for the cookies of one response.
pub(crate) struct CookieMapper<'a> {
    pub(crate) map: &'a PathMap,
    pub(crate) prefix: &'a PublicPrefix<'a>,
    /// Whether `Path=/` becomes the prefix.
    pub(crate) confine: bool,
    /// The host and port that the browser asked for, if anybody knows.
    pub(crate) public_host: Option<&'a HeaderValue>,
}

impl CookieMapper<'_> {
    /// Maps every `Set-Cookie` of a response.
    pub(crate) fn map_fields(&self, headers: &mut HeaderMap) {
        if let http::header::Entry::Occupied(mut entry) = headers.entry(SET_COOKIE) {
            for value in entry.iter_mut() {
                let mapped = self.to_public(value.as_bytes());
                if let Some(Ok(mapped)) = mapped.map(HeaderValue::try_from) {
                    *value = mapped;
                }
            }
        }
    }

    /// One `Set-Cookie` as the client of the public origin needs it, or `None` when it is right already.
    ///
    /// - `Domain` stays where it covers the public host: a logout has to delete the cookie of the parent
    ///   domain. Any other is dropped, because a client refuses a cookie of a domain that it is not at.
    ///   Without it the cookie is the public host's alone.
    /// - `Path` under the upstream's base becomes the one under the prefix. `/` is the whole origin's and
    ///   stays, since pages read double-submit cookies there, unless cookies are confined. Another path stays.
    /// - `__Host-` cookies keep `Path=/` (RFC 6265bis 4.1.3.2: any other value voids them).
    /// - Everything else is kept byte for byte, the value above all.
    fn to_public(&self, value: &[u8]) -> Option<Vec<u8>> {
        let mut parts = value.split(|byte| *byte == b';');
        let pair = parts.next()?;
        let host_only = has_host_prefix(pair);
        let keeps_domain = !host_only && self.keeps_domain(parts.clone());
        let mut changed = false;
        let mut mapped = pair.to_vec();
        for part in parts {
            let (name, argument) = attribute(part);
            if name.eq_ignore_ascii_case(b"domain") && !keeps_domain {
                changed = true;
                continue;
            }
            mapped.push(b';');
            let public = argument
                .filter(|_| !host_only && name.eq_ignore_ascii_case(b"path"))
                .and_then(|path| self.path_to_public(path));
            match public {
                Some(public) => {
                    changed = true;
                    let start = part.iter().position(|byte| *byte == b'=').unwrap_or(0) + 1;
                    mapped.extend_from_slice(&part[..start]);
                    mapped.extend_from_slice(public.as_bytes());
                }
                None => mapped.extend_from_slice(part),
            }
        }
        changed.then_some(mapped)
    }

    /// Whether the `Domain` of a cookie means something to the public host. The last one counts (RFC 6265bis
    /// 5.6), so that all stay or none does.
    fn keeps_domain<'v>(&self, parts: impl Iterator<Item = &'v [u8]>) -> bool {
        let domains = parts
            .map(attribute)
            .filter(|(name, _)| name.eq_ignore_ascii_case(b"domain"));
        let last = domains.last().and_then(|(_, domain)| domain);
        let last = last.and_then(|domain| std::str::from_utf8(domain).ok());
        let host = self.public_host.and_then(|host| host.to_str().ok());
        matches!((last, host), (Some(domain), Some(host)) if covers(domain, host))
    }

    fn path_to_public(&self, path: &[u8]) -> Option<String> {
        // A `?` or `#` is an ordinary character of a cookie's path, not of a mapped one.
        let path = std::str::from_utf8(path).ok()?;
        if !path.starts_with('/') || path.contains(['?', '#']) {
            return None;
        }
        if path == "/" {
            return self.root_to_public();
        }
        if self.prefix.of_told(path).is_some() {
            return None;
        }
        let public = self.prefix.with_outer(self.map.to_public(path)?);
        (public != path).then_some(public)
    }

    /// The path of a cookie that is for all of the upstream.
    fn root_to_public(&self) -> Option<String> {
        if !self.confine {
            return None;
        }
        // Without its slash: `/api/` would miss `/api` itself (RFC 6265bis 5.1.4: a path matches itself and
        // what is below).
        let prefix = self.prefix.with_outer(self.map.prefix().to_owned());
        (!prefix.is_empty()).then_some(prefix)
    }
}

/// `__Host-` in any case, as RFC 6265bis 5.6 compares it.
fn has_host_prefix(pair: &[u8]) -> bool {
    trim(pair)
        .get(..7)
        .is_some_and(|start| start.eq_ignore_ascii_case(b"__host-"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const APP: HeaderValue = HeaderValue::from_static("app.example.com:8443");

    fn map(prefix: &str, base: &str, value: &str) -> Option<String> {
        let mapper = CookieMapper {
            map: &PathMap::new(prefix, base),
            prefix: &PublicPrefix::NONE,
            confine: false,
            public_host: Some(&APP),
        };
        let mapped = mapper.to_public(value.as_bytes());
        mapped.map(|mapped| String::from_utf8(mapped).unwrap())
    }

    #[test]
    fn a_foreign_domain_goes_and_path_comes_back() {
        for (value, want) in [
            ("a=1; Domain=up.example; Path=/base", "a=1; Path=/api"),
            ("a=1;domain=.up.example", "a=1"),
            ("a=1; Domain", "a=1"),
            ("a=1; Domain=", "a=1"),
            ("a=1; Path=/base/", "a=1; Path=/api/"),
            ("a=1; Path=/base/x/y; Secure", "a=1; Path=/api/x/y; Secure"),
            ("a=1; path = /base ; HttpOnly", "a=1; path =/api; HttpOnly"),
            ("a=1; PATH=/base", "a=1; PATH=/api"),
            ("u=/base/x; Path=/base", "u=/base/x; Path=/api"),
            ("a=; Path=/base; Max-Age=0", "a=; Path=/api; Max-Age=0"),
            ("a=domain=x; Path=/base", "a=domain=x; Path=/api"),
            (
                "__Secure-a=1; Secure; Path=/base",
                "__Secure-a=1; Secure; Path=/api",
            ),
            (
                "__Host-a=1; Secure; Path=/; Domain=up",
                "__Host-a=1; Secure; Path=/",
            ),
            (
                "__Host-Http-a=1; Secure; Path=/; Domain=app.example.com",
                "__Host-Http-a=1; Secure; Path=/",
            ),
        ] {
            assert_eq!(
                map("/api", "/base", value).as_deref(),
                Some(want),
                "{value}"
            );
        }
    }

    #[test]
    fn what_is_right_already_is_not_touched() {
        for value in [
            "a=1",
            "a=1; Path=/",
            "a=1; Path=/basement",
            "a=1; Path=/login; Secure",
            "a=1; Path",
            "a=1; Path=",
            "a=1; Path=base",
            "a=1; Expires=Wed, 21 Oct 2065 07:28:00 GMT",
            "c=\"q,z\"",
            "",
        ] {
            assert_eq!(map("/api", "/base", value), None, "{value}");
        }
        assert_eq!(map("/api", "", "__host-a=1; Secure; Path=/"), None);
        assert_eq!(map("/", "", "a=1; Path=/x"), None);
    }

    /// Spring, Angular, Laravel and Django have the page at `/` read the cookie and send it back in a field.
    #[test]
    fn a_cookie_of_the_whole_origin_stays_one() {
        for (name, prefix, base, confine, want) in [
            ("no base", "/api", "", false, None),
            ("a base", "/api", "/base", false, None),
            ("at the root", "/", "/base", false, None),
            ("confined", "/api", "", true, Some("a=1; Path=/api")),
            (
                "confined, base",
                "/api",
                "/base",
                true,
                Some("a=1; Path=/api"),
            ),
            ("confined to all", "/", "/base", true, None),
        ] {
            let mapper = CookieMapper {
                map: &PathMap::new(prefix, base),
                prefix: &PublicPrefix::NONE,
                confine,
                public_host: None,
            };
            let mapped = mapper.to_public(b"a=1; Path=/");
            assert_eq!(mapped.as_deref(), want.map(str::as_bytes), "{name}");
        }
        assert_eq!(
            map("/api", "", "a=1; Path=/x/").unwrap(),
            "a=1; Path=/api/x/"
        );
    }

    #[test]
    fn an_upstream_that_was_told_of_its_prefix_says_public_paths() {
        let map = PathMap::new("/api", "");
        for (name, prefix, confine, path, want) in [
            (
                "public",
                PublicPrefix::new("", Some("/api")),
                false,
                "/api",
                None,
            ),
            (
                "public, below",
                PublicPrefix::new("", Some("/api")),
                true,
                "/api/x",
                None,
            ),
            (
                "its own",
                PublicPrefix::new("", Some("/api")),
                false,
                "/x",
                Some("/api/x"),
            ),
            (
                "outer",
                PublicPrefix::new("/o", Some("/api")),
                false,
                "/o/api",
                None,
            ),
            (
                "outer, its own",
                PublicPrefix::new("/o", None),
                false,
                "/x",
                Some("/o/api/x"),
            ),
            (
                "outer, confined",
                PublicPrefix::new("/o", None),
                true,
                "/",
                Some("/o/api"),
            ),
        ] {
            let mapper = CookieMapper {
                map: &map,
                prefix: &prefix,
                confine,
                public_host: None,
            };
            let mapped = mapper.path_to_public(path.as_bytes());
            assert_eq!(mapped.as_deref(), want, "{name}");
        }
    }

    #[test]
    #[cfg(feature = "public-suffix")]
    fn a_domain_that_covers_the_public_host_stays() {
        for value in [
            "sid=; Domain=example.com; Path=/; Max-Age=0",
            "sid=; domain=.EXAMPLE.com",
            "sid=1; Domain=app.example.com",
            "sid=1; Domain=other.example; Domain=example.com",
        ] {
            assert_eq!(map("/api", "", value), None, "{value}");
        }
        for (value, want) in [
            ("a=1; Domain=com", "a=1"),
            ("a=1; Domain=ample.com", "a=1"),
            ("a=1; Domain=x.app.example.com", "a=1"),
            ("a=1; Domain=example.com.", "a=1"),
            ("a=1; Domain=..example.com", "a=1"),
            ("a=1; Domain=example.com; Domain=other.example", "a=1"),
            ("a=1; Domain=example.com; Domain=", "a=1"),
        ] {
            assert_eq!(map("/api", "", value).as_deref(), Some(want), "{value}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_kept() {
        let mapper = CookieMapper {
            map: &PathMap::new("/api", "/base"),
            prefix: &PublicPrefix::NONE,
            confine: false,
            public_host: None,
        };
        assert_eq!(
            mapper.to_public(b"a=\xff; Path=/base").unwrap(),
            b"a=\xff; Path=/api"
        );
    }

    #[test]
    fn each_line_is_mapped_and_their_order_kept() {
        let mut headers = HeaderMap::new();
        for value in ["a=1; Path=/base", "b=2", "c=3; Domain=x"] {
            headers.append(SET_COOKIE, HeaderValue::from_static(value));
        }
        CookieMapper {
            map: &PathMap::new("/api", "/base"),
            prefix: &PublicPrefix::NONE,
            confine: false,
            public_host: None,
        }
        .map_fields(&mut headers);
        let lines: Vec<_> = headers.get_all(SET_COOKIE).iter().collect();
        assert_eq!(lines, ["a=1; Path=/api", "b=2", "c=3"]);
    }

    proptest! {
        #[test]
        fn a_cookie_keeps_its_value_and_its_other_attributes(
            value in "[!-:<-~]{0,12}",
            path in "(/[a-z]{0,5}){1,3}",
            domain in "(app\\.)?(example\\.com|other\\.example|com)",
            rest in "(; (Secure|HttpOnly|SameSite=Lax|Max-Age=0)){0,3}",
        ) {
            let cookie = format!("n={value}; Path={path}; Domain={domain}{rest}");
            let mapped = map("/api", "/base", &cookie).unwrap_or(cookie);
            let (start, end) = (format!("n={value};"), rest);
            prop_assert!(mapped.starts_with(&start) && mapped.ends_with(&end), "{}", mapped);
            // A browser would refuse the whole cookie for a domain that is not its own.
            let kept = mapped.split("; Domain=").nth(1).map(|kept| kept.split(';').next().unwrap());
            prop_assert!(kept.is_none_or(|kept| covers(kept, "app.example.com")), "{}", mapped);
        }
    }
}
