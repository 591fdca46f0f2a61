//! Compression of what an upstream answers.
//!
//! Off unless a route asks for it: where an answer holds a secret beside what a page of another site can put into
//! the request, its compressed length tells the secret letter by letter (BREACH).

use std::convert::Infallible;
use std::task::{Context, Poll};

use futures_util::future::{FutureExt, Map};
use http::header::{CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_RANGE, RANGE};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use same_origin::proxy::{_NoTransform, _forbids_transforms, Body};
use tower::{Layer, Service};

use super::fields::{contains, is_coded, vary, weak_tags};
use super::{Claim, Codings, LEAST, compress, is_text, may_be_coded};

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

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        // RFC 9111 5.2.1.6: who asks for what the upstream sent gets that.
        let accepted = if _forbids_transforms(request.headers()) {
            Codings::default()
        } else {
            self.codings.accepted(request.headers())
        };
        // RFC 9110 14.2: a range may be left out. A date is the same for all forms, and by it the client may go on with a
        // compressed one, to which a part of the plain one would be added. Without a date in compressed answers no client
        // could ask whether they have changed. Browsers take no coding of a part, and so are given it.
        if accepted.first().is_some() && has_dated_range(request.headers()) {
            request.headers_mut().remove(RANGE);
            request.headers_mut().remove(IF_RANGE);
        }
        let known = weak_tags(request.headers());
        let claim = request.extensions_mut().remove::<Claim>();
        let answer: Answering = Box::new(move |answered| {
            let Ok(response) = answered;
            Ok(answer(accepted, claim.as_ref(), &known, response))
        });
        self.service.call(request).map(answer)
    }
}

fn answer(
    accepted: Codings,
    claim: Option<&Claim>,
    known: &[HeaderValue],
    response: Response<Body>,
) -> Response<Body> {
    if response.extensions().get::<_NoTransform>().is_some() {
        return response;
    }
    let was_coded = is_coded(response.headers());
    let mut response = compress(accepted, claim, response);
    let is_coded = !was_coded && is_coded(response.headers());
    let may_be = is_of_compressed(response.status(), response.headers());
    if may_be {
        vary(response.headers_mut());
    }
    let tag = response.headers().get(ETAG).and_then(weakened);
    let Some(tag) = tag else {
        return response;
    };
    // RFC 9110 15.4.5: a 304 has the tag that the 200 would have had. The client has that of the
    // compressed form; with the upstream's own it would take a range of the plain one for a part of it. Who
    // has any form is told of the weak one, where that may be the one: it confirms less.
    let is_compressible = may_be && accepted.first().is_some();
    let is_confirmed = response.status() == StatusCode::NOT_MODIFIED
        && known
            .iter()
            .any(|known| contains(known, &tag) || known == "*" && is_compressible);
    if is_coded || is_confirmed {
        response.headers_mut().insert(ETAG, tag);
    }
    if is_confirmed {
        vary(response.headers_mut());
    }
    response
}

/// Whether a part is asked for by the date of what it is a part of (RFC 9110 13.1.5).
fn has_dated_range(headers: &HeaderMap) -> bool {
    let is_tag = |of: &HeaderValue| matches!(of.as_bytes(), [b'"', ..] | [b'W', b'/', ..]);
    let of = headers.get(IF_RANGE);
    headers.contains_key(RANGE) && of.is_some_and(|of| !is_tag(of))
}

/// Whether a part or a 304 is, for all that it says, of a representation that is compressed for others. Both say
/// what the whole would have said of who gets what (RFC 9110 15.3.7, 15.4.5).
///
/// A 304 need not name the type, nor does one with several parts; then it is said in vain at worst.
fn is_of_compressed(status: StatusCode, headers: &HeaderMap) -> bool {
    let is_short = match status {
        StatusCode::NOT_MODIFIED => false,
        StatusCode::PARTIAL_CONTENT => complete_length(headers).is_some_and(|all| all < LEAST),
        _ => return false,
    };
    let kind = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    let is_unknown = kind.is_none_or(|kind| {
        let kind = kind.get(..MULTIPART.len());
        kind.is_some_and(|kind| kind.eq_ignore_ascii_case(MULTIPART))
    });
    !is_short && may_be_coded(headers) && (is_unknown || is_text(headers))
}

