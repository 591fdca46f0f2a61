//! One request and its response's head: on which connection, and how often.

use super::connect::Connector;
use super::error::ClientError;
use super::pool::{Held, Hold, Lent, Pool, Taken};
use crate::proxy::body::Body;
use crate::proxy::error::ErrorKind;
use crate::proxy::upstream::Protocol;
use http::header::{self, HeaderValue};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Request, Response, Uri, Version};
use http_body::Body as _;
use hyper::body::Incoming;
use std::sync::Arc;

/// Sends a request on a connection of the pool, or on a new one.
pub(super) async fn send(
    connector: &Connector,
    pool: &Arc<Pool>,
    mut request: Box<Request<Body>>,
) -> Result<Response<Body>, ClientError> {
    let slot = match pool.try_slot() {
        Some(slot) => slot,
        None => match Box::pin(pool.wait_for_slot()).await {
            Ok(slot) => slot,
            Err(error) => return Err(ClientError::refused(error, request)),
        },
    };
    // An upgrade takes the whole connection, so it needs one that carries nothing else.
    let http1_only = request.headers().contains_key(header::UPGRADE);
    let mut may_reuse = true;
    loop {
        let idle = if may_reuse {
            pool.take(http1_only)
        } else {
            None
        };
        let reused = idle.is_some();
        let connection = match idle {
            Some(idle) => idle,
            // Boxed, because it is rare and large: the handshakes' states would be moved about with
            // every request.
            None => match Box::pin(connect(connector, pool, http1_only)).await {
                Ok(new) => new,
                Err(error) => return Err(ClientError::unsent(error.kind, error.source, request)),
            },
        };
        // A connection that lay idle may be dying. What may be repeated is kept until that is known.
        let spare = (reused && !http1_only && is_repeatable(&request)).then(|| head_of(&request));
        let failed = match exchange(connection, request, pool).await {
            Ok((response, connection)) => {
                let hold = Hold {
                    connection: connection.held(pool),
                    _slot: slot,
                };
                return Ok(response.map(|body| Body::from(Lent::new(body, hold))));
            }
            Err(failed) => failed,
        };
        match (failed.unsent, spare) {
            // The connection was closed while idle and took nothing: on to the next.
            (Some(unsent), _) if reused => request = unsent,
            (Some(unsent), _) => {
                let source = failed.error.into();
                return Err(ClientError::unsent(ErrorKind::Closed, source, unsent));
            }
            // RFC 9110 9.2.2: a proxy may repeat an idempotent request whose connection closed before
            // its response. Once, and not on another connection that may be dying.
            (None, Some(spare)) if failed.error.is_incomplete_message() || is_io(&failed.error) => {
                request = spare;
                may_reuse = false;
            }
            (None, _) => return Err(ClientError::from_hyper(failed.error)),
        }
    }
}

/// A new connection; one at a time where connections are shared.
async fn connect(
    connector: &Connector,
    pool: &Arc<Pool>,
    http1_only: bool,
) -> Result<Taken, super::connect::ConnectError> {
    let _one_at_a_time = if pool.speaks_http2() && !http1_only {
        let guard = pool.connecting.lock().await;
        if let Some(taken) = pool.take(false) {
            return Ok(taken);
        }
        Some(guard)
    } else {
        None
    };
    let connection = connector
        .connect(pool.protocol, &pool.authority, http1_only)
        .await?;
    Ok(pool.enter(connection))
}

/// What came of giving a request to a connection, when it was not a response.
struct Failed {
    error: hyper::Error,
    /// The request, if nothing of it was written.
    unsent: Option<Box<Request<Body>>>,
}

impl From<hyper::client::conn::TrySendError<Request<Body>>> for Failed {
    fn from(mut error: hyper::client::conn::TrySendError<Request<Body>>) -> Self {
        Self {
            unsent: error.take_message().map(Box::new),
            error: error.into_error(),
        }
    }
}

async fn exchange(
    connection: Taken,
    mut request: Box<Request<Body>>,
    pool: &Pool,
) -> Result<(Response<Incoming>, Taken), Failed> {
    match connection {
        Taken::Http1(mut sender, born) => {
            to_http1(&mut request);
            let response = sender.try_send_request(*request).await?;
            Ok((response, Taken::Http1(sender, born)))
        }
        Taken::Http2(mut sender, stream) => {
            to_http2(&mut request, pool);
            let response = sender.try_send_request(*request).await?;
            Ok((response, Taken::Http2(sender, stream)))
        }
    }
}

impl Taken {
    fn held(self, pool: &Arc<Pool>) -> Held {
        match self {
            Self::Http1(sender, born) => Held::Http1 {
                sender,
                born,
                pool: Arc::clone(pool),
            },
            Self::Http2(_, stream) => Held::Http2 { _stream: stream },
        }
    }
}

/// RFC 9112 3.2.1: an origin is sent the path and query alone; the authority is in `Host`.
fn to_http1(request: &mut Request<Body>) {
    *request.version_mut() = Version::HTTP_11;
    let uri = std::mem::take(request.uri_mut());
    let target = uri.into_parts().path_and_query;
    *request.uri_mut() = target.map_or_else(Uri::default, Uri::from);
}

/// RFC 9113 8.3.1: `:authority` instead of `Host`; 8.2.2: no connection-specific fields.
fn to_http2(request: &mut Request<Body>, pool: &Pool) {
    *request.version_mut() = Version::HTTP_2;
    let host = request.headers_mut().remove(header::HOST);
    request.headers_mut().remove(header::CONNECTION);
    let host = host.as_ref().map(HeaderValue::as_bytes);
    let named = host.and_then(|host| Authority::try_from(host).ok());
    let mut parts = std::mem::take(request.uri_mut()).into_parts();
    let secure = pool.protocol == Protocol::Https;
    parts.scheme = Some(if secure { Scheme::HTTPS } else { Scheme::HTTP });
    parts.authority = Some(named.unwrap_or_else(|| pool.authority.clone()));
    parts
        .path_and_query
        .get_or_insert(PathAndQuery::from_static("/"));
    if let Ok(uri) = Uri::from_parts(parts) {
        *request.uri_mut() = uri;
    }
}

/// Whether a request may be sent twice: idempotent (RFC 9110 9.2.2), and without a body, which would
/// be gone.
fn is_repeatable(request: &Request<Body>) -> bool {
    request.method().is_idempotent() && request.body().is_end_stream()
}

/// A copy without the extensions, which are the server's and of no use upstream.
fn head_of(request: &Request<Body>) -> Box<Request<Body>> {
    let mut copy = Box::new(Request::new(Body::empty()));
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.headers_mut() = request.headers().clone();
    copy
}

/// Whether the connection broke, as opposed to having said something that is no HTTP.
fn is_io(error: &hyper::Error) -> bool {
    use std::error::Error;
    let cause = error.source();
    cause.is_some_and(|cause| cause.is::<std::io::Error>()) && !error.is_parse()
}
