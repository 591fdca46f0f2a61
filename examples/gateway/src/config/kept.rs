//! The parts that outlive a reload: the routes whose settings are the same, with their connections, counts and caches,
//! and the sets that old and new routes share.

use std::collections::HashMap;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use same_origin::cache::Cache;
use same_origin::proxy::{Mounts, Tunnels};
use toml::{Table, Value};

use super::Checker;
use crate::admin::{CachedRoute, RouteUpstream};
use crate::edge::RateLimit;
use crate::routes::Route;

/// Bytes of a configuration: a thousand routes take some 200,000.
const LARGEST: u64 = 16 << 20;

/// Keys of the file that no route hangs on. All others are a part of each route's settings.
const OF_NO_ROUTE: [&str; 10] = [
    "admin",
    "drain",
    "listen",
    "log",
    "proxy_protocol",
    "reload_on_change",
    "routes",
    "server",
    "tls",
    "workers",
];

/// The parts that one configuration leaves to the next.
#[derive(Clone, Default)]
pub struct Kept {
    /// The table in which proxies find each other's addresses. It is the same for all configurations, as a proxy that
    /// is kept has it for good.
    pub(super) mounts: Mounts,
    /// Tunnels of all configurations, as old ones too are told when the gateway stops.
    pub tunnels: Tunnels,
    /// Whether there are metrics, which a process has from its beginning or not at all.
    pub(super) counts: Option<bool>,
    /// The limit that holds for all routes, with what clients have left of it.
    limit: Option<Arc<RateLimit>>,
    /// The limits of single routes, by their prefixes without a trailing slash.
    own_limits: HashMap<String, Arc<RateLimit>>,
    /// The caches, by the same prefixes.
    caches: HashMap<String, Cache>,
    routes: HashMap<Settings, KeptRoute>,
}

/// All that a route is made of, as text: its own table, what holds for all routes, and the files that it names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Settings(String);

/// A route that can be served on.
#[derive(Clone)]
pub(super) struct KeptRoute {
    pub route: Arc<Route>,
    pub cached: Option<Arc<CachedRoute>>,
    pub upstream: Option<Arc<RouteUpstream>>,
    /// Takes its proxy out of the table of mounts.
    pub unmount: Arc<dyn Fn() + Send + Sync>,
}

impl KeptRoute {
    pub(super) fn new(
        route: Route,
        upstream: RouteUpstream,
        cached: Option<CachedRoute>,
        unmount: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        Self {
            route: Arc::new(route),
            cached: cached.map(Arc::new),
            upstream: Some(Arc::new(upstream)),
            unmount: Arc::new(unmount),
        }
    }

    pub(super) fn of_files(route: Route) -> Self {
        Self {
            route: Arc::new(route),
            cached: None,
            upstream: None,
            unmount: Arc::new(|| {}),
        }
    }
}

impl Kept {
    /// Without routes: everything is made new, beside the sets that are shared.
    pub(super) fn shared(&self) -> Self {
        Self {
            own_limits: HashMap::new(),
            caches: HashMap::new(),
            routes: HashMap::new(),
            ..self.clone()
        }
    }

    pub(super) fn insert(&mut self, settings: Settings, route: KeptRoute) {
        if let Some(cached) = &route.cached {
            self.caches
                .insert(cached.prefix.clone(), cached.cache.clone());
        }
        self.routes.insert(settings, route);
    }

    pub(super) fn get(&self, settings: &Settings) -> Option<&KeptRoute> {
        self.routes.get(settings)
    }

    /// The cache of the route with a prefix.
    pub(super) fn cache(&self, prefix: &str) -> Option<&Cache> {
        self.caches.get(prefix.trim_end_matches('/'))
    }

