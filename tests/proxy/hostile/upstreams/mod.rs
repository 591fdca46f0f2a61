//! Upstreams that break the protocol, or keep to its letter and do harm: each exchange ends, the
//! connection is given up, and who asks for something else beside it is served.

use crate::support::{Answer, exchange, get, reply, serve};
use same_origin::proxy::{Limits, ReverseProxy, Timeouts, Tunnels};
use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Until when everything has ended by itself; never how long it should take.
const AT_ALL: Duration = Duration::from_secs(30);

/// A proxy of an upstream that answers `/good` as it should, and does with the connection of any other
/// request what it likes.
struct Hostile {
    server: SocketAddr,
    /// The bytes that were written on each connection that the proxy has ended.
    ended: mpsc::UnboundedReceiver<usize>,
}

impl Hostile {
    /// `bad` gives how much it wrote.
    async fn start<F>(bad: impl Fn(TcpStream) -> F + Clone + Send + 'static) -> Self
    where
        F: Future<Output = usize> + Send,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (tell, ended) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (bad, tell) = (bad.clone(), tell.clone());
                tokio::spawn(async move {
                    while let Some(head) = head(&mut stream).await {
                        if !head.contains(" /good ") {
                            let _ = tell.send(bad(stream).await);
                            return;
                        }
                        if stream.write_all(&reply("")).await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        let proxy = ReverseProxy::builder("/api", url)
            .timeouts(Timeouts::default().response(Duration::from_secs(1)))
            .build()
            .unwrap();
        let server = serve(proxy).await;
        Self { server, ended }
    }

    /// Writes `bytes` and waits for the proxy to go.
    async fn saying(bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        Self::start(move |mut stream| {
            let bytes = bytes.clone();
            async move {
                let _ = stream.write_all(&bytes).await;
                until_closed(&mut stream).await;
                bytes.len()
            }
        })
        .await
    }

    /// Writes `start` and then `more` as long as anybody takes it.
    async fn repeating(start: &'static str, more: &'static str) -> Self {
        Self::start(move |mut stream| async move {
            let block = more.repeat(16_384 / more.len() + 1);
            let mut written = 0;
            let mut next = start;
            while stream.write_all(next.as_bytes()).await.is_ok() {
                written += next.len();
                next = &block;
            }
            written
        })
        .await
    }

    async fn is_good(&self) {
        let answer = within(get(self.server, "/api/good", "")).await;
        assert_eq!((answer.status, &answer.body[..]), (200, &b"ok"[..]));
    }

    /// The answer to a request, once the upstream has seen that it is given up, and how much that had
    /// written by then.
    async fn ask(&mut self) -> (Answer, usize) {
        self.is_good().await;
        let asked = tokio::spawn(get(self.server, "/api/bad", ""));
        self.is_good().await;
        let answer = within(asked).await.unwrap();
        let written = within(self.ended.recv()).await.unwrap();
        self.is_good().await;
        (answer, written)
    }
}

async fn within<F: Future>(future: F) -> F::Output {
    let ended = timeout(AT_ALL, future).await;
    ended.unwrap_or_else(|_| panic!("not over after {AT_ALL:?}"))
}

/// The head of the next request.
async fn head(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        bytes.push(stream.read_u8().await.ok()?);
    }
    String::from_utf8(bytes).ok()
}

async fn until_closed(stream: &mut TcpStream) {
    while stream.read(&mut [0; 4096]).await.is_ok_and(|read| read > 0) {}
}

/// Whether an answer claims to be all there.
fn is_whole(answer: &Answer) -> bool {
    answer.all("content-length") == [answer.body.len().to_string()]
        || answer.body.ends_with(b"0\r\n\r\n")
}

#[tokio::test]
async fn silence_is_given_up() {
    let (answer, _) = Hostile::saying("").await.ask().await;
    assert_eq!(answer.status, 504);
    let (answer, _) = Hostile::saying("HTTP/1.1 200 OK\r\ncontent-")
        .await
        .ask()
        .await;
    assert_eq!(answer.status, 504);
}

#[tokio::test]
async fn a_head_that_is_none_is_502() {
    for bytes in [
        "HTTP/1.1 2xx OK\r\n\r\n",
        "HTTP/3.0 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\na b: c\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
        "HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999\r\n\r\n",
        "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
    ] {
        let (answer, _) = Hostile::saying(bytes).await.ask().await;
        assert_eq!(answer.status, 502, "{bytes:?}: {answer:?}");
    }
}

#[tokio::test]
async fn a_head_without_end_is_502_before_it_is_long() {
    for (start, more) in [
        ("HTTP/1.1 200 OK\r\n", "x-a: b\r\n"),
        ("HTTP/1.1 200 OK\r\nx-a: ", "b"),
        ("HTTP/1.1 200 ", "O"),
    ] {
        let (answer, written) = Hostile::repeating(start, more).await.ask().await;
        assert_eq!(answer.status, 502, "{start:?} {more:?}: {answer:?}");
        // What is written is mostly in the kernel's buffers.
        assert!(written < 16 << 20, "{written} bytes of {more:?}");
    }
}

#[tokio::test]
async fn a_long_head_is_a_head() {
    let cookies = format!("set-cookie: a={}\r\n", "b".repeat(1000)).repeat(50);
    let head = format!("HTTP/1.1 200 OK\r\n{cookies}content-length: 2\r\n\r\nok");
    // Its connection is kept, so there is no end of it to wait for.
    let upstream = Hostile::saying(head).await;
    let answer = within(get(upstream.server, "/api/bad", "")).await;
    assert_eq!((answer.status, answer.all("set-cookie").len()), (200, 50));
    let cookies = cookies.repeat(2);
    let head = format!("HTTP/1.1 200 OK\r\n{cookies}content-length: 2\r\n\r\nok");
    let (answer, _) = Hostile::saying(head).await.ask().await;
    assert_eq!(answer.status, 502);
}

#[tokio::test]
async fn interim_responses_without_end_are_no_response() {
    for more in [
        "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\n",
    ] {
        let mut upstream = Hostile::start(move |mut stream| async move {
            while stream.write_all(more.as_bytes()).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            0
        })
        .await;
        let (answer, _) = upstream.ask().await;
        assert_eq!(answer.status, 504, "{more:?}: {answer:?}");
        // As fast as it can, it is not waited for.
        let (answer, written) = Hostile::repeating("", more).await.ask().await;
        assert_eq!(answer.status, 502, "{more:?}: {answer:?}");
        assert!(written < 16 << 20, "{written} bytes of {more:?}");
    }
}

#[tokio::test]
async fn a_body_with_broken_framing_is_cut() {
    const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n";
    for broken in [
        "zz\r\nabc\r\n",
        "-3\r\nabc\r\n",
        "\r\n",
        "ffffffffffffffffff\r\nabc",
        "3\r\nabcd\r\n0\r\n\r\n",
        "3 3\r\nabc\r\n0\r\n\r\n",
        "0\r\nno colon\r\n\r\n",
    ] {
        let (answer, _) = Hostile::saying([CHUNKED, broken].concat())
            .await
            .ask()
            .await;
        assert!(!is_whole(&answer), "{broken:?}: {answer:?}");
    }
    for more in ["a", ";a=b", "0"] {
        let start: &'static str = [CHUNKED, "3;"].concat().leak();
        let (answer, written) = Hostile::repeating(start, more).await.ask().await;
        assert!(!is_whole(&answer), "{more:?}: {answer:?}");
        assert!(written < 16 << 20, "{written} bytes of {more:?}");
    }
    // A chunk's size has an end, leading zeros and all.
    let (answer, written) = Hostile::repeating(CHUNKED, "0").await.ask().await;
    assert!(!is_whole(&answer), "{answer:?}");
    assert!(written < 16 << 20, "{written} bytes of a size");
    // Trailers have an end as well.
    let start: &'static str = [CHUNKED, "0\r\n"].concat().leak();
    let (answer, written) = Hostile::repeating(start, "x-a: b\r\n").await.ask().await;
    assert!(!is_whole(&answer), "{answer:?}");
    assert!(written < 16 << 20, "{written} bytes of trailers");
}

/// Ends the connection with RST instead of FIN.
fn reset(stream: TcpStream) {
    stream.set_zero_linger().unwrap();
    drop(stream);
}

#[tokio::test]
async fn a_body_that_ends_early_is_cut() {
    for with_reset in [false, true] {
        for start in [
            "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n8\r\nhalf",
        ] {
            let mut upstream = Hostile::start(move |mut stream| async move {
                let _ = stream.write_all(start.as_bytes()).await;
                if with_reset {
                    reset(stream);
                }
                start.len()
            })
            .await;
            let (answer, _) = upstream.ask().await;
            assert!(!is_whole(&answer), "{start:?}: {answer:?}");
        }
    }
}

/// A client of one connection that it keeps, which reads answers of `content-length: 2`.
struct Keeping(TcpStream);

impl Keeping {
    async fn ask(&mut self, target: &str) -> String {
        let request = format!("GET /api{target} HTTP/1.1\r\nhost: a\r\n\r\n");
        self.0.write_all(request.as_bytes()).await.unwrap();
        let head = within(head(&mut self.0)).await.unwrap();
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        let mut body = [0; 2];
        within(self.0.read_exact(&mut body)).await.unwrap();
        String::from_utf8_lossy(&body).into_owned()
    }
}

#[tokio::test]
async fn what_follows_a_response_is_the_answer_of_nobody() {
    const EVIL: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nno";
    for after in [
        EVIL,
        "x",
        "\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nno",
    ] {
        let bytes = [&reply("")[..], after.as_bytes()].concat();
        let upstream = Hostile::saying(bytes).await;
        let mut client = Keeping(TcpStream::connect(upstream.server).await.unwrap());
        for turn in 0..100 {
            assert_eq!(client.ask("/bad").await, "ok", "{after:?}, turn {turn}");
            assert_eq!(client.ask("/good").await, "ok", "{after:?}, turn {turn}");
        }
    }
}

#[tokio::test]
async fn what_comes_on_an_idle_connection_ends_it() {
    for after in ["HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nno", "x"] {
        let (tell, mut told) = mpsc::unbounded_channel();
        let mut upstream = Hostile::start(move |mut stream| {
            let tell = tell.clone();
            async move {
                stream.write_all(&reply("")).await.unwrap();
                // After the client has its answer.
                let (go, gone) = tokio::sync::oneshot::channel::<()>();
                tell.send(go).unwrap();
                let _ = gone.await;
                let _ = stream.write_all(after.as_bytes()).await;
                until_closed(&mut stream).await;
                0
            }
        })
        .await;
        let mut client = Keeping(TcpStream::connect(upstream.server).await.unwrap());
        for _ in 0..20 {
            assert_eq!(client.ask("/bad").await, "ok");
            told.recv().await.unwrap().send(()).unwrap();
            within(upstream.ended.recv()).await.unwrap();
        }
    }
}

#[tokio::test]
async fn an_answer_before_the_upload_is_through_is_an_answer() {
    let mut upstream = Hostile::saying(reply("")).await;
    let mut client = TcpStream::connect(upstream.server).await.unwrap();
    let head = b"POST /api/bad HTTP/1.1\r\nhost: a\r\ncontent-length: 100000000\r\n\r\n";
    client.write_all(head).await.unwrap();
    let (mut from, mut to) = client.split();
    let mut answer = Vec::new();
    let reading = async {
        while !answer.ends_with(b"\r\n\r\nok") {
            assert!(from.read_buf(&mut answer).await.unwrap() > 0, "{answer:?}");
        }
    };
    let writing = async {
        while to.write_all(&[0; 16_384]).await.is_ok() {}
        std::future::pending::<()>().await;
    };
    within(async {
        tokio::select! {
            () = reading => {}
            () = writing => {}
        }
    })
    .await;
    assert!(answer.starts_with(b"HTTP/1.1 200 "));
    // The client has no use for the connection any more, and the upstream would keep it.
    drop(client);
    within(upstream.ended.recv()).await.unwrap();
    upstream.is_good().await;
}

const OFFER: &str =
    "GET /api/ws HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: chat/1\r\n\r\n";
const SWITCHED: &str =
    "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: chat/1\r\n\r\n";

#[tokio::test]
async fn a_promised_upgrade_that_is_none_opens_nothing() {
    for (bytes, status) in [
        ("HTTP/1.1 101 Switching Protocols\r\n\r\n", 502),
        (
            "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\n\r\n",
            502,
        ),
        (
            "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: other/1\r\n\r\n",
            502,
        ),
        (
            "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: chat/1, other/1\r\n\r\n",
            502,
        ),
        ("HTTP/1.1 101 Switching", 504),
    ] {
        let mut upstream = Hostile::saying(bytes).await;
        let offer = OFFER.replace("connection: ", "connection: close, ");
        let answer = within(exchange(upstream.server, offer)).await;
        assert_eq!(answer.status, status, "{bytes:?}: {answer:?}");
        within(upstream.ended.recv()).await.unwrap();
        upstream.is_good().await;
    }
}

#[tokio::test]
async fn a_tunnel_that_its_upstream_leaves_is_over() {
    for with_reset in [false, true] {
        let upstream = Hostile::start(move |mut stream| async move {
            let _ = stream.write_all(SWITCHED.as_bytes()).await;
            if with_reset {
                reset(stream);
            }
            0
        })
        .await;
        let mut client = TcpStream::connect(upstream.server).await.unwrap();
        client.write_all(OFFER.as_bytes()).await.unwrap();
        let answer = within(head(&mut client)).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
        within(until_closed(&mut client)).await;
        upstream.is_good().await;
    }
}

#[tokio::test]
async fn a_tunnel_in_which_nobody_speaks_is_over_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let tunnels = Tunnels::new();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let proxy = ReverseProxy::builder("/api", url)
        .timeouts(Timeouts::default().tunnel(Duration::from_millis(300)))
        .limits(Limits::default().in_flight(1))
        .tunnels(&tunnels)
        .build()
        .unwrap();
    let server = serve(proxy).await;
    // One after the other although one request may be under way: a tunnel is none.
    for _ in 0..3 {
        let mut client = TcpStream::connect(server).await.unwrap();
        client.write_all(OFFER.as_bytes()).await.unwrap();
        let (mut upstream, _) = listener.accept().await.unwrap();
        head(&mut upstream).await.unwrap();
        upstream.write_all(SWITCHED.as_bytes()).await.unwrap();
        assert!(within(head(&mut client)).await.is_some());
        within(until_closed(&mut upstream)).await;
        within(until_closed(&mut client)).await;
    }
    within(tunnels.closed()).await;
}
