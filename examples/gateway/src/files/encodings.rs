//! Which form of a file a client gets, and the entity tags of compressed ones.
//!
//! A file and its compressed form are two representations, and two need two tags (RFC 9110 8.8.3.3). With
//! one for both, a browser that has the compressed form and asks for a range of the plain one is told
//! that it has it already, and reads a piece of gzip as if it were a whole.

use http::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, ETAG, HeaderName, IF_MATCH, IF_NONE_MATCH, RANGE, VARY,
};
use http::{HeaderMap, HeaderValue, StatusCode};

/// What the tag of the compressed form ends with.
const SUFFIX: &str = "-gzip\"";

/// Leaves an encoding in a request only where it is the one to answer in, and makes its tags those of the
/// plain file, where compressed forms may be the answer. Gives whether the client has one of these.
pub fn ask(headers: &mut HeaderMap) -> bool {
    let gzip = prefers_gzip(headers);
    // RFC 9110 12.5.3: who likes no form that there is may be sent the file as it is. Asked for nothing,
    // the compression makes no 406 of whatever was found.
    if gzip {
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
    } else {
        headers.remove(ACCEPT_ENCODING);
    }
    join(headers, &IF_MATCH);
    join(headers, &IF_NONE_MATCH);
    // RFC 9110 14.2: a range is one of what would be sent without it, and that is the plain file.
    if headers.contains_key(RANGE) || !gzip {
        return false;
    }
    let Some(known) = headers.get(IF_NONE_MATCH).map(HeaderValue::to_str) else {
        return false;
    };
    let Some(known) = known.ok().filter(|known| known.contains(SUFFIX)) else {
        return false;
    };
    if let Ok(plain) = HeaderValue::try_from(known.replace(SUFFIX, "\"")) {
        headers.insert(IF_NONE_MATCH, plain);
    }
    true
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
pub fn answer(status: StatusCode, headers: &mut HeaderMap, has_compressed: bool) {
    let confirmed = has_compressed && status == StatusCode::NOT_MODIFIED;
    if confirmed || headers.contains_key(CONTENT_ENCODING) {
        let tag = headers.get(ETAG).and_then(|tag| tag.to_str().ok());
        let own = tag.and_then(|tag| HeaderValue::try_from(compressed(tag)?).ok());
        if let Some(own) = own {
            headers.insert(ETAG, own);
        }
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

/// Weak, as the same text may be compressed to other bytes.
fn compressed(tag: &str) -> Option<String> {
    let opaque = tag.strip_prefix("W/").unwrap_or(tag);
    Some(format!("W/{}{SUFFIX}", opaque.strip_suffix('"')?))
}

/// RFC 9110 12.5.3: what is not listed weighs what `*` does, and without that nothing.
fn prefers_gzip(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(ACCEPT_ENCODING).iter();
    let codings = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','));
    let (mut gzip, mut identity, mut others) = (None, None, None);
    for coding in codings {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, "q=1"));
        let is = |other| name.trim().eq_ignore_ascii_case(other);
        let weight = weight_of(weight);
        if is("gzip") || is("x-gzip") {
            gzip = gzip.or(weight);
        } else if is("identity") {
            identity = identity.or(weight);
        } else if is("*") {
            others = others.or(weight);
        }
    }
    let gzip = gzip.or(others).unwrap_or(0.0);
    gzip > 0.0 && gzip >= identity.or(others).unwrap_or(0.0)
}

/// RFC 9110 12.4.2.
fn weight_of(parameter: &str) -> Option<f32> {
    let (name, weight) = parameter.trim().split_once('=')?;
    let weight = weight.parse().ok()?;
    (name.eq_ignore_ascii_case("q") && (0.0..=1.0).contains(&weight)).then_some(weight)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_that_the_client_can_use_is_asked_for_by_the_files_tag() {
        for (encodings, range, known, asked) in [
            ("gzip, br", "", r#"W/"a-gzip""#, r#"W/"a""#),
            (
                "br;q=1, GZIP;q=0.5",
                "",
                r#""x", W/"a-gzip""#,
                r#""x", W/"a""#,
            ),
            ("*", "", r#"W/"a-gzip""#, r#"W/"a""#),
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
            let has = ask(&mut headers);
            assert_eq!(headers[IF_NONE_MATCH], asked, "{encodings} {range}");
            assert_eq!(has, asked != known, "{encodings} {range}");
        }
    }

    #[test]
    fn tags_are_made_weak_and_told_apart() {
        for (tag, own) in [
            (r#""a""#, Some(r#"W/"a-gzip""#)),
            (r#"W/"a""#, Some(r#"W/"a-gzip""#)),
            ("a", None),
        ] {
            assert_eq!(compressed(tag).as_deref(), own, "{tag}");
        }
    }
}