const MULTIPART: &[u8] = b"multipart/byteranges";

/// The length of the whole that there is a part of (RFC 9110 14.4), if it is known.
fn complete_length(headers: &HeaderMap) -> Option<u64> {
    let range = headers.get(CONTENT_RANGE)?.to_str().ok()?;
    range.rsplit_once('/')?.1.trim().parse().ok()
}

/// A strong tag made weak: it is one of bytes, of which there are now others (RFC 9110 8.8.1). `None` for one
/// that is weak already.
fn weakened(tag: &HeaderValue) -> Option<HeaderValue> {
    let tag = tag.as_bytes();
    let strong = tag.starts_with(b"\"").then_some(tag)?;
    HeaderValue::from_bytes(&[b"W/", strong].concat()).ok()
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use http_body_util::BodyExt;
    use tower::{ServiceExt, service_fn};

    use super::*;
    use crate::compress::Encoders;
    use crate::server::limits::Limits;

    fn claim(encoders: &Encoders) -> Claim {
        encoders.claim([192, 0, 2, 1].into())
    }

    fn upstream(status: u16, fields: &[(&str, &str)]) -> Response<Body> {
        let response = fields.iter().fold(
            Response::builder().status(status),
            |response, (name, value)| response.header(*name, *value),
        );
        response.body(Body::from("x".repeat(999))).unwrap()
    }

    #[test]
    fn tags_are_weak_where_the_bytes_are_others() {
        const DATE: &str = "Wed, 01 Jan 2020 00:00:00 GMT";
        for (status, tag, known, wanted) in [
            (200, "\"a\"", &[][..], "W/\"a\""),
            (200, "W/\"a\"", &[], "W/\"a\""),
            (304, "\"a\"", &["\"x\", W/\"a\""], "W/\"a\""),
            (304, "\"a\"", &["W/\"x\"", "W/\"a\""], "W/\"a\""),
            (304, "\"a\"", &["W/\"x\"", "\"a\""], "\"a\""),
            (304, "\"a\"", &["\"a\""], "\"a\""),
            (304, "\"a\"", &["*"], "W/\"a\""),
            (304, "\"a\"", &[DATE], "W/\"a\""),
            (304, "\"a\"", &["\"a\"", DATE], "\"a\""),
            (206, "\"a\"", &[], "\"a\""),
        ] {
            let fields = [
                ("etag", tag),
                ("content-type", "text/plain"),
                ("vary", "Accept-Encoding, origin"),
            ];
            let mut headers = HeaderMap::new();
            for known in known {
                let name = if *known == DATE {
                    "if-modified-since"
                } else {
                    "if-none-match"
                };
                headers.append(name, HeaderValue::from_static(known));
            }
            let known = weak_tags(&headers);
            let claim = claim(&Encoders::new(&Limits::default()));
            let found = upstream(status, &fields);
            let found = answer(Codings::ALL, Some(&claim), &known, found);
            assert_eq!(found.headers()[ETAG], wanted, "{status} {tag}");
            assert_eq!(found.headers().get_all("vary").iter().count(), 1);
        }
    }

    /// The field that says so may have been removed by a setting.
    #[test]
    fn what_is_marked_is_as_it_was() {
        let claim = claim(&Encoders::new(&Limits::default()));
        let fields = [("content-type", "text/plain"), ("etag", "\"a\"")];
        for status in [200, 206, 304] {
            let mut found = upstream(status, &fields);
            found.extensions_mut().insert(_NoTransform::default());
            let before = found.headers().clone();
            let found = answer(Codings::ALL, Some(&claim), &["*".parse().unwrap()], found);
            assert_eq!(*found.headers(), before, "{status}");
        }
    }

    /// RFC 9110 15.3.7, 15.4.5.
    #[test]
    fn a_part_and_a_304_hang_on_what_the_whole_hangs_on() {
        const TEXT: (&str, &str) = ("content-type", "text/plain");
        const IMAGE: (&str, &str) = ("content-type", "image/png");
        const PARTS: (&str, &str) = ("content-type", "Multipart/byteranges; boundary=a");
        const TAG: (&str, &str) = ("etag", "\"a\"");
        for (status, fields, varies) in [
            (200, &[TEXT][..], true),
            (304, &[], true),
            (304, &[TAG], true),
            (304, &[TEXT], true),
            (304, &[IMAGE], false),
            (304, &[("cache-control", "no-transform")], false),
            (304, &[("content-encoding", "br")], false),
            (206, &[TEXT, TAG], true),
            (206, &[TEXT, ("content-range", "bytes 0-9/999")], true),
            (206, &[TEXT, ("content-range", "bytes 0-9/*")], true),
            (206, &[TEXT, ("content-range", "bytes 0-9/99")], false),
            (206, &[IMAGE], false),
            (206, &[PARTS], true),
            (412, &[TAG], false),
        ] {
            for accepted in [Codings::ALL, Codings::default()] {
                let claim = claim(&Encoders::new(&Limits::default()));
                let found = answer(accepted, Some(&claim), &[], upstream(status, fields));
                let found = found.headers().contains_key("vary");
                assert_eq!(found, varies, "{status} {fields:?}");
            }
        }
    }

    #[tokio::test]
    async fn a_part_is_not_asked_for_by_a_date_where_the_whole_may_be_compressed() {
        const DATE: &str = "Wed, 01 Jan 2020 00:00:00 GMT";
        for (accepted, of, is_asked_for) in [
            ("gzip", Some(DATE), false),
            ("gzip", Some("nonsense"), false),
            ("gzip", Some("\"a\""), true),
            ("gzip", Some("W/\"a\""), true),
            ("gzip", None, true),
            ("identity", Some(DATE), true),
        ] {
            let service = service_fn(move |request: Request<()>| {
                for name in [RANGE, IF_RANGE] {
                    let is_there = request.headers().contains_key(&name);
                    let was_there = name == RANGE || of.is_some();
                    assert_eq!(is_there, is_asked_for && was_there, "{accepted} {of:?}");
                }
                ready(Ok::<_, Infallible>(upstream(200, &[])))
            });
            let mut request = Request::builder()
                .header("accept-encoding", accepted)
                .header(RANGE, "bytes=3-");
            if let Some(of) = of {
                request = request.header(IF_RANGE, of);
            }
            let request = request.body(()).unwrap();
            let layered = CompressLayer(Codings::ALL).layer(service);
            let Ok(_) = layered.oneshot(request).await;
        }
    }

    #[tokio::test]
    async fn an_encoder_is_given_back_with_its_body_and_without_one_an_answer_is_plain() {
        // One for a client.
        let encoders = Encoders::new(&Limits {
            client_share: 0.001,
            ..Limits::default()
        });
        let ask = async |kind: &'static str| {
            let fields = [("content-type", kind), ("etag", "\"a\"")];
            let service = service_fn(move |request: Request<()>| {
                assert!(request.extensions().is_empty());
                ready(Ok(upstream(200, &fields)))
            });
            let mut request = Request::new(());
            request.extensions_mut().insert(claim(&encoders));
            let name = HeaderValue::from_static("br");
            request.headers_mut().insert("accept-encoding", name);
            let Ok::<_, Infallible>(answer) = CompressLayer(Codings::ALL)
                .layer(service)
                .oneshot(request)
                .await;
            answer
        };
        let dropped = ask("text/plain").await;
        for (name, kind, body, is_there) in [
            ("the other one is held", "text/plain", Some(dropped), false),
            ("it was dropped", "text/plain", None, true),
            ("it was read", "text/plain", None, true),
            ("it was not for this", "image/png", None, false),
            ("it was not taken", "text/plain", None, true),
        ] {
            let answer = ask(kind).await;
            assert_eq!(is_coded(answer.headers()), is_there, "{name}");
            let tag = if is_there { "W/\"a\"" } else { "\"a\"" };
            assert_eq!(answer.headers()[ETAG], tag, "{name}");
            let varies = answer.headers().contains_key("vary");
            assert_eq!(varies, kind == "text/plain", "{name}");
            let content = answer.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(content == "x".repeat(999), !is_there, "{name}");
            drop(body);
        }
    }
}
