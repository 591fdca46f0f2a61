//! Metrics for Prometheus: counted as requests end, rendered when the admin listener is asked.

use std::fmt::Write;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use metrics::{Counter, Gauge, counter, gauge};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use serde::Serialize;

use super::durations::{self, Durations};
use crate::admin::{Caches, Upstreams};

/// Statuses that most answers have.
const USUAL: [u16; 8] = [200, 304, 204, 404, 302, 206, 201, 403];

const REQUESTS: &str = "same_origin_requests_total";
const IN_FLIGHT: &str = "same_origin_requests_in_flight";
const CORS_REFUSALS: &str = "same_origin_cors_refusals_total";
const GUARD_REFUSALS: &str = "same_origin_guard_refusals_total";
const RATE_LIMITED: &str = "same_origin_rate_limited_total";
const TUNNELS: &str = "same_origin_tunnels";
const RELOADS: &str = "same_origin_reloads_total";
const HANDSHAKES: &str = "same_origin_tls_handshakes_total";
const CONNECTIONS: &str = "same_origin_connections";
const NO_PROXY_HEADER: &str = "same_origin_proxy_protocol_refused_total";
const UPSTREAM_CONNECTIONS: &str = "same_origin_upstream_connections";
const UPSTREAMS_SET_ASIDE: &str = "same_origin_upstreams_set_aside";
const CACHE_REQUESTS: &str = "same_origin_cache_requests_total";
const CACHE_BYTES: &str = "same_origin_cache_bytes";
const MEMORY: &str = "process_resident_memory_bytes";

/// The recorder of this process.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

impl Metrics {
    /// Installs the recorder. Without it everything that is counted is counted for nobody.
    ///
    /// # Errors
    ///
    /// There is one already.
    pub fn install() -> Result<Self, String> {
        let handle = PrometheusBuilder::new()
            .install_recorder()
            .map_err(|error| format!("metrics: {error}"))?;
        metrics::describe_counter!(REQUESTS, "Requests answered, by route and status.");
        metrics::describe_gauge!(IN_FLIGHT, "Requests under way, by route.");
        metrics::describe_counter!(
            CORS_REFUSALS,
            "Requests that CORS refused, by route and rule."
        );
        metrics::describe_counter!(
            GUARD_REFUSALS,
            "Requests that the guard refused, by route and rule."
        );
        metrics::describe_counter!(
            RATE_LIMITED,
            "Requests above a client's rate limit, by route."
        );
        metrics::describe_counter!(HANDSHAKES, "TLS handshakes of clients, by outcome.");
        metrics::describe_gauge!(CONNECTIONS, "Connections of clients that are open.");
        metrics::describe_counter!(
            NO_PROXY_HEADER,
            "Connections of peers in proxy_protocol without a header."
        );
        metrics::describe_counter!(RELOADS, "Readings of a changed configuration, by outcome.");
        begin_at_zero();
        Ok(Self(handle))
    }

    /// All of it as text, with the counts of the caches as of now.
    pub fn render(&self, caches: &Caches, upstreams: &Upstreams, tunnels: usize) -> String {
        self.0.run_upkeep();
        let mut text = self.0.render();
        durations::render(&mut text);
        render_caches(&mut text, caches);
        render_upstreams(&mut text, upstreams);
        let help = "WebSockets and other tunnels that are open.";
        describe(&mut text, TUNNELS, "gauge", help);
        let _ = writeln!(text, "{TUNNELS} {tunnels}");
        render_memory(&mut text);
        text
    }
}

/// Makes the counters that are not of a route before there is anything to count. Prometheus sees no increase in a series
/// that begins with 1: an alarm would miss the first configuration that is refused.
fn begin_at_zero() {
    for outcome in ["applied", "refused"] {
        counter!(RELOADS, "outcome" => outcome).increment(0);
    }
    for outcome in ["ok", "failed"] {
        counter!(HANDSHAKES, "outcome" => outcome).increment(0);
    }
    counter!(NO_PROXY_HEADER).increment(0);
}

/// The counts of one route. Made once, so that a request looks nothing up but its status.
pub struct RouteMetrics {
    route: String,
    in_flight: Gauge,
    rate_limited: Counter,
    durations: Arc<Durations>,
    /// The counters of the usual statuses, in their order.
    usual: [OnceLock<Counter>; USUAL.len()],
}

impl RouteMetrics {
    pub fn new(route: &str) -> Self {
        let route = route.to_owned();
        Self {
            in_flight: gauge!(IN_FLIGHT, "route" => route.clone()),
            rate_limited: counter!(RATE_LIMITED, "route" => route.clone()),
            durations: Durations::of(&route),
            usual: Default::default(),
            route,
        }
    }

    pub fn begun(&self) {
        self.in_flight.increment(1.0);
    }

