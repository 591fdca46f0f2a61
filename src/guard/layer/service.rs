//! The tower layer and its service.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{HeaderName, Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use crate::guard::config::builder::GuardBuilder;
use crate::guard::config::error::GuardErrors;
use crate::guard::layer::admitted::Admitted;
use crate::guard::layer::event::GuardLog;
use crate::guard::layer::future::ResponseFuture;
use crate::guard::layer::handle::{GuardHandle, Shared};
use crate::guard::layer::page::{DebugPage, EmptyPage, RefusalPage, finish};
use crate::guard::layer::refused::GuardError;
use crate::guard::policy::Guard;
use crate::guard::request::head::Head;
use crate::guard::verdict::Verdict;

/// Puts a [`Guard`] around a service.
///
/// Refuses what the guard refuses, before the service sees it, and hands on all else as it is. It belongs
/// inside of the [`CorsLayer`](crate::cors::CorsLayer), which answers preflights and lets allowed pages read
/// a refusal, and outside of all that acts on a request.
#[derive(Clone)]
pub struct GuardLayer<P = EmptyPage> {
    shared: Arc<Shared>,
    page: P,
}

/// A service with a [`Guard`] around it; made by [`GuardLayer`].
///
/// Its clone costs that of the inner service, of the page, and one reference count.
#[derive(Clone)]
pub struct GuardService<S, P = EmptyPage> {
    inner: S,
    shared: Arc<Shared>,
    page: P,
}

impl GuardLayer {
    /// A layer that obeys the guard, and answers what it refuses with an empty page.
    #[must_use]
    pub fn new(guard: Guard) -> Self {
        Self {
            shared: Arc::new(Shared::new(guard, GuardLog::default())),
            page: EmptyPage,
        }
    }

    /// As [`new`](Self::new), with the route and the field of a request's id for its events. Not part of the
    /// API.
    #[doc(hidden)]
    #[must_use]
    pub fn _of_route(guard: Guard, route: &str, id: Option<HeaderName>) -> Self {
        Self {
            shared: Arc::new(Shared::new(guard, GuardLog::of_route(route, id))),
            page: EmptyPage,
        }
    }
}

impl<P> GuardLayer<P> {
    /// Answers what is refused with a page of one's own; see [`RefusalPage`].
    ///
    /// ```
    /// use http::Response;
    /// use http::request::Parts;
    /// use same_origin::guard::{Guard, GuardError, GuardLayer};
    ///
    /// let layer = GuardLayer::new(Guard::builder().build()?)
    ///     .page(|error: &GuardError, _: &Parts| Response::new(format!("{error}\n")));
    /// # Ok::<(), same_origin::guard::GuardErrors>(())
    /// ```
    #[must_use]
    pub fn page<Q>(self, page: Q) -> GuardLayer<Q> {
        GuardLayer {
            shared: self.shared,
            page,
        }
    }

    /// Answers what is refused with the reason and with what to write, **to everybody**: for development
    /// alone.
    #[must_use]
    pub fn debug(self) -> GuardLayer<DebugPage> {
        let shared = Arc::clone(&self.shared);
        self.page(DebugPage { shared })
    }

    /// A handle by which the guard can be replaced while requests are served.
    #[must_use]
    pub fn handle(&self) -> GuardHandle {
        GuardHandle::new(Arc::clone(&self.shared))
    }
}

impl GuardBuilder {
    /// [Builds](Self::build) the guard, and a layer that obeys it and answers what it refuses with an empty page.
    ///
    /// # Errors
    ///
    /// As of [`build`](Self::build).
    ///
    /// # Examples
    ///
    /// ```
    /// use same_origin::guard::Guard;
    ///
    /// let guard = Guard::builder().trust(["https://partner.example"]).layer()?;
    /// let app = axum::Router::<()>::new().layer(guard);
    /// # Ok::<(), same_origin::guard::GuardErrors>(())
    /// ```
    pub fn layer(&self) -> Result<GuardLayer, GuardErrors> {
        self.build().map(GuardLayer::new)
    }
}

impl<S> GuardService<S> {
    /// A service that obeys the guard around the inner one. A [`GuardLayer`] has a handle, too, and pages.
    #[must_use]
    pub fn new(inner: S, guard: Guard) -> Self {
        GuardLayer::new(guard).layer(inner)
    }
}

impl From<Guard> for GuardLayer {
    fn from(guard: Guard) -> Self {
        Self::new(guard)
    }
}

impl<S, P: Clone> Layer<S> for GuardLayer<P> {
    type Service = GuardService<S, P>;

    fn layer(&self, inner: S) -> Self::Service {
        GuardService {
            inner,
            shared: Arc::clone(&self.shared),
            page: self.page.clone(),
        }
    }
}

impl<S, P, ReqBody, ResBody> Service<Request<ReqBody>> for GuardService<S, P>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    P: RefusalPage<ResBody>,
{
    type Response = Response<ResBody>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, ResBody>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        let current = self.shared.current();
        let head = Head::of(&request);
        let standing = match current.judge(&head) {
            Verdict::Admitted(admission) => current.guard().standing(&head, Some(admission)),
            Verdict::Refused(_) if current.guard().report_only => {
                current.guard().standing(&head, None)
            }
            Verdict::Refused(refusal) => {
                let (error, mode) = (GuardError::from(refusal), current.guard().mode);
                drop(current);
                let (request, _) = request.into_parts();
                let mut response = self.page.page(&error, &request);
                finish(&mut response, error, mode);
                return ResponseFuture::refused(response);
            }
        };
        drop(current);
        if let Some(standing) = standing {
            Admitted::leave(standing, request.extensions_mut());
        }
        ResponseFuture::admitted(self.inner.call(request))
    }
}

impl<P> fmt::Debug for GuardLayer<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("GuardLayer");
        debug.field("guard", &self.shared).finish_non_exhaustive()
    }
}

impl<S: fmt::Debug, P> fmt::Debug for GuardService<S, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("GuardService");
        debug.field("inner", &self.inner);
        debug.field("guard", &self.shared).finish_non_exhaustive()
    }
}
