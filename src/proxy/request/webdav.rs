//! Addresses of the public origin in a request: `Destination` and `If` of WebDAV (RFC 4918 10.3, 10.4).
//!
//! They are mapped as the request's own path is, at the root too: an upstream that sees its own `Host` takes the
//! public one for another server (RFC 4918 9.8.5). A `Destination` that is not below the prefix must not pass:
//! the upstream would take it for a path of its own, outside of what is mounted.

use std::ops::Range;

use http::Method;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::uri::PathAndQuery;

use crate::path::is_ambiguous;
use crate::proxy::error::ProxyErrorKind;
use crate::proxy::mount::map::PathMap;
use crate::proxy::wire::host::{default_port, is_same_authority};

const DESTINATION: HeaderName = HeaderName::from_static("destination");
const IF: HeaderName = HeaderName::from_static("if");

/// The way there for the addresses of one request.
pub(crate) struct AddressMapper<'a> {
    pub(crate) method: &'a Method,
    pub(crate) map: &'a PathMap,
    /// The prefix that a trusted proxy took away; empty if none did. Few of them map these fields.
    pub(crate) outer: &'a str,
    /// The host and port that the client asked for.
    pub(crate) public_host: Option<&'a HeaderValue>,
}

/// An address that is not mapped.
enum Unmapped {
    /// It is on another host.
    Foreign,
    /// It is here and not below the prefix, or it can be read as leading elsewhere.
    Outside(ProxyErrorKind),
}

impl AddressMapper<'_> {
    /// Maps the fields of a request; a path without scheme and host is what each of them becomes (RFC 4918
    /// 8.3), since of those the upstream has its own. Where it sees the public host, the absolute form would do,
    /// if the scheme is its own as well: behind TLS that ends here some servers refuse it.
    pub(crate) fn map_fields(&self, headers: &mut HeaderMap) -> Result<(), ProxyErrorKind> {
        if let header::Entry::Occupied(mut entry) = headers.entry(DESTINATION) {
            for value in entry.iter_mut() {
                *value = match self.to_upstream(value.as_bytes()) {
                    Ok(mapped) => mapped,
                    Err(_) if self.is_of_http() => continue,
                    Err(Unmapped::Foreign) => return Err(ProxyErrorKind::ForeignDestination),
                    Err(Unmapped::Outside(kind)) => return Err(kind),
                };
            }
        }
        if let header::Entry::Occupied(mut entry) = headers.entry(IF) {
            for value in entry.iter_mut() {
                if let Some(mapped) = self.conditions_to_upstream(value.as_bytes()) {
                    *value = mapped;
                }
            }
        }
        Ok(())
    }

    /// Whether the method is one of HTTP itself. `Destination` is for COPY, MOVE and methods like them (RFC 4918 10.3);
    /// elsewhere it is another API's: an airport, a name of a system, an address on another host.
    fn is_of_http(&self) -> bool {
        matches!(
            *self.method,
            Method::GET
                | Method::HEAD
                | Method::POST
                | Method::PUT
                | Method::PATCH
                | Method::DELETE
                | Method::OPTIONS
        )
    }

    /// The upstream's path for an address (Simple-ref of RFC 4918 8.3).
    fn to_upstream(&self, address: &[u8]) -> Result<HeaderValue, Unmapped> {
        use ProxyErrorKind::{ForeignDestination, MalformedDestination};
        let address =
            std::str::from_utf8(address).map_err(|_| Unmapped::Outside(MalformedDestination))?;
        let path = self.path_here(address).ok_or(Unmapped::Foreign)?;
        let public = path.parse::<PathAndQuery>();
        let public = public.map_err(|_| Unmapped::Outside(MalformedDestination))?;
        if is_ambiguous(public.path()) {
            return Err(Unmapped::Outside(MalformedDestination));
        }
        let inner = public.as_str().strip_prefix(self.outer);
        let inner = inner.and_then(|inner| inner.parse::<PathAndQuery>().ok());
        let target = inner.and_then(|inner| self.map.to_upstream(&inner));
        let target = target.or_else(|| self.map.to_upstream(&public));
        let target = target.ok_or(Unmapped::Outside(ForeignDestination))?;
        let target = target.map_err(|_| Unmapped::Outside(MalformedDestination))?;
        HeaderValue::from_str(target.as_str())
            .or_else(|_| HeaderValue::from_bytes(target.as_str().as_bytes()))
            .map_err(|_| Unmapped::Outside(MalformedDestination))
    }

    /// The path of an address on the public host.
    fn path_here<'v>(&self, address: &'v str) -> Option<&'v str> {
        if address.starts_with('/') && !address.starts_with("//") {
            return Some(address);
        }
        let (scheme, rest) = address.split_once("://")?;
        let is_secure = scheme.eq_ignore_ascii_case("https");
        if !is_secure && !scheme.eq_ignore_ascii_case("http") {
            return None;
        }
        let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        let host = self.public_host?.to_str().ok()?.parse().ok()?;
        let is_here = is_same_authority(authority, &host, default_port(is_secure));
        is_here.then_some(if path.is_empty() { "/" } else { path })
    }

    /// `If` with its tagged resources mapped, or `None` if none is ours. One that is not ours is of no
    /// resource of the upstream, which the condition then says.
    fn conditions_to_upstream(&self, value: &[u8]) -> Option<HeaderValue> {
        let mut mapped = Vec::new();
        let mut done = 0;
        for tag in resource_tags(value) {
            if let Ok(target) = self.to_upstream(&value[tag.clone()]) {
                mapped.extend_from_slice(&value[done..tag.start]);
                mapped.extend_from_slice(target.as_bytes());
                done = tag.end;
            }
        }
        if done == 0 {
            return None;
        }
        mapped.extend_from_slice(&value[done..]);
        HeaderValue::from_bytes(&mapped).ok()
    }
}

