//! Targets that an unsafe request changes (RFC 9111 4.4).

use std::borrow::Cow;

use http::Uri;
use http::header::{self, HeaderMap, HeaderName};
use http::request;
use http::uri::Authority;

use crate::host_and_port::default_port;

const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The other target of COPY and MOVE (RFC 4918 10.3).
const DESTINATION: HeaderName = HeaderName::from_static("destination");

/// The target and the origins that a request was sent to.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) target: Box<str>,
    /// The target that it names itself.
    pub(crate) destination: Option<String>,
    /// The upstream's own origins: by the URI, which says where to connect, and by the fields, which say what it is to
    /// take for its own. It writes one of them into its references.
    origins: Vec<Origin>,
}

/// A scheme, if it is known, and an authority.
#[derive(Clone, Debug)]
struct Origin {
    scheme: Option<Box<str>>,
    authority: Authority,
}

impl Sent {
    pub(crate) fn of(parts: &request::Parts) -> Self {
        let text = |name: HeaderName| parts.headers.get(name)?.to_str().ok();
        let scheme = parts.uri.scheme_str();
        let public = text(X_FORWARDED_PROTO).or(scheme);
        let of = |scheme: Option<&str>, authority: Authority| Origin {
            scheme: scheme.map(Into::into),
            authority,
        };
        let by_uri = parts.uri.authority();
        let mut origins: Vec<_> = by_uri
            .map(|own| of(scheme, own.clone()))
            .into_iter()
            .collect();
        for host in [header::HOST, X_FORWARDED_HOST]
            .into_iter()
            .filter_map(text)
        {
            let Ok(authority) = host.parse::<Authority>() else {
                continue;
            };
            // Frameworks read the port where the host has none, or do not.
            if let (None, Some(port)) = (authority.port(), text(X_FORWARDED_PORT)) {
                let with_port = format!("{host}:{port}").parse();
                origins.extend(with_port.map(|authority| of(public, authority)));
            }
            origins.push(of(public, authority));
        }
        let mut sent = Self {
            target: crate::cache::store::key::target(parts).into(),
            destination: None,
            origins,
        };
        sent.destination = sent.named(&parts.headers, &DESTINATION);
        sent
    }

    /// The target that a field names, if it is of the same origin: an upstream of one
    /// origin has no say in what is stored of another.
    pub(crate) fn named(&self, headers: &HeaderMap, field: &HeaderName) -> Option<String> {
        let reference = headers.get(field)?.to_str().ok()?;
        let reference = reference.split('#').next().unwrap_or_default();
        let target = if reference.starts_with('/') && !reference.starts_with("//") {
            Cow::Borrowed(reference)
        } else if let Some(rest) = reference.strip_prefix("//") {
            Cow::Owned(self.absolute(None, &format!("http://{rest}"))?)
        } else if has_scheme(reference) {
            let scheme = reference.split(':').next();
            Cow::Owned(self.absolute(scheme, reference)?)
        } else {
            Cow::Owned(self.relative(reference))
        };
        Some(without_dots(&target).into_owned())
    }

    /// `scheme`: that of the reference, if it has one.
    fn absolute(&self, scheme: Option<&str>, reference: &str) -> Option<String> {
        let uri: Uri = reference.parse().ok()?;
        let authority = uri.authority()?;
        let is_own = |own: &Origin| own.is(scheme, authority);
        let target = uri.path_and_query().map_or("/", |target| target.as_str());
        self.origins.iter().any(is_own).then(|| target.to_owned())
    }

    /// RFC 3986 5.2.
    fn relative(&self, reference: &str) -> String {
        let path = self.target.split('?').next().unwrap_or_default();
        if reference.is_empty() {
            return self.target.to_string();
        }
        if reference.starts_with('?') {
            return format!("{path}{reference}");
        }
        let folder = path.rfind('/').map_or("/", |end| &path[..=end]);
        format!("{folder}{reference}")
    }
}

impl Origin {
    /// RFC 9110 4.3.1: the same scheme, host and port. A part that one of them does not name is as in the other.
    fn is(&self, scheme: Option<&str>, authority: &Authority) -> bool {
        let own = self.scheme.as_deref();
        let is_scheme = match (own, scheme) {
            (Some(own), Some(scheme)) => own.eq_ignore_ascii_case(scheme),
            _ => true,
        };
        let is_https = |scheme: &str| scheme.eq_ignore_ascii_case("https");
        let default = default_port(scheme.or(own).is_some_and(is_https));
        let port = |authority: &Authority| authority.port_u16().unwrap_or(default);
        is_scheme
            && self.authority.host().eq_ignore_ascii_case(authority.host())
            && port(&self.authority) == port(authority)
    }
}

fn has_scheme(reference: &str) -> bool {
    let end = reference.find([':', '/', '?']).unwrap_or(reference.len());
    reference[end..].starts_with(':')
}

