//! A route that forwards: what the file says of it, and what would go wrong with it.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use ipnet::IpNet;
use same_origin::proxy::{_canonical_network, _masked_address, _pem as pem, ProxyBuilder};
use toml::{Table, Value};

use super::own_address::is_own;
use crate::config::Checker;
use crate::config::text::place::Source;
use crate::config::text::problems::join;
use crate::config::text::read::{Read, read};
use crate::edge::request_id;

impl Checker<'_> {
    /// The builder of a route's proxy, and the same as the file has it; or the problems that it has.
    pub(super) fn proxy(
        &mut self,
        at: &str,
        mut table: Table,
    ) -> Option<(ProxyBuilder, Read<ProxyBuilder>)> {
        let has_files = self.upstream_tls_files(at, &mut table);
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
        if self.edge.ids {
            builder = builder.request_id(request_id::NAME);
        }
        if !trusts {
            builder = builder.trusted_proxies(self.trusted_proxies.iter().copied());
        }
        has_files.then_some((builder, read))
    }

    /// Makes the files of `upstream_tls` paths from anywhere, and checks them. Returns whether they can be read. If they
    /// cannot, the table is taken out, so that the rest of the route is checked all the same.
    fn upstream_tls_files(&mut self, at: &str, table: &mut Table) -> bool {
        let Some(Value::Table(tls)) = table.get_mut("upstream_tls") else {
            return true;
        };
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
            table.remove("upstream_tls");
            return false;
        }
        if let Some(file) = tls.get("cert").and_then(Value::as_str).map(Path::new)
            // A file that cannot be read is told of by the proxy.
            && let Ok(chain) = pem::chain(file)
        {
            self.dates(&join(at, "upstream_tls.cert"), file, &chain);
        }
        true
    }

    /// Peers whose word a route takes: its own, or those of the file. The proxy refuses entries that are not networks.
    pub(super) fn trusted_by(&self, table: &Table) -> Arc<[IpNet]> {
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
    pub(in crate::config) fn marked_upstreams(&self, at: &str, table: &Table) -> Vec<String> {
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
pub(in crate::config) fn hint_of_prefix(routes: &[String], source: &Source<'_>) -> Option<String> {
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
