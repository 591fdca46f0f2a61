//! Which targets an unsafe request changes (RFC 9111 4.4).

use http::Uri;
use http::header::{self, HeaderMap, HeaderName};
use http::request;
use std::borrow::Cow;

/// The target and authority that a request was sent to.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) target: Box<str>,
    authority: Option<Box<str>>,
}

impl Sent {
    pub(crate) fn of(parts: &request::Parts) -> Self {
        let of_uri = parts.uri.authority().map(|authority| authority.as_str());
        let of_host = || parts.headers.get(header::HOST)?.to_str().ok();
        Self {
            target: crate::cache::store::key::target(parts).into(),
            authority: of_uri.or_else(of_host).map(Into::into),
        }
    }

    /// The target that a field of the response names, if it is of the same origin: whoever answers for one
    /// origin has no say in what is stored of another.
    pub(crate) fn named(&self, response: &HeaderMap, field: &HeaderName) -> Option<String> {
        let reference = response.get(field)?.to_str().ok()?;
        let reference = reference.split('#').next().unwrap_or_default();
        if reference.starts_with('/') && !reference.starts_with("//") {
            return Some(reference.to_owned());
        }
        if let Some(rest) = reference.strip_prefix("//") {
            return self.absolute(&format!("http://{rest}"));
        }
        if has_scheme(reference) {
            return self.absolute(reference);
        }
        Some(self.relative(reference))
    }

    fn absolute(&self, reference: &str) -> Option<String> {
        let uri: Uri = reference.parse().ok()?;
        let is_own = uri.authority()?.as_str() == self.authority.as_deref()?;
        let target = uri.path_and_query().map_or("/", |target| target.as_str());
        is_own.then(|| target.to_owned())
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
        let joined = format!("{folder}{reference}");
        without_dots(&joined).into_owned()
    }
}

fn has_scheme(reference: &str) -> bool {
    let end = reference.find([':', '/', '?']).unwrap_or(reference.len());
    reference[end..].starts_with(':')
}

/// RFC 3986 5.2.4.
fn without_dots(target: &str) -> Cow<'_, str> {
    let (path, query) = target.split_at(target.find('?').unwrap_or(target.len()));
    let is_dots = |segment: &str| segment == "." || segment == "..";
    if !path.split('/').any(is_dots) {
        return Cow::Borrowed(target);
    }
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        if segment == ".." {
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
    use super::*;
    use http::{HeaderValue, Request};

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
    fn without_an_authority_host_says_whose_it_is() {
        let request = Request::builder().uri("/a").header("host", "up.example");
        let sent = Sent::of(&request.body(()).unwrap().into_parts().0);
        let mut response = HeaderMap::new();
        response.insert(
            header::LOCATION,
            HeaderValue::from_static("https://up.example/x"),
        );
        assert_eq!(
            sent.named(&response, &header::LOCATION).as_deref(),
            Some("/x")
        );
    }
}
