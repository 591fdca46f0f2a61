//! Responses before `lambda_http` writes them: each header is one line of text, and a body is as it was.

use std::future::{Future, ready};
use std::pin::Pin;

use axum::response::Response;
use http::header::{HeaderName, HeaderValue, SET_COOKIE, VARY};
use http::{HeaderMap, StatusCode};
use lambda_http::{Body, IntoResponse};

/// A response whose body is whole.
///
/// `lambda_http` takes a body for text or not by its `Content-Type`, and replaces the bytes that do not fit, in
/// UTF-8 or in the `charset`. Text in an answer is UTF-8, so that bytes which are not that go as base64.
pub(crate) struct Answer(http::Response<Body>);

impl Answer {
    /// Reads the body, which has to be in one piece of JSON anyway.
    pub(crate) async fn of(response: Response) -> Self {
        let (parts, body) = response.into_parts();
        let Ok(bytes) = axum::body::to_bytes(body, usize::MAX).await else {
            // A server would cut the connection, so that the client does not take a part for all.
            eprintln!("the body of a response could not be read to its end");
            return Self(failed(parts.headers));
        };
        let body = match String::from_utf8(bytes.into()) {
            Ok(text) => Body::Text(text),
            Err(error) => Body::Binary(error.into_bytes()),
        };
        Self(http::Response::from_parts(parts, body))
    }
}

/// The answer in the place of a response that breaks off, for the pages that might have read that.
fn failed(mut headers: HeaderMap) -> http::Response<Body> {
    let is_of_body =
        |name: &&HeaderName| *name != VARY && !name.as_str().starts_with("access-control-");
    let of_body: Vec<_> = headers.keys().filter(is_of_body).cloned().collect();
    for name in of_body {
        headers.remove(name);
    }
    let mut failed = http::Response::new(Body::Empty);
    *failed.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    *failed.headers_mut() = headers;
    failed
}

impl IntoResponse for Answer {
    fn into_response(self) -> Pin<Box<dyn Future<Output = http::Response<Body>> + Send>> {
        Box::pin(ready(self.0))
    }
}

/// Makes one line of the lines of each header (RFC 9110 5.3), except for `Set-Cookie`, whose lines cannot be
/// joined (RFC 6265 3) and have a place of their own in an answer.
///
/// An answer to an HTTP API or a function URL, and to an ALB without multi-value headers, has one value
/// for each header, and `lambda_http` 1.3 puts the first line there: of `Vary: accept` and `Vary: origin` a
/// cache would not see that the response is for one origin.
///
/// An answer is JSON, so that a value that is not text cannot be in it; it goes, rather than the whole answer.
pub(crate) fn printable(headers: &mut HeaderMap) {
    let names: Vec<_> = headers.keys().cloned().collect();
    for name in names {
        let lines: Vec<_> = headers.get_all(&name).iter().cloned().collect();
        let is_cookie = name == SET_COOKIE;
        let kept: Vec<_> = lines
            .iter()
            .filter(|line| match is_cookie {
                // A cookie's bytes are those of ASCII (RFC 6265 4.1.1).
                true => line.to_str().is_ok(),
                false => str::from_utf8(line.as_bytes()).is_ok(),
            })
            .collect();
        if kept.len() < lines.len() {
            eprintln!("a value of the response header {name} is not text, and left out");
        }
        if kept.len() == lines.len() && (is_cookie || lines.len() == 1) {
            continue;
        }
        headers.remove(&name);
        if is_cookie {
            for line in kept {
                headers.append(&name, line.clone());
            }
        } else if !kept.is_empty() {
            let bytes: Vec<_> = kept.iter().map(|line| line.as_bytes()).collect();
            if let Ok(joined) = HeaderValue::from_bytes(&bytes.join(&b", "[..])) {
                headers.insert(&name, joined);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_body_is_text_only_if_it_is_utf_8() {
        for (bytes, is_text) in [
            (&b""[..], true),
            ("\u{feff}Z\u{fc}rich\0".as_bytes(), true),
            (b"\x00\xff\x01\x02", false),
            (b"Z\xfcrich", false),
        ] {
            let mut response = Response::new(axum::body::Body::from(bytes));
            let kind = HeaderValue::from_static("text/plain; charset=iso-8859-1");
            response.headers_mut().insert("content-type", kind);
            let Answer(response) = Answer::of(response).await;
            assert_eq!(
                matches!(response.body(), Body::Text(_)),
                is_text,
                "{bytes:?}"
            );
            assert_eq!(response.body().as_ref(), bytes);
        }
    }

    #[tokio::test]
    async fn a_part_of_a_body_is_not_taken_for_all_of_it() {
        struct Cut;
        impl hyper::body::Body for Cut {
            type Data = bytes::Bytes;
            type Error = std::io::Error;
            fn poll_frame(
                self: Pin<&mut Self>,
                _: &mut std::task::Context<'_>,
            ) -> std::task::Poll<Option<Result<hyper::body::Frame<bytes::Bytes>, std::io::Error>>>
            {
                std::task::Poll::Ready(Some(Err(std::io::ErrorKind::UnexpectedEof.into())))
            }
        }
        let mut response = Response::new(axum::body::Body::new(Cut));
        for (name, value) in [
            ("content-length", "9"),
            ("etag", "\"a\""),
            ("set-cookie", "a=1"),
            ("vary", "Origin"),
            ("access-control-allow-origin", "https://a.example"),
        ] {
            let value = HeaderValue::from_static(value);
            response.headers_mut().insert(name, value);
        }
        let Answer(response) = Answer::of(response).await;
        assert_eq!(response.status(), 500);
        let headers = response.headers();
        assert_eq!(headers["vary"], "Origin");
        assert_eq!(headers["access-control-allow-origin"], "https://a.example");
        assert_eq!(headers.len(), 2, "{headers:?}");
    }

    #[test]
    fn each_header_is_one_line_of_text() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("vary", &b"accept"[..]),
            ("vary", b"origin"),
            ("set-cookie", b"a=1"),
            ("set-cookie", b"b=\xc3\xbc"),
            ("set-cookie", b"c=3"),
            ("x-name", "Zürich".as_bytes()),
            ("x-bytes", b"\xff"),
        ] {
            let name = HeaderName::from_static(name);
            headers.append(name, HeaderValue::from_bytes(value).unwrap());
        }
        printable(&mut headers);
        let lines = |name| headers.get_all(name).iter().collect::<Vec<_>>();
        assert_eq!(lines("vary"), ["accept, origin"]);
        assert_eq!(lines("set-cookie"), ["a=1", "c=3"]);
        assert_eq!(lines("x-name"), ["Zürich"]);
        assert!(!headers.contains_key("x-bytes"));
    }
}