    /// A request has ended: answered with this status, or given up before there was one.
    pub fn ended(&self, status: Option<http::StatusCode>, after: Duration) {
        self.in_flight.decrement(1.0);
        self.durations.record(after);
        self.count(status);
    }

    pub fn refused_by_cors(&self, rule: &impl Serialize) {
        counter!(CORS_REFUSALS, "route" => self.route.clone(), "rule" => name(rule)).increment(1);
    }

    pub fn refused_by_guard(&self, rule: &impl Serialize) {
        counter!(GUARD_REFUSALS, "route" => self.route.clone(), "rule" => name(rule)).increment(1);
    }

    pub fn rate_limited(&self) {
        self.rate_limited.increment(1);
    }

    /// The counter of a status. Those that are usual are looked up once: to find one takes as long as a layer does.
    fn count(&self, status: Option<http::StatusCode>) {
        let known = status.and_then(|status| {
            let index = USUAL.iter().position(|usual| *usual == status.as_u16());
            index.map(|index| &self.usual[index])
        });
        match known {
            Some(known) => known.get_or_init(|| self.requests(status)).increment(1),
            None => self.requests(status).increment(1),
        }
    }

    fn requests(&self, status: Option<http::StatusCode>) -> Counter {
        let status = status.map_or_else(|| "none".to_owned(), |status| status.as_str().to_owned());
        counter!(REQUESTS, "route" => self.route.clone(), "status" => status)
    }
}

/// The name of a rule, as it is serialized. They are few: a label of each.
fn name(rule: &impl Serialize) -> String {
    let name = serde_json::to_value(rule).ok();
    let name = name.as_ref().and_then(|name| name.as_str());
    name.unwrap_or("other").to_owned()
}

/// A TLS handshake of a client has ended.
pub fn handshake(succeeded: bool) {
    let outcome = if succeeded { "ok" } else { "failed" };
    counter!(HANDSHAKES, "outcome" => outcome).increment(1);
}

/// The configuration was read again, and is served or refused.
pub fn reload(outcome: &'static str) {
    counter!(RELOADS, "outcome" => outcome).increment(1);
}

/// A peer in `proxy_protocol` has sent no header.
pub fn no_proxy_header() {
    counter!(NO_PROXY_HEADER).increment(1);
}

/// A connection of a client that is open until this is dropped.
pub struct OpenConnection(Gauge);

impl OpenConnection {
    pub fn begin() -> Self {
        let open = gauge!(CONNECTIONS);
        open.increment(1.0);
        Self(open)
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

/// The lines that come before those of a metric. Writing to a string does not fail.
fn describe(text: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn render_upstreams(text: &mut String, upstreams: &Upstreams) {
    let help = "Connections to upstreams that are open, by route.";
    describe(text, UPSTREAM_CONNECTIONS, "gauge", help);
    for upstream in upstreams.iter() {
        let (route, count) = (&upstream.prefix, (upstream.connections)());
        let _ = writeln!(text, "{UPSTREAM_CONNECTIONS}{{route={route:?}}} {count}");
    }
    let help = "Upstreams of a route's list that are set aside, by route.";
    describe(text, UPSTREAMS_SET_ASIDE, "gauge", help);
    for upstream in upstreams.iter() {
        let (route, count) = (&upstream.prefix, (upstream.set_aside)());
        let _ = writeln!(text, "{UPSTREAMS_SET_ASIDE}{{route={route:?}}} {count}");
    }
}

fn render_caches(text: &mut String, caches: &Caches) {
    if caches.0.is_empty() {
        return;
    }
    let help = "Requests that a cache was asked for, by route and outcome.";
    describe(text, CACHE_REQUESTS, "counter", help);
    for route in &caches.0 {
        let stats = route.cache.stats();
        for (outcome, count) in [
            ("hit", stats.hits),
            ("stale", stats.stale),
            ("revalidated", stats.revalidated),
            ("miss", stats.misses),
        ] {
            let route = route.name();
            let _ = writeln!(
                text,
                "{CACHE_REQUESTS}{{route={route:?},outcome={outcome:?}}} {count}"
            );
        }
    }
    let help = "Bytes of the answers that a cache holds, by route.";
    describe(text, CACHE_BYTES, "gauge", help);
    for route in &caches.0 {
        let (name, bytes) = (route.name(), route.cache.stats().bytes);
        let _ = writeln!(text, "{CACHE_BYTES}{{route={name:?}}} {bytes}");
    }
}

/// The memory of the process, where the system tells (Linux).
fn render_memory(text: &mut String) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    if let Some(kib) = kib {
        describe(text, MEMORY, "gauge", "Memory of the process in RAM.");
        let _ = writeln!(text, "{MEMORY} {}", kib * 1024);
    }
}
