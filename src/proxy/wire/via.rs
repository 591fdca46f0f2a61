//! `Via`: the proxy's own name in it, and how often that was there before.

use http::Version;
use http::header::{self, HeaderMap, HeaderValue};

use crate::fields;

/// Passes of one message through proxies of one name that are still a chain and not a loop.
const MOST_PASSES: usize = 8;

/// The name of the proxy in `Via` (RFC 9110 7.6.3), made once for each version that it can have received.
#[derive(Debug)]
pub(crate) struct Via {
    pub(crate) name: String,
    http10: HeaderValue,
    http11: HeaderValue,
    http2: HeaderValue,
    http3: HeaderValue,
}

impl Via {
    /// `name` is a token.
    pub(crate) fn new(name: &str) -> Self {
        let member = |version: &str| {
            HeaderValue::try_from(format!("{version} {name}"))
                .unwrap_or_else(|_| HeaderValue::from_static("1.1 proxy"))
        };
        Self {
            name: name.to_owned(),
            http10: member("1.0"),
            http11: member("1.1"),
            http2: member("2"),
            http3: member("3"),
        }
    }

    /// The element for a message that came in this version.
    pub(crate) fn received(&self, version: Version) -> HeaderValue {
        match version {
            Version::HTTP_2 => &self.http2,
            Version::HTTP_3 => &self.http3,
            Version::HTTP_09 | Version::HTTP_10 => &self.http10,
            _ => &self.http11,
        }
        .clone()
    }

    /// Whether a message has come by here so often that it goes round (RFC 9110 7.6.3).
    ///
    /// Once would be the strict reading, but proxies of one name behind each other are not a loop.
    pub(crate) fn is_loop(&self, headers: &HeaderMap) -> bool {
        let is_own = |element: &[u8]| {
            let mut words = element.split(|byte| matches!(byte, b' ' | b'\t'));
            let received_by = words.by_ref().skip(1).find(|word| !word.is_empty());
            received_by.is_some_and(|by| by.eq_ignore_ascii_case(self.name.as_bytes()))
        };
        let passes = fields::elements(headers, &header::VIA).filter(|element| is_own(element));
        passes.take(MOST_PASSES + 1).count() > MOST_PASSES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_is_told_from_a_chain() {
        let one = "1.1 same-origin";
        let many = |count: usize| vec![one; count].join(", ");
        for (name, lines, want) in [
            ("none", vec![], false),
            ("a chain", vec![many(8)], false),
            ("a loop", vec![many(9)], true),
            ("over lines", vec![many(5), many(4)], true),
            (
                "between others",
                vec!["1.1 other (x), ".repeat(20) + &many(8)],
                false,
            ),
            (
                "others alone",
                vec!["1.1 same-origin-2, ".repeat(20)],
                false,
            ),
            (
                "a comment",
                vec!["1.1 other (1.1 same-origin), ".repeat(20)],
                false,
            ),
            (
                "versions",
                vec!["HTTP/2  SAME-ORIGIN (a), ".repeat(9)],
                true,
            ),
        ] {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(header::VIA, line.parse().unwrap());
            }
            assert_eq!(Via::new("same-origin").is_loop(&headers), want, "{name}");
        }
    }
}
