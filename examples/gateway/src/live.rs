//! The served configuration, as one value that a reload replaces as a whole.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::{ArcSwap, Guard};
use http::{Request, Response};
use same_origin::cache::Cache;
use same_origin::proxy::{Body, Peer};
use tokio::sync::watch;
use tokio::task::spawn_blocking;

use crate::admin::{Caches, Upstreams};
use crate::config::{Config, Kept, Log, Seen};
use crate::observe::{AccessLog, ObservedBody};
use crate::routes::Table;
use crate::server::listen::tls::Tls;
use crate::server::{Current, ProxyProtocol, Settings};

/// The served configuration, and the way to serve another one.
pub struct Live {
    served: ArcSwap<Served>,
    settings: watch::Sender<Arc<Settings>>,
    has_metrics: bool,
    /// The number of workers.
    workers: usize,
}

/// All of a configuration that can be replaced while it is served.
pub struct Served {
    pub table: Table,
    pub caches: Caches,
    pub upstreams: Upstreams,
    pub reload_on_change: Option<Duration>,
    pub files: Vec<Seen>,
    pub kept: Kept,
    /// The number of connections that are wanted. There may be descriptors for fewer.
    connections: usize,
    log: Option<OpenLog>,
    tls: Option<Tls>,
}

/// An access log, and the settings that it was opened by.
#[derive(Clone)]
struct OpenLog {
    settings: Log,
    log: Arc<AccessLog>,
}

/// The access log of a configuration that is not served yet.
pub struct NextLog(Option<OpenLog>);

impl Live {
    /// # Errors
    ///
    /// The access log cannot be written to.
    pub fn new(config: Config, has_metrics: bool, workers: usize) -> Result<Self, String> {
        let log = opened_log(&config, None)?;
        let (served, settings) = prepare(config, log, None, has_metrics, workers);
        Ok(Self {
            served: ArcSwap::from_pointee(served),
            settings: watch::Sender::new(Arc::new(settings)),
            has_metrics,
            workers,
        })
    }

    /// The settings that connections begin with, now and after each reload.
    pub fn settings(&self) -> Current {
        self.settings.subscribe()
    }

    /// The configuration that is served now. Not to be held over an await: it would keep one that has been replaced.
    pub fn now(&self) -> Guard<Arc<Served>> {
        self.served.load()
    }

    /// The same, for as long as it takes.
    pub fn owned(&self) -> Arc<Served> {
        self.served.load_full()
    }

    /// The answer to a request of `peer`, by the table that is served when it comes.
    pub fn answer(
        &self,
        peer: &Peer,
        request: Request<Body>,
    ) -> impl Future<Output = Response<ObservedBody>> + Send + 'static + use<> {
        self.now().table.answer(peer, request)
    }

    /// The access log of the next configuration: the one that is open if its settings are the same. To open a file
    /// takes as long as its file system likes.
    ///
    /// # Errors
    ///
    /// The access log cannot be written to.
    pub fn next_log(&self, config: &Config) -> Result<NextLog, String> {
        opened_log(config, Some(&self.owned())).map(NextLog)
    }

    /// Serves another configuration from now on. Requests that have begun end as they began. Gives the number of
    /// routes that are the same.
    pub fn replace(&self, config: Config, NextLog(log): NextLog) -> usize {
        let before = self.served.load_full();
        let (served, settings) =
            prepare(config, log, Some(&before), self.has_metrics, self.workers);
        let served = Arc::new(served);
        self.served.store(Arc::clone(&served));
        self.settings.send_replace(Arc::new(settings));
        let_go(before.kept.caches_left_by(&served.kept));
        before.kept.give_way_to(&served.kept)
    }

    /// Opens the access log again, which may be another file by now.
    pub fn reopen_log(&self) {
        if let Some(open) = &self.now().log {
            open.log.reopen();
        }
    }

    /// Waits until all lines of the access log have been written, at the end.
    pub fn finish_log(&self) {
        if let Some(open) = &self.now().log {
            open.log.finish();
        }
    }
}

/// Empties caches that nobody looks up any more. A request that began before the reload may keep one for hours, and whoever
/// is the last to let go of many entries would be busy for as long as a second per gigabyte.
fn let_go(caches: Vec<Cache>) {
    if !caches.is_empty() {
        spawn_blocking(move || caches.iter().for_each(Cache::_let_go));
    }
}

