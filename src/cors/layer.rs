//! The tower layer and its service.

use std::sync::Arc;
use std::task::{Context, Poll};

use http::{HeaderName, Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use super::config::{CorsBuilder, PolicyErrors};
use super::event::CorsLog;
use super::future::ResponseFuture;
use super::handle::{CorsHandle, Current, Shared};
use super::judge::Verdict;
use super::policy::CorsPolicy;

/// Puts a [`CorsPolicy`] around a service.
///
/// Answers preflights itself and marks all other responses as the policy says, errors and redirects
/// included. It belongs outside of everything that may answer a preflight or an error by itself:
/// authentication, rate limits, routing by method.
///
/// ```
/// use same_origin::cors::CorsPolicy;
///
/// let cors = CorsPolicy::builder().allow_origins("https://app.example.com").layer()?;
/// let app = axum::Router::<()>::new().layer(cors);
/// # Ok::<(), same_origin::cors::PolicyErrors>(())
/// ```
#[derive(Clone, Debug)]
pub struct CorsLayer {
    shared: Arc<Shared>,
    tells_refusals: bool,
}

/// A service with a [`CorsPolicy`] around it; made by [`CorsLayer`].
///
/// Its clone costs that of the inner service and one reference count.
#[derive(Clone, Debug)]
pub struct Cors<S> {
    pub(super) inner: S,
    pub(super) shared: Arc<Shared>,
    pub(super) tells_refusals: bool,
}

impl CorsLayer {
    /// A layer that obeys the policy.
    #[must_use]
    pub fn new(policy: CorsPolicy) -> Self {
        Self {
            shared: Arc::new(Shared::new(policy, CorsLog::default())),
            tells_refusals: false,
        }
    }

    /// As [`new`](Self::new), with the route and the field of a request's id for its events. Not part of the
    /// API.
    #[doc(hidden)]
    #[must_use]
    pub fn _of_route(policy: CorsPolicy, route: &str, id: Option<HeaderName>) -> Self {
        Self {
            shared: Arc::new(Shared::new(policy, CorsLog::of_route(route, id))),
            tells_refusals: false,
        }
    }

    /// Whether responses to refused requests tell the rule that was broken, by a [`Refusal`](super::Refusal) in their
    /// extensions: for logs and metrics of layers outside. Costs allocations where a request is refused. Default:
    /// `false`.
    ///
    /// ```
    /// use same_origin::cors::{CorsLayer, CorsPolicy, Refusal};
    ///
    /// fn rule<B>(response: &http::Response<B>) -> Option<Refusal> {
    ///     response.extensions().get().copied()
    /// }
    ///
    /// let policy = CorsPolicy::builder().allow_origins(["https://app.example.com"]).build()?;
    /// let cors = CorsLayer::new(policy).tell_refusals(true);
    /// # assert_eq!(rule(&http::Response::new(())), None);
    /// # let _ = cors;
    /// # Ok::<(), same_origin::cors::PolicyErrors>(())
    /// ```
    #[must_use]
    pub fn tell_refusals(mut self, tell: bool) -> Self {
        self.tells_refusals = tell;
        self
    }

    /// A handle by which the policy can be replaced while requests are served.
    #[must_use]
    pub fn handle(&self) -> CorsHandle {
        CorsHandle::new(Arc::clone(&self.shared))
    }
}

impl CorsBuilder {
    /// [Builds](Self::build) the policy, and a layer that obeys it.
    ///
    /// # Errors
    ///
    /// As of [`build`](Self::build).
    pub fn layer(&self) -> Result<CorsLayer, PolicyErrors> {
        self.build().map(CorsLayer::new)
    }
}

impl<S> Cors<S> {
    /// A service that obeys the policy around the inner one. A [`CorsLayer`] has a handle, too.
    #[must_use]
    pub fn new(inner: S, policy: CorsPolicy) -> Self {
        CorsLayer::new(policy).layer(inner)
    }
}

impl From<CorsPolicy> for CorsLayer {
    fn from(policy: CorsPolicy) -> Self {
        Self::new(policy)
    }
}

impl<S> Layer<S> for CorsLayer {
    type Service = Cors<S>;

    fn layer(&self, inner: S) -> Cors<S> {
        Cors {
            inner,
            shared: Arc::clone(&self.shared),
            tells_refusals: self.tells_refusals,
        }
    }
}

/// A policy is a layer without a handle.
impl<S> Layer<S> for CorsPolicy {
    type Service = Cors<S>;

    fn layer(&self, inner: S) -> Cors<S> {
        Cors::new(inner, self.clone())
    }
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for Cors<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    ResBody: Default,
{
    type Response = Response<ResBody>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let live = self.shared.current();
        obey(
            live,
            self.shared.log(),
            &mut self.inner,
            self.tells_refusals,
            request,
        )
    }
}

/// Answers a request by the policy that was in place when it came, from beginning to end.
pub(super) fn obey<S, ReqBody, ResBody>(
    live: Current<'_>,
    log: &CorsLog,
    inner: &mut S,
    tells_refusals: bool,
    request: Request<ReqBody>,
) -> ResponseFuture<S::Future>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
{
    let policy = live.policy().compiled();
    match live.judge(log, &request) {
        Verdict::Preflight(granted) => {
            let told = granted.err().filter(|_| tells_refusals);
            let answer = policy.answer(granted, request.headers());
            ResponseFuture::preflight(answer.telling(told))
        }
        verdict @ (Verdict::NotCors | Verdict::Actual(_)) => {
            let told = verdict.refusal().filter(|_| tells_refusals);
            let headers = policy.response_headers(verdict).telling(told);
            drop(live);
            ResponseFuture::actual(inner.call(request), headers)
        }
    }
}
