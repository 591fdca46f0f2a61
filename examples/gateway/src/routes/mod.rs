//! Which route answers a request: the longest prefix wins.

use crate::files::Files;
mod prefixes;
mod with_cors;

use crate::answer::{not_found, refused};
use futures_util::future::{Either, FutureExt};
use http::header::ACCESS_CONTROL_REQUEST_METHOD;
use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use prefixes::Prefixes;
use same_origin::cors::CorsLayer;
use same_origin::proxy::{Body, Peer, ReverseProxy};
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};
use tower::Service;
pub use with_cors::WithCors;

/// The routes, and what answers when none matches.
pub struct Table {
    prefixes: Prefixes,
    /// In the order of their prefixes.
    routes: Vec<Route>,
    none: WithCors<NoRoute>,
}

/// What answers below a prefix.
pub enum Route {
    Proxy(WithCors<ReverseProxy>),
    /// Boxed, because it is the larger one by far.
    Files(Box<WithCors<Files>>),
}

impl Table {
    /// `cors` is for requests that match no route, so that a page can read their 404.
    pub fn new(mut routes: Vec<(Box<str>, Route)>, cors: Option<&CorsLayer>) -> Self {
        for (prefix, _) in &mut routes {
            *prefix = prefix.trim_end_matches('/').into();
        }
        routes.sort_by(|(one, _), (other, _)| one.cmp(other));
        let (prefixes, routes) = routes.into_iter().unzip();
        Self {
            prefixes: Prefixes::new(prefixes),
            routes,
            none: WithCors::new(NoRoute, cors),
        }
    }

    /// The answer to a request of `peer`. What it gives back borrows nothing, and is not boxed once more
    /// for a proxy.
    pub fn answer(
        &self,
        peer: &Peer,
        request: Request<Incoming>,
    ) -> impl Future<Output = Response<Body>> + Send + 'static + use<> {
        if *request.method() == Method::OPTIONS {
            if let Some(response) = options(&request) {
                return Either::Right(ready(response).boxed());
            }
        }
        let covering = self.prefixes.longest(request.uri().path());
        match covering.map(|index| &self.routes[index]) {
            Some(Route::Proxy(proxy)) => Either::Left(proxy.forward(peer, request)),
            Some(Route::Files(files)) => Either::Right(files.answer(request)),
            None => Either::Right(self.none.answer(request)),
        }
    }
}

/// Answers what no route matches.
#[derive(Clone, Copy)]
pub struct NoRoute;

impl<B> Service<Request<B>> for NoRoute {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        ready(Ok(refused(&request).unwrap_or_else(not_found)))
    }
}

/// The answer to an OPTIONS in which no policy has a say. Preflights are answered by a policy alone, so
/// that what is refused has to be refused before it.
fn options<B>(request: &Request<B>) -> Option<Response<Body>> {
    let is_of_all = request.uri().path() == "*";
    let is_preflight = request
        .headers()
        .contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    let refused = (is_of_all || is_preflight).then(|| refused(request))?;
    // RFC 9110 9.3.7: this is about the server as a whole, which can do what its routes can.
    let can_do = || {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        response
    };
    refused.or_else(|| is_of_all.then(can_do))
}
