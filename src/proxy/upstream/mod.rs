//! An upstream's address: `scheme://host[:port][/base]`.

pub(crate) mod balance;
pub(crate) mod board;
pub(crate) mod discovery;
#[cfg(feature = "dns")]
pub(crate) mod dns;
pub(crate) mod endpoint;

use crate::proxy::mount::map::UpstreamOrigin;
use crate::proxy::request::path::is_ambiguous;
use crate::proxy::wire::host::{canonical_host, default_port};
use http::Uri;
use http::header::HeaderValue;
use http::uri::{Authority, Scheme};
use std::fmt;

/// How the upstream is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Protocol {
    /// HTTP/1.1 in plain text.
    Http,
    /// HTTP/1.1 or HTTP/2 over TLS, as ALPN decides.
    Https,
    /// HTTP/2 in plain text by prior knowledge (RFC 9113 3.3).
    H2c,
}

/// An upstream as configured: validated, with all that a request needs of it made once.
#[derive(Clone, Debug)]
pub(crate) struct Upstream {
    pub(crate) protocol: Protocol,
    pub(crate) authority: Authority,
    /// The authority as a `Host` field.
    pub(crate) host: HeaderValue,
    /// The base path as written; `/` when there is none.
    pub(crate) base: Box<str>,
}

/// Why a text is no upstream: what is wrong, and what to write instead.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Invalid(pub(crate) String);

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn invalid<T>(text: impl Into<String>) -> Result<T, Invalid> {
    Err(Invalid(text.into()))
}

impl Upstream {
    pub(crate) fn parse(text: &str) -> Result<Self, Invalid> {
        let Some((scheme, rest)) = text.split_once("://") else {
            return invalid("no scheme; write http://, https:// or h2c:// before the host");
        };
        let protocol = match scheme {
            "http" => Protocol::Http,
            "https" => Protocol::Https,
            "h2c" => Protocol::H2c,
            other => {
                return invalid(format!(
                    "unknown scheme {other:?}; it is http, https or h2c"
                ));
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
                "the base path holds `.`, `..`, `//` or a backslash; write it resolved",
            );
        }
        let authority = canonical(protocol, authority)?;
        Ok(Self {
            protocol,
            host: host_field(&authority)?,
            authority,
            base: base.into(),
        })
    }

    /// The same service under another name.
    pub(crate) fn named(&self, authority: &Authority) -> Result<Self, Invalid> {
        let authority = canonical(self.protocol, authority)?;
        Ok(Self {
            protocol: self.protocol,
            host: host_field(&authority)?,
            authority,
            base: self.base.clone(),
        })
    }

    /// The scheme of a request's URI.
    pub(crate) fn scheme(&self) -> Scheme {
        match self.protocol {
            Protocol::Http | Protocol::H2c => Scheme::HTTP,
            Protocol::Https => Scheme::HTTPS,
        }
    }

    pub(crate) fn is_secure(&self) -> bool {
        self.protocol == Protocol::Https
    }

    /// Makes the URI of a request absolute: this upstream's.
    pub(crate) fn locate(&self, uri: &mut Uri) {
        let mut parts = std::mem::take(uri).into_parts();
        parts.scheme = Some(self.scheme());
        parts.authority = Some(self.authority.clone());
        // A path and query with both of the others is a URI.
        if let Ok(located) = Uri::from_parts(parts) {
            *uri = located;
        }
    }

    pub(crate) fn origin(&self) -> UpstreamOrigin {
        UpstreamOrigin {
            scheme: self.scheme(),
            authority: self.authority.clone(),
        }
    }
}

fn host_field(authority: &Authority) -> Result<HeaderValue, Invalid> {
    HeaderValue::from_str(authority.as_str()).or_else(|_| invalid("the host is no field value"))
}

/// Lower case and without the scheme's default port, as a client would write it in `Host`.
pub(crate) fn canonical(protocol: Protocol, authority: &Authority) -> Result<Authority, Invalid> {
    if authority.as_str().contains('@') {
        return invalid("an upstream has no user information; remove what stands before `@`");
    }
    let host = canonical_host(authority.host()).into_owned();
    if host.is_empty() {
        return invalid("no host; write it as scheme://host:port/base");
    }
    let port = &authority.as_str()[authority.host().len()..];
    let default = default_port(protocol == Protocol::Https);
    let text = match port.strip_prefix(':') {
        None => host,
        Some(digits) => match digits.parse::<u16>() {
            Ok(0) | Err(_) => return invalid("the port is not a number from 1 to 65535"),
            Ok(port) if port == default => host,
            Ok(port) => format!("{host}:{port}"),
        },
    };
    text.parse().or_else(|_| invalid("not a host"))
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
            assert_eq!(upstream.protocol, protocol, "{text}");
            assert_eq!(upstream.authority.as_str(), authority, "{text}");
            assert_eq!(upstream.host, authority, "{text}");
            assert_eq!(&*upstream.base, base, "{text}");
        }
    }

    #[test]
    fn what_is_no_upstream_is_told_why() {
        for (text, why) in [
            ("", "no scheme"),
            ("a.example", "no scheme"),
            ("ftp://a.example", "unknown scheme"),
            ("HTTP://a.example", "unknown scheme"),
            ("ws://a.example", "unknown scheme"),
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
            assert!(error.0.contains(why), "{text}: {error}");
        }
    }
}
