//! The client that carries rewritten requests to their upstreams.
//!
//! It stands on hyper's connection API and not on a general client, because a proxy knows more than a
//! general client may assume: how many upstreams there are, that a request's head is final, and when
//! it may be sent again. An idle HTTP/1.1 connection lies on its upstream's stack, a request takes it
//! from there and its response's body puts it back: no task, no timer and no lock that is held over an
//! await belongs to a request.
//!
//! hyper-util's `client::legacy` was looked at first (0.1.21). It has no bound on requests under way with a
//! queue for them, no greatest age of a connection, no address that stands in for a name, no repeat of
//! what a `GOAWAY` says was not processed, and makes one connection for each request of a burst that
//! HTTP/2 could carry on one; an attempt to connect ends with the request that wanted it. Look again when
//! its `client::pool` (services that are composed: `cache`, `singleton`, `negotiate`, `map`) has left its
//! experimental state and can tell a request that came back unsent.

mod builder;
mod connect;
mod connect_to;
mod error;
mod hyper_error;
mod lock;
mod pool;
mod send;
pub(crate) mod stream;
mod upload;

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

pub use builder::ClientBuilder;
#[cfg(feature = "tls")]
pub(crate) use connect::tls::{crypto_provider, system_roots};
pub use connect_to::ConnectTo;
use error::NotAbsolute;
pub use error::{ClientBuildError, ClientError};
use http::uri::{Authority, Scheme};
use http::{Request, Response, header};
use pool::Pool;
use pool::pools::Registry;
pub use send::_Look;

use crate::proxy::body::Body;
use crate::proxy::body::upload::Progress;
use crate::proxy::deadline::HeadTimeout;
use crate::proxy::wire::framing::{self, announces_content};

/// The default client of a [`ReverseProxy`](super::ReverseProxy): connects, pools, and repeats what
/// can be repeated.
///
/// It is a tower service of its own, so that layers can be put around it before it is given to
/// [`ProxyBuilder::build_with_client`](super::ProxyBuilder::build_with_client): to sign requests, to trace them.
/// It takes requests with an absolute `http` or `https` URI and sends them to that authority, as they
/// are but for the target, which becomes the origin form, and `Host`, which is added where it is missing.
/// The system's resolver says where the authority is found, or [`ConnectTo`] in the request's extensions.
///
/// A request with another URI is refused ([`UnsendableRequest`](super::ProxyErrorKind::UnsendableRequest)). So is one
/// whose `Content-Length` is not the length of its body, as when a layer has given it another body and not another
/// length: nothing is sent of it. A body that does not say how long it is fails where it is too long, or
/// at its end.
///
/// - An idle connection is used again for [`idle`](crate::proxy::Timeouts::idle) at most, the most
///   recent first.
/// - A request that could not be written because the connection was closed while idle goes out on
///   another one, whatever its method: the upstream has not seen it.
/// - A request that may have been seen is repeated once, on a new connection, only if its method is idempotent, it has
///   no body, and the connection was not a new one (RFC 9110 9.2.2).
/// - A request of which the upstream says over HTTP/2 that it has not processed it (a `GOAWAY`, or `REFUSED_STREAM`) is
///   repeated once, whatever its method: nobody has acted on it (RFC 9113 8.7). One with a body as long as no more than
///   16 KiB of that were read, and no trailers.
///
/// Cheap to clone; clones share the connections.
#[derive(Clone, Debug)]
pub struct Client {
    registry: Arc<Registry>,
    /// The time for which it waits for a response's head by itself: under a layer, which may wait for other things
    /// than the upstream, and has an answer of its own where the upstream gives none.
    head_timeout: Option<Duration>,
}

impl Client {
    /// A client with its defaults.
    ///
    /// # Errors
    ///
    /// The system's root certificates could not be read, or no crypto provider is there (feature
    /// `tls`); see [`ClientBuilder::build`].
    pub fn new() -> Result<Self, ClientBuildError> {
        Self::builder().build()
    }

