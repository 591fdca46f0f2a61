//! A request as script hands it to `fetch()`.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method};

use crate::browser::web::server::Trouble;

/// The type of a string (Fetch #concept-bodyinit-extract).
const TEXT: HeaderValue = HeaderValue::from_static("text/plain;charset=UTF-8");

/// A request as script hands it to `fetch()`.
///
/// Any of these can be given to [`Page::fetch`](crate::browser::Page::fetch): a `Request`, a URL for a GET, a
/// [`http::Request`] or its builder. Mistakes, such as a header that cannot be one, come back as
/// [`FetchErrorKind::Setup`](crate::browser::FetchErrorKind::Setup) from the fetch.
#[derive(Clone, Debug)]
#[must_use]
pub struct Request {
    pub(crate) method: String,
    pub(crate) url: String,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) body: BodyInit,
    pub(crate) mistakes: Vec<String>,
}

/// A request body with the `Content-Type` that script's value brings along: text brings
/// `text/plain;charset=UTF-8`, bytes bring none, a [blob](Self::blob) brings its own.
#[derive(Clone, Debug, Default)]
pub struct BodyInit {
    pub(crate) bytes: Option<Bytes>,
    pub(crate) content_type: Option<HeaderValue>,
    pub(crate) trouble: Option<Trouble>,
}

impl Request {
    /// Any method; as `fetch()` does, it is put in upper case if it is one of six, `patch` is not.
    pub fn new(method: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            method: method.into(),
            url: url.into(),
            headers: Vec::new(),
            body: BodyInit::default(),
            mistakes: Vec::new(),
        }
    }

    /// `GET`; the URL may be relative to the page's.
    pub fn get(url: impl Into<String>) -> Self {
        Self::new("GET", url)
    }

    /// `HEAD`.
    pub fn head(url: impl Into<String>) -> Self {
        Self::new("HEAD", url)
    }

    /// `POST`.
    pub fn post(url: impl Into<String>) -> Self {
        Self::new("POST", url)
    }

    /// `PUT`.
    pub fn put(url: impl Into<String>) -> Self {
        Self::new("PUT", url)
    }

    /// `PATCH`.
    pub fn patch(url: impl Into<String>) -> Self {
        Self::new("PATCH", url)
    }

    /// `DELETE`.
    pub fn delete(url: impl Into<String>) -> Self {
        Self::new("DELETE", url)
    }

    /// `OPTIONS`, as script sends it: not a preflight.
    pub fn options(url: impl Into<String>) -> Self {
        Self::new("OPTIONS", url)
    }

    /// Adds a header, as `headers.append()` does. Browsers ignore those that are theirs to set.
    pub fn header<N, V>(mut self, name: N, value: V) -> Self
    where
        N: TryInto<HeaderName>,
        N::Error: Into<http::Error>,
        V: TryInto<HeaderValue>,
        V::Error: Into<http::Error>,
    {
        let name = name.try_into().map_err(Into::into);
        let value = value.try_into().map_err(Into::into);
        match (name, value) {
            (Ok(name), Ok(value)) => self.headers.push((name, value)),
            (Err(error), _) | (_, Err(error)) => self
                .mistakes
                .push(format!("a header of {}: {error}", self.url)),
        }
        self
    }

    /// Sets the body. Its `Content-Type` is used if script sets none.
    pub fn body(self, body: impl Into<BodyInit>) -> Self {
        Self {
            body: body.into(),
            ..self
        }
    }
}

impl From<&str> for Request {
    fn from(url: &str) -> Self {
        Self::get(url)
    }
}

impl From<String> for Request {
    fn from(url: String) -> Self {
        Self::get(url)
    }
}

impl<B: Into<BodyInit>> From<http::Request<B>> for Request {
    fn from(request: http::Request<B>) -> Self {
        let (head, body) = request.into_parts();
        let mut fetched = Self::new(head.method.as_str(), head.uri.to_string());
        fetched.headers = head
            .headers
            .iter()
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        fetched.body(body)
    }
}

impl From<http::request::Builder> for Request {
    fn from(builder: http::request::Builder) -> Self {
        match builder.body(()) {
            Ok(request) => request.into(),
            Err(error) => {
                let mut request = Self::new(Method::GET.as_str(), "");
                request.mistakes.push(format!("the request: {error}"));
                request
            }
        }
    }
}

impl BodyInit {
    /// `new Blob([bytes], { type })`: bytes with a type, such as `application/json`.
    ///
    /// As in script, a type is put in lower case, and one with other characters than ASCII's counts as none.
    pub fn blob(bytes: impl Into<Bytes>, content_type: &str) -> Self {
        let is_type = content_type.bytes().all(|byte| matches!(byte, 0x20..=0x7e));
        let content_type = content_type.to_ascii_lowercase();
        let value = HeaderValue::try_from(content_type).ok();
        Self {
            bytes: Some(bytes.into()),
            content_type: value.filter(|value| is_type && !value.is_empty()),
            trouble: None,
        }
    }
}

impl From<()> for BodyInit {
    fn from((): ()) -> Self {
        Self::default()
    }
}

impl From<&str> for BodyInit {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl From<String> for BodyInit {
    fn from(text: String) -> Self {
        Self {
            bytes: Some(text.into()),
            content_type: Some(TEXT),
            trouble: None,
        }
    }
}

impl From<Bytes> for BodyInit {
    fn from(bytes: Bytes) -> Self {
        Self {
            bytes: Some(bytes),
            content_type: None,
            trouble: None,
        }
    }
}

impl From<Vec<u8>> for BodyInit {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}
