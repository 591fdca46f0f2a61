//! A service under what lies around it: CORS, inside of it the guard, and inside of that compression.

use std::convert::Infallible;
use std::future::ready;
use std::sync::Arc;

use futures_util::future::{Either as EitherFuture, FutureExt};
use http::request::Parts;
use http::{Method, Request, Response};
use ipnet::IpNet;
use same_origin::cors::{Cors, CorsLayer};
use same_origin::guard::{Guard, GuardError, GuardLayer, GuardService, OwnOrigin};
use same_origin::proxy::{Body, Peer};
use tower::util::{Either, option_layer};
use tower::{Layer, Service, service_fn};

use crate::answer::text;
use crate::compress::{CompressLayer, Compressed};
use crate::edge::{Edge, request_id};

type Page = fn(&GuardError, &Parts) -> Response<Body>;
type Inner<S> = Either<Compressed<S>, S>;
type Guarded<S> = Either<GuardService<S, Page>, S>;
type WithCors<S> = Either<Cors<S>, S>;

/// The layers around the services of a route.
#[derive(Clone, Default)]
pub struct Around {
    pub cors: Option<CorsLayer>,
    pub guard: Option<Guard>,
    /// The layer that compresses the answers; files do it by themselves.
    pub compress: Option<CompressLayer>,
    /// The checks and additions before all of that.
    pub edge: Edge,
    /// The name of the route, for the log.
    pub route: Arc<str>,
    /// Peers whose word on the public scheme and authority is taken.
    pub trusted_proxies: Arc<[IpNet]>,
}

/// A service of a route, with all that lies around it.
///
/// CORS is outermost: it answers preflights, which bear no credentials and are nobody's action, and lets allowed
/// pages read what the guard refuses.
pub struct Layered<S> {
    service: WithCors<Guarded<Inner<S>>>,
    guard: Option<GuardLayer<Page>>,
    around: Around,
}

impl<S> Layered<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send,
{
    pub fn new(service: S, around: Around) -> Self {
        let guard = around.guard.clone().map(|guard| {
            let id = around.edge.ids.then_some(request_id::NAME);
            GuardLayer::_of_route(guard, &around.route, id).page(page as Page)
        });
        let service = option_layer(around.compress).layer(service);
        let guarded = option_layer(guard.clone()).layer(service);
        let service = option_layer(around.cors.clone()).layer(guarded);
        Self {
            service,
            guard,
            around,
        }
    }

    /// The answer to a request of `peer`. Nothing of it is boxed for a proxy.
    pub fn answer(
        &self,
        peer: &Peer,
        mut request: Request<Body>,
    ) -> impl Future<Output = Response<Body>> + Send + 'static + use<S> {
        self.introduce(peer, &mut request);
        let is_head = *request.method() == Method::HEAD;
        // All of these services are always ready.
        self.service.clone().call(request).map(move |answered| {
            let Ok::<_, Infallible>(response) = answered;
            // RFC 9110 9.3.2: no content, which over HTTP/2 nobody else takes away.
            if is_head {
                return response.map(|_content| Body::empty());
            }
            response
        })
    }

    /// The answer to a preflight, which CORS gives without the guard: so that the guard stands before it, too. It
    /// lets each preflight through whose host is answered, as the method is safe.
    pub fn preflight(
        &self,
        peer: &Peer,
        mut request: Request<Body>,
    ) -> impl Future<Output = Response<Body>> + Send + 'static + use<S> {
        self.introduce(peer, &mut request);
        let mut guarded = option_layer(self.guard.clone()).layer(self.service.clone());
        guarded.call(request).map(|answered| {
            let Ok::<_, Infallible>(response) = answered;
            response
        })
    }

    /// An answer that is known already, to who names a host that is answered.
    pub fn answer_with(
        &self,
        known: Response<Body>,
        peer: &Peer,
        mut request: Request<Body>,
    ) -> impl Future<Output = Response<Body>> + Send + 'static + use<S> {
        self.introduce(peer, &mut request);
        let mut known = Some(known);
        let known = service_fn(move |_: Request<Body>| {
            ready(Ok::<_, Infallible>(known.take().unwrap_or_default()))
        });
        let answered = option_layer(self.guard.clone()).layer(known).call(request);
        answered.map(|answered| {
            let Ok::<_, Infallible>(response) = answered;
            response
        })
    }

    /// Tells the layers who asks.
    fn introduce(&self, peer: &Peer, request: &mut Request<Body>) {
        // Said by a trusted peer alone: anybody can send the fields.
        if self.around.guard.is_some() && self.trusts(peer) {
            let own = OwnOrigin::forwarded(request.headers(), peer.is_secure());
            request.extensions_mut().insert(own);
        }
        request.extensions_mut().insert(peer.clone());
    }

    fn trusts(&self, peer: &Peer) -> bool {
        let networks = self.around.trusted_proxies.iter();
        let ip = peer.ip().to_canonical();
        networks.into_iter().any(|network| network.contains(&ip))
    }

    pub fn around(&self) -> &Around {
        &self.around
    }
}

impl Around {
    /// An answer that is known already, as readable for a page as any other.
    pub fn answer(
        &self,
        answer: Response<Body>,
        request: Request<Body>,
    ) -> impl Future<Output = Response<Body>> + Send + 'static + use<> {
        let Some(cors) = &self.cors else {
            return EitherFuture::Left(ready(answer));
        };
        let mut answer = Some(answer);
        let known = service_fn(move |_| ready(Ok(answer.take().unwrap_or_default())));
        EitherFuture::Right(cors.layer(known).call(request).map(|answered| {
            let Ok::<_, Infallible>(response) = answered;
            response
        }))
    }
}

/// The page of a refusal: its status in words. The reason is in the log, and not for a stranger.
fn page(error: &GuardError, _: &Parts) -> Response<Body> {
    let reason = error.status().canonical_reason().unwrap_or("Forbidden");
    text(error.status(), format!("{reason}\n"))
}
