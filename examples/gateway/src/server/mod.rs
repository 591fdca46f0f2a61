//! Accepts connections, serves HTTP/1.1 and HTTP/2 on them, and drains them when told to stop.

mod clients;
mod connection;
mod connections;
mod handler;
pub mod head;
mod http;
pub mod limits;
pub mod listen;
pub mod notify;
pub mod shutdown;
mod stream;
mod trailing;
mod workers;

pub use clients::network;
pub use handler::AnyHandler;
pub use listen::listener::Listener;
pub use listen::proxy_protocol::ProxyProtocol;
pub use workers::{WORKERS, Workers};

use crate::observe::{OpenConnection, RefusalLog};
use ::http::StatusCode;
use clients::Clients;
use connections::{ConnectionGuard, Connections};
use handler::Handler;
use ipnet::IpNet;
use limits::Limits;
use listen::proxy_protocol;
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsAcceptor;
use tracing::{debug, warn};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Tells servers to stop; dropping the other end does it.
pub type Stop = watch::Receiver<()>;

/// Connections that lie idle when a stop begins have so long for their last request, whose answer says that it is
/// the last. Closed at once, each would lose what its client is sending (RFC 9112 9.6 knows the race).
const LAST_REQUEST: Duration = Duration::from_secs(1);

/// How long a stop waits for the connections that it cuts. A worker that is stuck does not hold it up.
const TO_CUT: Duration = Duration::from_secs(1);

/// The settings that connections begin with. A change is for those that begin after it.
#[derive(Clone)]
pub struct Settings {
    pub tls: Option<TlsAcceptor>,
    pub limits: Limits,
    /// Peers that speak for many clients.
    pub trusted: Arc<[IpNet]>,
    /// Peers that say whose each connection is.
    pub proxy_protocol: ProxyProtocol,
    /// The time that requests in flight may take after a stop.
    pub drain: Duration,
}

/// Settings that may be replaced while a listener serves.
pub type Current = watch::Receiver<Arc<Settings>>;

impl Settings {
    /// Plain HTTP within the default limits.
    pub fn plain(drain: Duration) -> Self {
        Self {
            tls: None,
            limits: Limits::default(),
            trusted: Arc::new([]),
            proxy_protocol: ProxyProtocol::default(),
            drain,
        }
    }

    /// As many connections as there are descriptors for at most, beside those of the workers. `warns` if it is news
    /// that they are fewer.
    pub fn within_descriptors(mut self, workers: usize, warns: bool) -> Self {
        let wanted = self.limits.connections;
        self.limits = self.limits.within_descriptors(workers);
        if warns && self.limits.connections < wanted {
            warn!(
                connections = wanted,
                room = self.limits.connections,
                "server.connections is lowered: the limit of open files (ulimit -n) leaves room for fewer"
            );
        }
        self
    }

    /// These, for good.
    pub fn fixed(self) -> Current {
        watch::channel(Arc::new(self)).1
    }
}

