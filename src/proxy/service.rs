//! The tower service: asks the pure parts in their order, and does what they say.

use std::convert::Infallible;
use std::fmt;
use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, HeaderValue};
use http::{Method, Request, Response, Version};
use tokio::time::timeout;
use tower_service::Service;

use crate::proxy::body::Body;
use crate::proxy::client::Client;
use crate::proxy::error::{BoxError, ProxyError};
use crate::proxy::exchange::{Answer, Exchange};
use crate::proxy::plan::Plan;
use crate::proxy::request::Verdict;
use crate::proxy::request::error_reader::ErrorReader;
use crate::proxy::trace::{self, Trace};
use crate::proxy::transport::Transport;
use crate::proxy::wire::framing::announces_content;

/// The time that a client has to say that a request has no content, where it is refused with content.
const UNEXPECTED: Duration = Duration::from_secs(1);

/// A reverse proxy for what is below a prefix of the public path.
///
/// See the [module documentation](crate::proxy) for what it does to a request and a response, and
/// [`ProxyBuilder`](crate::proxy::ProxyBuilder) for what can be set.
///
/// It is a tower service over any body of [`Bytes`], cannot fail (a failure is a response with a
/// [`ProxyError`](crate::proxy::ProxyError) in its extensions), and costs two reference counts to clone.
/// `T` carries the rewritten requests: [`Client`] unless another service is given.
///
/// A server tells it of the client by a [`Peer`](crate::proxy::Peer) in the request's extensions. A request
/// without one, or axum's `ConnectInfo`, is taken for one that the program itself makes, as tests do: it
/// needs no host, although RFC 9112 3.2 demands one of a client. A server that inserts neither has to refuse
/// it itself ([`check`](crate::proxy::check)).
#[derive(Clone)]
pub struct ReverseProxy<T = Client> {
    plan: Arc<Plan>,
    transport: T,
}

impl<T> fmt::Debug for ReverseProxy<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReverseProxy")
            .field("plan", &self.plan)
            .finish_non_exhaustive()
    }
}

impl<T> ReverseProxy<T> {
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

    /// Takes the proxy out of its table of [`Mounts`](crate::proxy::Mounts) now, and not with the last of its
    /// clones: requests under way go on, and redirects of other proxies do not lead here any more. For a
    /// server that replaces its proxies while it serves.
    pub fn unmount(&self) {
        let response = &self.plan.response;
        response.mounts.remove(&response.mount);
    }

    /// The number of upstreams of its list that are set aside, until they answer again: a figure for metrics. 0 where
    /// it has one upstream.
    #[must_use]
    pub fn set_aside(&self) -> usize {
        self.plan.upstreams.set_aside()
    }

    /// Puts the parts together, and registers the mount in the table now that nothing can fail.
    pub(crate) fn from_parts(plan: Arc<Plan>, transport: T) -> Self {
        plan.response.mounts.register(&plan.response.mount);
        Self { plan, transport }
    }
}

impl ReverseProxy {
    /// The number of open connections to its upstreams, as [`Client::connections`] counts them.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.transport.connections()
    }
}

impl<T: Transport> ReverseProxy<T> {
    /// Answers a request of which only a look into its body tells whether it has content. The look needs the
    /// runtime, on which `call` need not be.
    fn look(self, mut request: Request<Body>) -> Answer {
        Box::pin(async move {
            request.body_mut().look().await;
            let answer = self.answer(request);
            drop(self);
            answer.await
        })
    }

    /// Answers a request that is refused if it has content. That it has none may be told only behind its head: by an empty
    /// DATA frame over HTTP/2 (RFC 9113 8.1), and by a last chunk over HTTP/1.1 (RFC 9112 7.1).
    fn wait(self, mut request: Request<Body>) -> Answer {
        Box::pin(async move {
            // A client that says nothing in time is taken to send content.
            let _pending = timeout(UNEXPECTED, request.body_mut().wait()).await;
            let answer = self.answer(request);
            drop(self);
            answer.await
        })
    }

    fn answer(&self, request: Request<Body>) -> Answer {
        let version = request.version();
        let (mut parts, body) = request.into_parts();
        match self.plan.request(&mut parts, &body) {
            Verdict::Forward(context) => {
                let trace = Trace::begin(&context);
                let plan = Arc::clone(&self.plan);
                let exchange = Exchange::new(plan, context, trace.clone(), version);
                let request = Box::new(Request::from_parts(parts, body));
                trace.follow(exchange.run(self.transport.clone(), request))
            }
            Verdict::Answer(status) => {
                let mut response = Response::new(Body::empty());
                *response.status_mut() = status;
                Box::pin(ready(response))
            }
            Verdict::Refuse(kind) => {
                let error = ProxyError::from(kind);
                trace::refused(&self.plan, &parts, &error);
                let mut response = self.plan.error_page.render(error, ErrorReader::of(&parts));
                // RFC 9931: what follows a rejected CONNECT may be meant for the other end of the tunnel, and is not
                // taken for a request.
                if parts.method == Method::CONNECT && version < Version::HTTP_2 {
                    let close = HeaderValue::from_static("close");
                    response.headers_mut().insert(CONNECTION, close);
                }
                Box::pin(ready(response))
            }
        }
    }
}

impl<T, B> Service<Request<B>> for ReverseProxy<T>
where
    T: Transport,
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
        let request = request.map(Body::new);
        let is_unclear = request.body().may_be_empty() && !announces_content(request.headers());
        let inner = if self.plan.request.waits_for_content(&request) {
            self.clone().wait(request)
        } else if is_unclear {
            self.clone().look(request)
        } else {
            self.answer(request)
        };
        ResponseFuture { inner }
    }
}

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
