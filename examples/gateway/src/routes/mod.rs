//! The choice of the route that answers a request: the longest prefix wins.

mod layered;
mod open_files;
mod prefixes;

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::{BoxFuture, Either, FutureExt};
use http::header::{self, ACCESS_CONTROL_REQUEST_METHOD};
use http::{HeaderValue, Method, Request, Response, StatusCode};
pub use layered::{Around, Layered};
use open_files::OpenFiles;
use prefixes::Prefixes;
use same_origin::cache::Cached;
use same_origin::proxy::{Body, Client, ClientAddr, Peer, ReverseProxy, ServiceTransport};
use tower::Service;

use crate::answer::{not_found, refused, text};
use crate::compress::Encoders;
use crate::edge::{Arrival, outer_prefix};
use crate::files::{Files, OuterPrefix};
use crate::observe::{AccessLog, Asked, ObservedBody, Observer, RefusalLog, RouteMetrics};
use crate::server::head;
use crate::server::limits::Limits;

/// The routes, and what answers when none matches.
pub struct Table {
    prefixes: Prefixes,
    /// The routes in the order of their prefixes. Those that stay the same are shared with the table before this one,
    /// and with the one after it.
    routes: Vec<Arc<Route>>,
    none: Layered<NoRoute>,
    limits: Limits,
    counts: Counts,
    /// The observers in the order of the routes, with the one for requests that match none at the end.
    observers: Vec<Arc<Observer>>,
    /// The logs of refusals in the same order.
    refusals: Vec<RefusalLog>,
}

/// All that is counted over the routes, and goes on in the table that comes after this one.
#[derive(Clone)]
pub struct Counts {
    files: OpenFiles,
    encoders: Encoders,
}

/// A proxy with a cache before its upstream.
type CachedProxy = ReverseProxy<ServiceTransport<Cached<Client>>>;

/// The service that answers below a prefix.
pub enum Route {
    Proxy(Layered<ReverseProxy>),
    /// With a cache between the proxy and its upstream.
    Cached(Box<Layered<CachedProxy>>),
    /// Boxed, because it is the larger one by far.
    Files(Box<Layered<Files>>),
}

impl Route {
    /// The layers around its service.
    pub fn around(&self) -> &Around {
        match self {
            Self::Proxy(proxy) => proxy.around(),
            Self::Cached(proxy) => proxy.around(),
            Self::Files(files) => files.around(),
        }
    }

    /// Whether it may need an encoder for an answer.
    fn may_compress(&self) -> bool {
        match self {
            Self::Files(_) => true,
            Self::Proxy(_) | Self::Cached(_) => self.around().compress.is_some(),
        }
    }
}

impl Counts {
    fn new(limits: &Limits) -> Self {
        Self {
            files: OpenFiles::new(limits),
            encoders: Encoders::new(limits),
        }
    }

    fn limit(&self, limits: &Limits) {
        self.files.limit(limits);
        self.encoders.limit(limits);
    }
}

impl Table {
    /// `around` is for requests that match no route, so that a page can read their 404.
    pub fn new(mut routes: Vec<(Box<str>, Arc<Route>)>, around: Around, limits: Limits) -> Self {
        for (prefix, _) in &mut routes {
            *prefix = prefix.trim_end_matches('/').into();
        }
        routes.sort_by(|(one, _), (other, _)| one.cmp(other));
        let (prefixes, routes) = routes.into_iter().unzip();
        let routes: Vec<Arc<Route>> = routes;
        let prefixes = Prefixes::new(prefixes);
        Self {
            observers: vec![Arc::default(); routes.len() + 1],
            refusals: names(&prefixes).map(RefusalLog::new).collect(),
            prefixes,
            routes,
            none: Layered::new(NoRoute, around),
            limits,
            counts: Counts::new(&limits),
        }
    }

    /// The counts, which the table that comes after this one counts on.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// With other limits than the configured ones, and with the counts of the table before.
    pub fn limited(self, limits: Limits, counts: Option<&Counts>) -> Self {
        let counts = match counts {
            Some(counts) => {
                counts.limit(&limits);
                counts.clone()
            }
            None => Counts::new(&limits),
        };
        Self {
            limits,
            counts,
            ..self
        }
    }

    /// With a log of its requests, and with their metrics.
    pub fn observed(mut self, log: Option<&Arc<AccessLog>>, metrics: bool) -> Self {
        let observers = names(&self.prefixes).enumerate().map(|(index, route)| {
            let around = self.around(Some(index).filter(|index| *index < self.routes.len()));
            Arc::new(Observer {
                has_cors: around.cors.is_some(),
                log: log.cloned(),
                metrics: metrics.then(|| Arc::new(RouteMetrics::new(route))),
                route: route.into(),
            })
        });
        self.observers = observers.collect();
        self
    }

    /// The number of routes.
    pub fn len(&self) -> usize {
        self.routes.len()
    }

