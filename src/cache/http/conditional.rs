//! Preconditions of a client, judged by a stored response (RFC 9110 13, RFC 9111 4.3.2).

use std::time::Duration;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use crate::cache::http::date::{self, Dated};
use crate::fields;

/// RFC 9530 2.
pub(crate) const CONTENT_DIGEST: HeaderName = HeaderName::from_static("content-digest");

/// RFC 2616 14.15, which is obsolete; some stores of objects send it.
pub(crate) const CONTENT_MD5: HeaderName = HeaderName::from_static("content-md5");

/// The conditions by which a client says what it has (RFC 9110 13.1.2, 13.1.3).
pub(crate) const OF_CLIENT: [HeaderName; 2] = [header::IF_NONE_MATCH, header::IF_MODIFIED_SINCE];

/// Takes the conditions of a client out of its request.
pub(crate) fn take(request: &mut HeaderMap) -> HeaderMap {
    let mut taken = HeaderMap::new();
    for name in &OF_CLIENT {
        for line in request.get_all(name) {
            let _full = taken.try_append(name.clone(), line.clone());
        }
        request.remove(name);
    }
    taken
}

/// Whether a client has the stored response already, so that a 304 will do.
///
/// `If-None-Match` goes before `If-Modified-Since` (RFC 9110 13.2.2). Without a `Last-Modified` it is
/// `Date` that has to be as early as the client's (RFC 9111 4.3.2).
pub(crate) fn is_not_modified(request: &HeaderMap, stored: &HeaderMap) -> bool {
    if request.contains_key(header::IF_NONE_MATCH) {
        let lines = request.get_all(header::IF_NONE_MATCH).iter();
        let tag = stored.get(header::ETAG).map(HeaderValue::as_bytes);
        return lines.map(HeaderValue::as_bytes).any(|line| {
            fields::trim(line) == b"*"
                || tag.is_some_and(|tag| tags(line).any(|asked| opaque(asked) == opaque(tag)))
        });
    }
    let Dated::At(since) = date::field(request, &header::IF_MODIFIED_SINCE) else {
        return false;
    };
    let modified = match date::field(stored, &header::LAST_MODIFIED) {
        Dated::Absent => date::field(stored, &header::DATE),
        modified => modified,
    };
    modified.at().is_some_and(|modified| modified <= since)
}

/// Whether a part of the stored response is a part of what the client has (RFC 9110 13.1.5); without
/// `If-Range` it is.
pub(crate) fn is_same_range(request: &HeaderMap, stored: &HeaderMap) -> bool {
    let mut lines = request.get_all(header::IF_RANGE).iter();
    let Some(asked) = lines.next() else {
        return true;
    };
    if lines.next().is_some() {
        return false;
    }
    if asked.as_bytes().starts_with(b"\"") {
        return stored.get(header::ETAG) == Some(asked);
    }
    // A date is a strong validator only if nothing can have changed in its second (RFC 9110 8.8.2.2).
    let modified = date::field(stored, &header::LAST_MODIFIED).at();
    let sent = date::field(stored, &header::DATE).at();
    match (modified, sent) {
        (Some(modified), Some(sent)) => {
            date::parse(asked) == Some(modified) && modified + Duration::from_secs(1) <= sent
        }
        _ => false,
    }
}

/// Whether the request has a precondition that only the upstream can judge (RFC 9111 4.3.2).
pub(crate) fn is_for_origin(request: &HeaderMap) -> bool {
    request.contains_key(header::IF_MATCH) || request.contains_key(header::IF_UNMODIFIED_SINCE)
}

/// Whether there is something by which the stored response can be validated.
pub(crate) fn can_be_validated(stored: &HeaderMap) -> bool {
    stored.contains_key(header::ETAG) || stored.contains_key(header::LAST_MODIFIED)
}

/// Makes a request ask whether the stored response is still good (RFC 9111 4.3.1), in place of what the
/// client asked for itself.
///
/// The client's own validators are not sent with it: of a 304 without `ETag` nobody could tell whose validator it
/// answers.
pub(crate) fn ask(request: &mut HeaderMap, stored: &HeaderMap) {
    for (asked, held) in [
        (header::IF_NONE_MATCH, header::ETAG),
        (header::IF_MODIFIED_SINCE, header::LAST_MODIFIED),
    ] {
        match stored.get(held) {
            Some(validator) => {
                let _full = request.try_insert(asked, validator.clone());
            }
            None => {
                request.remove(asked);
            }
        }
    }
}

