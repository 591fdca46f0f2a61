//! Compression of answers: which ones, in which coding, and their validators.
//!
//! An answer is compressed if it is text of some length and nothing is said against it. Never compressed are
//! answers that have a coding already, parts (RFC 9110 14: a range is one of the coded bytes), those
//! with `no-transform` (RFC 9111 5.2.2.6) or a digest of their content (RFC 9530), and streams of messages
//! that a compressor would hold back: `text/event-stream` and gRPC.

mod codings;
mod encoders;
mod fields;
mod upstream;

use std::convert::Infallible;
use std::future::ready;

use bytes::Bytes;
pub use codings::{Coding, Codings};
pub use encoders::{Claim, Encoders};
use fields::{is_coded, members};
use futures_util::FutureExt;
use http::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderName,
    TRAILER,
};
use http::{Extensions, HeaderMap, HeaderValue, Request, Response, StatusCode, Version};
use http_body::{Body as HttpBody, Frame};
use http_body_util::BodyExt;
use same_origin::proxy::{_forbids_transforms, Body};
use tower::{ServiceExt, service_fn};
use tower_http::compression::Compression;
pub use upstream::{CompressLayer, Compressed};

/// Below it, what is saved is not worth the work: it all goes in one packet.
const LEAST: u64 = 256;

/// Digests of the bytes as they are.
const DIGESTS: [HeaderName; 4] = [
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("repr-digest"),
    HeaderName::from_static("digest"),
    HeaderName::from_static("content-md5"),
];

/// Media types of text beside `text/*` and those that end in `+json` and `+xml`.
const TEXTS: [&str; 12] = [
    "application/ecmascript",
    "application/javascript",
    "application/json",
    "application/ld+json",
    "application/rtf",
    "application/vnd.ms-fontobject",
    "application/wasm",
    "application/x-javascript",
    "application/x-ndjson",
    "application/xml",
    "font/otf",
    "font/ttf",
];

/// An answer in the best of the accepted codings, if it is one to compress and there is an encoder for it. The encoder's
/// place is given back with the body, sent or not.
pub fn compress<B>(
    accepted: Codings,
    claim: Option<&Claim>,
    response: Response<B>,
) -> Response<Body>
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    if accepted.first().is_none() || !is_compressible(response.status(), response.headers()) {
        return compress_at_once(accepted, response);
    }
    match claim.and_then(Claim::take) {
        Some(place) => {
            let compressed = compress_at_once(accepted, response);
            compressed.map(|body| Body::new(place.until_sent(body)))
        }
        None => compress_at_once(Codings::default(), response),
    }
}

/// The same, of content that is read as a whole before it is sent. `Vary` names `Accept-Encoding` also where this
/// client is sent the plain form.
pub fn compress_at_once<B>(accepted: Codings, response: Response<B>) -> Response<Body>
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    // The compressor chooses by a request. The upstream has seen the client's own, so this is another one,
    // with what is chosen already.
    let mut request = Request::new(());
    if let Some(coding) = accepted.first() {
        let name = HeaderValue::from_static(coding.name());
        request.headers_mut().insert(ACCEPT_ENCODING, name);
    }
    let mut response = response;
    let is_compressible = is_compressible(response.status(), response.headers());
    if is_compressible {
        // At most `identity`; the compressor leaves alone whatever has the field.
        response.headers_mut().remove(CONTENT_ENCODING);
    }
    let mut response = Some(response);
    let known = service_fn(move |_| {
        // Called once.
        let response = response.take().map(|response| response.map(Body::new));
        ready(Ok::<_, Infallible>(response.unwrap_or_default()))
    });
    let compressed = Compression::new(known)
        .compress_when(is_worth_it)
        .oneshot(request)
        .now_or_never();
    match compressed {
        Some(Ok(response)) if is_compressible && is_coded(response.headers()) => {
            response.map(|body| Body::new(body.map_frame(without_digest)))
        }
        Some(Ok(response)) => response.map(Body::new),
        // A service that waits for nothing is ready at once.
        Some(Err(never)) => match never {},
        None => Response::default(),
    }
}

