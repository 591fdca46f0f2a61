//! The routes of the configuration file.

mod cache;
mod compress;
mod directory;
mod forward;
mod headers;
pub(super) mod own_address;
pub(super) mod proxy;
mod upstreams;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use same_origin::cors::CorsPolicy;
use same_origin::proxy::ProxyConfigErrors;
use toml::{Table, Value};

use crate::compress::Codings;
use crate::config::Checker;
use crate::config::guard::Guarding;
use crate::config::kept::KeptRoute;
use crate::config::text::problems::join;
use crate::config::text::read::LeftOut;
use crate::config::text::{given, reword};
use crate::edge::Edge;
use crate::routes::Route;

/// The settings of the layers around the service of a route.
pub(super) struct LayerSettings {
    /// The name of the route in the log.
    name: String,
    cors: Option<CorsPolicy>,
    /// The key that the guard is set at: the route's own, or that of all.
    guard_at: String,
    guarding: Option<Guarding>,
    edge: Edge,
    codings: Codings,
}

/// Routes that were made or taken over, by all readings.
static MADE: AtomicUsize = AtomicUsize::new(0);

/// The number of routes that were made until now. While it grows, a reading does not wait for a file.
pub fn made() -> usize {
    MADE.load(Ordering::Relaxed)
}

/// An upstream that is never asked.
const NOWHERE: &str = "http://127.0.0.1";

