//! Tunnels.

use crate::support::{exchange, serve};
use same_origin::proxy::{ReverseProxy, Tunnels};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const OFFER: &str = "GET /api/ws HTTP/1.1\r\nhost: a\r\nconnection: keep-alive, Upgrade\r\nupgrade: WebSocket\r\n\r\n";
const SWITCHED: &[u8] =
    b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";

async fn head(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        bytes.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(bytes).unwrap()
}

async fn start(tunnels: &Tunnels) -> (SocketAddr, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let proxy = ReverseProxy::builder("/api", url)
        .tunnels(tunnels)
        .build()
        .unwrap();
    (serve(proxy).await, listener)
}

/// Both ends of an open tunnel.
async fn open(tunnels: &Tunnels) -> (TcpStream, TcpStream) {
    let (server, listener) = start(tunnels).await;
    let mut client = TcpStream::connect(server).await.unwrap();
    client.write_all(OFFER.as_bytes()).await.unwrap();
    let (mut upstream, _) = listener.accept().await.unwrap();
    let request = head(&mut upstream).await;
    assert!(
        request.contains("upgrade: WebSocket\r\n") && request.contains("connection: upgrade\r\n"),
        "{request}"
    );
    upstream
        .write_all(&[SWITCHED, b"early"].concat())
        .await
        .unwrap();
    let response = head(&mut client).await;
    assert!(
        response.starts_with("HTTP/1.1 101 ") && response.contains("upgrade: websocket\r\n"),
        "{response}"
    );
    assert_eq!(read(&mut client, 5).await, b"early");
    (client, upstream)
}

async fn read(stream: &mut TcpStream, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).await.unwrap();
    bytes
}

#[tokio::test]
async fn bytes_pass_both_ways_and_each_way_ends_alone() {
    let tunnels = Tunnels::new();
    let (mut client, mut upstream) = open(&tunnels).await;
    assert_eq!(tunnels.open(), 1);
    client.write_all(b"ping").await.unwrap();
    assert_eq!(read(&mut upstream, 4).await, b"ping");
    client.shutdown().await.unwrap();
    assert_eq!(
        upstream.read_u8().await.unwrap_err().kind(),
        std::io::ErrorKind::UnexpectedEof
    );
    upstream.write_all(b"last words").await.unwrap();
    assert_eq!(read(&mut client, 10).await, b"last words");
    drop(upstream);
    tunnels.closed().await;
}

#[tokio::test]
async fn tunnels_can_be_cut() {
    let tunnels = Tunnels::new();
    let (mut client, _upstream) = open(&tunnels).await;
    tunnels.cut();
    assert_eq!(client.read(&mut [0]).await.unwrap_or(0), 0);
    tunnels.closed().await;
}

#[tokio::test]
async fn a_refused_upgrade_is_a_response_and_opens_nothing() {
    let tunnels = Tunnels::new();
    let (server, listener) = start(&tunnels).await;
    let client = tokio::spawn(exchange(server, OFFER.replace("keep-alive", "close")));
    let (mut upstream, _) = listener.accept().await.unwrap();
    head(&mut upstream).await;
    upstream
        .write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno")
        .await
        .unwrap();
    let answer = client.await.unwrap();
    assert_eq!((answer.status, &answer.body[..]), (403, &b"no"[..]));
    assert_eq!(tunnels.open(), 0);
}

#[tokio::test]
async fn plain_http_2_is_no_offer_to_pass_on() {
    let (server, listener) = start(&Tunnels::new()).await;
    let request = "GET /api/x HTTP/1.1\r\nhost: a\r\nconnection: close, Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n\r\n";
    let client = tokio::spawn(exchange(server, request));
    let (mut upstream, _) = listener.accept().await.unwrap();
    let seen = head(&mut upstream).await;
    assert!(
        !seen.contains("upgrade") && !seen.contains("http2-settings"),
        "{seen}"
    );
    upstream
        .write_all(b"HTTP/1.1 204 No Content\r\n\r\n")
        .await
        .unwrap();
    assert_eq!(client.await.unwrap().status, 204);
}
