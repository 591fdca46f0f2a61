//! Attributes that the cookies of an upstream get where they lack them (RFC 6265bis 4.1.2, 5.6; CHIPS).
//!
//! Added, and neither removed nor weakened: the application knows best which of its cookies are for pages
//! of other sites. To replace `SameSite=None` by `Lax` would break a sign-in that comes back from elsewhere; to read the
//! values, and write them in a common form, would change cookies that clients compare.

use http::header::{HeaderMap, HeaderValue, SET_COOKIE};

use crate::proxy::response::cookie::attribute;

/// Attributes that are added to the cookies of an upstream where they are missing.
///
/// With the feature `serde` it is a table of its setters' names: `{ secure = true, same_site = "lax" }`.
///
/// # Examples
///
/// ```
/// use same_origin::proxy::{CookieAttributes, ReverseProxy, SameSite};
///
/// # fn main() -> Result<(), same_origin::proxy::ProxyConfigErrors> {
/// // `Set-Cookie: sid=1` comes back as `Set-Cookie: sid=1; Secure; SameSite=Lax`.
/// let api = ReverseProxy::builder("/api", "http://127.0.0.1:3000")
///     .cookies(CookieAttributes::default().secure(true).same_site(SameSite::Lax))
///     .build()?;
/// # let _ = api;
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[must_use]
pub struct CookieAttributes {
    pub(crate) secure: bool,
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub(crate) same_site: Option<SameSite>,
    pub(crate) partitioned: bool,
}

/// The value of the attribute `SameSite`: with which requests of other sites' pages a cookie is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
#[non_exhaustive]
pub enum SameSite {
    /// With none of them.
    Strict,
    /// With the navigation of a user who follows a link.
    Lax,
    /// With all of them, where the browser still sends cookies of third parties. Needs `Secure`.
    None,
}

impl CookieAttributes {
    /// Whether `Secure` is added. Default: `false`.
    pub const fn secure(mut self, add: bool) -> Self {
        self.secure = add;
        self
    }

    /// `SameSite`, for cookies that have none of the three values: to browsers any other one is none. Default: none.
    pub fn same_site(mut self, value: impl Into<Option<SameSite>>) -> Self {
        self.same_site = value.into();
        self
    }

    /// Whether `Partitioned` is added: in a frame of another site the cookie is one for that site alone. Needs
    /// `Secure`. Default: `false`.
    pub const fn partitioned(mut self, add: bool) -> Self {
        self.partitioned = add;
        self
    }

    pub(crate) fn is_empty(self) -> bool {
        self == Self::default()
    }

    /// Adds the attributes to every `Set-Cookie` of a response.
    pub(crate) fn add_to_fields(self, headers: &mut HeaderMap) {
        if let http::header::Entry::Occupied(mut entry) = headers.entry(SET_COOKIE) {
            for value in entry.iter_mut() {
                let added = self.add_to(value.as_bytes());
                if let Some(Ok(added)) = added.map(HeaderValue::try_from) {
                    *value = added;
                }
            }
        }
    }

    /// One `Set-Cookie` with its attributes, or `None` if it lacks none.
    fn add_to(self, value: &[u8]) -> Option<Vec<u8>> {
        let has = |wanted| values(value, wanted).next().is_some();
        let mut added = String::new();
        if self.secure && !has("secure") {
            added.push_str("; Secure");
        }
        if let Some(same_site) = self.same_site.filter(|_| !says_same_site(value)) {
            added.push_str(same_site.text());
        }
        if self.partitioned && !has("partitioned") {
            added.push_str("; Partitioned");
        }
        (!added.is_empty()).then(|| {
            // `a=1;` would otherwise get an empty attribute, which is legal and ugly.
            let end = value.trim_ascii_end();
            let end = end.strip_suffix(b";").unwrap_or(end);
            [end, added.as_bytes()].concat()
        })
    }
}

/// The values of the attributes of a name, in their order; empty where there is none.
fn values<'a>(cookie: &'a [u8], wanted: &'a str) -> impl Iterator<Item = &'a [u8]> {
    let attributes = cookie.split(|byte| *byte == b';').skip(1).map(attribute);
    let named = attributes.filter(|(name, _)| name.eq_ignore_ascii_case(wanted.as_bytes()));
    named.map(|(_, value)| value.unwrap_or_default())
}

/// Whether a cookie says with which requests it is sent. RFC 6265bis 5.6.7 and 5.7: the last `SameSite` counts, and
/// one of another value is as if there were none.
fn says_same_site(cookie: &[u8]) -> bool {
    let known = [&b"strict"[..], b"lax", b"none"];
    values(cookie, "samesite")
        .last()
        .is_some_and(|last| known.iter().any(|known| last.eq_ignore_ascii_case(known)))
}

