//! `Cache-Status` (RFC 9211): what the cache did, in words that a client may read.

use std::fmt::Write as _;

use http::StatusCode;
use http::header::{HeaderMap, HeaderName, HeaderValue};

const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

/// The reason for which a request went on to the upstream (RFC 9211 2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Forward {
    /// It is not one that a cache answers.
    Bypass,
    /// Its method.
    Method,
    /// Nothing is stored for its key.
    UriMiss,
    /// The stored responses are for other requests.
    VaryMiss,
    /// The stored response is stale.
    Stale,
    /// The client wants it.
    Request,
    /// The stored response is a part, and another one than is wanted.
    Partial,
}

impl Forward {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Bypass => "bypass",
            Self::Method => "method",
            Self::UriMiss => "uri-miss",
            Self::VaryMiss => "vary-miss",
            Self::Stale => "stale",
            Self::Request => "request",
            Self::Partial => "partial",
        }
    }
}

/// A member of the field.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Status {
    pub(crate) hit: bool,
    pub(crate) forward: Option<Forward>,
    pub(crate) forward_status: Option<StatusCode>,
    /// Seconds that the response is fresh for; negative if it is stale.
    pub(crate) ttl: Option<i64>,
    pub(crate) stored: bool,
    /// Whether the response is that of another request, if this one waited for it.
    pub(crate) collapsed: Option<bool>,
}

impl Status {
    /// Adds the member behind those of the caches before this one.
    pub(crate) fn append(&self, name: &str, headers: &mut HeaderMap) {
        let mut text = String::with_capacity(64);
        text.push_str(name);
        // Nothing can go wrong when a string is written to.
        let _ = self.write(&mut text);
        if let Ok(value) = HeaderValue::try_from(text) {
            let _full = headers.try_append(CACHE_STATUS, value);
        }
    }

    fn write(&self, text: &mut String) -> std::fmt::Result {
        if self.hit {
            text.push_str("; hit");
        }
        if let Some(forward) = self.forward {
            write!(text, "; fwd={}", forward.as_str())?;
        }
        if let Some(status) = self.forward_status {
            write!(text, "; fwd-status={}", status.as_u16())?;
        }
        if let Some(ttl) = self.ttl {
            write!(text, "; ttl={ttl}")?;
        }
        if self.stored {
            text.push_str("; stored");
        }
        // RFC 9211 2.6, RFC 9651 3.3.6.
        match self.collapsed {
            Some(true) => text.push_str("; collapsed"),
            Some(false) => text.push_str("; collapsed=?0"),
            None => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_follows_those_of_others() {
        let mut headers = HeaderMap::new();
        headers.insert(CACHE_STATUS, HeaderValue::from_static("origin; hit"));
        let status = Status {
            forward: Some(Forward::Stale),
            forward_status: Some(StatusCode::NOT_MODIFIED),
            ttl: Some(-3),
            stored: true,
            collapsed: Some(true),
            hit: false,
        };
        status.append("edge", &mut headers);
        let hit = Status {
            hit: true,
            ttl: Some(60),
            ..Status::default()
        };
        hit.append("edge", &mut headers);
        let lines: Vec<_> = headers.get_all(CACHE_STATUS).iter().collect();
        assert_eq!(
            lines,
            [
                "origin; hit",
                "edge; fwd=stale; fwd-status=304; ttl=-3; stored; collapsed",
                "edge; hit; ttl=60"
            ]
        );
    }
}