    /// A builder with every default in place.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }

    /// The number of open connections, idle ones and tunnels included: a figure for metrics, which is old when it is
    /// here.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.registry.connections()
    }

    fn from_registry(registry: Registry) -> Self {
        Self {
            registry: Arc::new(registry),
            head_timeout: None,
        }
    }

    /// A client that waits no longer than that for a response's head.
    pub(crate) fn with_head_timeout(mut self, timeout: Duration) -> Self {
        self.head_timeout = Some(timeout);
        self
    }

    /// Sends a request to one upstream, whatever its URI says beside the path and query, and answers
    /// with the head of its response, if it comes in time. `asks_upgrade`: whether it has an `Upgrade` field.
    pub(crate) fn forward<'a>(
        &self,
        request: Box<Request<Body>>,
        to: &ConnectTo,
        asks_upgrade: bool,
        head: HeadTimeout<'a>,
    ) -> impl Future<Output = Result<Response<Body>, ClientError>> + use<'a> {
        let pool = to.pool(&self.registry);
        send::send(pool, asks_upgrade, request, Some(head), head.upload)
    }

    /// Sends a request whose URI is absolute: to that authority, or where its proxy says.
    async fn send(&self, mut request: Box<Request<Body>>) -> Result<Response<Body>, ClientError> {
        let Some((pool, scheme, authority)) = self.find(&request) else {
            let wrong = NotAbsolute::new(request.uri());
            return Err(ClientError::unsendable(wrong, request));
        };
        request.body_mut().is_of_request();
        if request.body().may_be_empty() && !announces_content(request.headers()) {
            request.body_mut().look().await;
        }
        let announced = match framing::agree(&mut request) {
            Ok(announced) => announced,
            Err(wrong) => return Err(ClientError::unsendable(wrong, request)),
        };
        let failure = announced.and_then(|length| request.body_mut().count(length));
        let asks_upgrade = request.headers().contains_key(header::UPGRADE);
        let upload = request.extensions().get::<Arc<Progress>>().cloned();
        if let Some(upload) = &upload {
            upload.goes_out(request.headers().contains_key(header::EXPECT));
        }
        let head = self.head_timeout.map(|timeout| HeadTimeout {
            timeout,
            upload: upload.as_ref(),
        });
        let answered = send::send(pool, asks_upgrade, request, head, upload.as_ref()).await;
        answered.map_err(|failed| match failure.as_deref().and_then(OnceLock::get) {
            Some(reason) => reason.clone().into(),
            None => failed.addressed(scheme, authority),
        })
    }

    /// The pool of a request's server, if its URI names one.
    fn find(&self, request: &Request<Body>) -> Option<(Arc<Pool>, Scheme, Authority)> {
        let (scheme, authority) = (request.uri().scheme()?, request.uri().authority()?);
        let to = request.extensions().get::<ConnectTo>();
        let pool = match to.filter(|to| to.is_for(scheme, authority)) {
            Some(to) => to.pool(&self.registry),
            None => self.registry.of_origin(scheme, authority)?.here(),
        };
        Some((pool, scheme.clone(), authority.clone()))
    }
}

impl tower_service::Service<Request<Body>> for Client {
    type Response = Response<Body>;
    type Error = ClientError;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ClientError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> ResponseFuture {
        let client = self.clone();
        ResponseFuture {
            inner: Box::pin(async move { client.send(Box::new(request)).await }),
        }
    }
}

/// The future of [`Client`].
#[must_use = "futures do nothing unless polled"]
pub struct ResponseFuture {
    inner: Pin<Box<dyn Future<Output = Result<Response<Body>, ClientError>> + Send>>,
}

impl Future for ResponseFuture {
    type Output = Result<Response<Body>, ClientError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.inner.as_mut().poll(cx)
    }
}

impl std::fmt::Debug for ResponseFuture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
