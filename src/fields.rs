//! List-valued fields (RFC 9110 5.6.1), as both halves of the crate need them.
//!
//! A list may stand on one field line or be spread over several (RFC 9110 5.3), may hold empty
//! elements and optional white space, and is read here in place: no function allocates.

use http::header::{Entry, HeaderMap, HeaderName, HeaderValue};

/// The elements of one line of a list field, without surrounding white space; some may be empty.
///
/// Splits at every comma, so it is for lists of tokens only: a quoted string may hold a comma.
pub(crate) fn split(line: &HeaderValue) -> impl Iterator<Item = &[u8]> {
    line.as_bytes().split(|&byte| byte == b',').map(trim)
}

/// The elements of a list field over all of its lines, without the empty ones (RFC 9110 5.6.1.2: a
/// recipient must ignore a reasonable number of them).
#[cfg(any(feature = "proxy", feature = "browser", feature = "cache"))]
pub(crate) fn elements<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> impl Iterator<Item = &'a [u8]> {
    let lines = headers.get_all(name).iter();
    lines.flat_map(split).filter(|element| !element.is_empty())
}

/// The lines of a field that has one line at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sole<'a> {
    Absent,
    One(&'a HeaderValue),
    /// There are several lines. Which of them counts is read differently by everybody.
    Several,
}

/// The value of a field that has one line at most.
pub(crate) fn sole<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Sole<'a> {
    let mut lines = headers.get_all(name).iter();
    match (lines.next(), lines.next()) {
        (None, _) => Sole::Absent,
        (Some(value), None) => Sole::One(value),
        (Some(_), Some(_)) => Sole::Several,
    }
}

/// Whether the bytes are a token (RFC 9110 5.6.2), of which methods and field names are made.
pub(crate) fn is_token(text: &[u8]) -> bool {
    let is_tchar = |b: &u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b);
    !text.is_empty() && text.iter().all(is_tchar)
}

/// Whether a list of case-insensitive tokens holds `token`.
#[cfg(any(feature = "proxy", feature = "cache"))]
pub(crate) fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    elements(headers, name).any(|element| element.eq_ignore_ascii_case(token.as_bytes()))
}

/// Adds a token to a list, unless the list holds it or `*`: in lists of this kind that is everything.
pub(crate) fn add_token(headers: &mut HeaderMap, name: HeaderName, token: HeaderValue) {
    // The field is absent most often; then this is the only search for it.
    match headers.try_entry(name) {
        Ok(Entry::Vacant(entry)) => {
            let _full = entry.try_insert(token);
        }
        Ok(Entry::Occupied(mut entry)) => {
            let is_said = |held: &[u8]| held == b"*" || held.eq_ignore_ascii_case(token.as_bytes());
            if !entry.iter().flat_map(split).any(is_said) {
                entry.append(token);
            }
        }
        Err(_full) => {}
    }
}

