//! List fields that compression reads. They are read as octets: a member that is not ASCII is a member of its
//! own (RFC 9110 5.5), and does not take the others of its line with it.

use http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, HeaderName, IF_MODIFIED_SINCE, IF_NONE_MATCH, VARY,
};
use http::{HeaderMap, HeaderValue};

/// The field by which an upstream speaks to the caches in front of it, and to nobody behind them (RFC 9213 3).
const CDN_CACHE_CONTROL: HeaderName = HeaderName::from_static("cdn-cache-control");

/// Whether a message may be transformed on its way (RFC 9111 5.2.1.6, 5.2.2.6).
///
/// Only the name of the directive counts: an argument is not defined for it, and is ignored (5.2). A comma in a
/// quoted string parts members here, too; what is then taken for the directive is left as it is, which is
/// always right.
pub fn may_transform(headers: &HeaderMap) -> bool {
    let mut directives = members(headers, CACHE_CONTROL).chain(members(headers, CDN_CACHE_CONTROL));
    !directives.any(|directive| {
        let mut parts = directive.split(|byte| matches!(byte, b'=' | b';' | b' ' | b'\t'));
        let name = parts.next().unwrap_or_default();
        name.eq_ignore_ascii_case(b"no-transform")
    })
}

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
    fn no_transform_is_read_in_whatever_company() {
        for (lines, may) in [
            (&[][..], true),
            (&["public"][..], true),
            (&["no-transform"], false),
            (&["public, No-Transform"], false),
            (&["public", "max-age=1 ,no-transform"], false),
            (&["no-transform, x=\"\u{e9}\""], false),
            (&["x=\u{e9},no-transform"], false),
            (&["no-transform=\"x\""], false),
            (&["no-transform=1"], false),
            (&["no-transform ;a"], false),
            (&["no-transform;a"], false),
            (&["no-transformer"], true),
            (&["x-no-transform"], true),
            (&["x=no-transform"], true),
        ] {
            let mut headers = HeaderMap::new();
            for line in lines {
                let line = HeaderValue::from_bytes(line.as_bytes()).unwrap();
                headers.append(CACHE_CONTROL, line);
            }
            assert_eq!(may_transform(&headers), may, "{lines:?}");
        }
        let mut headers = HeaderMap::new();
        headers.insert(
            CDN_CACHE_CONTROL,
            HeaderValue::from_static("max-age=9, no-transform"),
        );
        assert!(!may_transform(&headers));
    }

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
