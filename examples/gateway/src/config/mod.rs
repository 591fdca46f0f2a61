//! The configuration file: read, checked as a whole, and made into what is served.
//!
//! Paths in it are relative to the file.

mod admin;
mod cors;
mod drain;
mod edge;
mod guard;
mod kept;
pub mod listen;
mod log;
mod reload;
mod route;
mod server;
mod text;
mod tls;
mod values;

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::string::FromUtf8Error;
use std::time::Duration;

use admin::AdminTable;
pub use drain::Drain;
use guard::Guarding;
use ipnet::IpNet;
pub use kept::{Kept, Seen};
pub use log::Log;
use log::LogTable;
pub use route::made as routes_made;
use same_origin::cors::{CorsLayer, CorsPolicy};
use serde::Deserialize;
use server::Server;
use text::environment::Filled;
use text::parse::Parsed;
use text::place::Source;
pub use text::problems::Problems;
use text::read::{LeftOut, Read, read};
use tls::TlsFiles;

use crate::admin::{Caches, Upstreams};
use crate::edge::{Edge, request_id};
use crate::routes::{Around, Table};
use crate::server::WORKERS;
use crate::server::limits::Limits;
use crate::server::listen::tls::Tls;

/// The configuration of the gateway, checked.
pub struct Config {
    pub listen: SocketAddr,
    pub drain: Drain,
    /// The address of the admin listener, if there is one.
    pub admin: Option<SocketAddr>,
    pub log: Option<Log>,
    pub workers: Option<u32>,
    pub limits: Limits,
    pub tls: Option<Tls>,
    /// Peers whose word on the client is taken.
    pub trusted_proxies: Vec<IpNet>,
    /// Peers whose connections begin with a header of the PROXY protocol.
    pub proxy_protocol: Vec<IpNet>,
    pub table: Table,
    pub caches: Caches,
    pub upstreams: Upstreams,
    /// The interval at which the files are looked at for changes, if they are.
    pub reload_on_change: Option<Duration>,
    /// The files that this was read from, as they were then or before.
    pub files: Vec<Seen>,
    /// The parts that the next configuration takes over.
    pub kept: Kept,
    /// Settings that are allowed and yet hardly meant, each with its key.
    pub warnings: Problems,
    /// Advice for applications that know their public prefix, if a route may lead to one.
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
    proxy_protocol: Option<Vec<String>>,
    cors: Option<toml::Table>,
    guard: Option<toml::Value>,
    reload_on_change: Option<toml::Value>,
    rate_limit: Option<toml::Value>,
    request_id: Option<bool>,
    routes: Option<Vec<toml::Table>>,
}

/// The state that the checks of all parts share.
struct Checker<'a> {
    /// The folder that paths are relative to.
    folder: &'a Path,
    /// The address on which the gateway listens, if it is known, and that of its admin listener.
    listen: Option<SocketAddr>,
    admin: Option<SocketAddr>,
    /// Texts that variables have changed.
    filled: Vec<Filled>,
    problems: Problems,
    trusted_proxies: Vec<IpNet>,
    caches: Caches,
    upstreams: Upstreams,
    /// Prefixes of routes on whose upstreams readiness hangs.
    ready_upstreams: Option<toml::Value>,
    /// Whether there is an access log, and whether there are metrics.
    logs: bool,
    counts: bool,
    /// Whether there is a policy for all routes, be it one that cannot be made.
    has_cors: bool,
    /// The settings for requests of every route that says nothing else.
    edge: Edge,
    warnings: Problems,
    files: Vec<Seen>,
    /// The settings that hold for all routes, as text.
    of_all_routes: String,
    /// The parts that the configuration before this one has left.
    before: &'a Kept,
    kept: Kept,
    /// Routes whose upstreams do not know the prefix, so that what they say of paths gets it.
    mapped_back: Vec<String>,
}

/// The text of a file before it is checked.
pub struct Text {
    path: PathBuf,
    file: Seen,
    content: io::Result<String>,
}

impl Text {
    /// Reads a file, which takes as long as whoever writes to a pipe likes.
    pub fn read(path: &Path) -> Self {
        let (file, content) = Seen::with_content(path.to_owned());
        let content = content.and_then(|bytes| String::from_utf8(bytes).map_err(|it| no_utf8(&it)));
        Self {
            path: path.to_owned(),
            file,
            content,
        }
    }
}

/// Some editors and shells of Windows write UTF-16.
fn no_utf8(error: &FromUtf8Error) -> io::Error {
    let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
    let line = 1 + good.iter().filter(|byte| **byte == b'\n').count();
    let message = format!("line {line} is not UTF-8; save the file in UTF-8");
    io::Error::new(ErrorKind::InvalidData, message)
}

impl Config {
    /// The configuration of a file. `listen` is where the gateway listens, whatever the file says.
    ///
    /// # Errors
    ///
    /// Every problem of the file.
    pub fn load(path: &Path, listen: Option<SocketAddr>) -> Result<Self, Problems> {
        Self::of(&Text::read(path), listen, &Kept::default())
    }

    /// The same, of a file that has been read. It follows another configuration, and takes over what is the same.
    ///
    /// # Errors
    ///
    /// Every problem of the file.
    pub fn of(text: &Text, listen: Option<SocketAddr>, before: &Kept) -> Result<Self, Problems> {
        let Text {
            path,
            file,
            content,
        } = text;
        let text = content.as_ref().map_err(|error| {
            let mut problems = Problems::default();
            problems.push(
                "--config",
                format!("cannot read {}: {error}", path.display()),
            );
            problems
        })?;
        let name = path.display().to_string();
        let folder = path.parent().unwrap_or(Path::new(""));
        let mut config = Self::parse_after(text, &name, folder, listen, before)?;
        config.files.push(file.clone());
        Ok(config)
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
        Self::parse_after(text, name, folder, listen, &Kept::default())
    }

