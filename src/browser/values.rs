//! Header values as Fetch reads them.

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::fields::{elements, is_token, trim};

/// Fetch #concept-header-list-get: all values in order, joined by a comma and a space.
pub(crate) fn joined(
    headers: &HeaderMap,
    name: impl http::header::AsHeaderName,
) -> Option<Vec<u8>> {
    let lines: Vec<_> = headers
        .get_all(name)
        .iter()
        .map(HeaderValue::as_bytes)
        .collect();
    (!lines.is_empty()).then(|| lines.join(&b", "[..]))
}

/// As [`joined`], as text: bytes are Latin-1 (Infra #isomorphic-decode).
pub(crate) fn text(headers: &HeaderMap, name: impl http::header::AsHeaderName) -> Option<String> {
    joined(headers, name).map(|value| isomorphic(&value))
}

/// RFC 9110 5.5: white space around a value is not part of it.
pub(crate) fn trimmed(headers: HeaderMap) -> HeaderMap {
    let mut headers = headers;
    for value in headers.values_mut() {
        let bytes = trim(value.as_bytes());
        if bytes.len() < value.len() {
            // A part of a value is a value.
            *value = HeaderValue::from_bytes(bytes).unwrap_or(HeaderValue::from_static(""));
        }
    }
    headers
}

/// Infra #isomorphic-decode.
pub(crate) fn isomorphic(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

/// A list field that is not one (RFC 9110 5.6.1).
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotAList;

/// Fetch #extracting-header-list-values for `#token` fields; nothing when the field is absent.
pub(crate) fn tokens(
    headers: &HeaderMap,
    name: &HeaderName,
) -> Result<Option<Vec<String>>, NotAList> {
    if !headers.contains_key(name) {
        return Ok(None);
    }
    let token = |element: &[u8]| is_token(element).then(|| isomorphic(element));
    let tokens: Option<Vec<_>> = elements(headers, name).map(token).collect();
    tokens.map(Some).ok_or(NotAList)
}

/// `delta-seconds` of a field that may stand once; nothing when absent, repeated or malformed.
pub(crate) fn delta_seconds(headers: &HeaderMap, name: &HeaderName) -> Option<u64> {
    let mut lines = headers.get_all(name).iter();
    let (value, None) = (lines.next()?.as_bytes(), lines.next()) else {
        return None;
    };
    seconds(&isomorphic(value))
}

/// RFC 9111 1.2.2: `delta-seconds`; too large a number means "very long".
pub(crate) fn seconds(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

/// Fetch #concept-header-list-get-decode-split: all lines are one value, so a quote may go over several.
pub(crate) fn parts(headers: &HeaderMap, name: &HeaderName) -> Vec<String> {
    joined(headers, name).map_or(Vec::new(), |value| split(&value))
}

/// Fetch #header-value-get-decode-and-split of one value: commas inside quotes do not part.
pub(crate) fn split(bytes: &[u8]) -> Vec<String> {
    let mut values = Vec::new();
    let (mut start, mut quoted, mut escaped) = (0, false, false);
    for (index, byte) in bytes.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' if !quoted => {
                values.push(isomorphic(trim(&bytes[start..index])));
                start = index + 1;
            }
            _ => {}
        }
    }
    values.push(isomorphic(trim(&bytes[start..])));
    values
}

/// Fetch #simple-range-header-value without whitespace: the digits of start and end of `bytes=start-end`, either of
/// which may be empty.
pub(crate) fn single_range(value: &[u8]) -> Option<(&str, &str)> {
    let (start, end) = std::str::from_utf8(value)
        .ok()?
        .strip_prefix("bytes=")?
        .split_once('-')?;
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(start) || !is_number(end) || (start.is_empty() && end.is_empty()) {
        return None;
    }
    (end.is_empty() || magnitude(start) <= magnitude(end)).then_some((start, end))
}

/// Orders numbers of any length: by their digits without leading zeros.
fn magnitude(digits: &str) -> (usize, &str) {
    let digits = digits.trim_start_matches('0');
    (digits.len(), digits)
}

