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
mod tests {
    use http::{Request, Response};
    use http_body_util::BodyExt;
    use same_origin::proxy::{Body, Peer};
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
    use tokio::time::sleep;

    use super::*;
    use crate::server::connections::Connections;
    use crate::server::http::http1;
    use crate::server::limits::Limits;

    /// A client of a gateway that answers to `/read` after the whole body, to `/late` after a while, and otherwise at once.
    struct Served {
        client: DuplexStream,
        connections: Arc<Connections>,
    }

    impl Served {
        fn begin(timeout: Duration) -> Self {
            let (client, server) = tokio::io::duplex(4096);
            let connections = Arc::new(Connections::new(&Limits::default()));
            tokio::spawn(Arc::clone(&connections).close_silent(timeout));
            let entry = connections.admit(None);
            let answer = |_: &Peer, request: Request<Body>| async {
                if request.uri().path() == "/read" {
                    let _read = request.into_body().collect().await;
                } else if request.uri().path() == "/late" {
                    sleep(LATE).await;
                }
                let refusal = Response::builder().status(404);
                refusal.body(Body::from("answer")).unwrap()
            };
            tokio::spawn(async move {
                let io = TokioIo::new(HalfClosed::new(server, Arc::clone(&entry.connection)));
                let peer = Peer::new("192.0.2.1:80".parse().unwrap());
                let _ended = http1(io, peer, Limits::default(), answer, &entry).await;
            });
            Self {
                client,
                connections,
            }
        }

        async fn send(&mut self, text: &str) {
            self.client.write_all(text.as_bytes()).await.unwrap();
        }

        /// One with a body of which the first byte is sent.
        async fn uploads() -> Self {
            let mut served = Self::begin(FOR_EVER);
            served.send(UPLOAD).await;
            served
        }

        /// Reads up to the end of what the gateway sends.
        async fn is_answered(&mut self, status: &str) {
            let mut text = String::new();
            self.client.read_to_string(&mut text).await.unwrap();
            assert!(text.starts_with(status), "{text}");
        }

        /// Gives how long the connection is there.
        async fn stays(&self) -> Duration {
            let begun = Instant::now();
            self.connections.fewer_than(1).await;
            begun.elapsed()
        }
    }

    const CONNECT: &str = "CONNECT a:1 HTTP/1.1\r\nhost: a\r\n\r\nTLS";
    const LATE: Duration = Duration::from_secs(3);
    const FOR_EVER: Duration = Duration::from_secs(3600);
    const UPLOAD: &str = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10000000\r\n\r\nx";
    const REFUSED: &str = "HTTP/1.1 404 ";

