//! The words of a response about the connection to its client.

use http::header::{self, HeaderValue};
use http::{Response, StatusCode};

use crate::proxy::body::Body;
use crate::proxy::error::{ProxyError, ProxyErrorKind};
use crate::proxy::wire::upgrade;

/// RFC 9110 10.1.1: a server that does not read all of a request says that it closes.
pub(super) fn announce_close(response: &mut Response<Body>) {
    let close = HeaderValue::from_static("close");
    response.headers_mut().append(header::CONNECTION, close);
}

/// RFC 9110 15.5.22: a 426 names the protocols that are required, and each hop says so for itself. Those that the
/// upstream has named are as good here, if they can be tunneled. A 426 that names none goes on as it is: which one it is
/// nobody knows, and its client learns at least that this is no way. HTTP/2 has no field for it (RFC 9113 8.2.2).
pub(super) fn announce_upgrade(response: &mut Response<Body>, named: Option<&HeaderValue>) {
    if response.status() != StatusCode::UPGRADE_REQUIRED {
        return;
    }
    if let Some(required) = named.and_then(upgrade::tunneled) {
        let headers = response.headers_mut();
        headers.insert(header::UPGRADE, required);
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    }
}

/// RFC 9110 11.7.1: the challenge in a 407 is for the next client, which is this proxy, and there are no credentials for
/// it. A client that was handed it would take it for one of the proxy that it is configured with, and browsers without
/// one show nothing of such a response.
pub(super) fn refuse_challenge(status: StatusCode) -> Result<(), ProxyError> {
    if status != StatusCode::PROXY_AUTHENTICATION_REQUIRED {
        return Ok(());
    }
    let wrong = "407: the upstream asks this proxy for credentials (RFC 9110 11.7.1)";
    let kind = ProxyErrorKind::MalformedResponse;
    Err(ProxyError::new(kind, true, wrong))
}
