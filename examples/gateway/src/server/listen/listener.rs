//! A port that listens, whoever bound it.

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::time::Duration;

use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;
use tracing::warn;

use crate::server::{Current, Workers};

/// A port that listens.
pub struct Listener {
    tcp: TcpListener,
    /// Whether it is somebody else's too, who goes on to listen when this process stops.
    is_passed: bool,
    pub(in crate::server) settings: Current,
    pub(in crate::server) workers: Workers,
}

/// The most bytes of one connection that the system holds and has not sent.
///
/// With its megabytes a slow client would seem to take nothing: there is room for more only when a third of them is gone,
/// which at 15 kB a second takes longer than the client timeout.
#[cfg(any(target_os = "linux", target_os = "android"))]
const UNSENT: u32 = 512 * 1024;

/// Bounds what is not sent, for all connections that come from there.
fn bound_unsent<'a>(socket: impl Into<SockRef<'a>>) {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if let Err(error) = socket.into().set_tcp_notsent_lowat(UNSENT) {
        tracing::debug!(%error, "what is not sent of a connection has no bound");
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let _ = socket;
}

impl Listener {
    /// The error names the key that says where to listen.
    pub async fn bind(key: &str, address: SocketAddr, settings: Current) -> Result<Self, String> {
        let tcp = TcpListener::bind(address).await;
        let tcp = tcp.map_err(|error| format!("{key}: cannot listen on {address}: {error}"))?;
        bound_unsent(&tcp);
        Ok(Self {
            tcp,
            is_passed: false,
            settings,
            workers: Workers::this(),
        })
    }

    /// A socket that the service manager has bound.
    pub fn of_socket(socket: StdListener, settings: Current) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        bound_unsent(&socket);
        Ok(Self {
            tcp: TcpListener::from_std(socket)?,
            is_passed: true,
            settings,
            workers: Workers::this(),
        })
    }

    /// Served by these, and not by the runtime alone on which it was made.
    pub fn served_by(self, workers: Workers) -> Self {
        Self { workers, ..self }
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

    pub(in crate::server) async fn accept(&self) -> (TcpStream, SocketAddr) {
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
    pub(in crate::server) fn close(self, most: usize) -> Vec<(TcpStream, SocketAddr)> {
        let Ok(socket) = self.tcp.into_std() else {
            return Vec::new();
        };
        // A process that listens on goes on to take them.
        let most = if self.is_passed { 0 } else { most };
        let waiting = std::iter::from_fn(|| {
            loop {
                match socket.accept() {
                    // This connection is gone, the next one need not be.
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
