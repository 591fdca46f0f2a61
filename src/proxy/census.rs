//! One look over the names of a head, so that each later step touches only what is there.
//!
//! A look-up in a header map hashes; a head has some ten names, and of the twenty that the proxy cares
//! for hardly one. So they are looked for once, all together.

use http::header::{HeaderMap, HeaderName};

/// The names that were found, of those that mean something to the proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Census(u32);

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
    Claim = 1 << 7,
    /// The same, spelled with an underscore.
    MisspelledClaim = 1 << 8,
    Expect = 1 << 9,
    /// `Location`, `Content-Location`, `Refresh`.
    Address = 1 << 10,
    SetCookie = 1 << 11,
}

impl Census {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let bits = headers
            .keys()
            .map(|name| field(name).map_or(0, |field| field as u32));
        Self(bits.fold(0, |all, bit| all | bit))
    }

    pub(crate) fn has(self, field: Field) -> bool {
        self.0 & field as u32 != 0
    }

    /// Whether any hop-by-hop field is there.
    pub(crate) fn has_hop_by_hop(self) -> bool {
        self.0 & (Field::OtherHop as u32 * 2 - 1) != 0
    }

    /// Whether anything is said of who is before the peer.
    pub(crate) fn has_claims(self) -> bool {
        self.has(Field::Claim) || self.has(Field::MisspelledClaim)
    }
}

fn field(name: &HeaderName) -> Option<Field> {
    let name = name.as_str();
    // The first byte rules nearly every name out.
    match name.as_bytes().first()? {
        b'c' => match name {
            "connection" => Some(Field::Connection),
            "content-location" => Some(Field::Address),
            _ => None,
        },
        b'e' => (name == "expect").then_some(Field::Expect),
        b'f' => claim(name),
        b'h' => (name == "http2-settings").then_some(Field::OtherHop),
        b'k' => (name == "keep-alive").then_some(Field::OtherHop),
        b'l' => (name == "location").then_some(Field::Address),
        b'p' => match name {
            "proxy-connection" => Some(Field::OtherHop),
            "proxy-authenticate" => Some(Field::ProxyAuthenticate),
            "proxy-authorization" => Some(Field::ProxyAuthorization),
            _ => None,
        },
        b'r' => (name == "refresh").then_some(Field::Address),
        b's' => (name == "set-cookie").then_some(Field::SetCookie),
        b't' => match name {
            "te" => Some(Field::Te),
            "transfer-encoding" => Some(Field::TransferEncoding),
            _ => None,
        },
        b'u' => (name == "upgrade").then_some(Field::Upgrade),
        b'x' => claim(name),
        _ => None,
    }
}

/// What says who is before the peer. Servers of the CGI kind cannot tell `_` from `-` in a name, so a
/// spelling with it is as good as the real one to them (CVE-2025-64484).
fn claim(name: &str) -> Option<Field> {
    let is = |wanted: &str| {
        name.bytes()
            .zip(wanted.bytes())
            .all(|(byte, want)| byte == want || (byte == b'_' && want == b'-'))
    };
    const PREFIX: &str = "x-forwarded-";
    let whole = |wanted: &str| name.len() == wanted.len() && is(wanted);
    if !(whole("forwarded") || whole("x-real-ip") || (name.len() > PREFIX.len() && is(PREFIX))) {
        return None;
    }
    Some(if name.contains('_') {
        Field::MisspelledClaim
    } else {
        Field::Claim
    })
}

/// Whether a name is a claim, and one that a trusted proxy's word does not cover.
pub(crate) fn is_claim(name: &HeaderName, trusted: bool) -> bool {
    match claim(name.as_str()) {
        Some(Field::MisspelledClaim) => true,
        Some(_) => !trusted,
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn names_are_known_and_their_neighbours_are_not() {
        for (name, want) in [
            ("connection", Some(Field::Connection)),
            ("content-location", Some(Field::Address)),
            ("content-length", None),
            ("expect", Some(Field::Expect)),
            ("expect-ct", None),
            ("forwarded", Some(Field::Claim)),
            ("forwarded-for", None),
            ("from", None),
            ("keep-alive", Some(Field::OtherHop)),
            ("proxy-connection", Some(Field::OtherHop)),
            ("http2-settings", Some(Field::OtherHop)),
            ("proxy-status", None),
            ("te", Some(Field::Te)),
            ("trailer", None),
            ("transfer-encoding", Some(Field::TransferEncoding)),
            ("upgrade", Some(Field::Upgrade)),
            ("upgrade-insecure-requests", None),
            ("x-forwarded-for", Some(Field::Claim)),
            ("x-forwarded-anything", Some(Field::Claim)),
            ("x-forwarded-", None),
            ("x-forward", None),
            ("x-real-ip", Some(Field::Claim)),
            ("x-real-ipx", None),
            ("x_forwarded_for", Some(Field::MisspelledClaim)),
            ("x-forwarded_for", Some(Field::MisspelledClaim)),
            ("x_real_ip", Some(Field::MisspelledClaim)),
        ] {
            assert_eq!(field(&HeaderName::from_static(name)), want, "{name}");
        }
    }

    #[test]
    fn a_census_counts_each_name_in() {
        let mut headers = HeaderMap::new();
        assert!(!Census::of(&headers).has_hop_by_hop());
        for name in ["host", "te", "x_real_ip"] {
            headers.insert(name, HeaderValue::from_static("1"));
        }
        let census = Census::of(&headers);
        assert!(census.has(Field::Te) && census.has_hop_by_hop());
        assert!(census.has_claims() && !census.has(Field::Claim));
        assert!(!census.has(Field::Expect) && !census.has(Field::SetCookie));
    }
}
