//! One look over the names of a head, so that each later step touches only what is there.
//!
//! A look-up in a header map hashes; a head has some ten names, and of the twenty that the proxy cares
//! for hardly one. So they are looked for once, all together.

use http::header::{HeaderMap, HeaderName};

/// The names that were found, of those that mean something to the proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HeaderScan(u32);

/// A name, or several that are treated alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Field {
    Connection = 1,
    Te = 1 << 1,
    TransferEncoding = 1 << 2,
    Upgrade = 1 << 3,
    ProxyAuthenticate = 1 << 4,
    ProxyAuthorization = 1 << 5,
    /// `Keep-Alive`, `Proxy-Connection`, `HTTP2-Settings`.
    OtherHop = 1 << 6,
    /// `Forwarded`, `X-Real-IP`, `X-Forwarded-*`.
    Forwarded = 1 << 7,
    /// The same, spelled with an underscore.
    ForwardedUnderscore = 1 << 8,
    Expect = 1 << 9,
    /// `Location`, `Content-Location`, `Refresh`.
    Address = 1 << 10,
    SetCookie = 1 << 11,
    ContentLength = 1 << 12,
    /// More than one `Content-Length`, on as many lines or on one.
    LengthList = 1 << 13,
    AltSvc = 1 << 14,
    Via = 1 << 15,
    /// `Destination` and `If`, in which WebDAV says addresses of the server (RFC 4918 10).
    WebDav = 1 << 16,
    /// A `Content-Length` that may not be a number: with other bytes than digits, or too many.
    OddLength = 1 << 17,
}

impl HeaderScan {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let mut found = Self(0);
        for (name, value) in headers {
            let Some(field) = field(name) else { continue };
            // Nearly every response has one length, which is not looked up again for that.
            if field == Field::ContentLength {
                let is_odd = !is_plain(value.as_bytes());
                if is_odd {
                    found.0 |= Field::OddLength as u32;
                }
                if found.has(field) || (is_odd && value.as_bytes().contains(&b',')) {
                    found.0 |= Field::LengthList as u32;
                }
            }
            found.0 |= field as u32;
        }
        found
    }

    pub(crate) fn has(self, field: Field) -> bool {
        self.0 & field as u32 != 0
    }

    /// Whether any hop-by-hop field is there.
    pub(crate) fn has_hop_by_hop(self) -> bool {
        self.0 & (Field::OtherHop as u32 * 2 - 1) != 0
    }

    /// Whether anything is said of who is before the peer.
    pub(crate) fn has_forwarded(self) -> bool {
        self.has(Field::Forwarded) || self.has(Field::ForwardedUnderscore)
    }
}

/// Whether a length is one that every program reads alike.
fn is_plain(length: &[u8]) -> bool {
    // As many digits fit into 64 bits, whatever they are.
    (1..=19).contains(&length.len()) && length.iter().all(u8::is_ascii_digit)
}

const X_FORWARDED: &str = "x-forwarded-";

pub(crate) fn field(name: &HeaderName) -> Option<Field> {
    Some(match name.as_str() {
        "content-length" => Field::ContentLength,
        "connection" => Field::Connection,
        "te" => Field::Te,
        "transfer-encoding" => Field::TransferEncoding,
        "upgrade" => Field::Upgrade,
        "proxy-authenticate" | "proxy-authentication-info" => Field::ProxyAuthenticate,
        "proxy-authorization" => Field::ProxyAuthorization,
        "keep-alive" | "proxy-connection" | "http2-settings" => Field::OtherHop,
        "expect" => Field::Expect,
        "location" | "content-location" | "refresh" => Field::Address,
        "set-cookie" => Field::SetCookie,
        "alt-svc" => Field::AltSvc,
        "via" => Field::Via,
        "destination" | "if" => Field::WebDav,
        other => return forwarded(other),
    })
}

/// Whether servers of the CGI kind take two names for one: they cannot tell `_` from `-` (CVE-2025-64484).
pub(crate) fn is_alike(one: &str, other: &str) -> bool {
    let is_dash = |byte| byte == b'-' || byte == b'_';
    one.len() == other.len()
        && one
            .bytes()
            .zip(other.bytes())
            .all(|(one, other)| one == other || (is_dash(one) && is_dash(other)))
}