/// Without the optional white space (RFC 9110 5.6.3: SP and HTAB, nothing else) at both ends.
pub(crate) fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = value {
        value = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

/// A line of a list without the empty elements at both ends.
#[cfg(any(test, feature = "proxy"))]
fn trim_elements(mut line: &[u8]) -> &[u8] {
    while let [b' ' | b'\t' | b',', rest @ ..] = line {
        line = rest;
    }
    while let [rest @ .., b' ' | b'\t' | b','] = line {
        line = rest;
    }
    line
}

/// Puts `value` behind the last line of a list field as a line of its own, which RFC 9110 5.3 makes
/// the same as an element of the same line, and which copies none of the bytes that are there.
///
/// A map at its limit of entries is left as it is: the peer filled it, and a panic would be its to
/// cause.
#[cfg(any(feature = "proxy", feature = "browser"))]
pub(crate) fn append_line(headers: &mut HeaderMap, name: HeaderName, value: HeaderValue) {
    let _full = headers.try_append(name, value);
}

/// Continues a list field on one line: all of its lines and then `value`, for readers that look at the
/// first line or the last one only. RFC 9110 5.3 makes it the same as a line of its own. Empty elements at the ends of
/// a line are left out, as a sender must not make any (RFC 9110 5.6.1.1).
#[cfg(any(test, feature = "proxy"))]
pub(crate) fn append_element(headers: &mut HeaderMap, name: HeaderName, value: HeaderValue) {
    let mut line = Vec::new();
    for said in headers.get_all(&name) {
        let said = trim_elements(said.as_bytes());
        if !said.is_empty() {
            line.extend_from_slice(said);
            line.extend_from_slice(b", ");
        }
    }
    if line.is_empty() {
        let _full = headers.try_insert(name, value);
        return;
    }
    line.extend_from_slice(value.as_bytes());
    // Field values and a comma make a field value always.
    if let Ok(line) = HeaderValue::from_bytes(&line) {
        let _full = headers.try_insert(name, line);
    }
}

/// The fields of these lines, for unit tests of this crate.
#[cfg(test)]
pub(crate) fn headers(lines: &[(&str, &str)]) -> HeaderMap {
    let name = |name: &str| name.parse::<HeaderName>().unwrap();
    lines
        .iter()
        .map(|(field, value)| (name(field), value.parse().unwrap()))
        .collect()
}

#[cfg(test)]
mod tests {
    use http::header::{AGE, VARY};

    use super::*;

    fn lines(name: &HeaderName, values: &[&str]) -> HeaderMap {
        let lines: Vec<_> = values.iter().map(|value| (name.as_str(), *value)).collect();
        headers(&lines)
    }

    #[test]
    #[cfg(feature = "proxy")]
    fn elements_are_read_over_lines_without_blanks() {
        let headers = lines(&VARY, &["a,, b\t ,", "", " , ", "c"]);
        let found: Vec<_> = elements(&headers, &VARY).collect();
        assert_eq!(found, [b"a", b"b", b"c"]);
    }

    #[test]
    #[cfg(feature = "proxy")]
    fn tokens_are_found_in_any_case_and_only_whole() {
        let headers = lines(&VARY, &["keep-alive", "x, Upgrade"]);
        assert!(has_token(&headers, &VARY, "upgrade"));
        assert!(!has_token(&headers, &VARY, "keep"));
        assert!(!has_token(&headers, &AGE, "upgrade"));
    }

    #[test]
    #[cfg(feature = "proxy")]
    fn an_appended_line_comes_last() {
        let mut headers = lines(&VARY, &["a", "b"]);
        append_line(&mut headers, VARY, HeaderValue::from_static("c"));
        let found: Vec<_> = elements(&headers, &VARY).collect();
        assert_eq!(found, [b"a", b"b", b"c"]);
    }

    #[test]
    fn a_list_is_continued_on_one_line() {
        for (said, want) in [
            (&[][..], "c"),
            (&["a"], "a, c"),
            (&["a, b", "", " x "], "a, b, x, c"),
            (&[""], "c"),
            (&["a,"], "a, c"),
            (&["a, b\t, ,", " , ", ",x"], "a, b, x, c"),
            (&[","], "c"),
        ] {
            let mut headers = lines(&VARY, said);
            append_element(&mut headers, VARY, HeaderValue::from_static("c"));
            assert_eq!(headers.get_all(VARY).iter().collect::<Vec<_>>(), [want]);
        }
    }

    #[test]
    fn only_space_and_tab_are_white_space() {
        assert_eq!(trim(b" \ta b\t "), b"a b");
        assert_eq!(trim(b"\x0ba\x0c"), b"\x0ba\x0c");
        assert_eq!(trim(b" \t "), b"");
    }

    #[test]
    fn a_token_is_added_once() {
        for (said, expected) in [
            (&[][..], &["origin"][..]),
            (&["accept"], &["accept", "origin"]),
            (&["accept", "x-origin"], &["accept", "x-origin", "origin"]),
            (&["accept , ORIGIN"], &["accept , ORIGIN"]),
            (&["accept", "*"], &["accept", "*"]),
            (&[""], &["", "origin"]),
        ] {
            let mut headers = lines(&VARY, said);
            add_token(&mut headers, VARY, HeaderValue::from_static("origin"));
            assert_eq!(
                headers.get_all(VARY).iter().collect::<Vec<_>>(),
                expected,
                "{said:?}"
            );
        }
    }

    #[test]
    fn a_field_of_one_line_is_told_from_others() {
        let mut headers = lines(&VARY, &["a", "b"]);
        headers.insert(AGE, HeaderValue::from_static("1"));
        assert_eq!(sole(&headers, &AGE), Sole::One(&headers[AGE]));
        assert_eq!(sole(&headers, &VARY), Sole::Several);
        assert_eq!(sole(&headers, &http::header::HOST), Sole::Absent);
    }

    #[test]
    fn tokens() {
        for text in ["PUT", "x_a", "x.b", "x'c", "1", "!#$%&'*+-.^_`|~"] {
            assert!(is_token(text.as_bytes()), "{text}");
        }
        for text in [
            "", " ", "x a", "x:", "x,y", "x/a", "x\n", "x-é", "\"x\"", "{x}",
        ] {
            assert!(!is_token(text.as_bytes()), "{text}");
        }
    }
}
