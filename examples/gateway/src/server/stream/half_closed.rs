//! Clients of HTTP/1.1 that close their side after a request and wait for its answer (`printf … | nc -N`).
//!
//! Such a client looks like one that has gone: of both nothing is seen but the end of what they send
//! (RFC 9293 3.6). hyper takes it for the latter and gives the request up, or, told that it may be the former
//! (`half_close`), goes on for nobody as long as the upstream likes. Here the end is held back for a moment in
//! which most answers come; whoever has gone occupies an upstream for that moment longer. It is held back also while
//! the client has yet to take what is there of an answer, which hyper would not write any more. To one who has gone that
//! cannot be written either, or nothing of it moves, which the connections' watch sees.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use same_origin::_delegate_io as delegate_io;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

use super::paced::Turn;
use crate::server::connections::Connection;

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
    /// Whether the client had some of an answer to take when this was asked last.
    had_untaken: bool,
}

impl<T> HalfClosed<T> {
    pub fn new(io: T, connection: Arc<Connection>) -> Self {
        Self {
            io,
            connection,
            turn: Turn::new(),
            ending: None,
            had_untaken: false,
        }
    }

    pub fn into_inner(self) -> T {
        self.io
    }

    /// Ready when the end may be told.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let has_untaken = self.connection.has_untaken();
        if !has_untaken && !self.connection.is_asked() {
            return Poll::Ready(());
        }
        self.connection.ends_with_its_requests();
        let ending = self.ending.get_or_insert_with(|| Box::pin(sleep(MOMENT)));
        // The next part of an answer that is handed on comes when the one before is taken, and has a moment, too.
        if has_untaken || self.had_untaken {
            ending.as_mut().reset(Instant::now() + MOMENT);
        }
        self.had_untaken = has_untaken;
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
    delegate_io!(io: poll_write, poll_write_vectored, is_write_vectored, poll_flush, poll_shutdown);
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;
    use http::{Request, Response};
    use http_body::Frame;
    use http_body_util::StreamBody;
    use hyper_util::rt::TokioIo;
    use same_origin::proxy::{Body, Peer};
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

    use super::*;
    use crate::server::BoxError;
    use crate::server::connections::Connections;
    use crate::server::http::http1;
    use crate::server::limits::Limits;

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
    async fn the_end_is_told_when_the_answer_is_sent_and_a_tunnel_s_at_once() {
        let connection = Arc::new(Connection::default());
        let mut sending = HalfClosed::new(&b""[..], Arc::clone(&connection));
        let mut bytes = [0; 8];
        connection.is_sending(true);
        let mut read = Box::pin(sending.read(&mut bytes));
        for _ in 0..3 {
            assert!(futures_util::poll!(read.as_mut()).is_pending());
            sleep(MOMENT).await;
        }
        connection.is_sending(false);
        assert!(futures_util::poll!(read.as_mut()).is_ready());
        drop(read);
        connection.request().switches();
        connection.is_sending(true);
        assert_eq!(sending.read(&mut bytes).await.unwrap(), 0);
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

    /// A client that closes its side and reads slowly, of a gateway with an answer of so many bytes.
    struct Slow {
        client: DuplexStream,
        connections: Arc<Connections>,
    }

    const LENGTH: usize = 1_000_000;
    const TIMEOUT: Duration = Duration::from_secs(30);

    impl Slow {
        async fn begin(answer: fn() -> Body) -> Self {
            let (mut client, server) = tokio::io::duplex(4096);
            let connections = Arc::new(Connections::new(&Limits::default()));
            tokio::spawn(Arc::clone(&connections).close_silent(TIMEOUT));
            let entry = connections.admit(None);
            let io = HalfClosed::new(server, Arc::clone(&entry.connection));
            let answer =
                move |_: &Peer, _: Request<Body>| std::future::ready(Response::new(answer()));
            tokio::spawn(async move {
                let peer = Peer::new("192.0.2.1:80".parse().unwrap());
                let _ended = http1(TokioIo::new(io), peer, Limits::default(), answer, &entry).await;
            });
            let request = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n";
            client.write_all(request).await.unwrap();
            client.shutdown().await.unwrap();
            Self {
                client,
                connections,
            }
        }

        async fn takes(&mut self, pause: Duration) -> usize {
            let mut taken = 0;
            loop {
                sleep(pause).await;
                match self.client.read(&mut [0; 4096]).await {
                    Ok(0) | Err(_) => return taken,
                    Ok(read) => taken += read,
                }
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_is_told_when_the_client_has_the_answer() {
        let whole = || Body::from(vec![0; LENGTH]);
        for pause in [Duration::ZERO, MOMENT / 10, 3 * MOMENT] {
            let taken = Slow::begin(whole).await.takes(pause).await;
            assert!(taken > LENGTH, "{taken} with {pause:?}");
        }
        // Nothing moves, or nothing can be written.
        let stuck = Slow::begin(whole).await;
        let begun = Instant::now();
        stuck.connections.fewer_than(1).await;
        assert!(begun.elapsed() > 2 * TIMEOUT, "{:?}", begun.elapsed());
        let gone = Slow::begin(whole).await;
        sleep(MOMENT / 2).await;
        drop(gone.client);
        gone.connections.fewer_than(1).await;
    }

    #[tokio::test(start_paused = true)]
    async fn the_next_part_of_an_answer_that_is_handed_on_has_a_moment() {
        let in_parts = || {
            let parts = futures_util::stream::iter(0..10).then(|_| async {
                sleep(MOMENT * 3 / 4).await;
                Ok::<_, BoxError>(Frame::data(vec![0; LENGTH / 10].into()))
            });
            Body::new(StreamBody::new(Box::pin(parts)))
        };
        let taken = Slow::begin(in_parts).await.takes(MOMENT / 100).await;
        assert!(taken > LENGTH, "{taken}");
    }

    #[tokio::test(start_paused = true)]
    async fn an_upstream_that_pauses_is_given_up_when_the_client_has_what_is_there() {
        let paused = || {
            let frames = futures_util::stream::iter([Ok(Frame::data(vec![0; LENGTH].into()))]);
            let frames = frames.chain(futures_util::stream::pending());
            Body::new(StreamBody::<_>::new(
                frames.map(|frame: Result<_, BoxError>| frame),
            ))
        };
        let mut slow = Slow::begin(paused).await;
        let begun = Instant::now();
        let taken = slow.takes(MOMENT / 100).await;
        assert!(taken > LENGTH, "{taken}");
        assert!(begun.elapsed() < 5 * MOMENT, "{:?}", begun.elapsed());
    }
}
