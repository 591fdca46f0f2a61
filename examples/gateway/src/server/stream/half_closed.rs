//! Clients of HTTP/1.1 that close their side after a request and wait for its answer (`printf … | nc -N`).
//!
//! Such a client looks like one that has gone: of both nothing is seen but the end of what they send
//! (RFC 9293 3.6). hyper takes it for the latter and gives the request up, or, told that it may be the former
//! (`half_close`), goes on for nobody as long as the upstream likes. Here the end is held back for a moment in
//! which most answers come; whoever has gone occupies an upstream for that moment longer.

use super::paced::Turn;
use crate::server::connections::Connection;
use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// The time for which the end is held back while a request waits for its answer.
const MOMENT: Duration = Duration::from_secs(1);

/// A connection whose end is held back while a request is under way, and whose reads are bounded in each turn while
/// none is: then they are of heads. Bodies are bounded by the pace of their readers.
pub struct HalfClosed<T> {
    io: T,
    connection: Arc<Connection>,
    turn: Turn,
    /// The rest of the moment, once the end was seen.
    ending: Option<Pin<Box<Sleep>>>,
}

impl<T> HalfClosed<T> {
    pub fn new(io: T, connection: Arc<Connection>) -> Self {
        Self {
            io,
            connection,
            turn: Turn::new(),
            ending: None,
        }
    }

    /// Ready when the end may be told.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.connection.is_asked() {
            return Poll::Ready(());
        }
        self.connection.ends_with_its_requests();
        let ending = self.ending.get_or_insert_with(|| Box::pin(sleep(MOMENT)));
        ending.as_mut().poll(cx)
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for HalfClosed<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.ending.is_none() {
            let is_head = !self.connection.is_asked();
            if is_head && self.turn.is_over(cx) {
                return Poll::Pending;
            }
            let before = buf.filled().len();
            let polled = Pin::new(&mut self.io).poll_read(cx, buf);
            if is_head {
                self.turn.has_read(&polled, buf.filled().len() - before);
            }
            ready!(polled)?;
            if buf.filled().len() > before || buf.remaining() == 0 {
                return Poll::Ready(Ok(()));
            }
        }
        self.poll_end(cx).map(Ok)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for HalfClosed<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::connections::Connections;
    use crate::server::http::http1;
    use crate::server::limits::Limits;
    use http::{Request, Response};
    use hyper_util::rt::TokioIo;
    use same_origin::proxy::{Body, Peer};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::time::Instant;

    #[tokio::test]
    async fn heads_take_turns_and_bodies_do_not() {
        let connection = Arc::new(Connection::default());
        let mut stream = HalfClosed::new(tokio::io::repeat(0), Arc::clone(&connection));
        let mut bytes = vec![0; 1 << 20];
        let ready = |stream: &mut HalfClosed<_>, bytes: &mut [u8]| {
            futures_util::FutureExt::now_or_never(stream.read(bytes)).is_some()
        };
        for _ in 0..3 {
            assert!(ready(&mut stream, &mut bytes));
            assert!(!ready(&mut stream, &mut bytes));
        }
        let request = connection.request();
        for _ in 0..3 {
            assert!(ready(&mut stream, &mut bytes));
        }
        drop(request);
        assert!(ready(&mut stream, &mut bytes));
        assert!(!ready(&mut stream, &mut bytes));
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_is_told_a_moment_later_while_a_request_is_under_way() {
        let connection = Arc::new(Connection::default());
        let mut asked = HalfClosed::new(&b"GET"[..], Arc::clone(&connection));
        let request = connection.request();
        let (begun, mut bytes) = (Instant::now(), [0; 8]);
        assert_eq!(asked.read(&mut bytes).await.unwrap(), 3);
        assert_eq!(asked.read(&mut bytes).await.unwrap(), 0);
        assert_eq!(begun.elapsed(), MOMENT);
        drop(request);
        let mut idle = HalfClosed::new(&b""[..], connection);
        assert_eq!(idle.read(&mut bytes).await.unwrap(), 0);
        assert_eq!(begun.elapsed(), MOMENT);
    }

    #[tokio::test(start_paused = true)]
    async fn after_the_answer_the_end_is_told_at_once() {
        let connection = Arc::new(Connection::default());
        let mut asked = HalfClosed::new(&b""[..], Arc::clone(&connection));
        let request = connection.request();
        let mut bytes = [0; 8];
        let mut read = Box::pin(asked.read(&mut bytes));
        assert!(futures_util::poll!(read.as_mut()).is_pending());
        drop(request);
        assert!(futures_util::poll!(read.as_mut()).is_ready());
    }

    #[tokio::test(start_paused = true)]
    async fn the_connection_ends_with_the_answer() {
        for takes in [Duration::ZERO, MOMENT / 10] {
            let (mut client, server) = tokio::io::duplex(4096);
            let entry = Arc::new(Connections::new(&Limits::default())).admit(None);
            let io = HalfClosed::new(server, Arc::clone(&entry.connection));
            let answer = move |_: &Peer, _: Request<Body>| async move {
                sleep(takes).await;
                Response::new(Body::from("answer"))
            };
            tokio::spawn(async move {
                let peer = Peer::new("192.0.2.1:80".parse().unwrap());
                let _ended = http1(TokioIo::new(io), peer, Limits::default(), answer, &entry).await;
            });
            let begun = Instant::now();
            client
                .write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
                .await
                .unwrap();
            client.shutdown().await.unwrap();
            let mut answer = String::new();
            client.read_to_string(&mut answer).await.unwrap();
            assert!(answer.ends_with("answer"), "{answer}");
            assert!(begun.elapsed() < MOMENT / 2, "{:?}", begun.elapsed());
        }
    }
}
