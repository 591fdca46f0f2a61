//! The headers that a browser itself puts on a request: `Origin`, `Referer`, Fetch Metadata, length.

use http::header::{
    ACCEPT_ENCODING, ACCESS_CONTROL_REQUEST_METHOD, CACHE_CONTROL, CONNECTION, CONTENT_LENGTH,
    HOST, ORIGIN, PRAGMA, RANGE, REFERER, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_VERSION, UPGRADE, USER_AGENT,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use url::{Position, Url};

use super::initiator::Initiator;
use super::options::Mode;
use super::preflight;
use super::referrer::ReferrerPolicy;
use super::state::{State, Tainting};
use crate::browser::cache::responses::is_conditional;
use crate::browser::engine::Quirk;
use crate::browser::origin::Origin;
use crate::browser::site::{potentially_trustworthy, same_site};

const BROWSER: HeaderValue = HeaderValue::from_static("Mozilla/5.0 (same-origin; simulated)");

/// The key of RFC 6455 1.3, where its answer is written down too.
pub(crate) const SOCKET_KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// Fetch #http-network-or-cache-fetch step 8, up to the cookies, which the caller adds.
pub(crate) fn headers(state: &State, body_length: Option<usize>) -> HeaderMap {
    let mut headers = state.headers.clone();
    let mut add = |name: HeaderName, value: String| {
        // All of them are made of URLs, numbers and fixed words.
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    };
    if let Some(length) = body_length {
        add(CONTENT_LENGTH, length.to_string());
    }
    if let Some(referrer) = &state.referrer {
        add(REFERER, referrer.to_string());
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
    if state.initiator == Initiator::Socket {
        ask_for_socket(&mut headers);
    }
    if headers.contains_key(RANGE) {
        // A part of a compressed response could not be decoded.
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    }
    if revalidates(state) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("max-age=0"));
    }
    if reloads(state) {
        headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    }
    if is_conditional(&headers) && !state.is_silent_of_caches() {
        // Script validates on its own: the cache stays out of it and says so to those behind.
        let said = match state.engine.has(Quirk::MaxAgeZero) {
            false => &[(PRAGMA, "no-cache"), (CACHE_CONTROL, "no-cache")][..],
            true => &[(CACHE_CONTROL, "max-age=0")],
        };
        for (name, value) in said {
            headers
                .entry(name)
                .or_insert(HeaderValue::from_static(value));
        }
    }
    headers
}

