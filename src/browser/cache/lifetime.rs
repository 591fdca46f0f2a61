//! How long a response is fresh (RFC 9111 4.2), by what it says and, for some engines, by its status.

use std::time::Duration;

use http::header::{AGE, CACHE_CONTROL, EXPIRES, PRAGMA};
use http::{HeaderMap, HeaderName, StatusCode};

use crate::browser::engine::{Engine, Quirk};
use crate::browser::values;

/// RFC 9111 4.2.1; nothing where a response may not be used again without asking.
pub(super) fn lifetime(
    engine: Engine,
    status: StatusCode,
    response: &HeaderMap,
) -> Option<Duration> {
    said_lifetime(engine, response).or_else(|| implied_lifetime(engine, status, response))
}

/// Chromium takes the lasting statuses for fresh for ever, unless the answer says otherwise. (RFC 9111
/// 4.2.2 allows heuristics; the standard's engine has none.)
fn implied_lifetime(engine: Engine, status: StatusCode, response: &HeaderMap) -> Option<Duration> {
    let lasting = matches!(status.as_u16(), 300 | 301 | 308 | 410);
    let words = [&CACHE_CONTROL, &PRAGMA].map(|name| directives(response, name));
    let said = response.contains_key(EXPIRES)
        || words.iter().flatten().any(|item| {
            let name = item.split('=').next().unwrap_or_default();
            matches!(name, "no-cache" | "no-store" | "max-age")
        });
    let implied = engine.has(Quirk::LastingStatuses) && lasting
        || engine.has(Quirk::GoneForEver) && status == StatusCode::GONE;
    (implied && !said).then_some(Duration::MAX)
}

/// RFC 9111 4.2.1, of `Cache-Control` alone. Of several `max-age` the first counts, and what is not a number
/// is stale; browsers see both otherwise.
fn said_lifetime(engine: Engine, response: &HeaderMap) -> Option<Duration> {
    let is_no_cache = |item: &String| item == "no-cache";
    let pragma = directives(response, &PRAGMA);
    if engine.has(Quirk::ResponsePragma) && pragma.iter().any(is_no_cache) {
        return None;
    }
    let mut lifetimes = Vec::new();
    for item in directives(response, &CACHE_CONTROL) {
        match item.split_once('=').unwrap_or((&*item, "")) {
            // With an argument it would speak of single fields only; a cache may take it for all.
            ("no-store" | "no-cache", _) => return None,
            ("max-age", seconds) if engine.has(Quirk::FirstNumberIsLifetime) => {
                lifetimes.push(values::seconds(seconds)); // a quoted one is not a number
            }
            ("max-age", seconds) => lifetimes.push(values::seconds(seconds.trim_matches('"'))),
            _ => {}
        }
    }
    let lifetime = if engine.has(Quirk::LastLifetime) {
        lifetimes.last().copied().flatten()
    } else if engine.has(Quirk::FirstNumberIsLifetime) {
        lifetimes.into_iter().flatten().next()
    } else {
        lifetimes.first().copied().flatten()
    };
    lifetime.map(|seconds: u64| Duration::from_secs(seconds.saturating_sub(age(response))))
}

/// RFC 9111 5.1: of several values the first counts, and one that is not a number is none.
fn age(response: &HeaderMap) -> u64 {
    let first = values::parts(response, &AGE).into_iter().next();
    first.and_then(|age| values::seconds(&age)).unwrap_or(0)
}

/// The directives of RFC 9111 5.2 in lower case, an argument in quotes with its commas.
pub(super) fn directives(headers: &HeaderMap, name: &HeaderName) -> Vec<String> {
    let mut directives = values::parts(headers, name);
    for directive in &mut directives {
        directive.make_ascii_lowercase();
    }
    directives
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::headers;

    #[test]
    fn browsers_choose_among_lifetimes() {
        use Engine::{Chromium, Firefox, Standard, WebKit};
        let all = [Standard, Chromium, Firefox, WebKit];
        for (value, expected) in [
            ("max-age=60, max-age=0", [60, 60, 0, 60]),
            ("max-age=0, max-age=60", [0, 0, 60, 0]),
        ] {
            let response = headers(&[("cache-control", value)]);
            let seconds =
                |engine| said_lifetime(engine, &response).map_or(0, |time| time.as_secs());
            assert_eq!(all.map(seconds), expected, "{value}");
        }
        let response = headers(&[("cache-control", "max-age=x, max-age=60")]);
        let fresh = |engine| said_lifetime(engine, &response).is_some();
        assert_eq!(all.map(fresh), [false, true, true, false]);
        for response in [
            headers(&[("cache-control", "max-age=60"), ("pragma", "no-cache")]),
            headers(&[("cache-control", "max-age=\"60\"")]),
        ] {
            let fresh = |engine| said_lifetime(engine, &response).is_some();
            assert_eq!(all.map(fresh), [true, false, true, true], "{response:?}");
        }
    }
}
