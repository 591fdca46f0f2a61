//! The length of a body as its head says it, brought into the one form that every next hop reads alike.

use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, Request, Version, request};
use http_body::Body;

use crate::fields;
use crate::proxy::error::ProxyErrorKind;
use crate::proxy::wire::scan::{Field, HeaderScan};

const CHUNKED: HeaderValue = HeaderValue::from_static("chunked");

/// A head that cannot be handed on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unsound {
    /// A transfer coding that the body would arrive in, unnamed.
    Coding,
    /// Lengths that contradict each other, or are not numbers.
    Length,
}

impl Unsound {
    pub(crate) fn of_request(self) -> ProxyErrorKind {
        match self {
            // RFC 9112 6.1: a server should say that it does not know the coding.
            Self::Coding => ProxyErrorKind::UnknownTransferCoding,
            Self::Length => ProxyErrorKind::RequestBody,
        }
    }
}

/// A head that says otherwise than its body, in a request that the program has made or changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Disagreement {
    #[error("the request's Content-Length is not one number")]
    Malformed,
    #[error("the request's body is not as long as its Content-Length")]
    Length,
}

/// Whether content of a request has no meaning by its method (RFC 9110 9.3.1, 9.3.2, 9.3.5, 9.3.7). Some servers
/// leave such content unread.
pub(crate) fn gives_content_no_meaning(method: &Method) -> bool {
    matches!(
        *method,
        Method::GET | Method::HEAD | Method::DELETE | Method::OPTIONS
    )
}

/// Returns whether a head says that content follows, or waits to be wanted (RFC 9110 10.1.1).
///
/// The converse does not hold. HTTP/2 needs no field for it; in HTTP/1.1 a request without one has no content
/// (RFC 9112 6.3), but the head may not be the client's any more: a layer that decodes a body takes the length
/// away, and a program that makes a request need not write one. So of such a request only its body can tell.
pub(crate) fn announces_content(headers: &HeaderMap) -> bool {
    let length = headers.get(header::CONTENT_LENGTH);
    headers.contains_key(header::TRANSFER_ENCODING)
        || headers.contains_key(header::EXPECT)
        || length.is_some_and(|length| length != "0")
}

/// Checks the transfer codings of a message that has a body, before they are removed.
///
/// RFC 9112 6.1, 7: the body that the connection gives is what `chunked` was taken off; any other coding
/// would still be on it. `identity` is not a coding (RFC 2616 3.6).
pub(crate) fn check_coding(headers: &HeaderMap, scan: HeaderScan) -> Result<(), Unsound> {
    if !scan.has(Field::TransferEncoding) {
        return Ok(());
    }
    let mut codings = fields::elements(headers, &header::TRANSFER_ENCODING);
    let is_sound = match codings.next() {
        None => true,
        Some(first) if first.eq_ignore_ascii_case(b"identity") => {
            codings.all(|coding| coding.eq_ignore_ascii_case(b"identity"))
        }
        Some(first) => {
            first.eq_ignore_ascii_case(b"chunked")
                && codings.next().is_none()
                && ends_in_it(headers)
        }
    };
    is_sound.then_some(()).ok_or(Unsound::Coding)
}

/// Whether the coding that is there ends its list. hyper reads on to the end of the connection if an empty
/// element does, and the chunks would be content.
fn ends_in_it(headers: &HeaderMap) -> bool {
    let last = headers
        .get_all(header::TRANSFER_ENCODING)
        .iter()
        .next_back();
    let end = last.and_then(|line| line.as_bytes().rsplit(|byte| *byte == b',').next());
    end.is_some_and(|end| !fields::trim(end).is_empty())
}

/// Makes one `Content-Length` of several that say the same (RFC 9110 8.6: a list is not forwarded).
pub(crate) fn settle_length(headers: &mut HeaderMap, scan: HeaderScan) -> Result<(), Unsound> {
    if scan.has(Field::LengthList) {
        let length = same_length(headers).ok_or(Unsound::Length)?;
        headers.insert(header::CONTENT_LENGTH, length);
    }
    Ok(())
}

/// The length that a head announces, if it announces one.
pub(crate) fn length(headers: &HeaderMap) -> Result<Option<u64>, Unsound> {
    let Some(length) = headers.get(header::CONTENT_LENGTH) else {
        return Ok(None);
    };
    let length = length.to_str().ok();
    // RFC 9110 8.6: digits, and no sign.
    let digits = length.filter(|length| length.bytes().all(|byte| byte.is_ascii_digit()));
    let length = digits.and_then(|digits| digits.parse().ok());
    length.map(Some).ok_or(Unsound::Length)
}

/// Whether a body can be that long, by what it says of itself.
pub(crate) fn can_be(body: &impl Body, length: u64) -> bool {
    let hint = body.size_hint();
    let is_within = hint.lower() <= length && hint.upper().is_none_or(|most| most >= length);
    is_within && (length == 0 || !body.is_end_stream())
}

