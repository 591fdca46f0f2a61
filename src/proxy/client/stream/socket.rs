//! A TCP connection that leaves nothing behind if it was never used.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpSocket, TcpStream};

use super::meter::Meter;
use crate::proxy::delegate::delegate_io;

/// A TCP connection to an upstream.
///
/// The side that closes a connection first keeps its port for a minute (RFC 9293 3.6.1: `TIME-WAIT`), so that
/// late bytes are not taken for a part of the next connection. A connection that has borne no request has no
/// late bytes, and such connections come by the thousand where a client resets its streams. So it is reset
/// instead of closed, which frees the port at once; the upstream loses nothing by it.
#[derive(Debug)]
pub(crate) struct Socket {
    tcp: TcpStream,
    meter: Arc<Meter>,
}

/// The time for which a connection may be silent before the system asks whether its other end is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(60);

impl Socket {
    /// Connects to one address, without delay for small writes: heads and small bodies are written whole.
    pub(crate) async fn connect(address: std::net::SocketAddr) -> io::Result<Self> {
        let socket = if address.is_ipv4() {
            TcpSocket::new_v4()?
        } else {
            TcpSocket::new_v6()?
        };
        // A connection without these is better than none.
        let _ = socket.set_nodelay(true);
        let keep_alive = TcpKeepalive::new().with_time(KEEP_ALIVE);
        let _ = SockRef::from(&socket).set_tcp_keepalive(&keep_alive);
        // For the case that nobody waits for it any more before it is connected.
        let _ = socket.set_zero_linger();
        let tcp = socket.connect(address).await?;
        SockRef::from(&tcp).set_linger(None)?;
        Ok(Self {
            tcp,
            meter: Arc::default(),
        })
    }

    pub(crate) fn meter(&self) -> &Arc<Meter> {
        &self.meter
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if !self.meter.closes_in_form() {
            let _ = self.tcp.set_zero_linger();
        }
    }
}

impl AsyncRead for Socket {
    delegate_io!(tcp: poll_read);
}

impl AsyncWrite for Socket {
    delegate_io!(tcp: poll_write, poll_write_vectored, is_write_vectored, poll_flush);

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A FIN first would begin what the reset is to spare.
        if !self.meter.closes_in_form() {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;
    use tokio::net::TcpListener;

    use super::*;

    /// The end that the other side sees of a connection that is dropped.
    async fn end(used: bool) -> io::Result<usize> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let socket = Socket::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        let (mut other, _) = listener.accept().await.unwrap();
        if used {
            socket.meter().uses();
        }
        drop(socket);
        other.read(&mut [0]).await
    }

    #[tokio::test]
    async fn only_a_connection_that_was_used_is_closed_in_due_form() {
        assert_eq!(end(true).await.unwrap(), 0);
        let reset = end(false).await.unwrap_err();
        assert_eq!(reset.kind(), io::ErrorKind::ConnectionReset);
    }
}