    /// Lets go of the routes that the next configuration does not have. Their requests go on to their ends, and no
    /// redirect of another route leads to them any more. Gives the number of routes that are the same in both.
    pub fn give_way_to(&self, next: &Self) -> usize {
        let mut unchanged = 0;
        for (settings, route) in &self.routes {
            let same = next.get(settings);
            unchanged += usize::from(same.is_some());
            if !same.is_some_and(|same| Arc::ptr_eq(&same.route, &route.route)) {
                (route.unmount)();
            }
        }
        unchanged
    }

    /// The caches that the next configuration does not have.
    pub fn caches_left_by(&self, next: &Self) -> Vec<Cache> {
        let is_kept = |cache: &Cache| next.caches.values().any(|other| other._is(cache));
        let left = self.caches.values().filter(|cache| !is_kept(cache));
        left.cloned().collect()
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept")
            .field("routes", &self.routes.len())
            .finish_non_exhaustive()
    }
}

/// The settings that hold for all routes, as text.
pub(super) fn of_all_routes(file: &Table) -> String {
    let shared = file.iter().filter(|(key, _)| {
        let key = key.as_str();
        !OF_NO_ROUTE.contains(&key)
    });
    shared.fold(String::new(), |text, (key, value)| {
        format!("{text}{key} = {value}\n")
    })
}

impl Checker<'_> {
    /// The limit for all routes, or that of before if it is the same: it knows how much clients have left.
    pub(super) fn limit_or_same(
        &mut self,
        limit: Option<Arc<RateLimit>>,
    ) -> Option<Arc<RateLimit>> {
        self.kept.limit = same_or_new(self.before.limit.as_ref(), limit);
        self.kept.limit.clone()
    }

    /// The same for the limit of one route. The rest of the route may be another one, and a route of files is made new
    /// with each reading.
    pub(super) fn own_limit_or_same(
        &self,
        prefix: &str,
        limit: Option<Arc<RateLimit>>,
    ) -> Option<Arc<RateLimit>> {
        let before = self.before.own_limits.get(prefix.trim_end_matches('/'));
        same_or_new(before, limit)
    }

    /// Keeps the limit of a route for the next configuration, if it is the route's own.
    pub(super) fn keep_own_limit(&mut self, prefix: &str, route: &Route) {
        let limit = route.around().edge.limit.as_ref();
        let of_all = self.kept.limit.as_ref();
        let own = limit.filter(|limit| !of_all.is_some_and(|of_all| Arc::ptr_eq(of_all, limit)));
        if let Some(own) = own {
            let prefix = prefix.trim_end_matches('/').to_owned();
            self.kept.own_limits.insert(prefix, Arc::clone(own));
        }
    }

    /// The settings that a route is made of. Of files of its own, such as certificates, the content counts.
    pub(super) fn settings(&mut self, at: &str, table: &Table) -> Settings {
        let mut text = format!("{}{table}", self.of_all_routes);
        // An upstream may be right with `$$` in the file, and wrong with `$`.
        text += &format!("{:?}\n", self.marked_upstreams(at, table));
        // The observers of its answers are named in tables that are otherwise none of its business.
        let (logs, counts, ids) = (self.logs, self.counts, self.edge.ids);
        text += &format!("looked at: {logs} {counts} {ids}\n");
        if let Some(Value::Table(tls)) = table.get("upstream_tls") {
            for name in tls.values().filter_map(Value::as_str) {
                let file = Seen::of(self.folder.join(name));
                text += &format!("{name} holds {:x}\n", file.content);
                self.files.push(file);
            }
        }
        Settings(text)
    }
}

/// The limit of before, if it is the same.
fn same_or_new(
    before: Option<&Arc<RateLimit>>,
    new: Option<Arc<RateLimit>>,
) -> Option<Arc<RateLimit>> {
    let new = new?;
    let same = before.filter(|before| before.quota() == new.quota());
    Some(same.cloned().unwrap_or(new))
}