/// Serves until `stop`, then lets the requests in flight finish, for the settings' `drain` at most. Gives the
/// time at which that is over.
pub async fn serve<H: Handler>(listener: Listener, handle: H, mut stop: Stop) -> Instant {
    let mut current = listener.settings.clone();
    let mut settings = Arc::clone(&current.borrow_and_update());
    let connections = Arc::new(Connections::new(&settings.limits));
    let clients = Arc::new(Clients::new(
        &settings.limits,
        Arc::clone(&settings.trusted),
    ));
    let silence = |timeout| tokio::spawn(connections.clone().close_silent(timeout));
    let mut watch = silence(settings.limits.head_timeout);
    let workers = listener.workers.clone();
    let begin = |settings: &Settings, handle: H, stream: TcpStream, peer: SocketAddr| {
        let (tls, limits) = (settings.tls.clone(), settings.limits);
        let begun = if settings.proxy_protocol.is_from(peer.ip()) {
            let (entry, clients) = (connections.admit(None), Arc::clone(&clients));
            workers.serve(stream, |stream, place| {
                entry.connection.is_served_at(place);
                serve_announced(stream, peer, tls, limits, handle, entry, clients)
            })
        } else if let Ok(client) = clients.admit(peer.ip()) {
            let entry = connections.admit(client);
            workers.serve(stream, |stream, place| {
                entry.connection.is_served_at(place);
                serve_client(stream, peer, tls, limits, handle, entry)
            })
        } else {
            // Closed at once: to let it wait would hold what is everybody's.
            debug!(%peer, "connection refused: the client has all that one may have");
            Ok(())
        };
        if let Err(error) = begun {
            warn!(%error, "a connection cannot be waited for");
        }
    };
    loop {
        let next = async {
            connections.fewer_than(settings.limits.connections).await;
            listener.accept().await
        };
        let (stream, peer) = tokio::select! {
            // In this order, so that a connection that comes after a change or a stop finds it made.
            biased;
            _stopped = stop.changed() => break,
            changed = changed(&mut current) => {
                settings = changed;
                connections.limit(&settings.limits);
                clients.limit(&settings.limits, Arc::clone(&settings.trusted));
                watch.abort();
                watch = silence(settings.limits.head_timeout);
                continue;
            }
            accepted = next => accepted,
        };
        begin(&settings, handle.clone(), stream, peer);
    }
    let room = settings
        .limits
        .connections
        .saturating_sub(connections.count());
    for (stream, peer) in listener.close(room) {
        begin(&settings, handle.clone(), stream, peer);
    }
    let (now, drain) = (Instant::now(), settings.drain);
    let end = now + drain;
    let ended = timeout_at(now + drain.min(LAST_REQUEST), connections.finish()).await;
    if ended.is_err() && timeout_at(end, connections.drain()).await.is_err() {
        warn!(?drain, "connections were cut at the end of the drain time");
        // Their requests end now, so that each has its line in the access log.
        let _stuck = timeout_at(end + TO_CUT, connections.cut()).await;
    }
    watch.abort();
    end
}

/// The next settings; never, if there will be none.
async fn changed(current: &mut Current) -> Arc<Settings> {
    if current.changed().await.is_err() {
        std::future::pending().await
    }
    Arc::clone(&current.borrow_and_update())
}

/// Serves a connection of a client.
async fn serve_client(
    stream: TcpStream,
    client: SocketAddr,
    tls: Option<TlsAcceptor>,
    limits: Limits,
    handle: impl Handler,
    entry: ConnectionGuard,
) {
    let _open = OpenConnection::begin();
    if let Err(error) = connection::serve(stream, client, tls, limits, handle, &entry).await {
        refused_by_hyper(&*error);
        debug!(%client, error, "connection ended");
    }
}

/// Serves a connection whose client is the one that its first bytes name.
async fn serve_announced(
    mut stream: TcpStream,
    balancer: SocketAddr,
    tls: Option<TlsAcceptor>,
    limits: Limits,
    handle: impl Handler,
    entry: ConnectionGuard,
    clients: Arc<Clients>,
) {
    let _open = OpenConnection::begin();
    let header = proxy_protocol::client(&mut stream, balancer);
    // Late ones are the connections' watch's business, as late heads are.
    let client = match connection::begin(header, &entry).await {
        Ok(Some(client)) => client,
        Ok(None) => return proxy_protocol::late(balancer),
        Err(error) => return debug!(%balancer, %error, "connection ended"),
    };
    let Ok(guard) = clients.admit(client.ip()) else {
        return debug!(%client, "connection refused: the client has all that one may have");
    };
    entry.connection.belongs_to(guard);
    if let Err(error) = connection::serve(stream, client, tls, limits, handle, &entry).await {
        refused_by_hyper(&*error);
        debug!(%client, error, "connection ended");
    }
}

/// Tells of a head that hyper could not read, and answered without asking anybody.
fn refused_by_hyper(error: &(dyn std::error::Error + Send + Sync + 'static)) {
    static LOG: LazyLock<RefusalLog> = LazyLock::new(|| RefusalLog::new("none"));
    let Some(error) = error.downcast_ref::<hyper::Error>() else {
        return;
    };
    // Of what is too large hyper tells the one from the other in words alone.
    if error.is_parse_too_large() && error.to_string().starts_with("URI") {
        LOG.unreadable(StatusCode::URI_TOO_LONG, error);
    } else if error.is_parse_too_large() {
        LOG.unreadable(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, error);
    } else if error.is_parse() {
        LOG.unreadable(StatusCode::BAD_REQUEST, error);
    }
}
