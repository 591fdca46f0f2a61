//! The admin listener: whether the gateway lives and is ready, its metrics, and purges of the caches.
//!
//! It is a listener of its own, on loopback in every example, because whoever reaches it may empty the caches and
//! read what is asked of whom. It speaks plain HTTP and serves no page.

mod caches;
mod health;

pub use caches::{CachedRoute, Caches};
pub use health::Health;

use crate::answer::{not_found, text};
use crate::live::Live;
use crate::observe::Metrics;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use same_origin::proxy::Body;
use std::sync::Arc;

/// What the admin listener answers from.
#[derive(Clone)]
pub struct Admin {
    pub health: Arc<Health>,
    pub live: Arc<Live>,
    pub metrics: Metrics,
}

impl Admin {
    pub fn answer<B>(&self, request: &Request<B>) -> Response<Body> {
        let mut response = match request.uri().path() {
            "/livez" => read(request, || text(StatusCode::OK, "ok\n")),
            "/readyz" => read(request, || self.ready()),
            "/metrics" => read(request, || self.metrics()),
            "/purge" => self.purge(request),
            _ => not_found(),
        };
        // What is asked twice has two answers.
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if *request.method() == Method::HEAD {
            return response.map(|_content| Body::empty());
        }
        response
    }

    fn ready(&self) -> Response<Body> {
        match self.health.why_not_ready() {
            None => text(StatusCode::OK, "ok\n"),
            Some(why) => text(StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")),
        }
    }

    fn metrics(&self) -> Response<Body> {
        let mut response = text(StatusCode::OK, self.metrics.render(&self.live.now().caches));
        let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
        response.headers_mut().insert(CONTENT_TYPE, kind);
        response
    }

    fn purge<B>(&self, request: &Request<B>) -> Response<Body> {
        if *request.method() != Method::POST {
            return not_allowed("POST");
        }
        let query = request.uri().query().unwrap_or_default();
        match self.live.now().caches.purge(query) {
            Ok(()) => {
                let mut response = Response::new(Body::empty());
                *response.status_mut() = StatusCode::NO_CONTENT;
                response
            }
            Err(why) => text(StatusCode::BAD_REQUEST, format!("{why}\n")),
        }
    }
}

/// What may be read only.
fn read<B>(request: &Request<B>, answer: impl FnOnce() -> Response<Body>) -> Response<Body> {
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return answer();
    }
    not_allowed("GET, HEAD")
}

/// RFC 9110 15.5.6: with the methods that would do.
fn not_allowed(methods: &'static str) -> Response<Body> {
    let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "method not allowed\n");
    let methods = HeaderValue::from_static(methods);
    response.headers_mut().insert(ALLOW, methods);
    response
}
