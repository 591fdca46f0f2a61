//! Fields that the settings of a proxy remove and set.

use std::sync::Arc;

use http::Response;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use crate::fields;
use crate::proxy::wire::scan::is_alike;

/// Fields to remove, and fields to set after that; checked by the builder.
#[derive(Clone, Debug, Default)]
pub(crate) struct FieldEdits {
    remove: Arc<[HeaderName]>,
    set: Box<[(HeaderName, HeaderValue)]>,
    /// Whether one of [`FOR_CACHES`] is removed.
    hides_directives: bool,
}

/// Fields whose directives say what may be done with a response on its way (RFC 9111 5.2, RFC 9213).
static FOR_CACHES: [HeaderName; 2] = [
    header::CACHE_CONTROL,
    HeaderName::from_static("cdn-cache-control"),
];

/// Marks a response that its upstream has forbidden to transform (RFC 9111 5.2.2.6), where a setting has removed the
/// field that said so. What lies outside of the proxy cannot read it any more, and is bound by it (RFC 9110 7.7).
#[doc(hidden)]
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct _NoTransform;

impl FieldEdits {
    /// A field that is set replaces what is there, so it counts as removed too, in trailers above all. Of
    /// `Vary` nothing is taken away: what a response depends on is not less for what is added.
    pub(crate) fn new(mut remove: Vec<HeaderName>, set: Vec<(HeaderName, HeaderValue)>) -> Self {
        let replaced = set.iter().map(|(name, _)| name);
        remove.extend(replaced.filter(|name| **name != header::VARY).cloned());
        Self {
            hides_directives: remove.iter().any(|name| FOR_CACHES.contains(name)),
            remove: remove.into(),
            set: set.into(),
        }
    }

    /// The fields that do not pass.
    pub(crate) fn removed(&self) -> &Arc<[HeaderName]> {
        &self.remove
    }

    /// The number of fields that may be added.
    pub(crate) fn len(&self) -> usize {
        self.set.len()
    }

    /// Edits a request. Spellings of what is removed that servers of the CGI kind cannot tell from it go too:
    /// `X_Tenant` of a client would be read in the place of the proxy's own `X-Tenant`, or beside it.
    pub(crate) fn apply_to_request(&self, headers: &mut HeaderMap) {
        remove_alike(headers, &self.remove);
        self.set(headers);
    }

    /// Edits the head of a response, and marks it if that takes away a word on transformations.
    pub(crate) fn apply_to_response<B>(&self, response: &mut Response<B>) {
        let is_hidden = self.hides_directives && _forbids_transforms(response.headers());
        self.apply(response.headers_mut());
        if is_hidden {
            response.extensions_mut().insert(_NoTransform);
        }
    }

    pub(crate) fn apply(&self, headers: &mut HeaderMap) {
        for name in self.remove.iter() {
            headers.remove(name);
        }
        self.set(headers);
    }

    fn set(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.set {
            if *name == header::VARY {
                merge(headers, value);
            } else {
                let _full = headers.try_insert(name, value.clone());
            }
        }
    }
}

/// Whether a message must not be transformed on its way (RFC 9111 5.2.1.6, 5.2.2.6). For the gateway, too, and not part
/// of the API.
///
/// Only the name of the directive counts: an argument is not defined for it, and is ignored (5.2). A comma in a quoted
/// string ends a directive here, too: what is then taken for `no-transform` is left as it is, which is always right.
#[doc(hidden)]
#[must_use]
pub fn _forbids_transforms(headers: &HeaderMap) -> bool {
    let lines = FOR_CACHES.iter().flat_map(|name| headers.get_all(name));
    let mut directives = lines.flat_map(fields::split);
    directives.any(|directive| {
        let end = directive.iter().position(|byte| b"=; \t".contains(byte));
        directive[..end.unwrap_or(directive.len())].eq_ignore_ascii_case(b"no-transform")
    })
}

/// Removes fields by their names, and by those that servers of the CGI kind cannot tell from them.
pub(crate) fn remove_alike(headers: &mut HeaderMap, names: &[HeaderName]) {
    if names.is_empty() {
        return;
    }
    let is_one = |name: &&HeaderName| {
        let mut names = names.iter();
        names.any(|one| is_alike(name.as_str(), one.as_str()))
    };
    let found: Vec<_> = headers.keys().filter(is_one).cloned().collect();
    for name in found {
        headers.remove(name);
    }
}

