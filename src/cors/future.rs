//! The future of the service.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Response;
use pin_project_lite::pin_project;

use super::respond::{Answer, ResponseHeaders};

pin_project! {
    /// The response of [`Cors`](super::Cors).
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F> {
        #[pin]
        kind: Kind<F>,
    }
}

pin_project! {
    #[project = KindProj]
    enum Kind<F> {
        // The application answers, and its response gets the headers.
        Actual { #[pin] inner: F, headers: Option<ResponseHeaders> },
        // The application never sees a preflight.
        Preflight { answer: Option<Answer> },
    }
}

impl<F> ResponseFuture<F> {
    pub(super) fn actual(inner: F, headers: ResponseHeaders) -> Self {
        let headers = Some(headers);
        Self {
            kind: Kind::Actual { inner, headers },
        }
    }

    pub(super) fn preflight(answer: Answer) -> Self {
        let answer = Some(answer);
        Self {
            kind: Kind::Preflight { answer },
        }
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Default,
{
    type Output = Result<Response<B>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().kind.project() {
            KindProj::Actual { inner, headers } => {
                let mut response = ready!(inner.poll(cx))?;
                if let Some(headers) = headers.take() {
                    headers.apply(&mut response);
                }
                Poll::Ready(Ok(response))
            }
            KindProj::Preflight { answer } => {
                let answer = answer.take().expect("a future is not polled after its end");
                Poll::Ready(Ok(answer.into_response()))
            }
        }
    }
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
