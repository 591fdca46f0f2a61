//! Which form of a file a client gets, and the entity tags of compressed ones.
//!
//! A file and its compressed form are two representations, and two need two tags (RFC 9110 8.8.3.3). With
//! one for both, a browser that has the compressed form and asks for a range of the plain one is told
//! that it has it already, and reads a piece of gzip as if it were a whole.

use super::Head;
use crate::compress::{Coding, Codings, contains};
use http::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, ETAG, HeaderName, IF_MATCH, IF_MODIFIED_SINCE,
    IF_NONE_MATCH, LAST_MODIFIED, RANGE, VARY,
};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use same_origin::proxy::Body;

/// The forms that a client takes, and those that it has.
pub struct Asked {
    pub accepted: Codings,
    /// The tags that it sent, if some of them are those of compressed forms that it takes.
    known: Option<HeaderValue>,
}

/// Leaves the codings in a request that are to be answered in, and makes the tags of compressed forms those
/// of the file, where such a form may be the answer.
pub fn ask(accepted: Codings, headers: &mut HeaderMap) -> Asked {
    match accepted.field() {
        Some(field) => headers.insert(ACCEPT_ENCODING, field),
        None => headers.remove(ACCEPT_ENCODING),
    };
    join(headers, &IF_MATCH);
    join(headers, &IF_NONE_MATCH);
    let known = if headers.contains_key(RANGE) {
        None
    } else {
        plain_tags(accepted, headers)
    };
    Asked { accepted, known }
}

/// Whether a GET is to be answered with a file only if there is none (RFC 9110 13.1.2, `*`). Then the condition is
/// taken out of it, with all that it goes before (13.2.2): which form's tag the 304 has is known once the 200
/// is, since it hangs on the length and the kind of the file, and on what lies beside it.
pub fn asks_for_none(head: &mut Head) -> bool {
    let mut known = head.headers().get_all(IF_NONE_MATCH).iter();
    let is_any = known.next().is_some_and(|known| known == "*") && known.next().is_none();
    if !is_any || head.method() != Method::GET {
        return false;
    }
    for name in [IF_NONE_MATCH, IF_MODIFIED_SINCE, RANGE] {
        head.headers_mut().remove(name);
    }
    true
}

/// The answer to who has any form of a file already.
pub fn unchanged(found: Response<Body>) -> Response<Body> {
    match found.status() {
        StatusCode::OK => not_modified(found.headers()),
        _ => found,
    }
}

