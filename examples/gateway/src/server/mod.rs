//! Accepts connections, serves HTTP/1.1 and HTTP/2 on them, and drains them when told to stop.

mod clients;
mod connection;
mod connections;
mod descriptors;
mod frames;
mod half_closed;
pub mod head;
mod http;
pub mod limits;
pub mod notify;
mod paced;
mod proxy_protocol;
mod rest;
pub mod runtime;
pub mod shutdown;
pub mod sockets;
pub mod tls;

pub use clients::network;

use crate::observe::{OpenConnection, RefusalLog};
use ::http::{Request, Response, StatusCode};
use bytes::Bytes;
use clients::Clients;
use connections::{ConnectionGuard, Connections};
use http_body::Body;
use hyper::body::Incoming;
use ipnet::IpNet;
use limits::Limits;
pub use proxy_protocol::ProxyProtocol;
use same_origin::proxy::Peer;
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_rustls::TlsAcceptor;
use tracing::{debug, warn};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Answers the requests of a listener's clients. Each function of this form is one.
pub trait Handler: Clone + Send + 'static {
    type Body: Body<Data = Bytes, Error: Into<BoxError>> + From<&'static str> + Send + 'static;
    type Future: Future<Output = Response<Self::Body>> + Send + 'static;

    /// Answers a request of `peer`.
    fn answer(&self, peer: &Peer, request: Request<Incoming>) -> Self::Future;
}

impl<H, F, B> Handler for H
where
    H: Fn(&Peer, Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data = Bytes, Error: Into<BoxError>> + From<&'static str> + Send + 'static,
{
    type Body = B;
    type Future = F;

    fn answer(&self, peer: &Peer, request: Request<Incoming>) -> F {
        self(peer, request)
    }
}

/// Tells servers to stop; dropping the other end does it.
pub type Stop = watch::Receiver<()>;

/// Connections that lie idle when a stop begins have so long for their last request, whose answer says that it is
/// the last. Closed at once, each would lose what its client is sending (RFC 9112 9.6 knows the race).
const LAST_REQUEST: Duration = Duration::from_secs(1);

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

    /// As many connections as there are descriptors for at most. `warns` if it is news that they are fewer.
    pub fn within_descriptors(mut self, warns: bool) -> Self {
        let wanted = self.limits.connections;
        self.limits = self.limits.within_descriptors();
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

/// A port that listens.
pub struct Listener {
    tcp: TcpListener,
    /// Whether it is somebody else's too, who goes on to listen when this process stops.
    is_passed: bool,
    settings: Current,
}

impl Listener {
    /// The error names the key that says where to listen.
    pub async fn bind(key: &str, address: SocketAddr, settings: Current) -> Result<Self, String> {
        let tcp = TcpListener::bind(address).await;
        let tcp = tcp.map_err(|error| format!("{key}: cannot listen on {address}: {error}"))?;
        Ok(Self {
            tcp,
            is_passed: false,
            settings,
        })
    }

    /// A socket that the service manager has bound.
    pub fn of_socket(socket: StdListener, settings: Current) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Self {
            tcp: TcpListener::from_std(socket)?,
            is_passed: true,
            settings,
        })
    }

    /// The address on which it listens, with the port that was really taken.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }

    /// The origin that it serves, with the port that was really taken.
    pub fn origin(&self) -> io::Result<String> {
        let is_secure = self.settings.borrow().tls.is_some();
        let scheme = if is_secure { "https" } else { "http" };
        Ok(format!("{scheme}://{}", self.address()?))
    }

    async fn accept(&self) -> (TcpStream, SocketAddr) {
        loop {
            match self.tcp.accept().await {
                Ok(accepted) => return accepted,
                Err(error) => {
                    // A connection that is gone already concerns nobody; no file descriptors left
                    // would be reported again at once, without end.
                    warn!(%error, "accepting failed");
                    sleep(Duration::from_millis(50)).await;
                }
            }
        }
    }

    /// Stops to listen; gives the connections that the system has taken already, at most so many. It would
    /// reset them with the socket.
    fn close(self, most: usize) -> Vec<(TcpStream, SocketAddr)> {
        let Ok(socket) = self.tcp.into_std() else {
            return Vec::new();
        };
        // A process that listens on goes on to take them.
        let most = if self.is_passed { 0 } else { most };
        let waiting = std::iter::from_fn(|| {
            loop {
                match socket.accept() {
                    // That one is gone, the next one need not be.
                    Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                    accepted => return accepted.ok(),
                }
            }
        });
        let ready = waiting.take(most).filter_map(|(stream, peer)| {
            stream.set_nonblocking(true).ok()?;
            Some((TcpStream::from_std(stream).ok()?, peer))
        });
        ready.collect()
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
    let begin = |settings: &Settings, handle: H, stream: TcpStream, peer: SocketAddr| {
        let (tls, limits) = (settings.tls.clone(), settings.limits);
        if settings.proxy_protocol.is_from(peer.ip()) {
            let (entry, clients) = (connections.admit(None), Arc::clone(&clients));
            tokio::spawn(serve_announced(
                stream, peer, tls, limits, handle, entry, clients,
            ));
            return;
        }
        // Closed at once: to let it wait would hold what is everybody's.
        let Ok(client) = clients.admit(peer.ip()) else {
            debug!(%peer, "connection refused: the client has all that one may have");
            return;
        };
        let entry = connections.admit(client);
        tokio::spawn(async move {
            let _open = OpenConnection::begin();
            if let Err(error) = connection::serve(stream, peer, tls, limits, handle, &entry).await {
                refused_by_hyper(&*error);
                debug!(%peer, error, "connection ended");
            }
        });
    };
    loop {
        let next = async {
            connections.fewer_than(settings.limits.connections).await;
            listener.accept().await
        };
        let (stream, peer) = tokio::select! {
            accepted = next => accepted,
            changed = changed(&mut current) => {
                settings = changed;
                connections.limit(&settings.limits);
                clients.limit(&settings.limits, Arc::clone(&settings.trusted));
                watch.abort();
                watch = silence(settings.limits.head_timeout);
                continue;
            }
            _stopped = stop.changed() => break,
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
