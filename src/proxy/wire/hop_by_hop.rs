//! Fields that are meant for the next hop only (RFC 9110 7.6.1), taken out in both directions.
//!
//! Only what the scan found is touched, and no set of names is built.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use crate::fields;
use crate::proxy::wire::scan::{Field, HeaderScan};

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
const HTTP2_SETTINGS: HeaderName = HeaderName::from_static("http2-settings");
const PROXY_AUTHENTICATION_INFO: HeaderName = HeaderName::from_static("proxy-authentication-info");

/// Requests of a client to the proxy itself, in its `Connection` field.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Offer {
    /// The protocols that the client would switch to (RFC 9110 7.8), as sent, on one line.
    pub(crate) upgrade: Option<HeaderValue>,
    /// Whether the client accepts trailers (RFC 9110 10.1.4).
    pub(crate) trailers: bool,
}

/// Takes the hop-by-hop fields out of a request and returns what they asked for.
pub(crate) fn strip_request(headers: &mut HeaderMap, scan: HeaderScan) -> Offer {
    let mut offer = Offer::default();
    if !scan.has_hop_by_hop() {
        return offer;
    }
    if scan.has(Field::Connection) {
        // RFC 9110 7.8: Upgrade counts only when Connection nominates it.
        if fields::has_token(headers, &header::CONNECTION, "upgrade") {
            offer.upgrade = joined(headers, &header::UPGRADE);
        }
    }
    // HTTP/2 has no Connection field and allows TE with this one value (RFC 9113 8.2.2).
    offer.trailers = scan.has(Field::Te) && fields::has_token(headers, &header::TE, "trailers");
    strip(headers, scan, Direction::Request);
    offer
}

/// Takes the hop-by-hop fields out of a response and returns the protocol that a 101 switches to, or those that a 426
/// requires.
pub(crate) fn strip_response(headers: &mut HeaderMap, scan: HeaderScan) -> Option<HeaderValue> {
    if !scan.has_hop_by_hop() {
        return None;
    }
    // All lines: a 426 may name several protocols. A 101 that does names none that was offered.
    let upgrade = joined(headers, &header::UPGRADE);
    strip(headers, scan, Direction::Response);
    upgrade
}

/// Removes every field that `Connection` nominates, on any of its lines, and `Connection` itself.
///
/// `Host` and `Content-Length` stay: the one is the proxy's to set and the other frames the body, and
/// a client must not be able to take them from the upstream (CVE-2022-31813).
fn remove_nominated(headers: &mut HeaderMap) {
    // Removed first, so that the map is free for the removals that it lists.
    let header::Entry::Occupied(connection) = headers.entry(header::CONNECTION) else {
        return;
    };
    let (_, lines) = connection.remove_entry_mult();
    let lines: Lines = lines.collect();
    for element in lines.elements() {
        // Everyday options that do not name a field, or name one that goes anyway.
        if is_any(element, &[b"close", b"keep-alive", b"upgrade", b"te"]) {
            continue;
        }
        if let Ok(name) = HeaderName::from_bytes(element) {
            if name != header::HOST && name != header::CONTENT_LENGTH {
                headers.remove(name);
            }
        }
    }
}

/// The lines of `Connection`: one, nearly always, which costs no allocation.
#[derive(Default)]
struct Lines {
    first: Option<HeaderValue>,
    others: Vec<HeaderValue>,
}

impl FromIterator<HeaderValue> for Lines {
    fn from_iter<I: IntoIterator<Item = HeaderValue>>(lines: I) -> Self {
        let mut lines = lines.into_iter();
        Self {
            first: lines.next(),
            others: lines.collect(),
        }
    }
}

impl Lines {
    fn elements(&self) -> impl Iterator<Item = &[u8]> {
        self.first
            .iter()
            .chain(&self.others)
            .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
            .map(fields::trim)
    }
}

#[derive(Clone, Copy)]
enum Direction {
    Request,
    Response,
}

/// Removes what `Connection` nominates, and the fields that are hop-by-hop in any case (RFC 9110 7.6.1
/// names some; RFC 9113 3.1 `HTTP2-Settings`; the `Proxy-*` ones concern the nearest proxy, which is
/// here).
fn strip(headers: &mut HeaderMap, scan: HeaderScan, direction: Direction) {
    if scan.has(Field::Connection) {
        remove_nominated(headers);
    }
    let mut remove = |field: Field, name: HeaderName| {
        if scan.has(field) {
            headers.remove(name);
        }
    };
    remove(Field::Te, header::TE);
    remove(Field::TransferEncoding, header::TRANSFER_ENCODING);
    // RFC 9112 6.3: it overrides Content-Length, which is then not the length of what is forwarded.
    remove(Field::TransferEncoding, header::CONTENT_LENGTH);
    remove(Field::Upgrade, header::UPGRADE);
    remove(Field::OtherHop, KEEP_ALIVE);
    remove(Field::OtherHop, PROXY_CONNECTION);
    remove(Field::OtherHop, HTTP2_SETTINGS);
    // RFC 9110 11.7: credentials for, and challenges by, a proxy.
    match direction {
        Direction::Request => remove(Field::ProxyAuthorization, header::PROXY_AUTHORIZATION),
        Direction::Response => {
            remove(Field::ProxyAuthenticate, header::PROXY_AUTHENTICATE);
            remove(Field::ProxyAuthenticate, PROXY_AUTHENTICATION_INFO);
        }
    }
}

/// The value of a list, which may be spread over several lines (RFC 9110 5.3), if there is one.
fn joined(headers: &HeaderMap, name: &HeaderName) -> Option<HeaderValue> {
    let lines = headers.get_all(name);
    if lines.iter().nth(1).is_none() {
        return single(headers, name);
    }
    let lines: Vec<_> = lines.iter().map(HeaderValue::as_bytes).collect();
    HeaderValue::from_bytes(&lines.join(&b", "[..])).ok()
}

