//! The way back for cookies: the `Domain` and `Path` of `Set-Cookie` (RFC 6265bis 5.6).

use crate::proxy::mount::map::PathMap;
use http::header::{HeaderMap, HeaderValue, SET_COOKIE};

/// Maps every `Set-Cookie` of a response back.
pub(crate) fn map_back(headers: &mut HeaderMap, map: &PathMap) {
    if let http::header::Entry::Occupied(mut entry) = headers.entry(SET_COOKIE) {
        for value in entry.iter_mut() {
            let mapped = set_cookie(value.as_bytes(), map);
            if let Some(Ok(mapped)) = mapped.map(HeaderValue::try_from) {
                *value = mapped;
            }
        }
    }
}

/// One `Set-Cookie` as the client of the public origin needs it, or `None` when it is right already.
///
/// - `Domain` is dropped: it names the upstream's host, which the client does not talk to, and a
///   client refuses a cookie of a domain that it is not at. Without it the cookie is the public
///   host's alone.
/// - `Path` under the upstream's base becomes the one under the prefix. Another path stays as it is.
/// - `__Host-` cookies keep `Path=/` (RFC 6265bis 4.1.3.2: any other value voids them).
/// - Everything else is kept byte for byte, the value above all.
fn set_cookie(value: &[u8], map: &PathMap) -> Option<Vec<u8>> {
    let mut parts = value.split(|byte| *byte == b';');
    let pair = parts.next()?;
    let host_only = has_host_prefix(pair);
    let mut changed = false;
    let mut mapped = pair.to_vec();
    for part in parts {
        let (name, argument) = match part.iter().position(|byte| *byte == b'=') {
            Some(equals) => (
                trim(&part[..equals]),
                Some((equals + 1, trim(&part[equals + 1..]))),
            ),
            None => (trim(part), None),
        };
        if name.eq_ignore_ascii_case(b"domain") {
            changed = true;
            continue;
        }
        mapped.push(b';');
        let public = argument
            .filter(|_| !host_only && name.eq_ignore_ascii_case(b"path"))
            .and_then(|(start, path)| Some((start, public_path(path, map)?)));
        match public {
            Some((start, public)) => {
                changed = true;
                mapped.extend_from_slice(&part[..start]);
                mapped.extend_from_slice(public.as_bytes());
            }
            None => mapped.extend_from_slice(part),
        }
    }
    changed.then_some(mapped)
}

fn public_path(path: &[u8], map: &PathMap) -> Option<String> {
    // A `?` or `#` is an ordinary character of a cookie's path, not of a mapped one.
    let path = std::str::from_utf8(path).ok()?;
    if !path.starts_with('/') || path.contains(['?', '#']) || map.is_identity() {
        return None;
    }
    // `Path=/` of an upstream without base path covers all of it, so all below the prefix; `/api/`
    // would miss `/api` itself (RFC 6265bis 5.1.4: a path matches itself and what is below).
    let public = map.backward(path)?;
    Some(match public.strip_suffix('/') {
        Some(bare) if path == "/" && !bare.is_empty() => bare.to_owned(),
        _ => public,
    })
}

/// `__Host-` in any case, as RFC 6265bis 5.6 compares it.
fn has_host_prefix(pair: &[u8]) -> bool {
    trim(pair)
        .get(..7)
        .is_some_and(|start| start.eq_ignore_ascii_case(b"__host-"))
}

fn trim(value: &[u8]) -> &[u8] {
    crate::fields::trim(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domain_goes_and_path_comes_back() {
        for (value, want) in [
            ("a=1; Domain=up.example; Path=/base", "a=1; Path=/api"),
            ("a=1;domain=.up.example", "a=1"),
            ("a=1; Domain", "a=1"),
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
        ] {
            let mapped = set_cookie(value.as_bytes(), &PathMap::new("/api", "/base"));
            assert_eq!(
                mapped.map(|m| String::from_utf8(m).unwrap()).as_deref(),
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
            assert_eq!(
                set_cookie(value.as_bytes(), &PathMap::new("/api", "/base")),
                None,
                "{value}"
            );
        }
        let host = b"__host-a=1; Secure; Path=/";
        assert_eq!(set_cookie(host, &PathMap::new("/api", "")), None);
        assert_eq!(set_cookie(b"a=1; Path=/x", &PathMap::new("/", "")), None);
    }

    #[test]
    fn the_root_of_an_upstream_is_the_prefix() {
        let map = PathMap::new("/api", "");
        assert_eq!(set_cookie(b"a=1; Path=/", &map).unwrap(), b"a=1; Path=/api");
        assert_eq!(
            set_cookie(b"a=1; Path=/x/", &map).unwrap(),
            b"a=1; Path=/api/x/"
        );
    }

    #[test]
    fn bytes_that_are_no_text_are_kept() {
        let map = PathMap::new("/api", "/base");
        assert_eq!(
            set_cookie(b"a=\xff; Path=/base", &map).unwrap(),
            b"a=\xff; Path=/api"
        );
    }

    #[test]
    fn each_line_is_mapped_and_their_order_kept() {
        let mut headers = HeaderMap::new();
        for value in ["a=1; Path=/base", "b=2", "c=3; Domain=x"] {
            headers.append(SET_COOKIE, HeaderValue::from_static(value));
        }
        map_back(&mut headers, &PathMap::new("/api", "/base"));
        let lines: Vec<_> = headers.get_all(SET_COOKIE).iter().collect();
        assert_eq!(lines, ["a=1; Path=/api", "b=2", "c=3"]);
    }
}