/// Makes what is served of a configuration, and takes over what is the same as before.
fn prepare(
    config: Config,
    log: Option<OpenLog>,
    before: Option<&Served>,
    has_metrics: bool,
    workers: usize,
) -> (Served, Settings) {
    let tls = config
        .tls
        .map(|tls| tls.or_same(before.and_then(|before| before.tls.as_ref())));
    let settings = Settings {
        tls: tls.as_ref().map(|tls| tls.acceptor.clone()),
        limits: config.limits,
        makes_room: false,
        trusted: config.trusted_proxies.into(),
        proxy_protocol: ProxyProtocol::new(&config.proxy_protocol),
        delay: config.drain.delay,
        drain: config.drain.timeout,
    };
    let connections = config.limits.connections;
    let is_known = before.is_some_and(|before| before.connections == connections);
    let settings = settings.within_descriptors(workers, !is_known);
    let counts = before.map(|before| before.table.counts());
    let table = config.table.limited(settings.limits, counts);
    let access_log = log.as_ref().map(|open| &open.log);
    let served = Served {
        table: table.observed(access_log, has_metrics),
        caches: config.caches,
        upstreams: config.upstreams,
        reload_on_change: config.reload_on_change,
        files: config.files,
        kept: config.kept,
        connections,
        log,
        tls,
    };
    (served, settings)
}

/// The access log of a configuration, opened unless it is what is open already.
fn opened_log(config: &Config, before: Option<&Served>) -> Result<Option<OpenLog>, String> {
    let Some(settings) = &config.log else {
        return Ok(None);
    };
    let open = before.and_then(|before| before.log.as_ref());
    if let Some(open) = open.filter(|open| open.settings == *settings) {
        return Ok(Some(open.clone()));
    }
    match AccessLog::open(&settings.target, settings.format, settings.shows_queries) {
        Ok(log) => Ok(Some(OpenLog {
            settings: settings.clone(),
            log: Arc::new(log),
        })),
        // The file was checked: it is something that has changed since then.
        Err(error) => Err(format!(
            "log.access: cannot write to {}: {error}; name a file that may be written",
            settings.target
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::path::Path;

    use http_body_util::BodyExt;
    use tokio::runtime::Builder;
    use tower::{Layer, ServiceExt, service_fn};

    use super::*;
    use crate::config::Text;

    const CACHE: &str = "[[routes]]\nprefix = '/'\nupstream = 'http://127.0.0.1:1'\ncache = true\n";

    fn config(folder: &Path, text: &str, before: &Kept) -> Config {
        let path = folder.join("gateway.toml");
        std::fs::write(&path, text).unwrap();
        Config::of(&Text::read(&path), None, before).unwrap()
    }

    /// A request that began before a reload has the old cache for as long as it lasts.
    #[test]
    fn a_cache_that_is_replaced_gives_its_memory_back() {
        // One thread beside the worker: a task that is given to it later runs after the cache was emptied.
        let mut runtime = Builder::new_current_thread();
        let runtime = runtime.enable_all().max_blocking_threads(1).build();
        runtime.unwrap().block_on(replaced());
    }

    async fn replaced() {
        let folder = tempfile::tempdir().unwrap();
        let live = Live::new(config(folder.path(), CACHE, &Kept::default()), false, 1).unwrap();
        let of_request = live.now().caches.0[0].cache.clone();
        let upstream = service_fn(async |_: Request<Body>| {
            let response = Response::builder().header("cache-control", "max-age=60");
            Ok::<_, Infallible>(response.body(Body::from("stored")).unwrap())
        });
        let service = of_request.layer().layer(upstream);
        let answer = service.oneshot(Request::get("/a").body(Body::empty()).unwrap());
        answer.await.unwrap().into_body().collect().await.unwrap();
        let held = || of_request.stats().bytes;
        while held() == 0 {
            tokio::task::yield_now().await;
        }
        let replace = |text: &str| {
            let kept = live.now().kept.clone();
            let config = config(folder.path(), text, &kept);
            let log = live.next_log(&config).unwrap();
            live.replace(config, log)
        };
        assert_eq!(replace(&format!("drain = '1s'\n{CACHE}")), 1);
        assert_ne!(held(), 0);
        assert_eq!(replace(&format!("{CACHE}via = 'other'")), 0);
        spawn_blocking(|| {}).await.unwrap();
        assert_eq!(held(), 0);
    }
}