    fn parse_after(
        text: &str,
        name: &str,
        folder: &Path,
        listen: Option<SocketAddr>,
        before: &Kept,
    ) -> Result<Self, Problems> {
        let source = Source::new(name, text);
        let mut checker = Checker {
            folder,
            listen,
            admin: None,
            filled: Vec::new(),
            problems: Problems::default(),
            trusted_proxies: Vec::new(),
            caches: Caches::default(),
            upstreams: Upstreams::default(),
            ready_upstreams: None,
            logs: false,
            counts: false,
            has_cors: false,
            edge: Edge::default(),
            warnings: Problems::default(),
            files: Vec::new(),
            of_all_routes: String::new(),
            before,
            kept: before.shared(),
            mapped_back: Vec::new(),
        };
        let config = match text::parse::parse(text, &source) {
            Ok(parsed) => checker.filled_config(parsed),
            Err(error) => {
                checker.syntax(&source, text, &error);
                None
            }
        };
        checker.problems.locate(&source);
        let mut config = checker.problems.or(config)?;
        config.warnings.locate(&source);
        config.hint = route::proxy::hint_of_prefix(&checker.mapped_back, &source);
        Ok(config)
    }
}

impl Checker<'_> {
    fn syntax(&mut self, source: &Source<'_>, text: &str, error: &toml::de::Error) {
        let span = error.span().unwrap_or_default();
        let place = source.place_at(span.start);
        let message = text::syntax::told(error.message(), text, span);
        self.problems.push_at(place, message);
    }

    /// The configuration with the variables of the environment put in.
    fn filled_config(&mut self, parsed: Parsed) -> Option<Config> {
        let Parsed {
            mut table,
            mut failed,
            mut problems,
        } = parsed;
        let variable = |name: &str| std::env::var(name);
        let (filled, unset) = text::environment::put_in(&mut table, &variable, &mut problems);
        failed.extend(unset);
        self.filled = filled;
        let mut config = self.config(table);
        // Faults of a value that is not complete are not news.
        self.problems.replace(&failed, problems);
        self.problems.hide_values(&self.filled);
        if let Some(config) = &mut config {
            config.warnings.hide_values(&self.filled);
        }
        config
    }

    fn config(&mut self, table: toml::Table) -> Option<Config> {
        self.of_all_routes = kept::of_all_routes(&table);
        let Read {
            value: mut file,
            left_out,
        } = read::<File>(table, "", &[], &mut self.problems)?;
        let listen = self.listen_at(file.listen.as_deref());
        self.listen = self.listen.or(listen);
        let drain = self.drain(file.drain.take());
        let log = file.log.take().and_then(|table| self.log(table));
        self.logs = log.is_some();
        self.counts = self.before.counts.unwrap_or(file.admin.is_some());
        self.kept.counts = Some(self.counts);
        let admin = file.admin.take().map(|admin| self.admin(admin));
        let workers = file
            .workers
            .map(|count| self.within("workers", count, WORKERS));
        let limits = self.limits(&file.server.take().unwrap_or_default());
        let tls = file.tls.take().map(|files| self.tls(&files));
        self.trusted_proxies =
            self.networks("trusted_proxies", file.trusted_proxies.take(), &left_out);
        let proxy_protocol = self.networks("proxy_protocol", file.proxy_protocol.take(), &left_out);
        let reload_on_change = self.reload_on_change(file.reload_on_change.take());
        let table = self.table(file, &left_out, limits);
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
            table,
            trusted_proxies: self.trusted_proxies.clone(),
            proxy_protocol,
            warnings: std::mem::take(&mut self.warnings),
            hint: None,
            caches: std::mem::take(&mut self.caches),
            upstreams: std::mem::take(&mut self.upstreams),
            reload_on_change,
            files: std::mem::take(&mut self.files),
            kept: std::mem::take(&mut self.kept),
        })
    }

    /// The routes, and what holds for all of them.
    fn table(&mut self, file: File, left_out: &LeftOut, limits: Limits) -> Table {
        self.has_cors = file.cors.is_some();
        let cors = file.cors.and_then(|table| self.cors("cors", table));
        let guarding = self.guarding("guard", file.guard, Some(Guarding::default()));
        let limit = file.rate_limit;
        let limit = limit.and_then(|value| self.rate_limit("rate_limit", value));
        self.edge = Edge {
            limit: self.limit_or_same(limit),
            security: None,
            ids: file.request_id.unwrap_or_default(),
        };
        self.check_ready_upstreams(file.routes.as_deref().unwrap_or_default());
        let routes = self.routes(file.routes, left_out, cors.as_ref(), guarding.as_ref());
        // A request that matches no route has nothing to guard but the name of the server.
        let guarding = guarding.filter(Guarding::names_hosts);
        let around = Around {
            edge: self.edge.clone(),
            ..self.around("none", "guard", cors.as_ref(), guarding.as_ref())
        };
        Table::new(routes, around, limits)
    }

    /// The layers around the service of a route.
    fn around(
        &mut self,
        route: &str,
        at: &str,
        cors: Option<&CorsPolicy>,
        guarding: Option<&Guarding>,
    ) -> Around {
        Around {
            cors: cors.cloned().map(|policy| {
                let id = self.edge.ids.then_some(request_id::NAME);
                let layer = CorsLayer::_of_route(policy, route, id);
                layer.tell_refusals(self.logs || self.counts)
            }),
            guard: guarding.and_then(|guarding| self.guard(at, guarding, cors)),
            compress: None,
            edge: Edge::default(),
            route: route.into(),
            trusted_proxies: self.trusted_proxies.as_slice().into(),
        }
    }
}