impl SameSite {
    const fn text(self) -> &'static str {
        match self {
            Self::Strict => "; SameSite=Strict",
            Self::Lax => "; SameSite=Lax",
            Self::None => "; SameSite=None",
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: CookieAttributes = CookieAttributes {
        secure: true,
        same_site: Some(SameSite::Lax),
        partitioned: true,
    };

    #[test]
    fn attributes_are_added_where_they_are_missing() {
        struct Case {
            name: &'static str,
            attributes: CookieAttributes,
            value: &'static str,
            added: Option<&'static str>,
        }
        let case = |name, attributes, value, added| Case {
            name,
            attributes,
            value,
            added,
        };
        let none = CookieAttributes::default();
        for Case {
            name,
            attributes,
            value,
            added,
        } in [
            case("nothing is wanted", none, "a=1", None),
            case(
                "a bare cookie",
                ALL,
                "a=1",
                Some("a=1; Secure; SameSite=Lax; Partitioned"),
            ),
            case(
                "one of them",
                none.secure(true),
                "a=1; Path=/",
                Some("a=1; Path=/; Secure"),
            ),
            case(
                "strict",
                none.same_site(SameSite::Strict),
                "a=1",
                Some("a=1; SameSite=Strict"),
            ),
            case(
                "all are there",
                ALL,
                "a=1;SECURE ; samesite=None; partitioned",
                None,
            ),
            case(
                "weaker than wanted stays",
                ALL,
                "a=1; SameSite=None; Secure",
                Some("a=1; SameSite=None; Secure; Partitioned"),
            ),
            case(
                "stronger than wanted stays",
                none.same_site(SameSite::None),
                "a=1; SameSite=Strict",
                None,
            ),
            case(
                "another value is none",
                ALL.partitioned(false),
                "a=1; Secure; SameSite=bogus",
                Some("a=1; Secure; SameSite=bogus; SameSite=Lax"),
            ),
            case(
                "an empty value is none",
                none.same_site(SameSite::Lax),
                "a=1; samesite=; Path=/",
                Some("a=1; samesite=; Path=/; SameSite=Lax"),
            ),
            case(
                "no value is none",
                none.same_site(SameSite::Lax),
                "a=1; SameSite",
                Some("a=1; SameSite; SameSite=Lax"),
            ),
            case(
                "the last one counts, and is none",
                none.same_site(SameSite::Lax),
                "a=1; SameSite=Strict; SameSite=x",
                Some("a=1; SameSite=Strict; SameSite=x; SameSite=Lax"),
            ),
            case(
                "the last one counts",
                none.same_site(SameSite::Lax),
                "a=1; SameSite=x; SAMESITE = NONE ",
                None,
            ),
            case(
                "a value that looks like one",
                none.secure(true),
                "secure=secure",
                Some("secure=secure; Secure"),
            ),
            case(
                "an attribute with a value",
                none.secure(true),
                "a=1; Secure=x",
                None,
            ),
            case(
                "a name with more",
                none.secure(true),
                "a=1; Secured",
                Some("a=1; Secured; Secure"),
            ),
            case(
                "a semicolon at the end",
                none.secure(true),
                "a=1; ",
                Some("a=1; Secure"),
            ),
            case("empty", none.secure(true), "", Some("; Secure")),
        ] {
            let found = attributes.add_to(value.as_bytes());
            assert_eq!(found.as_deref(), added.map(str::as_bytes), "{name}");
        }
    }

    #[test]
    fn every_line_gets_them_and_bytes_stay() {
        let mut headers = HeaderMap::new();
        for value in [&b"a=\xff"[..], b"b=2; Secure"] {
            headers.append(SET_COOKIE, HeaderValue::from_bytes(value).unwrap());
        }
        CookieAttributes::default()
            .secure(true)
            .add_to_fields(&mut headers);
        let lines: Vec<_> = headers.get_all(SET_COOKIE).iter().collect();
        assert_eq!(lines, [&b"a=\xff; Secure"[..], b"b=2; Secure"]);
    }

    proptest! {
        #[test]
        fn what_is_there_is_kept_and_nothing_is_added_twice(value in "[ -~]{0,40}") {
            let kept = value.trim_ascii_end().trim_end_matches(';');
            let once = ALL.add_to(value.as_bytes()).unwrap_or_else(|| value.clone().into_bytes());
            prop_assert!(once.starts_with(kept.as_bytes()));
            prop_assert_eq!(ALL.add_to(&once), None);
        }
    }
}
