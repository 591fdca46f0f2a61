//! The browser's HTTP cache, as far as CORS can go wrong with it: fresh answers to GET, by `Vary`.
//!
//! Left out of RFC 9111 are heuristic freshness, `Expires`, validation and ranges: such requests go to the server
//! again, which is always allowed.

use std::time::Duration;

use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE,
    PRAGMA, RANGE, VARY,
};
use http::{HeaderMap, HeaderName, Method, StatusCode};
use url::Url;

use super::lifetime::{directives, lifetime};
use crate::browser::engine::{Engine, Quirk};
use crate::browser::values;
use crate::fields::elements;

/// Stored responses. Times are of the browser's own clock.
#[derive(Clone, Debug, Default)]
pub(crate) struct HttpCache {
    entries: Vec<Stored>,
}

/// A request as the cache sees it.
#[derive(Clone, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) engine: Engine,
    pub(crate) partition: String,
    pub(crate) url: &'a Url,
    pub(crate) method: &'a Method,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) credentials: bool,
    pub(crate) now: Duration,
}

/// A response that may be used again.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    partition: String,
    url: Url,
    credentials: bool,
    /// The request's fields that `Vary` names, as they were.
    selecting: Vec<(HeaderName, Option<Vec<u8>>)>,
    expires: Duration,
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl HttpCache {
    /// RFC 9111 4: a fresh response whose `Vary` agrees with this request, of several the latest.
    pub(crate) fn select(&self, asked: &Asked<'_>) -> Option<&Stored> {
        if asked.method != Method::GET || bypasses(asked.headers) {
            return None;
        }
        let agrees = |(name, value): &(HeaderName, Option<Vec<u8>>)| {
            values::joined(asked.headers, name) == *value
        };
        let usable = |entry: &&Stored| {
            entry.is_for(asked) && asked.now < entry.expires && entry.selecting.iter().all(agrees)
        };
        self.entries.iter().rev().find(usable)
    }

    /// RFC 9111 3.
    pub(crate) fn store(
        &mut self,
        asked: &Asked<'_>,
        status: StatusCode,
        response: &HeaderMap,
        body: &Bytes,
    ) {
        self.entries.retain(|entry| asked.now < entry.expires);
        if !asked.method.is_safe() && (status.is_success() || status.is_redirection()) {
            // RFC 9111 4.4.
            self.entries.retain(|entry| !entry.is_for(asked));
        }
        let varied: Option<Vec<_>> = elements(response, &VARY)
            .map(|name| HeaderName::from_bytes(name).ok())
            .collect();
        let lifetime = lifetime(asked.engine, status, response);
        let (Some(varied), Some(lifetime)) = (varied, lifetime) else {
            return; // without a lifetime, or with a `Vary` that is not a list of names
        };
        let any = varied.iter().any(|name| name == "*");
        if any
            || asked.method != Method::GET
            || status == StatusCode::PARTIAL_CONTENT
            || bypasses(asked.headers)
        {
            return;
        }
        let value = |name: HeaderName| (name.clone(), values::joined(asked.headers, name));
        let selecting: Vec<_> = varied.into_iter().map(value).collect();
        self.entries
            .retain(|entry| !(entry.is_for(asked) && entry.selecting == selecting));
        self.entries.push(Stored {
            partition: asked.partition.clone(),
            url: without_fragment(asked.url),
            credentials: asked.credentials,
            selecting,
            expires: asked.now.saturating_add(lifetime),
            status,
            headers: response.clone(),
            body: body.clone(),
        });
    }
}

impl Stored {
    fn is_for(&self, asked: &Asked<'_>) -> bool {
        let apart =
            asked.engine.has(Quirk::CachesByCredentials) && self.credentials != asked.credentials;
        self.partition == asked.partition && self.url == without_fragment(asked.url) && !apart
    }
}

fn without_fragment(url: &Url) -> Url {
    let mut url = url.clone();
    url.set_fragment(None);
    url
}

/// Fetch #http-network-or-cache-fetch step 8.17: script validates on its own.
pub(crate) fn is_conditional(request: &HeaderMap) -> bool {
    [
        IF_MODIFIED_SINCE,
        IF_NONE_MATCH,
        IF_UNMODIFIED_SINCE,
        IF_MATCH,
        IF_RANGE,
    ]
    .iter()
    .any(|name| request.contains_key(name))
}

