//! Which route answers a request: the longest prefix wins.

use crate::files::Files;
use crate::refused::refused;
use futures_util::future::{BoxFuture, Either, FutureExt};
use http::header::ACCESS_CONTROL_REQUEST_METHOD;
use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use same_origin::cors::CorsLayer;
use same_origin::proxy::{Body, Peer, ReverseProxy};
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};
use tower::{Layer, Service, ServiceExt, service_fn};

/// The routes, and what answers when none matches.
pub struct Table {
    prefixes: Prefixes,
    /// In the order of their prefixes.
    routes: Vec<Route>,
    none: Guarded<NoRoute>,
}

/// What answers below a prefix.
pub enum Route {
    Proxy(Guarded<ReverseProxy>),
    /// Boxed, because it is the larger one by far.
    Files(Box<Guarded<Files>>),
}

/// A service, under a CORS policy or not.
pub struct Guarded<S> {
    service: S,
    cors: Option<CorsLayer>,
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
            none: Guarded::new(NoRoute, cors),
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

/// Prefixes in order, so that a path finds its own among a thousand by ten comparisons.
struct Prefixes {
    sorted: Vec<Prefix>,
}

struct Prefix {
    /// Without a trailing slash.
    text: Box<str>,
    /// Where the longest of the others is that this one begins with.
    outer: Option<usize>,
}

impl Prefixes {
    fn new(sorted: Vec<Box<str>>) -> Self {
        let mut prefixes: Vec<Prefix> = Vec::with_capacity(sorted.len());
        for text in sorted {
            let mut outer = prefixes.len().checked_sub(1);
            while let Some(index) = outer.filter(|index| !text.starts_with(&*prefixes[*index].text))
            {
                outer = prefixes[index].outer;
            }
            prefixes.push(Prefix { text, outer });
        }
        Self { sorted: prefixes }
    }

    /// The longest that covers a path. It is what comes before the path in the order, or what that
    /// begins with: nothing between a prefix and the path begins otherwise.
    fn longest(&self, path: &str) -> Option<usize> {
        let after = self
            .sorted
            .partition_point(|prefix| prefix.text.is_empty() || &*prefix.text <= path);
        let mut candidate = after.checked_sub(1);
        while let Some(index) = candidate.filter(|index| !covers(&self.sorted[*index].text, path)) {
            candidate = self.sorted[index].outer;
        }
        candidate
    }
}

/// Whether a path is the prefix (without a trailing slash) or below it.
fn covers(prefix: &str, path: &str) -> bool {
    // The root's is not compared: it is empty and so at no address, where memcmp takes 40 ns to look.
    let rest = if prefix.is_empty() {
        Some(path)
    } else {
        path.strip_prefix(prefix)
    };
    rest.is_some_and(|rest| rest.starts_with('/') || rest.is_empty() && !path.is_empty())
}

impl<S> Guarded<S> {
    pub fn new(service: S, cors: Option<&CorsLayer>) -> Self {
        Self {
            service,
            cors: cors.cloned(),
        }
    }

    fn answer(&self, request: Request<Incoming>) -> BoxFuture<'static, Response<Body>>
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

impl Guarded<ReverseProxy> {
    /// The route that matters for speed: no clone of the proxy, no box around its future, no
    /// extension for the peer.
    fn forward(
        &self,
        peer: &Peer,
        request: Request<Incoming>,
    ) -> impl Future<Output = Response<Body>> + Send + 'static + use<> {
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

pub fn not_found() -> Response<Body> {
    text(StatusCode::NOT_FOUND, "not found\n")
}

pub fn text(status: StatusCode, body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let kind = http::HeaderValue::from_static("text/plain; charset=utf-8");
    response
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, kind);
    response
}

#[cfg(test)]
mod tests {
    use super::{Prefixes, covers};

    #[test]
    fn the_longest_prefix_that_covers_a_path_is_found() {
        let texts = [
            "", "/a", "/a-b", "/a/b", "/a/b/c", "/ab", "/b", "/b/c/d", "/a.b", "/a/b-c",
        ];
        for kept in 0..1_u32 << texts.len() {
            let mut sorted: Vec<Box<str>> = (0..texts.len())
                .filter(|index| kept & (1 << index) != 0)
                .map(|index| texts[index].into())
                .collect();
            sorted.sort();
            let prefixes = Prefixes::new(sorted.clone());
            for path in [
                "/", "/a", "/a/", "/a/b", "/a/b/c/d", "/a-b", "/a-b/c", "/a-c/d", "/abc", "/ab/c",
                "/b/c", "/b/c/d/e", "/a.b/c", "/a!", "/z", "*", "", "/a/b-c", "/a/b-d", "/a/b.c/d",
            ] {
                let wanted = sorted.iter().filter(|prefix| covers(prefix, path));
                let wanted = wanted.max_by_key(|prefix| prefix.len());
                let found = prefixes.longest(path).map(|index| &sorted[index]);
                assert_eq!(found, wanted, "{path} among {sorted:?}");
            }
        }
    }

    #[test]
    fn a_prefix_covers_whole_segments() {
        for (prefix, path, covered) in [
            ("/api", "/api", true),
            ("/api", "/api/", true),
            ("/api", "/api/x", true),
            ("/api", "/apix", false),
            ("/api", "/api%2Fx", false),
            ("/api", "/API/x", false),
            ("/api", "/", false),
            ("", "/", true),
            ("", "/anything", true),
            ("", "*", false),
            ("", "", false), // CONNECT
        ] {
            assert_eq!(covers(prefix, path), covered, "{path} under {prefix:?}");
        }
    }
}
