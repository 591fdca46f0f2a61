//! A service under a CORS policy, or without one.

use bytes::Bytes;
use futures_util::future::{BoxFuture, Either, FutureExt};
use http::{Method, Request, Response};
use hyper::body::Incoming;
use same_origin::cors::CorsLayer;
use same_origin::proxy::{Body, Peer, ReverseProxy};
use std::convert::Infallible;
use std::future::ready;
use tower::{Layer, Service, ServiceExt, service_fn};

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

    pub fn cors(&self) -> Option<&CorsLayer> {
        self.cors.as_ref()
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

/// An answer that is known already, as readable for a page as any other.
pub fn answer_with(
    cors: Option<&CorsLayer>,
    answer: Response<Body>,
    request: Request<Incoming>,
) -> BoxFuture<'static, Response<Body>> {
    let Some(cors) = cors else {
        return ready(answer).boxed();
    };
    let mut answer = Some(answer);
    let known = service_fn(move |_| ready(Ok(answer.take().unwrap_or_default())));
    let answered = cors.layer(known).oneshot(request);
    Box::pin(async move {
        let Ok::<_, Infallible>(response) = answered.await;
        response
    })
}

impl<C, CB> WithCors<ReverseProxy<C>>
where
    C: Service<Request<Body>, Response = Response<CB>> + Clone + Send + 'static,
    C::Future: Send,
    C::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    CB: http_body::Body<Data = Bytes> + Send + 'static,
    CB::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    /// The route that matters for speed: no clone of the proxy, no box around its future, no
    /// extension for the peer.
    pub fn forward(
        &self,
        peer: &Peer,
        request: Request<Incoming>,
    ) -> impl Future<Output = Response<Body>> + Send + 'static + use<C, CB> {
        let Some(cors) = &self.cors else {
            return Either::Left(self.service.respond(peer, request));
        };
        let forward = service_fn(|request| self.service.respond(peer, request).map(Ok));
        Either::Right(cors.layer(forward).call(request).map(|answered| {
            let Ok::<_, Infallible>(response) = answered;
            response
        }))
    }
}
