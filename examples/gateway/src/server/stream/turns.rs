//! Reads below TLS that take turns with those of the other connections.
//!
//! Readers above TLS see only the content of its records, and the bounds of [`Paced`](super::paced::Paced) count that.
//! A client may send records without any: after each byte of a request up to 32 changes of its keys, of 27 bytes and
//! four microseconds of work each. A connection reads on until there is content, as often as tokio lets a task do
//! without giving its turn back; of reads of 4 KiB those were 85 ms. Here a read counts for as many as its bytes cost.

use super::linger::OnSocket;
use same_origin::_delegate_io as delegate_io;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::coop::poll_proceed;

/// Bytes that count for one of the 128 steps that tokio gives a task in each turn, beside the read itself.
const STEP: usize = 128;

/// A stream whose reads use up the turn of its task by their bytes.
pub struct Turns<T>(T);

impl<T> Turns<T> {
    pub fn new(io: T) -> Self {
        Self(io)
    }
}

impl<T: OnSocket> OnSocket for Turns<T> {
    type Socket = T::Socket;

    fn into_socket(self) -> T::Socket {
        self.0.into_socket()
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Turns<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.0).poll_read(cx, buf);
        for _ in 0..(buf.filled().len() - before) / STEP {
            match poll_proceed(cx) {
                Poll::Ready(step) => step.made_progress(),
                // The next read is for the next turn.
                Poll::Pending => break,
            }
        }
        polled
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Turns<T> {
    delegate_io!(0: poll_write, poll_write_vectored, is_write_vectored, poll_flush, poll_shutdown);
}
