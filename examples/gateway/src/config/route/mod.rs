//! The routes of the configuration file.

mod cache;
mod compress;
mod headers;
pub(super) mod own_address;
mod upstreams;

use crate::admin::CachedRoute;
use crate::compress::{Codings, CompressLayer};
use crate::config::Checker;
use crate::config::guard::Guarding;
use crate::config::kept::KeptRoute;
use crate::config::text::place::Source;
use crate::config::text::problems::join;
use crate::config::text::read::{LeftOut, Read, read};
use crate::config::text::reword;
use crate::files::Files;
use crate::routes::{Layered, Route};
use ipnet::IpNet;
use own_address::is_own;
use same_origin::cors::CorsPolicy;
use same_origin::guard::Guard;
use same_origin::proxy::{
    _canonical_network, _masked_address, Client, ProxyBuilder, ProxyConfigErrors, ReverseProxy,
};
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use toml::{Table, Value};
use tower::Layer;
use tower::layer::layer_fn;

/// An upstream that is never asked.
const NOWHERE: &str = "http://127.0.0.1";

/// A route that serves files. Nothing is required here, see [`super::File`].
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Directory {
    prefix: Option<String>,
    dir: Option<PathBuf>,
    #[serde(default)]
    spa: bool,
    remove_response_headers: Option<Vec<String>>,
    set_response_headers: Option<Value>,
}

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
        let before = self.before.get(&settings).cloned();
        let before = before.filter(|kept| !matches!(*kept.route, Route::Files(_)));
        let kept = before.or_else(|| self.route(at, table, cors, guarding))?;
        self.caches.0.extend(kept.cached.clone());
        self.upstreams.extend(kept.upstream.clone());
        let route = Arc::clone(&kept.route);
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
        let guarding = self.guarding(&guard_at, table.remove("guard"), guarding.cloned());
        let guard_at = if own_guard { &guard_at } else { "guard" };
        // A text that stands in for a missing key lets the others be checked.
        if !table.contains_key("prefix") {
            let message = "missing; write \"/api\" for what is below it, or \"/\" for all paths";
            self.problems.push(join(at, "prefix"), message);
            table.insert("prefix".to_owned(), "/".into());
        }
        let is_text = |value: &Value| value.is_str();
        self.stand_in(at, &mut table, ("prefix", "/"), is_text, "a string");
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
            let guarding = guarding.filter(|guarding| guarding.names_hosts);
            let mut around = self.around(guard_at, cors.as_ref(), guarding.as_ref());
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
        let mut around = self.around(guard_at, cors.as_ref(), guarding.as_ref());
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

    fn proxy(&mut self, at: &str, mut table: Table) -> Option<(ProxyBuilder, Read<ProxyBuilder>)> {
        if let Some(Value::Table(tls)) = table.get_mut("upstream_tls") {
            let mut is_regular = true;
            for (key, file) in tls.iter_mut() {
                if let Value::String(path) = file {
                    let full = self.folder.join(&*path);
                    let key = join(&join(at, "upstream_tls"), key);
                    is_regular &= self.is_regular(&key, &full);
                    *path = full.display().to_string();
                }
            }
            if !is_regular {
                return None;
            }
        }
        let trusts = table.contains_key("trusted_proxies");
        let marked = self.marked_upstreams(at, &table);
        self.not_itself(at, table.get("upstream"));
        if is_mapped_back(&table) {
            self.mapped_back.push(at.to_owned());
        }
        if table.contains_key("upstream_tls") && !has_https(table.get("upstream")) {
            let message =
                "no upstream of this route is https; write https:// there, or remove this";
            self.problems.push(join(at, "upstream_tls"), message);
        }
        let read = read::<ProxyBuilder>(
            table,
            at,
            &[
                "cache",
                "compress",
                "cors",
                "dir",
                "guard",
                "rate_limit",
                "security_headers",
                "spa",
            ],
            &mut self.problems,
        )?;
        let mut builder = read
            .value
            .clone()
            .mounts(&self.kept.mounts)
            .tunnels(&self.kept.tunnels)
            .tell_upstream(self.logs)
            ._marked_upstreams(marked);
        if !trusts {
            builder = builder.trusted_proxies(self.trusted_proxies.iter().copied());
        }
        Some((builder, read))
    }

    /// Peers whose word a route takes: its own, or those of the file. What is not a network is found elsewhere.
    fn trusted_by(&self, table: &Table) -> Arc<[IpNet]> {
        let own = table.get("trusted_proxies").and_then(Value::as_array);
        match own {
            None => self.trusted_proxies.as_slice().into(),
            Some(own) => own
                .iter()
                .filter_map(|network| network.as_str()?.parse().ok())
                .map(|network| _canonical_network(&network))
                .collect(),
        }
    }

    /// The upstreams of a route as they are looked through for variables of other servers: `$$` is not the beginning
    /// of one, and nor is a dollar sign in the value of an environment variable.
    pub(super) fn marked_upstreams(&self, at: &str, table: &Table) -> Vec<String> {
        let key = join(at, "upstream");
        let marked = |key: String, text: &Value| {
            let filled = self.filled.iter().find(|filled| filled.key == key);
            let text = text.as_str().unwrap_or_default();
            filled.map_or_else(|| text.to_owned(), |filled| filled.marked.clone())
        };
        match table.get("upstream") {
            Some(Value::Array(list)) => {
                let texts = list.iter().enumerate();
                texts
                    .map(|(index, text)| marked(format!("{key}[{index}]"), text))
                    .collect()
            }
            Some(text) => vec![marked(key, text)],
            None => Vec::new(),
        }
    }

    fn directory(&mut self, at: &str, table: Table, codings: Codings) -> Option<Files> {
        let Read { value, left_out } = read(
            table,
            at,
            &[
                "compress",
                "cors",
                "guard",
                "rate_limit",
                "security_headers",
            ],
            &mut self.problems,
        )?;
        let Directory {
            prefix,
            dir,
            spa,
            remove_response_headers,
            set_response_headers,
        } = value;
        // The rules for prefixes are the same for all routes, so a proxy is asked.
        let prefix = prefix.filter(|prefix| {
            let asked = ReverseProxy::builder(prefix, NOWHERE).build_with_client(());
            self.built(at, asked, str::to_owned).is_some()
        });
        let headers = self.header_rules(
            at,
            prefix.as_deref().unwrap_or("/"),
            remove_response_headers.as_deref(),
            set_response_headers,
            &left_out,
        );
        let dir = dir?;
        if dir.as_os_str().is_empty() {
            let message =
                "\"\" is the folder of this file, with all that is in it; name what to serve";
            self.problems.push(join(at, "dir"), message);
            return None;
        }
        let dir = self.folder.join(dir);
        if let Err(error) = std::fs::read_dir(&dir) {
            let message = format!("cannot read the directory {}: {error}", dir.display());
            self.problems.push(join(at, "dir"), message);
        } else if spa && std::fs::File::open(dir.join("index.html")).is_err() {
            let message = format!("{} has no index.html that can be read", dir.display());
            self.problems.push(join(at, "spa"), message);
        }
        self.beware_of_own_files(at, &dir);
        Some(Files::new(&prefix?, &dir, spa, codings).with_headers(headers))
    }

    /// Refuses upstreams that are the gateway's own address.
    fn not_itself(&mut self, at: &str, upstream: Option<&Value>) {
        let at = join(at, "upstream");
        let (urls, is_list) = match upstream {
            Some(Value::Array(urls)) => (urls.as_slice(), true),
            Some(url) => (std::slice::from_ref(url), false),
            None => return,
        };
        for (index, url) in urls.iter().enumerate() {
            let url = url.as_str().unwrap_or_default();
            let is_at = |address: Option<SocketAddr>| address.filter(|own| is_own(url, *own));
            let fault = if let Some(own) = is_at(self.listen) {
                format!(
                    "is where the gateway itself listens ({own}), and each request would come back to it"
                )
            } else if let Some(own) = is_at(self.admin) {
                format!("is the gateway's admin listener ({own}), which would be open to everybody")
            } else {
                continue;
            };
            let index = if is_list {
                format!("[{index}]")
            } else {
                String::new()
            };
            let message = format!(
                "{:?} {fault}: write the address of the server that is to answer",
                _masked_address(url)
            );
            self.problems.push(format!("{at}{index}"), message);
        }
    }

    /// Warns of a directory that holds the configuration: a file beside it may be a key.
    fn beware_of_own_files(&mut self, at: &str, dir: &Path) {
        let own = Path::new(".").join(self.folder).canonicalize();
        if let (Ok(own), Ok(dir)) = (own, dir.canonicalize())
            && own.starts_with(dir)
        {
            let warning = "this file and what is beside it would be served";
            self.warnings.push(join(at, "dir"), warning);
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

/// Whether the upstream sees no prefix, is not told of it, and has it put before the paths that it says.
fn is_mapped_back(table: &Table) -> bool {
    let flag = |key: &str| table.get(key).and_then(Value::as_bool);
    let forwarding = table.get("forwarding").and_then(Value::as_array);
    let is_prefix = |field: &Value| field.as_str() == Some("x-forwarded-prefix");
    table.get("prefix").and_then(Value::as_str) != Some("/")
        && flag("keep_prefix") != Some(true)
        && flag("rewrite_location") != Some(false)
        && !forwarding.is_some_and(|fields| fields.iter().any(is_prefix))
}

/// The settings that an application behind such routes needs if it knows its public prefix.
pub(super) fn hint_of_prefix(routes: &[String], source: &Source<'_>) -> Option<String> {
    let names: Vec<_> = routes.iter().map(|at| source.name(at)).collect();
    (!names.is_empty()).then(|| {
        format!(
            "{}: what the upstream says of its paths gets the prefix in front. If it knows the prefix by itself and \
             gets it twice, write keep_prefix = true (it wants the prefix in its requests), \"x-forwarded-prefix\" in \
             forwarding (it wants it stripped), or rewrite_location = false with rewrite_cookies = false",
            names.join(", ")
        )
    })
}

/// Whether a route's upstream may be spoken to by TLS. A text that is not a URL is another problem.
fn has_https(upstream: Option<&Value>) -> bool {
    let is_plain = |url: &Value| {
        let scheme = url.as_str().and_then(|url| url.split_once("://"));
        scheme.is_some_and(|(scheme, _)| {
            scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("h2c")
        })
    };
    match upstream {
        Some(Value::Array(urls)) => !urls.iter().all(is_plain),
        Some(url) => !is_plain(url),
        None => true,
    }
}