/// Whether a 304 is about the stored response (RFC 9111 4.3.4): it has the same validators, as far as it
/// has any.
///
/// Weak and strong forms of one tag are the same here, on purpose. To the letter a 304 with a strong tag renews nothing
/// that was stored under the weak one. But nginx weakens the tag of what it compresses in the 200 and not in the 304, so
/// that each validation of a compressed page would be two requests and a whole body. The 304 is the answer to a question
/// about the weak tag, the body goes on with that one, and for that it need not be the same byte for byte.
pub(crate) fn is_about(not_modified: &HeaderMap, stored: &HeaderMap) -> bool {
    if let (Some(said), held) = (not_modified.get(header::ETAG), stored.get(header::ETAG)) {
        return held.is_some_and(|held| opaque(said.as_bytes()) == opaque(held.as_bytes()));
    }
    match (
        not_modified.get(header::LAST_MODIFIED),
        stored.get(header::LAST_MODIFIED),
    ) {
        (Some(said), Some(held)) => said == held || date::parse(said) == date::parse(held),
        _ => true,
    }
}

/// Fields of a stored response that a 304 has not: they are about content that it has not (RFC 9110
/// 15.4.5).
const OF_CONTENT: [HeaderName; 8] = [
    CONTENT_DIGEST,
    header::CONTENT_ENCODING,
    header::CONTENT_LANGUAGE,
    header::CONTENT_LENGTH,
    CONTENT_MD5,
    header::CONTENT_RANGE,
    header::CONTENT_TYPE,
    header::TRAILER,
];

/// Makes the head of a stored response that of a 304.
pub(crate) fn strip_content(headers: &mut HeaderMap) {
    for name in &OF_CONTENT {
        headers.remove(name);
    }
}

/// Weak comparison (RFC 9110 8.8.3.2).
fn opaque(tag: &[u8]) -> &[u8] {
    tag.strip_prefix(b"W/").unwrap_or(tag)
}

