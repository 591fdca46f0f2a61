//! Offers of another protocol (RFC 9110 7.8): which go on, and which answer is one to them.

use crate::fields;
use http::header::HeaderValue;

/// Whether an offer may be passed on: HTTP/2 in plain text would be a second proxy connection past
/// all that this one checks (h2c smuggling), and TLS (RFC 2817) is the hop's own business.
pub(crate) fn may_offer(protocols: &HeaderValue) -> bool {
    let mut tokens = protocols
        .as_bytes()
        .split(|byte| *byte == b',')
        .map(fields::trim);
    tokens.all(|token| {
        let lower = token.to_ascii_lowercase();
        !lower.is_empty() && !lower.starts_with(b"h2") && !lower.starts_with(b"tls/")
    })
}

/// Whether a `101` switches to what was offered (RFC 9110 15.2.2), and to that alone.
pub(crate) fn is_offered(offered: &HeaderValue, chosen: &HeaderValue) -> bool {
    let chosen = fields::trim(chosen.as_bytes());
    let mut tokens = offered
        .as_bytes()
        .split(|byte| *byte == b',')
        .map(fields::trim);
    tokens.any(|token| token.eq_ignore_ascii_case(chosen))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offers_past_the_proxys_checks_are_not_passed_on() {
        for (offer, passed) in [
            ("websocket", true),
            ("WebSocket, custom/1", true),
            ("h2c", false),
            ("websocket, H2C", false),
            ("TLS/1.0", false),
            ("", false),
            ("a,,b", false),
        ] {
            assert_eq!(
                may_offer(&HeaderValue::from_static(offer)),
                passed,
                "{offer}"
            );
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
