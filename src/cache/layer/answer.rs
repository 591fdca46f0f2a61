//! Answers that are made of what is stored.

use std::ops::Range;
use std::sync::Arc;

use http::header::{self, Entry, HeaderMap, HeaderValue};
use http::{Response, StatusCode};

use crate::cache::http::conditional;
use crate::cache::http::range::{self, Unclear};
use crate::cache::http::status::{Forward, Status};
use crate::cache::http::vary::Values;
use crate::cache::layer::body::Body;
use crate::cache::rules::plan::Asked;
use crate::cache::rules::reuse::Use;
use crate::cache::store::entry::{Resource, Stored};

/// The result of a search for a stored response.
#[derive(Clone, Debug)]
pub(crate) enum Found {
    /// Nothing that can be used, and why.
    Nothing(Forward),
    /// A response, and what may be done with it.
    Response(Arc<Stored>, Use),
    /// A part that has the part that is wanted.
    Part(Arc<Stored>, Range<u64>),
    /// A response of which only the upstream can say what the request gets.
    Unclear,
}

/// Looks through all that is stored for a key.
pub(crate) fn find(resource: Option<&Resource>, asked: &Asked, request: &HeaderMap) -> Found {
    let Some(resource) = resource else {
        return Found::Nothing(Forward::UriMiss);
    };
    let mut why = Forward::UriMiss;
    let mut values = Values::of(request);
    for stored in resource.preferred() {
        if let Some(unfit) = stored.unfit(&mut values, asked.authorized) {
            // The youngest of those that are still of use says why.
            if why == Forward::UriMiss {
                why = unfit;
            }
            continue;
        }
        if stored.part.is_some() {
            if let Some(part) = part_of(stored, asked, request) {
                return Found::Part(Arc::clone(stored), part);
            }
            why = Forward::Partial;
            continue;
        }
        if of_whole(stored, asked, request).is_err() {
            return Found::Unclear;
        }
        return Found::Response(Arc::clone(stored), stored.age().judge(&asked.control));
    }
    Found::Nothing(why)
}

/// A stored part is used only while it is fresh, for a request without other conditions: to validate it
/// would be to ask about something that nobody has.
fn part_of(stored: &Stored, asked: &Asked, request: &HeaderMap) -> Option<Range<u64>> {
    let extent = stored.part?;
    let wanted = asked.range?;
    let usable = !asked.is_head
        && !asked.conditional
        && conditional::is_same_range(request, &stored.headers)
        && stored.age().judge(&asked.control) == Use::Answer;
    usable.then(|| extent.cut(wanted, stored.body.len() as u64))?
}

/// The range that a request gets of a whole stored response: `None` for all of it.
fn of_whole(
    stored: &Stored,
    asked: &Asked,
    request: &HeaderMap,
) -> Result<Option<Range<u64>>, Unclear> {
    // RFC 9110 14.2: of another status a part would be a part of something else.
    if asked.range.is_none() || stored.status != StatusCode::OK {
        return Ok(None);
    }
    range::of_whole(request, &stored.headers, stored.body.len() as u64)
}

/// The answer to a request that a whole stored response is for: as it is, as a 304, or a part of it.
pub(crate) fn whole<B>(
    stored: &Stored,
    asked: &Asked,
    request: &HeaderMap,
    status: Status,
    name: &str,
) -> Response<Body<B>> {
    let mut headers = head(stored, status, name);
    // RFC 9110 13.2.1: a condition is about what would have been a success.
    let is_known = stored.status.is_success()
        && asked.conditional
        && conditional::is_not_modified(request, &stored.headers);
    if is_known {
        conditional::strip_content(&mut headers);
        return respond(StatusCode::NOT_MODIFIED, stored, headers, Body::absent());
    }
    if asked.is_head {
        say_length(&mut headers, stored);
        return respond(stored.status, stored, headers, Body::absent());
    }
    match of_whole(stored, asked, request) {
        Ok(Some(part)) => {
            let length = stored.body.len() as u64;
            range::Extent::whole(length).describe(&mut headers, &part, length);
            let body = Body::part(&stored.body, &part);
            respond(StatusCode::PARTIAL_CONTENT, stored, headers, body)
        }
        _ => {
            let body = Body::stored(&stored.body, stored.trailers.as_ref());
            respond(stored.status, stored, headers, body)
        }
    }
}

/// RFC 9110 9.3.2: `HEAD` says what `GET` would, and to that a server adds the length of a body that it has whole. With
/// trailers it sends chunks.
fn say_length(headers: &mut HeaderMap, stored: &Stored) {
    if stored.body.is_empty() || stored.trailers.is_some() {
        return;
    }
    if let Ok(Entry::Vacant(none)) = headers.try_entry(header::CONTENT_LENGTH) {
        let _full = none.try_insert(HeaderValue::from(stored.body.len()));
    }
}

/// The answer that is a part of a stored part.
pub(crate) fn part<B>(
    stored: &Stored,
    part: &Range<u64>,
    status: Status,
    name: &str,
) -> Response<Body<B>> {
    let mut headers = head(stored, status, name);
    if let Some(extent) = &stored.part {
        extent.describe(&mut headers, part, stored.body.len() as u64);
    }
    respond(
        stored.status,
        stored,
        headers,
        Body::part(&stored.body, part),
    )
}

/// RFC 9111 4: with its age, and otherwise as it came.
fn head(stored: &Stored, mut status: Status, name: &str) -> HeaderMap {
    let age = stored.age();
    let mut headers = stored.headers.clone();
    let _full = headers.try_insert(header::AGE, HeaderValue::from(age.age.as_secs()));
    status.ttl = Some(age.left());
    status.append(name, &mut headers);
    headers
}

fn respond<B>(
    status: StatusCode,
    stored: &Stored,
    headers: HeaderMap,
    body: Body<B>,
) -> Response<Body<B>> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.version_mut() = stored.version;
    *response.headers_mut() = headers;
    response
}

/// RFC 9111 5.2.1.7: nothing is stored, and the client wants nothing else.
pub(crate) fn not_stored<B>(name: &str) -> Response<Body<B>> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::GATEWAY_TIMEOUT;
    Status::default().append(name, response.headers_mut());
    response
}
