//! Whether a body can be known to be whole.

use http::header;
#[cfg(feature = "proxy")]
use http::{HeaderName, Response};
use http::{Version, response};

use crate::cache::rules::Refusal;
use crate::fields::{self, Sole};

/// The length that the body has to have, if it is known. If nothing says where it ends but the end of the connection, a
/// body that was cut is taken for a whole one, so that it is not stored.
pub(crate) fn length(head: &response::Parts, exact: Option<u64>) -> Result<Option<u64>, Refusal> {
    let headers = &head.headers;
    match fields::sole(headers, &header::TRANSFER_ENCODING) {
        Sole::Absent => {}
        Sole::One(coding) if coding.as_bytes().eq_ignore_ascii_case(b"chunked") => return Ok(None),
        // RFC 9112 6.1: another coding than chunked is on the body that is here.
        Sole::One(_) | Sole::Several => return Err(Refusal::Incomplete),
    }
    match fields::sole(headers, &header::CONTENT_LENGTH) {
        Sole::Absent => {}
        Sole::Several => return Err(Refusal::Incomplete),
        Sole::One(length) => {
            let length = length.to_str().ok().and_then(|length| length.parse().ok());
            let length: u64 = length.ok_or(Refusal::Incomplete)?;
            // A body may know better.
            return match exact {
                Some(exact) if exact != length => Err(Refusal::Incomplete),
                _ => Ok(Some(length)),
            };
        }
    }
    if exact.is_some() {
        return Ok(exact);
    }
    let is_closed = fields::has_token(headers, &header::CONNECTION, "close");
    if head.version <= Version::HTTP_10 || is_closed || is_ended_by_connection(head) {
        return Err(Refusal::Incomplete);
    }
    Ok(None)
}

/// Marks a response of HTTP/1.1 whose body ends with its connection (RFC 9112 6.3). A service that answers
/// with a stream of its own has as few fields, and knows its end.
#[derive(Clone, Copy, Debug)]
struct EndsWithConnection;

/// Marks a response that came from a connection, if nothing in it says where it ends.
#[cfg(feature = "proxy")]
pub(crate) fn mark_open_end<B>(mut response: Response<B>) -> Response<B> {
    let says = |name: HeaderName| response.headers().contains_key(name);
    let is_open = response.version() < Version::HTTP_2
        && !says(header::CONTENT_LENGTH)
        && !says(header::TRANSFER_ENCODING);
    if is_open {
        response.extensions_mut().insert(EndsWithConnection);
    }
    response
}

fn is_ended_by_connection(head: &response::Parts) -> bool {
    head.extensions.get::<EndsWithConnection>().is_some()
}
