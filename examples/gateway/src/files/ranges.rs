//! Requests for a part of a file (RFC 9110 14), where `ServeDir` reads them otherwise.

use http::header::{ACCEPT_ENCODING, CONTENT_RANGE, ETAG, IF_RANGE, LAST_MODIFIED, RANGE};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};

use super::Head;

/// Leaves a range only where it is one to answer with, in the one form that `ServeDir` reads: it refuses
/// what is to be ignored.
pub fn ask(method: &Method, headers: &mut HeaderMap) {
    let range = only_line(headers).and_then(only_range);
    // 14.2: for other methods than GET there is none.
    match range.filter(|_| *method == Method::GET) {
        Some(range) => headers.insert(RANGE, range),
        None => headers.remove(RANGE),
    };
}

fn only_line(headers: &HeaderMap) -> Option<&str> {
    let mut lines = headers.get_all(RANGE).iter();
    let line = lines.next().filter(|_| lines.next().is_none())?;
    line.to_str().ok()
}

/// The range of bytes that a field asks for. `None` for what a server ignores (14.2): other units, what
/// is malformed, and several ranges, which is its choice.
fn only_range(field: &str) -> Option<HeaderValue> {
    let (unit, set) = field.split_once('=')?;
    // 14.1: the names of units are case-insensitive.
    if !unit.eq_ignore_ascii_case("bytes") {
        return None;
    }
    // 5.6.1.2: a list may have empty elements.
    let mut ranges = set.split(',').map(str::trim).filter(|one| !one.is_empty());
    let range = ranges.next().filter(|_| ranges.next().is_none())?;
    let range = match range.split_once('-')? {
        ("", length) => format!("bytes=-{}", number(length)?),
        (first, "") => format!("bytes={}-", number(first)?),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            // 14.1.1: malformed if it ends before it begins.
            (first <= last).then(|| format!("bytes={first}-{last}"))?
        }
    };
    HeaderValue::try_from(range).ok()
}

/// Digits, of which there may be more than any file has bytes (17.5).
fn number(digits: &str) -> Option<u64> {
    let legal = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    legal.then(|| digits.parse().unwrap_or(u64::MAX))
}

/// A request for a part, of which it turns out with the file whether the whole is to be sent.
pub struct Part {
    /// The validator of the file that the client has a part of (13.1.5), which `ServeDir` does not read.
    of: Option<HeaderValue>,
    is_suffix: bool,
    pub whole: Head,
}

impl Part {
    pub fn of(head: &Head) -> Option<Self> {
        let range = head.headers().get(RANGE)?;
        let mut whole = head.clone();
        whole.headers_mut().remove(RANGE);
        Some(Self {
            of: head.headers().get(IF_RANGE).cloned(),
            is_suffix: range.as_bytes().starts_with(b"bytes=-") && range != "bytes=-0",
            whole,
        })
    }

    pub fn must_be_whole<B>(&self, found: &Response<B>) -> bool {
        match found.status() {
            StatusCode::PARTIAL_CONTENT => self.is_of_another(found) || is_empty(found),
            // 14.1.2: of a file that is shorter than the suffix, all is asked for.
            StatusCode::RANGE_NOT_SATISFIABLE => self.is_suffix || self.is_of_another(found),
            // It may be there in a compressed form only, of which the client is sent all.
            StatusCode::NOT_FOUND => self.whole.headers().contains_key(ACCEPT_ENCODING),
            _ => false,
        }
    }

    /// Whether what the client has may be of a compressed form, for all that it says: a date is the same for all forms,
    /// and the rest of the plain one would be put behind the beginning of another (13.1.5).
    pub fn may_be_of_coded<B>(&self, found: &Response<B>) -> bool {
        let is_dated = self
            .of
            .as_ref()
            .is_some_and(|of| !of.as_bytes().starts_with(b"\""));
        let takes_coding = self.whole.headers().contains_key(ACCEPT_ENCODING);
        let is_part = matches!(
            found.status(),
            StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE
        );
        is_part && is_dated && takes_coding
    }

    /// Whether the file is not, or not for certain, the one that the client has a part of.
    fn is_of_another<B>(&self, found: &Response<B>) -> bool {
        self.of.as_ref().is_some_and(|of| {
            let weak = of.as_bytes().starts_with(b"W/");
            let same = |name| found.headers().get(name) == Some(of);
            weak || !(same(ETAG) || same(LAST_MODIFIED))
        })
    }
}

/// Whether it is said to be a part of nothing, which has no first byte (14.4).
fn is_empty<B>(found: &Response<B>) -> bool {
    let range = found.headers().get(CONTENT_RANGE);
    range.is_some_and(|range| range.as_bytes().ends_with(b"/0"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_of_bytes_is_left() {
        for (field, left) in [
            ("bytes=0-1", Some("bytes=0-1")),
            ("bytes=5-", Some("bytes=5-")),
            ("bytes=-5", Some("bytes=-5")),
            ("BYTES=007-08", Some("bytes=7-8")),
            ("bytes=,\t0-1 ,", Some("bytes=0-1")),
            (
                "bytes=99999999999999999999-",
                Some("bytes=18446744073709551615-"),
            ),
            ("bytes=0-1,2-3", None),
            ("bytes=1-0", None),
            ("bytes=-", None),
            ("bytes=", None),
            ("bytes=--1", None),
            ("bytes=0-1-2", None),
            ("bytes=+0-1", None),
            ("bytes=0 - 1", None),
            ("bytes =0-1", None),
            ("items=0-1", None),
            ("0-1", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(RANGE, field.parse().unwrap());
            ask(&Method::GET, &mut headers);
            let found = headers.get(RANGE).map(|range| range.to_str().unwrap());
            assert_eq!(found, left, "{field}");
        }
    }
}
