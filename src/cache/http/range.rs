//! Ranges of a stored response (RFC 9110 14), and stored ranges.

use std::ops::Range;

use http::header::{self, HeaderMap, HeaderValue};

use crate::cache::http::conditional::{self, CONTENT_DIGEST, CONTENT_MD5};
use crate::fields;

/// A single range that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// From a byte to another one, both included.
    Span(u64, u64),
    /// From a byte to the end.
    From(u64),
    /// So many of the last bytes.
    Last(u64),
}

/// The range that a request asks for: `Ok(None)` for everything, `Err` for something that only the
/// upstream can answer, as several ranges are.
pub(crate) fn wanted(request: &HeaderMap) -> Result<Option<Wanted>, Unclear> {
    let mut lines = request.get_all(header::RANGE).iter();
    let Some(line) = lines.next() else {
        return Ok(None);
    };
    let only = lines.next().is_none();
    let range = line.as_bytes().strip_prefix(b"bytes=").and_then(single);
    range.filter(|_| only).map(Some).ok_or(Unclear)
}

/// A `Range` that is not one range of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unclear;

fn single(range: &[u8]) -> Option<Wanted> {
    let range = fields::trim(range);
    let dash = range.iter().position(|byte| *byte == b'-')?;
    match (bound(&range[..dash])?, bound(&range[dash + 1..])?) {
        (Bound::At(first), Bound::At(last)) if first <= last => Some(Wanted::Span(first, last)),
        (Bound::At(first), Bound::Open) => Some(Wanted::From(first)),
        (Bound::Open, Bound::At(count)) if count > 0 => Some(Wanted::Last(count)),
        _ => None,
    }
}

/// One side of the dash in a range.
enum Bound {
    Open,
    At(u64),
}

fn bound(digits: &[u8]) -> Option<Bound> {
    if digits.is_empty() {
        return Some(Bound::Open);
    }
    number(digits).map(Bound::At)
}

fn number(digits: &[u8]) -> Option<u64> {
    let is_number = (1..=18).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
    let add = |value, digit: &u8| value * 10 + u64::from(digit - b'0');
    is_number.then(|| digits.iter().fold(0, add))
}

/// The place of a stored body in the whole representation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    first: u64,
    /// The length of the whole, if it is known.
    whole: Option<u64>,
    /// Whether the body goes to the end of the whole.
    to_end: bool,
}

impl Extent {
    /// The extent of a whole body.
    pub(crate) fn whole(length: u64) -> Self {
        Self {
            first: 0,
            whole: Some(length),
            to_end: true,
        }
    }

    /// The extent of a 206, by its `Content-Range`.
    ///
    /// If the body's length is not what the field says, positions count from the first byte and from the end, as the
    /// field says: what is stored is never less sound than what the upstream sent.
    pub(crate) fn of(partial: &HeaderMap) -> Option<Self> {
        let fields::Sole::One(value) = fields::sole(partial, &header::CONTENT_RANGE) else {
            return None;
        };
        let value = value.as_bytes().strip_prefix(b"bytes ")?;
        let slash = value.iter().position(|byte| *byte == b'/')?;
        let (range, whole) = (&value[..slash], &value[slash + 1..]);
        let dash = range.iter().position(|byte| *byte == b'-')?;
        let (first, last) = (number(&range[..dash])?, number(&range[dash + 1..])?);
        let whole = match whole {
            b"*" => None,
            digits => Some(number(digits)?),
        };
        let sound = first <= last && whole.is_none_or(|whole| last < whole);
        sound.then_some(Self {
            first,
            whole,
            to_end: whole == Some(last + 1),
        })
    }

    /// The bytes of a stored body of `length` that are wanted, if it has all of them.
    pub(crate) fn cut(&self, wanted: Wanted, length: u64) -> Option<Range<u64>> {
        let range = match wanted {
            Wanted::Span(first, last) => {
                let first = first.checked_sub(self.first)?;
                let end = last.checked_sub(self.first)? + 1;
                if end > length && !self.to_end {
                    return None;
                }
                first..end.min(length)
            }
            Wanted::From(first) if self.to_end => first.checked_sub(self.first)?..length,
            Wanted::Last(count) if self.to_end && count <= length => length - count..length,
            // More of the end than there is: all of it (RFC 9110 14.1.2).
            Wanted::Last(_) if self.to_end && self.first == 0 => 0..length,
            Wanted::From(_) | Wanted::Last(_) => return None,
        };
        (range.start < range.end).then_some(range)
    }

    /// The `Content-Range` of a part of a stored body of `length`.
    fn content_range(&self, part: &Range<u64>, length: u64) -> Option<HeaderValue> {
        let (first, last) = match (self.to_end && part.end == length, self.whole) {
            // Counted from the end, which is the same unless the upstream said what is not so.
            (true, Some(whole)) => (whole.checked_sub(part.end - part.start)?, whole - 1),
            _ => (self.first + part.start, self.first + part.end - 1),
        };
        let text = match self.whole {
            Some(whole) => format!("bytes {first}-{last}/{whole}"),
            None => format!("bytes {first}-{last}/*"),
        };
        HeaderValue::try_from(text).ok()
    }

