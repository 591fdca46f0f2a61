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
mod paced;
pub mod runtime;
pub mod shutdown;
pub mod tls;

pub use clients::network;

use crate::observe::RefusalLog;
use ::http::{Request, Response, StatusCode};
use bytes::Bytes;
use clients::Clients;
use connections::Connections;
use http_body::Body;
use hyper::body::Incoming;
use ipnet::IpNet;
use limits::Limits;
use same_origin::proxy::Peer;
use std::io;
use std::net::SocketAddr;
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

/// A bound port, with TLS or without.
pub struct Listener {
    tcp: TcpListener,
    tls: Option<TlsAcceptor>,
    limits: Limits,
    /// Peers that speak for many clients.
    trusted: Arc<[IpNet]>,
}

impl Listener {
    /// The error names the key that says where to listen.
    pub async fn bind(
        key: &str,
        address: SocketAddr,
        tls: Option<TlsAcceptor>,
    ) -> Result<Self, String> {
        let tcp = TcpListener::bind(address).await;
        let tcp = tcp.map_err(|error| format!("{key}: cannot listen on {address}: {error}"))?;
        let limits = Limits::default();
        Ok(Self {
            tcp,
            tls,
            limits,
            trusted: Arc::new([]),
        })
    }

    /// With other limits than the default ones, and peers that speak for many clients.
    pub fn limited(mut self, limits: Limits, trusted: &[IpNet]) -> Self {
        self.limits = limits;
        self.trusted = trusted.into();
        self
    }

    /// The origin that it serves, with the port that was really taken.
    pub fn origin(&self) -> io::Result<String> {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        Ok(format!("{scheme}://{}", self.tcp.local_addr()?))
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
}

/// Serves until `stop`, then lets the requests in flight finish, for `drain` at most. Gives the time at
/// which that is over.
pub async fn serve(
    listener: Listener,
    handle: impl Handler,
    mut stop: Stop,
    drain: Duration,
) -> Instant {
    let limits = listener.limits;
    let connections = Arc::new(Connections::new(&limits));
    let clients = Clients::new(&limits, Arc::clone(&listener.trusted));
    let watch = tokio::spawn(connections.clone().close_silent(limits.head_timeout));
    loop {
        let next = async {
            connections.fewer_than(limits.connections).await;
            listener.accept().await
        };
        let (stream, peer) = tokio::select! {
            accepted = next => accepted,
            _stopped = stop.changed() => break,
        };
        // Closed at once: to let it wait would hold what is everybody's.
        let Ok(client) = clients.admit(peer.ip()) else {
            debug!(%peer, "connection refused: the client has all that one may have");
            continue;
        };
        let (tls, handle) = (listener.tls.clone(), handle.clone());
        let entry = connections.admit(client);
        tokio::spawn(async move {
            if let Err(error) = connection::serve(stream, peer, tls, limits, handle, &entry).await {
                refused_by_hyper(&*error);
                debug!(%peer, error, "connection ended");
            }
        });
    }
    drop(listener);
    let end = Instant::now() + drain;
    if timeout_at(end, connections.drain()).await.is_err() {
        warn!(?drain, "connections were cut at the end of the drain time");
    }
    watch.abort();
    end
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
