//! What the proxy adds to `Via`.

use http::Version;
use http::header::HeaderValue;

/// How the proxy names itself (RFC 9110 7.6.3), made once for each version that it can have received.
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
}