/// The fields that say who is before the peer, also as servers of the CGI kind read them.
fn forwarded(name: &str) -> Option<Field> {
    if !name.starts_with(['f', 'x']) {
        return None;
    }
    let begins = name.get(..X_FORWARDED.len());
    if !(is_alike(name, "forwarded")
        || is_alike(name, "x-real-ip")
        || (begins.is_some_and(|begins| is_alike(begins, X_FORWARDED))
            && name.len() > X_FORWARDED.len()))
    {
        return None;
    }
    Some(if name.contains('_') {
        Field::ForwardedUnderscore
    } else {
        Field::Forwarded
    })
}

/// Whether a name is one of those fields, and one that a trusted proxy's word does not cover.
pub(crate) fn is_untrusted(name: &HeaderName, trusted: bool) -> bool {
    match forwarded(name.as_str()) {
        Some(Field::ForwardedUnderscore) => true,
        Some(_) => !trusted,
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn names_are_known_and_their_neighbours_are_not() {
        for (name, want) in [
            ("connection", Some(Field::Connection)),
            ("content-location", Some(Field::Address)),
            ("content-length", Some(Field::ContentLength)),
            ("content-type", None),
            ("content-encoding", None),
            ("expect", Some(Field::Expect)),
            ("expect-ct", None),
            ("forwarded", Some(Field::Forwarded)),
            ("forwarded-for", None),
            ("from", None),
            ("keep-alive", Some(Field::OtherHop)),
            ("proxy-connection", Some(Field::OtherHop)),
            ("http2-settings", Some(Field::OtherHop)),
            ("proxy-authenticate", Some(Field::ProxyAuthenticate)),
            ("proxy-authorization", Some(Field::ProxyAuthorization)),
            ("proxy-status", None),
            ("location", Some(Field::Address)),
            ("refresh", Some(Field::Address)),
            ("referrer", None),
            ("set-cookie", Some(Field::SetCookie)),
            ("set-cookie2", None),
            ("alt-svc", Some(Field::AltSvc)),
            ("alt-used", None),
            ("via", Some(Field::Via)),
            ("destination", Some(Field::WebDav)),
            ("if", Some(Field::WebDav)),
            ("if-match", None),
            ("te", Some(Field::Te)),
            ("trailer", None),
            ("transfer-encoding", Some(Field::TransferEncoding)),
            ("upgrade", Some(Field::Upgrade)),
            ("upgrade-insecure-requests", None),
            ("x-forwarded-for", Some(Field::Forwarded)),
            ("x-forwarded-anything", Some(Field::Forwarded)),
            ("x-forwarded-x", Some(Field::Forwarded)),
            (
                "x-forwarded-for-a-name-of-any-length-at-all",
                Some(Field::Forwarded),
            ),
            ("x-for-a-name-of-any-length-at-all-that-is-not", None),
            ("x-forwarded-", None),
            ("x-forward", None),
            ("x-real-ip", Some(Field::Forwarded)),
            ("x-real-ipx", None),
            ("x_forwarded_for", Some(Field::ForwardedUnderscore)),
            ("x-forwarded_for", Some(Field::ForwardedUnderscore)),
            ("x_real_ip", Some(Field::ForwardedUnderscore)),
        ] {
            assert_eq!(field(&HeaderName::from_static(name)), want, "{name}");
        }
    }

    #[test]
    fn a_scan_takes_each_name_in() {
        let mut headers = HeaderMap::new();
        assert!(!HeaderScan::of(&headers).has_hop_by_hop());
        for name in ["host", "te", "x_real_ip"] {
            headers.insert(name, HeaderValue::from_static("1"));
        }
        let scan = HeaderScan::of(&headers);
        assert!(scan.has(Field::Te) && scan.has_hop_by_hop());
        assert!(scan.has_forwarded() && !scan.has(Field::Forwarded));
        assert!(!scan.has(Field::Expect) && !scan.has(Field::SetCookie));
    }
}
