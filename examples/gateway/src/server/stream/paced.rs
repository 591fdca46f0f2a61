//! Reads of a connection that take turns with those of the others.
//!
//! h2 reads and decodes for as long as the socket has bytes, and hyper answers up to 16 pipelined requests of HTTP/1.1
//! at a time. A client that sends heads of one-byte HPACK references, or of 60 KiB one after the other, faster than
//! they are decoded keeps its worker, and all other connections of it wait. Here a connection gives its turn back after
//! a number of bytes, and is polled again behind the others. hyper and h2 have no such bound themselves (tokio's own
//! budget counts reads, of up to 16 KiB each with h2, and 128 KiB with hyper).

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use same_origin::_delegate_io as delegate_io;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::frames::Frames;
use crate::server::connection::PREFACE;
use crate::server::connections::Connection;

/// Bytes that are read in one turn. As one-byte references they are decoded in about a millisecond.
pub(super) const TURN: usize = 16 * 1024;

/// Bytes that may still be read in a turn.
pub(super) struct Turn(usize);

impl Turn {
    pub(super) const fn new() -> Self {
        Self(TURN)
    }

    /// Whether it has had its bytes. Then another one is asked for, behind the others.
    pub(super) fn is_over(&mut self, cx: &Context<'_>) -> bool {
        if self.0 > 0 {
            return false;
        }
        self.0 = TURN;
        cx.waker().wake_by_ref();
        true
    }

    /// Notes the result of a read, and its bytes.
    pub(super) fn has_read<R>(&mut self, polled: &Poll<R>, bytes: usize) {
        self.0 = match polled {
            Poll::Ready(_) => self.0.saturating_sub(bytes),
            // The turn is over by itself.
            Poll::Pending => TURN,
        };
    }
}

/// A connection of HTTP/2 whose reads are bounded in each turn, and whose frames are counted where they cost much. It notes
/// whether h2 has something to send that may be sent.
pub struct Paced<T> {
    io: T,
    connection: Arc<Connection>,
    frames: Frames,
    turn: Turn,
}

impl<T> Paced<T> {
    pub fn new(io: T, connection: Arc<Connection>) -> Self {
        Self {
            io,
            connection,
            frames: Frames::behind(PREFACE.len()),
            turn: Turn::new(),
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Paced<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.turn.is_over(cx) {
            return Poll::Pending;
        }
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.io).poll_read(cx, buf);
        let counted = self.frames.counted_in(&buf.filled()[before..]);
        if counted.heads > 0 {
            self.connection.heads(counted.heads);
        }
        for _ in 0..counted.settings {
            self.connection.reset();
        }
        self.turn.has_read(&polled, buf.filled().len() - before);
        polled
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Paced<T> {
    delegate_io!(io: is_write_vectored, poll_shutdown);

    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.connection.is_sending(true);
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.connection.is_sending(true);
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.io).poll_flush(cx))?;
        self.connection.is_sending(false);
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::pin;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Wake, Waker};

    use super::*;

    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_turn_ends_after_its_bytes_and_another_is_asked_for() {
        let count = Arc::new(Count(AtomicUsize::new(0)));
        let waker = Waker::from(Arc::clone(&count));
        let mut cx = Context::from_waker(&waker);
        let mut paced = pin!(Paced::new(tokio::io::repeat(0), Arc::default()));
        for turn in 1..4 {
            let mut read = 0;
            loop {
                let mut bytes = [0; 4096];
                let mut buf = ReadBuf::new(&mut bytes);
                match paced.as_mut().poll_read(&mut cx, &mut buf) {
                    Poll::Ready(_) => read += buf.filled().len(),
                    Poll::Pending => break,
                }
                assert!(read <= TURN, "{read}");
            }
            assert_eq!(read, TURN);
            assert_eq!(count.0.load(Ordering::Relaxed), turn);
        }
    }

    #[tokio::test]
    async fn nothing_is_lost_between_turns() {
        let text: Vec<u8> = (0..100_000_u32).map(|n| n as u8).collect();
        let mut paced = pin!(Paced::new(&text[..], Arc::default()));
        let mut seen = Vec::new();
        loop {
            let mut bytes = [0; 3000];
            let mut buf = ReadBuf::new(&mut bytes);
            poll_fn(|cx| paced.as_mut().poll_read(cx, &mut buf))
                .await
                .unwrap();
            if buf.filled().is_empty() {
                break;
            }
            seen.extend_from_slice(buf.filled());
        }
        assert_eq!(seen, text);
    }
}