/// Whether a client that takes a coding gets an answer in one.
pub fn goes_coded<B>(response: &Response<B>) -> bool {
    is_coded(response.headers()) || is_compressible(response.status(), response.headers())
}

fn is_worth_it(status: StatusCode, _: Version, headers: &HeaderMap, _: &Extensions) -> bool {
    is_compressible(status, headers)
}

fn is_compressible(status: StatusCode, headers: &HeaderMap) -> bool {
    // RFC 9110 15: 1xx, 204, 205 and 304 have no content; a 206 is a part.
    let has_whole = !status.is_informational()
        && !matches!(
            status,
            StatusCode::NO_CONTENT
                | StatusCode::RESET_CONTENT
                | StatusCode::PARTIAL_CONTENT
                | StatusCode::NOT_MODIFIED
        );
    has_whole
        && !headers.contains_key(CONTENT_RANGE)
        && is_long(headers)
        && is_text(headers)
        && may_be_coded(headers)
}

/// Whether nothing is said against a coding.
pub fn may_be_coded(headers: &HeaderMap) -> bool {
    let has_digest = DIGESTS.iter().any(|digest| headers.contains_key(digest));
    let is_digest = |name: &[u8]| {
        let mut digests = DIGESTS.into_iter();
        digests.any(|digest| name.eq_ignore_ascii_case(digest.as_str().as_bytes()))
    };
    // RFC 9530 2: it may come behind the content.
    let announces_digest = members(headers, TRAILER).any(is_digest);
    !is_coded(headers) && !has_digest && !announces_digest && !_forbids_transforms(headers)
}

/// Takes out of trailers the digest of what was compressed, which nobody announced.
fn without_digest(mut frame: Frame<Bytes>) -> Frame<Bytes> {
    if let Some(trailers) = frame.trailers_mut() {
        for digest in &DIGESTS {
            trailers.remove(digest);
        }
    }
    frame
}

/// Whether a body is long, or nobody knows.
fn is_long(headers: &HeaderMap) -> bool {
    let length = headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok());
    let length = length.and_then(|length| length.parse::<u64>().ok());
    length.is_none_or(|length| length >= LEAST)
}

fn is_text(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    // A parameter may have octets that are not ASCII, and a type may not.
    let mut parts = kind.unwrap_or_default().split(|byte| *byte == b';');
    let kind = String::from_utf8_lossy(parts.next().unwrap_or_default());
    let kind = kind.trim().to_ascii_lowercase();
    if kind == "text/event-stream" || kind.starts_with("application/grpc") {
        return false;
    }
    kind.starts_with("text/")
        || kind.ends_with("+json")
        || kind.ends_with("+xml")
        || TEXTS.contains(&&*kind)
}

#[cfg(test)]
mod tests {
    use http_body_util::Full;

    use super::*;

    /// How little it is turns out when it has been sent.
    #[test]
    fn a_body_of_unknown_length_is_compressed_however_short_it_is() {
        for (length, is_coded) in [(None, true), (Some("3"), false)] {
            let response = Response::builder().header(CONTENT_TYPE, "text/plain");
            let response = length.into_iter().fold(response, |response, length| {
                response.header(CONTENT_LENGTH, length)
            });
            let answer = compress_at_once(Codings::ALL, response.body(Body::from("abc")).unwrap());
            let found = answer.headers().contains_key(CONTENT_ENCODING);
            assert_eq!(found, is_coded, "{length:?}");
        }
    }

