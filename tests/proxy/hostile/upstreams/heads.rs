//! Heads that are none, have no end, or do not come.

use std::time::Duration;

use tokio::io::AsyncWriteExt;

use super::{Hostile, within};
use crate::support::get;

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
        // Most of the written bytes are in the kernel's buffers.
        assert!(written < 16 << 20, "{written} bytes of {more:?}");
    }
}

#[tokio::test]
async fn a_long_head_is_a_head() {
    let cookies = format!("set-cookie: a={}\r\n", "b".repeat(1000)).repeat(50);
    let head = format!("HTTP/1.1 200 OK\r\n{cookies}content-length: 2\r\n\r\nok");
    // The proxy keeps the connection, so this test does not wait for its end.
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