impl Checker<'_> {
    /// Whether a file can be read without waiting for who writes to it.
    pub(super) fn is_regular(&mut self, key: &str, path: &Path) -> bool {
        // Some other servers take the key itself here. It is told neither as a path nor by the error about it. A file that
        // is there may have any name.
        if is_content(&path.to_string_lossy()) && !path.exists() {
            let message = "this is the content of a file; write the path of the file in its place";
            self.problems.push(key, message);
            return false;
        }
        let wrong = |error| {
            let path = path.display();
            format!("cannot read {path}: {error}; name a file, and not a pipe or a folder")
        };
        self.value(key, regular(path), wrong).is_some()
    }
}

/// Whether what stands in place of a path is the content of such a file: PEM, as it is or in base64 (so Kubernetes has
/// secrets), or DER in base64, which begins with the head of a sequence.
fn is_content(path: &str) -> bool {
    let is_base64 = |c: char| c.is_ascii_alphanumeric() || "+/=".contains(c);
    let is_der = |at: usize| path.len() - at > 40 && path[at..].chars().all(is_base64);
    path.contains("-----BEGIN ")
        || path.contains('\n')
        || path.contains("LS0tLS1CRUdJTi")
        || path.match_indices("MI").any(|(at, _)| is_der(at))
}

/// A file as it was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    path: PathBuf,
    /// A number for what it holds, and another one for each reason why it cannot be read.
    content: u64,
}

impl Seen {
    pub fn of(path: PathBuf) -> Self {
        Self::held(
            path.clone(),
            regular(&path).and_then(|()| std::fs::read(path)),
        )
        .0
    }

    /// The file, and what it holds: a pipe can be read once only.
    pub fn with_content(path: PathBuf) -> (Self, io::Result<Vec<u8>>) {
        let read = bounded(&path);
        Self::held(path, read)
    }

    fn held(path: PathBuf, read: io::Result<Vec<u8>>) -> (Self, io::Result<Vec<u8>>) {
        let mut hasher = DefaultHasher::new();
        read.as_ref().map_err(io::Error::kind).hash(&mut hasher);
        let content = hasher.finish();
        (Self { path, content }, read)
    }

    /// The same file as it is now. A pipe is as it was: to look at it would be to wait for who writes to it. A folder in
    /// its place is news as a file that is gone is.
    pub fn again(&self) -> Self {
        match regular(&self.path) {
            Err(_) if !self.path.is_dir() => self.clone(),
            _ => Self::of(self.path.clone()),
        }
    }
}

/// The bytes of a file that may be a pipe or a device. `/dev/zero` never ends.
fn bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    let file = std::fs::File::open(path)?;
    file.take(LARGEST + 1).read_to_end(&mut content)?;
    match content.len() as u64 {
        ..=LARGEST => Ok(content),
        _ => Err(io::Error::other("it is larger than 16 MiB")),
    }
}

/// Whether to open a file is to wait for nobody. One that is not there is not waited for.
fn regular(path: &Path) -> io::Result<()> {
    match std::fs::metadata(path) {
        Ok(found) if !found.is_file() => Err(io::Error::other("it is not a regular file")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn a_device_without_end_is_not_a_configuration() {
        let (_, content) = Seen::with_content(PathBuf::from("/dev/zero"));
        assert_eq!(content.unwrap_err().to_string(), "it is larger than 16 MiB");
        let (_, content) = Seen::with_content(PathBuf::from("/dev/null"));
        assert_eq!(content.unwrap(), b"");
    }

    #[test]
    fn what_holds_for_all_routes_is_a_part_of_each() {
        let shared = |text: &str| of_all_routes(&text.parse().unwrap());
        let plain = shared("listen = ':1'\ntrusted_proxies = ['10.0.0.0/8']");
        assert_eq!(
            plain,
            shared("listen = ':2'\nworkers = 3\ntrusted_proxies = ['10.0.0.0/8']")
        );
        for other in [
            "trusted_proxies = ['10.0.0.0/9']",
            "trusted_proxies = ['10.0.0.0/8']\n[cors]\nallow_origins = '*'",
            "trusted_proxies = ['10.0.0.0/8']\nguard = false",
        ] {
            assert_ne!(plain, shared(other), "{other}");
        }
    }
}
