//! The request as its client made it, and the way from its public path to the router's.

use axum::Router;
use http::header::{CONTENT_LENGTH, HOST, HeaderName, HeaderValue, TRANSFER_ENCODING};
use http::request::Parts;
use http::uri::{InvalidUri, PathAndQuery};
use http::{HeaderMap, Request, Version};
use ipnet::{Ipv4Net, Ipv6Net};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use same_origin::guard::OwnOrigin;
use same_origin::proxy::{
    Body, ForwardingField, ProxyConfigErrors, ReverseProxy, ServiceTransport,
};
use tower::util::MapRequest;

use crate::door::Door;

/// Bytes that are not in a path; the rest of it stays byte for byte.
const NOT_IN_PATH: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'`');

/// Bytes that are not in a path, or mean something else there, where the door has decoded it: an HTTP API's `/100%` is
/// `/100%25` of the client, and its `/a%41` is `/a%2541` (aws-lambda-fastify#169, hono#2156). All that RFC 3986 3.3 has
/// no place for was escaped, too, a backslash above all, which browsers take for a slash. Whether a `/` was `%2F` it does
/// not tell.
const NOT_IN_DECODED_PATH: &AsciiSet = &NOT_IN_PATH
    .add(b'%')
    .add(b'"')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// The fields that a front door writes of what it knows itself.
const WRITTEN_BY_DOORS: [&str; 3] = ["x-forwarded-for", "x-forwarded-port", "x-forwarded-proto"];

const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Gives a request the public path, and says who asks and under which origin.
///
/// `lambda_http` puts the stage before the path whether it is there or not, and takes dot segments out
/// of it. The path of the event is neither. The query is the event's, too.
pub(crate) fn restore(
    parts: &mut Parts,
    door: &Door,
    query: Option<&str>,
) -> Result<(), InvalidUri> {
    let not_in_path = match door.is_decoded {
        true => NOT_IN_DECODED_PATH,
        false => NOT_IN_PATH,
    };
    let mut target = utf8_percent_encode(&door.path, not_in_path).to_string();
    if !target.starts_with('/') {
        target.insert(0, '/');
    }
    if let Some(query) = query {
        target.push('?');
        target.push_str(query);
    }
    parts.uri = PathAndQuery::try_from(target)?.into();
    let named = door.domain.as_deref().map(HeaderValue::from_str);
    if let (false, Some(Ok(domain))) = (parts.headers.contains_key(HOST), named) {
        parts.headers.insert(HOST, domain);
    }
    // RFC 9112 3.2: only HTTP/1.0 may do without. The health checks of an ALB name no host, and their event tells no
    // version.
    if !parts.headers.contains_key(HOST) {
        parts.version = Version::HTTP_10;
    }
    remove_claims(&mut parts.headers);
    let proto = parts
        .headers
        .get(X_FORWARDED_PROTO)
        .map(HeaderValue::as_bytes);
    let https = door.is_https(proto);
    parts.extensions.insert(OwnOrigin::new(https));
    if let Some(peer) = door.peer(https) {
        parts.extensions.insert(peer);
    }
    Ok(())
}

/// Says how long the body is: it is whole in an event, and a door that decodes or re-encodes it leaves the length and the
/// coding of its client's message in the fields.
pub(crate) fn measure(headers: &mut HeaderMap, body: &[u8]) {
    headers.remove(TRANSFER_ENCODING);
    if headers.remove(CONTENT_LENGTH).is_some() || !body.is_empty() {
        headers.insert(CONTENT_LENGTH, body.len().into());
    }
}

/// Takes out what only the client can have said of its address, its host and the prefix.
///
/// Names with `_` count, too: CGI and WSGI see no difference.
fn remove_claims(headers: &mut HeaderMap) {
    let is_claim = |name: &HeaderName| {
        let plain = name.as_str().replace('_', "-");
        let is_told =
            plain.starts_with("x-forwarded-") || plain == "forwarded" || plain == "x-real-ip";
        is_told && !WRITTEN_BY_DOORS.contains(&name.as_str())
    };
    let claims: Vec<_> = headers
        .keys()
        .filter(|name| is_claim(name))
        .cloned()
        .collect();
    for name in claims {
        headers.remove(name);
    }
}

