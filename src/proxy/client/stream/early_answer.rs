//! A stream over HTTP/1.1 whose answer is read although the request cannot be written any more.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::meter::Meter;
use crate::proxy::delegate::delegate_io;
use crate::proxy::error::{ProxyError, ProxyErrorKind};

/// A stream that fails to write only when there is nothing more to read.
///
/// An upstream that refuses an upload answers, and closes while the upload is on its way: the next write
/// fails with the answer unread, or half read, in the system's buffers. hyper ends a connection whose write
/// fails. So a write that fails waits here until the other direction has ended too, or the connection is
/// dropped; by then the answer is complete, or the upstream never gave one.
///
/// It bounds, too, how much is read without anything coming of it: heads of informational responses
/// without end, or a chunk's size with digits without end.
#[derive(Debug)]
pub(crate) struct EarlyAnswer<T> {
    stream: T,
    meter: Arc<Meter>,
    /// The number of bytes that may be read without anything coming of them.
    bound: usize,
    failed: Option<io::Error>,
    read_ended: bool,
    /// The task that waits to write. The write fails when there is nothing more to read.
    writer: Option<Waker>,
}

impl<T> EarlyAnswer<T> {
    pub(crate) fn new(stream: T, meter: Arc<Meter>, bound: usize) -> Self {
        Self {
            stream,
            meter,
            bound,
            failed: None,
            read_ended: false,
            writer: None,
        }
    }

    /// The failure of an earlier write, if there is one: not yet while there may be something to read.
    fn poll_failed(&mut self, cx: &Context<'_>) -> Option<Poll<io::Error>> {
        if self.failed.is_some() && !self.read_ended {
            self.writer = Some(cx.waker().clone());
            return Some(Poll::Pending);
        }
        self.failed.take().map(Poll::Ready)
    }

    /// The outcome of a write. A failure is kept for later.
    fn written<R>(
        &mut self,
        cx: &Context<'_>,
        written: Poll<io::Result<R>>,
    ) -> Poll<io::Result<R>> {
        match ready!(written) {
            Err(error) if !self.read_ended => {
                self.failed = Some(error);
                self.writer = Some(cx.waker().clone());
                Poll::Pending
            }
            written => Poll::Ready(written),
        }
    }

    /// There is nothing more to read. hyper reads before it writes and finds out by itself; a tunnel may have asked
    /// for the write first.
    fn read_ends(&mut self) {
        self.read_ended = true;
        if let Some(writer) = self.writer.take() {
            writer.wake();
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for EarlyAnswer<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = ready!(Pin::new(&mut self.stream).poll_read(cx, buf));
        let count = buf.filled().len() - before;
        if count > 0 && !self.meter.read(count, self.bound) {
            self.read_ends();
            let endless = ProxyError::refused(ProxyErrorKind::MalformedResponse);
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, endless)));
        }
        if read.is_err() || count == 0 {
            self.read_ends();
        }
        Poll::Ready(read)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for EarlyAnswer<T> {
    delegate_io!(stream: is_write_vectored, poll_shutdown);

    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if let Some(failed) = self.poll_failed(cx) {
            return failed.map(Err);
        }
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        if matches!(written, Poll::Ready(Ok(_))) {
            self.meter.uses();
        }
        self.written(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let Some(failed) = self.poll_failed(cx) {
            return failed.map(Err);
        }
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        if matches!(written, Poll::Ready(Ok(_))) {
            self.meter.uses();
        }
        self.written(cx, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(failed) = self.poll_failed(cx) {
            return failed.map(Err);
        }
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.written(cx, flushed)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::poll;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    use super::*;

    fn stream(bound: usize) -> (EarlyAnswer<DuplexStream>, DuplexStream) {
        let (ours, theirs) = duplex(4096);
        (EarlyAnswer::new(ours, Arc::default(), bound), theirs)
    }

    #[tokio::test]
    async fn a_write_fails_when_everything_is_read() {
        let (mut stream, mut upstream) = stream(usize::MAX);
        upstream.write_all(b"answer").await.unwrap();
        drop(upstream);
        for _ in 0..2 {
            let write = poll!(std::pin::pin!(stream.write_all(b"body")));
            assert!(write.is_pending(), "there is something to read");
        }
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer, "answer");
        let failed = stream.write_all(b"body").await.unwrap_err();
        assert_eq!(failed.kind(), io::ErrorKind::BrokenPipe);
    }

    #[tokio::test]
    async fn reading_without_progress_is_bounded() {
        let (mut stream, mut upstream) = stream(8);
        upstream.write_all(b"12345678").await.unwrap();
        assert_eq!(stream.read(&mut [0; 8]).await.unwrap(), 8);
        stream.meter.progress();
        upstream.write_all(b"123456789").await.unwrap();
        let endless = stream.read(&mut [0; 9]).await.unwrap_err();
        let cause = endless.get_ref().and_then(|cause| cause.downcast_ref());
        let kind = cause.map(ProxyError::kind);
        assert_eq!(kind, Some(ProxyErrorKind::MalformedResponse));
        // The bytes of a tunnel are not looked at, and all of them are wanted.
        stream.meter.becomes_tunnel();
        upstream.write_all(b"123456789").await.unwrap();
        assert_eq!(stream.read(&mut [0; 9]).await.unwrap(), 9);
    }
}
