//! A service whose panics become errors: to a page, the connection was cut.

use std::error::Error;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Request;
use tower_service::Service;

use crate::browser::web::server::Body;

type BoxError = Box<dyn Error + Send + Sync>;

/// The service around a router.
#[derive(Clone)]
pub(super) struct Catching<S>(S);

impl<S> Catching<S> {
    pub(super) fn new(service: S) -> Self {
        Self(service)
    }
}

impl<S> Service<Request<Body>> for Catching<S>
where
    S: Service<Request<Body>>,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = CatchingFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        CatchingFuture(Box::pin(self.0.call(request)))
    }
}

pub(super) struct CatchingFuture<F>(Pin<Box<F>>);

impl<F, T, E> Future for CatchingFuture<F>
where
    F: Future<Output = Result<T, E>>,
    E: Into<BoxError>,
{
    type Output = Result<T, BoxError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // The future is dropped after a panic, with all that it left half done.
        match catch_unwind(AssertUnwindSafe(|| self.0.as_mut().poll(cx))) {
            Ok(poll) => poll.map_err(Into::into),
            Err(_panic) => Poll::Ready(Err("the service panicked, and nothing caught it".into())),
        }
    }
}
