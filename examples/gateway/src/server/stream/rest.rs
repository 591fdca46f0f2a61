//! Connections of HTTP/1.1 that lie idle, kept without what hyper holds for them.
//!
//! hyper keeps two buffers of 8 KiB for a connection as long as that lives, which is most of what an idle one
//! takes. After a second or two without a request the stream is taken back from hyper, and given to it again when
//! the client sends something. To do so at once after each request would cost each some 2,000 instructions.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::rt::{Read, ReadBuf, ReadBufCursor, Write};
use same_origin::_delegate_io as delegate_io;

use crate::server::connections::Connection;

/// A stream that outlives hyper's connection on it.
pub struct Lasting<I> {
    /// In a box, so that no room is kept for it where it only passes through.
    io: Box<I>,
    /// Bytes that hyper has yet to read.
    ahead: Bytes,
    connection: Arc<Connection>,
}

impl<I> Lasting<I> {
    pub fn new(io: I, connection: Arc<Connection>) -> Self {
        connection.may_rest(true);
        Self {
            io: Box::new(io),
            ahead: Bytes::new(),
            connection,
        }
    }

    pub fn into_inner(self) -> I {
        *self.io
    }

    /// The stream as it was before hyper read these bytes.
    pub fn behind(mut self, read: Bytes) -> Self {
        // With a part of a head it would be given back at once, and again and again while the rest is late.
        self.connection.may_rest(read.is_empty());
        self.ahead = [&read[..], &self.ahead].concat().into();
        // Even an empty one holds hyper's buffer.
        drop(read);
        self
    }
}

impl<I: Read + Unpin> Lasting<I> {
    /// Waits until the client sends something, or is gone.
    pub async fn arrival(&mut self) {
        poll_fn(|cx| self.poll_arrival(cx)).await;
        self.connection.is_awake();
    }

    fn poll_arrival(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.ahead.is_empty() {
            // Most heads fit in. It is not kept while nothing comes.
            let mut room = [0; 1024];
            let mut buf = ReadBuf::new(&mut room);
            // An end or an error is there for hyper, too.
            let _ended = ready!(Pin::new(&mut self.io).poll_read(cx, buf.unfilled()));
            self.ahead = Bytes::copy_from_slice(buf.filled());
        }
        Poll::Ready(())
    }
}

impl<I: Read + Unpin> Read for Lasting<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if self.ahead.is_empty() {
            return Pin::new(&mut self.io).poll_read(cx, buf);
        }
        let first = self.ahead.len().min(buf.remaining());
        buf.put_slice(&self.ahead.split_to(first));
        // An empty slice may still hold the buffer that it is of.
        if self.ahead.is_empty() {
            self.ahead = Bytes::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl<I: Write + Unpin> Write for Lasting<I> {
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

    delegate_io!(io: is_write_vectored);

    /// hyper asks for this when it has written all that it had.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.io).poll_flush(cx))?;
        self.connection.is_sending(false);
        Poll::Ready(Ok(()))
    }

    /// Nothing may follow, and no request may come of what hyper does not read any more.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.connection.may_rest(false);
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// hyper's connection until it ends; or until it is to rest, which is `None`.
pub struct UntilRest<'a, C> {
    pub served: C,
    connection: &'a Connection,
}

impl<'a, C> UntilRest<'a, C> {
    pub fn new(served: C, connection: &'a Connection) -> Self {
        Self { served, connection }
    }
}

