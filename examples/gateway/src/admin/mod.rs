//! The admin listener: whether the gateway lives and is ready, its metrics, and purges of the caches.
//!
//! It is a listener of its own, on loopback in every example, because whoever reaches it may empty the caches and
//! read what is asked of whom. It speaks plain HTTP and serves no page. Pages in a browser on the same machine
//! reach loopback, too, so that our own guard stands before it: a purge that another site's page asks for is
//! refused, and on loopback so is every host but `localhost` and its addresses: a page might have rebound a name to it.

mod caches;
mod health;
mod upstreams;

use std::net::IpAddr;
use std::sync::Arc;

pub use caches::{CachedRoute, Caches};
pub use health::Health;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HOST};
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode, Version};
use same_origin::guard::{Guard, GuardErrors};
use same_origin::proxy::Body;
pub use upstreams::{Probe, RouteUpstream, Upstreams};

use crate::answer::{not_found, text};
use crate::live::Live;
use crate::observe::Metrics;

/// The state from which the admin listener answers.
#[derive(Clone)]
pub struct Admin {
    pub health: Arc<Health>,
    pub live: Arc<Live>,
    pub metrics: Metrics,
    pub guard: Guard,
}

/// The guard of a listener on this address.
///
/// # Errors
///
/// None is expected: the settings are ours.
pub fn guard(address: IpAddr) -> Result<Guard, GuardErrors> {
    let guard = Guard::builder();
    // `[::ffff:127.0.0.1]` is loopback.
    if !address.to_canonical().is_loopback() {
        // Names of services lead here.
        return guard.build();
    }
    let own = match address {
        IpAddr::V4(address) => address.to_string(),
        // As URLs write it, which have no dots in an address of IPv6.
        IpAddr::V6(address) if address.to_ipv4_mapped().is_some() => {
            let [.., high, low] = address.segments();
            format!("[::ffff:{high:x}:{low:x}]")
        }
        IpAddr::V6(address) => format!("[{address}]"),
    };
    let mut hosts = vec![
        "localhost".to_owned(),
        "127.0.0.1".to_owned(),
        "[::1]".to_owned(),
    ];
    if !hosts.contains(&own) {
        hosts.push(own);
    }
    guard.hosts(hosts).build()
}

impl Admin {
    pub async fn answer<B>(self, request: Request<B>) -> Response<Body> {
        let request = request.into_parts().0;
        let refusal = self.guard.judge(&request).refusal();
        let mut response = match refusal.filter(|_| !is_plain_check(&request)) {
            Some(refusal) => text(refusal.status(), format!("{refusal}\n")),
            None => self.answer_to(&request).await,
        };
        // A question that is asked twice has two answers.
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if request.method == Method::HEAD {
            return response.map(|_content| Body::empty());
        }
        response
    }

    async fn answer_to(&self, request: &Parts) -> Response<Body> {
        let is_read = matches!(request.method, Method::GET | Method::HEAD);
        // HAProxy asks by OPTIONS where its `option httpchk` names no method, and looks at the status.
        let is_check = request.method == Method::OPTIONS && is_plain_check(request);
        match request.uri.path() {
            "/livez" | "/readyz" if !is_read && !is_check => not_allowed("GET, HEAD"),
            "/metrics" if !is_read => not_allowed("GET, HEAD"),
            "/livez" => text(StatusCode::OK, "ok\n"),
            "/readyz" => self.ready().await,
            "/metrics" => self.metrics(),
            "/purge" => self.purge(request).await,
            _ => not_found(),
        }
    }

    async fn ready(&self) -> Response<Body> {
        if let Some(why) = self.health.why_not_ready() {
            return text(StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n"));
        }
        let served = self.live.owned();
        let silent = served.upstreams.silent().await;
        if silent.is_empty() {
            return text(StatusCode::OK, "ok\n");
        }
        let line = |route: &String| format!("the upstream of {route} does not answer\n");
        let why: String = silent.iter().map(line).collect();
        text(StatusCode::SERVICE_UNAVAILABLE, why)
    }

    fn metrics(&self) -> Response<Body> {
        let now = self.live.now();
        let tunnels = now.kept.tunnels.count();
        let metrics = self.metrics.render(&now.caches, &now.upstreams, tunnels);
        let mut response = text(StatusCode::OK, metrics);
        let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
        response.headers_mut().insert(CONTENT_TYPE, kind);
        response
    }

    async fn purge(&self, request: &Parts) -> Response<Body> {
        if request.method != Method::POST {
            return not_allowed("POST");
        }
        let query = request.uri.query().unwrap_or_default();
        let caches = self.live.now().caches.clone();
        match caches.purge(query).await {
            Ok(()) => {
                let mut response = Response::new(Body::empty());
                *response.status_mut() = StatusCode::NO_CONTENT;
                response
            }
            Err(why) => text(StatusCode::BAD_REQUEST, format!("{why}\n")),
        }
    }
}

/// Whether a balancer asks as HAProxy's `option httpchk` does: by HTTP/1.0, which knows no `Host` (RFC 9112 3.2). No
/// browser sends such a request, so that a page cannot have rebound a name.
fn is_plain_check(request: &Parts) -> bool {
    request.version < Version::HTTP_11
        && matches!(request.method, Method::GET | Method::HEAD | Method::OPTIONS)
        && request.uri.authority().is_none()
        && !request.headers.contains_key(HOST)
}

/// RFC 9110 15.5.6: with the methods that would do.
fn not_allowed(methods: &'static str) -> Response<Body> {
    let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "method not allowed\n");
    let methods = HeaderValue::from_static(methods);
    response.headers_mut().insert(ALLOW, methods);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A page can have a name of its own lead to loopback, in whichever form this one is written.
    #[test]
    fn names_that_are_not_its_own_do_not_lead_to_loopback() {
        for (address, host, is_answered) in [
            ("127.0.0.1", "rebound.example", false),
            ("127.0.0.1", "localhost:9090", true),
            ("::1", "rebound.example", false),
            ("::1", "[::1]", true),
            ("::ffff:127.0.0.1", "rebound.example", false),
            ("::ffff:127.0.0.1", "127.0.0.1", true),
            ("::ffff:127.0.0.1", "[::ffff:127.0.0.1]", true),
            ("::ffff:127.0.0.1", "[::ffff:7f00:1]:9090", true),
            ("10.0.0.1", "gateway.internal", true),
        ] {
            let request = Request::get("/livez")
                .header("host", host)
                .body(())
                .unwrap();
            let verdict = guard(address.parse().unwrap())
                .unwrap()
                .judge(&request.into_parts().0);
            assert_eq!(verdict.refusal().is_none(), is_answered, "{address} {host}");
        }
    }
}
