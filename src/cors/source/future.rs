//! The future of the service with a source.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::header::{HeaderValue, ORIGIN};
use http::request::Parts;
use http::{Method, Request, Response, Uri};
use pin_project_lite::pin_project;

use super::lookup::Answer;
use crate::cors::event::{self, Asked};
use crate::cors::future::ResponseFuture as Known;
use crate::cors::handle::Shared;
use crate::cors::judge::{Refusal, Verdict};
use crate::cors::policy::CorsPolicy;
use crate::cors::respond::ResponseHeaders;
use crate::path::public_uri;

pin_project! {
    /// The response of [`SourcedCors`](super::SourcedCors).
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F>
    where
        F: Future,
    {
        #[pin]
        kind: Kind<F>,
    }
}

pin_project! {
    #[project = KindProj]
    enum Kind<F>
    where
        F: Future,
    {
        // There is nothing to ask.
        Known { #[pin] inner: Known<F> },
        // The application and the source are asked at the same time.
        Actual {
            #[pin]
            inner: F,
            output: Option<F::Output>,
            answer: Answer,
            allowed: Option<bool>,
            headers: Option<EitherHeaders>,
        },
        Preflight { answer: Answer, asked: Preflight },
    }
}

/// The headers of the response by the source's answer.
pub(super) struct EitherHeaders {
    pub(super) kept: Kept,
    pub(super) allowed: ResponseHeaders,
    pub(super) refused: ResponseHeaders,
}

/// A preflight whose answer the source decides.
pub(super) struct Preflight {
    pub(super) policy: CorsPolicy,
    pub(super) parts: Parts,
    pub(super) shared: Arc<Shared>,
    pub(super) tells_refusals: bool,
}

/// The facts about a request that the log tells if it is refused.
pub(super) struct Kept {
    method: Method,
    uri: Uri,
    origin: HeaderValue,
    shared: Arc<Shared>,
}

impl Kept {
    pub(super) fn of<B>(request: &Request<B>, origin: &HeaderValue, shared: &Arc<Shared>) -> Self {
        Self {
            method: request.method().clone(),
            uri: public_uri(request.uri(), request.extensions()).clone(),
            origin: origin.clone(),
            shared: Arc::clone(shared),
        }
    }
}

impl<F: Future> ResponseFuture<F> {
    pub(super) fn known(inner: Known<F>) -> Self {
        Self {
            kind: Kind::Known { inner },
        }
    }

    pub(super) fn actual(inner: F, answer: Answer, headers: EitherHeaders) -> Self {
        let headers = Some(headers);
        Self {
            kind: Kind::Actual {
                inner,
                output: None,
                answer,
                allowed: None,
                headers,
            },
        }
    }

    pub(super) fn preflight(answer: Answer, asked: Preflight) -> Self {
        Self {
            kind: Kind::Preflight { answer, asked },
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
            KindProj::Known { inner } => inner.poll(cx),
            KindProj::Actual {
                inner,
                output,
                answer,
                allowed,
                headers,
            } => {
                if allowed.is_none() {
                    if let Poll::Ready(answer) = answer.as_mut().poll(cx) {
                        *allowed = Some(answer);
                    }
                }
                if output.is_none() {
                    let result = ready!(inner.poll(cx));
                    // An error has no head that the answer could go into.
                    if result.is_err() {
                        return Poll::Ready(result);
                    }
                    *output = Some(result);
                }
                let (Some(allowed), Some(headers)) =
                    (*allowed, allowed.and_then(|_| headers.take()))
                else {
                    return Poll::Pending;
                };
                let mut response = output.take().expect("it was put there above")?;
                headers.apply(allowed, &mut response);
                Poll::Ready(Ok(response))
            }
            KindProj::Preflight { answer, asked } => {
                let allowed = ready!(answer.as_mut().poll(cx));
                Poll::Ready(Ok(asked.answer(allowed)))
            }
        }
    }
}

impl EitherHeaders {
    fn apply<B>(self, allowed: bool, response: &mut Response<B>) {
        if allowed {
            self.allowed.apply(response);
        } else {
            let kept = &self.kept;
            let asked = Asked::kept(&kept.method, &kept.uri, &kept.origin);
            event::refused(kept.shared.log(), Refusal::Origin, asked, || None);
            self.refused.apply(response);
        }
    }
}

impl Preflight {
    fn answer<B: Default>(&self, allowed: bool) -> Response<B> {
        let policy = self.policy.compiled();
        let headers = &self.parts.headers;
        let admitted = match headers.get(ORIGIN) {
            Some(origin) if allowed => Ok(policy.grant_to(origin)),
            _ => Err(Refusal::Origin),
        };
        let granted = match policy.proceed(admitted, &self.parts.method, headers) {
            Verdict::Preflight(granted) => granted,
            Verdict::Actual(_) | Verdict::NotCors => Err(Refusal::Method),
        };
        if let Err(refusal) = granted {
            let name = || policy.refused_name(refusal, headers);
            let asked = Asked::of_parts(&self.parts, true);
            event::refused(self.shared.log(), refusal, asked, name);
        }
        let told = granted.err().filter(|_| self.tells_refusals);
        policy
            .answer(granted, headers)
            .telling(told)
            .into_response()
    }
}

impl<F: Future> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