/// MIME Sniffing #parse-a-mime-type, as far as the essence: parameters cannot make it fail.
pub(crate) fn mime_essence(value: &[u8]) -> Option<String> {
    let value = trim(value);
    let end = value
        .iter()
        .position(|byte| *byte == b';')
        .unwrap_or(value.len());
    let slash = value[..end].iter().position(|byte| *byte == b'/')?;
    // White space goes before the semicolon only, so the essence is trimmed as a whole.
    let essence = trim(&value[..end]);
    let (kind, subtype) = (&essence[..slash], essence.get(slash + 1..)?);
    (is_token(kind) && is_token(subtype)).then(|| isomorphic(essence).to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use http::header::{ACCESS_CONTROL_ALLOW_HEADERS as LIST, ACCESS_CONTROL_MAX_AGE as SECONDS};

    use super::*;

    fn headers(name: &HeaderName, lines: &[&str]) -> HeaderMap {
        lines
            .iter()
            .map(|line| {
                (
                    name.clone(),
                    HeaderValue::from_bytes(line.as_bytes()).unwrap(),
                )
            })
            .collect()
    }

    #[test]
    fn list_fields() {
        let list = |lines: &[&str]| {
            tokens(&headers(&LIST, lines), &LIST).map(|list| list.map(|list| list.join("|")))
        };
        assert_eq!(list(&[]), Ok(None));
        assert_eq!(list(&[""]), Ok(Some(String::new())));
        assert_eq!(list(&["a, b", "c"]), Ok(Some("a|b|c".into())));
        assert_eq!(list(&[" a ,,\tb, "]), Ok(Some("a|b".into())));
        assert_eq!(list(&["a b"]), Err(NotAList));
        assert_eq!(list(&["a", "\"b\""]), Err(NotAList));
        assert_eq!(list(&["a;b"]), Err(NotAList));
    }

    #[test]
    fn seconds() {
        let seconds = |lines: &[&str]| delta_seconds(&headers(&SECONDS, lines), &SECONDS);
        assert_eq!(seconds(&["600"]), Some(600));
        assert_eq!(seconds(&["007"]), Some(7));
        assert_eq!(seconds(&["99999999999999999999999"]), Some(u64::MAX));
        for bad in [
            &[][..],
            &[""],
            &["-1"],
            &["+1"],
            &["1.5"],
            &["1s"],
            &["600", "600"],
            &["600, 600"],
        ] {
            assert_eq!(seconds(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn values_are_split_outside_of_quotes() {
        let parts = |value: &str| split(value.as_bytes());
        assert_eq!(parts("a , b"), ["a", "b"]);
        assert_eq!(parts("\"1,2\", 3"), ["\"1,2\"", "3"]);
        assert_eq!(parts("\"1\\\",2\",3"), ["\"1\\\",2\"", "3"]);
        assert_eq!(parts(","), ["", ""]);
        // A quote that one line opens is open in the next.
        let lines = headers(&LIST, &["\"x", "*", "y\", *"]);
        assert_eq!(super::parts(&lines, &LIST), ["\"x, *, y\"", "*"]);
    }

    #[test]
    fn ranges() {
        assert_eq!(single_range(b"bytes=0-499"), Some(("0", "499")));
        assert_eq!(single_range(b"bytes=5-"), Some(("5", "")));
        assert_eq!(single_range(b"bytes=-5"), Some(("", "5")));
        for bad in [
            &b"bytes=-"[..],
            b"bytes=2-1",
            b"bytes=340282366920938463463374607431768211457-340282366920938463463374607431768211456",
            b"bytes=1-2,3-4",
            b"bytes = 1-2",
            b"items=1-2",
            b"bytes=+1-2",
        ] {
            assert_eq!(single_range(bad), None);
        }
    }

    #[test]
    fn mime_essences() {
        let essence = |value: &str| mime_essence(value.as_bytes());
        assert_eq!(
            essence("Text/Plain ; charset=x").as_deref(),
            Some("text/plain")
        );
        assert_eq!(essence("text/plain;/").as_deref(), Some("text/plain"));
        for bad in [
            "",
            "text",
            "text/",
            "/x",
            "text /x",
            "a/b c",
            "a;b/c",
            "a/ b",
            "a/ ;b",
            "text/plain, text/html",
        ] {
            assert_eq!(essence(bad), None, "{bad}");
        }
    }
}