/// A router that is given its requests as a server has them, with the host in `Host` alone: a proxy's client is
/// told the upstream in the URI.
type Upstream = MapRequest<Router, fn(Request<Body>) -> Request<Body>>;

/// A router, with what is before its paths.
pub(crate) enum Mounted {
    Root(Router),
    Below(ReverseProxy<ServiceTransport<Upstream>>),
}

impl Mounted {
    /// The router below a prefix of the public path, by the rules that hold for any upstream: on segment
    /// boundaries, byte for byte, and back in `Location`, `Refresh` and the paths of cookies. A router nested
    /// at the prefix would need all of it again for the way back.
    ///
    /// It is made for each event: that takes microseconds where the event took a millisecond to come, and a
    /// function can have several stages.
    pub(crate) fn new(app: Router, prefix: &str) -> Result<Self, ProxyConfigErrors> {
        if prefix.is_empty() {
            return Ok(Self::Root(app));
        }
        let everybody = [Ipv4Net::default().into(), Ipv6Net::default().into()];
        ReverseProxy::builder(prefix, "http://function")
            .preserve_host(true)
            .forwarding([ForwardingField::XForwardedPrefix])
            // The front door has written `X-Forwarded-*`, and is the only one that can call a function.
            .trusted_proxies(everybody)
            .build_with_client(MapRequest::new(app, without_authority as _))
            .map(Self::Below)
    }
}

fn without_authority(mut request: Request<Body>) -> Request<Body> {
    if let Some(target) = request.uri().path_and_query() {
        *request.uri_mut() = target.clone().into();
    }
    request
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_is_that_of_the_body_in_the_event() {
        for (sent, body, length) in [
            (&[][..], "", None),
            (&[], "abc", Some("3")),
            (&[("content-length", "2")], "\u{fffd}", Some("3")),
            (&[("content-length", "2")], "", Some("0")),
            (
                &[("content-length", "2"), ("content-length", "3")],
                "abc",
                Some("3"),
            ),
            (&[("transfer-encoding", "chunked")], "abc", Some("3")),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in sent {
                headers.append(*name, HeaderValue::from_static(value));
            }
            measure(&mut headers, body.as_bytes());
            let said: Vec<_> = headers.get_all(CONTENT_LENGTH).iter().collect();
            assert_eq!(said, Vec::from_iter(length), "{sent:?}");
            assert!(!headers.contains_key(TRANSFER_ENCODING));
        }
    }

    #[test]
    fn a_client_does_not_choose_what_a_door_would_say() {
        let sent = [
            "forwarded",
            "x-forwarded-for",
            "x-forwarded-host",
            "x-forwarded-port",
            "x-forwarded-prefix",
            "x-forwarded-proto",
            "x-forwarded-server",
            "x-real-ip",
            "x_forwarded_for",
            "x_real_ip",
            "x-forward",
        ];
        let headers: serde_json::Map<_, _> = sent
            .into_iter()
            .map(|name| (name.to_owned(), "evil".into()))
            .collect();
        let event = serde_json::json!({
            "version": "2.0", "rawPath": "/x", "rawQueryString": "", "headers": headers,
            "requestContext": {"timeEpoch": 0, "http": {"method": "GET", "path": "/x"}},
        });
        let request = lambda_http::request::from_str(&event.to_string()).unwrap();
        let door = Door::of(&request, false, "");
        let (mut parts, _) = request.into_parts();
        restore(&mut parts, &door, None).unwrap();
        let headers = parts.headers;
        let mut left: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(
            left,
            [
                "x-forward",
                "x-forwarded-for",
                "x-forwarded-port",
                "x-forwarded-proto"
            ]
        );
    }
}