/// RFC 9110 15.4.5: what the 200 would say of its validators and of who gets what.
pub fn not_modified(whole: &HeaderMap) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    for name in [ETAG, LAST_MODIFIED, VARY] {
        if let Some(value) = whole.get(&name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    response
}

/// Takes the suffixes of accepted codings off the tags that a client knows. Returns what was there, if it
/// is another.
fn plain_tags(accepted: Codings, headers: &mut HeaderMap) -> Option<HeaderValue> {
    let known = headers.get(IF_NONE_MATCH)?.clone();
    let plain = accepted
        .iter()
        .fold(known.as_bytes().to_vec(), |tags, coding| {
            without(&tags, suffix(coding).as_bytes())
        });
    if plain == known.as_bytes() {
        return None;
    }
    headers.insert(IF_NONE_MATCH, HeaderValue::try_from(plain).ok()?);
    Some(known)
}

/// A list of tags, of which those with a suffix end without it. As octets: a tag may have some that are not
/// ASCII (RFC 9110 8.8.3).
fn without(tags: &[u8], suffix: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(tags.len());
    let mut rest = tags;
    while let Some((first, after)) = rest.split_first() {
        let found = rest.strip_prefix(suffix);
        plain.push(if found.is_some() { b'"' } else { *first });
        rest = found.unwrap_or(after);
    }
    plain
}

/// The end of the tag of a compressed form.
fn suffix(coding: Coding) -> String {
    format!("-{}\"", coding.name())
}

/// RFC 9110 5.3: a list on several lines is one list, of which `ServeDir` reads the first line.
fn join(headers: &mut HeaderMap, name: &HeaderName) {
    let lines = headers.get_all(name).iter().map(HeaderValue::as_bytes);
    let lines: Vec<_> = lines.collect();
    if lines.len() > 1
        && let Ok(joined) = HeaderValue::from_bytes(&lines.join(&b", "[..]))
    {
        headers.insert(name, joined);
    }
}

/// Gives the compressed form a tag of its own, also where it is only said that the client has it.
pub fn answer(asked: &Asked, status: StatusCode, headers: &mut HeaderMap) {
    let own = match headers.get(CONTENT_ENCODING) {
        Some(name) => Coding::ALL
            .into_iter()
            .find(|coding| name == coding.name())
            .and_then(|coding| compressed(headers.get(ETAG)?, coding)),
        None if status == StatusCode::NOT_MODIFIED => asked.confirmed(headers.get(ETAG)),
        None => None,
    };
    if let Some(own) = own {
        headers.insert(ETAG, own);
    }
    // RFC 9110 15.3.7, 15.4.5: a part and a 304 say what the whole would have said of who gets what.
    if matches!(
        status,
        StatusCode::PARTIAL_CONTENT | StatusCode::NOT_MODIFIED
    ) {
        headers
            .entry(VARY)
            .or_insert(HeaderValue::from_static("accept-encoding"));
    }
}

impl Asked {
    /// The tag of the form that a client has, if the file's is the tag behind it.
    fn confirmed(&self, tag: Option<&HeaderValue>) -> Option<HeaderValue> {
        let known = self.known.as_ref()?;
        let mut own = self
            .accepted
            .iter()
            .filter_map(|coding| compressed(tag?, coding));
        own.find(|own| contains(known, own))
    }
}

/// Weak, as the same text may be compressed to other bytes.
fn compressed(tag: &HeaderValue, coding: Coding) -> Option<HeaderValue> {
    let tag = tag.to_str().ok()?;
    let opaque = tag.strip_prefix("W/").unwrap_or(tag);
    let own = format!("W/{}{}", opaque.strip_suffix('"')?, suffix(coding));
    HeaderValue::try_from(own).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_that_the_client_can_use_is_asked_for_by_the_files_tag() {
        for (encodings, range, known, asked) in [
            ("gzip, br", "", r#"W/"a-gzip""#, r#"W/"a""#),
            ("gzip, br", "", r#"W/"a-br", "b""#, r#"W/"a", "b""#),
            ("gzip", "", r#"W/"a-br""#, r#"W/"a-br""#),
            (
                "br;q=1, GZIP;q=0.5",
                "",
                r#""x", W/"a-gzip""#,
                r#""x", W/"a""#,
            ),
            ("*", "", r#"W/"a-zstd""#, r#"W/"a""#),
            ("gzip", "", r#""a""#, r#""a""#),
            ("gzip", "bytes=0-1", r#"W/"a-gzip""#, r#"W/"a-gzip""#),
            ("identity", "", r#"W/"a-gzip""#, r#"W/"a-gzip""#),
            ("gzip;q=0.0", "", r#"W/"a-gzip""#, r#"W/"a-gzip""#),
            ("", "", r#"W/"a-gzip""#, r#"W/"a-gzip""#),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in [(ACCEPT_ENCODING, encodings), (RANGE, range)] {
                if !value.is_empty() {
                    headers.insert(name, value.parse().unwrap());
                }
            }
            headers.insert(IF_NONE_MATCH, known.parse().unwrap());
            let accepted = Codings::ALL.accepted(&headers);
            let has = ask(accepted, &mut headers).known.is_some();
            assert_eq!(headers[IF_NONE_MATCH], asked, "{encodings} {range}");
            assert_eq!(has, asked != known, "{encodings} {range}");
        }
    }

    #[test]
    fn tags_are_made_weak_and_told_apart() {
        for (tag, own) in [
            (r#""a""#, Some(r#"W/"a-br""#)),
            (r#"W/"a""#, Some(r#"W/"a-br""#)),
            ("a", None),
        ] {
            let tag = HeaderValue::from_static(tag);
            let found = compressed(&tag, Coding::Br);
            assert_eq!(found.as_ref().and_then(|own| own.to_str().ok()), own);
        }
    }

    /// RFC 9110 15.4.5: a 304 has the tag of what it confirms.
    #[test]
    fn a_form_that_is_confirmed_keeps_its_tag() {
        for (known, wanted) in [
            (r#"W/"a-gzip""#, r#"W/"a-gzip""#),
            (r#"W/"b-br", W/"a-br""#, r#"W/"a-br""#),
            (r#"W/"a""#, r#""a""#),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("br, gzip"));
            headers.insert(IF_NONE_MATCH, HeaderValue::from_static(known));
            let accepted = Codings::ALL.accepted(&headers);
            let asked = ask(accepted, &mut headers);
            let mut answered = HeaderMap::new();
            answered.insert(ETAG, HeaderValue::from_static(r#""a""#));
            answer(&asked, StatusCode::NOT_MODIFIED, &mut answered);
            assert_eq!(answered[ETAG], wanted, "{known}");
        }
    }
}
