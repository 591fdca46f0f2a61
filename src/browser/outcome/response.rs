//! The response as script sees it.

use bytes::Bytes;
use http::header::{
    ACCESS_CONTROL_EXPOSE_HEADERS, CACHE_CONTROL, CONTENT_LANGUAGE, CONTENT_LENGTH, CONTENT_TYPE,
    EXPIRES, LAST_MODIFIED, PRAGMA, SET_COOKIE,
};
use http::{HeaderMap, HeaderName, StatusCode};
use url::Url;

use crate::browser::fetch::options::Credentials;
use crate::browser::fetch::state::{State, Tainting};
use crate::browser::outcome::error::FetchError;
use crate::browser::outcome::trace::Trace;
use crate::browser::values;

/// The end of a fetch, and its trace.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub(crate) result: Result<Response, FetchError>,
    pub(crate) trace: Trace,
}

/// A response as script sees it: filtered.
#[derive(Clone, Debug)]
pub struct Response {
    kind: ResponseType,
    status: u16,
    headers: HeaderMap,
    body: Bytes,
    url: Option<Url>,
    redirected: bool,
    timing: bool,
}

/// The type of a response: how much of it script sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ResponseType {
    /// A response of the page's own origin: all but `Set-Cookie`.
    Basic,
    /// A response of another origin, which allowed it: the body, the safelisted headers and the exposed ones.
    Cors,
    /// A response of another origin, which was not asked for permission: nothing.
    Opaque,
    /// A redirect that was not to be followed: nothing.
    OpaqueRedirect,
    /// A document, shown in the window or in a frame. Script of the page that led there sees nothing of it, unless the
    /// document is of its own origin.
    Document,
    /// A WebSocket that is open.
    Socket,
}

impl ResponseType {
    /// The word of `response.type`: `basic`, `cors`, `opaque` or `opaqueredirect`; of those that script
    /// does not get, `document` or `socket`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Basic => "basic",
            Self::Cors => "cors",
            Self::Opaque => "opaque",
            Self::OpaqueRedirect => "opaqueredirect",
            Self::Document => "document",
            Self::Socket => "socket",
        }
    }
}

impl Outcome {
    /// The response, as far as script can see it.
    ///
    /// # Errors
    /// When script gets a `TypeError` instead.
    pub fn response(&self) -> Result<&Response, FetchError> {
        self.result.as_ref().map_err(Clone::clone)
    }

    /// The error, if there is not a response.
    #[must_use]
    pub fn error(&self) -> Option<&FetchError> {
        self.result.as_ref().err()
    }

    /// The trace: every request and every check, in order.
    #[must_use]
    pub fn trace(&self) -> &Trace {
        &self.trace
    }
}

impl Response {
    /// Fetch #main-fetch step 14: what of a response the page may see.
    pub(crate) fn filtered(
        state: &State,
        status: StatusCode,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Self {
        let shared = |kind, headers| Self {
            kind,
            status: status.as_u16(),
            headers,
            body,
            url: Some(state.url().clone()),
            redirected: state.urls.len() > 1,
            timing: !state.timing_allow_failed,
        };
        match state.tainting {
            _ if state.initiator.is_navigation() => {
                shared(ResponseType::Document, only(headers, |_| true))
            }
            Tainting::Basic => shared(ResponseType::Basic, only(headers, |_| true)),
            Tainting::Cors => {
                let include = state.credentials == Credentials::Include;
                let exposed = exposed(headers, include);
                shared(
                    ResponseType::Cors,
                    only(headers, |name| exposed.allows(name)),
                )
            }
            Tainting::Opaque => Self {
                timing: !state.timing_allow_failed,
                ..Self::opaque(ResponseType::Opaque, None)
            },
        }
    }

    pub(crate) fn opaque(kind: ResponseType, url: Option<Url>) -> Self {
        Self {
            kind,
            status: 0,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            url,
            redirected: false,
            timing: false,
        }
    }

    /// A WebSocket: script sees none of its headers.
    pub(crate) fn socket(state: &State, status: StatusCode, headers: &HeaderMap) -> Self {
        let protocol = |name: &HeaderName| name == "sec-websocket-protocol";
        Self {
            status: status.as_u16(),
            headers: only(headers, protocol),
            ..Self::opaque(ResponseType::Socket, Some(state.url().clone()))
        }
    }

    /// `response.type`.
    #[must_use]
    pub fn kind(&self) -> ResponseType {
        self.kind
    }

    /// `response.status`: 0 when the response is opaque.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// `response.ok`: whether the status is 200 to 299.
    #[must_use]
    pub fn ok(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// `response.headers`: those that script can see.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// `response.headers.get(name)`: the lines of one header, joined by `, `.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        values::text(&self.headers, name)
    }

    /// The body; empty when the response is opaque.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// `await response.text()`.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// `response.url`: after redirects, without a fragment; nothing when the response is opaque.
    #[must_use]
    pub fn url(&self) -> Option<Url> {
        let mut url = self.url.clone()?;
        url.set_fragment(None);
        Some(url)
    }

    /// Whether script of the page that asked can read it: not where it is opaque, and not where it is a
    /// document that is shown instead.
    #[must_use]
    pub fn is_readable(&self) -> bool {
        matches!(self.kind, ResponseType::Basic | ResponseType::Cors)
    }

    /// Whether `performance.getEntriesByType('resource')` tells times and sizes, which another origin
    /// has to allow by `Timing-Allow-Origin` (Fetch #concept-tao-check).
    #[must_use]
    pub fn timing_allowed(&self) -> bool {
        self.timing
    }

    /// `response.redirected`.
    #[must_use]
    pub fn redirected(&self) -> bool {
        self.redirected
    }
}

/// Fetch #cors-safelisted-response-header-name.
struct Exposed {
    all: bool,
    names: Vec<String>,
}

/// Fetch #main-fetch step 14.1.
fn exposed(headers: &HeaderMap, include: bool) -> Exposed {
    // A field that is not a list exposes nothing.
    let names = values::tokens(headers, &ACCESS_CONTROL_EXPOSE_HEADERS)
        .ok()
        .flatten()
        .unwrap_or_default();
    Exposed {
        all: !include && names.iter().any(|name| name == "*"),
        names,
    }
}

impl Exposed {
    fn allows(&self, name: &HeaderName) -> bool {
        const SAFELISTED: [HeaderName; 7] = [
            CACHE_CONTROL,
            CONTENT_LANGUAGE,
            CONTENT_LENGTH,
            CONTENT_TYPE,
            EXPIRES,
            LAST_MODIFIED,
            PRAGMA,
        ];
        self.all
            || SAFELISTED.contains(name)
            || self
                .names
                .iter()
                .any(|item| item.eq_ignore_ascii_case(name.as_str()))
    }
}

/// The headers that pass, and never a forbidden response-header.
fn only(headers: &HeaderMap, passes: impl Fn(&HeaderName) -> bool) -> HeaderMap {
    let visible = |name: &HeaderName| *name != SET_COOKIE && name != "set-cookie2" && passes(name);
    headers
        .iter()
        .filter(|(name, _)| visible(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}
