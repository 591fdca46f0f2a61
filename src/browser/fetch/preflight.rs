//! The CORS-preflight: what is asked, and what may follow the answer.

use http::header::{
    ACCEPT, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, CACHE_CONTROL, PRAGMA,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

use crate::browser::cache::responses::is_conditional;
use crate::browser::engine::{Engine, Quirk};
use crate::browser::fetch::check::cors_check;
use crate::browser::fetch::classify;
use crate::browser::fetch::options::{Credentials, Mode};
use crate::browser::fetch::redirect::leads_on;
use crate::browser::fetch::state::{Body, State, Tainting};
use crate::browser::outcome::error::FetchErrorKind;
use crate::browser::values;

/// Fetch #cors-preflight-fetch step 10: how long a preflight is remembered when it does not say.
const DEFAULT_MAX_AGE: u64 = 5;

/// Chromium forgets a preflight after two hours, whatever the server wants.
const CHROMIUM_MAX_AGE: u64 = 7200;

/// The permissions of a successful preflight, and their age in seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Grant {
    pub(crate) methods: Vec<String>,
    pub(crate) headers: Vec<String>,
    pub(crate) max_age: u64,
}

/// Fetch #cors-preflight-fetch steps 1 to 5.
pub(crate) fn request(state: &State) -> State {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
    // A method is a token and so are the names; neither can fail to be a value.
    if let Ok(method) = HeaderValue::from_str(state.method.as_str()) {
        headers.insert(ACCESS_CONTROL_REQUEST_METHOD, method);
    }
    let names = state.unsafe_header_names();
    let names = names
        .iter()
        .map(HeaderName::as_str)
        .collect::<Vec<_>>()
        .join(",");
    if let (false, Ok(names)) = (names.is_empty(), HeaderValue::try_from(names)) {
        headers.insert(ACCESS_CONTROL_REQUEST_HEADERS, names);
    }
    if is_conditional(&state.headers) && !state.is_silent_of_caches() {
        // Some preflights say, too, that the cache stays out of it.
        if state.engine.has(Quirk::MaxAgeZero) {
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("max-age=0"));
        } else if state.engine.has(Quirk::PreflightTellsNoCache) {
            headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        }
    }
    State {
        method: Method::OPTIONS,
        headers,
        body: Body::None,
        mode: Mode::Cors,
        // Not the request's: a preflight never carries credentials.
        credentials: Credentials::SameOrigin,
        tainting: Tainting::Cors,
        ..state.clone()
    }
}

/// The origin that a preflight tells: that of its request.
pub(crate) fn told_origin(state: &State) -> String {
    match state.engine.has(Quirk::PreflightTellsPage) {
        true => state.origin().serialized(),
        false => state.serialized_origin(),
    }
}

/// Whether the preflight of a request that was redirected comes back to the page's own origin, as the origin that it
/// tells is allowed there already.
fn asks_at_home(state: &State) -> bool {
    state.engine.has(Quirk::PreflightTellsPage) && state.is_same_origin()
}

