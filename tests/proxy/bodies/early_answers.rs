//! An upstream that answers while the request is on its way: its answer arrives, and it is sent no more than
//! it wants.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, StreamBody};
use hyper_util::rt::{TokioExecutor, TokioIo};
use same_origin::proxy::{Limits, ReverseProxy};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::serve;

const ANSWER: &[u8] = b"HTTP/1.1 413 Payload Too Large\r\ncontent-length: 9\r\n\r\ntoo large";
const CLOSING: &[u8] =
    b"HTTP/1.1 413 Payload Too Large\r\nconnection: close\r\ncontent-length: 9\r\n\r\ntoo large";

/// The upstream's next step after its answer.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Then {
    /// Closes with the rest of the request unread, so that the other side is reset.
    Close,
    /// Closes its side and goes on reading.
    CloseWrite,
    /// Goes on reading.
    Read,
}

/// An upstream that reads the head of a request and a little more, and answers. Counts the bytes it reads
/// after that.
async fn upstream(answer: &'static [u8], then: Then) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let read = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&read);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let count = Arc::clone(&count);
            tokio::spawn(async move {
                let mut buffer = vec![0; 16 * 1024];
                let _ = stream.read(&mut buffer).await;
                let _ = stream.write_all(answer).await;
                match then {
                    Then::Close => return,
                    Then::CloseWrite => stream.shutdown().await.unwrap_or_default(),
                    Then::Read => {}
                }
                while let Ok(1..) = stream.read(&mut buffer).await.inspect(|len| {
                    count.fetch_add(*len, Ordering::Relaxed);
                }) {}
            });
        }
    });
    (address, read)
}

/// The answer to a client of HTTP/1.1 that reads while it writes, and how much it sent.
async fn upload(server: SocketAddr, len: usize) -> (String, usize) {
    let stream = TcpStream::connect(server).await.unwrap();
    let (mut read, mut write) = stream.into_split();
    let head = format!("POST /api/x HTTP/1.1\r\nhost: a\r\ncontent-length: {len}\r\n\r\n");
    let writing = tokio::spawn(async move {
        let chunk = vec![b'x'; 64 * 1024];
        let mut sent = 0;
        if write.write_all(head.as_bytes()).await.is_ok() {
            while sent < len {
                match write.write(&chunk[..chunk.len().min(len - sent)]).await {
                    Ok(written) => sent += written,
                    Err(_) => break,
                }
            }
        }
        (sent, write)
    });
    let mut answer = Vec::new();
    while !answer.ends_with(b"too large") {
        match tokio::time::timeout(Duration::from_secs(10), read.read_buf(&mut answer)).await {
            Ok(Ok(1..)) => {}
            _ => break,
        }
    }
    let sent = tokio::time::timeout(Duration::from_secs(2), writing).await;
    let sent = sent.map_or(0, |sent| sent.unwrap().0);
    (String::from_utf8_lossy(&answer).into_owned(), sent)
}

/// The same over HTTP/2.
async fn upload_http2(server: SocketAddr, len: usize) -> Result<String, hyper::Error> {
    let stream = TokioIo::new(TcpStream::connect(server).await.unwrap());
    let (mut client, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), stream).await?;
    tokio::spawn(connection);
    let chunks = (0..len / 65536).map(|_| {
        let data = Bytes::from_static(&[b'x'; 65536]);
        Ok::<_, Infallible>(http_body::Frame::data(data))
    });
    let body = StreamBody::new(futures_util::stream::iter(chunks));
    let request = Request::post("http://a/api/x").body(body).unwrap();
    let response = client.send_request(request).await?;
    let status = response.status().as_u16();
    let body = response.into_body().collect().await?.to_bytes();
    Ok(format!("{status} {}", String::from_utf8_lossy(&body)))
}

/// One that is not given back would be missed by the next request.
fn one_place() -> Limits {
    let limits = Limits::default().in_flight(1);
    limits.client_share(1.0).connection_share(1.0)
}

