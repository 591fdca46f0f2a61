//! Short writes in one piece.

use std::cell::Cell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::rt::{Read, ReadBufCursor, Write};

use crate::proxy::delegate::delegate_io;

/// A stream that is given short writes as one slice.
///
/// hyper writes a head and its body as two slices by `writev`, and a head alone as a list of one. That
/// spares copying the body, and costs the kernel more than a plain `send`: 0.2 µs for one slice, up to
/// 0.3 µs for two, where the whole of a small proxied request takes 16 µs, with two such writes. To copy
/// 2 KiB takes 0.04 µs at most. So that much is copied, and what is more is left as it is.
///
/// [`Client`](crate::proxy::Client) writes in this way to upstreams of plain HTTP/1.1. A server of one's own can do
/// so to its clients.
///
/// # Examples
///
/// ```
/// use hyper_util::rt::TokioIo;
/// use same_origin::proxy::Coalesced;
///
/// fn to_client(stream: tokio::net::TcpStream) -> impl hyper::rt::Read + hyper::rt::Write {
///     Coalesced::new(TokioIo::new(stream))
/// }
/// ```
#[derive(Debug)]
pub struct Coalesced<T> {
    stream: T,
}

/// The most bytes that are copied.
const MOST: usize = 2048;

thread_local! {
    /// The place where slices are put together. One for a thread and not for a connection, which it would make
    /// larger by a third.
    static JOINED: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

impl<T> Coalesced<T> {
    /// Writes to `stream` in one piece what is short.
    pub const fn new(stream: T) -> Self {
        Self { stream }
    }

    /// The stream itself.
    pub fn into_inner(self) -> T {
        self.stream
    }
}

impl<T: Read + Unpin> Read for Coalesced<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<T: Write + Unpin> Write for Coalesced<T> {
    delegate_io!(stream: poll_write, is_write_vectored, poll_flush, poll_shutdown);

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let stream = Pin::new(&mut self.stream);
        if let [only] = bufs {
            return stream.poll_write(cx, only);
        }
        if bufs.iter().map(|buf| buf.len()).sum::<usize>() > MOST {
            return stream.poll_write_vectored(cx, bufs);
        }
        // Taken and not borrowed: the stream may write through one of these itself. In the destructor of
        // another thread-local there may be none any more.
        let mut joined = JOINED.try_with(Cell::take).unwrap_or_default();
        joined.clear();
        for buf in bufs {
            joined.extend_from_slice(buf);
        }
        let written = stream.poll_write(cx, &joined);
        let _gone = JOINED.try_with(|scratch| scratch.set(joined));
        written
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    /// Notes how many slices it was given, and takes so many bytes.
    struct Noting {
        takes: usize,
        written: Vec<(usize, Vec<u8>)>,
    }

    impl Write for Noting {
        fn poll_write(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buf: &[u8],
        ) -> Poll<io::Result<usize>> {
            let this = self.get_mut();
            if this.takes == 0 {
                cx.waker().wake_by_ref();
                this.takes = usize::MAX;
                return Poll::Pending;
            }
            let len = buf.len().min(this.takes);
            this.written.push((0, buf[..len].to_vec()));
            Poll::Ready(Ok(len))
        }

        fn poll_write_vectored(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bufs: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            let all = bufs.iter().flat_map(|buf| buf.to_vec()).collect::<Vec<_>>();
            let len = all.len();
            self.get_mut().written.push((bufs.len(), all));
            Poll::Ready(Ok(len))
        }

        fn is_write_vectored(&self) -> bool {
            true
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    async fn write(takes: usize, slices: &[&[u8]]) -> (usize, Vec<(usize, Vec<u8>)>) {
        let written = Vec::new();
        let mut stream = Coalesced::new(Noting { takes, written });
        assert!(stream.is_write_vectored());
        let slices: Vec<_> = slices.iter().map(|slice| IoSlice::new(slice)).collect();
        let len = poll_fn(|cx| Pin::new(&mut stream).poll_write_vectored(cx, &slices)).await;
        (len.unwrap(), stream.into_inner().written)
    }

    #[tokio::test]
    async fn what_is_short_is_one_slice() {
        let all = usize::MAX;
        assert_eq!(write(all, &[b"head"]).await, (4, vec![(0, b"head".into())]));
        let short = write(all, &[b"head", b"", b"body"]).await;
        assert_eq!(short, (8, vec![(0, b"headbody".into())]));
        let (most, more) = ([b'm'; MOST - 4], [b'm'; MOST - 3]);
        assert_eq!(write(all, &[b"head", &most]).await.1[0].0, 0);
        // A long write stays as it is, in one slice or in several.
        let (len, written) = write(all, &[b"head", &more]).await;
        assert_eq!(
            (len, written[0].0, written[0].1.len()),
            (MOST + 1, 2, MOST + 1)
        );
        assert_eq!(write(all, &[&[0; 2 * MOST]]).await.0, 2 * MOST);
    }

    #[tokio::test]
    async fn part_of_it_may_be_written_and_it_may_have_to_wait() {
        let part = write(5, &[b"head", b"body"]).await;
        assert_eq!(part, (5, vec![(0, b"headb".into())]));
        let late = write(0, &[b"head", b"body"]).await;
        assert_eq!(late, (8, vec![(0, b"headbody".into())]));
    }
}
