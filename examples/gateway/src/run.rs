//! The gateway as a configuration says: its listeners, from the start to the end of the drain.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use same_origin::proxy::{Body, Peer, Tunnels};

use crate::admin::{self, Admin, Health};
use crate::args::Args;
use crate::config::Config;
use crate::live::Live;
use crate::observe::Metrics;
use crate::reload::{Fixed, Reloader, Source};
use crate::server::limits::Limits;
use crate::server::listen::sockets::Sockets;
use crate::server::notify;
use crate::server::{self, AnyHandler, Current, Listener, Settings, Stop, Workers};
use crate::signals::{Heard, Signals};
use crate::{Error, say};

/// The time that an answer of the admin listener may take when it stops.
const ADMIN_DRAIN: Duration = Duration::from_secs(1);

/// The time that a connection to the admin listener may be silent. Others wait for its place.
const ADMIN_SILENCE: Duration = Duration::from_secs(2);

/// Serves what a configuration says, until it is told to stop.
pub async fn gateway(
    config: Config,
    path: &Path,
    args: &Args,
    sockets: Sockets,
    signals: Signals,
    workers: &Workers,
) -> Result<(), Error> {
    let fixed = fixed(&config, args, &sockets);
    let addresses = (args.listen.unwrap_or(config.listen), config.admin);
    let tunnels = config.kept.tunnels.clone();
    // Before there are routes, as what they count is counted by it.
    let metrics = addresses.1.map(|_| Metrics::install()).transpose()?;
    let live = Arc::new(Live::new(config, metrics.is_some(), workers.count())?);
    let (listener, admin) = listen(addresses, sockets, live.settings()).await?;
    let health = Arc::new(Health::default());
    // It goes on to answer until all else has ended, so that a probe can tell a drain from a crash.
    let (ended, admin_stop) = tokio::sync::watch::channel(());
    if let (Some(listener), Some(metrics)) = (admin, metrics) {
        let admin = Admin {
            health: Arc::clone(&health),
            live: Arc::clone(&live),
            guard: admin::guard(listener.address()?.ip())?,
            metrics,
        };
        tracing::info!("admin listening on {}", listener.origin()?);
        tokio::spawn(serve_admin(listener, admin, admin_stop));
    }
    tokio::spawn(empty_caches(Arc::clone(&live), signals.empty_caches));
    let reloader = Reloader {
        path: path.to_owned(),
        listen: args.listen,
        fixed,
        live: Arc::clone(&live),
    };
    tokio::spawn(reloader.run(signals.hangups));
    let stop = server::shutdown::on_signal(signals.stop, &health, live.settings());
    tokio::spawn(tell_tunnels(tunnels.clone(), stop.clone()));
    health.serving();
    say(&format!("listening on {}", listener.origin()?))?;
    notify::tell(notify::READY);
    let served = Arc::clone(&live);
    let handle = move |peer: &Peer, request| served.answer(peer, request);
    let stopped = server::serve(listener.served_by(workers.clone()), handle, stop).await;
    // Upgraded connections are the tunnels' and no longer the server's.
    tokio::select! {
        biased;
        () = tunnels.closed() => {}
        _drain = server::drain_is_over(stopped, live.settings()) => {}
    }
    live.finish_log();
    drop(ended);
    Ok(())
}

/// The settings that stay until the end of the process.
fn fixed(config: &Config, args: &Args, sockets: &Sockets) -> Fixed {
    Fixed {
        listen: match (args.listen, &sockets.listen) {
            (None, None) => Source::File(Some(config.listen)),
            _ => Source::Elsewhere,
        },
        admin: match &sockets.admin {
            None => Source::File(config.admin),
            Some(_) => Source::Elsewhere,
        },
        workers: config.workers,
    }
}

/// The listener of the gateway and that of its admin: on the sockets that were passed, else at the addresses.
async fn listen(
    (address, admin): (SocketAddr, Option<SocketAddr>),
    sockets: Sockets,
    settings: Current,
) -> Result<(Listener, Option<Listener>), Error> {
    if sockets.admin.is_some() && admin.is_none() {
        let problem = "LISTEN_FDNAMES: a socket was passed for `admin`, which the configuration does not have; \
                       write the table [admin], or pass one socket";
        return Err(problem.into());
    }
    let listener = match sockets.listen {
        Some(socket) => Listener::of_socket(socket, settings)?,
        None => Listener::bind("listen", address, settings).await?,
    };
    let admin = match (admin, sockets.admin) {
        (_, Some(socket)) => {
            let listener = Listener::of_socket(socket, admin_settings())?;
            warn_of_strangers(&listener)?;
            Some(listener)
        }
        (Some(address), None) => {
            Some(Listener::bind("admin.listen", address, admin_settings()).await?)
        }
        (None, None) => None,
    };
    Ok((listener, admin))
}

/// Warns of a passed socket as the check warns of an address in the file.
fn warn_of_strangers(admin: &Listener) -> Result<(), Error> {
    let address = admin.address()?;
    if !address.ip().to_canonical().is_loopback() {
        tracing::warn!(
            "LISTEN_FDS: the socket for `admin` is bound to {address}, and whoever reaches it can read the metrics and \
             empty the caches; pass one of 127.0.0.1, unless the network keeps others out"
        );
    }
    Ok(())
}

/// Probes and an operator are few, and must not take the descriptors of those who are served.
fn admin_settings() -> Current {
    let mut settings = Settings::plain(ADMIN_DRAIN);
    settings.makes_room = true;
    settings.limits = Limits {
        connections: 64,
        // All come from one address where the probes are a kubelet's or a balancer's. Those that say nothing go soon.
        client_share: 1.0,
        head_timeout: ADMIN_SILENCE,
        ..Limits::default()
    };
    settings.fixed()
}

/// When no new connections are taken, those that were upgraded are told, too.
async fn tell_tunnels(tunnels: Tunnels, mut stop: Stop) {
    let _stopped = stop.changed().await;
    tunnels.go_away();
}

async fn serve_admin(listener: Listener, admin: Admin, stop: Stop) {
    let handle = move |_: &Peer, request: Request<Body>| admin.clone().answer(request);
    server::serve(listener, AnyHandler::new(handle), stop).await;
}

/// SIGUSR1 empties the caches, as with Varnish and Squid an operator's command does.
async fn empty_caches(live: Arc<Live>, mut signals: Heard) {
    loop {
        signals.next().await;
        let caches = live.now().caches.clone();
        caches.clear().await;
        tracing::info!("SIGUSR1: the caches are empty");
    }
}
