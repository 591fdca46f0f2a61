//! The request headers that need a CORS-preflight: those that Fetch does not safelist, by name and value.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, header};

use crate::browser::engine::{Engine, Quirk};
use crate::browser::values;

/// Fetch #no-cors-safelisted-request-header-name, with the value rule.
pub(crate) fn is_no_cors_safelisted(name: &HeaderName, value: &[u8]) -> bool {
    *name != header::RANGE && is_safelisted_header(name, value, Engine::Standard)
}

/// Fetch #cors-safelisted-request-header.
fn is_safelisted_header(name: &HeaderName, value: &[u8], engine: Engine) -> bool {
    if value.len() > 128 {
        return false;
    }
    match *name {
        header::ACCEPT => !has_unsafe_byte(value),
        header::ACCEPT_LANGUAGE | header::CONTENT_LANGUAGE => {
            value.iter().all(|byte| is_language_byte(*byte))
        }
        header::CONTENT_TYPE => {
            let is_list = value.contains(&b',') && engine.has(Quirk::OneType);
            !has_unsafe_byte(value) && is_form_type(value) && !is_list
        }
        header::RANGE => values::single_range(&unit_in_lower_case(value, engine))
            .is_some_and(|(start, end)| !start.is_empty() && fits(start, end, engine)),
        _ => engine.has(Quirk::ClientHints) && is_client_hint(name.as_str(), value),
    }
}

/// A range as an engine reads its unit.
fn unit_in_lower_case(value: &[u8], engine: Engine) -> Cow<'_, [u8]> {
    match engine.has(Quirk::RangeUnitInAnyCase) {
        true => value.to_ascii_lowercase().into(),
        false => value.into(),
    }
}

/// Whether an engine takes the numbers of a range for numbers: the standard knows no bound.
fn fits(start: &str, end: &str, engine: Engine) -> bool {
    let bound = if engine.has(Quirk::RangesOf63Bits) {
        i64::MAX.unsigned_abs() - 1
    } else if engine.has(Quirk::RangesOf64Bits) {
        u64::MAX
    } else {
        return true;
    };
    let numbers = [start, end].into_iter().filter(|text| !text.is_empty());
    numbers
        .map(str::parse)
        .all(|number: Result<u64, _>| number.is_ok_and(|number| number <= bound))
}

/// Fetch #cors-unsafe-request-header-byte.
fn has_unsafe_byte(value: &[u8]) -> bool {
    value.iter().any(|byte| match byte {
        b'\t' => false,
        0..0x20 | 0x7f => true,
        byte => br#""():<>?@[\]{}"#.contains(byte),
    })
}

fn is_language_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b" *,-.;=".contains(&byte)
}

/// The three types that a form could always send.
fn is_form_type(value: &[u8]) -> bool {
    values::mime_essence(value).is_some_and(|essence| {
        matches!(
            &*essence,
            "application/x-www-form-urlencoded" | "multipart/form-data" | "text/plain"
        )
    })
}

/// The client hints that belong to one origin. `Save-Data` is not one of them.
pub(crate) const HINTS: [&str; 7] = [
    "device-memory",
    "downlink",
    "dpr",
    "ect",
    "rtt",
    "viewport-width",
    "width",
];

/// Chromium counts the client hints that script may set itself as safe.
fn is_client_hint(name: &str, value: &[u8]) -> bool {
    let number = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
    match name {
        "device-memory" | "dpr" | "downlink" => match value.iter().position(|byte| *byte == b'.') {
            Some(dot) => number(&value[..dot]) && number(&value[dot + 1..]),
            None => number(value),
        },
        "viewport-width" | "width" | "rtt" => number(value),
        "ect" => matches!(value, b"slow-2g" | b"2g" | b"3g" | b"4g"),
        "save-data" => value.eq_ignore_ascii_case(b"on"),
        _ => false,
    }
}