    #[track_caller]
    fn about(found: Duration, expected: Duration, name: &str) {
        let most = expected + Duration::from_millis(200);
        assert!(found >= expected && found <= most, "{name}: {found:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_is_read_until_it_pauses_closes_or_has_had_its_time() {
        let mut pauses = Served::uploads().await;
        pauses.is_answered(REFUSED).await;
        sleep(PAUSE / 2).await;
        pauses.send(&"x".repeat(100_000)).await;
        about(pauses.stays().await, PAUSE, "pauses");

        let mut closes = Served::uploads().await;
        closes.is_answered(REFUSED).await;
        closes.send(&"x".repeat(100_000)).await;
        closes.client.shutdown().await.unwrap();
        about(closes.stays().await, Duration::ZERO, "closes");

        for pause in [PAUSE / 2, Duration::from_millis(1)] {
            let mut trickles = Served::uploads().await;
            trickles.is_answered(REFUSED).await;
            let begun = Instant::now();
            while trickles.client.write_all(b"x").await.is_ok() {
                sleep(pause).await;
            }
            let stayed = begun.elapsed();
            assert!(stayed >= WHOLE && stayed < WHOLE + PAUSE, "{stayed:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn only_a_client_that_may_be_sending_is_read_on() {
        let chunked = "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n";
        let get = "GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
        let read =
            "POST /read HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 1\r\n\r\nx";
        let late = "POST /read HTTP/1.1\r\nhost: a\r\n";
        let h2c = UPLOAD.replace("host", "connection: upgrade\r\nupgrade: h2c\r\nhost");
        let h2c = &*h2c;
        let offer = get.replace("close", "close, upgrade\r\nupgrade: h2c");
        let offered_before = offer.replace("close, ", "") + &get.repeat(2);
        let bad = "HTTP/1.1 400 ";
        for (sent, answer, stays) in [
            (chunked, REFUSED, PAUSE),
            (&*get.repeat(2), REFUSED, PAUSE),
            (CONNECT, REFUSED, PAUSE),
            (h2c, REFUSED, PAUSE),
            (&*offer.repeat(2), REFUSED, PAUSE),
            (&*offered_before, REFUSED, PAUSE),
            ("no request\r\n\r\n", bad, PAUSE),
            ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "", Duration::ZERO),
            (&*offer, REFUSED, Duration::ZERO),
            (get, REFUSED, Duration::ZERO),
            (read, REFUSED, Duration::ZERO),
            (late, "", Duration::ZERO),
        ] {
            let mut served = Served::begin(WHOLE);
            served.send(sent).await;
            served.is_answered(answer).await;
            about(served.stays().await, stays, sent);
        }
    }

    /// hyper reads the rest of a short body, and the connection has nothing unread when it is told to stop.
    #[tokio::test(start_paused = true)]
    async fn a_body_that_hyper_has_read_is_not_waited_for() {
        let mut served = Served::begin(FOR_EVER);
        served
            .send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\n\r\nx")
            .await;
        let mut text = Vec::new();
        while !text.ends_with(b"answer") {
            assert_ne!(served.client.read_buf(&mut text).await.unwrap(), 0);
        }
        let begun = Instant::now();
        served.connections.drain().await;
        about(begun.elapsed(), Duration::ZERO, "ends");
    }

    #[tokio::test(start_paused = true)]
    async fn a_stop_waits_a_moment_for_what_is_answered_after_it_alone() {
        for (path, lasts) in [("/", Duration::ZERO), ("/late", LATE + WHILE_STOPPING)] {
            let mut served = Served::begin(FOR_EVER);
            served
                .send(&UPLOAD.replace("/ ", &format!("{path} ")))
                .await;
            let begun = Instant::now();
            sleep(Duration::from_millis(1)).await;
            served.connections.drain().await;
            let drained = begun.elapsed();
            served.is_answered(REFUSED).await;
            about(drained, lasts, path);
        }
        let mut cut = Served::uploads().await;
        cut.is_answered(REFUSED).await;
        let begun = Instant::now();
        cut.connections.cut().await;
        about(begun.elapsed(), Duration::ZERO, "ends");
    }

    /// The system resets what is closed with unread bytes, and a reset takes the answer away.
    #[tokio::test]
    async fn an_answer_is_not_lost_by_what_its_client_sends_behind_it() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        for _ in 0..10 {
            let client = TcpStream::connect(listener.local_addr().unwrap());
            let (client, accepted) = tokio::join!(client, listener.accept());
            let (mut client, (stream, _)) = (client.unwrap(), accepted.unwrap());
            let entry = Arc::new(Connections::new(&Limits::default())).admit(None);
            let answer = |_: &Peer, _: Request<Body>| {
                std::future::ready(Response::new(Body::from("answer")))
            };
            let io = Coalesced::new(TokioIo::new(HalfClosed::new(
                stream,
                Arc::clone(&entry.connection),
            )));
            let served = tokio::spawn(async move {
                let peer = Peer::new("192.0.2.1:80".parse().unwrap());
                let _ended = http1(io, peer, Limits::default(), answer, &entry).await;
            });
            client.write_all(UPLOAD.as_bytes()).await.unwrap();
            // The answer is there, and is not read.
            assert_ne!(client.peek(&mut [0; 8]).await.unwrap(), 0);
            for _ in 0..5 {
                sleep(Duration::from_millis(2)).await;
                client.write_all(&[b'x'; 10_000]).await.unwrap();
            }
            let mut text = String::new();
            client.read_to_string(&mut text).await.unwrap();
            assert!(text.ends_with("answer"), "{text}");
            drop(client);
            served.await.unwrap();
        }
    }
}
