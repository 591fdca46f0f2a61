//! The lists of names that Fetch treats differently from others.

/// Fetch #forbidden-method
pub(super) fn is_forbidden_method(method: &str) -> bool {
    ["CONNECT", "TRACE", "TRACK"]
        .iter()
        .any(|name| name.eq_ignore_ascii_case(method))
}

/// Fetch #cors-safelisted-method
pub(super) fn is_safelisted_method(method: &[u8]) -> bool {
    matches!(method, b"GET" | b"HEAD" | b"POST")
}

/// Fetch #concept-method-normalize: what browsers send when a script says the method in another case.
pub(super) fn normalized_method(method: &str) -> Option<&'static str> {
    ["DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"]
        .into_iter()
        .find(|name| name.eq_ignore_ascii_case(method))
}

/// Fetch #forbidden-request-header, those that are forbidden whatever their value; in lower case.
///
/// `x-http-method-override` and its like are forbidden with some values only, so they can be allowed.
pub(super) fn is_forbidden_request_header(name: &str) -> bool {
    const NAMES: [&str; 22] = [
        "accept-charset",
        "accept-encoding",
        "access-control-request-headers",
        "access-control-request-method",
        // Not in the standard any more, yet browsers that know it set it themselves.
        "access-control-request-private-network",
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
    NAMES.contains(&name) || name.starts_with("proxy-") || name.starts_with("sec-")
}

/// Headers that a server sends to allow something; a request that bears one is a misunderstanding.
pub(super) fn is_cors_response_header(name: &str) -> bool {
    name.starts_with("access-control-allow-")
        || matches!(
            name,
            "access-control-expose-headers" | "access-control-max-age"
        )
}

/// Headers that browsers send to ask; a response that bears one is a misunderstanding.
pub(super) fn is_cors_request_header(name: &str) -> bool {
    name == "origin" || name.starts_with("access-control-request-")
}

/// Fetch #forbidden-response-header-name
pub(super) fn is_forbidden_response_header(name: &str) -> bool {
    matches!(name, "set-cookie" | "set-cookie2")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods() {
        assert!(is_forbidden_method("Trace"));
        assert!(!is_forbidden_method("PATCH"));
        assert!(is_safelisted_method(b"HEAD"));
        assert!(!is_safelisted_method(b"head"));
        assert_eq!(normalized_method("delete"), Some("DELETE"));
        assert_eq!(normalized_method("patch"), None);
    }

    #[test]
    fn request_headers() {
        for name in [
            "cookie",
            "sec-fetch-site",
            "proxy-authorization",
            "proxy-",
            "set-cookie",
            "te",
        ] {
            assert!(is_forbidden_request_header(name), "{name}");
        }
        for name in [
            "authorization",
            "x-http-method-override",
            "user-agent",
            "secret",
            "proxy",
        ] {
            assert!(!is_forbidden_request_header(name), "{name}");
        }
    }
}