/// Fetch #cors-unsafe-request-header-names: lower case, sorted; without repeats, but for Firefox.
pub(crate) fn unsafe_header_names(headers: &HeaderMap, engine: Engine) -> Vec<HeaderName> {
    let values = |name: &HeaderName| match engine.has(Quirk::JoinedValues) {
        // Fetch keeps the values of `append()` apart and judges each.
        false => headers
            .get_all(name)
            .iter()
            .map(|value| value.as_bytes().to_vec())
            .collect(),
        // Chromium joins them first, so that two safe values can make an unsafe one.
        true => Vec::from_iter(values::joined(headers, name)),
    };
    let mut unsafe_names = Vec::new();
    let mut safe_names = Vec::new();
    let mut safe_size = 0;
    for name in headers.keys() {
        let (safe, rest): (Vec<_>, Vec<_>) = values(name)
            .into_iter()
            .partition(|value: &Vec<u8>| is_safelisted_header(name, value, engine));
        unsafe_names.extend(rest.iter().map(|_| name.clone()));
        if !safe.is_empty() {
            safe_names.push(name.clone());
            safe_size += safe.iter().map(Vec::len).sum::<usize>();
        }
    }
    if safe_size > 1024 {
        unsafe_names.extend(safe_names);
    }
    unsafe_names.sort_by(|a, b| a.as_str().cmp(b.as_str()));
    if !engine.has(Quirk::RepeatedNames) {
        unsafe_names.dedup();
    }
    unsafe_names
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn names(headers: &[(&str, &str)]) -> String {
        names_in(headers, Engine::Standard)
    }

    fn names_in(headers: &[(&str, &str)], engine: Engine) -> String {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(
                HeaderName::try_from(*name).unwrap(),
                HeaderValue::from_bytes(value.as_bytes()).unwrap(),
            );
        }
        let names = unsafe_header_names(&map, engine);
        names
            .iter()
            .map(HeaderName::as_str)
            .collect::<Vec<_>>()
            .join(",")
    }

    #[test]
    fn ranges_of_large_numbers() {
        for (range, chromium, firefox) in [
            ("0-1", "", ""),
            ("0-9223372036854775806", "", ""),
            ("0-9223372036854775807", "range", ""),
            ("9223372036854775807-", "range", ""),
            ("0-18446744073709551615", "range", ""),
            ("0-18446744073709551616", "range", "range"),
            ("18446744073709551616-", "range", "range"),
            ("00000000000000000000000000000001-2", "", ""),
        ] {
            let headers = [("range", &*format!("bytes={range}"))];
            assert_eq!(names_in(&headers, Engine::Standard), "", "{range}");
            assert_eq!(names_in(&headers, Engine::Chromium), chromium, "{range}");
            for engine in [Engine::Firefox, Engine::WebKit] {
                assert_eq!(names_in(&headers, engine), firefox, "{range} {engine:?}");
            }
        }
    }

    #[test]
    fn headers_that_an_engine_reads_in_its_own_way() {
        use Engine::{Chromium, Firefox, Standard, WebKit};
        for (lines, own, in_own, elsewhere) in [
            (&[("range", "BYTES=0-")][..], WebKit, "", "range"),
            (&[("range", "Bytes=5-4")], WebKit, "range", "range"),
            (
                &[("content-type", "text/plain;a='b,c'")],
                Firefox,
                "content-type",
                "",
            ),
            (&[("x-a", "1"), ("x-a", "2")], Firefox, "x-a,x-a", "x-a"),
            (
                &[("accept", "("), ("accept", "a")],
                Firefox,
                "accept",
                "accept",
            ),
        ] {
            for engine in [Standard, Chromium, Firefox, WebKit] {
                let expected = if engine == own { in_own } else { elsewhere };
                assert_eq!(names_in(lines, engine), expected, "{lines:?} {engine:?}");
            }
        }
    }

    #[test]
    fn safelisted_request_headers() {
        let safe: &[(&str, &str)] = &[
            ("accept", "text/html, */*;q=0.8"),
            ("accept", "a\tb"),
            ("accept-language", "en-GB,en;q=0.5, *"),
            ("content-language", "de"),
            ("content-type", "text/plain"),
            ("content-type", "TEXT/PLAIN;charset=UTF-8"),
            ("content-type", " text/plain ;x=y"),
            ("content-type", "multipart/form-data; boundary=x"),
            ("content-type", "application/x-www-form-urlencoded"),
            ("range", "bytes=0-"),
            ("range", "bytes=5-5"),
            ("accept", &"a".repeat(128)),
        ];
        for (name, value) in safe {
            assert_eq!(names(&[(name, value)]), "", "{name}: {value}");
        }
        let not_safe: &[(&str, &str)] = &[
            ("accept", &"a".repeat(129)),
            ("accept", "text/html;x=\"y\""),
            ("accept", "a(b"),
            ("accept", "{}"),
            ("accept-language", "en@x"),
            ("accept-language", "en_GB"),
            ("content-language", "de\tfr"),
            ("content-type", "application/json"),
            ("content-type", "text/plain; x=\"y\""),
            ("content-type", "text/plain, text/plain"),
            ("content-type", "text/ plain"),
            ("content-type", "text"),
            ("content-type", "/plain"),
            ("content-type", ""),
            ("range", "bytes=-500"),
            ("range", "bytes=5-4"),
            ("range", "bytes=0-1,2-3"),
            ("range", "bytes 0-1"),
            ("range", "bytes= 0-1"),
            ("range", "Bytes=0-1"),
            ("authorization", "x"),
            ("x-anything", ""),
            ("dpr", "2"),
            ("if-none-match", "x"),
            ("cache-control", "no-cache"),
        ];
        for (name, value) in not_safe {
            assert_eq!(names(&[(name, value)]), *name, "{name}: {value}");
        }
    }

    #[test]
    fn names_are_sorted_lower_case_and_unique() {
        assert_eq!(
            names(&[("X-B", "1"), ("a-z", "1"), ("x-b", "2"), ("Accept", "x")]),
            "a-z,x-b"
        );
    }

    /// Only repeated values get there: five names of 128 bytes stay below 1024.
    #[test]
    fn safe_values_have_a_common_limit() {
        let long = "a".repeat(128);
        let eight: Vec<_> = std::iter::repeat_n(("accept", &*long), 8).collect();
        assert_eq!(names(&eight), "");
        let nine: Vec<_> = eight
            .iter()
            .copied()
            .chain([("content-language", "a")])
            .collect();
        assert_eq!(names(&nine), "accept,content-language");
    }

    #[test]
    fn chromium_joins_values_and_knows_client_hints() {
        let twice = [
            ("content-type", "text/plain"),
            ("content-type", "text/plain"),
        ];
        assert_eq!(names_in(&twice, Engine::Standard), "");
        assert_eq!(names_in(&twice, Engine::Chromium), "content-type");
        for (hint, expected) in [("1.5", ""), ("2", ""), ("1.", "dpr"), ("x", "dpr")] {
            assert_eq!(
                names_in(&[("dpr", hint)], Engine::Chromium),
                expected,
                "{hint}"
            );
        }
    }

    #[test]
    fn no_cors_requests_keep_fewer_headers() {
        assert!(is_no_cors_safelisted(&header::CONTENT_TYPE, b"text/plain"));
        assert!(!is_no_cors_safelisted(
            &header::CONTENT_TYPE,
            b"application/json"
        ));
        assert!(!is_no_cors_safelisted(&header::RANGE, b"bytes=0-"));
    }
}
