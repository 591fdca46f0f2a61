//! From the table of a route that forwards to its service, with or without a cache before the upstream.

use std::sync::{Mutex, PoisonError};

use same_origin::cache::Cache;
use same_origin::guard::Guard;
use same_origin::proxy::{Client, ProxyBuilder};
use toml::{Table, Value};
use tower::Layer;
use tower::layer::layer_fn;

use super::upstreams::upstream_of;
use super::{LayerSettings, NOWHERE};
use crate::admin::CachedRoute;
use crate::compress::CompressLayer;
use crate::config::Checker;
use crate::config::kept::KeptRoute;
use crate::config::text::problems::join;
use crate::config::text::read::Read;
use crate::routes::{Around, Layered, Route};

impl Checker<'_> {
    /// A route that forwards its requests to an upstream.
    pub(super) fn proxy_route(
        &mut self,
        at: &str,
        mut table: Table,
        layers: LayerSettings,
    ) -> Option<KeptRoute> {
        self.upstream_or_nowhere(at, &mut table);
        self.without_files(at, &mut table);
        let rewrites_origin = table.get("rewrite_origin").and_then(Value::as_bool) == Some(true);
        let cache = table.remove("cache");
        let prefix = table.get("prefix").and_then(Value::as_str);
        let cache = self.cache(&join(at, "cache"), cache, prefix);
        let trusted_proxies = self.trusted_by(&table);
        let (builder, read) = self.proxy(at, table)?;
        let around = Around {
            edge: layers.edge,
            compress: layers
                .codings
                .first()
                .map(|_| CompressLayer(layers.codings)),
            trusted_proxies,
            ..self.around(
                &layers.name,
                &layers.guard_at,
                layers.cors.as_ref(),
                layers.guarding.as_ref(),
            )
        };
        // The request of another site's page would reach the upstream as one of its own pages'.
        if rewrites_origin && around.guard.as_ref().is_none_or(Guard::is_report_only) {
            let message =
                "the guard of this route is off or reports only; switch it on, or remove this";
            self.problems.add(join(at, "rewrite_origin"), message);
        }
        match cache {
            None => self.uncached(at, &builder, &read, around),
            Some(cache) => self.cached(at, &builder, &read, around, cache),
        }
    }

    fn uncached(
        &mut self,
        at: &str,
        builder: &ProxyBuilder,
        read: &Read<ProxyBuilder>,
        around: Around,
    ) -> Option<KeptRoute> {
        let proxy = self.built(at, builder.build(), |key| read.original(key))?;
        let (counted, mounted) = (proxy.clone(), proxy.clone());
        let connections = move || counted.connections();
        let upstream = upstream_of(prefix_of(builder), connections, &proxy);
        let route = Route::Proxy(Layered::new(proxy, around));
        Some(KeptRoute::new(route, upstream, None, move || {
            mounted.unmount()
        }))
    }

    fn cached(
        &mut self,
        at: &str,
        builder: &ProxyBuilder,
        read: &Read<ProxyBuilder>,
        around: Around,
        cache: Cache,
    ) -> Option<KeptRoute> {
        // The client behind the cache counts the connections.
        let own = Mutex::new(None);
        let built = builder.build_with_layer(&layer_fn(|client: Client| {
            *own.lock().unwrap_or_else(PoisonError::into_inner) = Some(client.clone());
            cache.layer().layer(client)
        }));
        let proxy = self.built(at, built, |key| read.original(key))?;
        let own = own.into_inner().unwrap_or_else(PoisonError::into_inner);
        let connections = move || own.as_ref().map_or(0, Client::connections);
        let upstream = upstream_of(prefix_of(builder), connections, &proxy);
        let (mapper, mounted) = (proxy.clone(), proxy.clone());
        let cached = CachedRoute {
            cache,
            prefix: prefix_of(builder),
            to_upstream: Box::new(move |path| mapper.upstream_path(path)),
        };
        let route = Route::Cached(Box::new(Layered::new(proxy, around)));
        let unmount = move || mounted.unmount();
        Some(KeptRoute::new(route, upstream, Some(cached), unmount))
    }

    /// Puts an address in the place of an upstream that is missing or not a text, so that the other keys can be
    /// checked.
    fn upstream_or_nowhere(&mut self, at: &str, table: &mut Table) {
        if !table.contains_key("upstream") {
            let message = "missing; write a URL here, or a directory in `dir`";
            self.problems.push(join(at, "upstream"), message);
            table.insert("upstream".to_owned(), NOWHERE.into());
        }
        let is_address = |value: &Value| match value {
            Value::Array(list) => list.iter().all(Value::is_str),
            value => value.is_str(),
        };
        let expected = "a URL or a list of URLs";
        self.stand_in(at, table, ("upstream", NOWHERE), is_address, expected);
    }

    /// Refuses the keys of a route of files.
    fn without_files(&mut self, at: &str, table: &mut Table) {
        for key in ["dir", "spa"] {
            if table.remove(key).is_some() {
                let message = "a route has either an `upstream` or a `dir`, with or without `spa`";
                self.problems.push(join(at, key), message);
            }
        }
    }
}

/// The public prefix of a route without a trailing slash.
fn prefix_of(builder: &ProxyBuilder) -> String {
    builder.public_prefix().trim_end_matches('/').to_owned()
}