/// Compares a request's head with its body before it is sent, where a program may have changed either, and returns the
/// length that the head announces.
///
/// hyper writes the head as it is. With a length and no body the upstream would take the next request on the
/// connection, which is somebody else's, for the body.
pub(crate) fn agree<B: Body>(request: &mut Request<B>) -> Result<Option<u64>, Disagreement> {
    // RFC 9112 6.3: beside a transfer coding a length means nothing. Over HTTP/2 it would be left alone, and hyper
    // leaves it alone where the body is empty.
    if request.headers().contains_key(header::TRANSFER_ENCODING) {
        request.headers_mut().remove(header::CONTENT_LENGTH);
        return Ok(None);
    }
    let mut lines = request.headers().get_all(header::CONTENT_LENGTH).iter();
    let Some(first) = lines.next() else {
        let is_unusual = *request.method() == Method::GET || *request.method() == Method::HEAD;
        if is_unusual && has_begun(request.body()) {
            request
                .headers_mut()
                .insert(header::TRANSFER_ENCODING, CHUNKED);
        }
        return Ok(None);
    };
    if lines.next().is_some() || first.as_bytes().contains(&b',') {
        let same = same_length(request.headers()).ok_or(Disagreement::Malformed)?;
        request.headers_mut().insert(header::CONTENT_LENGTH, same);
    }
    let length = length(request.headers()).map_err(|_| Disagreement::Malformed)?;
    if length.is_some_and(|length| !can_be(request.body(), length)) {
        return Err(Disagreement::Length);
    }
    Ok(length)
}

/// Says that a GET or HEAD has a body of unknown length. hyper sends none with them unless it is told.
///
/// Only if it came so, or is known to have content: a body that a layer has wrapped may not know that it is empty.
pub(crate) fn announce_body(parts: &mut request::Parts, scan: HeaderScan, body: &impl Body) {
    let came_so = scan.has(Field::TransferEncoding)
        || (parts.version >= Version::HTTP_2 && !scan.has(Field::ContentLength));
    let is_unusual = parts.method == Method::GET || parts.method == Method::HEAD;
    if is_unusual && !body.is_end_stream() && (came_so || has_begun(body)) {
        parts.headers.insert(header::TRANSFER_ENCODING, CHUNKED);
    }
}

/// Whether a body is known to have content, and not how much.
fn has_begun(body: &impl Body) -> bool {
    let hint = body.size_hint();
    hint.lower() > 0 && hint.exact().is_none()
}

fn same_length(headers: &HeaderMap) -> Option<HeaderValue> {
    let mut lengths = fields::elements(headers, &header::CONTENT_LENGTH);
    let first = lengths.next()?;
    let is_sound = first.iter().all(u8::is_ascii_digit) && lengths.all(|other| other == first);
    is_sound.then(|| HeaderValue::from_bytes(first).ok())?
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    fn settled(lines: &[(HeaderName, &'static str)]) -> Result<Vec<HeaderValue>, Unsound> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(name, HeaderValue::from_static(value));
        }
        let scan = HeaderScan::of(&headers);
        check_coding(&headers, scan)?;
        settle_length(&mut headers, scan)?;
        Ok(headers
            .get_all(header::CONTENT_LENGTH)
            .iter()
            .cloned()
            .collect())
    }

    #[test]
    fn lengths_that_say_the_same_become_one() {
        const LENGTH: HeaderName = header::CONTENT_LENGTH;
        assert_eq!(settled(&[]).unwrap().len(), 0);
        for same in [
            &[(LENGTH, "2")][..],
            &[(LENGTH, "2"), (LENGTH, "2")],
            &[(LENGTH, "2, 2")],
            &[(LENGTH, "2,2"), (LENGTH, " 2 ,")],
        ] {
            assert_eq!(settled(same).unwrap(), ["2"], "{same:?}");
        }
        for unsound in [
            &[(LENGTH, "2"), (LENGTH, "3")][..],
            &[(LENGTH, "2, 3")],
            &[(LENGTH, "2, +2")],
            &[(LENGTH, "a,a")],
            &[(LENGTH, ",")],
        ] {
            assert_eq!(settled(unsound), Err(Unsound::Length), "{unsound:?}");
        }
    }

    #[test]
    fn only_chunked_is_taken_off() {
        const CODING: HeaderName = header::TRANSFER_ENCODING;
        assert!(settled(&[(CODING, "chunked")]).is_ok());
        assert!(settled(&[(CODING, "Chunked ")]).is_ok());
        assert!(settled(&[(CODING, ""), (CODING, " ,chunked")]).is_ok());
        assert!(settled(&[(CODING, "identity"), (CODING, "Identity")]).is_ok());
        assert!(settled(&[(CODING, "")]).is_ok());
        for unsound in [
            &[(CODING, "chunked,")][..],
            &[(CODING, "chunked"), (CODING, "")],
            &[(CODING, "identity, chunked")],
            &[(CODING, "chunked;q=1")],
            &[(CODING, "gzip, chunked")],
            &[(CODING, "gzip")],
            &[(CODING, "chunked, chunked")],
            &[(CODING, "chunked"), (CODING, "identity")],
        ] {
            assert_eq!(settled(unsound), Err(Unsound::Coding), "{unsound:?}");
        }
    }
}
