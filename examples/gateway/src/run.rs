//! The gateway as a configuration says: its listeners, from the start to the end of the drain.

use crate::admin::{Admin, Caches, Health};
use crate::config::{Config, Log};
use crate::observe::{AccessLog, Metrics};
use crate::server::limits::Limits;
use crate::server::{self, Listener, Stop};
use crate::{Error, say};
use http::Request;
use hyper::body::Incoming;
use same_origin::proxy::Peer;
use std::future::ready;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// How long an answer of the admin listener may take when it stops.
const ADMIN_DRAIN: Duration = Duration::from_secs(1);

/// Serves what a configuration says, until it is told to stop.
pub async fn gateway(config: Config, listen: Option<SocketAddr>) -> Result<(), Error> {
    let health = Arc::new(Health::default());
    let caches = Arc::new(config.caches);
    let address = listen.unwrap_or(config.listen);
    let listener = Listener::bind("listen", address, config.tls).await?;
    let limits = config.limits.within_descriptors();
    let listener = listener.limited(limits, &config.trusted_proxies);
    // It goes on to answer until all else has ended, so that a probe can tell a drain from a crash.
    let (ended, admin_stop) = tokio::sync::watch::channel(());
    if let Some(address) = config.admin {
        let listener = Listener::bind("admin.listen", address, None).await?;
        let listener = listener.limited(admin_limits(), &[]);
        let admin = Admin {
            health: Arc::clone(&health),
            caches: Arc::clone(&caches),
            metrics: Metrics::install()?,
        };
        tracing::info!("admin listening on {}", listener.origin()?);
        tokio::spawn(serve_admin(listener, admin, admin_stop));
    }
    let log = config.log.as_ref().map(open_log).transpose()?;
    on_empty_caches(&caches)?;
    on_reopen(log.as_ref())?;
    let stop = server::shutdown::on_signal(&health, config.drain.delay)?;
    health.serving();
    say(&format!("listening on {}", listener.origin()?))?;
    let table = config.table.limited(limits);
    let table = table.observed(log.as_ref(), config.admin.is_some());
    let (table, tunnels) = (Arc::new(table), config.tunnels);
    let handle = move |peer: &Peer, request| table.answer(peer, request);
    // On a worker, where the connections are, rather than on the thread that waits for it.
    let serving = server::serve(listener, handle, stop, config.drain.timeout);
    let end = tokio::spawn(serving).await?;
    // Upgraded connections are the tunnels' and no longer the server's.
    let _cut = tokio::time::timeout_at(end, tunnels.closed()).await;
    drop(ended);
    Ok(())
}

/// Probes and an operator are few, and must not take the descriptors of those who are served.
fn admin_limits() -> Limits {
    Limits {
        connections: 64,
        ..Limits::default()
    }
}

async fn serve_admin(listener: Listener, admin: Admin, stop: Stop) {
    let handle = move |_: &Peer, request: Request<Incoming>| ready(admin.answer(&request));
    server::serve(listener, handle, stop, ADMIN_DRAIN).await;
}

fn open_log(log: &Log) -> Result<Arc<AccessLog>, String> {
    let opened = AccessLog::open(&log.target, log.format, log.shows_queries);
    opened
        .map(Arc::new)
        .map_err(|error| format!("log.access: cannot write to {:?}: {error}", log.target))
}

/// SIGHUP opens the access log again, after it has been moved away.
#[cfg(unix)]
fn on_reopen(log: Option<&Arc<AccessLog>>) -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut signals = signal(SignalKind::hangup())?;
    let log = log.cloned();
    tokio::spawn(async move {
        while signals.recv().await.is_some() {
            if let Some(log) = &log {
                log.reopen();
                tracing::info!("SIGHUP: the access log is opened again");
            }
        }
    });
    Ok(())
}

#[cfg(not(unix))]
fn on_reopen(_: Option<&Arc<AccessLog>>) -> std::io::Result<()> {
    Ok(())
}

/// SIGUSR1 empties the caches, as with Varnish and Squid an operator's command does.
#[cfg(unix)]
fn on_empty_caches(caches: &Arc<Caches>) -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let caches = Arc::clone(caches);
    let mut signals = signal(SignalKind::user_defined1())?;
    tokio::spawn(async move {
        while signals.recv().await.is_some() {
            caches.clear();
            tracing::info!("SIGUSR1: the caches are empty");
        }
    });
    Ok(())
}

#[cfg(not(unix))]
fn on_empty_caches(_: &Arc<Caches>) -> std::io::Result<()> {
    Ok(())
}
