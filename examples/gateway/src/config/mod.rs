//! The configuration file: read, checked as a whole, and made into what is served.
//!
//! Paths in it are relative to the file.

mod cache;
mod compress;
mod drain;
mod guard;
mod headers;
pub mod listen;
mod log;
mod own_address;
mod place;
mod problems;
mod read;
mod route;
mod server;
mod wording;

pub use problems::Problems;

use crate::admin::Caches;
use crate::routes::{Around, Table};
use crate::server::limits::Limits;
use crate::server::runtime::WORKERS;
use crate::server::tls;
pub use drain::Drain;
use guard::Guarding;
use humantime::parse_duration;
use ipnet::IpNet;
pub use log::Log;
use log::LogTable;
use place::Source;
use problems::join;
use read::read;
use same_origin::cors::{CorsBuilder, CorsLayer, CorsPolicy};
use same_origin::proxy::{Mounts, Tunnels};
use serde::Deserialize;
use server::Server;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio_rustls::TlsAcceptor;
use wording::no_network;

/// What the gateway serves, checked.
pub struct Config {
    pub listen: SocketAddr,
    pub drain: Drain,
    /// Where the admin listener listens, if there is one.
    pub admin: Option<SocketAddr>,
    pub log: Option<Log>,
    pub workers: Option<u32>,
    pub limits: Limits,
    pub tls: Option<TlsAcceptor>,
    /// Peers whose word on the client is taken.
    pub trusted_proxies: Vec<IpNet>,
    pub table: Table,
    pub tunnels: Tunnels,
    pub caches: Caches,
    /// What is allowed and yet hardly meant, each with its key.
    pub warnings: Problems,
    /// Good to know, if an application behaves as many do.
    pub hint: Option<String>,
}

/// The file as it is written. Nothing is required here, so that what is missing is found together
/// with everything else.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    listen: Option<String>,
    drain: Option<toml::Value>,
    admin: Option<AdminTable>,
    log: Option<LogTable>,
    workers: Option<i64>,
    server: Option<Server>,
    tls: Option<TlsFiles>,
    trusted_proxies: Option<Vec<String>>,
    cors: Option<toml::Table>,
    guard: Option<toml::Value>,
    routes: Option<Vec<toml::Table>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AdminTable {
    listen: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TlsFiles {
    cert: PathBuf,
    key: PathBuf,
}

/// A longer time is hardly meant, and could lie beyond what the clock can tell.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// What the checks of all parts share.
struct Checker<'a> {
    /// The folder that paths are relative to.
    folder: &'a Path,
    /// Where the gateway listens, if that is known.
    listen: Option<SocketAddr>,
    problems: Problems,
    trusted_proxies: Vec<IpNet>,
    mounts: Mounts,
    tunnels: Tunnels,
    caches: Caches,
    warnings: Problems,
    /// Routes whose upstreams do not know the prefix, so that what they say of paths gets it.
    mapped_back: Vec<String>,
}

impl Config {
    /// The configuration of a file. `listen` is where the gateway listens, whatever the file says.
    ///
    /// # Errors
    ///
    /// Every problem of the file.
    pub fn load(path: &Path, listen: Option<SocketAddr>) -> Result<Self, Problems> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            let mut problems = Problems::default();
            problems.push(
                "--config",
                format!("cannot read {}: {error}", path.display()),
            );
            problems
        })?;
        let name = path.display().to_string();
        Self::parse(&text, &name, path.parent().unwrap_or(Path::new("")), listen)
    }

    /// # Errors
    ///
    /// Every problem of the text.
    pub fn parse(
        text: &str,
        name: &str,
        folder: &Path,
        listen: Option<SocketAddr>,
    ) -> Result<Self, Problems> {
        let source = Source::new(name, text);
        let mut checker = Checker {
            folder,
            listen,
            problems: Problems::default(),
            trusted_proxies: Vec::new(),
            mounts: Mounts::new(),
            tunnels: Tunnels::new(),
            caches: Caches::default(),
            warnings: Problems::default(),
            mapped_back: Vec::new(),
        };
        let config = match text.parse() {
            Ok(table) => checker.config(table),
            Err(error) => {
                checker.syntax(&source, text, &error);
                None
            }
        };
        checker.problems.locate(&source);
        let mut config = checker.problems.or(config)?;
        config.warnings.locate(&source);
        config.hint = route::hint_of_prefix(&checker.mapped_back, &source);
        Ok(config)
    }
}