impl<C: Future + Unpin> Future for UntilRest<'_, C> {
    type Output = Option<C::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match Pin::new(&mut self.served).poll(cx) {
            Poll::Ready(ended) => Poll::Ready(Some(ended)),
            Poll::Pending if self.connection.is_to_rest() => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use http::{Request, Response};
    use http_body_util::BodyExt;
    use hyper_util::rt::TokioIo;
    use same_origin::proxy::{Body, Peer};
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
    use tokio::sync::mpsc;
    use tokio::time::sleep;

    use super::*;
    use crate::server::connections::Connections;
    use crate::server::http::http1;
    use crate::server::limits::Limits;
    use crate::server::stream::linger::OnSocket;

    /// Notes how much room there was for what was read last: hyper has more than a connection that rests.
    struct Noting<I> {
        io: I,
        room: Arc<AtomicUsize>,
    }

    impl<I: OnSocket> OnSocket for Noting<I> {
        type Socket = I::Socket;

        fn into_socket(self) -> I::Socket {
            self.io.into_socket()
        }
    }

    impl<I: Read + Unpin> Read for Noting<I> {
        fn poll_read(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buf: ReadBufCursor<'_>,
        ) -> Poll<io::Result<()>> {
            self.room.store(buf.remaining(), Ordering::Relaxed);
            Pin::new(&mut self.io).poll_read(cx, buf)
        }
    }

    impl<I: Write + Unpin> Write for Noting<I> {
        delegate_io!(io: poll_write, poll_flush, poll_shutdown);
    }

    /// A connection whose requests are answered at once, while their bodies are still read.
    struct Served {
        client: DuplexStream,
        room: Arc<AtomicUsize>,
        uploaded: mpsc::UnboundedReceiver<usize>,
        connections: Arc<Connections>,
    }

    impl Served {
        /// `holds`: how many bytes there is room for on the way to the client.
        fn begin(holds: usize, timeout: Duration) -> Self {
            let (client, server) = tokio::io::duplex(holds);
            let connections = Arc::new(Connections::new(&Limits::default()));
            tokio::spawn(Arc::clone(&connections).close_silent(timeout));
            let entry = connections.admit(None);
            let (told, uploaded) = mpsc::unbounded_channel();
            let answer = move |_: &Peer, request: Request<Body>| {
                let told = told.clone();
                tokio::spawn(async move {
                    let mut body = request.into_body();
                    while let Some(Ok(frame)) = body.frame().await {
                        let _gone = told.send(frame.into_data().unwrap().len());
                    }
                });
                std::future::ready(Response::new(Body::from("answer")))
            };
            let room = Arc::<AtomicUsize>::default();
            let io = Noting {
                io: TokioIo::new(server),
                room: Arc::clone(&room),
            };
            tokio::spawn(async move {
                let peer = Peer::new("192.0.2.1:80".parse().unwrap());
                let _ended = http1(io, peer, Limits::default(), answer, &entry).await;
            });
            Self {
                client,
                room,
                uploaded,
                connections,
            }
        }

        async fn send(&mut self, text: &str) {
            self.client.write_all(text.as_bytes()).await.unwrap();
        }

        async fn is_answered(&mut self) {
            let mut text = Vec::new();
            while !text.ends_with(b"answer") {
                assert_ne!(self.client.read_buf(&mut text).await.unwrap(), 0);
            }
            assert!(text.starts_with(b"HTTP/1.1 200 OK\r\n"));
        }

        fn rests(&self) -> bool {
            self.room.load(Ordering::Relaxed) <= 1024
        }
    }

    const FOR_EVER: Duration = Duration::from_secs(3600);
    const A_WHILE: Duration = Duration::from_secs(5);
    const GET: &str = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";

    #[tokio::test(start_paused = true)]
    async fn an_idle_connection_rests_and_goes_on_with_the_next_request() {
        let mut served = Served::begin(4096, FOR_EVER);
        for _ in 0..3 {
            served.send(GET).await;
            served.is_answered().await;
            sleep(Duration::from_millis(500)).await;
            assert!(!served.rests());
            sleep(A_WHILE).await;
            assert!(served.rests());
        }
        // A head that comes in pieces, with time to rest between them; and one that is larger than what is read.
        for piece in GET.as_bytes().chunks(7) {
            served.send(std::str::from_utf8(piece).unwrap()).await;
            sleep(A_WHILE).await;
        }
        served.is_answered().await;
        sleep(A_WHILE).await;
        let large = GET.replace(
            "\r\n\r\n",
            &format!("\r\nx: {}\r\n\r\n", "x".repeat(20_000)),
        );
        served.send(&(large + GET)).await;
        served.is_answered().await;
    }

    #[tokio::test(start_paused = true)]
    async fn an_upload_goes_on_after_its_answer() {
        let mut served = Served::begin(4096, FOR_EVER);
        let length = 5 + GET.len();
        served
            .send(&format!(
                "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\n\r\nbegun"
            ))
            .await;
        served.is_answered().await;
        sleep(A_WHILE).await;
        assert!(!served.rests());
        // To a hyper that knows nothing of the upload this would be a request.
        served.send(GET).await;
        assert_eq!(served.uploaded.recv().await, Some(5));
        assert_eq!(served.uploaded.recv().await, Some(GET.len()));
        served.send(GET).await;
        served.is_answered().await;
        sleep(A_WHILE).await;
        assert!(served.rests());
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_client_has_not_taken_is_kept() {
        let mut served = Served::begin(16, FOR_EVER);
        served.send(GET).await;
        sleep(A_WHILE).await;
        assert!(!served.rests());
        served.is_answered().await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_rests_is_closed_as_any_other() {
        let mut silent = Served::begin(4096, 2 * A_WHILE);
        sleep(A_WHILE).await;
        assert!(silent.rests());
        assert_eq!(silent.client.read(&mut [0]).await.unwrap(), 0);

        let mut stopped = Served::begin(4096, FOR_EVER);
        sleep(A_WHILE).await;
        assert!(stopped.rests());
        stopped.connections.drain().await;
        assert_eq!(stopped.client.read(&mut [0]).await.unwrap(), 0);

        let gone = Served::begin(4096, FOR_EVER);
        sleep(A_WHILE).await;
        drop(gone.client);
        gone.connections.fewer_than(1).await;
    }
}
