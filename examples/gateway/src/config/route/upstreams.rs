//! Upstreams as the admin listener sees them: their connections, and whether readiness hangs on them.

use super::forward::prefix_of;
use crate::admin::{Probe, RouteUpstream};
use crate::config::Checker;
use crate::config::text::read::LeftOut;
use futures_util::FutureExt;
use http::header::CACHE_CONTROL;
use http::{HeaderValue, Method, Request};
use same_origin::proxy::{Body, Mounts, ProxyBuilder, ProxyError, ReverseProxy};
use std::convert::Infallible;
use toml::Table;
use tower::ServiceExt;

impl Checker<'_> {
    /// The upstream of a route.
    pub(super) fn upstream_of(
        &mut self,
        at: &str,
        connections: impl Fn() -> usize + Send + Sync + 'static,
        builder: &ProxyBuilder,
    ) -> Option<RouteUpstream> {
        let prefix = match prefix_of(builder) {
            prefix if prefix.is_empty() => "/".to_owned(),
            prefix => prefix,
        };
        let answers = if self.readiness_hangs_on(&prefix) {
            let proxy = self.built(at, asking(builder).build(), str::to_owned)?;
            Some(probe(prefix.clone(), proxy))
        } else {
            None
        };
        Some(RouteUpstream {
            prefix,
            connections: Box::new(connections),
            answers,
        })
    }

    /// Whether a prefix is one of those in `admin.ready_upstreams`.
    pub(in crate::config) fn readiness_hangs_on(&self, prefix: &str) -> bool {
        let mut wanted = self.ready_upstreams.iter();
        wanted.any(|wanted| is_prefix(wanted, prefix))
    }

    /// Refuses prefixes that are not those of routes with an upstream.
    pub(in crate::config) fn check_ready_upstreams(
        &mut self,
        routes: &[Table],
        left_out: &LeftOut,
    ) {
        let forwards = |route: &&Table| route.contains_key("upstream");
        let prefixes = routes.iter().filter(forwards);
        let prefixes = prefixes.filter_map(|route| route.get("prefix")?.as_str());
        let known: Vec<&str> = prefixes.collect();
        for (index, wanted) in self.ready_upstreams.iter().enumerate() {
            if !known.iter().any(|known| is_prefix(wanted, known)) {
                let remedy = if known.is_empty() {
                    "remove it".to_owned()
                } else {
                    format!("write one of \"{}\"", known.join("\", \""))
                };
                let message =
                    format!("{wanted:?} is not the prefix of a route with an upstream; {remedy}");
                let key = left_out.original(&format!("admin.ready_upstreams[{index}]"));
                self.problems.add(key, message);
            }
        }
    }
}

fn is_prefix(wanted: &str, known: &str) -> bool {
    wanted.trim_end_matches('/') == known.trim_end_matches('/')
}

/// The proxy by which readiness asks: with the route's TLS, DNS and list of upstreams, and with connections and places
/// of its own. Were they the route's, a gateway that is busy would be taken for one whose upstream is dead, and its
/// load would go to the next one.
fn asking(builder: &ProxyBuilder) -> ProxyBuilder {
    builder.clone().mounts(&Mounts::new()).tell_upstream(false)
}

/// Any answer will do, of any status: whether the application is well is for its own checks.
fn probe(prefix: String, proxy: ReverseProxy) -> Probe {
    Box::new(move || {
        let mut request = Request::new(Body::empty());
        *request.method_mut() = Method::HEAD;
        // A prefix that was built is a path.
        *request.uri_mut() = prefix.parse().unwrap_or_default();
        // From the upstream itself, past caches on the way.
        let past_caches = HeaderValue::from_static("no-cache, no-store");
        request.headers_mut().insert(CACHE_CONTROL, past_caches);
        let answered = proxy.clone().oneshot(request);
        answered
            .map(|Ok::<_, Infallible>(response)| {
                response.extensions().get::<ProxyError>().is_none()
            })
            .boxed()
    })
}
