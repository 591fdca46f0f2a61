//! Events for refusals, so many a second; without the feature `tracing` there are none.
//!
//! A request that is allowed leaves no event.

#[cfg(any(feature = "origin-source", feature = "tracing"))]
use http::HeaderValue;
#[cfg(feature = "origin-source")]
use http::request::Parts;
use http::{Extensions, HeaderMap, Method, Request, Uri};

use super::judge::Refusal;
use crate::log::LayerLog;
use crate::path::public_uri;

/// The log of one layer.
pub(super) type CorsLog = LayerLog<Kind>;

/// The kind of an event. Of each there are so many a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    not(feature = "tracing"),
    expect(dead_code, reason = "events are written with the feature alone")
)]
pub(super) enum Kind {
    Refused(Refusal),
    Differs(&'static str),
}

/// The request of an event.
#[derive(Clone, Copy)]
#[cfg_attr(
    not(feature = "tracing"),
    expect(dead_code, reason = "events are written with the feature alone")
)]
pub(super) struct Asked<'a> {
    method: &'a Method,
    uri: &'a Uri,
    fields: Fields<'a>,
    preflight: bool,
}

/// The fields of a request, or what is left of them when its source of origins has answered.
#[derive(Clone, Copy)]
#[cfg_attr(
    not(feature = "tracing"),
    expect(dead_code, reason = "events are written with the feature alone")
)]
enum Fields<'a> {
    All(&'a HeaderMap),
    #[cfg(feature = "origin-source")]
    Origin(&'a HeaderValue),
}

impl<'a> Asked<'a> {
    #[inline]
    pub(super) fn of<B>(request: &'a Request<B>, preflight: bool) -> Self {
        let (uri, extensions) = (request.uri(), request.extensions());
        Self::new(
            request.method(),
            uri,
            request.headers(),
            extensions,
            preflight,
        )
    }

    #[cfg(feature = "origin-source")]
    pub(super) fn of_parts(parts: &'a Parts, preflight: bool) -> Self {
        let Parts {
            method,
            uri,
            headers,
            extensions,
            ..
        } = parts;
        Self::new(method, uri, headers, extensions, preflight)
    }

    fn new(
        method: &'a Method,
        uri: &'a Uri,
        headers: &'a HeaderMap,
        extensions: &'a Extensions,
        preflight: bool,
    ) -> Self {
        Self {
            method,
            uri: public_uri(uri, extensions),
            fields: Fields::All(headers),
            preflight,
        }
    }

    /// An actual request of which only this is left.
    #[cfg(feature = "origin-source")]
    pub(super) fn kept(method: &'a Method, uri: &'a Uri, origin: &'a HeaderValue) -> Self {
        Self {
            method,
            uri,
            fields: Fields::Origin(origin),
            preflight: false,
        }
    }
}

/// A request was refused, which is its own fault: hence the level `INFO`.
///
/// `name` is the method or header that a preflight was refused for, looked for only where somebody listens: it
/// takes a second pass over the list.
#[cold]
pub(super) fn refused<'a>(
    log: &CorsLog,
    refusal: Refusal,
    asked: Asked<'a>,
    name: impl FnOnce() -> Option<&'a [u8]>,
) {
    #[cfg(feature = "tracing")]
    written::refused(log, refusal, asked, name);
    #[cfg(not(feature = "tracing"))]
    let _no_event = (log, refusal, asked, name);
}

/// A candidate differs from the policy in place.
#[cold]
pub(super) fn differs(log: &CorsLog, difference: &'static str, asked: Asked<'_>) {
    #[cfg(feature = "tracing")]
    written::differs(log, difference, asked);
    #[cfg(not(feature = "tracing"))]
    let _no_event = (log, difference, asked);
}

#[cfg(feature = "tracing")]
mod written {
    use http::header::ORIGIN;
    use tracing::Level;
    use tracing::field::{DisplayValue, display};

    use super::{Asked, CorsLog, Fields, HeaderValue, Kind, Refusal};
    use crate::excerpt::Excerpt;
    use crate::log::_Shown;

    fn is_enabled() -> bool {
        tracing::event_enabled!(target: "same_origin::cors", Level::INFO)
    }

    fn shown(value: &[u8]) -> DisplayValue<Excerpt<'_>> {
        display(Excerpt(value))
    }

    fn origin<'a>(asked: &Asked<'a>) -> Option<DisplayValue<Excerpt<'a>>> {
        let origin = match asked.fields {
            Fields::All(headers) => headers.get(ORIGIN),
            #[cfg(feature = "origin-source")]
            Fields::Origin(origin) => Some(origin),
        };
        origin.map(HeaderValue::as_bytes).map(shown)
    }

    fn id<'a>(log: &CorsLog, asked: &Asked<'a>) -> Option<&'a str> {
        match asked.fields {
            Fields::All(headers) => log.id_of(headers),
            // A layer with a source has no route, and so no ids.
            #[cfg(feature = "origin-source")]
            Fields::Origin(_) => None,
        }
    }

    pub(super) fn refused<'a>(
        log: &CorsLog,
        refusal: Refusal,
        asked: Asked<'a>,
        name: impl FnOnce() -> Option<&'a [u8]>,
    ) {
        if !is_enabled() || !log.turn(Kind::Refused(refusal), left_out) {
            return;
        }
        let name = name().map(shown);
        let (asked_method, asked_header) = match refusal {
            Refusal::Method => (name, None),
            _ => (None, name),
        };
        tracing::info!(
            target: "same_origin::cors",
            %refusal,
            asked_method,
            asked_header,
            preflight = asked.preflight,
            method = %asked.method,
            // Without its query, which may bear a signature.
            path = %_Shown(asked.uri.path()),
            id = id(log, &asked),
            route = log.route(),
            origin = origin(&asked),
            "CORS request refused"
        );
    }

    pub(super) fn differs(log: &CorsLog, difference: &'static str, asked: Asked<'_>) {
        if !is_enabled() || !log.turn(Kind::Differs(difference), left_out) {
            return;
        }
        tracing::info!(
            target: "same_origin::cors",
            difference,
            preflight = asked.preflight,
            method = %asked.method,
            path = %_Shown(asked.uri.path()),
            id = id(log, &asked),
            route = log.route(),
            origin = origin(&asked),
            "the candidate policy differs"
        );
    }

    fn left_out(kind: &Kind, route: Option<&str>, left_out: u64) {
        let (refusal, difference) = match *kind {
            Kind::Refused(refusal) => (Some(display(refusal)), None),
            Kind::Differs(difference) => (None, Some(difference)),
        };
        tracing::info!(
            target: "same_origin::cors",
            refusal,
            difference,
            route,
            left_out,
            "more of this kind in one second"
        );
    }
}
