//! Fields that may stand behind a body.

use http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::own::own_values;
use crate::proxy::wire::scan;

/// Takes out fields that cannot be trailers (RFC 9110 6.5.1): what frames the message, names its
/// target, proves who sent it, modifies the request or controls the response. All of that is decided by
/// the head, where the proxy has had its say; a next hop that merges trailers into the head would let
/// them undo it. Values are left without white space around them, as those of a head that goes to HTTP/2 are.
pub(crate) fn clean(trailers: &mut HeaderMap) {
    let refused = trailers.keys().filter(|name| !may_trail(name));
    for name in refused.cloned().collect::<Vec<_>>() {
        trailers.remove(name);
    }
    let is_trimmed = |value: &HeaderValue| value.as_bytes().trim_ascii().len() == value.len();
    // Looked at first: bodies are in each other, and each of them asks.
    if !trailers.values().all(is_trimmed) {
        own_values(trailers);
    }
}

fn may_trail(name: &HeaderName) -> bool {
    // Fields that the scan looks for are for this hop, say who is before the peer, or are mapped in the head.
    if scan::field(name).is_some() {
        return false;
    }
    let name = name.as_str();
    !NEVER.contains(&name) && !name.starts_with("access-control-") && !name.starts_with("if-")
}

const NEVER: [&str; 27] = [
    // Framing, routing, content.
    "content-encoding",
    "content-range",
    "content-type",
    "host",
    "trailer",
    // Credentials and authors.
    "authorization",
    "cookie",
    "origin",
    "www-authenticate",
    // Modifiers of the request.
    "cache-control",
    "max-forwards",
    "pragma",
    "range",
    // Controls of the response.
    "age",
    "allow",
    "clear-site-data",
    "content-disposition",
    "content-security-policy",
    "cross-origin-resource-policy",
    "date",
    "expires",
    "retry-after",
    "strict-transport-security",
    "vary",
    "via",
    "warning",
    "x-frame-options",
];

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn what_belongs_into_the_head_goes_and_the_rest_stays() {
        const STAY: [&str; 6] = [
            "grpc-status",
            "grpc-message",
            "digest",
            "server-timing",
            "x-checksum",
            "ifx",
        ];
        const GO: [&str; 12] = [
            "connection",
            "content-length",
            "transfer-encoding",
            "keep-alive",
            "cookie",
            "set-cookie",
            "location",
            "x-forwarded-for",
            "x_forwarded_for",
            "if-none-match",
            "access-control-allow-origin",
            "authorization",
        ];
        let mut trailers = HeaderMap::new();
        for name in STAY.iter().chain(&GO) {
            trailers.append(*name, HeaderValue::from_static("1"));
            trailers.append(*name, HeaderValue::from_static(" 2\t"));
        }
        clean(&mut trailers);
        let mut left: Vec<_> = trailers.keys().map(HeaderName::as_str).collect();
        let mut stay = STAY;
        left.sort_unstable();
        stay.sort_unstable();
        assert_eq!(left, stay);
        let kept = trailers.values().filter(|value| *value == "2").count();
        assert_eq!((trailers.len(), kept), (2 * STAY.len(), STAY.len()));
    }
}
