//! List-valued fields (RFC 9110 5.6.1), as both halves of the crate need them.
//!
//! A list may stand on one field line or be spread over several (RFC 9110 5.3), may hold empty
//! elements and optional white space, and is read here in place: no function allocates.

use http::header::{Entry, HeaderMap, HeaderName, HeaderValue};

/// The elements of a list field over all of its lines, without surrounding white space and without
/// the empty ones (RFC 9110 5.6.1.2: a recipient must ignore a reasonable number of them).
///
/// Splits at every comma, so it is for lists of tokens only: a quoted string may hold a comma.
#[cfg(any(test, feature = "proxy", feature = "browser"))]
pub(crate) fn elements<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> impl Iterator<Item = &'a [u8]> {
    headers
        .get_all(name)
        .iter()
        .flat_map(|line| line.as_bytes().split(|&byte| byte == b','))
        .map(trim)
        .filter(|element| !element.is_empty())
}

/// The value of a field that has one line; `Some(Err(..))`, with the first, where it has several.
pub(crate) fn sole<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> Option<Result<&'a HeaderValue, &'a HeaderValue>> {
    let first = headers.get(name)?;
    // As many lines as names: then no field has two, which is quicker to see than to look for.
    let alone =
        headers.len() == headers.keys_len() || headers.get_all(name).iter().nth(1).is_none();
    Some(if alone { Ok(first) } else { Err(first) })
}

/// Whether a list of case-insensitive tokens holds `token`.
#[cfg(any(test, feature = "proxy"))]
pub(crate) fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    elements(headers, name).any(|element| element.eq_ignore_ascii_case(token.as_bytes()))
}

/// Adds a token to a list, unless the list holds it or `*`: in lists of this kind that is everything.
pub(crate) fn add_token(headers: &mut HeaderMap, name: HeaderName, token: HeaderValue) {
    // Most often the field is absent; then this is the only search for it.
    match headers.try_entry(name) {
        Ok(Entry::Vacant(entry)) => {
            let _full = entry.try_insert(token);
        }
        Ok(Entry::Occupied(mut entry)) => {
            let mut held = entry
                .iter()
                .flat_map(|line| line.as_bytes().split(|&byte| byte == b','));
            let is_said = |held: &[u8]| held == b"*" || held.eq_ignore_ascii_case(token.as_bytes());
            if !held.any(|held| is_said(trim(held))) {
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

/// Puts `value` behind the last line of a list field as a line of its own, which RFC 9110 5.3 makes
/// the same as an element of the same line, and which copies no byte of what is there.
///
/// A map at its limit of entries is left as it is: the peer filled it, and a panic would be its to
/// cause.
#[cfg(any(test, feature = "proxy", feature = "browser"))]
pub(crate) fn append_line(headers: &mut HeaderMap, name: HeaderName, value: HeaderValue) {
    let _full = headers.try_append(name, value);
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::header::{CONNECTION, VARY};

    fn lines(name: &HeaderName, values: &[&'static str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name.clone(), HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn elements_are_read_over_lines_without_blanks() {
        let headers = lines(&VARY, &["a,, b\t ,", "", " , ", "c"]);
        let found: Vec<_> = elements(&headers, &VARY).collect();
        assert_eq!(found, [b"a", b"b", b"c"]);
    }

    #[test]
    fn tokens_are_found_in_any_case_and_only_whole() {
        let headers = lines(&CONNECTION, &["keep-alive", "x, Upgrade"]);
        assert!(has_token(&headers, &CONNECTION, "upgrade"));
        assert!(!has_token(&headers, &CONNECTION, "keep"));
        assert!(!has_token(&headers, &VARY, "upgrade"));
    }

    #[test]
    fn only_space_and_tab_are_white_space() {
        assert_eq!(trim(b" \ta b\t "), b"a b");
        assert_eq!(trim(b"\x0ba\x0c"), b"\x0ba\x0c");
        assert_eq!(trim(b" \t "), b"");
    }

    #[test]
    fn an_appended_line_comes_last() {
        let mut headers = lines(&VARY, &["a", "b"]);
        append_line(&mut headers, VARY, HeaderValue::from_static("c"));
        let found: Vec<_> = elements(&headers, &VARY).collect();
        assert_eq!(found, [b"a", b"b", b"c"]);
    }
}
