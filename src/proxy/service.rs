//! The tower service: asks the pure parts in their order, and does what they say.

use crate::proxy::body::Body;
use crate::proxy::client::Client;
use crate::proxy::error::BoxError;
use crate::proxy::exchange::Exchange;
use crate::proxy::plan::Plan;
use crate::proxy::request::Verdict;
use crate::proxy::request::peer::Peer;
use crate::proxy::trace::Trace;
use bytes::Bytes;
use http::{Method, Request, Response};
use std::convert::Infallible;
use std::fmt;
use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tower_service::Service;

/// A reverse proxy for what is below a prefix of the public path.
///
/// See the [module documentation](crate::proxy) for what it does to a request and a response, and
/// [`ProxyBuilder`](crate::proxy::ProxyBuilder) for what can be set.
///
/// It is a tower service over any body of [`Bytes`], cannot fail (a failure is a response with a
/// [`ProxyError`](crate::proxy::ProxyError) in its extensions), and costs two reference counts to clone. `C` is the service that
/// carries the rewritten requests, [`Client`] unless another is given.
#[derive(Clone)]
pub struct ReverseProxy<C = Client> {
    plan: Arc<Plan>,
    client: C,
}

impl<C> fmt::Debug for ReverseProxy<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReverseProxy")
            .field("plan", &self.plan)
            .finish_non_exhaustive()
    }
}

impl<C> ReverseProxy<C> {
    /// The path at the upstream of a public one: what a cache behind the proxy knows it by. `None` if it is
    /// outside of the prefix.
    ///
    /// # Examples
    ///
    /// ```
    /// # use same_origin::proxy::ReverseProxy;
    /// let api = ReverseProxy::new("/api", "http://127.0.0.1:3000/v1")?;
    /// assert_eq!(api.upstream_path("/api/items"), Some("/v1/items".to_owned()));
    /// assert_eq!(api.upstream_path("/elsewhere"), None);
    /// # Ok::<(), same_origin::proxy::ProxyConfigErrors>(())
    /// ```
    #[must_use]
    pub fn upstream_path(&self, public: &str) -> Option<String> {
        let public = public.parse().ok()?;
        let target = self.plan.request.mount.map.to_upstream(&public)?.ok()?;
        Some(target.path().to_owned())
    }

    /// Puts the parts together, and enters the mount in the table now that nothing can fail.
    pub(crate) fn from_parts(plan: Arc<Plan>, client: C) -> Self {
        plan.response.mounts.register(&plan.response.mount);
        Self { plan, client }
    }

    /// Answers a request as the service does, for a server that knows its peer itself: nothing has to
    /// go through the request's extensions.
    ///
    /// # Examples
    ///
    /// ```
    /// use http::{Request, Response};
    /// use same_origin::proxy::{Body, Peer, ReverseProxy};
    ///
    /// async fn serve(proxy: &ReverseProxy, peer: &Peer, request: Request<Body>) -> Response<Body> {
    ///     proxy.respond(peer, request).await
    /// }
    /// ```
    pub fn respond<CB, B>(
        &self,
        peer: &Peer,
        request: Request<B>,
    ) -> impl Future<Output = Response<Body>> + Send + 'static + use<C, CB, B>
    where
        C: Service<Request<Body>, Response = Response<CB>> + Clone + Send + 'static,
        C::Future: Send,
        C::Error: Into<BoxError>,
        CB: http_body::Body<Data = Bytes> + Send + 'static,
        CB::Error: Into<BoxError>,
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        self.answer(Some(peer), request)
    }

    fn answer<CB, B>(&self, peer: Option<&Peer>, request: Request<B>) -> Answer
    where
        C: Service<Request<Body>, Response = Response<CB>> + Clone + Send + 'static,
        C::Future: Send,
        C::Error: Into<BoxError>,
        CB: http_body::Body<Data = Bytes> + Send + 'static,
        CB::Error: Into<BoxError>,
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let (mut parts, body) = request.into_parts();
        let body = Body::new(body);
        let is_head = parts.method == Method::HEAD;
        match self.plan.request(peer, &mut parts, &body) {
            Verdict::Forward(context) => {
                let trace = Trace::begin(&parts);
                let plan = Arc::clone(&self.plan);
                let exchange = Exchange::new(plan, context, trace.clone());
                let request = Box::new(Request::from_parts(parts, body));
                trace.follow(exchange.run(self.client.clone(), request))
            }
            Verdict::Answer(status) => {
                let mut response = Response::new(Body::empty());
                *response.status_mut() = status;
                Box::pin(ready(response))
            }
            Verdict::Refuse(kind) => {
                let refusal = self.plan.error_page.render(kind.into(), is_head);
                Box::pin(ready(refusal))
            }
        }
    }
}

impl<C, CB, B> Service<Request<B>> for ReverseProxy<C>
where
    C: Service<Request<Body>, Response = Response<CB>> + Clone + Send + 'static,
    C::Future: Send,
    C::Error: Into<BoxError>,
    CB: http_body::Body<Data = Bytes> + Send + 'static,
    CB::Error: Into<BoxError>,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = ResponseFuture;

    /// Always ready: the client service is asked when there is a request for it, so that its failure
    /// can be answered.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> ResponseFuture {
        ResponseFuture {
            inner: self.answer(None, request),
        }
    }
}

/// What answers a request: an exchange with an upstream, or what is known already. Boxed once, because
/// an exchange is some 980 bytes, and every server and layer around it moves it about. Above 1,032 glibc
/// leaves its fast path, which costs more than all locks of a request together.
pub(crate) type Answer = Pin<Box<dyn Future<Output = Response<Body>> + Send>>;

/// The future of [`ReverseProxy`].
#[must_use = "futures do nothing unless polled"]
pub struct ResponseFuture {
    inner: Answer,
}

impl Future for ResponseFuture {
    type Output = Result<Response<Body>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.inner.as_mut().poll(cx).map(Ok)
    }
}

impl fmt::Debug for ResponseFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
