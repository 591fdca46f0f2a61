//! Offers of another protocol (RFC 9110 7.8): which go on, and which answer is one to them.

use http::Method;
use http::header::HeaderValue;

use crate::fields;

/// The part of an offer that goes on to the upstream, if any does.
///
/// - A WebSocket is asked for by GET (RFC 6455 4.1), and HEAD and OPTIONS ask for nothing: no tunnel.
/// - Of a list that names `websocket` only that goes on. Whoever judges handshakes has judged one, and an
///   upstream must not be able to make another protocol of it.
/// - HTTP/2 in plain text would be a second proxy connection past all that this one checks (h2c smuggling),
///   and TLS (RFC 2817) is the hop's own business. Any other protocol is bytes in a tunnel.
pub(crate) fn offer(method: &Method, protocols: &HeaderValue) -> Option<HeaderValue> {
    if *method == Method::HEAD || *method == Method::OPTIONS {
        return None;
    }
    let mut tokens = fields::split(protocols);
    if let Some(websocket) = tokens.find(|token| token.eq_ignore_ascii_case(b"websocket")) {
        let is_get = *method == Method::GET;
        return is_get.then(|| HeaderValue::from_bytes(websocket).ok())?;
    }
    tunneled(protocols)
}

/// The protocols of a list that can be bytes in a tunnel, if there are any.
pub(crate) fn tunneled(protocols: &HeaderValue) -> Option<HeaderValue> {
    let tunneled: Vec<_> = fields::split(protocols)
        .filter(|token| may_tunnel(token))
        .collect();
    (!tunneled.is_empty()).then(|| HeaderValue::from_bytes(&tunneled.join(&b", "[..])).ok())?
}

fn may_tunnel(protocol: &[u8]) -> bool {
    let begins_with = |name: &[u8]| {
        let start = protocol.get(..name.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(name))
    };
    let is_of_this_hop = [&b"h2"[..], b"h3", b"http/", b"tls/"]
        .into_iter()
        .any(begins_with);
    !protocol.is_empty() && !is_of_this_hop
}

/// Whether a `101` switches to what was offered (RFC 9110 15.2.2), and to that alone.
pub(crate) fn is_offered(offered: &HeaderValue, chosen: &HeaderValue) -> bool {
    let chosen = fields::trim(chosen.as_bytes());
    fields::split(offered).any(|token| token.eq_ignore_ascii_case(chosen))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_be_switched_to_is_offered_on() {
        const GET: Method = Method::GET;
        for (method, protocols, want) in [
            (GET, "websocket", Some("websocket")),
            (GET, "WebSocket", Some("WebSocket")),
            (GET, "foo/2, websocket", Some("websocket")),
            (GET, "websocket, H2C", Some("websocket")),
            (GET, "SPDY/3.1", Some("SPDY/3.1")),
            (GET, "a/1,,b", Some("a/1, b")),
            (GET, "tcp, h2c, TLS/1.0", Some("tcp")),
            (GET, "h2c", None),
            (GET, "TLS/1.0", None),
            (GET, "TLS/1.0, HTTP/1.1", None),
            (GET, "HTTP/2.0, h3", None),
            (GET, "", None),
            (Method::POST, "tcp", Some("tcp")),
            (Method::POST, "websocket", None),
            (Method::HEAD, "websocket", None),
            (Method::OPTIONS, "tcp", None),
        ] {
            let offered = offer(&method, &HeaderValue::from_static(protocols));
            let want = want.map(HeaderValue::from_static);
            assert_eq!(offered, want, "{method} {protocols}");
        }
    }

    #[test]
    fn only_what_was_offered_is_switched_to() {
        let offered = HeaderValue::from_static("WebSocket, custom/1");
        for (chosen, accepted) in [
            ("websocket", true),
            ("CUSTOM/1", true),
            ("h2c", false),
            ("websocket, custom/1", false),
        ] {
            assert_eq!(
                is_offered(&offered, &HeaderValue::from_static(chosen)),
                accepted,
                "{chosen}"
            );
        }
    }
}
