//! From a connection that was accepted to one that is served.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tracing::{debug, warn};

use super::clients::Clients;
use super::connections::{ConnectionGuard, Connections};
use super::handler::Handler;
use super::limits::Limits;
use super::listen::proxy_protocol;
use super::workers::Workers;
use super::{Settings, connection};

/// The connections of a listener that were accepted, and what they are served by.
pub(super) struct Accepted<H> {
    pub connections: Arc<Connections>,
    clients: Arc<Clients>,
    workers: Workers,
    handle: H,
}

impl<H: Handler> Accepted<H> {
    pub fn new(settings: &Settings, workers: Workers, handle: H) -> Self {
        let trusted = Arc::clone(&settings.trusted);
        Self {
            connections: Arc::new(Connections::new(&settings.limits)),
            clients: Arc::new(Clients::new(&settings.limits, trusted)),
            workers,
            handle,
        }
    }

    /// Holds them to other limits from now on.
    pub fn limit(&self, settings: &Settings) {
        self.connections.limit(&settings.limits);
        self.clients
            .limit(&settings.limits, Arc::clone(&settings.trusted));
    }

    /// Has a connection served by one of the workers.
    pub fn begin(&self, settings: &Settings, stream: TcpStream, peer: SocketAddr) {
        let (tls, limits, handle) = (settings.tls.clone(), settings.limits, self.handle.clone());
        let begun = if settings.proxy_protocol.is_from(peer.ip()) {
            let (entry, clients) = (self.connections.admit(None), Arc::clone(&self.clients));
            self.workers.serve(stream, |stream, place| {
                entry.connection.is_served_at(place);
                serve_announced(stream, peer, tls, limits, handle, entry, clients)
            })
        } else if let Ok(client) = self.clients.admit(peer.ip()) {
            let entry = self.connections.admit(client);
            self.workers.serve(stream, |stream, place| {
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
    }
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
    if let Err(error) = connection::serve(stream, client, tls, limits, handle, &entry).await {
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
    let header = proxy_protocol::client(&mut stream, balancer);
    // Late ones are the connections' watch's business, as late heads are.
    let client = match connection::begin(header, &entry).await {
        Ok(Some(client)) => client,
        Ok(None) if entry.connection.is_silent() => return proxy_protocol::late(balancer),
        Ok(None) => return,
        Err(error) => return debug!(%balancer, %error, "connection ended"),
    };
    let Ok(guard) = clients.admit(client.ip()) else {
        return debug!(%client, "connection refused: the client has all that one may have");
    };
    entry.connection.belongs_to(guard);
    if let Err(error) = connection::serve(stream, client, tls, limits, handle, &entry).await {
        debug!(%client, error, "connection ended");
    }
}
