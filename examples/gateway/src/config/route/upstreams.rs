//! Upstreams as the admin listener sees them: their connections, and whether they answer.

use std::convert::Infallible;

use futures_util::FutureExt;
use http::header::CACHE_CONTROL;
use http::{HeaderValue, Method, Request, Response};
use same_origin::proxy::{_Look, Body, ProxyError, ReverseProxy, Transport};
use toml::{Table, Value};
use tower::{Service, ServiceExt};

use crate::admin::{Probe, RouteUpstream};
use crate::config::Checker;
use crate::config::text::given;

/// The upstream of a route, whose prefix has no trailing slash.
pub(super) fn upstream_of<T: Transport + Sync>(
    prefix: String,
    connections: impl Fn() -> usize + Send + Sync + 'static,
    proxy: &ReverseProxy<T>,
) -> RouteUpstream {
    let prefix = if prefix.is_empty() {
        "/".to_owned()
    } else {
        prefix
    };
    let counted = proxy.clone();
    RouteUpstream {
        answers: probe(prefix.clone(), proxy.clone()),
        prefix,
        connections: Box::new(connections),
        set_aside: Box::new(move || counted.set_aside()),
    }
}

impl Checker<'_> {
    /// Whether a prefix is one of those in `admin.ready_upstreams`.
    pub(super) fn readiness_hangs_on(&self, prefix: &str) -> bool {
        let wanted = self.ready_upstreams.as_ref().and_then(Value::as_array);
        let mut wanted = wanted.into_iter().flatten().filter_map(Value::as_str);
        wanted.any(|wanted| is_prefix(wanted, prefix))
    }

    /// Refuses prefixes that are not those of routes with an upstream.
    pub(in crate::config) fn check_ready_upstreams(&mut self, routes: &[Table]) {
        let forwards = |route: &&Table| route.contains_key("upstream");
        let prefixes = routes.iter().filter(forwards);
        let prefixes = prefixes.filter_map(|route| route.get("prefix")?.as_str());
        let known: Vec<&str> = prefixes.collect();
        let names = format!("\"{}\"", known.join("\", \""));
        let list = match &self.ready_upstreams {
            None => return,
            Some(Value::Array(list)) => list,
            Some(other) => {
                let remedy = match known.as_slice() {
                    [] => "remove it".to_owned(),
                    [first, ..] => format!("write a list of prefixes of routes: [{first:?}]"),
                };
                let message = format!("{} does not fit; {remedy}", given(other));
                self.problems.push("admin.ready_upstreams", message);
                return;
            }
        };
        for (index, wanted) in list.iter().enumerate() {
            let is_known = |wanted| known.iter().any(|known| is_prefix(wanted, known));
            if !wanted.as_str().is_some_and(is_known) {
                let remedy = if known.is_empty() {
                    "remove it".to_owned()
                } else {
                    format!("write one of {names}")
                };
                let wanted = given(wanted);
                let message =
                    format!("{wanted} is not the prefix of a route with an upstream; {remedy}");
                let key = format!("admin.ready_upstreams[{index}]");
                self.problems.add(key, message);
            }
        }
    }
}

fn is_prefix(wanted: &str, known: &str) -> bool {
    wanted.trim_end_matches('/') == known.trim_end_matches('/')
}

/// Asks through the route's own proxy, so that the route's TLS, DNS and list of upstreams are what is tried. The
/// probe takes none of the route's places: a gateway that is busy is ready. If it said that it is not, its load would
/// go to the next gateway, and so on.
///
/// Any answer will do, whatever its status: the health of the application is for its own checks.
fn probe<S>(prefix: String, proxy: S) -> Probe
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    S: Clone + Send + Sync + 'static,
    S::Future: Send,
{
    Box::new(move || {
        let mut request = Request::new(Body::empty());
        *request.method_mut() = Method::HEAD;
        // A prefix that was built is a path.
        *request.uri_mut() = prefix.parse().unwrap_or_default();
        let headers = request.headers_mut();
        // From the upstream itself, past the route's cache, which is not to count or keep what no client asked for.
        let past_caches = HeaderValue::from_static("no-cache, no-store");
        headers.insert(CACHE_CONTROL, past_caches);
        request.extensions_mut().insert(_Look::default());
        let answered = proxy.clone().oneshot(request);
        answered
            .map(|Ok::<_, Infallible>(response)| {
                response.extensions().get::<ProxyError>().is_none()
            })
            .boxed()
    })
}
