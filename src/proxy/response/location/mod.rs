//! The way back for addresses: `Location`, `Content-Location` and `Refresh`.
//!
//! An address of the upstream is given its public path; one of somebody else stays as it is, byte for byte,
//! because it may be signed.

use std::borrow::Cow;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::uri::PathAndQuery;

use crate::proxy::mount::map::{Mount, PathMap, rooted, without_dot_segments};
use crate::proxy::mount::prefix::PublicPrefix;
use crate::proxy::mount::table::Mounts;

/// The way back for the addresses of one response.
pub(crate) struct LocationMapper<'a> {
    /// The mount of the request.
    pub(crate) own: &'a Mount,
    /// The mounts beside it.
    pub(crate) others: &'a Mounts,
    pub(crate) prefix: &'a PublicPrefix<'a>,
    /// The public path of the request, which a browser resolves a relative reference against. The upstream means
    /// its own.
    pub(crate) public: &'a PathAndQuery,
}

impl LocationMapper<'_> {
    /// Maps the address fields of a response.
    pub(crate) fn map_fields(&self, headers: &mut HeaderMap) {
        map_field(headers, &header::LOCATION, |value| self.to_public(value));
        map_field(headers, &header::CONTENT_LOCATION, |value| {
            self.to_public(value)
        });
        map_field(headers, &header::REFRESH, |value| {
            self.refresh_to_public(value)
        });
    }

    /// The public form of a URI reference (RFC 3986 4.1), or `None` when it stays as it is: another server's
    /// address, one that is public already, or a reference relative to the document that means the same on both
    /// sides, as nearly all do.
    fn to_public(&self, value: &str) -> Option<String> {
        // A browser drops tabs, wherever they are, and blanks around the whole, and takes `\` for `/` (URL standard,
        // basic URL parser). A text that it would read in another way than this is left alone rather than half
        // understood.
        let value = without_tabs(value);
        let value = value.trim_matches(' ');
        if value
            .bytes()
            .any(|byte| byte == b'\\' || byte.is_ascii_control())
        {
            return None;
        }
        if let Some(rest) = value.strip_prefix("//") {
            let (authority, path) = split_authority(rest);
            return self.absolute_to_public(None, authority, path);
        }
        if value.starts_with('/') {
            return self.path_to_public(value);
        }
        let is_scheme = |text: &str| {
            text.bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
        };
        let Some((scheme, rest)) = value.split_once("://").filter(|(it, _)| is_scheme(it)) else {
            return self.relative_to_public(value);
        };
        let (authority, path) = split_authority(rest);
        self.absolute_to_public(Some(scheme), authority, path)
    }

    fn absolute_to_public(
        &self,
        scheme: Option<&str>,
        authority: &str,
        path: &str,
    ) -> Option<String> {
        if let Some(public) = self.prefix.of_told(&rooted(path)) {
            if self.own.leads_to(scheme, authority) {
                return Some(public.into_owned());
            }
        }
        let public = self.others.to_public(self.own, scheme, authority, path)?;
        Some(self.prefix.with_outer(public))
    }

    fn path_to_public(&self, path: &str) -> Option<String> {
        if self.prefix.of_told(path).is_some() {
            return None;
        }
        let public = self.own.map.reference_to_public(path);
        // Another mount's, unless it is below this one's prefix: an upstream may know that without being told.
        let is_public = || self.own.map.covers(path);
        let public = match public {
            None if is_public() => None,
            None => {
                let way_back = |map: &PathMap| map.reference_to_public(path);
                self.others.path_to_public(self.own, way_back)
            }
            own => own,
        };
        Some(self.prefix.with_outer(public?))
    }

    /// A reference relative to the document, where it leads elsewhere from the public path than from the upstream's
    /// (RFC 3986 5.2). One of the two is a folder deeper at the bare prefix: `docs/` is said at `/docs` and read at
    /// `/help`. And `..` may lead to the upstream's root, and here out of the prefix.
    fn relative_to_public(&self, value: &str) -> Option<String> {
        let segment = value.split(['/', '?', '#']).next().unwrap_or_default();
        // RFC 3986 4.2: a first segment with a colon is a scheme.
        if value.is_empty() || value.starts_with(['?', '#']) || segment.contains(':') {
            return None;
        }
        let target = self.own.map.to_upstream(self.public)?.ok()?;
        let public = self.path_to_public(&resolved(target.path(), value))?;
        let asked = self.prefix.with_outer(self.public.path().to_owned());
        let is_same = without_dot_segments(&public) == resolved(&asked, value);
        (!is_same).then_some(public)
    }

    /// `Refresh: 5; url=/x`, whose address is mapped; the HTML standard's "shared declarative refresh
    /// steps" are its grammar: a time, `;` or `,` or white space, then `url =`, then perhaps a quote.
    fn refresh_to_public(&self, value: &str) -> Option<String> {
        let time = value.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
        let after = time.trim_start();
        let after = match after.strip_prefix([';', ',']) {
            Some(after) => after.trim_start(),
            // White space alone separates too, but something has to.
            None if after.len() < time.len() => after,
            None => return None,
        };
        let mut address = after;
        if after
            .get(..3)
            .is_some_and(|word| word.eq_ignore_ascii_case("url"))
        {
            address = after[3..].trim_start().strip_prefix('=')?.trim_start();
        }
        let quote = address
            .chars()
            .next()
            .filter(|first| matches!(first, '"' | '\''));
        if let Some(quote) = quote {
            address = &address[1..];
            address = &address[..address.find(quote).unwrap_or(address.len())];
        }
        let start = address.as_ptr() as usize - value.as_ptr() as usize;
        let mapped = self.to_public(address)?;
        Some([&value[..start], &mapped, &value[start + address.len()..]].concat())
    }
}

fn map_field(headers: &mut HeaderMap, name: &HeaderName, map: impl Fn(&str) -> Option<String>) {
    if let header::Entry::Occupied(mut entry) = headers.entry(name) {
        for value in entry.iter_mut() {
            let mapped = map(&ascii(value.as_bytes()));
            if let Some(Ok(mapped)) = mapped.map(HeaderValue::try_from) {
                *value = mapped;
            }
        }
    }
}

/// The value as a browser reads it: what is not ASCII stands for its percent-encoding (URL standard, path
/// state).
fn ascii(value: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(value) {
        Ok(text) if text.is_ascii() => Cow::Borrowed(text),
        _ => {
            let encode = |byte: &u8| match byte.is_ascii() {
                true => char::from(*byte).to_string(),
                false => format!("%{byte:02X}"),
            };
            Cow::Owned(value.iter().map(encode).collect())
        }
    }
}

/// The value without the only white space of a URL parser's that a field can hold, besides blanks.
fn without_tabs(value: &str) -> Cow<'_, str> {
    if value.contains('\t') {
        Cow::Owned(value.replace('\t', ""))
    } else {
        Cow::Borrowed(value)
    }
}

/// A reference that begins with a segment, resolved at a path (RFC 3986 5.2.3, 5.2.4).
fn resolved(at: &str, reference: &str) -> String {
    let folder = at.rfind('/').map_or("/", |slash| &at[..=slash]);
    without_dot_segments(&[folder, reference].concat()).into_owned()
}

fn split_authority(rest: &str) -> (&str, &str) {
    rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()))
}

#[cfg(test)]
mod tests;
