//! The referrer of a request, and the policies that say how much of it is told.

use http::HeaderMap;
use http::header::REFERRER_POLICY;
use url::Url;

use super::client::Client;
use super::initiator::Initiator;
use crate::browser::engine::{Engine, Quirk};
use crate::browser::site::potentially_trustworthy;
use crate::browser::values;
use crate::fields::elements;

/// Referrer Policy #determine-requests-referrer step 6: a longer address is cut to its origin.
const MAX_LENGTH: usize = 4096;

/// The referrer policy: how much of the page's address a request tells, in `Referer` and, for some
/// requests, in `Origin`.
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

impl ReferrerPolicy {
    /// Referrer Policy #parse-referrer-policy-from-header: the last word that is known.
    pub(crate) fn from_headers(headers: &HeaderMap, engine: Engine) -> Option<Self> {
        let words = match engine.has(Quirk::WordsOneByOne) {
            false => values::tokens(headers, &REFERRER_POLICY).ok()??,
            true => elements(headers, &REFERRER_POLICY)
                .map(values::isomorphic)
                .collect(),
        };
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

    /// Referrer Policy #determine-requests-referrer: what a request to `url` tells of `referrer`.
    pub(crate) fn determine(self, referrer: &Url, url: &Url, engine: Engine) -> Option<Url> {
        // Chromium and WebKit tell of http and https pages only; the standard leaves out but `data:`,
        // `blob:` and `about:`.
        if !matches!(referrer.scheme(), "http" | "https") {
            return None;
        }
        let same_origin = referrer.origin() == url.origin();
        let downgrade = match engine.has(Quirk::DowngradeByScheme) {
            false => potentially_trustworthy(referrer) && !potentially_trustworthy(url),
            true => referrer.scheme() == "https" && url.scheme() != "https",
        };
        let origin = || {
            let mut origin = stripped(referrer);
            origin.set_path("");
            origin.set_query(None);
            Some(origin)
        };
        let full = || match stripped(referrer) {
            long if long.as_str().len() > MAX_LENGTH => origin(),
            url => Some(url),
        };
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

/// Referrer Policy #determine-requests-referrer: the page, before a policy is asked. `None` for a document of opaque
/// origin, and for a WebSocket (WebSockets #concept-websocket-establish).
pub(crate) fn of_page(client: &Client, initiator: Initiator, engine: Engine) -> Option<Url> {
    use Initiator as I;
    let is_named = match initiator {
        I::Socket => false,
        _ if !client.origin.is_opaque() => true,
        _ if !engine.has(Quirk::SandboxTellsReferrer) => false,
        I::Image | I::Script | I::Stylesheet | I::Beacon | I::Frame => true,
        I::Font | I::Xhr => engine == Engine::WebKit,
        I::Fetch | I::Window => false,
    };
    client.address.clone().filter(|_| is_named)
}

/// Referrer Policy #strip-url.
fn stripped(page: &Url) -> Url {
    let mut url = page.clone();
    url.set_fragment(None);
    // Neither can fail on a URL that has a host.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url
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
            let sent = [own, foreign, plain].map(|url| {
                let url = Url::parse(url).unwrap();
                policy.determine(&page, &url, Engine::Standard)
            });
            assert_eq!(
                sent.each_ref().map(|url| url.as_ref().map(Url::as_str)),
                expected,
                "{policy:?}"
            );
        }
    }

    #[test]
    fn browsers_know_a_downgrade_by_the_schemes() {
        const CASES: [(&str, &str, bool, bool); 4] = [
            ("http://app.localhost/", "http://api.test/", false, true),
            ("https://app.test/", "http://app.localhost/", true, false),
            ("https://app.test/", "http://api.test/", false, false),
            ("http://app.test/", "http://api.test/", true, true),
        ];
        for (page, url, standard, browsers) in CASES {
            let (page, url) = (Url::parse(page).unwrap(), Url::parse(url).unwrap());
            let tells = |engine| {
                let told = ReferrerPolicy::StrictOrigin.determine(&page, &url, engine);
                told.is_some()
            };
            assert_eq!(tells(Engine::Standard), standard, "{page} {url}");
            assert_eq!(tells(Engine::Chromium), browsers, "{page} {url}");
            assert_eq!(tells(Engine::Firefox), browsers, "{page} {url}");
            assert_eq!(tells(Engine::WebKit), browsers, "{page} {url}");
        }
    }

    #[test]
    fn the_last_known_policy_counts() {
        use ReferrerPolicy::{NoReferrer, Origin};
        type Case<'a> = (
            &'a [&'a str],
            Option<ReferrerPolicy>,
            Option<ReferrerPolicy>,
        );
        /// The lines, what they say by the standard, and what they say to browsers.
        const CASES: &[Case<'_>] = &[
            (&[], None, None),
            (&["new"], None, None),
            (
                &["origin, no-referrer, new"],
                Some(NoReferrer),
                Some(NoReferrer),
            ),
            (&["No-Referrer, "], Some(NoReferrer), Some(NoReferrer)),
            (
                &["origin", "no-referrer"],
                Some(NoReferrer),
                Some(NoReferrer),
            ),
            (&["no-referrer, @"], None, Some(NoReferrer)),
            (&["no-referrer", "a b"], None, Some(NoReferrer)),
            (&["origin, no-referrer x"], None, Some(Origin)),
            (&["no-referrer;"], None, None),
            (&["\"no-referrer\""], None, None),
        ];
        for (lines, standard, browsers) in CASES {
            let line = |value: &&str| (REFERRER_POLICY, value.parse().unwrap());
            let headers: HeaderMap = lines.iter().map(line).collect();
            for (engine, expected) in [
                (Engine::Standard, standard),
                (Engine::Chromium, browsers),
                (Engine::Firefox, browsers),
                (Engine::WebKit, browsers),
            ] {
                let policy = ReferrerPolicy::from_headers(&headers, engine);
                assert_eq!(policy, *expected, "{lines:?} {engine:?}");
            }
        }
    }

    #[test]
    fn a_long_address_is_cut_to_the_origin() {
        let told = |length: usize| {
            let page = format!("https://app.test/{}", "a".repeat(length - 17));
            let page = Url::parse(&page).unwrap();
            let told = ReferrerPolicy::UnsafeUrl
                .determine(&page, &page, Engine::Standard)
                .unwrap();
            told.as_str().len()
        };
        assert_eq!(told(4096), 4096);
        assert_eq!(told(4097), "https://app.test/".len());
    }

    #[test]
    fn pages_of_applications_are_not_told() {
        for page in [
            "tauri://localhost/x",
            "chrome-extension://abc/x",
            "about:blank",
        ] {
            let page = Url::parse(page).unwrap();
            let url = Url::parse("https://api.test/").unwrap();
            let told = ReferrerPolicy::UnsafeUrl.determine(&page, &url, Engine::Standard);
            assert_eq!(told, None);
        }
    }
}