    /// The answer to a request of `peer`, under the eyes of who looks at it.
    pub fn answer(
        &self,
        peer: &Peer,
        mut request: Request<Body>,
    ) -> impl Future<Output = Response<ObservedBody>> + Send + 'static + use<> {
        let index = self.prefixes.longest(request.uri().path());
        let around = self.around(index);
        let arrival = around
            .edge
            .arrive(peer, &around.trusted_proxies, &mut request);
        let observer = &self.observers[index.unwrap_or(self.routes.len())];
        let mut observation = observer.begin(&arrival, &request);
        let answer = self.answer_by(index, peer, &arrival, request);
        answer.map(move |response| {
            let (mut head, body) = response.into_parts();
            arrival.give(&mut head.headers);
            if let Some(observation) = &mut observation {
                observation.answered(&head);
            }
            Response::from_parts(head, ObservedBody::new(body, observation))
        })
    }

    /// The layers around the answers of a route, or of none.
    fn around(&self, index: Option<usize>) -> &Around {
        index.map_or(self.none.around(), |index| self.routes[index].around())
    }

    /// The answer of a route. The future borrows nothing, and is not boxed once more for a proxy.
    fn answer_by(
        &self,
        index: Option<usize>,
        peer: &Peer,
        arrival: &Arrival,
        mut request: Request<Body>,
    ) -> impl Future<Output = Response<Body>> + Send + 'static + use<> {
        let around = self.around(index);
        let refusals = &self.refusals[index.unwrap_or(self.routes.len())];
        let asked = |request| refusals.asked(request, arrival.id.as_ref());
        let known = around
            .edge
            .refusal(arrival.client, &request, around.cors.is_some())
            .or_else(|| head::refusal(&request, &self.limits).map(refusal))
            .or_else(|| options(&request));
        if let Some(known) = known {
            asked(&request).answered(&known);
            // A preflight would be answered by the policy, whatever is wrong with it.
            if is_preflight(&request) {
                return Either::Right(ready(known).boxed());
            }
            return Either::Right(around.answer(known, request).boxed());
        }
        let route = index.map(|index| &*self.routes[index]);
        if route.is_some_and(Route::may_compress) {
            let claim = self.counts.encoders.claim(arrival.client.ip());
            request.extensions_mut().insert(claim);
        }
        // RFC 9110 9.3.7: this is about the server as a whole, which can do what its routes can.
        if *request.method() == Method::OPTIONS && request.uri().path() == "*" {
            let mut known = Response::new(Body::empty());
            *known.status_mut() = StatusCode::NO_CONTENT;
            return Either::Right(self.none.answer_with(known, peer, request).boxed());
        }
        let has_origin = || request.headers().contains_key(header::ORIGIN);
        if is_preflight(&request) && around.cors.is_some() && has_origin() {
            return Either::Right(self.preflight(route, peer, request));
        }
        match route {
            Some(Route::Proxy(proxy)) => Either::Left(proxy.answer(peer, request)),
            Some(Route::Cached(proxy)) => Either::Right(proxy.answer(peer, request).boxed()),
            Some(Route::Files(files)) => {
                let asked = asked(&request);
                Either::Right(self.file(files, peer, asked, request))
            }
            None => {
                let asked = asked(&request);
                let answer = self.none.answer(peer, request);
                Either::Right(answer.inspect(move |found| asked.answered(found)).boxed())
            }
        }
    }

    /// The answer of a route's policy.
    fn preflight(
        &self,
        route: Option<&Route>,
        peer: &Peer,
        request: Request<Body>,
    ) -> BoxFuture<'static, Response<Body>> {
        match route {
            Some(Route::Proxy(proxy)) => proxy.preflight(peer, request).boxed(),
            Some(Route::Cached(proxy)) => proxy.preflight(peer, request).boxed(),
            Some(Route::Files(files)) => files.preflight(peer, request).boxed(),
            None => self.none.preflight(peer, request).boxed(),
        }
    }

    /// The answer of a route of files, which takes a place among the open ones until it is sent.
    fn file(
        &self,
        files: &Layered<Files>,
        peer: &Peer,
        asked: Asked,
        mut request: Request<Body>,
    ) -> BoxFuture<'static, Response<Body>> {
        let around = files.around();
        let client = ClientAddr::derive(peer, request.headers(), &around.trusted_proxies);
        let place = match self.counts.files.take(client.ip()) {
            Ok(place) => place,
            Err(status) => {
                let known = refusal(status);
                asked.answered(&known);
                return around.answer(known, request).boxed();
            }
        };
        let sent = |body| match http_body::Body::is_end_stream(&body) {
            true => body,
            false => Body::new(place.until_sent(body)),
        };
        let outer = outer_prefix(peer, &around.trusted_proxies, request.headers());
        if !outer.is_empty() {
            let outer = OuterPrefix::new(outer);
            request.extensions_mut().insert(outer);
        }
        let answer = files.answer(peer, request);
        answer
            .map(move |found| {
                asked.answered(&found);
                found.map(sent)
            })
            .boxed()
    }
}

/// The names of routes in logs, and after them that of requests that no route answers.
fn names(prefixes: &Prefixes) -> impl Iterator<Item = &str> {
    let names = prefixes.texts().map(|prefix| match prefix {
        "" => "/",
        prefix => prefix,
    });
    names.chain(["none"])
}

/// The answer to what is above a limit.
fn refusal(status: StatusCode) -> Response<Body> {
    let reason = status.canonical_reason().unwrap_or("Error");
    text(status, format!("{reason}\n"))
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

/// The refusal of an OPTIONS in which no policy has a say. Preflights are answered by a policy alone, so
/// that what is refused has to be refused before it.
fn options<B>(request: &Request<B>) -> Option<Response<Body>> {
    if *request.method() != Method::OPTIONS {
        return None;
    }
    let is_judged = request.uri().path() == "*" || is_preflight(request);
    let mut refused = is_judged.then(|| refused(request))??;
    // As the policy's own answers to a preflight: caches that keep it are told on what it hangs.
    let vary = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers";
    let vary = HeaderValue::from_static(vary);
    refused.headers_mut().insert(header::VARY, vary);
    Some(refused)
}

fn is_preflight<B>(request: &Request<B>) -> bool {
    *request.method() == Method::OPTIONS
        && request
            .headers()
            .contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}