impl Checker<'_> {
    fn syntax(&mut self, source: &Source<'_>, text: &str, error: &toml::de::Error) {
        let span = error.span().unwrap_or_default();
        let place = source.place_at(span.start);
        let message = match (error.message(), text.get(span)) {
            ("duplicate key", Some(key)) => &format!("duplicate key {key}"),
            (message, _) => message,
        };
        self.problems.push_at(place, message);
    }

    fn config(&mut self, table: toml::Table) -> Option<Config> {
        let file: File = read(table, "", &[], &mut self.problems)?.value;
        let listen = match file.listen.as_deref() {
            None => Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080)),
            Some(text) => self.value("listen", listen::address(text), |message| message),
        };
        self.listen = self.listen.or(listen);
        let drain = self.drain(file.drain);
        let log = file.log.and_then(|table| self.log(table));
        let admin = file.admin.map(|admin| self.admin(&admin));
        let workers = file
            .workers
            .map(|count| self.within("workers", count, WORKERS));
        let limits = self.limits(&file.server.unwrap_or_default());
        let tls = file.tls.map(|files| self.tls(&files));
        self.trust(&file.trusted_proxies.unwrap_or_default());
        let cors = file.cors.map(|table| self.cors("cors", table));
        let cors = cors.flatten();
        let guarding = self.guarding("guard", file.guard, Some(Guarding::default()));
        let routes = self.routes(file.routes, cors.as_ref(), guarding.as_ref());
        let rest = guarding.as_ref().filter(|guarding| guarding.names_hosts);
        let around = self.around("guard", cors.as_ref(), rest);
        Some(Config {
            listen: listen?,
            drain: drain?,
            admin: match admin {
                Some(admin) => Some(admin?),
                None => None,
            },
            log,
            workers,
            limits,
            tls: match tls {
                Some(tls) => Some(tls?),
                None => None,
            },
            table: Table::new(routes, around, limits),
            trusted_proxies: self.trusted_proxies.clone(),
            warnings: std::mem::take(&mut self.warnings),
            hint: None,
            tunnels: self.tunnels.clone(),
            caches: std::mem::take(&mut self.caches),
        })
    }

    /// A value, or the problem that there is none.
    fn value<T, E>(
        &mut self,
        key: &str,
        value: Result<T, E>,
        message: impl FnOnce(E) -> String,
    ) -> Option<T> {
        match value {
            Ok(value) => Some(value),
            Err(error) => {
                self.problems.push(key, message(error));
                None
            }
        }
    }

    fn duration(&mut self, key: &str, text: &str) -> Option<Duration> {
        let duration = self.value(key, parse_duration(text), |error| {
            format!("{text:?} is no duration ({error}); write \"30s\" or \"500ms\"")
        })?;
        if duration > LONGEST {
            let message = format!("{text:?} is longer than a year; write \"30s\" or \"500ms\"");
            self.problems.push(key, message);
            return None;
        }
        Some(duration)
    }

    fn admin(&mut self, admin: &AdminTable) -> Option<SocketAddr> {
        let Some(text) = &admin.listen else {
            let message = "missing; write \"127.0.0.1:9090\", or remove the table [admin]";
            self.problems.push("admin.listen", message);
            return None;
        };
        let address = self.value("admin.listen", listen::address(text), |message| message)?;
        if !address.ip().is_loopback() {
            let warning = "whoever reaches this address can read the metrics and empty the caches; \
                           write \"127.0.0.1:9090\", unless the network keeps others out";
            self.warnings.push("admin.listen", warning);
        }
        Some(address)
    }

    fn trust(&mut self, networks: &[String]) {
        for (index, text) in networks.iter().enumerate() {
            let key = format!("trusted_proxies[{index}]");
            let network = self.value(&key, text.parse::<IpNet>(), |_| no_network(text));
            self.trusted_proxies.extend(network);
        }
    }

    fn tls(&mut self, files: &TlsFiles) -> Option<TlsAcceptor> {
        let chain = tls::certificates(&self.folder.join(&files.cert));
        let chain = self.value("tls.cert", chain, |message| message);
        let key = tls::private_key(&self.folder.join(&files.key));
        let key = self.value("tls.key", key, |message| message);
        let acceptor = tls::acceptor(chain?, key?);
        self.value("tls", acceptor, |error| {
            format!("certificate and key do not serve together: {error}")
        })
    }

    /// What lies around the service of a route.
    fn around(
        &mut self,
        at: &str,
        cors: Option<&CorsPolicy>,
        guarding: Option<&Guarding>,
    ) -> Around {
        Around {
            cors: cors.cloned().map(CorsLayer::from),
            guard: guarding.and_then(|guarding| self.guard(at, guarding, cors)),
            compress: None,
            trusted_proxies: self.trusted_proxies.as_slice().into(),
        }
    }

    fn cors(&mut self, at: &str, table: toml::Table) -> Option<CorsPolicy> {
        let read = read::<CorsBuilder>(table, at, &[], &mut self.problems)?;
        match read.value.build() {
            Ok(policy) => {
                for warning in policy.warnings() {
                    self.warnings.push(join(at, warning.key()), warning);
                }
                Some(policy)
            }
            Err(errors) => {
                for error in &errors {
                    let index = error.index().map(|index| format!("[{index}]"));
                    let key = format!("{}{}", error.key(), index.unwrap_or_default());
                    self.problems.add(join(at, &read.original(&key)), error);
                }
                None
            }
        }
    }
}
