//! The tower service: asks the pure parts in their order, and does what they say.

use super::answer::Answer;
use super::balance::InFlight;
use super::body::Body;
use super::builder::ProxyBuilder;
use super::client::{Client, ClientError};
use super::error::{BoxError, ErrorKind, ProxyError};
use super::head::{Outgoing, Proxying, Verdict};
use super::peer::Peer;
use super::trace::Trace;
use super::upload::{AbandonOnDrop, Progress, Upload};
use super::{upgrade, websocket};
use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Request, Response, StatusCode};
use http_body::Body as _;
use hyper::upgrade::OnUpgrade;
use std::any::Any;
use std::convert::Infallible;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use tower_service::Service;

/// A reverse proxy for what is below a prefix of the public path.
///
/// See the [module documentation](super) for what it does to a request and a response, and
/// [`ProxyBuilder`] for what can be set.
///
/// It is a tower service over any body of [`Bytes`], cannot fail (a failure is a response with a
/// [`ProxyError`] in its extensions), and costs two reference counts to clone. `C` is the service that
/// carries the rewritten requests, [`Client`] unless another is given.
#[derive(Clone)]
pub struct ReverseProxy<C = Client> {
    proxying: Arc<Proxying>,
    client: C,
}

impl<C> fmt::Debug for ReverseProxy<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReverseProxy")
            .field("proxying", &self.proxying)
            .finish_non_exhaustive()
    }
}

impl ReverseProxy {
    /// A proxy of `upstream` (`scheme://host[:port][/base]`) under `prefix`, with every default.
    ///
    /// # Errors
    ///
    /// [`ProxyErrors`](super::ProxyErrors) with every problem of the two, and what to write instead.
    ///
    /// # Examples
    ///
    /// ```
    /// use same_origin::proxy::ReverseProxy;
    ///
    /// # fn main() -> Result<(), same_origin::proxy::ProxyErrors> {
    /// // GET /api/items?x=1  →  GET https://api.example.com/prod/items?x=1
    /// let api = ReverseProxy::new("/api", "https://api.example.com/prod")?;
    /// # let _ = api;
    /// # Ok(()) }
    /// ```
    pub fn new(
        prefix: impl Into<String>,
        upstream: impl Into<String>,
    ) -> Result<Self, super::ProxyErrors> {
        Self::builder(prefix, upstream).build()
    }

    /// A builder for a proxy of `upstream` under `prefix`, with every default in place.
    pub fn builder(prefix: impl Into<String>, upstream: impl Into<String>) -> ProxyBuilder {
        ProxyBuilder::new(prefix, upstream)
    }
}

impl<C> ReverseProxy<C> {
    /// Puts the parts together, and enters the mount in the table now that nothing can fail.
    pub(crate) fn from_parts(proxying: Arc<Proxying>, client: C) -> Self {
        proxying.mounts.enter(Arc::clone(&proxying.mount));
        Self { proxying, client }
    }

    /// Answers a request as the service does, for a server that knows its peer itself: nothing has to
    /// go through the request's extensions, and the future is not boxed.
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

    fn answer<CB, B>(
        &self,
        peer: Option<&Peer>,
        request: Request<B>,
    ) -> Answer<impl Future<Output = Response<Body>> + Send + 'static + use<C, CB, B>>
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
        match self.proxying.request(peer, &mut parts, &body) {
            Verdict::Forward(outgoing) => {
                let trace = Trace::begin(&parts);
                let exchange = Exchange {
                    proxying: Arc::clone(&self.proxying),
                    client: self.client.clone(),
                    trace: trace.clone(),
                };
                let request = Box::new(Request::from_parts(parts, body));
                trace.follow(exchange.run(request, outgoing))
            }
            Verdict::Answer(status) => {
                let mut response = Response::new(Body::empty());
                *response.status_mut() = status;
                Answer::ready(response)
            }
            Verdict::Refuse(kind) => Answer::ready(self.proxying.error_response(kind.into())),
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
            inner: Box::pin(self.answer(None, request)),
        }
    }
}

/// The future of [`ReverseProxy`].
#[must_use = "futures do nothing unless polled"]
pub struct ResponseFuture {
    /// Boxed once, beside a round trip over the network; its states are no business of the caller's.
    inner: Pin<Box<dyn Future<Output = Response<Body>> + Send>>,
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

/// One request, from its rewritten head to the head of its response.
struct Exchange<C> {
    proxying: Arc<Proxying>,
    client: C,
    trace: Trace,
}

impl<C, CB> Exchange<C>
where
    C: Service<Request<Body>, Response = Response<CB>> + Clone + Send + 'static,
    C::Future: Send,
    C::Error: Into<BoxError>,
    CB: http_body::Body<Data = Bytes> + Send + 'static,
    CB::Error: Into<BoxError>,
{
    /// The request is boxed once, because each future on the way would hold it by value, twice.
    async fn run(mut self, mut request: Box<Request<Body>>, outgoing: Outgoing) -> Response<Body> {
        let client_upgrade = request.extensions_mut().remove::<OnUpgrade>();
        let expects_continue = outgoing.expects_continue;
        let mut upload = None;
        if !request.body().is_end_stream() {
            let limit = self.proxying.max_request_body;
            let progress = watch(&mut request, limit, expects_continue);
            upload = Some(progress);
        }
        let (mut response, in_flight) = match self.send(request, &outgoing, upload.as_deref()).await
        {
            Ok(answered) => answered,
            Err(error) => return self.failed(error),
        };
        self.trace.answered(response.status());
        let version = response.version();
        let switched = self.proxying.response(version, response.headers_mut());
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            return self.switch(response, outgoing, switched, client_upgrade);
        }
        // RFC 8441 5: to a client that asked by CONNECT any 2xx says that the tunnel is open.
        if outgoing.bridged.is_some() && response.status().is_success() {
            return self.unexpected("no 101 for a WebSocket");
        }
        response.map(|mut body| {
            if let Some(in_flight) = in_flight {
                body = body.guarded(in_flight);
            }
            match upload {
                Some(progress) if expects_continue => body.guarded(AbandonOnDrop(progress)),
                _ => body,
            }
        })
    }

