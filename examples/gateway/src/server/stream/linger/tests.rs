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
    let read = "POST /read HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 1\r\n\r\nx";
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
        let answer =
            |_: &Peer, _: Request<Body>| std::future::ready(Response::new(Body::from("answer")));
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
