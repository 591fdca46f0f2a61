//! WebSockets that come by HTTP/2 (RFC 8441) and go on by HTTP/1.1 (RFC 6455).
//!
//! An extended CONNECT with `:protocol: websocket` becomes the GET of RFC 6455, whose key and proof
//! HTTP/2 does without, so that they are the proxy's to make and to check.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, Response, StatusCode, Version, request};
use hyper::ext::Protocol;
use sha1::{Digest, Sha1};

/// The protocol that is offered to the upstream.
pub(crate) const PROTOCOL: HeaderValue = HeaderValue::from_static("websocket");

/// RFC 6455 1.3.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The proof that an upstream understands WebSockets: its `Sec-WebSocket-Accept`.
#[derive(Debug)]
pub(crate) struct Handshake {
    accept: String,
}

/// Turns an extended CONNECT for a WebSocket into the request of RFC 6455 4.1. Any other request stays
/// as it is.
pub(crate) fn from_http2(parts: &mut request::Parts) -> Option<Handshake> {
    let protocol = parts.extensions.get::<Protocol>()?;
    let is_websocket = parts.version == Version::HTTP_2
        && parts.method == Method::CONNECT
        // RFC 8441 5: the value is this one; a name in another case is another protocol.
        && protocol.as_str() == "websocket";
    if !is_websocket {
        return None;
    }
    parts.extensions.remove::<Protocol>();
    parts.method = Method::GET;
    let (key, handshake) = Handshake::with_key(nonce());
    parts.headers.insert(header::SEC_WEBSOCKET_KEY, key);
    Some(handshake)
}

/// RFC 8441 5: the tunnel is open at 200, and the proof is of no use to the client.
pub(crate) fn to_http2<B>(response: &mut Response<B>) {
    *response.status_mut() = StatusCode::OK;
    response.headers_mut().remove(header::SEC_WEBSOCKET_ACCEPT);
}

impl Handshake {
    /// The key as a field value, and the proof that belongs to it (RFC 6455 4.2.2).
    fn with_key(nonce: [u8; 16]) -> (HeaderValue, Self) {
        let key = STANDARD.encode(nonce);
        let proof = Sha1::new().chain_update(&key).chain_update(GUID).finalize();
        let accept = STANDARD.encode(proof);
        // Base64 is a field value always.
        let key = HeaderValue::try_from(key).unwrap_or_else(|_| HeaderValue::from_static(""));
        (key, Self { accept })
    }

    pub(crate) fn is_proved_by(&self, headers: &HeaderMap) -> bool {
        headers
            .get(header::SEC_WEBSOCKET_ACCEPT)
            .is_some_and(|proof| proof == self.accept.as_str())
    }
}

/// Sixteen bytes that do not repeat (RFC 6455 4.1): they keep caches from answering, and are not a secret.
fn nonce() -> [u8; 16] {
    let half = || RandomState::new().hash_one(()).to_ne_bytes();
    let mut nonce = [0; 16];
    nonce[..8].copy_from_slice(&half());
    nonce[8..].copy_from_slice(&half());
    nonce
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    #[test]
    fn the_proof_is_that_of_the_standard() {
        // The example of RFC 6455 1.3.
        let (key, handshake) = Handshake::with_key(*b"the sample nonce");
        assert_eq!(key, "dGhlIHNhbXBsZSBub25jZQ==");
        assert_eq!(handshake.accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        let mut headers = HeaderMap::new();
        assert!(!handshake.is_proved_by(&headers));
        headers.insert(
            header::SEC_WEBSOCKET_ACCEPT,
            HeaderValue::from_static("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
        );
        assert!(handshake.is_proved_by(&headers));
    }

    #[test]
    fn only_an_extended_connect_for_a_websocket_is_turned() {
        let parts = |method: Method, protocol: Option<&'static str>| {
            let mut request = Request::builder()
                .method(method)
                .version(Version::HTTP_2)
                .body(())
                .unwrap();
            if let Some(protocol) = protocol {
                request
                    .extensions_mut()
                    .insert(Protocol::from_static(protocol));
            }
            request.into_parts().0
        };
        let mut turned = parts(Method::CONNECT, Some("websocket"));
        assert!(from_http2(&mut turned).is_some());
        assert_eq!(turned.method, Method::GET);
        assert!(turned.headers.contains_key(header::SEC_WEBSOCKET_KEY));
        for (method, protocol) in [
            (Method::CONNECT, None),
            (Method::CONNECT, Some("connect-udp")),
            (Method::CONNECT, Some("WebSocket")),
            (Method::GET, Some("websocket")),
        ] {
            let mut other = parts(method.clone(), protocol);
            assert!(from_http2(&mut other).is_none());
            assert_eq!(other.method, method);
        }
    }

    #[test]
    fn nonces_differ() {
        assert_ne!(nonce(), nonce());
    }
}