/// Adds to `Vary` what it does not say yet.
fn merge(headers: &mut HeaderMap, value: &HeaderValue) {
    for token in fields::split(value).filter(|token| !token.is_empty()) {
        if let Ok(token) = HeaderValue::from_bytes(token) {
            fields::add_token(headers, header::VARY, token);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::headers as map;

    #[test]
    fn a_client_does_not_spell_its_way_round_an_edit() {
        let edits = FieldEdits::new(
            vec![HeaderName::from_static("x-internal-user")],
            vec![(
                HeaderName::from_static("x_tenant"),
                HeaderValue::from_static("a"),
            )],
        );
        let mut headers = map(&[
            ("x-tenant", "evil"),
            ("x_tenant", "evil"),
            ("x_internal-user", "root"),
            ("x-internal_user", "root"),
            ("x-internal-users", "b"),
        ]);
        edits.apply_to_request(&mut headers);
        assert_eq!(
            headers,
            map(&[("x-internal-users", "b"), ("x_tenant", "a")])
        );
    }

    #[test]
    fn a_word_on_transformations_is_kept_where_its_field_goes() {
        let edits = |removed: &'static str| {
            FieldEdits::new(vec![HeaderName::from_static(removed)], Vec::new())
        };
        for (removed, field, value, is_marked) in [
            (
                "cdn-cache-control",
                "cdn-cache-control",
                "max-age=9, no-transform",
                true,
            ),
            ("cache-control", "cache-control", "No-Transform=1", true),
            ("cache-control", "cache-control", "no-transformer", false),
            ("cdn-cache-control", "cdn-cache-control", "max-age=9", false),
            // Who asks reads it there.
            ("server", "cache-control", "no-transform", false),
        ] {
            let mut response = Response::new(());
            *response.headers_mut() = map(&[(field, value)]);
            edits(removed).apply_to_response(&mut response);
            let mark = response.extensions().get::<_NoTransform>();
            assert_eq!(mark.is_some(), is_marked, "{removed} {value}");
            assert_eq!(response.headers().contains_key(field), removed != field);
        }
    }

    #[test]
    fn no_transform_is_read_in_whatever_company() {
        for (lines, may) in [
            (&[][..], true),
            (&["public"][..], true),
            (&["no-transform"], false),
            (&["public, No-Transform"], false),
            (&["public", "max-age=1 ,no-transform"], false),
            (&["no-transform, x=\"\u{e9}\""], false),
            (&["x=\u{e9},no-transform"], false),
            (&["no-transform=\"x\""], false),
            (&["no-transform=1"], false),
            (&["no-transform ;a"], false),
            (&["no-transform;a"], false),
            (&["no-transformer"], true),
            (&["x-no-transform"], true),
            (&["x=no-transform"], true),
        ] {
            let mut headers = HeaderMap::new();
            for line in lines {
                let line = HeaderValue::from_bytes(line.as_bytes()).unwrap();
                headers.append(header::CACHE_CONTROL, line);
            }
            assert_eq!(_forbids_transforms(&headers), !may, "{lines:?}");
        }
        let mut headers = HeaderMap::new();
        headers.insert(
            "cdn-cache-control",
            HeaderValue::from_static("max-age=9, no-transform"),
        );
        assert!(_forbids_transforms(&headers));
    }

    #[test]
    fn fields_go_are_replaced_and_added() {
        let edits = FieldEdits::new(
            vec![header::SERVER],
            vec![
                (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
                (header::VARY, HeaderValue::from_static("cookie, Accept")),
            ],
        );
        let mut headers = map(&[
            ("server", "x"),
            ("server", "y"),
            ("cache-control", "public"),
            ("cache-control", "max-age=1"),
            ("vary", "accept"),
            ("x-a", "1"),
        ]);
        edits.apply(&mut headers);
        let want = map(&[
            ("cache-control", "no-store"),
            ("vary", "accept"),
            ("vary", "cookie"),
            ("x-a", "1"),
        ]);
        assert_eq!(headers, want);
        let removed: Vec<_> = edits.removed().iter().collect();
        assert_eq!(removed, [&header::SERVER, &header::CACHE_CONTROL]);
    }
}
