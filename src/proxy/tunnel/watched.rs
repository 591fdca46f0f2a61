//! An end of a tunnel: it notes when bytes come out of it, and the client's tells a reset from an end.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Pulse;
use crate::proxy::delegate::delegate_io;

/// Turns in which hyper's task, which is woken by a reset too, comes before this one.
const TURNS: u8 = 3;

pub(super) struct Watched<'a, T> {
    io: T,
    pulse: &'a Pulse,
    /// For so many turns an end is looked at before it is told.
    turns: u8,
}

impl<'a, T> Watched<'a, T> {
    pub(super) fn upstream(io: T, pulse: &'a Pulse) -> Self {
        Self {
            io,
            pulse,
            turns: 0,
        }
    }

    /// hyper tells of a stream of HTTP/2 that was reset with CANCEL as of one that ended in due form, though to a tunnel
    /// it is what a reset is to TCP (RFC 8441 5). A write fails, once hyper's own task for the stream has seen it: so
    /// the end is told a few turns later, and is an error if it was one.
    pub(super) fn client(io: T, pulse: &'a Pulse) -> Self {
        Self {
            turns: TURNS,
            ..Self::upstream(io, pulse)
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncRead for Watched<'_, T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = ready!(Pin::new(&mut self.io).poll_read(cx, buf));
        self.pulse.beat();
        let is_end = read.is_ok() && buf.filled().len() == before && buf.remaining() > 0;
        if !is_end || self.turns == 0 {
            return Poll::Ready(read);
        }
        if let Poll::Ready(Err(error)) = Pin::new(&mut self.io).poll_flush(cx) {
            return Poll::Ready(Err(error));
        }
        self.turns -= 1;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Watched<'_, T> {
    delegate_io!(io: poll_write, poll_flush, poll_shutdown);
}