impl Checker<'_> {
    pub(super) fn routes(
        &mut self,
        tables: Option<Vec<Table>>,
        left_out: &LeftOut,
        cors: Option<&CorsPolicy>,
        guarding: Option<&Guarding>,
    ) -> Vec<(Box<str>, Arc<Route>)> {
        let tables = tables.unwrap_or_default();
        if tables.is_empty() && !self.problems.touch("routes") {
            self.problems
                .push("routes", "missing; write at least one [[routes]] with `prefix`, and with `upstream` or `dir`");
        }
        let mut seen = Vec::new();
        let mut routes = Vec::new();
        for (index, table) in tables.into_iter().enumerate() {
            let at = left_out.original(&format!("routes[{index}]"));
            self.unique(&at, table.get("prefix"), &mut seen);
            let prefix = table.get("prefix").and_then(Value::as_str).map(Box::from);
            let route = self.kept_or_new(&at, table, cors, guarding);
            routes.extend(prefix.zip(route));
        }
        routes
    }

    /// The route of the configuration before this one, if it was made of the same. One that serves files has
    /// nothing to keep, and its directory may be another one by now.
    fn kept_or_new(
        &mut self,
        at: &str,
        table: Table,
        cors: Option<&CorsPolicy>,
        guarding: Option<&Guarding>,
    ) -> Option<Arc<Route>> {
        let settings = self.settings(at, &table);
        let prefix = table.get("prefix").and_then(Value::as_str);
        let prefix = prefix.unwrap_or_default().to_owned();
        let before = self.before.get(&settings).cloned();
        let before = before.filter(|kept| !matches!(*kept.route, Route::Files(_)));
        let kept = before.or_else(|| self.route(at, table, cors, guarding))?;
        self.caches.0.extend(kept.cached.clone());
        // Whether readiness waits for it is not a part of the route, which stays the same when that changes.
        if let Some(upstream) = &kept.upstream {
            let is_awaited = self.readiness_hangs_on(&prefix);
            self.upstreams.add(Arc::clone(upstream), is_awaited);
        }
        let route = Arc::clone(&kept.route);
        MADE.fetch_add(1, Ordering::Relaxed);
        self.keep_own_limit(&prefix, &route);
        self.kept.insert(settings, kept);
        Some(route)
    }

    /// Refuses a prefix that another route has.
    fn unique(&mut self, at: &str, prefix: Option<&Value>, seen: &mut Vec<(String, String)>) {
        let Some(prefix) = prefix.and_then(Value::as_str) else {
            return;
        };
        if let Some((other, _)) = seen.iter().find(|(_, other)| other == prefix) {
            // Counted as people count.
            let number = other.trim_start_matches("routes[").trim_end_matches(']');
            let number = number.parse::<usize>().unwrap_or_default() + 1;
            let message = format!("route {number} has this prefix already; write each prefix once");
            self.problems.push(join(at, "prefix"), message);
        }
        seen.push((at.to_owned(), prefix.to_owned()));
    }

    fn route(
        &mut self,
        at: &str,
        mut table: Table,
        cors: Option<&CorsPolicy>,
        guarding: Option<&Guarding>,
    ) -> Option<KeptRoute> {
        let layers = self.layers(at, &mut table, cors, guarding);
        if table.contains_key("dir") && !table.contains_key("upstream") {
            self.files_route(at, table, layers)
        } else {
            self.proxy_route(at, table, layers)
        }
    }

    /// Takes the settings of the layers out of the table of a route.
    fn layers(
        &mut self,
        at: &str,
        table: &mut Table,
        cors: Option<&CorsPolicy>,
        guarding: Option<&Guarding>,
    ) -> LayerSettings {
        let (cors, has_cors) = self.cors_of_route(at, table.remove("cors"), cors);
        let own_guard = table.contains_key("guard");
        let guard_at = join(at, "guard");
        let guarding = self.guarding_of_route(&guard_at, table.remove("guard"), guarding);
        self.prefix_or_root(at, table);
        if has_cors {
            self.keep_cors(at, table);
        }
        let global = self.edge.clone();
        let edge = self.edge(at, table, &global);
        let is_forwarded = table.contains_key("upstream");
        let compress = table.remove("compress");
        LayerSettings {
            name: name_of(table),
            cors,
            guard_at: if own_guard {
                guard_at
            } else {
                "guard".to_owned()
            },
            guarding,
            edge,
            codings: self.codings(&join(at, "compress"), compress, !is_forwarded),
        }
    }

    /// The policy of a route, its own or that of all routes, and whether the route is to have one. It is to have one
    /// also if the policy cannot be built.
    fn cors_of_route(
        &mut self,
        at: &str,
        own: Option<Value>,
        of_all: Option<&CorsPolicy>,
    ) -> (Option<CorsPolicy>, bool) {
        let at = join(at, "cors");
        match own {
            None => (of_all.cloned(), self.has_cors),
            Some(Value::Boolean(false)) => (None, false),
            Some(Value::Table(own)) => (self.cors(&at, own), true),
            Some(other) => {
                let given = given(&other);
                let message = format!(
                    "{given} does not fit; write a table of the keys of [cors], or `false` for no CORS here"
                );
                self.problems.push(at, message);
                (None, false)
            }
        }
    }

    /// Puts `/` in the place of a prefix that is missing or not a text, so that the other keys can be checked.
    fn prefix_or_root(&mut self, at: &str, table: &mut Table) {
        if !table.contains_key("prefix") {
            let message = "missing; write \"/api\" for what is below it, or \"/\" for all paths";
            self.problems.push(join(at, "prefix"), message);
            table.insert("prefix".to_owned(), "/".into());
        }
        self.stand_in(at, table, ("prefix", "/"), Value::is_str, "a string");
    }

    /// Puts a text in the place of a value of another type, which is told of, so that the rest of the route can be
    /// checked: it cannot be read without this key.
    fn stand_in(
        &mut self,
        at: &str,
        table: &mut Table,
        (key, instead): (&str, &str),
        fits: impl Fn(&Value) -> bool,
        expected: &str,
    ) {
        if let Some(value) = table.get_mut(key).filter(|value| !fits(value)) {
            let at = join(at, key);
            let message = reword(&at, Some(value), expected);
            self.problems.push(at, message);
            *value = instead.into();
        }
    }

    pub(super) fn built<T>(
        &mut self,
        at: &str,
        built: Result<T, ProxyConfigErrors>,
        original: impl Fn(&str) -> String,
    ) -> Option<T> {
        match built {
            Ok(built) => Some(built),
            Err(errors) => {
                for error in &errors {
                    let index = error.index().map(|index| format!("[{index}]"));
                    let key = format!("{}{}", error.key(), index.unwrap_or_default());
                    self.problems.add(join(at, &original(&key)), error);
                }
                None
            }
        }
    }
}

/// The name of a route in the log.
fn name_of(table: &Table) -> String {
    let prefix = table.get("prefix").and_then(Value::as_str);
    match prefix.unwrap_or_default().trim_end_matches('/') {
        "" => "/".to_owned(),
        prefix => prefix.to_owned(),
    }
}
