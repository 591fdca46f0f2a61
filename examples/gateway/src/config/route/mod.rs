//! The routes of the configuration file.

mod cache;
mod compress;
mod directory;
mod headers;
pub(super) mod own_address;
pub(super) mod proxy;
mod upstreams;

use crate::admin::CachedRoute;
use crate::compress::CompressLayer;
use crate::config::Checker;
use crate::config::guard::Guarding;
use crate::config::kept::KeptRoute;
use crate::config::text::problems::join;
use crate::config::text::read::LeftOut;
use crate::config::text::reword;
use crate::routes::{Layered, Route};
use same_origin::cors::CorsPolicy;
use same_origin::guard::Guard;
use same_origin::proxy::{Client, ProxyConfigErrors};
use std::sync::{Arc, Mutex, PoisonError};
use toml::{Table, Value};
use tower::Layer;
use tower::layer::layer_fn;

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
                .push("routes", "at least one [[routes]] is needed");
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
        self.upstreams.extend(kept.upstream.clone());
        let route = Arc::clone(&kept.route);
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
        let (cors, has_cors) = match table.remove("cors") {
            None => (cors.cloned(), self.has_cors),
            Some(Value::Boolean(false)) => (None, false),
            Some(Value::Table(own)) => (self.cors(&join(at, "cors"), own), true),
            Some(_) => {
                let message = "write a table of the keys of [cors], or `false` for no CORS here";
                self.problems.push(join(at, "cors"), message);
                (None, false)
            }
        };
        let own_guard = table.contains_key("guard");
        let guard_at = join(at, "guard");
        let guarding = self.guarding_of_route(&guard_at, table.remove("guard"), guarding);
        let guard_at = if own_guard { &guard_at } else { "guard" };
        // A text that stands in for a missing key lets the others be checked.
        if !table.contains_key("prefix") {
            let message = "missing; write \"/api\" for what is below it, or \"/\" for all paths";
            self.problems.push(join(at, "prefix"), message);
            table.insert("prefix".to_owned(), "/".into());
        }
        let is_text = |value: &Value| value.is_str();
        self.stand_in(at, &mut table, ("prefix", "/"), is_text, "a string");
        let name = name_of(&table);
        if has_cors {
            self.keep_cors(at, &table);
        }
        let global = self.edge.clone();
        let edge = self.edge(at, &mut table, &global);
        let upstream = table.contains_key("upstream");
        let compress = table.remove("compress");
        let codings = self.codings(&join(at, "compress"), compress, !upstream);
        if table.contains_key("dir") && !upstream {
            let files = self.directory(at, table, codings)?;
            // To files nothing unsafe can be done, so that all there is to ask of them is the host.
            let guarding = guarding.filter(Guarding::names_hosts);
            let mut around = self.around(&name, guard_at, cors.as_ref(), guarding.as_ref());
            around.edge = edge;
            let route = Route::Files(Box::new(Layered::new(files, around)));
            return Some(KeptRoute::of_files(route));
        }
        if !upstream {
            let message = "missing; write a URL here, or a directory in `dir`";
            self.problems.push(join(at, "upstream"), message);
            table.insert("upstream".to_owned(), NOWHERE.into());
        }
        let is_address = |value: &Value| match value {
            Value::Array(list) => list.iter().all(is_text),
            value => is_text(value),
        };
        let address = ("upstream", NOWHERE);
        self.stand_in(
            at,
            &mut table,
            address,
            is_address,
            "a URL or a list of URLs",
        );
        for key in ["dir", "spa"] {
            if table.remove(key).is_some() {
                let message = "a route has either an `upstream` or a `dir`, with or without `spa`";
                self.problems.push(join(at, key), message);
            }
        }
        let rewrites_origin = table.get("rewrite_origin").and_then(Value::as_bool) == Some(true);
        let cache = self.cache(&join(at, "cache"), table.remove("cache"));
        let trusted = self.trusted_by(&table);
        let (builder, read) = self.proxy(at, table)?;
        let original = |key: &str| read.original(key);
        let mut around = self.around(&name, guard_at, cors.as_ref(), guarding.as_ref());
        around.edge = edge;
        around.compress = codings.first().map(|_| CompressLayer(codings));
        // A foreign page's request would reach the upstream as one of its own pages'.
        if rewrites_origin && around.guard.as_ref().is_none_or(Guard::is_report_only) {
            let message =
                "the guard of this route is off or reports only; switch it on, or remove this";
            self.problems.add(join(at, "rewrite_origin"), message);
        }
        around.trusted_proxies = trusted;
        let prefix = read.value.public_prefix().trim_end_matches('/').to_owned();
        Some(match cache {
            None => {
                let proxy = self.built(at, builder.build(), original)?;
                let (counted, mounted) = (proxy.clone(), proxy.clone());
                let upstream = self.upstream_of(prefix, move || counted.connections(), &proxy);
                let route = Route::Proxy(Layered::new(proxy, around));
                KeptRoute::new(route, upstream, None, move || mounted.unmount())
            }
            Some(cache) => {
                let own = Mutex::new(None);
                let built = builder.build_with_layer(&layer_fn(|client: Client| {
                    *own.lock().unwrap_or_else(PoisonError::into_inner) = Some(client.clone());
                    cache.layer().layer(client)
                }));
                let proxy = self.built(at, built, original)?;
                let own = own.into_inner().unwrap_or_else(PoisonError::into_inner);
                let counted = move || own.as_ref().map_or(0, Client::connections);
                let upstream = self.upstream_of(prefix.clone(), counted, &proxy);
                let (mapper, mounted) = (proxy.clone(), proxy.clone());
                let cached = CachedRoute {
                    cache,
                    prefix,
                    to_upstream: Box::new(move |path| mapper.upstream_path(path)),
                };
                let route = Route::Cached(Box::new(Layered::new(proxy, around)));
                KeptRoute::new(route, upstream, Some(cached), move || mounted.unmount())
            }
        })
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
