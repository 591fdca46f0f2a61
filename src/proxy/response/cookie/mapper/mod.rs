//! The way back for cookies: the `Domain` and `Path` of `Set-Cookie` (RFC 6265bis 5.6).

use http::header::{HeaderMap, HeaderValue, SET_COOKIE};

use crate::proxy::mount::map::{Mount, PathMap, below, without_trailing_slash};
use crate::proxy::mount::prefix::PublicPrefix;
use crate::proxy::mount::table::Mounts;
use crate::proxy::response::cookie::{attribute, trim};
use crate::proxy::response::domain::covers;

/// The way back for the cookies of one response.
pub(crate) struct CookieMapper<'a> {
    /// The mount of the request.
    pub(crate) own: &'a Mount,
    /// The mounts beside it.
    pub(crate) others: &'a Mounts,
    pub(crate) prefix: &'a PublicPrefix<'a>,
    /// Whether a path that is not below the prefix becomes the prefix.
    pub(crate) confine: bool,
    /// Whether the client asked for the bare prefix: the path that a browser gives a cookie by default is
    /// then beside the prefix, of `/api` it is `/` (RFC 6265bis 5.1.4). Anywhere below it is the upstream's own,
    /// mapped: of `/api/a/b` it is `/api/a`, and of `/a/b` `/a`.
    pub(crate) at_bare_prefix: bool,
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
    /// - `Path` under the upstream's base becomes the one under the prefix, and one under the base of another
    ///   mount of that upstream the one under that mount's. One above the base covers all that is mounted and
    ///   becomes the prefix. `/` is the whole origin's and stays, since pages read double-submit cookies there.
    ///   Another path stays.
    /// - A cookie that is confined gets the prefix for a path that is not below it by then, and where it has no `Path`
    ///   and the browser would take it to be outside.
    /// - `__Host-` cookies keep `Path=/` (RFC 6265bis 4.1.3.2: any other value voids them).
    /// - Everything else is kept byte for byte, the value above all.
    fn to_public(&self, value: &[u8]) -> Option<Vec<u8>> {
        let mut parts = value.split(|byte| *byte == b';');
        let pair = parts.next()?;
        let host_only = has_host_prefix(pair);
        let keeps_domain = !host_only && self.keeps_domain(parts.clone());
        let added = self.default_path(parts.clone()).filter(|_| !host_only);
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
        if let Some(path) = added {
            changed = true;
            add_path(&mut mapped, &path);
        }
        changed.then_some(mapped)
    }

    /// The path that confines a cookie which has the default one, where that is beside the prefix. RFC 6265bis
    /// 5.6.4 and 5.7: the last `Path` counts, and one that does not begin with a slash stands for the default.
    fn default_path<'v>(&self, parts: impl Iterator<Item = &'v [u8]>) -> Option<String> {
        if !(self.confine && self.at_bare_prefix) {
            return None;
        }
        let paths = parts
            .map(attribute)
            .filter(|(name, _)| name.eq_ignore_ascii_case(b"path"));
        let last = paths.last().and_then(|(_, path)| path);
        let is_default = !last.is_some_and(|path| path.starts_with(b"/"));
        let prefix = is_default.then(|| self.public_prefix());
        prefix.filter(|prefix| !prefix.is_empty())
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
        let public = self.unconfined_to_public(path);
        if !self.confine {
            return public;
        }
        // A path beside the base may belong to another route with another upstream, so the upstream's word for it
        // does not count.
        let prefix = self.public_prefix();
        let is_confined = below(public.as_deref().unwrap_or(path), &prefix).is_some();
        if is_confined { public } else { Some(prefix) }
    }

    fn unconfined_to_public(&self, path: &str) -> Option<String> {
        if path == "/" || self.prefix.of_told(path).is_some() {
            return None;
        }
        let map = &self.own.map;
        let public = match map.to_public(path) {
            Some(own) => own,
            None if map.is_below(path) => return self.wide_to_public(path),
            None => self.beside_to_public(path)?,
        };
        let public = self.prefix.with_outer(public);
        (public != path).then_some(public)
    }

    /// The path of a cookie that is for more than the base: the prefix, below which is all of it that is mounted
    /// here. Where other mounts of the upstream have a part of it, the longest path that all of them are below,
    /// `/api` and `/files` below `/`: the prefix alone would keep a login from the others. The price is that other
    /// upstreams below that path see the cookie, as they do one of `/`.
    fn wide_to_public(&self, path: &str) -> Option<String> {
        let mut public = self.own.map.prefix().to_owned();
        let covered = |map: &PathMap| match map.is_below(path) {
            true => Some(map.prefix().to_owned()),
            false => map.to_public(path),
        };
        for beside in self.others.all_to_public(self.own, covered) {
            public.truncate(common_path(&public, &beside).len());
        }
        let public = self.prefix.with_outer(public);
        if reaches(path, &public) {
            return None;
        }
        let is_root = public.is_empty();
        Some(if is_root { "/".to_owned() } else { public })
    }

    /// Another mount's path, as [`LocationMapper`](crate::proxy::response::location::LocationMapper) has it:
    /// not one below this mount's prefix, which an upstream may know without being told. A cookie that is
    /// confined is for no other mount.
    fn beside_to_public(&self, path: &str) -> Option<String> {
        if self.confine || self.own.map.covers(path) {
            return None;
        }
        let way_back = |map: &PathMap| map.to_public(path);
        self.others.path_to_public(self.own, way_back)
    }

    /// The prefix as the browser has it, empty for the root. Without its slash: `/api/` would miss `/api` itself
    /// (RFC 6265bis 5.1.4: a path matches itself and what is below).
    fn public_prefix(&self) -> String {
        self.prefix.with_outer(self.own.map.prefix().to_owned())
    }
}

/// Whether a cookie of a path is sent with requests for another path, and all below that (RFC 6265bis 5.1.4).
fn reaches(cookie: &str, path: &str) -> bool {
    let rest = below(path, without_trailing_slash(cookie));
    rest.is_some_and(|rest| !(rest.is_empty() && cookie.ends_with('/')))
}

/// The longest path that two paths are at or below, which is empty for the root.
fn common_path<'a>(one: &'a str, other: &str) -> &'a str {
    let ends = one.match_indices('/').map(|(index, _)| index);
    let mut paths = ends.chain([one.len()]).map(|end| &one[..end]);
    let common = paths.rfind(|path| below(other, path).is_some());
    common.unwrap_or_default()
}

/// Adds a `Path` behind all attributes, of which the last one counts.
fn add_path(cookie: &mut Vec<u8>, path: &str) {
    // `a=1;` would otherwise get an empty attribute, which is legal and ugly.
    cookie.truncate(cookie.trim_ascii_end().len());
    if cookie.last() == Some(&b';') {
        cookie.pop();
    }
    cookie.extend_from_slice(b"; Path=");
    cookie.extend_from_slice(path.as_bytes());
}

/// `__Host-` in any case, as RFC 6265bis 5.6 compares it.
fn has_host_prefix(pair: &[u8]) -> bool {
    trim(pair)
        .get(..7)
        .is_some_and(|start| start.eq_ignore_ascii_case(b"__host-"))
}

#[cfg(test)]
mod tests;
