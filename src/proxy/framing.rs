//! What a head says of its body's length, brought into the one form that every next hop reads alike.

use super::census::{Census, Field};
use super::error::ErrorKind;
use crate::fields;
use http::header::{self, HeaderMap, HeaderValue};

/// What cannot be handed on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unsound {
    /// A transfer coding that the body would arrive in, unnamed.
    Coding,
    /// Lengths that contradict each other, or are none.
    Length,
}

impl Unsound {
    pub(crate) fn of_request(self) -> ErrorKind {
        match self {
            // RFC 9112 6.1: a server should say that it does not know the coding.
            Self::Coding => ErrorKind::UnknownTransferCoding,
            Self::Length => ErrorKind::RequestBody,
        }
    }
}

/// Checks the fields, and makes one `Content-Length` of several that say the same (RFC 9110 8.6: a list is
/// not forwarded). To be asked before `Transfer-Encoding` is removed.
pub(crate) fn settle(headers: &mut HeaderMap, census: Census) -> Result<(), Unsound> {
    if census.has(Field::TransferEncoding) && !is_chunked(headers) {
        return Err(Unsound::Coding);
    }
    if !census.has(Field::LengthList) {
        return Ok(());
    }
    let length = same_length(headers).ok_or(Unsound::Length)?;
    headers.insert(header::CONTENT_LENGTH, length);
    Ok(())
}

/// RFC 9112 6.1, 7: the body that the connection gives is what `chunked` was taken off; any other coding
/// would still be on it.
fn is_chunked(headers: &HeaderMap) -> bool {
    let mut codings = fields::elements(headers, &header::TRANSFER_ENCODING);
    let first = codings.next();
    first.is_some_and(|coding| coding.eq_ignore_ascii_case(b"chunked")) && codings.next().is_none()
}

fn same_length(headers: &HeaderMap) -> Option<HeaderValue> {
    let mut lengths = fields::elements(headers, &header::CONTENT_LENGTH);
    let first = lengths.next()?;
    let is_sound = first.iter().all(u8::is_ascii_digit) && lengths.all(|other| other == first);
    is_sound.then(|| HeaderValue::from_bytes(first).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderName;

    fn settled(lines: &[(HeaderName, &'static str)]) -> Result<Vec<HeaderValue>, Unsound> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(name, HeaderValue::from_static(value));
        }
        let census = Census::of(&headers);
        settle(&mut headers, census)?;
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
        for unsound in [
            &[(CODING, "gzip, chunked")][..],
            &[(CODING, "gzip")],
            &[(CODING, "chunked, chunked")],
            &[(CODING, "chunked"), (CODING, "identity")],
            &[(CODING, "")],
        ] {
            assert_eq!(settled(unsound), Err(Unsound::Coding), "{unsound:?}");
        }
    }
}
