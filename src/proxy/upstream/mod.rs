//! Upstreams: an address as it is written, `scheme://host[:port][/base]`, and where requests to it go.
//!
//! With the feature `balance` there may be several: a fixed list, one that somebody else feeds
//! ([`discovery`]), or one that follows DNS ([`dns`]).

pub(crate) mod answered_by;
pub(crate) mod backoff;
#[cfg(feature = "balance")]
pub(crate) mod balance;
pub(crate) mod destination;
#[cfg(feature = "balance")]
pub(crate) mod discovery;
#[cfg(feature = "dns")]
pub(crate) mod dns;
#[cfg(feature = "balance")]
pub(crate) mod endpoint;
#[cfg(feature = "balance")]
pub(crate) mod endpoint_list;
pub(crate) mod member;
pub(crate) mod upstreams;

use destination::{Destination, Protocol};
#[cfg(feature = "balance")]
pub(crate) use endpoint_list::Changes;
use http::Uri;
#[cfg(feature = "balance")]
use http::uri::Authority;

use crate::path::is_ambiguous;

/// Without the feature `balance` a list never changes.
#[cfg(not(feature = "balance"))]
pub(crate) enum Changes {}

/// An upstream as configured: validated, with all that a request needs of it made once.
#[derive(Clone, Debug)]
pub(crate) struct Upstream {
    pub(crate) destination: Destination,
    /// The base path as written; `/` when there is none.
    pub(crate) base: Box<str>,
}

/// The reason for which a text is not an upstream: the fault, then what to write.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct InvalidUpstream(String);

impl InvalidUpstream {
    pub(crate) fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

/// RFC 3986 3.1.
fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
}

fn invalid<T>(why: impl Into<String>) -> Result<T, InvalidUpstream> {
    Err(InvalidUpstream::new(why))
}

impl Upstream {
    pub(crate) fn parse(text: &str) -> Result<Self, InvalidUpstream> {
        let Some((scheme, rest)) = text.split_once("://") else {
            return invalid("no scheme; write http://, https:// or h2c:// before the host");
        };
        let protocol = match scheme {
            "http" => Protocol::Http,
            "https" => Protocol::Https,
            "h2c" => Protocol::H2c,
            other => {
                // A text that is not a scheme may be anything, a password too.
                let named = match is_scheme(other) {
                    true => format!(" {other:?}"),
                    false => String::new(),
                };
                return invalid(format!("unknown scheme{named}; write http, https or h2c"));
            }
        };
        if rest.contains('#') {
            return invalid("an upstream has no fragment; remove `#` and what follows");
        }
        if rest.contains('?') {
            return invalid("an upstream has no query; remove `?` and what follows");
        }
        if !rest.is_ascii() {
            return invalid("not ASCII; write the host in punycode and the path percent-encoded");
        }
        let Ok(uri) = text.parse::<Uri>() else {
            return invalid("not a URL; write it as scheme://host:port/base");
        };
        let Some(authority) = uri.authority() else {
            return invalid("no host; write it as scheme://host:port/base");
        };
        let base = uri.path();
        if is_ambiguous(base) || base.contains("//") || base.contains('\\') {
            return invalid(
                "the base path has `.`, `..`, `//` or a backslash in it; write it resolved",
            );
        }
        Ok(Self {
            destination: Destination::new(protocol, authority)?,
            base: base.into(),
        })
    }

    /// The same service under another name.
    #[cfg(feature = "balance")]
    pub(crate) fn named(&self, authority: &Authority) -> Result<Self, InvalidUpstream> {
        Ok(Self {
            destination: Destination::new(self.destination.protocol(), authority)?,
            base: self.base.clone(),
        })
    }

    /// Makes the URI of a request absolute: this upstream's.
    pub(crate) fn locate(&self, uri: &mut Uri) {
        let mut parts = std::mem::take(uri).into_parts();
        parts.scheme = Some(self.destination.scheme());
        parts.authority = Some(self.destination.authority().clone());
        // A path and query with both of the others is a URI.
        if let Ok(located) = Uri::from_parts(parts) {
            *uri = located;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart() {
        for (text, protocol, authority, base) in [
            (
                "http://127.0.0.1:3000",
                Protocol::Http,
                "127.0.0.1:3000",
                "/",
            ),
            ("http://a.example:80/", Protocol::Http, "a.example", "/"),
            (
                "https://A.example:443/prod",
                Protocol::Https,
                "a.example",
                "/prod",
            ),
            (
                "https://a.example:80/prod/",
                Protocol::Https,
                "a.example:80",
                "/prod/",
            ),
            ("h2c://[::1]:50051", Protocol::H2c, "[::1]:50051", "/"),
            ("http://[0:0::1]:80", Protocol::Http, "[::1]", "/"),
            ("http://a/b%20c/v1.0", Protocol::Http, "a", "/b%20c/v1.0"),
        ] {
            let upstream = Upstream::parse(text).unwrap();
            assert_eq!(upstream.destination.protocol(), protocol, "{text}");
            assert_eq!(
                upstream.destination.authority().as_str(),
                authority,
                "{text}"
            );
            assert_eq!(upstream.destination.host_value(), authority, "{text}");
            assert_eq!(&*upstream.base, base, "{text}");
        }
    }

    #[test]
    fn an_invalid_upstream_says_why() {
        for (text, why) in [
            ("", "no scheme"),
            ("a.example", "no scheme"),
            ("ftp://a.example", "unknown scheme"),
            ("HTTP://a.example", "unknown scheme"),
            ("ws://a.example", "unknown scheme"),
            ("user:pw@http://a.example", "unknown scheme; write"),
            ("http://*.example", "a pattern"),
            ("https://*:8080/a", "a pattern"),
            ("http://", ""),
            ("http:///x", ""),
            ("http://a.example?x", "no query"),
            ("http://a.example/x#y", "no fragment"),
            ("http://u:p@a.example", "user information"),
            ("http://a.example:0", "port"),
            ("http://a.example:", "port"),
            ("http://a.example:99999", ""),
            ("http://a.example/../x", "resolved"),
            ("http://a.example//x", "resolved"),
            ("http://bücher.example", "punycode"),
            ("http://a b", ""),
        ] {
            let error = Upstream::parse(text).unwrap_err();
            assert!(error.to_string().contains(why), "{text}: {error}");
        }
    }
}
