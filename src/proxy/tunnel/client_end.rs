//! The client's end of a tunnel, which tells a reset from an end.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The client's end. hyper tells of a stream of HTTP/2 that was reset with CANCEL as of one that ended in due form,
/// though to a tunnel it is what a reset is to TCP (RFC 8441 5). Whoever writes hears of it, once hyper's own task for
/// the stream has: so the end is given a few turns later, and is an error if it was one.
pub(super) struct ClientEnd<T> {
    io: T,
    turns: u8,
}

/// Turns in which hyper's task, which is woken by the reset too, comes before this one.
const TURNS: u8 = 3;

impl<T> ClientEnd<T> {
    pub(super) fn new(io: T) -> Self {
        Self { io, turns: TURNS }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncRead for ClientEnd<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.io).poll_read(cx, buf))?;
        if buf.filled().len() > before || buf.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        if let Poll::Ready(Err(error)) = Pin::new(&mut self.io).poll_flush(cx) {
            return Poll::Ready(Err(error));
        }
        if self.turns == 0 {
            return Poll::Ready(Ok(()));
        }
        self.turns -= 1;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for ClientEnd<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