    #[test]
    fn what_is_compressed_is_whole_plain_text_of_some_length() {
        struct Case {
            name: &'static str,
            status: u16,
            fields: &'static [(&'static str, &'static str)],
            compressed: bool,
        }
        let case = |name, status, fields, compressed| Case {
            name,
            status,
            fields,
            compressed,
        };
        const TEXT: (&str, &str) = ("content-type", "text/html; charset=utf-8");
        for Case {
            name,
            status,
            fields,
            compressed,
        } in [
            case("text", 200, &[TEXT], true),
            case("an error page", 404, &[TEXT], true),
            case("long", 200, &[TEXT, ("content-length", "256")], true),
            case("short", 200, &[TEXT, ("content-length", "255")], false),
            case("json", 200, &[("content-type", "Application/JSON")], true),
            case("svg", 200, &[("content-type", "image/svg+xml")], true),
            case("image", 200, &[("content-type", "image/png")], false),
            case("unknown", 200, &[], false),
            case(
                "events",
                200,
                &[("content-type", "text/event-stream")],
                false,
            ),
            case(
                "grpc",
                200,
                &[("content-type", "application/grpc+json")],
                false,
            ),
            case(
                "grpc-web",
                200,
                &[("content-type", "application/grpc-web-text")],
                false,
            ),
            case("coded", 200, &[TEXT, ("content-encoding", "br")], false),
            case(
                "coded and not",
                200,
                &[TEXT, ("content-encoding", "identity, x-own")],
                false,
            ),
            // RFC 9110 8.4.1: that is not a coding.
            case(
                "not coded",
                200,
                &[TEXT, ("content-encoding", "Identity")],
                true,
            ),
            case(
                "a parameter that is not ASCII",
                200,
                &[("content-type", "text/html; charset=\"é\"")],
                true,
            ),
            case("a part", 206, &[TEXT], false),
            case(
                "a range",
                200,
                &[TEXT, ("content-range", "bytes 0-1/2")],
                false,
            ),
            case("unchanged", 304, &[TEXT], false),
            case("switched", 101, &[TEXT], false),
            case(
                "kept",
                200,
                &[TEXT, ("cache-control", "public, No-Transform")],
                false,
            ),
            case(
                "digest",
                200,
                &[TEXT, ("content-digest", "sha-256=:x:")],
                false,
            ),
            case(
                "digest behind it",
                200,
                &[TEXT, ("trailer", "x-a, Content-Digest")],
                false,
            ),
            case("trailer", 200, &[TEXT, ("trailer", "x-a")], true),
            case("public", 200, &[TEXT, ("cache-control", "public")], true),
        ] {
            let response = fields.iter().fold(
                Response::builder().status(status),
                |response, (name, value)| response.header(*name, *value),
            );
            let response = response.body(Body::from("x".repeat(999))).unwrap();
            let answer = compress_at_once(Codings::ALL, response);
            let coding = answer.headers().get(CONTENT_ENCODING);
            let was_coded = fields.iter().any(|(name, _)| *name == "content-encoding");
            assert_eq!(
                coding.is_some_and(|coding| coding == "zstd"),
                compressed,
                "{name}"
            );
            assert_eq!(was_coded && coding.is_some(), was_coded, "{name}");
            assert_eq!(answer.headers().contains_key("vary"), compressed, "{name}");
        }
    }

    #[tokio::test]
    async fn a_digest_that_nobody_announced_is_left_out() {
        for (coded, kept) in [(&[][..], 0), (&[("content-encoding", "br")], 1)] {
            let mut trailers = HeaderMap::new();
            trailers.insert("content-digest", HeaderValue::from_static("sha-256=:x:"));
            trailers.insert("x-a", HeaderValue::from_static("a"));
            let trailers = ready(Some(Ok::<_, Infallible>(trailers)));
            let content = Full::<Bytes>::from("x".repeat(999));
            let body = Body::new(content.with_trailers(trailers));
            let response = coded.iter().fold(
                Response::builder().header(CONTENT_TYPE, "text/plain"),
                |response, (name, value)| response.header(*name, *value),
            );
            let answer = compress_at_once(Codings::ALL, response.body(body).unwrap());
            let body = answer.into_body().collect().await.unwrap();
            let trailers = body.trailers().unwrap();
            assert!(trailers.contains_key("x-a"));
            assert_eq!(trailers.get_all("content-digest").iter().count(), kept);
        }
    }
}
