//! Transports of rewritten requests: the proxy's own client, or anybody's tower service.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use tower_service::Service;

use crate::proxy::body::Body;
use crate::proxy::client::{Client, ClientError};
use crate::proxy::deadline::{HeadTimeout, HeadTimer};
use crate::proxy::error::BoxError;
use crate::proxy::upstream::member::Member;

/// A carrier of the rewritten requests of a [`ReverseProxy`](crate::proxy::ReverseProxy): its own
/// [`Client`], or any tower service as a [`ServiceTransport`].
///
/// Sealed: a client of one's own is a tower service, and given to
/// [`build_with_client`](crate::proxy::ProxyBuilder::build_with_client). Code that is generic over proxies
/// needs this bound alone.
///
/// # Examples
///
/// ```
/// use axum::Router;
/// use same_origin::proxy::{ReverseProxy, Transport};
///
/// fn mount<T: Transport + Sync>(api: ReverseProxy<T>) -> Router {
///     Router::new().nest_service("/api", api)
/// }
/// ```
#[expect(
    private_bounds,
    reason = "sealed: how a request is carried is the proxy's own business"
)]
pub trait Transport: Carry {}

impl Transport for Client {}

impl<S: ClientService> Transport for ServiceTransport<S> {}

/// A tower service in the place of the proxy's own client.
#[derive(Clone, Debug)]
pub struct ServiceTransport<S> {
    service: S,
    times_heads: bool,
}

impl<S> ServiceTransport<S> {
    pub(crate) const fn new(service: S) -> Self {
        Self {
            service,
            times_heads: false,
        }
    }

    /// One whose innermost service waits for a response's head no longer than it may.
    pub(crate) const fn timed(service: S) -> Self {
        Self {
            service,
            times_heads: true,
        }
    }
}

/// The way of a request.
pub(crate) trait Carry: Clone + Send + 'static {
    /// Whether a request that it gives back may differ from the one that it was given.
    fn may_alter(&self) -> bool {
        false
    }

    /// Whether it tells an upload when the request goes out.
    fn tells_when_sent(&self) -> bool {
        false
    }

    /// Sends a request to one upstream, and gives the head of its response, if it comes in time. `asks_upgrade`: whether
    /// it has an `Upgrade` field.
    fn carry(
        &mut self,
        request: Box<Request<Body>>,
        to: &Member,
        asks_upgrade: bool,
        head: HeadTimeout<'_>,
    ) -> impl Future<Output = Result<Response<Body>, ClientError>> + Send;
}

impl Carry for Client {
    /// It needs no URI to know the upstream's connections by.
    fn carry(
        &mut self,
        request: Box<Request<Body>>,
        to: &Member,
        asks_upgrade: bool,
        head: HeadTimeout<'_>,
    ) -> impl Future<Output = Result<Response<Body>, ClientError>> + Send {
        self.forward(request, &to.connect_to, asks_upgrade, head)
    }
}

impl<S: ClientService> Carry for ServiceTransport<S> {
    fn may_alter(&self) -> bool {
        true
    }

    fn tells_when_sent(&self) -> bool {
        self.times_heads
    }

    /// Names the upstream in the URI, and in an extension where to connect if that is known.
    ///
    /// A stranger does not say when a connection has the request, so all of its time counts. Our own client may lie in it,
    /// and is told of the upload (`Arc<Progress>`).
    async fn carry(
        &mut self,
        mut request: Box<Request<Body>>,
        to: &Member,
        _asks_upgrade: bool,
        head: HeadTimeout<'_>,
    ) -> Result<Response<Body>, ClientError> {
        to.upstream.locate(request.uri_mut());
        request.extensions_mut().insert(to.connect_to.clone());
        if let Some(upload) = head.upload {
            request.extensions_mut().insert(Arc::clone(upload));
        }
        if self.times_heads {
            return self.service.send(*request).await;
        }
        let timer = pin!(HeadTimer::new(head));
        let answered = timer.within(pin!(self.service.send(*request))).await;
        answered.unwrap_or_else(|late| Err(late.into()))
    }
}

/// The bounds of a client service, written once.
pub(crate) trait ClientService: Clone + Send + 'static {
    fn send(
        &mut self,
        request: Request<Body>,
    ) -> impl Future<Output = Result<Response<Body>, ClientError>> + Send;
}

impl<S, B> ClientService for S
where
    S: Service<Request<Body>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<BoxError>,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    async fn send(&mut self, request: Request<Body>) -> Result<Response<Body>, ClientError> {
        // A clone has to be asked for its own readiness.
        poll_fn(|cx| self.poll_ready(cx))
            .await
            .map_err(|error| ClientError::from_client(error, false))?;
        let answered = self.call(request).await;
        let response = answered.map_err(|error| ClientError::from_client(error, true))?;
        Ok(response.map(Body::new))
    }
}
