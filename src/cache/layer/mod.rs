//! The tower layer and its service.

pub(crate) mod answer;
pub(crate) mod arrival;
pub(crate) mod behind;
pub(crate) mod body;
pub(crate) mod change;
pub(crate) mod fetch;
pub(crate) mod flight;
pub(crate) mod known;
pub(crate) mod look;
pub(crate) mod pass;
pub(crate) mod wait;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use crate::cache::handle::Cache;
use crate::cache::http::status::Forward;
use crate::cache::layer::body::Body;
use crate::cache::layer::change::change;
use crate::cache::layer::fetch::Trip;
use crate::cache::layer::look::Look;
use crate::cache::rules::plan::Plan;
use crate::cache::shared::Shared;

/// Puts a [`Cache`] before a service.
///
/// It belongs inside of everything that decides who may have an answer, or writes something into it for one
/// client: authentication, [CORS](crate::cors), compression. See the [module documentation](crate::cache).
///
/// But outside of what puts something around the bodies of requests, as `tower_http`'s `RequestBodyTimeoutLayer` and
/// `RequestDecompressionLayer` do: such a body does not say that it is empty, and to a request with content nothing
/// is answered from memory. Between a proxy and its upstream the proxy has looked.
#[derive(Clone, Debug)]
pub struct CacheLayer {
    shared: Arc<Shared>,
}

/// A service with a [`Cache`] before it; made by [`CacheLayer`].
///
/// It is always ready: the inner service is asked when there is something to ask it for, a clone for each
/// request, so that hits do not wait for it.
#[derive(Clone, Debug)]
pub struct Cached<S> {
    inner: S,
    shared: Arc<Shared>,
}

impl CacheLayer {
    /// A layer in front of which all services share what is stored. That fits for services of one kind, such
    /// as clients of one upstream: two that give other answers to the same request need two caches.
    #[must_use]
    pub fn new(cache: &Cache) -> Self {
        Self {
            shared: Arc::clone(&cache.shared),
        }
    }
}

impl Cache {
    /// The layer that puts this cache before a service.
    #[must_use]
    pub fn layer(&self) -> CacheLayer {
        CacheLayer::new(self)
    }
}

impl<S> Layer<S> for CacheLayer {
    type Service = Cached<S>;

    fn layer(&self, inner: S) -> Cached<S> {
        Cached {
            inner,
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<S, Q, R> Service<Request<Q>> for Cached<S>
where
    S: Service<Request<Q>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send,
    Q: http_body::Body + Default + Send + 'static,
    R: http_body::Body<Data = Bytes> + Send + 'static,
    R::Error: Send,
{
    type Response = Response<Body<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<R, S::Error>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Q>) -> Self::Future {
        let (parts, body) = request.into_parts();
        let plan = Plan::of(&parts, !body.is_end_stream());
        match plan {
            Plan::Look(asked) => match self.shared.look(asked, &parts.headers) {
                Look::Answer(response) => ResponseFuture::ready(response),
                Look::Fetch(asked, found) => {
                    let shared = Arc::clone(&self.shared);
                    let request = Box::new(Request::from_parts(parts, body));
                    let trip = Trip::new(shared, asked, found);
                    ResponseFuture::boxed(fetch::look(trip, self.inner.clone(), request))
                }
            },
            Plan::Change => {
                let shared = Arc::clone(&self.shared);
                let request = Request::from_parts(parts, body);
                ResponseFuture::boxed(change(shared, self.inner.clone(), request))
            }
            Plan::NotStored => ResponseFuture::ready(self.shared.not_stored()),
            Plan::Pass(why) => {
                let shared = Arc::clone(&self.shared);
                let request = Request::from_parts(parts, body);
                ResponseFuture::boxed(pass(shared, self.inner.clone(), request, why))
            }
        }
    }
}

async fn pass<S, Q, R>(
    shared: Arc<Shared>,
    mut service: S,
    request: Request<Q>,
    why: Forward,
) -> Result<Response<Body<R>>, S::Error>
where
    S: Service<Request<Q>, Response = Response<R>>,
{
    let response = fetch::send(&mut service, request).await?;
    Ok(shared.passed(response, why))
}

type Answer<R, E> = Result<Response<Body<R>>, E>;

/// The future of [`Cached`]: a hit is there at once, all else is boxed.
#[must_use = "futures do nothing unless polled"]
pub struct ResponseFuture<R, E> {
    kind: Kind<R, E>,
}

enum Kind<R, E> {
    Ready(Option<Box<Response<Body<R>>>>),
    Boxed(Pin<Box<dyn Future<Output = Answer<R, E>> + Send>>),
}

impl<R, E> ResponseFuture<R, E> {
    fn ready(response: Response<Body<R>>) -> Self {
        Self {
            kind: Kind::Ready(Some(Box::new(response))),
        }
    }

    fn boxed(future: impl Future<Output = Answer<R, E>> + Send + 'static) -> Self {
        Self {
            kind: Kind::Boxed(Box::pin(future)),
        }
    }
}

// The body is not polled here, so that it need not stay where it is.
impl<R, E> Unpin for ResponseFuture<R, E> {}

impl<R, E> Future for ResponseFuture<R, E> {
    type Output = Answer<R, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.kind {
            Kind::Ready(response) => match response.take() {
                Some(response) => Poll::Ready(Ok(*response)),
                None => Poll::Pending,
            },
            Kind::Boxed(future) => future.as_mut().poll(cx),
        }
    }
}

impl<R, E> fmt::Debug for ResponseFuture<R, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
