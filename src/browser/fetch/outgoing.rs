//! The headers that a browser itself puts on a request: `Origin`, `Referer`, Fetch Metadata, length.

use http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_LENGTH, HOST, ORIGIN, PRAGMA, RANGE, REFERER,
    USER_AGENT,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use url::{Position, Url};

use crate::browser::engine::Engine;
use crate::browser::fetch::options::{Mode, ReferrerPolicy};
use crate::browser::fetch::state::{State, Tainting};
use crate::browser::outcome::error::Initiator;
use crate::browser::site::{potentially_trustworthy, same_site};

const BROWSER: HeaderValue = HeaderValue::from_static("Mozilla/5.0 (same-origin; simulated)");

/// Fetch #http-network-or-cache-fetch step 8, up to the cookies, which the caller adds.
pub(crate) fn headers(state: &State, body_length: Option<usize>) -> HeaderMap {
    let mut headers = state.headers.clone();
    let mut add = |name: HeaderName, value: String| {
        // All of them are made of URLs, numbers and fixed words.
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    };
    match body_length {
        Some(length) => add(CONTENT_LENGTH, length.to_string()),
        None if matches!(state.method, Method::POST | Method::PUT) => {
            add(CONTENT_LENGTH, "0".into())
        }
        None => {}
    }
    if let Some(referer) = state
        .referrer
        .as_ref()
        .and_then(|page| state.referrer_policy.referer(page, state.url()))
    {
        add(REFERER, referer);
    }
    if let Some(origin) = origin(state) {
        add(ORIGIN, origin);
    }
    for (name, value) in metadata(state) {
        add(HeaderName::from_static(name), value.into());
    }
    add(
        HOST,
        state.url()[Position::BeforeHost..Position::AfterPort].into(),
    );
    headers.entry(USER_AGENT).or_insert(BROWSER);
    if headers.contains_key(RANGE) {
        // A part of a compressed response could not be decoded.
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    }
    if crate::browser::cache::responses::is_conditional(&headers) {
        // Script validates on its own: the cache stays out of it and says so to those behind.
        let said = match state.engine {
            Engine::Standard => &[(PRAGMA, "no-cache"), (CACHE_CONTROL, "no-cache")][..],
            Engine::Chromium => &[(CACHE_CONTROL, "max-age=0")],
        };
        for (name, value) in said {
            headers
                .entry(name)
                .or_insert(HeaderValue::from_static(value));
        }
    }
    headers
}

/// Fetch #append-a-request-origin-header.
fn origin(state: &State) -> Option<String> {
    if state.tainting == Tainting::Cors {
        return Some(state.serialized_origin());
    }
    if matches!(state.method, Method::GET | Method::HEAD) {
        return None;
    }
    // Who opted in to CORS has agreed to tell its origin; for the others the policy decides.
    let hidden = state.engine == Engine::Standard
        && state.mode != Mode::Cors
        && match state.referrer_policy {
            ReferrerPolicy::NoReferrer => true,
            ReferrerPolicy::NoReferrerWhenDowngrade
            | ReferrerPolicy::StrictOrigin
            | ReferrerPolicy::StrictOriginWhenCrossOrigin => is_downgrade(state),
            ReferrerPolicy::SameOrigin => !state.is_same_origin(),
            ReferrerPolicy::Origin
            | ReferrerPolicy::OriginWhenCrossOrigin
            | ReferrerPolicy::UnsafeUrl => false,
        };
    Some(if hidden {
        "null".into()
    } else {
        state.serialized_origin()
    })
}

fn is_downgrade(state: &State) -> bool {
    state.origin.ascii_serialization().starts_with("https:") && state.url().scheme() != "https"
}

/// Fetch Metadata: the `Sec-Fetch-*` of a request to a trustworthy URL.
fn metadata(state: &State) -> Vec<(&'static str, &'static str)> {
    if !potentially_trustworthy(state.url()) {
        return Vec::new();
    }
    let destination = match state.initiator {
        Initiator::Fetch | Initiator::Xhr => "empty",
        Initiator::Image => "image",
    };
    let mode = state.mode.as_str();
    vec![
        ("sec-fetch-dest", destination),
        ("sec-fetch-mode", mode),
        ("sec-fetch-site", site(state)),
    ]
}

/// Fetch Metadata #sec-fetch-site-header: the farthest that any URL of the chain was from the page.
fn site(state: &State) -> &'static str {
    let farthest = |url: &Url| {
        let origin = url.origin();
        (origin != state.origin, !same_site(&origin, &state.origin))
    };
    match state
        .urls
        .iter()
        .map(farthest)
        .fold((false, false), |a, b| (a.0 || b.0, a.1 || b.1))
    {
        (_, true) => "cross-site",
        (true, false) => "same-site",
        (false, false) => "same-origin",
    }
}