/// The addresses between `<` and `>` of an `If` that stand outside of its lists, in which the same brackets
/// hold the tokens of locks. Entity tags are quoted, and may hold all of these characters.
fn resource_tags(value: &[u8]) -> Vec<Range<usize>> {
    let (mut tags, mut start) = (Vec::new(), None);
    let (mut in_list, mut in_quotes) = (false, false);
    for (index, byte) in value.iter().enumerate() {
        match byte {
            b'"' if start.is_none() => in_quotes = !in_quotes,
            _ if in_quotes => {}
            b'<' if !in_list => start = Some(index + 1),
            b'>' => tags.extend(start.take().map(|start| start..index)),
            b'(' if start.is_none() => in_list = true,
            b')' if start.is_none() => in_list = false,
            _ => {}
        }
    }
    tags
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOST: HeaderValue = HeaderValue::from_static("app.example:8443");

    fn mapped(
        map: &PathMap,
        outer: &str,
        name: HeaderName,
        value: &str,
    ) -> Result<String, ProxyErrorKind> {
        let method = Method::from_bytes(b"MOVE").unwrap();
        mapped_of(&method, map, outer, name, value)
    }

    fn mapped_of(
        method: &Method,
        map: &PathMap,
        outer: &str,
        name: HeaderName,
        value: &str,
    ) -> Result<String, ProxyErrorKind> {
        let mapper = AddressMapper {
            method,
            map,
            outer,
            public_host: Some(&HOST),
        };
        let mut headers = HeaderMap::new();
        headers.insert(&name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        mapper.map_fields(&mut headers)?;
        Ok(String::from_utf8(headers[name].as_bytes().to_vec()).unwrap())
    }

    #[test]
    fn a_destination_is_mapped_as_the_path_is() {
        use ProxyErrorKind::{ForeignDestination, MalformedDestination};
        let map = PathMap::new("/dav", "/files");
        for (value, want) in [
            (
                "https://app.example:8443/dav/b%20c.txt",
                Ok("/files/b%20c.txt"),
            ),
            ("HTTP://APP.example:8443/dav/b", Ok("/files/b")),
            ("/dav/b?x", Ok("/files/b?x")),
            ("/dav", Ok("/files")),
            ("/dav/b\u{e9}", Ok("/files/b\u{e9}")),
            ("/davs/b", Err(ForeignDestination)),
            ("/", Err(ForeignDestination)),
            ("https://app.example:8443", Err(ForeignDestination)),
            ("https://app.example/dav/b", Err(ForeignDestination)),
            ("https://other.example:8443/dav/b", Err(ForeignDestination)),
            ("https://u@app.example:8443/dav/b", Err(ForeignDestination)),
            ("ftp://app.example:8443/dav/b", Err(ForeignDestination)),
            ("//app.example:8443/dav/b", Err(ForeignDestination)),
            ("b", Err(ForeignDestination)),
            ("/dav/../b", Err(MalformedDestination)),
            ("/dav/%2e%2e/b", Err(MalformedDestination)),
            ("/dav/..%2fb", Err(MalformedDestination)),
        ] {
            let found = mapped(&map, "", DESTINATION, value);
            assert_eq!(found.as_deref(), want.as_ref().map(|it| *it), "{value}");
        }
        let found = mapped(&map, "/outer", DESTINATION, "/outer/dav/b");
        assert_eq!(found.as_deref(), Ok("/files/b"));
        assert_eq!(
            mapped(&map, "/outer", DESTINATION, "/dav/b").as_deref(),
            Ok("/files/b")
        );
    }

    /// RFC 4918 9.8.5: the upstream compares the address with its own host, which is not the public one.
    #[test]
    fn a_destination_is_mapped_at_the_root_too() {
        use ProxyErrorKind::{ForeignDestination, MalformedDestination};
        let whole = PathMap::new("/", "");
        for (outer, value, want) in [
            ("", "https://app.example:8443/b?x", Ok("/b?x")),
            ("", "https://app.example:8443", Ok("/")),
            ("", "/b%20c", Ok("/b%20c")),
            ("", "https://other.example/b", Err(ForeignDestination)),
            ("", "b", Err(ForeignDestination)),
            ("", "/x/../b", Err(MalformedDestination)),
            ("/outer", "https://app.example:8443/outer/b", Ok("/b")),
            ("/outer", "https://app.example:8443/b", Ok("/b")),
        ] {
            let found = mapped(&whole, outer, DESTINATION, value);
            assert_eq!(found.as_deref(), want.as_ref().map(|it| *it), "{value}");
        }
        let condition = "<https://app.example:8443/a> (<opaquelocktoken:1>)";
        assert_eq!(
            mapped(&whole, "", IF, condition).as_deref(),
            Ok("</a> (<opaquelocktoken:1>)")
        );
    }

    #[test]
    fn what_is_of_another_api_is_left_alone() {
        let map = PathMap::new("/api", "");
        for (method, value, is_left) in [
            ("GET", "JFK", true),
            ("POST", "Z\u{fc}rich", true),
            ("POST", "", true),
            ("MOVE", "JFK", false),
            ("COPY", "JFK", false),
            ("POST", "my.destination", true),
            ("POST", "%2e%2e", true),
            ("POST", "/other/x", true),
            ("GET", "https://other.example", true),
            ("MOVE", "/other/x", false),
            ("COPY", "https://other.example", false),
        ] {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let found = mapped_of(&method, &map, "", DESTINATION, value);
            assert_eq!(found.is_ok(), is_left, "{method} {value}");
            assert!(found.is_err() || found.as_deref() == Ok(value));
        }
    }

    #[test]
    fn conditions_are_mapped_where_they_name_a_resource() {
        let map = PathMap::new("/dav", "");
        for (value, want) in [
            (
                "<https://app.example:8443/dav/a> (<opaquelocktoken:1>)",
                "</a> (<opaquelocktoken:1>)",
            ),
            (
                "</dav/a> (<http://app.example:8443/dav/x>) </dav/b> (Not <DAV:no-lock> [\"(</dav/c>\"])",
                "</a> (<http://app.example:8443/dav/x>) </b> (Not <DAV:no-lock> [\"(</dav/c>\"])",
            ),
            ("(<opaquelocktoken:1>)", "(<opaquelocktoken:1>)"),
            (
                "<https://other.example/dav/a> (x)",
                "<https://other.example/dav/a> (x)",
            ),
            ("</other/a> (x)", "</other/a> (x)"),
            ("</dav/a", "</dav/a"),
        ] {
            assert_eq!(mapped(&map, "", IF, value).as_deref(), Ok(want), "{value}");
        }
    }

    proptest! {
        #[test]
        fn a_destination_never_leaves_what_is_mounted(value in "(https://app\\.example:8443)?(/|dav|\\.|%2e|%2F|\\\\|;|a){0,9}") {
            let map = PathMap::new("/dav", "/files");
            if let Ok(target) = mapped(&map, "", DESTINATION, &value) {
                prop_assert!(target == "/files" || target.starts_with("/files/"), "{}", target);
                prop_assert!(!is_ambiguous(&target), "{}", target);
            }
        }
    }
}