async fn proxy_of(address: SocketAddr) -> SocketAddr {
    let proxy = ReverseProxy::builder("/api", format!("http://{address}")).limits(one_place());
    let proxy = proxy.map_error(|error, response| {
        eprintln!("{error:?}");
        response
    });
    serve(proxy.build().unwrap()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_answer_arrives() {
    for (answer, then) in [
        (ANSWER, Then::Close),
        (CLOSING, Then::Close),
        (CLOSING, Then::CloseWrite),
    ] {
        let (address, _) = upstream(answer, then).await;
        let server = proxy_of(address).await;
        for turn in 0..100 {
            let len = [200_000, 2_000_000, 4_000_000][turn % 3];
            let (answer, _) = upload(server, len).await;
            let is_whole = answer.starts_with("HTTP/1.1 413") && answer.ends_with("too large");
            assert!(is_whole, "{then:?}, turn {turn}: {answer:?}");
        }
        for turn in 0..100 {
            let len = [200_000, 2_000_000, 4_000_000][turn % 3];
            let answer = upload_http2(server, len).await;
            let answer = answer.unwrap_or_else(|error| panic!("{then:?}, {turn}: {error:?}"));
            assert_eq!(answer, "413 too large", "{then:?}, turn {turn}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rest_is_not_sent_to_an_upstream_that_does_not_want_it() {
    const LEN: usize = 64 << 20;
    for (reply, then) in [(CLOSING, Then::Read), (ANSWER, Then::CloseWrite)] {
        let (address, read) = upstream(reply, then).await;
        let (answer, _) = upload(proxy_of(address).await, LEN).await;
        assert!(answer.ends_with("too large"), "{then:?}");
        // RFC 9112 9.6: nothing can follow on the client's connection. That the upstream closes its side without
        // a word may be seen after its head.
        if reply == CLOSING {
            assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
        }
        let read = read.load(Ordering::Relaxed);
        assert!(read < LEN / 4, "{then:?}: {read}");
    }
}

#[tokio::test]
async fn an_upload_that_is_read_after_the_answer_is_not_cut() {
    const LEN: usize = 16 << 20;
    let (address, read) = upstream(ANSWER, Then::Read).await;
    let (answer, sent) = upload(proxy_of(address).await, LEN).await;
    assert!(answer.ends_with("too large"));
    assert!(!answer.contains("connection:"), "{answer}");
    assert_eq!(sent, LEN);
    while read.load(Ordering::Relaxed) < LEN - 16 * 1024 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// An upstream of HTTP/2 that answers in full before it has read the request, and asks for no more of it.
async fn http2_upstream() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut connection = h2::server::handshake(stream).await.unwrap();
                while let Some(Ok((_request, mut respond))) = connection.accept().await {
                    let head = http::Response::builder().status(413);
                    let mut body = respond
                        .send_response(head.body(()).unwrap(), false)
                        .unwrap();
                    body.send_data(Bytes::from_static(b"too large"), true)
                        .unwrap();
                    tokio::spawn(async move {
                        tokio::time::sleep(Duration::from_millis(5)).await;
                        respond.send_reset(h2::Reason::NO_ERROR);
                    });
                }
            });
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_over_http2_arrives() {
    let url = format!("h2c://{}", http2_upstream().await);
    let proxy = ReverseProxy::builder("/api", url).limits(one_place());
    let server = serve(proxy.build().unwrap()).await;
    for turn in 0..50 {
        let answer = upload_http2(server, 2_000_000).await;
        let answer = answer.unwrap_or_else(|error| panic!("{turn}: {error:?}"));
        assert_eq!(answer, "413 too large", "turn {turn}");
        let (answer, _) = upload(server, 2_000_000).await;
        let is_whole = answer.starts_with("HTTP/1.1 413") && answer.contains("too large");
        assert!(is_whole, "turn {turn}: {answer:?}");
    }
}
