//! Files that a client has already, and is not sent again (RFC 9110 13.1.2, 13.1.3).
//!
//! `ServeDir` compares with the file that it opens. The answer may be another form of it, with a tag of its own, and
//! a 304 has the tag that the 200 would have had (15.4.5). Which form is sent depends on the length and the kind of
//! the file, and on the files beside it. So these conditions are taken out of the request, and compared with the 200.

use std::time::SystemTime;

use http::header::{ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, RANGE, VARY};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use same_origin::proxy::Body;

use super::Head;

/// The forms of a file that a client says it has.
#[derive(Debug)]
pub enum Known {
    /// Nothing.
    Nothing,
    /// Whatever there is (`*`).
    Anything,
    /// The forms with these tags, on lines of a list.
    Tags(Vec<HeaderValue>),
    /// The file as it was then.
    Since(SystemTime),
}

impl Known {
    /// Takes the conditions out of a GET. In one for a part they stay, unless any form will do: a part is one of the
    /// plain file, which is what `ServeDir` compares with.
    pub fn take(head: &mut Head) -> Self {
        if head.method() != Method::GET {
            return Self::Nothing;
        }
        let headers = head.headers_mut();
        let mut tags = headers.get_all(IF_NONE_MATCH).iter();
        let is_any = tags.next().is_some_and(|tag| tag == "*") && tags.next().is_none();
        if headers.contains_key(RANGE) && !is_any {
            return Self::Nothing;
        }
        let known = if is_any {
            // 13.2.2: it is looked at before the range.
            headers.remove(RANGE);
            Self::Anything
        } else if headers.contains_key(IF_NONE_MATCH) {
            Self::Tags(headers.get_all(IF_NONE_MATCH).iter().cloned().collect())
        } else {
            since(headers).map_or(Self::Nothing, Self::Since)
        };
        // 13.1.3: a date is not looked at where there is a tag, nor if it is not one.
        headers.remove(IF_NONE_MATCH);
        headers.remove(IF_MODIFIED_SINCE);
        known
    }

    /// Whether the client has what it would be sent with this head of a 200.
    pub fn covers(&self, whole: &HeaderMap) -> bool {
        match self {
            Self::Nothing => false,
            Self::Anything => true,
            Self::Tags(lines) => {
                let tag = whole.get(ETAG).map(HeaderValue::as_bytes);
                // 8.8.3.2: compared weakly, by what stands between the quotes.
                let opaque = tag.map(|tag| tag.strip_prefix(b"W/").unwrap_or(tag));
                opaque.is_some_and(|opaque| lines.iter().any(|line| holds(line, opaque)))
            }
            Self::Since(then) => {
                let modified = whole.get(LAST_MODIFIED).and_then(date);
                modified.is_some_and(|modified| modified <= *then)
            }
        }
    }

    /// An answer, or that the client has it.
    pub fn answer(&self, found: Response<Body>) -> Response<Body> {
        if found.status() == StatusCode::OK && self.covers(found.headers()) {
            return not_modified(found.headers());
        }
        found
    }
}

/// Whether a line of a list of tags holds one, given with its quotes.
fn holds(line: &HeaderValue, opaque: &[u8]) -> bool {
    opaque.starts_with(b"\"")
        && line
            .as_bytes()
            .windows(opaque.len())
            .any(|part| part == opaque)
}

/// RFC 9110 13.1.3: one date.
fn since(headers: &HeaderMap) -> Option<SystemTime> {
    let mut lines = headers.get_all(IF_MODIFIED_SINCE).iter();
    let line = lines.next().filter(|_| lines.next().is_none())?;
    date(line)
}

pub fn date(field: &HeaderValue) -> Option<SystemTime> {
    httpdate::parse_http_date(field.to_str().ok()?).ok()
}

/// RFC 9110 15.4.5: what the 200 would say of its validators and of who gets what.
pub fn not_modified(whole: &HeaderMap) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    for name in [ETAG, LAST_MODIFIED, VARY] {
        if let Some(value) = whole.get(&name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use http::Request;
    use http_body_util::Empty;

    use super::*;

    #[test]
    fn a_client_has_what_it_would_be_sent_or_not() {
        const BEFORE: &str = "Mon, 01 Jan 2024 00:00:00 GMT";
        const MODIFIED: &str = "Tue, 02 Jan 2024 00:00:00 GMT";
        const AFTER: &str = "Wednesday, 03-Jan-24 00:00:00 GMT";
        let (tags, since) = ("if-none-match", "if-modified-since");
        for (fields, has, is_left) in [
            (&[][..], false, false),
            (&[(tags, r#"W/"a-gzip""#)], true, false),
            (&[(tags, r#""a-gzip""#)], true, false),
            (&[(tags, r#""x", "a-gzip""#)], true, false),
            (
                &[(tags, r#""x""#), (tags, r#"W/"a-gzip","y""#)],
                true,
                false,
            ),
            (&[(tags, r#""a""#)], false, false),
            (&[(tags, r#""a-br""#)], false, false),
            (&[(tags, r#""ba-gzip""#)], false, false),
            (&[(tags, "a-gzip")], false, false),
            (&[(tags, "*")], true, false),
            (&[(tags, "*"), (tags, "\"x\"")], false, false),
            (&[(since, MODIFIED)], true, false),
            (&[(since, AFTER)], true, false),
            (&[(since, BEFORE)], false, false),
            (&[(since, "yesterday")], false, false),
            (&[(since, MODIFIED), (since, MODIFIED)], false, false),
            (&[(since, MODIFIED), (tags, "\"x\"")], false, false),
            (&[(since, BEFORE), (tags, "\"a-gzip\"")], true, false),
            // Parts are the file system's.
            (&[("range", "bytes=0-1"), (since, MODIFIED)], false, true),
            (&[("range", "bytes=0-1"), (tags, "\"a-gzip\"")], false, true),
            (&[("range", "bytes=0-1"), (tags, "*")], true, false),
        ] {
            let request = fields
                .iter()
                .fold(Request::get("/"), |request, (name, value)| {
                    request.header(*name, *value)
                });
            let mut head = request.body(Empty::new()).unwrap();
            let known = Known::take(&mut head);
            let whole = [("etag", r#"W/"a-gzip""#), ("last-modified", MODIFIED)];
            let whole = whole
                .iter()
                .fold(Response::builder(), |whole, (name, value)| {
                    whole.header(*name, *value)
                });
            let answer = known.answer(whole.body(Body::empty()).unwrap());
            let wanted = if has { 304 } else { 200 };
            assert_eq!(answer.status(), wanted, "{fields:?}");
            assert_eq!(answer.headers()[ETAG], r#"W/"a-gzip""#, "{fields:?}");
            assert_eq!(!head.headers().is_empty(), is_left, "{fields:?}");
        }
    }
}
