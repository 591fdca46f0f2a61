//! A service under a CORS policy, or without one.

use futures_util::future::{BoxFuture, Either, FutureExt};
use http::{Method, Request, Response};
use hyper::body::Incoming;
use same_origin::cors::CorsLayer;
use same_origin::proxy::{Body, Peer, ReverseProxy};
use std::convert::Infallible;
use tower::{Layer, Service, ServiceExt};

/// A service, under a CORS policy or not.
pub struct WithCors<S> {
    service: S,
    cors: Option<CorsLayer>,
}

impl<S> WithCors<S> {
    pub fn new(service: S, cors: Option<&CorsLayer>) -> Self {
        Self {
            service,
            cors: cors.cloned(),
        }
    }

    pub fn answer(&self, request: Request<Incoming>) -> BoxFuture<'static, Response<Body>>
    where
        S: Service<Request<Incoming>, Response = Response<Body>, Error = Infallible>,
        S: Clone + Send + 'static,
        S::Future: Send,
    {
        let service = self.service.clone();
        let cors = self.cors.clone();
        let is_head = *request.method() == Method::HEAD;
        Box::pin(async move {
            let Ok(response) = match cors {
                None => service.oneshot(request).await,
                Some(cors) => cors.layer(service).oneshot(request).await,
            };
            // RFC 9110 9.3.2: no content, which over HTTP/2 nobody else takes away.
            if is_head {
                return response.map(|_content| Body::empty());
            }
            response
        })
    }
}

impl WithCors<ReverseProxy> {
    /// The route that matters for speed: no box around the proxy's future.
    pub fn forward(
        &self,
        peer: &Peer,
        mut request: Request<Incoming>,
    ) -> impl Future<Output = Response<Body>> + Send + 'static + use<> {
        request.extensions_mut().insert(peer.clone());
        let mut proxy = self.service.clone();
        let answered = match &self.cors {
            None => Either::Left(proxy.call(request)),
            Some(cors) => Either::Right(cors.layer(proxy).call(request)),
        };
        answered.map(|answered| {
            let Ok::<_, Infallible>(response) = answered;
            response
        })
    }
}