/// The entity tags of a line. A comma may stand in a tag, and a quotation mark may not; what is not a tag
/// is passed over.
fn tags(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = line;
    std::iter::from_fn(move || {
        loop {
            while let [b' ' | b'\t' | b',', after @ ..] = rest {
                rest = after;
            }
            if rest.is_empty() {
                return None;
            }
            let weak = if rest.starts_with(b"W/") { 2 } else { 0 };
            let end = match rest.get(weak) {
                Some(b'"') => rest[weak + 1..].iter().position(|byte| *byte == b'"'),
                _ => None,
            };
            if let Some(end) = end {
                let (tag, after) = rest.split_at(weak + 1 + end + 1);
                rest = after;
                return Some(tag);
            }
            let comma = rest.iter().position(|byte| *byte == b',');
            rest = comma.map_or(&[], |comma| &rest[comma..]);
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::headers;

    const OLD: &str = "Wed, 01 Jan 2020 00:00:00 GMT";
    const OLD_IN_RFC850: &str = "Wednesday, 01-Jan-20 00:00:00 GMT";
    const NEW: &str = "Thu, 02 Jan 2020 00:00:00 GMT";

    #[test]
    fn a_client_has_what_is_stored_or_not() {
        for (stored, request, expected) in [
            (
                &[("etag", "\"a\"")][..],
                &[("if-none-match", "\"a\"")][..],
                true,
            ),
            (&[("etag", "\"a\"")], &[("if-none-match", "W/\"a\"")], true),
            (&[("etag", "W/\"a\"")], &[("if-none-match", "\"a\"")], true),
            (
                &[("etag", "\"a\"")],
                &[("if-none-match", "\"x\", \"a\"")],
                true,
            ),
            (
                &[("etag", "\"a\"")],
                &[("if-none-match", "\"x,\"a\", \"a\"")],
                true,
            ),
            (
                &[("etag", "\"a,b\"")],
                &[("if-none-match", "\"a,b\"")],
                true,
            ),
            (&[("etag", "\"ü\"")], &[("if-none-match", "\"ü\"")], true),
            (
                &[("etag", "\"a\"")],
                &[("if-none-match", "\"x\""), ("if-none-match", "\"a\"")],
                true,
            ),
            (&[("etag", "\"a\"")], &[("if-none-match", " * ")], true),
            (&[], &[("if-none-match", "*")], true),
            (&[("etag", "\"a\"")], &[("if-none-match", "a")], false),
            (&[("etag", "a")], &[("if-none-match", "a")], false),
            (&[("etag", "\"a\"")], &[("if-none-match", "\"A\"")], false),
            (&[("etag", "\"a\"")], &[("if-none-match", "\"a")], false),
            (&[("etag", "\"a\"")], &[("if-none-match", "")], false),
            (&[], &[("if-none-match", "\"a\"")], false),
            (
                &[("last-modified", OLD)],
                &[("if-modified-since", OLD)],
                true,
            ),
            (
                &[("last-modified", OLD)],
                &[("if-modified-since", OLD_IN_RFC850)],
                true,
            ),
            (
                &[("last-modified", OLD)],
                &[("if-modified-since", NEW)],
                true,
            ),
            (
                &[("last-modified", NEW)],
                &[("if-modified-since", OLD)],
                false,
            ),
            (
                &[("last-modified", OLD)],
                &[("if-modified-since", "yesterday")],
                false,
            ),
            (
                &[("last-modified", "x"), ("date", OLD)],
                &[("if-modified-since", NEW)],
                false,
            ),
            (&[("date", OLD)], &[("if-modified-since", NEW)], true),
            (&[("date", NEW)], &[("if-modified-since", OLD)], false),
            (
                &[("etag", "\"a\""), ("last-modified", OLD)],
                &[("if-none-match", "\"b\""), ("if-modified-since", NEW)],
                false,
            ),
            (
                &[("etag", "\"a\""), ("last-modified", NEW)],
                &[("if-none-match", "\"a\""), ("if-modified-since", OLD)],
                true,
            ),
            (&[("etag", "\"a\"")], &[], false),
        ] {
            let judged = is_not_modified(&headers(request), &headers(stored));
            assert_eq!(judged, expected, "{stored:?} {request:?}");
        }
    }

    #[test]
    fn a_range_goes_on_with_what_the_client_has_or_not_at_all() {
        for (stored, asked, expected) in [
            (&[("etag", "\"a\"")][..], "\"a\"", true),
            (&[("etag", "\"a\"")], "\"b\"", false),
            (&[("etag", "W/\"a\"")], "W/\"a\"", false),
            (&[("etag", "W/\"a\"")], "\"a\"", false),
            (&[("last-modified", OLD), ("date", NEW)], OLD, true),
            (&[("last-modified", OLD), ("date", OLD)], OLD, false),
            (&[("last-modified", OLD)], OLD, false),
            (&[("last-modified", OLD), ("date", NEW)], NEW, false),
            (&[], "\"a\"", false),
        ] {
            let request = headers(&[("if-range", asked)]);
            assert_eq!(
                is_same_range(&request, &headers(stored)),
                expected,
                "{stored:?} {asked}"
            );
        }
        assert!(is_same_range(&HeaderMap::new(), &HeaderMap::new()));
        let twice = headers(&[("if-range", "\"a\""), ("if-range", "\"a\"")]);
        assert!(!is_same_range(&twice, &headers(&[("etag", "\"a\"")])));
    }

    #[test]
    fn a_304_is_about_what_it_names() {
        for (said, stored, expected) in [
            (&[("etag", "\"a\"")][..], &[("etag", "\"a\"")][..], true),
            (&[("etag", "\"a\"")], &[("etag", "W/\"a\"")], true),
            (&[("etag", "\"b\"")], &[("etag", "\"a\"")], false),
            (&[("etag", "\"b\"")], &[("last-modified", OLD)], false),
            (
                &[("last-modified", OLD)],
                &[("last-modified", OLD_IN_RFC850)],
                true,
            ),
            (&[("last-modified", NEW)], &[("last-modified", OLD)], false),
            (&[], &[("etag", "\"a\"")], true),
        ] {
            assert_eq!(
                is_about(&headers(said), &headers(stored)),
                expected,
                "{said:?} {stored:?}"
            );
        }
    }

    #[test]
    fn the_cache_asks_in_its_own_name() {
        let mut request = headers(&[("if-none-match", "\"mine\""), ("if-modified-since", OLD)]);
        ask(&mut request, &headers(&[("etag", "\"a\"")]));
        assert_eq!(request, headers(&[("if-none-match", "\"a\"")]));
    }
}
