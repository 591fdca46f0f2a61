//! Streams of HTTP/2 that are reset "without an error" before their end: what came is a part, and is not
//! handed on as if it were all.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use h2::Reason;
use http::{Request, Response};
use same_origin::proxy::ReverseProxy;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use crate::support::{get, serve};

/// RFC 9112 7.1: what ends a chunked body.
const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// Until when everything has ended by itself.
const AT_ALL: Duration = Duration::from_secs(30);

/// An upstream of HTTP/1.1 that tells when the body has begun, and gives all bytes up to the end of the
/// connection.
async fn reader() -> (
    SocketAddr,
    oneshot::Receiver<()>,
    oneshot::Receiver<Vec<u8>>,
) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let ((begin, begun), (end, ended)) = (oneshot::channel(), oneshot::channel());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut bytes = Vec::new();
        while !bytes.ends_with(b"part\r\n") {
            stream.read_buf(&mut bytes).await.unwrap();
        }
        begin.send(()).unwrap();
        // A connection that is reset has ended, too.
        let _ = stream.read_to_end(&mut bytes).await;
        end.send(bytes).unwrap();
    });
    (address, begun, ended)
}

/// Often, as the reset meets the body and the request that waits for its answer in any order.
#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_is_reset_has_not_ended() {
    for reason in [Reason::NO_ERROR, Reason::CANCEL].repeat(50) {
        let (upstream, begun, ended) = reader().await;
        let proxy = ReverseProxy::new("/api", format!("http://{upstream}")).unwrap();
        let server = TcpStream::connect(serve(proxy).await).await.unwrap();
        let (client, connection) = h2::client::handshake(server).await.unwrap();
        let connection = tokio::spawn(connection);
        let mut client = client.ready().await.unwrap();
        let request = Request::post("http://a/api/x").body(()).unwrap();
        let (_response, mut body) = client.send_request(request, false).unwrap();
        body.send_data(Bytes::from_static(b"part"), false).unwrap();
        begun.await.unwrap();
        body.send_reset(reason);

        let bytes = tokio::time::timeout(AT_ALL, ended).await;
        let bytes = bytes.expect("the upstream hears of it").unwrap();
        assert!(
            !bytes.ends_with(LAST_CHUNK),
            "{reason:?}: {}",
            bytes.escape_ascii()
        );
        connection.abort();
    }
}

/// An upstream of HTTP/2 that answers its only request with these frames, all at once.
async fn framed(frames: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            // Empty SETTINGS.
            stream
                .write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0])
                .await
                .unwrap();
            let mut bytes = Vec::new();
            // HEADERS of stream 1 that end its head.
            while !bytes
                .windows(6)
                .any(|part| part[0] == 1 && part[1] & 4 != 0 && part[5] == 1)
            {
                stream.read_buf(&mut bytes).await.unwrap();
            }
            stream.write_all(frames).await.unwrap();
            tokio::spawn(
                async move { while matches!(stream.read_buf(&mut bytes).await, Ok(1..)) {} },
            );
        }
    });
    address
}

/// It is an answer of the upstream, or one of the proxy, and never nothing.
#[tokio::test]
async fn an_answer_that_is_reset_at_once_is_an_answer() {
    // HEADERS with `:status: 200`, DATA of two bytes, RST_STREAM with INTERNAL_ERROR.
    let cut: &[u8] = &[
        0, 0, 1, 1, 4, 0, 0, 0, 1, 0x88, 0, 0, 4, 3, 0, 0, 0, 0, 1, 0, 0, 0, 2,
    ];
    let part: &[u8] = &[
        0, 0, 1, 1, 4, 0, 0, 0, 1, 0x88, 0, 0, 2, 0, 0, 0, 0, 0, 1, b'h', b'i', 0, 0, 4, 3, 0, 0,
        0, 0, 1, 0, 0, 0, 2,
    ];
    for frames in [cut, part].repeat(5) {
        let url = format!("h2c://{}", framed(frames).await);
        let proxy = || ReverseProxy::new("/api", &url).unwrap();
        let answer = get(serve(proxy()).await, "/api/x", "").await;
        assert!([200, 502].contains(&answer.status), "{answer:?}");
        assert!(!answer.body.ends_with(LAST_CHUNK), "{answer:?}");

        let stream = TcpStream::connect(serve(proxy()).await).await.unwrap();
        let (mut client, connection) = h2::client::handshake(stream).await.unwrap();
        let connection = tokio::spawn(connection);
        let request = Request::get("http://a/api/x").body(()).unwrap();
        let (response, _) = client.send_request(request, true).unwrap();
        let status = response.await.expect("a head").status().as_u16();
        assert!([200, 502].contains(&status), "{status}");
        connection.abort();
    }
}

#[tokio::test]
async fn an_answer_that_is_reset_has_not_ended() {
    for reason in [Reason::NO_ERROR, Reason::CANCEL] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let upstream = listener.local_addr().unwrap();
        let (go, on) = oneshot::channel::<()>();
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let mut connection = h2::server::handshake(stream).await.unwrap();
            let (_request, mut respond) = connection.accept().await.unwrap().unwrap();
            let mut body = respond.send_response(Response::new(()), false).unwrap();
            body.send_data(Bytes::from_static(b"part"), false).unwrap();
            tokio::spawn(async move {
                on.await.unwrap();
                body.send_reset(reason);
            });
            while connection.accept().await.is_some() {}
        });
        let proxy = ReverseProxy::new("/api", format!("h2c://{upstream}")).unwrap();
        let mut client = TcpStream::connect(serve(proxy).await).await.unwrap();
        let request = b"GET /api/x HTTP/1.1\r\nhost: a\r\n\r\n";
        client.write_all(request).await.unwrap();
        let mut bytes = Vec::new();
        while !bytes.ends_with(b"part\r\n") {
            client.read_buf(&mut bytes).await.unwrap();
        }
        go.send(()).unwrap();

        let read = tokio::time::timeout(AT_ALL, async {
            while !bytes.ends_with(LAST_CHUNK)
                && matches!(client.read_buf(&mut bytes).await, Ok(1..))
            {}
        });
        read.await.expect("the client hears of it");
        assert!(
            !bytes.ends_with(LAST_CHUNK),
            "{reason:?}: {}",
            bytes.escape_ascii()
        );
    }
}
