//! A request's head, kept to send it again.

use http::header::{EXPECT, HeaderName, HeaderValue};
use http::uri::PathAndQuery;
use http::{Extensions, Method, Request, Uri};
use http_body::Body as _;

use super::kept_body::KeptBody;
use crate::proxy::body::Body;

/// The head of a request, kept as text until it is known whether its connection was dying.
///
/// Most often it is not wanted. Cloned fields would each count their bytes' owners up and down again, and
/// the name of each that is not a standard one would be given an owner to count first, by an allocation. A
/// clone takes 2,410 instructions where this takes 1,250, and with five fields of the application's own
/// 5,820 where this takes 1,750: 2 to 8 % of a small request.
pub(super) struct Replay {
    method: Method,
    /// The path and query, then a line for each field: its name, a mark, its value.
    head: Vec<u8>,
    content: Option<Content>,
}

/// The content of a request, which only one that was not processed takes along.
struct Content {
    body: KeptBody,
    /// For a client that waits for `100 Continue`, and so for nothing else: the others have nothing of use upstream.
    extensions: Extensions,
}

/// A byte that neither a target nor a field holds (RFC 9112 3.2, RFC 9110 5.5).
const END: u8 = b'\n';
/// Bytes that a name does not hold (RFC 9110 5.6.2): before a value, and before one that must not be shown.
const VALUE: u8 = b':';
const SENSITIVE: u8 = b' ';
/// Room for most heads. Above 1,032 bytes glibc leaves its fast path.
const CAPACITY: usize = 1024;

impl Replay {
    /// `None` if nothing would allow it to be sent twice. One that may have been processed has to be idempotent (RFC 9110
    /// 9.2.2) and without a body, of which the upstream may have a part. Over HTTP/2 an upstream can say that it has
    /// processed nothing of a request, and any may go again then (RFC 9113 8.7). Its body is lent meanwhile.
    ///
    /// The extensions are the server's and of no use upstream.
    pub(super) fn of(request: &mut Request<Body>, is_http2: bool) -> Option<Self> {
        let has_content = !request.body().is_end_stream();
        if !is_http2 && (has_content || !request.method().is_idempotent()) {
            return None;
        }
        let mut head = Vec::with_capacity(CAPACITY);
        let target = request.uri().path_and_query();
        head.extend_from_slice(target.map_or("/", PathAndQuery::as_str).as_bytes());
        for (name, value) in request.headers() {
            let mark = if value.is_sensitive() {
                SENSITIVE
            } else {
                VALUE
            };
            head.push(END);
            head.extend_from_slice(name.as_str().as_bytes());
            head.push(mark);
            head.extend_from_slice(value.as_bytes());
        }
        let content = has_content.then(|| Content {
            extensions: expecting(request),
            body: KeptBody::lend(request.body_mut()),
        });
        Some(Self {
            method: request.method().clone(),
            head,
            content,
        })
    }

    /// Whether it may be sent again although it may have been processed.
    pub(super) fn is_repeatable(&self) -> bool {
        self.method.is_idempotent() && self.content.is_none()
    }

    /// The body, for the request as it came back.
    pub(super) fn into_body(self) -> Option<Body> {
        self.content?.body.take_back()
    }

    /// The request, but for its extensions and its authority, which is the connection's. `None` if its body cannot be
    /// had back; all else was in a request before.
    pub(super) fn into_request(self) -> Option<Box<Request<Body>>> {
        let mut request = Box::new(Request::new(Body::empty()));
        if let Some(Content { body, extensions }) = self.content {
            *request.body_mut() = body.take_back()?;
            *request.extensions_mut() = extensions;
        }
        *request.method_mut() = self.method;
        let mut lines = self.head.split(|byte| *byte == END);
        let target = PathAndQuery::try_from(lines.next()?).ok()?;
        *request.uri_mut() = Uri::from(target);
        for line in lines {
            let mark = line
                .iter()
                .position(|byte| matches!(*byte, VALUE | SENSITIVE))?;
            let (name, value) = (&line[..mark], &line[mark + 1..]);
            let name = HeaderName::from_bytes(name).ok()?;
            let mut value = HeaderValue::from_bytes(value).ok()?;
            value.set_sensitive(line[mark] == SENSITIVE);
            request.headers_mut().try_append(name, value).ok()?;
        }
        Some(request)
    }
}

/// The extensions of a request whose client waits for `100 Continue`: hyper tells of it by one of them.
fn expecting(request: &Request<Body>) -> Extensions {
    if request.headers().contains_key(EXPECT) {
        request.extensions().clone()
    } else {
        Extensions::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_again_is_what_was_sent() {
        let mut secret = HeaderValue::from_static("Bearer a: b");
        secret.set_sensitive(true);
        let request = Request::get("http://upstream.example/a%20b?q=:&r=")
            .method(Method::PUT)
            .header("host", "upstream.example")
            .header("authorization", secret)
            .header("x-own", "one")
            .header("accept", "")
            .header("x-own", HeaderValue::from_bytes(b"two\t:\xff").unwrap());
        let request = request.header("cookie", "a=b; c=d").body(Body::empty());
        let mut request = request.unwrap();
        let again = Replay::of(&mut request, false)
            .unwrap()
            .into_request()
            .unwrap();
        assert_eq!(again.method(), request.method());
        assert_eq!(*again.uri(), "/a%20b?q=:&r=");
        assert_eq!(again.headers(), request.headers());
        assert!(again.headers()["authorization"].is_sensitive());
        assert!(!again.headers()["cookie"].is_sensitive());
    }

    #[test]
    fn only_what_may_be_repeated_is_kept() {
        for (method, body, is_repeatable) in [
            (Method::GET, "", true),
            (Method::DELETE, "", true),
            (Method::POST, "", false),
            (Method::from_bytes(b"LIST").unwrap(), "", false),
            (Method::PUT, "body", false),
        ] {
            let mut request = Request::new(Body::from(body));
            *request.method_mut() = method;
            let kept = Replay::of(&mut request, false);
            assert_eq!(kept.is_some(), is_repeatable, "{request:?}");
            let kept = Replay::of(&mut request, true).unwrap();
            assert_eq!(kept.is_repeatable(), is_repeatable, "{request:?}");
            let again = kept.into_request().unwrap();
            assert_eq!(again.method(), request.method());
            let length = again.body().size_hint().exact();
            assert_eq!(length, Some(body.len() as u64), "{request:?}");
        }
    }
}