/// Fetch #cors-preflight-fetch step 7.
pub(crate) fn judge(
    state: &State,
    status: StatusCode,
    response: &HeaderMap,
) -> Result<Grant, FetchErrorKind> {
    if leads_on(state.engine, status, response) {
        // The standard has no step for it, as 3xx is not an ok status. The error of its own says what to mend.
        return Err(FetchErrorKind::PreflightRedirect(status));
    }
    let include = state.credentials == Credentials::Include;
    if !asks_at_home(state) {
        cors_check(&told_origin(state), include, response)?;
    }
    if !status.is_success() {
        return Err(FetchErrorKind::PreflightStatus(status));
    }
    let list = |name: HeaderName| {
        values::tokens(response, &name)
            .map_err(|_| values::text(response, name).unwrap_or_default())
    };
    let methods =
        list(ACCESS_CONTROL_ALLOW_METHODS).map_err(FetchErrorKind::UnparsableAllowMethods)?;
    let headers =
        list(ACCESS_CONTROL_ALLOW_HEADERS).map_err(FetchErrorKind::UnparsableAllowHeaders)?;
    let method = state.method.as_str();
    let is_safelisted = classify::is_safelisted_method(&state.method);
    let methods = match methods {
        // Step 7.4: so that what only an upload listener made a preflight is remembered too.
        None if state.use_preflight
            && (is_safelisted || !state.engine.has(Quirk::ListedUploads)) =>
        {
            vec![method.to_owned()]
        }
        methods => methods.unwrap_or_default(),
    };
    let headers = headers.unwrap_or_default();
    let wildcard = |list: &[String]| !include && list.iter().any(|item| item == "*");
    // Step 7.5: methods are case-sensitive.
    let listed = methods.iter().any(|item| item == method);
    if !listed && !is_safelisted && !wildcard(&methods) {
        return Err(FetchErrorKind::MethodNotAllowed(method.to_owned()));
    }
    // Steps 7.6 and 7.7: names are not, and the standard's `*` does not cover `Authorization`.
    for name in state.unsafe_header_names() {
        let listed = headers
            .iter()
            .any(|item| item.eq_ignore_ascii_case(name.as_str()));
        let coverable = state.engine.has(Quirk::StarCoversAuthorization)
            || !classify::is_non_wildcard(name.as_str());
        if !(listed || coverable && wildcard(&headers)) {
            return Err(FetchErrorKind::HeaderNotAllowed(name.to_string()));
        }
    }
    Ok(Grant {
        methods,
        headers,
        max_age: max_age(response, state.engine),
    })
}

/// Fetch #cors-preflight-fetch steps 7.8 to 7.10.
fn max_age(response: &HeaderMap, engine: Engine) -> u64 {
    let text = || values::text(response, ACCESS_CONTROL_MAX_AGE);
    let delta_seconds = || values::delta_seconds(response, &ACCESS_CONTROL_MAX_AGE);
    let seconds = match engine {
        Engine::Standard => delta_seconds(),
        // A signed number, two hours at most.
        Engine::Chromium => text()
            .and_then(|text| text.parse::<i64>().ok())
            .map(|seconds| seconds.max(0).unsigned_abs().min(CHROMIUM_MAX_AGE)),
        // A value that is not a number is 0.
        Engine::Firefox => text().map(|_| delta_seconds().unwrap_or(0)),
        // Less than nothing, or more than fits, is 0.
        Engine::WebKit => text().and_then(|text| match text.trim_start_matches('-') {
            digits if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                None
            }
            _ => Some(text.parse().unwrap_or(0)),
        }),
    };
    seconds.unwrap_or(DEFAULT_MAX_AGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn max_ages() {
        // By the standard, in Chromium, in Firefox, in WebKit.
        const CASES: &[(&[&str], [u64; 4])] = &[
            (&[], [5, 5, 5, 5]),
            (&["600"], [600, 600, 600, 600]),
            (&["86400"], [86400, 7200, 86400, 86400]),
            (&["0"], [0, 0, 0, 0]),
            (&["-1"], [5, 0, 0, 0]),
            (&["99999999999999999999"], [u64::MAX, 5, u64::MAX, 0]),
            (&["600", "600"], [5, 5, 0, 5]),
            (&["soon"], [5, 5, 0, 5]),
        ];
        const ENGINES: [Engine; 4] = [
            Engine::Standard,
            Engine::Chromium,
            Engine::Firefox,
            Engine::WebKit,
        ];
        for (lines, expected) in CASES {
            let line = |line: &&str| (ACCESS_CONTROL_MAX_AGE, line.parse::<HeaderValue>().unwrap());
            let headers: HeaderMap = lines.iter().map(line).collect();
            let ages = ENGINES.map(|engine| max_age(&headers, engine));
            assert_eq!(ages, *expected, "{lines:?}");
        }
    }
}