    /// Sends a request to an upstream; to another one if the first cannot be connected to.
    async fn send(
        &mut self,
        mut request: Box<Request<Body>>,
        outgoing: &Outgoing,
        upload: Option<&Progress>,
    ) -> Result<(Response<Body>, Option<InFlight>), ProxyError> {
        let proxying = Arc::clone(&self.proxying);
        if let Some(only) = proxying.upstreams.only() {
            self.trace.upstream(only);
            proxying.aim(&mut request, only, outgoing);
            let response = self.attempt(request, upload).await?;
            return Ok((response, None));
        }
        loop {
            let Some(in_flight) = proxying.upstreams.pick() else {
                return Err(ProxyError::refused(ErrorKind::NoUpstream));
            };
            let endpoint = in_flight.endpoint();
            self.trace.upstream(&endpoint.upstream);
            proxying.aim(&mut request, &endpoint.upstream, outgoing);
            match self.attempt(request, upload).await {
                Ok(response) => {
                    endpoint.succeeded();
                    return Ok((response, Some(in_flight)));
                }
                // Each turn sets one aside, so there are no more turns than upstreams.
                Err(failed) if failed.kind().is_connect() => {
                    proxying.upstreams.failed(&in_flight);
                    match failed.into_parts() {
                        (_, Some(unsent)) => request = unsent,
                        (error, None) => return Err(error),
                    }
                }
                Err(failed) => return Err(failed.into()),
            }
        }
    }

    /// Until the response's head, or the response timeout, which does not run while a body is being
    /// uploaded.
    async fn attempt(
        &mut self,
        request: Box<Request<Body>>,
        upload: Option<&Progress>,
    ) -> Result<Response<Body>, ClientError> {
        let answer = pin!(carry(&mut self.client, request));
        let goes_on = || upload.is_some_and(Progress::has_moved);
        match self.proxying.response_deadline.bound(answer, goes_on).await {
            Ok(answered) => answered,
            Err(late) => Err(ProxyError::new(ErrorKind::ResponseTimeout, true, late).into()),
        }
    }

    /// RFC 9110 7.8, 15.2.2: opens the tunnel if what the upstream switches to was offered to it.
    fn switch(
        self,
        response: Response<Body>,
        outgoing: Outgoing,
        switched: Option<HeaderValue>,
        client_upgrade: Option<OnUpgrade>,
    ) -> Response<Body> {
        let mut response = response.map(|_| Body::empty());
        let upstream_upgrade = response.extensions_mut().remove::<OnUpgrade>();
        let (Some(offered), Some(chosen)) = (outgoing.upgrade, switched) else {
            return self.unexpected("101 without being asked");
        };
        let (Some(client), Some(upstream)) = (client_upgrade, upstream_upgrade) else {
            return self.unexpected("101 on a connection that cannot be taken over");
        };
        if !upgrade::is_offered(&offered, &chosen) {
            return self.unexpected("101 to another protocol");
        }
        match outgoing.bridged {
            Some(handshake) if !handshake.is_proved_by(response.headers()) => {
                return self.unexpected("101 without the proof of a WebSocket");
            }
            Some(_) => websocket::to_http2(&mut response),
            None => {
                let headers = response.headers_mut();
                headers.insert(header::UPGRADE, chosen);
                headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
            }
        }
        let idle = self.proxying.tunnel_idle;
        self.proxying.tunnels.spawn(client, upstream, idle);
        response
    }

    fn unexpected(&self, what: &'static str) -> Response<Body> {
        self.failed(ProxyError::new(ErrorKind::UpgradeFailed, true, what))
    }

    fn failed(&self, error: ProxyError) -> Response<Body> {
        self.trace.failed(&error, self.proxying.upstreams.first());
        self.proxying.error_response(error)
    }
}

/// Gives a request to the client service.
async fn carry<C, CB>(
    client: &mut C,
    request: Box<Request<Body>>,
) -> Result<Response<Body>, ClientError>
where
    C: Service<Request<Body>, Response = Response<CB>> + 'static,
    C::Error: Into<BoxError>,
    CB: http_body::Body<Data = Bytes> + Send + 'static,
    CB::Error: Into<BoxError>,
{
    // Our own client's future is part of this one; as a service's it would be a box of its own.
    if let Some(client) = (client as &mut dyn Any).downcast_mut::<Client>() {
        return client.send(request).await;
    }
    // A clone has to be asked for its own readiness.
    poll_fn(|cx| client.poll_ready(cx).map_err(ClientError::from_client)).await?;
    let answered = client.call(*request).await;
    answered
        .map(|response| response.map(Body::new))
        .map_err(ClientError::from_client)
}

/// Bounds and watches a request's body, and holds it back while its client waits for `100 Continue`
/// (RFC 9110 10.1.1).
fn watch(request: &mut Request<Body>, limit: Option<u64>, expects_continue: bool) -> Arc<Progress> {
    let body = std::mem::take(request.body_mut());
    let (upload, progress) = Upload::new(body, limit, expects_continue);
    *request.body_mut() = Body::from(upload);
    if expects_continue {
        let progress = Arc::clone(&progress);
        hyper::ext::on_informational(request, move |response| {
            if response.status() == StatusCode::CONTINUE {
                progress.open();
            }
        });
    }
    progress
}