/// RFC 3986 5.2.4.
fn without_dots(target: &str) -> Cow<'_, str> {
    let (path, query) = target.split_at(target.find('?').unwrap_or(target.len()));
    // 6.2.2.2: a dot that is percent-encoded is a dot.
    let decoded = |segment: &str| segment.replace("%2e", ".").replace("%2E", ".");
    let is_dots = |segment: &str| matches!(&*decoded(segment), "." | "..");
    if !path.split('/').any(is_dots) {
        return Cow::Borrowed(target);
    }
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        if decoded(segment) == ".." {
            kept.pop();
        }
        if !is_dots(segment) {
            kept.push(segment);
        } else if segments.peek().is_none() {
            kept.push("");
        }
    }
    Cow::Owned(format!("/{}{query}", kept.join("/")))
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, Request};

    use super::*;

    #[test]
    fn only_what_is_of_the_same_origin_is_named() {
        let request = Request::builder()
            .uri("http://up.example:81/a/b?c=1")
            .body(())
            .unwrap();
        let sent = Sent::of(&request.into_parts().0);
        for (reference, expected) in [
            ("/x?y=1", Some("/x?y=1")),
            ("/x#y", Some("/x")),
            ("http://up.example:81/x", Some("/x")),
            ("http://up.example:81", Some("/")),
            ("//up.example:81/x", Some("/x")),
            ("x", Some("/a/x")),
            ("./x/", Some("/a/x/")),
            ("../x?y", Some("/x?y")),
            ("../../../x", Some("/x")),
            ("..", Some("/")),
            ("?d=2", Some("/a/b?d=2")),
            ("", Some("/a/b?c=1")),
            ("/a/../x", Some("/x")),
            ("/a/%2e%2E/x", Some("/x")),
            ("/a/.%2e/%2E/x%2e%2C", Some("/x%2e%2C")),
            ("%2e%2e", Some("/")),
            ("http://up.example:81/./x", Some("/x")),
            ("HTTP://UP.example:81/x", Some("/x")),
            ("https://up.example:81/x", None),
            ("http://up.example/x", None),
            ("http://evil.example/x", None),
            ("//evil.example/x", None),
            ("mailto:a@b", None),
            ("http://", None),
        ] {
            let mut response = HeaderMap::new();
            response.insert(header::LOCATION, HeaderValue::from_static(reference));
            let named = sent.named(&response, &header::LOCATION);
            assert_eq!(named.as_deref(), expected, "{reference}");
        }
        assert_eq!(sent.named(&HeaderMap::new(), &header::LOCATION), None);
    }

    #[test]
    fn an_upstream_names_itself_as_it_was_named_to_it() {
        let (host, proto) = (("host", "pub.example"), ("x-forwarded-proto", "https"));
        let forwarded = ("x-forwarded-host", "app.example");
        let port = ("x-forwarded-port", "8443");
        for (uri, fields, reference, is_own) in [
            ("/a", &[host][..], "https://pub.example/x", true),
            ("/a", &[host], "http://pub.example:80/x", true),
            ("/a", &[host], "https://pub.example:80/x", false),
            ("/a", &[], "https://pub.example/x", false),
            (
                "http://10.0.0.1:81/a",
                &[host],
                "http://pub.example/x",
                true,
            ),
            (
                "http://10.0.0.1:81/a",
                &[host],
                "http://10.0.0.1:81/x",
                true,
            ),
            (
                "http://10.0.0.1:81/a",
                &[host],
                "https://pub.example/x",
                false,
            ),
            (
                "http://10.0.0.1:81/a",
                &[host, proto],
                "https://pub.example:443/x",
                true,
            ),
            (
                "http://10.0.0.1:81/a",
                &[host, proto],
                "//pub.example/x",
                true,
            ),
            (
                "http://10.0.0.1:81/a",
                &[host, proto],
                "http://pub.example/x",
                false,
            ),
            (
                "http://10.0.0.1:81/a",
                &[host, proto],
                "https://10.0.0.1:81/x",
                false,
            ),
            ("/a", &[host, forwarded], "http://app.example/x", true),
            (
                "http://10.0.0.1:81/a",
                &[host, forwarded, proto],
                "https://app.example/x",
                true,
            ),
            (
                "http://10.0.0.1:81/a",
                &[host, forwarded, proto],
                "http://app.example/x",
                false,
            ),
            (
                "http://10.0.0.1:81/a",
                &[host, forwarded, proto, port],
                "https://app.example:8443/x",
                true,
            ),
            (
                "http://10.0.0.1:81/a",
                &[host, forwarded, proto, port],
                "https://app.example:8444/x",
                false,
            ),
        ] {
            let mut request = Request::builder().uri(uri);
            for (name, value) in fields {
                request = request.header(*name, *value);
            }
            let sent = Sent::of(&request.body(()).unwrap().into_parts().0);
            let mut response = HeaderMap::new();
            response.insert(header::LOCATION, HeaderValue::from_static(reference));
            let named = sent.named(&response, &header::LOCATION);
            let expected = is_own.then_some("/x");
            assert_eq!(named.as_deref(), expected, "{uri} {fields:?} {reference}");
        }
    }
}
