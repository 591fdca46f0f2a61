//! Updates of a stored head by a newer one (RFC 9111 3.2, 4.3.4, 4.3.5).

use std::time::SystemTime;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use crate::cache::http::conditional::{CONTENT_DIGEST, CONTENT_MD5};
use crate::cache::http::date;
use crate::fields;

/// Fields that are for one connection (RFC 9110 7.6.1), or about a proxy (11.7).
static HOP_BY_HOP: [HeaderName; 9] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHENTICATE,
    HeaderName::from_static("proxy-authentication-info"),
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// Fields that say how the stored body is to be read or what its digest is, which a response without one cannot change:
/// its own digest is one of no bytes.
const OF_BODY: [HeaderName; 9] = [
    CONTENT_DIGEST,
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    CONTENT_MD5,
    header::CONTENT_RANGE,
    header::CONTENT_TYPE,
    HeaderName::from_static("digest"),
    HeaderName::from_static("repr-digest"),
    header::TRAILER,
];

/// The fields of a head that may be stored (RFC 9111 3.1).
pub(crate) fn storable(headers: &HeaderMap) -> HeaderMap {
    let mut stored = headers.clone();
    for nominated in fields::elements(headers, &header::CONNECTION) {
        if let Ok(name) = HeaderName::from_bytes(nominated) {
            stored.remove(name);
        }
    }
    // Most of them are not there: to look at what is takes less than to look for each.
    for name in headers.keys().filter(|name| HOP_BY_HOP.contains(name)) {
        stored.remove(name);
    }
    stored
}

/// The stored head, with each field that a newer head has in place of the one that was there.
pub(crate) fn updated(stored: &HeaderMap, newer: &HeaderMap, received: SystemTime) -> HeaderMap {
    let mut newer = storable(newer);
    // RFC 9110 6.6.1: the time of receipt stands for a date that is not there. With the old one it would be
    // as old as ever.
    if !newer.contains_key(header::DATE) {
        if let Some(now) = date::format(received) {
            let _full = newer.try_insert(header::DATE, now);
        }
    }
    // RFC 9111 4.3.4: a strong tag says nothing of a body that was stored under a weak one, byte for byte.
    let is_weak = |tag: &HeaderValue| tag.as_bytes().starts_with(b"W/");
    if stored.get(header::ETAG).is_some_and(is_weak) {
        newer.remove(header::ETAG);
    }
    let mut updated = HeaderMap::new();
    // RFC 9111 4.2.3: the age counts from the validation, and 5.1: without `Age` it has none.
    let is_kept = |name: &HeaderName| {
        OF_BODY.contains(name) || *name != header::AGE && !newer.contains_key(name)
    };
    for (name, value) in stored.iter().filter(|(name, _)| is_kept(name)) {
        let _full = updated.try_append(name.clone(), value.clone());
    }
    for (name, value) in newer.iter().filter(|(name, _)| !OF_BODY.contains(name)) {
        let _full = updated.try_append(name.clone(), value.clone());
    }
    updated
}

/// The verdict of an answer to a `HEAD` on the stored answer to a `GET` (RFC 9111 4.3.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heads {
    /// Nothing that can be relied on.
    Silent,
    /// It is still what a `GET` would get.
    Same,
    /// It is not.
    Other,
}

