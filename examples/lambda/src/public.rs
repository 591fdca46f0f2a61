//! The request as its client made it, and the way from its public path to the router's.

use crate::door::Door;
use axum::Router;
use http::Request;
use http::header::{HOST, HeaderName, HeaderValue};
use http::request::Parts;
use http::uri::{InvalidUri, PathAndQuery};
use ipnet::{Ipv4Net, Ipv6Net};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use same_origin::guard::OwnOrigin;
use same_origin::proxy::{
    Body, ForwardingField, ProxyConfigErrors, ReverseProxy, ServiceTransport,
};
use tower::util::MapRequest;

/// Bytes that are not in a path. API Gateway decodes paths; the rest of them stays byte for byte.
const NOT_IN_PATH: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'`');

const X_FORWARDED_PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Gives a request the public path, and says who asks and under which origin.
///
/// `lambda_http` puts the stage before the path whether it is there or not, and takes dot segments out
/// of it. The path of the event is neither.
pub(crate) fn restore(parts: &mut Parts, door: &Door) -> Result<(), InvalidUri> {
    let mut target = utf8_percent_encode(&door.path, NOT_IN_PATH).to_string();
    if !target.starts_with('/') {
        target.insert(0, '/');
    }
    if let Some(query) = parts.uri.query() {
        target.push('?');
        target.push_str(query);
    }
    parts.uri = PathAndQuery::try_from(target)?.into();
    let named = door.domain.as_deref().map(HeaderValue::from_str);
    if let (false, Some(Ok(domain))) = (parts.headers.contains_key(HOST), named) {
        parts.headers.insert(HOST, domain);
    }
    // No front door sets it, so a client has.
    parts.headers.remove(X_FORWARDED_PREFIX);
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
