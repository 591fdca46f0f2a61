//! Heads of requests and responses as one connection wants, or says, them.

use std::time::Duration;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::uri::{Authority, PathAndQuery};
use http::{Request, Uri, Version};

use crate::fields;
use crate::own::own_values;
use crate::proxy::body::Body;
use crate::proxy::upstream::destination::Destination;
use crate::proxy::wire::host::set_host;

/// RFC 9112 9.6: whether the upstream closes the connection after this response. It reads no more of the
/// request then.
pub(super) fn closes(response: &HeaderMap) -> bool {
    fields::has_token(response, &header::CONNECTION, "close")
}

/// The time for which the upstream keeps the connection idle, as `Keep-Alive: timeout=5` says (RFC 2068 19.7.1.1,
/// and what servers made of it), and none after `max=0`: Apache counts the requests that are still to come. Of several
/// the least counts: too short a time costs a connection, too long a one a request.
pub(super) fn kept_for(headers: &HeaderMap) -> Option<Duration> {
    let lines = headers.get_all(HeaderName::from_static("keep-alive"));
    let lines = lines.iter().filter_map(|line| line.to_str().ok());
    let parameters = lines.flat_map(|line| line.split(','));
    let seconds = parameters.filter_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let number = whole_number(value)?;
        let is = |other| name.trim().eq_ignore_ascii_case(other);
        (is("timeout") || (number == 0 && is("max"))).then_some(number)
    });
    seconds.min().map(|least| Duration::from_secs(least.into()))
}

/// The number at the beginning of a value, which may be quoted, or go on with a fraction.
fn whole_number(value: &str) -> Option<u32> {
    let value = value.trim_start().trim_start_matches('"');
    let end = value.find(|c: char| !c.is_ascii_digit());
    value[..end.unwrap_or(value.len())].parse().ok()
}

/// RFC 9112 3.2.1: an origin is sent the path and query alone; the authority is in `Host`, where it is
/// put if the request was on its way by HTTP/2 before.
pub(super) fn to_http1(request: &mut Request<Body>) {
    *request.version_mut() = Version::HTTP_11;
    if request.uri().authority().is_some() {
        let uri = std::mem::take(request.uri_mut()).into_parts();
        *request.uri_mut() = uri.path_and_query.map_or_else(Uri::default, Uri::from);
        let named = uri
            .authority
            .filter(|_| !request.headers().contains_key(header::HOST));
        // RFC 9110 4.2.4: without userinfo. The rest of an authority is a field value always.
        let named = named.as_ref().map(Authority::as_str);
        let host = named.and_then(|named| named.rsplit('@').next());
        if let Some(Ok(host)) = host.map(HeaderValue::from_str) {
            set_host(request.headers_mut(), host);
        }
    }
}

/// RFC 9113 8.3.1: `:authority` instead of `Host`, if that is there still; 8.2.2: no connection-specific
/// fields.
pub(super) fn to_http2(request: &mut Request<Body>, to: &Destination) {
    *request.version_mut() = Version::HTTP_2;
    own_values(request.headers_mut());
    let host = request.headers_mut().remove(header::HOST);
    request.headers_mut().remove(header::CONNECTION);
    request.headers_mut().remove(header::UPGRADE);
    request.headers_mut().remove(header::TRANSFER_ENCODING);
    let host = host.as_ref().map(HeaderValue::as_bytes);
    let named = host.and_then(|host| Authority::try_from(host).ok());
    let mut parts = std::mem::take(request.uri_mut()).into_parts();
    parts.scheme = Some(to.scheme());
    let named = named.or(parts.authority);
    parts.authority = Some(named.unwrap_or_else(|| to.authority().clone()));
    parts
        .path_and_query
        .get_or_insert(PathAndQuery::from_static("/"));
    if let Ok(uri) = Uri::from_parts(parts) {
        *request.uri_mut() = uri;
    }
}

/// A head that is larger than the upstream takes.
#[derive(Debug, thiserror::Error)]
#[error("the upstream takes heads of up to {most} bytes over HTTP/2, and this one has {size}")]
pub(super) struct LargeHead {
    size: usize,
    most: usize,
}

/// Checks that a head is not larger than `most`, which the upstream has announced (RFC 9113 10.5.1). An upstream may end
/// the connection over a larger one, as servers of hyper do, and with it the requests of others.
pub(super) fn check_size_over_http2(
    request: &Request<Body>,
    to: &Destination,
    most: usize,
) -> Result<(), LargeHead> {
    if most == usize::MAX {
        return Ok(());
    }
    match size_over_http2(request, to) {
        size if size > most => Err(LargeHead { size, most }),
        _ => Ok(()),
    }
}

