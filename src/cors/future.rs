//! The future of the service.

use super::respond::{Answer, Share};
use http::Response;
use pin_project_lite::pin_project;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

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
        // The application's response, to be marked.
        Share { #[pin] inner: F, share: Option<Share> },
        // Of a preflight, which the application never sees.
        Answer { answer: Option<Answer> },
    }
}

impl<F> ResponseFuture<F> {
    pub(super) fn share(inner: F, share: Share) -> Self {
        let share = Some(share);
        Self {
            kind: Kind::Share { inner, share },
        }
    }

    pub(super) fn answer(answer: Answer) -> Self {
        let answer = Some(answer);
        Self {
            kind: Kind::Answer { answer },
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
            KindProj::Share { inner, share } => {
                let mut response = ready!(inner.poll(cx))?;
                if let Some(share) = share.take() {
                    share.apply(response.headers_mut());
                }
                Poll::Ready(Ok(response))
            }
            KindProj::Answer { answer } => {
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