/// The value of a field that stands on one line and is not empty.
fn single(headers: &HeaderMap, name: &HeaderName) -> Option<HeaderValue> {
    let mut lines = headers.get_all(name).iter();
    match (lines.next(), lines.next()) {
        (Some(value), None) if !value.is_empty() => Some(value.clone()),
        _ => None,
    }
}

fn is_any(element: &[u8], names: &[&[u8]]) -> bool {
    names.iter().any(|name| element.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fields::headers as map;

    fn strip_request(headers: &mut HeaderMap) -> Offer {
        super::strip_request(headers, HeaderScan::of(headers))
    }

    fn names(headers: &HeaderMap) -> Vec<&str> {
        let mut names: Vec<_> = headers.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn what_is_for_this_hop_goes_and_the_rest_stays() {
        for (name, lines, left) in [
            (
                "nominated",
                &[("connection", "close, X-A"), ("x-a", "1"), ("x-b", "1")][..],
                &["x-b"][..],
            ),
            (
                "case",
                &[("connection", "x-INTERNAL"), ("x-internal", "1")],
                &[],
            ),
            (
                "two lines",
                &[("connection", ""), ("connection", "X-A"), ("x-a", "1")],
                &[],
            ),
            (
                "empty elements",
                &[("connection", ",, x-a\t,"), ("x-a", "1")],
                &[],
            ),
            (
                "not a name",
                &[("connection", "x a, \"x-b\""), ("x-b", "1")],
                &["x-b"],
            ),
            (
                "always",
                &[
                    ("keep-alive", "1"),
                    ("proxy-connection", "1"),
                    ("te", "gzip"),
                    ("transfer-encoding", "chunked"),
                    ("upgrade", "h2c"),
                    ("http2-settings", "x"),
                    ("proxy-authorization", "x"),
                ],
                &[],
            ),
            (
                "protected",
                &[
                    ("connection", "host, content-length"),
                    ("host", "a"),
                    ("content-length", "1"),
                ],
                &["content-length", "host"],
            ),
            (
                "repeated",
                &[("connection", "x-a"), ("x-a", "1"), ("x-a", "2")],
                &[],
            ),
            ("trailer field", &[("trailer", "x-sum")], &["trailer"]),
            (
                "two framings",
                &[("transfer-encoding", "chunked"), ("content-length", "3")],
                &[],
            ),
        ] {
            let mut headers = map(lines);
            strip_request(&mut headers);
            assert_eq!(names(&headers), left, "{name}");
        }
    }

    #[test]
    fn the_offer_is_read_before_it_is_removed() {
        let offer = |lines| strip_request(&mut map(lines));
        assert_eq!(
            offer(&[("te", "trailers")]),
            Offer {
                upgrade: None,
                trailers: true
            }
        );
        assert_eq!(offer(&[("te", "gzip, Trailers;q=1")]), Offer::default());
        assert_eq!(offer(&[("upgrade", "websocket")]), Offer::default());
        let both = [
            ("connection", "keep-alive, Upgrade"),
            ("upgrade", "WebSocket"),
        ];
        assert_eq!(offer(&both).upgrade.unwrap(), "WebSocket");
        let twice = [
            ("connection", "Upgrade"),
            ("upgrade", "a"),
            ("upgrade", "b"),
        ];
        assert_eq!(offer(&twice).upgrade.unwrap(), "a, b");
        let twice = [
            ("connection", "keep-alive"),
            ("connection", "upgrade"),
            ("upgrade", ""),
            ("upgrade", "websocket"),
        ];
        assert_eq!(offer(&twice).upgrade.unwrap(), ", websocket");
    }

    #[test]
    fn a_response_loses_its_challenge_and_keeps_its_own() {
        let mut headers = map(&[
            ("connection", "x-a"),
            ("x-a", "1"),
            ("proxy-authenticate", "Basic"),
            ("www-authenticate", "Basic"),
            ("upgrade", "websocket"),
        ]);
        let scan = HeaderScan::of(&headers);
        assert_eq!(strip_response(&mut headers, scan).unwrap(), "websocket");
        assert_eq!(names(&headers), ["www-authenticate"]);
    }

    const GONE: &[&str] = &[
        "connection",
        "keep-alive",
        "proxy-connection",
        "te",
        "transfer-encoding",
        "upgrade",
        "http2-settings",
        "proxy-authorization",
    ];

    proptest! {
        #[test]
        fn nothing_hop_by_hop_passes_and_nothing_else_is_lost(
            lines in proptest::collection::vec(
                ("x-[a-d]|host|cookie|te|keep-alive|upgrade|transfer-encoding|proxy-connection", "[a-z0-9]{0,3}"), 0..12),
            nominated in proptest::collection::vec("X-[a-d]|host|close|content-length|", 0..4),
        ) {
            let mut lines: Vec<_> = lines.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
            let connection = nominated.join(", ");
            lines.push(("connection", &connection));
            let before = map(&lines);
            let mut after = before.clone();
            strip_request(&mut after);
            for name in before.keys() {
                let listed = nominated.iter().any(|n| n.eq_ignore_ascii_case(name.as_str()) && !n.starts_with(['h', 'c']));
                let gone = listed || GONE.contains(&name.as_str());
                let expected: Vec<_> = if gone { vec![] } else { before.get_all(name).iter().collect() };
                prop_assert_eq!(after.get_all(name).iter().collect::<Vec<_>>(), expected, "{}", name);
            }
        }
    }
}
