//! The head of a request, whatever holds it.

use std::cell::Cell;

use http::header::{HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN, UPGRADE};
use http::request::Parts;
use http::{Extensions, Method, Request, Uri, Version};

use crate::fields::Sole;
use crate::guard::request::own_origin::Own;
use crate::guard::request::signals;
use crate::path::public_uri;

/// The parts of a request that are judged. Borrowed, so that a layer need not take the request apart.
#[derive(Debug)]
pub(crate) struct Head<'a> {
    pub(crate) method: &'a Method,
    pub(crate) uri: &'a Uri,
    pub(crate) version: Version,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) extensions: &'a Extensions,
    pub(crate) fields: Fields<'a>,
    /// Made when it is first asked for.
    own: Cell<Option<Own<'a>>>,
}

/// The fields that are judged, found in one walk over the head: each look-up hashes a name, so that four of
/// them cost twice as much (`benches/guard.rs`).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields<'a> {
    pub(crate) host: Sole<'a>,
    pub(crate) origin: Sole<'a>,
    pub(crate) fetch_site: Sole<'a>,
    /// Whether `Upgrade` asks for a WebSocket.
    pub(crate) websocket: bool,
}

static SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

impl<'a> Head<'a> {
    #[inline]
    pub(crate) fn of<B>(request: &'a Request<B>) -> Self {
        Self {
            method: request.method(),
            uri: request.uri(),
            version: request.version(),
            headers: request.headers(),
            extensions: request.extensions(),
            fields: Fields::of(request.headers()),
            own: Cell::new(None),
        }
    }

    /// The path that the browser asked for: under axum, with the prefixes that nests took away.
    pub(crate) fn public_path(&self) -> &'a str {
        public_uri(self.uri, self.extensions).path()
    }

    /// The own origin of the request.
    #[inline]
    pub(crate) fn own(&self) -> Own<'a> {
        let own = self.own.get().unwrap_or_else(|| Own::of(self));
        self.own.set(Some(own));
        own
    }

    /// The `Origin`, for people: the first one, where there are several.
    pub(crate) fn origin_text(&self) -> Option<&'a HeaderValue> {
        self.headers.get(ORIGIN)
    }
}

impl<'a> From<&'a Parts> for Head<'a> {
    #[inline]
    fn from(parts: &'a Parts) -> Self {
        Self {
            method: &parts.method,
            uri: &parts.uri,
            version: parts.version,
            headers: &parts.headers,
            extensions: &parts.extensions,
            fields: Fields::of(&parts.headers),
            own: Cell::new(None),
        }
    }
}

impl<'a> Fields<'a> {
    #[inline]
    pub(crate) fn of(headers: &'a HeaderMap) -> Self {
        let mut found = Self {
            host: Sole::Absent,
            origin: Sole::Absent,
            fetch_site: Sole::Absent,
            websocket: false,
        };
        for (name, value) in headers {
            let field = if *name == HOST {
                &mut found.host
            } else if *name == ORIGIN {
                &mut found.origin
            } else if *name == SEC_FETCH_SITE {
                &mut found.fetch_site
            } else {
                found.websocket |= *name == UPGRADE && signals::names_websocket(value);
                continue;
            };
            *field = match field {
                Sole::Absent => Sole::One(value),
                Sole::One(_) | Sole::Several => Sole::Several,
            };
        }
        found
    }
}
