//! Compression of what an upstream answers.
//!
//! Off unless a route asks for it: where an answer holds a secret beside what a foreign page can put into
//! the request, its compressed length tells the secret letter by letter (BREACH).

use super::{Codings, compress};
use futures_util::future::{FutureExt, Map};
use http::header::{CONTENT_ENCODING, ETAG, IF_NONE_MATCH, VARY};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use same_origin::proxy::Body;
use std::convert::Infallible;
use std::task::{Context, Poll};
use tower::{Layer, Service};

/// Compresses the answers of a service in one of these codings.
#[derive(Clone, Copy, Debug)]
pub struct CompressLayer(pub Codings);

/// A service whose answers are compressed. The request passes as it is: an upstream that compresses by
/// itself goes on to do so, and what it compressed is left alone.
#[derive(Clone, Copy, Debug)]
pub struct Compressed<S> {
    service: S,
    codings: Codings,
}

impl<S> Layer<S> for CompressLayer {
    type Service = Compressed<S>;

    fn layer(&self, service: S) -> Compressed<S> {
        Compressed {
            service,
            codings: self.0,
        }
    }
}

type Answered = Result<Response<Body>, Infallible>;
type Answering = Box<dyn FnOnce(Answered) -> Answered + Send>;

impl<B, S> Service<Request<B>> for Compressed<S>
where
    S: Service<Request<B>, Response = Response<Body>, Error = Infallible>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Map<S::Future, Answering>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let accepted = self.codings.accepted(request.headers());
        let known = weak_tags(request.headers());
        let answer: Answering = Box::new(move |answered| {
            let Ok(response) = answered;
            Ok(answer(accepted, known.as_ref(), response))
        });
        self.service.call(request).map(answer)
    }
}

/// The tags that a client knows, if one of them may be one that was made weak here.
fn weak_tags(headers: &HeaderMap) -> Option<HeaderValue> {
    let lines = headers.get_all(IF_NONE_MATCH).iter();
    let mut weak = lines.filter(|line| line.as_bytes().windows(3).any(|part| part == b"W/\""));
    weak.next().cloned()
}

fn answer(
    accepted: Codings,
    known: Option<&HeaderValue>,
    response: Response<Body>,
) -> Response<Body> {
    let was_coded = response.headers().contains_key(CONTENT_ENCODING);
    let mut response = compress(accepted, response);
    let is_coded = !was_coded && response.headers().contains_key(CONTENT_ENCODING);
    let tag = response.headers().get(ETAG).and_then(weakened);
    let Some(tag) = tag else {
        return response;
    };
    // RFC 9110 15.4.5: a 304 has the tag that the 200 would have had. The client has that of the
    // compressed form; with the upstream's own it would take a range of the plain one for a part of it.
    let is_confirmed = response.status() == StatusCode::NOT_MODIFIED
        && known.is_some_and(|known| contains(known, &tag));
    if is_coded || is_confirmed {
        response.headers_mut().insert(ETAG, tag);
    }
    if is_confirmed {
        vary(response.headers_mut());
    }
    response
}

/// A strong tag made weak: it is one of bytes, of which there are now others (RFC 9110 8.8.1). `None` for one
/// that is weak already.
fn weakened(tag: &HeaderValue) -> Option<HeaderValue> {
    let tag = tag.as_bytes();
    let strong = tag.starts_with(b"\"").then_some(tag)?;
    HeaderValue::from_bytes(&[b"W/", strong].concat()).ok()
}

fn contains(known: &HeaderValue, tag: &HeaderValue) -> bool {
    let (known, tag) = (known.as_bytes(), tag.as_bytes());
    known.windows(tag.len()).any(|part| part == tag)
}

/// Says that the answer hangs on `Accept-Encoding`, unless that is said.
fn vary(headers: &mut HeaderMap) {
    let lines = headers.get_all(VARY).iter();
    let mut names = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .map(str::trim);
    if !names.any(|name| name == "*" || name.eq_ignore_ascii_case("accept-encoding")) {
        headers.append(VARY, HeaderValue::from_static("accept-encoding"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_weak_where_the_bytes_are_others() {
        for (status, tag, known, wanted) in [
            (200, "\"a\"", None, "W/\"a\""),
            (200, "W/\"a\"", None, "W/\"a\""),
            (304, "\"a\"", Some("\"x\", W/\"a\""), "W/\"a\""),
            (304, "\"a\"", Some("\"a\""), "\"a\""),
            (206, "\"a\"", None, "\"a\""),
        ] {
            let response = Response::builder()
                .status(status)
                .header(ETAG, tag)
                .header("content-type", "text/plain")
                .header(VARY, "Accept-Encoding, origin")
                .body(Body::from("x".repeat(999)))
                .unwrap();
            let known = known.map(|known| HeaderValue::from_str(known).unwrap());
            let found = answer(Codings::ALL, known.as_ref(), response);
            assert_eq!(found.headers()[ETAG], wanted, "{status} {tag}");
            assert_eq!(found.headers().get_all(VARY).iter().count(), 1);
        }
    }
}
