//! The future of a request: refused at once, under way, or under way within a span.

use super::body::Body;
use http::Response;
use pin_project_lite::pin_project;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

pin_project! {
    /// What answers a request.
    #[project = Project]
    #[must_use = "futures do nothing unless polled"]
    pub(crate) enum Answer<F> {
        /// An exchange with an upstream.
        Exchange { #[pin] exchange: F },
        /// An exchange that somebody looks at, or what is known already: not worth a place in the size
        /// of every future.
        Boxed { answer: Pin<Box<dyn Future<Output = Response<Body>> + Send>> },
    }
}

impl<F> Answer<F> {
    pub(crate) fn boxed(answer: impl Future<Output = Response<Body>> + Send + 'static) -> Self {
        Self::Boxed {
            answer: Box::pin(answer),
        }
    }

    pub(crate) fn ready(response: Response<Body>) -> Self {
        Self::boxed(std::future::ready(response))
    }
}

impl<F: Future<Output = Response<Body>>> Future for Answer<F> {
    type Output = Response<Body>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            Project::Exchange { exchange } => exchange.poll(cx),
            Project::Boxed { answer } => answer.as_mut().poll(cx),
        }
    }
}
