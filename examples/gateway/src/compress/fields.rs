//! List fields that compression reads. They are read as octets: a member that is not ASCII is a member of its
//! own (RFC 9110 5.5), and does not take the others of its line with it.

use http::header::{CONTENT_ENCODING, HeaderName, IF_MODIFIED_SINCE, IF_NONE_MATCH, VARY};
use http::{HeaderMap, HeaderValue};

/// Whether there is a coding. `identity` is not one (RFC 9110 8.4.1).
pub fn is_coded(headers: &HeaderMap) -> bool {
    let mut codings = members(headers, CONTENT_ENCODING);
    codings.any(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case(b"identity"))
}

/// Says that an answer hangs on `Accept-Encoding`, unless that is said.
pub fn vary(headers: &mut HeaderMap) {
    let mut names = members(headers, VARY);
    let is_said = names.any(|name| name == b"*" || name.eq_ignore_ascii_case(b"accept-encoding"));
    drop(names);
    if !is_said {
        headers.append(VARY, HeaderValue::from_static("accept-encoding"));
    }
}

/// Whether a line of a list of tags holds a tag.
pub fn contains(known: &HeaderValue, tag: &HeaderValue) -> bool {
    let (known, tag) = (known.as_bytes(), tag.as_bytes());
    known.windows(tag.len()).any(|part| part == tag)
}

/// The lines with tags that a client knows, of which one may have been made weak here: all of them, as they are
/// one list (RFC 9110 5.3). One that asks by a date alone has some form, as one that knows `*`.
pub fn weak_tags(headers: &HeaderMap) -> Vec<HeaderValue> {
    if !headers.contains_key(IF_NONE_MATCH) && headers.contains_key(IF_MODIFIED_SINCE) {
        return vec![HeaderValue::from_static("*")];
    }
    let lines = headers.get_all(IF_NONE_MATCH).iter();
    let weak = lines.filter(|line| {
        let line = line.as_bytes();
        line == b"*" || line.windows(3).any(|part| part == b"W/\"")
    });
    weak.cloned().collect()
}

/// The members of a list on all of its lines, without the white space around them.
pub fn members(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &[u8]> {
    let lines = headers.get_all(name).into_iter();
    lines
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_that_is_said_is_not_said_again() {
        for (line, lines) in [
            ("origin", 2),
            ("Accept-Encoding", 1),
            ("\u{e9}, accept-encoding", 1),
            ("*", 1),
        ] {
            let mut headers = HeaderMap::new();
            headers.append(VARY, HeaderValue::from_bytes(line.as_bytes()).unwrap());
            vary(&mut headers);
            assert_eq!(headers.get_all(VARY).iter().count(), lines, "{line}");
        }
    }
}