/// The bytes of a head as HTTP/2 counts them (RFC 9113 6.5.2): the name, the value and 32 more of each field,
/// pseudo-fields such as `:path` included. Takes a request in either form.
fn size_over_http2(request: &Request<Body>, to: &Destination) -> usize {
    let size = |name: &str, length: usize| name.len() + length + 32;
    let is_sent = |name: &HeaderName| {
        ![
            header::HOST,
            header::CONNECTION,
            header::UPGRADE,
            header::TRANSFER_ENCODING,
        ]
        .contains(name)
    };
    let uri = request.uri();
    let path = uri.path_and_query().map_or(1, |path| path.as_str().len());
    let host = request.headers().get(header::HOST);
    let authority = host
        .map(HeaderValue::len)
        .or_else(|| Some(uri.authority()?.as_str().len()))
        .unwrap_or_else(|| to.authority().as_str().len());
    let fields = request.headers().iter();
    let fields = fields.filter(|(name, _)| is_sent(name));
    size(":method", request.method().as_str().len())
        + size(":scheme", to.scheme().as_str().len())
        + size(":authority", authority)
        + size(":path", path)
        // hyper adds it where it is missing, and the length is known.
        + size("content-length", 20)
        + fields
            .map(|(name, value)| size(name.as_str(), value.len()))
            .sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_of_a_head_is_that_of_all_fields_that_go_out() {
        let to = Destination::new(Protocol::H2c, &Authority::from_static("a.example")).unwrap();
        let request = Request::get("/a?b").header("host", "b.example:81");
        let request = request
            .header("x-own", "1234")
            .header("connection", "close");
        let mut request = request.body(Body::empty()).unwrap();
        // `:method: GET`, `:scheme: http`, `:authority: b.example:81`, `:path: /a?b`, `x-own: 1234`, and a length.
        let size = 10 + 11 + 22 + 9 + 9 + 34 + 6 * 32;
        assert_eq!(size_over_http2(&request, &to), size);
        to_http2(&mut request, &to);
        assert_eq!(size_over_http2(&request, &to), size);
    }
    use crate::proxy::upstream::destination::Protocol;

    #[test]
    fn a_request_that_comes_back_unsent_keeps_its_name() {
        let authority = Authority::from_static("10.0.0.1:8080");
        let to = Destination::new(Protocol::H2c, &authority).unwrap();
        let request = Request::get("/a?b").header("host", "named.example:81");
        let mut request = request.header("x-own", "1").body(Body::empty()).unwrap();
        for _ in 0..2 {
            to_http2(&mut request, &to);
            assert_eq!(*request.uri(), "http://named.example:81/a?b");
            assert!(!request.headers().contains_key("host"));
        }
        for _ in 0..2 {
            to_http1(&mut request);
            assert_eq!(*request.uri(), "/a?b");
            let fields: Vec<_> = request.headers().iter().collect();
            let named = HeaderValue::from_static("named.example:81");
            assert_eq!(fields[0], (&header::HOST, &named));
            assert_eq!(fields.len(), 2);
        }
        *request.uri_mut() = Uri::from_static("http://user:secret@other.example/a");
        request.headers_mut().remove("host");
        to_http1(&mut request);
        assert_eq!(request.headers()["host"], "other.example");
    }

    #[test]
    fn an_upstream_says_how_long_it_keeps_a_connection() {
        for (value, seconds) in [
            ("timeout=\"5\"", Some(5)),
            ("timeout=\"5\", max=\"9\"", Some(5)),
            ("timeout=5.9", Some(5)),
            ("timeout=5; max=9", Some(5)),
            ("timeout=.5", None),
            ("max=100\ntimeout=5", Some(5)),
            ("timeout=7\ntimeout=5\nx", Some(5)),
            ("timeout=5", Some(5)),
            ("timeout=5, max=100", Some(5)),
            ("max=100,Timeout = 7", Some(7)),
            ("timeout=9, timeout=3", Some(3)),
            ("timeout=0", Some(0)),
            ("timeout=5, max=0", Some(0)),
            ("Max=\"0\"\ntimeout=5", Some(0)),
            ("timeout=5, max=1", Some(5)),
            ("timeout=5, max=10", Some(5)),
            ("timeout=5, maximum=0", Some(5)),
            ("max=", None),
            ("timeout", None),
            ("timeout=-1", None),
            ("timeout=99999999999", None),
            ("300", None),
        ] {
            let name = HeaderName::from_static("keep-alive");
            let mut headers = HeaderMap::new();
            for line in value.lines() {
                headers.append(&name, HeaderValue::from_static(line));
            }
            let time = kept_for(&headers);
            assert_eq!(time, seconds.map(Duration::from_secs), "{value:?}");
        }
    }
}
