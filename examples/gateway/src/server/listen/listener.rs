//! A port that listens, whoever bound it.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener as StdListener};
use std::sync::Mutex;
use std::time::Duration;

use socket2::SockRef;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::{Instant, sleep};
use tracing::warn;

use crate::server::{Current, Workers, lock};

/// The most connections that wait at a port to be accepted.
const BACKLOG: u32 = 1024;

/// The time before it is tried again to accept a connection, where that has failed.
const AGAIN: Duration = Duration::from_millis(50);
/// The interval at which such failures are told: without descriptors there are twenty a second.
const TOLD_EVERY: Duration = Duration::from_secs(10);

/// Failures to accept a connection.
#[derive(Default)]
struct Failures {
    told: Mutex<Option<Instant>>,
}

/// A port that listens.
pub struct Listener {
    tcp: TcpListener,
    /// Whether it is somebody else's too, who goes on to listen when this process stops.
    is_passed: bool,
    failures: Failures,
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

/// A socket for an address, and the address that it is for. A machine without IPv6 has every address of its own in
/// those of IPv4.
fn socket_for(
    address: SocketAddr,
    of_ipv6: impl FnOnce() -> io::Result<TcpSocket>,
) -> io::Result<(TcpSocket, SocketAddr)> {
    if address.is_ipv4() {
        return Ok((TcpSocket::new_v4()?, address));
    }
    match of_ipv6() {
        Err(_) if address.ip().is_unspecified() => {
            let address = (Ipv4Addr::UNSPECIFIED, address.port()).into();
            Ok((TcpSocket::new_v4()?, address))
        }
        socket => Ok((socket?, address)),
    }
}

fn listen_on(socket: TcpSocket, address: SocketAddr) -> io::Result<TcpListener> {
    // Connections of a process before this one may still be there. Elsewhere the option shares the port.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    if address.is_ipv6() && address.ip().is_unspecified() {
        // IPv4 too, whatever the system has for a default (`net.ipv6.bindv6only`). Some have no choice.
        let _fixed = SockRef::from(&socket).set_only_v6(false);
    }
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

impl Failures {
    /// Whether one more is to be told.
    fn are_news(&self) -> bool {
        let mut told = lock(&self.told);
        let are_news = told.is_none_or(|told| told.elapsed() >= TOLD_EVERY);
        if are_news {
            *told = Some(Instant::now());
        }
        are_news
    }
}

impl Listener {
    /// The error names the key that says where to listen.
    pub async fn bind(key: &str, address: SocketAddr, settings: Current) -> Result<Self, String> {
        let socket = socket_for(address, TcpSocket::new_v6);
        let tcp = socket.and_then(|(socket, address)| listen_on(socket, address));
        let tcp = tcp.map_err(|error| format!("{key}: cannot listen on {address}: {error}"))?;
        bound_unsent(&tcp);
        Ok(Self {
            tcp,
            is_passed: false,
            failures: Failures::default(),
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
            failures: Failures::default(),
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
                    let is_gone = error.kind() == io::ErrorKind::ConnectionAborted;
                    if !is_gone && self.failures.are_news() {
                        warn!(%error, "accepting failed; clients wait while it is tried again");
                    }
                    sleep(AGAIN).await;
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

#[cfg(test)]
mod tests {
    use super::*;

    async fn reaches(listener: &TcpListener) -> bool {
        let port = listener.local_addr().unwrap().port();
        TcpStream::connect((Ipv4Addr::LOCALHOST, port))
            .await
            .is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn a_lack_of_descriptors_is_told_now_and_then() {
        let failures = Failures::default();
        let mut told = 0;
        for _ in 0..=400 {
            told += u32::from(failures.are_news());
            sleep(AGAIN).await;
        }
        assert_eq!(told, 3);
    }

    #[tokio::test]
    async fn every_address_has_those_of_ipv4() {
        let all: SocketAddr = "[::]:0".parse().unwrap();
        // As a system may have it by default.
        let of_ipv6_alone = || {
            let socket = TcpSocket::new_v6()?;
            SockRef::from(&socket).set_only_v6(true)?;
            Ok(socket)
        };
        let (socket, address) = socket_for(all, of_ipv6_alone).unwrap();
        assert!(reaches(&listen_on(socket, address).unwrap()).await);
        // And one may have no IPv6.
        let none = || Err(io::ErrorKind::Unsupported.into());
        let (socket, address) = socket_for(all, none).unwrap();
        assert!(reaches(&listen_on(socket, address).unwrap()).await);
        let one = "[::1]:0".parse().unwrap();
        let refused = socket_for(one, || Err(io::ErrorKind::Unsupported.into()));
        assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::Unsupported);
    }
}
