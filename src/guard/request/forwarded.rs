//! The fields by which a proxy tells of the request that it got: `X-Forwarded-*`, or `Forwarded` (RFC 7239).

use crate::fields;
use http::header::{FORWARDED, HeaderMap, HeaderName};

/// The scheme and the authority, as they were told; both are yet to be checked.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) scheme: Option<Vec<u8>>,
    pub(crate) authority: Option<Vec<u8>>,
}

const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

impl Told {
    /// Of a list the last member counts: the peer's own word, where the others may be the client's.
    pub(crate) fn by(headers: &HeaderMap) -> Self {
        let last = |name| {
            let line = headers.get_all(name).iter().next_back()?;
            Some(last_element(line.as_bytes()))
        };
        let is_told = |value: &[u8]| !value.is_empty();
        let (scheme, authority) = match (last(X_FORWARDED_PROTO), last(X_FORWARDED_HOST)) {
            (None, None) => {
                let element = last(FORWARDED).unwrap_or_default();
                (parameter(element, b"proto"), parameter(element, b"host"))
            }
            (scheme, authority) => (scheme.map(<[u8]>::to_vec), authority.map(<[u8]>::to_vec)),
        };
        Self {
            scheme: scheme.filter(|scheme| is_told(scheme)),
            authority: authority.filter(|authority| is_told(authority)),
        }
    }
}

/// The last element of a list in which quoted strings may stand (RFC 7239 4).
fn last_element(line: &[u8]) -> &[u8] {
    fields::trim(split_unquoted(line, b',').last().unwrap_or_default())
}

/// The value of a forwarded-pair, without its quotes.
fn parameter(element: &[u8], name: &[u8]) -> Option<Vec<u8>> {
    split_unquoted(element, b';').find_map(|pair| {
        let at = pair.iter().position(|&byte| byte == b'=')?;
        let (key, value) = (fields::trim(&pair[..at]), fields::trim(&pair[at + 1..]));
        key.eq_ignore_ascii_case(name).then(|| match value {
            [b'"', quoted @ .., b'"'] => unescape(quoted),
            token => token.to_vec(),
        })
    })
}

/// RFC 9110 5.6.4: a backslash stands for the byte behind it.
fn unescape(quoted: &[u8]) -> Vec<u8> {
    let mut escaped = false;
    let keep = |&byte: &u8| {
        escaped = byte == b'\\' && !escaped;
        (!escaped).then_some(byte)
    };
    quoted.iter().filter_map(keep).collect()
}

fn split_unquoted(line: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let (mut quoted, mut escaped) = (false, false);
    line.split(move |&byte| {
        let was_escaped = std::mem::take(&mut escaped);
        match byte {
            b'"' if !was_escaped => quoted = !quoted,
            b'\\' if quoted => escaped = !was_escaped,
            _ => {}
        }
        byte == separator && !quoted
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn what_is_told() {
        for (fields, scheme, authority) in [
            (&[][..], None, None),
            (&[("x-forwarded-proto", "https")], Some("https"), None),
            (&[("x-forwarded-proto", "http, https")], Some("https"), None),
            (
                &[("x-forwarded-host", "a.example:8443")],
                None,
                Some("a.example:8443"),
            ),
            (
                &[("x-forwarded-host", "evil.example, a.example")],
                None,
                Some("a.example"),
            ),
            (
                &[
                    ("x-forwarded-host", "evil.example"),
                    ("x-forwarded-host", "a.example"),
                ],
                None,
                Some("a.example"),
            ),
            (&[("x-forwarded-host", "")], None, None),
            (
                &[("forwarded", "for=192.0.2.1;host=a.example;proto=https")],
                Some("https"),
                Some("a.example"),
            ),
            (
                &[("forwarded", "Host=\"a.example:81\" ; Proto=HTTP")],
                Some("HTTP"),
                Some("a.example:81"),
            ),
            (
                &[("forwarded", "host=evil.example, host=a.example")],
                None,
                Some("a.example"),
            ),
            (
                &[("forwarded", "for=\"a,host=evil;host=evil\"")],
                None,
                None,
            ),
            (
                &[("forwarded", "for=\"\\\",\";host=\"a\\.example\"")],
                None,
                Some("a.example"),
            ),
            (&[("forwarded", "host")], None, None),
            // A proxy that sets the one kind may hand the other through as the client sent it.
            (
                &[
                    ("x-forwarded-proto", "https"),
                    ("forwarded", "host=evil.example;proto=http"),
                ],
                Some("https"),
                None,
            ),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in fields {
                headers.append(*name, HeaderValue::from_static(value));
            }
            let bytes = |text: Option<&str>| text.map(|text| text.as_bytes().to_vec());
            let want = Told {
                scheme: bytes(scheme),
                authority: bytes(authority),
            };
            assert_eq!(Told::by(&headers), want, "{fields:?}");
        }
    }
}
