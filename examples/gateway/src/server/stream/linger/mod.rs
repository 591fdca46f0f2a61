//! Connections of HTTP/1.1 that end while their clients may still be sending.
//!
//! RFC 9112 9.6: a system that closes a socket with unread bytes, or that is sent more, resets the connection, and a reset
//! may take the answer from a client that has not read it. Most clients write a body before they look for an answer.
//! So when everything is sent to the client, its bytes are read on and dropped until it closes its side.
//!
//! hyper, its buffers and the TLS session are dropped first: bytes that nobody reads need not be decrypted. The
//! connection still counts as one of its client's, so that a client cannot have more of these than of others.

use std::future::poll_fn;
use std::io;
use std::mem::MaybeUninit;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::rt::{Read, Write};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use same_origin::proxy::_turns::TlsInTurns;
use same_origin::proxy::Coalesced;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::yield_now;
use tokio::time::{Instant, timeout, timeout_at};

use super::half_closed::HalfClosed;
use super::paced::TURN;
use super::rest::Lasting;
use crate::server::connections::{Connection, ConnectionGuard, STOP};

/// The time that a client has to send more, or to close its side.
const PAUSE: Duration = Duration::from_secs(5);
/// The same in all, for those that go on sending.
const WHOLE: Duration = Duration::from_secs(30);
/// The same while the gateway stops: as long as connections that lie idle are waited for.
const WHILE_STOPPING: Duration = Duration::from_secs(1);

/// A stream on top of a socket, of which the socket may be all that is needed.
pub trait OnSocket {
    type Socket: AsyncRead + Send + Unpin;

    fn into_socket(self) -> Self::Socket;
}

/// Tells the client that nothing follows. hyper does so itself, but not where an error ends a connection on which another
/// protocol was offered before.
pub async fn tell_end(stream: &mut (impl Write + Unpin)) {
    // One that takes nothing is told nothing.
    let _told = timeout(
        PAUSE,
        poll_fn(|cx| Pin::new(&mut *stream).poll_shutdown(cx)),
    )
    .await;
}

/// Reads on after an answer that came before the end of its request, so that the answer is not lost. Ends at once if
/// the client has sent everything.
///
/// `has_unread`: there are bytes of the client that nobody wanted.
pub async fn linger(stream: impl OnSocket, has_unread: bool, entry: &ConnectionGuard) {
    let connection = &entry.connection;
    let is_stopping = connection.is_stopping();
    let may_come = connection.has_unread_body();
    // Without a body there may be no answer to save: the client may only be late with its head.
    if is_stopping && !may_come {
        return;
    }
    let mut socket = stream.into_socket();
    let is_certain = may_come || has_unread;
    if !is_certain && !has_more(&mut socket).await {
        return;
    }
    let most = if is_stopping { WHILE_STOPPING } else { WHOLE };
    let read = read_to_end(socket, most);
    // A stop ends the reading, unless the answer was given after the stop began.
    let obey = |_: Pin<&mut _>, order| is_stopping || order < STOP;
    entry.drive(pin!(read), obey).await;
}

/// The same for a request whose offer of another protocol was refused. hyper gives such a stream, once it is done with
/// it, to whoever waits for a tunnel, and does not tell its end: by TLS that is an alert (RFC 9112 9.8). As with a tunnel,
/// a stop does not wait for it.
pub async fn linger_refused<I>(offered: OnUpgrade, connection: Arc<Connection>)
where
    I: OnSocket + Read + Write + Send + Unpin + 'static,
{
    let Ok(stream) = offered.await else { return };
    let Ok(parts) = stream.downcast::<Lasting<I>>() else {
        return;
    };
    let (mut io, is_certain) = (
        parts.io,
        connection.has_unread_body() || !parts.read_buf.is_empty(),
    );
    drop(parts.read_buf);
    let read = async {
        let ended = poll_fn(|cx| Pin::new(&mut io).poll_shutdown(cx)).await;
        let mut socket = io.into_socket();
        if ended.is_ok() && (is_certain || has_more(&mut socket).await) {
            read_to_end(socket, WHOLE).await;
        }
    };
    let _over = timeout(WHOLE, read).await;
    // Its place is taken until then.
    drop(connection);
}

/// Whether there is something of the client to read already.
async fn has_more(socket: &mut (impl AsyncRead + Unpin)) -> bool {
    poll_fn(|cx| Poll::Ready(matches!(poll_dropped(socket, cx), Poll::Ready(Ok(1..))))).await
}

/// Reads until the client closes its side, pauses for too long, or goes on for too long.
async fn read_to_end(mut socket: impl AsyncRead + Unpin, most: Duration) {
    let end = Instant::now() + most;
    loop {
        let until = end.min(Instant::now() + PAUSE);
        let read = timeout_at(until, poll_fn(|cx| poll_dropped(&mut socket, cx)));
        match read.await {
            // A turn is over, and others have theirs.
            Ok(Ok(1..)) if Instant::now() < end => yield_now().await,
            _ => return,
        }
    }
}

/// Reads the bytes of a turn at most, and gives their number. There is room for them only meanwhile.
fn poll_dropped(
    socket: &mut (impl AsyncRead + Unpin),
    cx: &mut Context<'_>,
) -> Poll<io::Result<usize>> {
    let mut room = [const { MaybeUninit::uninit() }; TURN];
    let mut buf = ReadBuf::uninit(&mut room);
    let polled = Pin::new(socket).poll_read(cx, &mut buf);
    polled.map_ok(|()| buf.filled().len())
}

impl OnSocket for TcpStream {
    type Socket = Self;

    fn into_socket(self) -> Self {
        self
    }
}

impl<T: OnSocket> OnSocket for TlsInTurns<T> {
    type Socket = T::Socket;

    fn into_socket(self) -> T::Socket {
        self.into_inner().into_socket()
    }
}

impl<T: OnSocket> OnSocket for HalfClosed<T> {
    type Socket = T::Socket;

    fn into_socket(self) -> T::Socket {
        self.into_inner().into_socket()
    }
}

impl<T: OnSocket> OnSocket for TokioIo<T> {
    type Socket = T::Socket;

    fn into_socket(self) -> T::Socket {
        self.into_inner().into_socket()
    }
}

impl<T: OnSocket> OnSocket for Coalesced<T> {
    type Socket = T::Socket;

    fn into_socket(self) -> T::Socket {
        self.into_inner().into_socket()
    }
}

impl<I: OnSocket> OnSocket for Lasting<I> {
    type Socket = I::Socket;

    fn into_socket(self) -> I::Socket {
        self.into_inner().into_socket()
    }
}

#[cfg(test)]
impl OnSocket for tokio::io::DuplexStream {
    type Socket = Self;

    fn into_socket(self) -> Self {
        self
    }
}

#[cfg(test)]
mod tests;
