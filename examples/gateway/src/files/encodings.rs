//! The choice of the form of a file that a client gets, and the entity tags of compressed forms.
//!
//! A file and its compressed form are two representations, and two need two tags (RFC 9110 8.8.3.3). With
//! one for both, a browser that has the compressed form and asks for a range of the plain one is told
//! that it has it already, and reads a piece of gzip as if it were a whole.

use std::time::SystemTime;

use http::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, ETAG, HeaderName, IF_MATCH, IF_NONE_MATCH,
    IF_UNMODIFIED_SINCE, LAST_MODIFIED, VARY,
};
use http::{HeaderMap, HeaderValue, StatusCode};

use super::known::date;
use crate::compress::{Coding, Codings};

/// Leaves the codings in a request that are to be answered in.
pub fn ask(accepted: Codings, headers: &mut HeaderMap) {
    match accepted.field() {
        Some(field) => headers.insert(ACCEPT_ENCODING, field),
        None => headers.remove(ACCEPT_ENCODING),
    };
    join(headers, &IF_MATCH);
    join(headers, &IF_NONE_MATCH);
    // RFC 9110 13.1.1, 13.2.2: any file that is there will do, and no date counts beside that. `ServeDir` refuses a file
    // that has no tag, as one from before 1970.
    if headers.get(IF_MATCH).is_some_and(|any| any == "*") {
        headers.remove(IF_MATCH);
        headers.remove(IF_UNMODIFIED_SINCE);
    }
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

/// Gives the compressed form a tag of its own, and takes out a date that has not come yet (RFC 9110 8.8.2.1).
pub fn answer(status: StatusCode, headers: &mut HeaderMap) {
    let modified = headers.get(LAST_MODIFIED).and_then(date);
    if modified.is_some_and(|modified| modified > SystemTime::now()) {
        headers.remove(LAST_MODIFIED);
    }
    if let Some(name) = headers.get(CONTENT_ENCODING) {
        let coding = Coding::ALL.into_iter().find(|coding| name == coding.name());
        let own = coding.and_then(|coding| compressed(headers.get(ETAG)?, coding));
        if let Some(own) = own {
            headers.insert(ETAG, own);
        }
    }
    // RFC 9110 15.3.7, 15.4.5: a part and a 304 say what the whole would have said of who gets what. And what is not
    // there plain may be there compressed.
    if matches!(
        status,
        StatusCode::PARTIAL_CONTENT | StatusCode::NOT_MODIFIED | StatusCode::NOT_FOUND
    ) {
        headers
            .entry(VARY)
            .or_insert(HeaderValue::from_static("accept-encoding"));
    }
}

/// Weak, as the same text may be compressed to other bytes.
fn compressed(tag: &HeaderValue, coding: Coding) -> Option<HeaderValue> {
    let tag = tag.to_str().ok()?;
    let opaque = tag.strip_prefix("W/").unwrap_or(tag);
    let own = format!("W/{}-{}\"", opaque.strip_suffix('"')?, coding.name());
    HeaderValue::try_from(own).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
