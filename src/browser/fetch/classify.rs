//! The methods that Fetch normalizes, forbids and safelists, and the headers that script cannot set.
//!
//! The CORS layer has these lists as well (`src/cors/names.rs`). They are not shared on purpose: this
//! browser is an oracle for the layer.

use http::{HeaderName, HeaderValue, Method};

use crate::browser::values;

/// Fetch #concept-method-normalize: six methods in any case are meant in upper case, no others.
pub(crate) fn normalized(method: &str) -> &str {
    const NORMALIZED: [&str; 6] = ["DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"];
    NORMALIZED
        .into_iter()
        .find(|name| name.eq_ignore_ascii_case(method))
        .unwrap_or(method)
}

/// Fetch #forbidden-method.
pub(crate) fn is_forbidden_method(method: &str) -> bool {
    ["CONNECT", "TRACE", "TRACK"]
        .iter()
        .any(|name| name.eq_ignore_ascii_case(method))
}

/// Fetch #cors-safelisted-method.
pub(crate) fn is_safelisted_method(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::POST)
}

/// Fetch #forbidden-request-header: script cannot set it, and setting it is silently ignored.
pub(crate) fn is_forbidden_header(name: &HeaderName, value: &HeaderValue) -> bool {
    const NAMES: [&str; 21] = [
        "accept-charset",
        "accept-encoding",
        "access-control-request-headers",
        "access-control-request-method",
        "connection",
        "content-length",
        "cookie",
        "cookie2",
        "date",
        "dnt",
        "expect",
        "host",
        "keep-alive",
        "origin",
        "referer",
        "set-cookie",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "via",
    ];
    const METHOD_OVERRIDES: [&str; 3] = [
        "x-http-method",
        "x-http-method-override",
        "x-method-override",
    ];
    let name = name.as_str();
    NAMES.contains(&name)
        || name.starts_with("proxy-")
        || name.starts_with("sec-")
        || METHOD_OVERRIDES.contains(&name)
            && values::split(value.as_bytes())
                .iter()
                .any(|method| is_forbidden_method(method))
}

/// Fetch #cors-non-wildcard-request-header-name.
pub(crate) fn is_non_wildcard(name: &str) -> bool {
    name.eq_ignore_ascii_case("authorization")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods() {
        for (given, expected) in [
            ("get", "GET"),
            ("pUt", "PUT"),
            ("patch", "patch"),
            ("PATCH", "PATCH"),
            ("Egg", "Egg"),
        ] {
            assert_eq!(normalized(given), expected);
        }
        assert!(is_forbidden_method("track") && !is_forbidden_method("CHICKEN"));
        assert!(is_safelisted_method(&Method::HEAD) && !is_safelisted_method(&Method::OPTIONS));
    }

    #[test]
    fn forbidden_headers() {
        let forbidden = |name: &'static str, value: &'static str| {
            is_forbidden_header(
                &HeaderName::from_static(name),
                &HeaderValue::from_static(value),
            )
        };
        for name in [
            "origin",
            "cookie",
            "host",
            "sec-fetch-mode",
            "proxy-x",
            "access-control-request-method",
        ] {
            assert!(forbidden(name, "x"), "{name}");
        }
        assert!(forbidden("x-http-method-override", "GET, track"));
        assert!(!forbidden("x-http-method-override", "DELETE"));
        assert!(!forbidden("x-method-override", "\"track\""));
        assert!(!forbidden("user-agent", "x") && !forbidden("authorization", "x"));
    }
}
