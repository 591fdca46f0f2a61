//! Uploads that go on after their answer.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::{Request, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use crate::gateway;

/// The number of pieces of an upload, and the time before each.
const PIECES: u64 = 10;
const PAUSE: Duration = Duration::from_millis(150);
/// Until when everything has ended by itself; never how long it should take.
const AT_ALL: Duration = Duration::from_secs(20);

/// An upstream that answers when it has the head of a request, and reads on. Tells how many of the pieces, which are one
/// `x` each, it had when the request was over or its connection closed.
async fn upstream() -> (SocketAddr, mpsc::UnboundedReceiver<usize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, told) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let tell = tell.clone();
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.windows(4).any(|end| end == b"\r\n\r\n") {
                    stream.read_buf(&mut head).await.unwrap();
                }
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
                stream.write_all(answer).await.unwrap();
                let (mut body, mut pieces) = (Vec::new(), 0);
                while pieces < PIECES as usize && stream.read_buf(&mut body).await.unwrap_or(0) > 0
                {
                    pieces = body.iter().filter(|byte| **byte == b'x').count();
                }
                let _over = tell.send(pieces);
                while stream.read_buf(&mut body).await.unwrap_or(0) > 0 {}
            });
        }
    });
    (address, told)
}

type Pieces = std::pin::Pin<Box<dyn http_body::Body<Data = Bytes, Error = Infallible> + Send>>;

/// A body of so many pieces; if they are not all, nothing comes after them.
fn pieces(count: u64) -> Pieces {
    let pieces = stream::unfold(0, move |sent| async move {
        if sent == PIECES {
            return None;
        }
        if sent == count {
            std::future::pending::<()>().await;
        }
        sleep(PAUSE).await;
        let piece = Frame::data(Bytes::from_static(b"x"));
        Some((Ok::<_, Infallible>(piece), sent + 1))
    });
    Box::pin(StreamBody::new(pieces))
}

/// Sends an upload, reads its answer, and waits until the connection ends.
async fn upload(to: SocketAddr, is_http2: bool, length: Option<u64>, count: u64) {
    let stream = TokioIo::new(TcpStream::connect(to).await.unwrap());
    let mut request = Request::post("http://a/x").header("host", "a");
    if let Some(length) = length {
        request = request.header("content-length", length);
    }
    let request = request.body(pieces(count)).unwrap();
    let (answer, connection) = if is_http2 {
        let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), stream);
        let (mut client, connection) = handshake.await.unwrap();
        let connection = tokio::spawn(async move { drop(connection.await) });
        (client.send_request(request).await, connection)
    } else {
        let (mut client, connection) = hyper::client::conn::http1::handshake(stream).await.unwrap();
        let connection = tokio::spawn(async move { drop(connection.await) });
        let answer = client.send_request(request).await;
        // Dropped, it would end the connection after the answer.
        std::mem::forget(client);
        (answer, connection)
    };
    let answer = answer.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "ok");
    connection.await.unwrap();
}

/// RFC 9112 6.3, RFC 9113 8.1: a request lasts until its last byte.
#[tokio::test]
async fn an_upload_is_under_way_until_its_last_byte() {
    let (upstream, mut told) = upstream().await;
    let gateway = gateway::with(&format!(
        "server = {{ head_timeout = '400ms' }}\n\
         [[routes]]\nprefix = '/'\nupstream = 'http://{upstream}'\ntimeouts = {{ client = '1s' }}\nlimits = {{ idle_connections = 0 }}\n"
    ));
    for (is_http2, length) in [(false, Some(PIECES)), (false, None), (true, Some(PIECES))] {
        // One that its client leaves off is ended by the client timeout, and its connection with it.
        for count in [PIECES, 2] {
            let name = format!("HTTP/2: {is_http2}, {length:?}, {count}");
            let uploaded = upload(gateway.address(), is_http2, length, count);
            timeout(AT_ALL, uploaded).await.expect(&name);
            let pieces = timeout(AT_ALL, told.recv()).await.expect(&name);
            assert_eq!(pieces, Some(count as usize), "{name}");
        }
    }
}
