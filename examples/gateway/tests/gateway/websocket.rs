//! WebSockets as bytes: a client, and an upstream that answers each message.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A close frame with the code 1001.
pub const GOING_AWAY: [u8; 4] = [0x88, 2, 0x03, 0xE9];
/// The upstream's answer to each message: a text frame.
pub const ANSWER: [u8; 4] = [0x81, 2, b'o', b'k'];

/// An upstream that takes WebSockets, answers what comes, and closes when it is told to.
pub async fn upstream() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    address
}

async fn serve(mut stream: TcpStream) {
    head(&mut stream).await;
    let switch =
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
    stream.write_all(switch.as_bytes()).await.unwrap();
    let mut bytes = [0; 1024];
    while let Ok(read @ 1..) = stream.read(&mut bytes).await {
        if bytes[0] == 0x88 {
            // With the code that the client gave.
            let _gone = stream.write_all(&GOING_AWAY).await;
            return;
        }
        assert!(read > 0);
        stream.write_all(&ANSWER).await.unwrap();
    }
}

/// A client whose socket is open.
pub async fn open(gateway: SocketAddr, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(gateway).await.unwrap();
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let answer = head(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
    stream
}

/// Says something, and waits for the answer.
pub async fn talk(stream: &mut TcpStream) {
    // Masked by nothing (RFC 6455 5.3).
    let message = [0x81, 0x80 | 2, 0, 0, 0, 0, b'h', b'i'];
    stream.write_all(&message).await.unwrap();
    let mut answer = [0; ANSWER.len()];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, ANSWER);
}

/// Is told that the server goes away, says the same, and waits for the end.
pub async fn leave(mut stream: TcpStream) {
    is_told(&mut stream).await;
    close(stream).await;
}

/// Answers that the server goes away, and waits for the end.
pub async fn close(mut stream: TcpStream) {
    let answer = [0x88, 0x80 | 2, 0, 0, 0, 0, 0x03, 0xE9];
    stream.write_all(&answer).await.unwrap();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.unwrap();
    // RFC 6455 5.5.1: nothing more, a second close frame neither.
    assert!(rest.is_empty(), "{rest:?}");
}

/// Waits until the server says that it goes away.
pub async fn is_told(stream: &mut TcpStream) {
    let mut close = [0; GOING_AWAY.len()];
    stream.read_exact(&mut close).await.unwrap();
    assert_eq!(close, GOING_AWAY);
}

async fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}