    /// Makes a stored head that of a 206 with a part of the stored body.
    pub(crate) fn describe(&self, headers: &mut HeaderMap, part: &Range<u64>, length: u64) {
        // All of a stored part is what the upstream said that it is.
        if *part == (0..length) && headers.contains_key(header::CONTENT_RANGE) {
            return;
        }
        if let Some(range) = self.content_range(part, length) {
            let _full = headers.try_insert(header::CONTENT_RANGE, range);
        }
        let length = HeaderValue::from(part.end - part.start);
        let _full = headers.try_insert(header::CONTENT_LENGTH, length);
        // Trailers are about the whole, and so are these digests (RFC 9530 2: of the content of that very message).
        for name in [header::TRAILER, CONTENT_DIGEST, CONTENT_MD5] {
            headers.remove(name);
        }
    }
}

/// The range that a request gets of a whole stored body: `Ok(None)` all of it, `Err` if only the upstream can say.
pub(crate) fn of_whole(
    request: &HeaderMap,
    stored: &HeaderMap,
    length: u64,
) -> Result<Option<Range<u64>>, Unclear> {
    let wanted = wanted(request)?;
    let Some(wanted) = wanted else {
        return Ok(None);
    };
    // RFC 9110 13.1.5, 14.2: a condition that does not hold, and a server that does not do ranges, make
    // it a request for everything.
    if !conditional::is_same_range(request, stored) || has_no_ranges(stored) {
        return Ok(None);
    }
    Extent::whole(length)
        .cut(wanted, length)
        .map(Some)
        .ok_or(Unclear)
}

fn has_no_ranges(stored: &HeaderMap) -> bool {
    fields::has_token(stored, &header::ACCEPT_RANGES, "none")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::headers;

    #[test]
    fn one_range_of_bytes_is_understood() {
        for (text, expected) in [
            ("bytes=0-1", Ok(Some(Wanted::Span(0, 1)))),
            ("bytes= 5-", Ok(Some(Wanted::From(5)))),
            ("bytes=-3", Ok(Some(Wanted::Last(3)))),
            ("bytes=1-0", Err(Unclear)),
            ("bytes=-0", Err(Unclear)),
            ("bytes=-", Err(Unclear)),
            ("bytes=0-1,3-4", Err(Unclear)),
            ("bytes=0-x", Err(Unclear)),
            ("bytes=9999999999999999999-", Err(Unclear)),
            ("items=0-1", Err(Unclear)),
        ] {
            assert_eq!(wanted(&headers(&[("range", text)])), expected, "{text}");
        }
        assert_eq!(wanted(&HeaderMap::new()), Ok(None));
        let twice = headers(&[("range", "bytes=0-1"), ("range", "bytes=0-1")]);
        assert_eq!(wanted(&twice), Err(Unclear));
    }

    #[test]
    fn a_whole_body_is_cut_as_a_server_would() {
        let whole = Extent::whole(10);
        for (wanted, expected, said) in [
            (Wanted::Span(0, 1), Some(0..2), "bytes 0-1/10"),
            (Wanted::Span(8, 100), Some(8..10), "bytes 8-9/10"),
            (Wanted::From(4), Some(4..10), "bytes 4-9/10"),
            (Wanted::Last(3), Some(7..10), "bytes 7-9/10"),
            (Wanted::Last(99), Some(0..10), "bytes 0-9/10"),
            (Wanted::Span(10, 11), None, ""),
            (Wanted::From(10), None, ""),
        ] {
            let part = whole.cut(wanted, 10);
            assert_eq!(part, expected, "{wanted:?}");
            if let Some(part) = part {
                assert_eq!(whole.content_range(&part, 10).unwrap(), said, "{wanted:?}");
            }
        }
        assert_eq!(Extent::whole(0).cut(Wanted::Last(1), 0), None);
    }

    #[test]
    fn a_stored_part_gives_what_it_has() {
        let extent = |value: &str| Extent::of(&headers(&[("content-range", value)]));
        let middle = extent("bytes 4-7/10").unwrap();
        for (wanted, expected) in [
            (Wanted::Span(4, 7), Some(0..4)),
            (Wanted::Span(5, 6), Some(1..3)),
            (Wanted::Span(3, 6), None),
            (Wanted::Span(5, 8), None),
            (Wanted::From(5), None),
            (Wanted::Last(2), None),
        ] {
            assert_eq!(middle.cut(wanted, 4), expected, "{wanted:?}");
        }
        let end = extent("bytes 6-9/10").unwrap();
        for (wanted, expected, said) in [
            (Wanted::From(7), Some(1..4), "bytes 7-9/10"),
            (Wanted::Last(1), Some(3..4), "bytes 9-9/10"),
            (Wanted::Last(5), None, ""),
            (Wanted::From(5), None, ""),
            (Wanted::Span(8, 30), Some(2..4), "bytes 8-9/10"),
        ] {
            let part = end.cut(wanted, 4);
            assert_eq!(part, expected, "{wanted:?}");
            if let Some(part) = part {
                assert_eq!(end.content_range(&part, 4).unwrap(), said, "{wanted:?}");
            }
        }
        let unknown = extent("bytes 6-9/*").unwrap();
        assert_eq!(unknown.cut(Wanted::Span(6, 7), 4), Some(0..2));
        assert_eq!(unknown.content_range(&(0..2), 4).unwrap(), "bytes 6-7/*");
        assert_eq!(unknown.cut(Wanted::From(6), 4), None);
        for broken in [
            "",
            "bytes */10",
            "bytes 4-3/10",
            "bytes 4-9/9",
            "bytes a-9/10",
            "items 0-1/2",
            "bytes 0-1",
        ] {
            assert_eq!(extent(broken), None, "{broken}");
        }
    }
}