pub(crate) fn compare(head: &HeaderMap, stored: &HeaderMap) -> Heads {
    let differs = |name: &HeaderName| {
        let (said, held) = (head.get(name), stored.get(name));
        said.is_some() && held.is_some() && said != held
    };
    if differs(&header::ETAG) || differs(&header::CONTENT_LENGTH) {
        return Heads::Other;
    }
    let modified = |headers| date::field(headers, &header::LAST_MODIFIED).at();
    if let (Some(said), Some(held)) = (modified(head), modified(stored)) {
        if said != held {
            return Heads::Other;
        }
    }
    let agrees = |name: &HeaderName| {
        head.get(name)
            .is_some_and(|said| stored.get(name) == Some(said))
    };
    if agrees(&header::ETAG) || agrees(&header::LAST_MODIFIED) {
        Heads::Same
    } else {
        Heads::Silent
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::headers;

    #[test]
    fn what_is_for_one_connection_is_not_stored() {
        let head = headers(&[
            ("connection", "close, X-A"),
            ("connection", "x-b"),
            ("x-a", "1"),
            ("x-b", "1"),
            ("keep-alive", "1"),
            ("proxy-authenticate", "Basic"),
            ("proxy-authentication-info", "x"),
            ("proxy-connection", "x"),
            ("te", "x"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("x-c", "1"),
            ("x-c", "2"),
            ("trailer", "x-sum"),
        ]);
        let left = headers(&[("x-c", "1"), ("x-c", "2"), ("trailer", "x-sum")]);
        assert_eq!(storable(&head), left);
    }

    #[test]
    fn a_newer_field_stands_in_place_of_all_lines_of_the_older() {
        let stored = headers(&[
            ("link", "<a>"),
            ("link", "<b>"),
            ("x-kept", "1"),
            ("content-length", "36"),
            ("content-type", "text/plain"),
            ("cache-control", "max-age=1"),
        ]);
        let newer = headers(&[
            ("link", "<c>"),
            ("content-length", "10"),
            ("content-type", "text/html"),
            ("cache-control", "max-age=3600"),
            ("x-new", "1"),
            ("x-new", "2"),
            ("connection", "x-hop"),
            ("x-hop", "1"),
        ]);
        let expected = headers(&[
            ("x-kept", "1"),
            ("content-length", "36"),
            ("content-type", "text/plain"),
            ("link", "<c>"),
            ("cache-control", "max-age=3600"),
            ("x-new", "1"),
            ("x-new", "2"),
        ]);
        let mut updated = updated(&stored, &newer, SystemTime::now());
        assert!(updated.remove(header::DATE).is_some());
        assert_eq!(updated, expected);
    }

    #[test]
    fn a_validated_head_is_as_young_as_its_validation_and_no_sounder_than_its_body() {
        const OLD: &str = "Wed, 01 Jan 2020 00:00:00 GMT";
        let received = SystemTime::UNIX_EPOCH;
        let stored = headers(&[("date", OLD), ("age", "99"), ("etag", "W/\"a\"")]);
        let newer = headers(&[("etag", "\"a\"")]);
        let expected = headers(&[
            ("etag", "W/\"a\""),
            ("date", "Thu, 01 Jan 1970 00:00:00 GMT"),
        ]);
        assert_eq!(updated(&stored, &newer, received), expected);
        let newer = headers(&[("date", OLD), ("age", "3")]);
        let stored = headers(&[("etag", "\"a\""), ("age", "99")]);
        let expected = headers(&[("etag", "\"a\""), ("date", OLD), ("age", "3")]);
        assert_eq!(updated(&stored, &newer, received), expected);
    }

    #[test]
    fn a_head_tells_whether_the_stored_body_is_still_the_one() {
        for (head, stored, expected) in [
            (
                &[("etag", "\"a\"")][..],
                &[("etag", "\"a\"")][..],
                Heads::Same,
            ),
            (&[("etag", "\"b\"")], &[("etag", "\"a\"")], Heads::Other),
            (
                &[("content-length", "1")],
                &[("content-length", "2")],
                Heads::Other,
            ),
            (
                &[("etag", "\"a\""), ("content-length", "1")],
                &[("etag", "\"a\""), ("content-length", "2")],
                Heads::Other,
            ),
            (
                &[("content-length", "2")],
                &[("content-length", "2")],
                Heads::Silent,
            ),
            (&[], &[("etag", "\"a\"")], Heads::Silent),
            (
                &[("last-modified", "Wed, 01 Jan 2020 00:00:00 GMT")],
                &[("last-modified", "Thu, 02 Jan 2020 00:00:00 GMT")],
                Heads::Other,
            ),
        ] {
            assert_eq!(
                compare(&headers(head), &headers(stored)),
                expected,
                "{head:?} {stored:?}"
            );
        }
    }
}
