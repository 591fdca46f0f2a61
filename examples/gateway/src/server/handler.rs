//! Handlers: they answer the requests of a listener's clients.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use same_origin::proxy::{Body, Peer};

use super::BoxError;

/// Answers the requests of a listener's clients. Each function of this form is one.
pub trait Handler: Clone + Send + 'static {
    type Body: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static;
    type Future: Future<Output = Response<Self::Body>> + Send + 'static;

    /// Answers a request of `peer`.
    fn answer(&self, peer: &Peer, request: Request<Body>) -> Self::Future;
}

impl<H, F, B> Handler for H
where
    H: Fn(&Peer, Request<Body>) -> F + Clone + Send + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    type Body = B;
    type Future = F;

    fn answer(&self, peer: &Peer, request: Request<Body>) -> F {
        self(peer, request)
    }
}

/// A handler of any kind, behind a pointer.
///
/// hyper's servers are compiled for each type of handler. The gateway has one of its own, whose answers are not
/// boxed; for all others, which are asked less, one is enough.
#[derive(Clone)]
pub struct AnyHandler(Arc<Answer>);

type Answer = dyn Fn(&Peer, Request<Body>) -> BoxFuture<'static, Response<Body>> + Send + Sync;

impl AnyHandler {
    pub fn new(handler: impl Handler + Sync) -> Self {
        Self(Arc::new(move |peer, request| {
            let answer = handler.answer(peer, request);
            answer.map(|response| response.map(Body::new)).boxed()
        }))
    }
}

impl Handler for AnyHandler {
    type Body = Body;
    type Future = BoxFuture<'static, Response<Body>>;

    fn answer(&self, peer: &Peer, request: Request<Body>) -> Self::Future {
        self.0(peer, request)
    }
}
