//! Bodies that break their framing or end early, and bytes that belong to no response.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use super::{Hostile, head, is_whole, reset, until_closed, within};
use crate::support::reply;

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