/// Requests that the cache neither answers nor remembers.
fn bypasses(request: &HeaderMap) -> bool {
    is_conditional(request)
        || request.contains_key(RANGE)
        || directives(request, &CACHE_CONTROL)
            .iter()
            .any(|item| matches!(&**item, "no-cache" | "no-store" | "max-age=0"))
        // RFC 9111 5.4 has it for old caches only; browsers heed it still.
        || !request.contains_key(CACHE_CONTROL)
            && elements(request, &PRAGMA).any(|item| item.eq_ignore_ascii_case(b"no-cache"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::headers;

    const SITE: &str = "https://app.test";

    fn stored(request: &[(&'static str, &str)], response: &[(&'static str, &str)]) -> HttpCache {
        let mut cache = HttpCache::default();
        store(&mut cache, &Method::GET, request, StatusCode::OK, response);
        cache
    }

    fn store(
        cache: &mut HttpCache,
        method: &Method,
        request: &[(&'static str, &str)],
        status: StatusCode,
        response: &[(&'static str, &str)],
    ) {
        let url = Url::parse("https://api.test/x#a").unwrap();
        let (headers_, now) = (&headers(request), Duration::ZERO);
        let asked = Asked {
            engine: Engine::Standard,
            credentials: false,
            partition: SITE.into(),
            url: &url,
            method,
            headers: headers_,
            now,
        };
        cache.store(&asked, status, &headers(response), &Bytes::new());
    }

    fn hit(cache: &HttpCache, request: &[(&'static str, &str)], seconds: u64) -> bool {
        hit_by(cache, SITE, &Method::GET, request, seconds)
    }

    fn hit_by(
        cache: &HttpCache,
        partition: &str,
        method: &Method,
        request: &[(&'static str, &str)],
        seconds: u64,
    ) -> bool {
        let url = Url::parse("https://api.test/x#b").unwrap();
        let (headers, now) = (&headers(request), Duration::from_secs(seconds));
        cache
            .select(&Asked {
                engine: Engine::Standard,
                credentials: false,
                partition: partition.into(),
                url: &url,
                method,
                headers,
                now,
            })
            .is_some()
    }

    #[test]
    fn only_what_says_how_long_is_kept_and_no_longer() {
        assert!(hit(
            &stored(&[], &[("cache-control", "public, Max-Age=60")]),
            &[],
            59
        ));
        assert!(!hit(
            &stored(&[], &[("cache-control", "max-age=60")]),
            &[],
            60
        ));
        assert!(!hit(
            &stored(&[], &[("cache-control", "max-age=60"), ("age", "50")]),
            &[],
            10
        ));
        for no in [
            "no-store, max-age=60",
            "max-age=60, no-cache",
            "max-age=0",
            "public",
            "max-age=x",
            "max-age=0, max-age=60",
            "max-age=x, max-age=60",
            "x=\"a, max-age=60\"",
            "x=\"\\\", max-age=60\"",
        ] {
            assert!(!hit(&stored(&[], &[("cache-control", no)]), &[], 0), "{no}");
        }
        for yes in [
            "max-age=60, max-age=0",
            "max-age=\"60\"",
            "x=\"no-store, \", max-age=60",
        ] {
            assert!(
                hit(&stored(&[], &[("cache-control", yes)]), &[], 0),
                "{yes}"
            );
        }
        assert!(!hit(&stored(&[], &[]), &[], 0));
    }

    #[test]
    fn the_first_of_several_lines_counts() {
        let control = |value| ("cache-control", value);
        let (long, short) = (control("max-age=60"), control("max-age=0"));
        assert!(hit(&stored(&[], &[long, short]), &[], 0));
        assert!(!hit(&stored(&[], &[short, long]), &[], 0));
        let quoted = [control("x=\"a"), long, control("b\"")];
        assert!(!hit(&stored(&[], &quoted), &[], 0));
        for (lines, is_fresh) in [
            (&["100", "10"][..], false),
            (&["100, 10"], false),
            (&["10", "100"], true),
            (&["10, 100"], true),
            (&["x", "100"], true),
        ] {
            let ages = lines.iter().map(|line| ("age", *line));
            let response: Vec<_> = [long].into_iter().chain(ages).collect();
            assert_eq!(hit(&stored(&[], &response), &[], 0), is_fresh, "{lines:?}");
        }
    }

    #[test]
    fn vary_parts_answers() {
        let response = [
            ("cache-control", "max-age=60"),
            ("vary", "Accept-Encoding, Origin"),
        ];
        let cache = stored(&[("origin", "https://a.app.test")], &response);
        assert!(hit(&cache, &[("origin", "https://a.app.test")], 0));
        assert!(!hit(&cache, &[("origin", "https://b.app.test")], 0));
        assert!(!hit(&cache, &[], 0));
        assert!(!hit(
            &stored(&[], &[("cache-control", "max-age=60"), ("vary", "*")]),
            &[],
            0
        ));
    }

    #[test]
    fn some_requests_pass_it_by() {
        let fresh = [("cache-control", "max-age=60")];
        for by in [
            ("if-none-match", "x"),
            ("range", "bytes=0-"),
            ("cache-control", "no-cache"),
            ("pragma", "No-Cache"),
        ] {
            assert!(!hit(&stored(&[], &fresh), &[by], 0), "{by:?}");
            assert!(!hit(&stored(&[by], &fresh), &[], 0), "{by:?}");
        }
        let cache = stored(&[], &fresh);
        assert!(!hit_by(&cache, "https://other.test", &Method::GET, &[], 0));
        assert!(!hit_by(&cache, SITE, &Method::HEAD, &[], 0));
    }

    #[test]
    fn a_part_is_not_the_whole() {
        let mut cache = HttpCache::default();
        let fresh = [("cache-control", "max-age=60")];
        store(
            &mut cache,
            &Method::GET,
            &[],
            StatusCode::PARTIAL_CONTENT,
            &fresh,
        );
        assert!(!hit(&cache, &[], 0));
    }

    #[test]
    fn writing_voids() {
        let mut cache = stored(&[], &[("cache-control", "max-age=60")]);
        store(&mut cache, &Method::PUT, &[], StatusCode::FORBIDDEN, &[]);
        assert!(hit(&cache, &[], 1));
        store(&mut cache, &Method::PUT, &[], StatusCode::NO_CONTENT, &[]);
        assert!(!hit(&cache, &[], 1));
    }
}