/// WebSockets #concept-websocket-establish steps 3 to 10. Its cache mode is `no-store`, which Fetch
/// #http-network-or-cache-fetch tells all caches, this browser's own too, by two fields.
fn ask_for_socket(headers: &mut HeaderMap) {
    for (name, value) in [
        (UPGRADE, "websocket"),
        (CONNECTION, "Upgrade"),
        (SEC_WEBSOCKET_KEY, SOCKET_KEY),
        (SEC_WEBSOCKET_VERSION, "13"),
        (
            SEC_WEBSOCKET_EXTENSIONS,
            "permessage-deflate; client_max_window_bits",
        ),
        (PRAGMA, "no-cache"),
        (CACHE_CONTROL, "no-cache"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

/// Chromium has no key for what was stored without credentials, and goes past the cache where the embedder
/// policy takes them.
fn reloads(state: &State) -> bool {
    state.engine.has(Quirk::CredentiallessReloads) && !state.embedder_policy_allows_credentials()
}

/// Whether a request asks past the caches. One with a body does not want an old answer, and some browsers say so.
fn revalidates(state: &State) -> bool {
    let posts = state.method == Method::POST || state.became_get_from == Some(Method::POST);
    let quirk = match state.initiator {
        Initiator::Beacon => Quirk::BeaconsRevalidate,
        Initiator::Window | Initiator::Frame => Quirk::FormsRevalidate,
        _ => return false,
    };
    posts && state.engine.has(quirk)
}

/// Fetch #append-a-request-origin-header.
fn origin(state: &State) -> Option<String> {
    if state.client.is_user {
        // The user asks, not a page, and all that a user can type is a GET.
        return None;
    }
    if is_preflight(state) {
        return Some(preflight::told_origin(state));
    }
    if state.tainting == Tainting::Cors || state.mode == Mode::WebSocket {
        return Some(state.serialized_origin());
    }
    if state.initiator == Initiator::Font && state.engine.has(Quirk::FontOrigin) {
        return Some(state.serialized_origin());
    }
    let stays = state.became_get_from.is_some()
        && state.mode != Mode::Navigate
        && !state.has_changed_origin()
        && state.engine.has(Quirk::OriginStays);
    if matches!(state.method, Method::GET | Method::HEAD) && !stays {
        return None;
    }
    if state.initiator == Initiator::Beacon && state.engine.has(Quirk::BeaconTellsPage) {
        return match (state.origin().is_opaque(), &state.client.address) {
            (true, Some(address)) => Some(Origin::of(address).serialized()),
            (true, None) | (false, _) => Some(state.origin().serialized()),
        };
    }
    // A request in mode cors always tells its origin. For the others the referrer policy decides, in
    // Chromium for windows and frames only.
    let decides = !state.engine.has(Quirk::PlainOrigin) || state.initiator.is_navigation();
    let hidden = decides && state.mode != Mode::Cors && is_hidden(state);
    let loses = state.engine.has(Quirk::RedirectsLoseOrigin)
        || state.initiator.is_navigation() && state.engine.has(Quirk::FormsLoseOrigin);
    let lost = loses && state.has_changed_origin();
    Some(if hidden || lost {
        "null".into()
    } else {
        state.serialized_origin()
    })
}

fn is_preflight(state: &State) -> bool {
    state.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// Whether the referrer policy keeps the origin from the request.
fn is_hidden(state: &State) -> bool {
    match state.referrer_policy {
        ReferrerPolicy::NoReferrer => true,
        ReferrerPolicy::NoReferrerWhenDowngrade
        | ReferrerPolicy::StrictOrigin
        | ReferrerPolicy::StrictOriginWhenCrossOrigin => is_downgrade(state),
        ReferrerPolicy::SameOrigin => !state.is_same_origin(),
        ReferrerPolicy::Origin
        | ReferrerPolicy::OriginWhenCrossOrigin
        | ReferrerPolicy::UnsafeUrl => false,
    }
}

fn is_downgrade(state: &State) -> bool {
    state.origin().serialized().starts_with("https:") && state.url().scheme() != "https"
}

/// Fetch Metadata: the `Sec-Fetch-*` of a request to a trustworthy URL.
fn metadata(state: &State) -> Vec<(&'static str, &'static str)> {
    if !tells_metadata(state) {
        let tells_mode = is_preflight(state) && state.engine.has(Quirk::PreflightTellsMode);
        return Vec::from_iter(tells_mode.then_some(("sec-fetch-mode", state.mode.as_str())));
    }
    let names_itself =
        state.initiator == Initiator::Socket && state.engine.has(Quirk::SocketDestination);
    let destination = match names_itself {
        true => "websocket",
        false => state.initiator.destination(),
    };
    let mut fields = vec![
        ("sec-fetch-dest", destination),
        ("sec-fetch-mode", state.mode.as_str()),
        ("sec-fetch-site", site(state)),
    ];
    // Fetch Metadata #sec-fetch-user-header: absent rather than `?0`.
    if state.initiator.is_navigation() && state.user_activation {
        fields.push(("sec-fetch-user", "?1"));
    }
    fields
}

/// Fetch Metadata is for trustworthy URLs; Chromium says nothing of it in a WebSocket's handshake.
pub(crate) fn tells_metadata(state: &State) -> bool {
    let silent = state.engine.has(Quirk::SilentSockets) && state.initiator == Initiator::Socket;
    potentially_trustworthy(state.url()) && !silent
}

/// Fetch Metadata #sec-fetch-site-header: the farthest that any URL of the chain was from the page.
fn site(state: &State) -> &'static str {
    if state.client.is_user {
        return "none";
    }
    let farthest = |url: &Url| {
        let origin = Origin::of(url);
        let page = state.origin();
        (origin != *page, !same_site(&origin, page))
    };
    let asks_anew = is_preflight(state) && state.engine.has(Quirk::PreflightTellsNearest);
    let first = if asks_anew { state.urls.len() - 1 } else { 0 };
    match state.urls[first..]
        .iter()
        .map(farthest)
        .fold((false, false), |a, b| (a.0 || b.0, a.1 || b.1))
    {
        (_, true) => "cross-site",
        (true, false) => "same-site",
        (false, false) => "same-origin",
    }
}
