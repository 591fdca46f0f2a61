//! What `fetch()` can be told, in the words of its `RequestInit`.

use http::HeaderMap;
use http::header::REFERRER_POLICY;
use url::Url;

use crate::browser::site::potentially_trustworthy;
use crate::browser::values;

/// Whether cookies go with a request, and `Set-Cookie` is obeyed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Credentials {
    /// Never.
    Omit,
    /// Only as long as the page's own origin is asked: what `fetch()` does if not told otherwise.
    #[default]
    SameOrigin,
    /// Always; the server has to send `Access-Control-Allow-Credentials: true`.
    Include,
}

/// What a page wants of another origin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Mode {
    /// To read the response, which the server has to allow: what `fetch()` does.
    #[default]
    Cors,
    /// To send the request only; the response is opaque. What an `<img>` does.
    NoCors,
    /// Nothing: going to another origin is an error.
    SameOrigin,
}

/// What to do about a redirect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Redirect {
    /// Follow it, up to twenty times.
    #[default]
    Follow,
    /// Fail.
    Error,
    /// Hand out an opaque response that says nothing but that there was one.
    Manual,
}

/// How much of the page's address a request tells, in `Referer` and, for some requests, in `Origin`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReferrerPolicy {
    /// Nothing.
    NoReferrer,
    /// All, except from https to http.
    NoReferrerWhenDowngrade,
    /// All within the origin, nothing outside of it.
    SameOrigin,
    /// The origin.
    Origin,
    /// The origin, except from https to http.
    StrictOrigin,
    /// All within the origin, the origin elsewhere.
    OriginWhenCrossOrigin,
    /// All within the origin, the origin elsewhere, except from https to http: the default.
    #[default]
    StrictOriginWhenCrossOrigin,
    /// All.
    UnsafeUrl,
}

impl Credentials {
    /// The word that script uses: `omit`, `same-origin` or `include`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Omit => "omit",
            Self::SameOrigin => "same-origin",
            Self::Include => "include",
        }
    }
}

impl Mode {
    /// The word that script uses: `cors`, `no-cors` or `same-origin`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cors => "cors",
            Self::NoCors => "no-cors",
            Self::SameOrigin => "same-origin",
        }
    }
}

impl Redirect {
    /// The word that script uses: `follow`, `error` or `manual`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Follow => "follow",
            Self::Error => "error",
            Self::Manual => "manual",
        }
    }
}

impl ReferrerPolicy {
    /// Referrer Policy #parse-referrer-policy-from-header: the last word that is known.
    pub(crate) fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let words = values::tokens(headers, &REFERRER_POLICY).ok()??;
        words.iter().rev().find_map(|word| Self::from_name(word))
    }

    fn from_name(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "no-referrer" => Self::NoReferrer,
            "no-referrer-when-downgrade" => Self::NoReferrerWhenDowngrade,
            "same-origin" => Self::SameOrigin,
            "origin" => Self::Origin,
            "strict-origin" => Self::StrictOrigin,
            "origin-when-cross-origin" => Self::OriginWhenCrossOrigin,
            "strict-origin-when-cross-origin" => Self::StrictOriginWhenCrossOrigin,
            "unsafe-url" => Self::UnsafeUrl,
            _ => return None,
        })
    }

    /// Referrer Policy #determine-requests-referrer: the `Referer` that `page` sends to `url`.
    pub(crate) fn referer(self, page: &Url, url: &Url) -> Option<String> {
        let same_origin = page.origin() == url.origin();
        let downgrade = potentially_trustworthy(page) && !potentially_trustworthy(url);
        let full = || Some(stripped(page));
        let origin = || Some(format!("{}/", page.origin().ascii_serialization()));
        match self {
            Self::NoReferrer => None,
            Self::NoReferrerWhenDowngrade if downgrade => None,
            Self::NoReferrerWhenDowngrade | Self::UnsafeUrl => full(),
            Self::SameOrigin => full().filter(|_| same_origin),
            Self::Origin => origin(),
            Self::StrictOrigin => origin().filter(|_| !downgrade),
            Self::OriginWhenCrossOrigin | Self::StrictOriginWhenCrossOrigin if same_origin => {
                full()
            }
            Self::OriginWhenCrossOrigin => origin(),
            Self::StrictOriginWhenCrossOrigin => origin().filter(|_| !downgrade),
        }
    }
}

/// Referrer Policy #strip-url.
fn stripped(page: &Url) -> String {
    let mut url = page.clone();
    url.set_fragment(None);
    // Neither can fail on a URL that has a host.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn referers() {
        use ReferrerPolicy as P;
        let page = Url::parse("https://app.test/a/b?c#d").unwrap();
        let (own, foreign, plain) = (
            "https://app.test/x",
            "https://api.test/x",
            "http://api.test/x",
        );
        let full = Some("https://app.test/a/b?c");
        let origin = Some("https://app.test/");
        let cases = [
            (P::NoReferrer, [None, None, None]),
            (P::NoReferrerWhenDowngrade, [full, full, None]),
            (P::SameOrigin, [full, None, None]),
            (P::Origin, [origin, origin, origin]),
            (P::StrictOrigin, [origin, origin, None]),
            (P::OriginWhenCrossOrigin, [full, origin, origin]),
            (P::StrictOriginWhenCrossOrigin, [full, origin, None]),
            (P::UnsafeUrl, [full, full, full]),
        ];
        for (policy, expected) in cases {
            let sent =
                [own, foreign, plain].map(|url| policy.referer(&page, &Url::parse(url).unwrap()));
            assert_eq!(
                sent.each_ref().map(Option::as_deref),
                expected,
                "{policy:?}"
            );
        }
    }

    #[test]
    fn the_last_known_policy_counts() {
        let headers =
            |value: &'static str| HeaderMap::from_iter([(REFERRER_POLICY, value.parse().unwrap())]);
        assert_eq!(
            ReferrerPolicy::from_headers(&headers("origin, no-referrer, new")),
            Some(ReferrerPolicy::NoReferrer)
        );
        assert_eq!(ReferrerPolicy::from_headers(&headers("new")), None);
        assert_eq!(ReferrerPolicy::from_headers(&HeaderMap::new()), None);
    }
}
