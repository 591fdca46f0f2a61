//! Tunnels.

mod endings;
mod websockets;

use std::net::SocketAddr;

use same_origin::proxy::{Limits, ReverseProxy, Tunnels};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{exchange, get, serve};

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
    assert_eq!(tunnels.count(), 1);
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
    tunnels.close_all();
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
    assert_eq!(tunnels.count(), 0);
}

#[tokio::test]
async fn only_a_get_opens_a_websocket() {
    let upstream = crate::support::Upstream::ok().await;
    let server = crate::support::proxy_of(&upstream, "").await;
    for method in ["HEAD", "OPTIONS", "POST"] {
        let offer = OFFER.replace("GET", method).replace("keep-alive", "close");
        assert_eq!(exchange(server, offer).await.status, 200, "{method}");
        let seen = upstream.seen().pop().unwrap();
        assert!(seen.all("upgrade").is_empty(), "{method}\n{}", seen.head);
    }
    let list = OFFER
        .replace("keep-alive", "close")
        .replace("WebSocket", "foo/2, websocket");
    exchange(server, list).await;
    let seen = upstream.seen().pop().unwrap();
    assert_eq!(seen.field("upgrade"), "websocket");
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

/// RFC 6455 4.2.2: the proof that the upstream means a WebSocket.
fn proof(key: &str) -> String {
    use base64::Engine;
    use sha1::Digest;
    let digest = sha1::Sha1::digest(format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11"));
    base64::engine::general_purpose::STANDARD.encode(digest)
}

#[tokio::test]
async fn a_websocket_by_http_2_goes_on_by_http_11() {
    use http::{Method, Request, StatusCode, Version};
    use hyper::ext::Protocol;
    use hyper_util::rt::{TokioExecutor, TokioIo};

    let (server, listener) = start(&Tunnels::new()).await;
    let stream = TcpStream::connect(server).await.unwrap();
    let handshake =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
    let (mut client, connection) = handshake.await.unwrap();
    tokio::spawn(connection);
    client.ready().await.unwrap();

    let connect = |accept: fn(&str) -> String| {
        let mut request = Request::new(same_origin::proxy::Body::empty());
        *request.method_mut() = Method::CONNECT;
        *request.uri_mut() = "http://app.example/api/ws?x".parse().unwrap();
        *request.version_mut() = Version::HTTP_2;
        request
            .extensions_mut()
            .insert(Protocol::from_static("websocket"));
        request
            .headers_mut()
            .insert("sec-websocket-version", "13".parse().unwrap());
        (request, accept)
    };
    for (accept, status) in [
        (proof as fn(&str) -> String, StatusCode::OK),
        (|_| "wrong".to_owned(), StatusCode::BAD_GATEWAY),
    ] {
        let (request, accept) = connect(accept);
        let sent = tokio::spawn(client.send_request(request));
        let (mut upstream, _) = listener.accept().await.unwrap();
        let seen = head(&mut upstream).await;
        assert!(
            seen.starts_with("GET /ws?x HTTP/1.1\r\n") && seen.contains("upgrade: websocket\r\n"),
            "{seen}"
        );
        let key = crate::support::fields(&seen, "sec-websocket-key")[0].to_owned();
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: {}\r\n\r\n",
            accept(&key)
        );
        upstream.write_all(answer.as_bytes()).await.unwrap();
        let response = sent.await.unwrap().unwrap();
        assert_eq!(response.status(), status);
        if status != StatusCode::OK {
            continue;
        }
        assert!(!response.headers().contains_key("sec-websocket-accept"));
        let mut tunnel = TokioIo::new(hyper::upgrade::on(response).await.unwrap());
        tunnel.write_all(b"ping").await.unwrap();
        assert_eq!(read(&mut upstream, 4).await, b"ping");
        upstream.write_all(b"pong").await.unwrap();
        let mut pong = [0; 4];
        tunnel.read_exact(&mut pong).await.unwrap();
        assert_eq!(&pong, b"pong");
    }
}

#[tokio::test]
async fn one_tunnel_too_many_is_503() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let proxy = ReverseProxy::builder("/api", url).limits(Limits::default().tunnels(1));
    let server = serve(proxy.build().unwrap()).await;
    let mut client = TcpStream::connect(server).await.unwrap();
    client.write_all(OFFER.as_bytes()).await.unwrap();
    let (mut upstream, _) = listener.accept().await.unwrap();
    let another = OFFER.replace("keep-alive", "close");
    // While the first is only offered, and when it is open.
    let refused = exchange(server, &another).await;
    assert_eq!(refused.status, 503);
    upstream.write_all(SWITCHED).await.unwrap();
    head(&mut client).await;
    let refused = exchange(server, &another).await;
    assert_eq!(refused.status, 503);
    let why = "same-origin; error=connection_limit_reached";
    assert_eq!(refused.all("proxy-status"), [why]);
    // When it is over there is room.
    drop((client, upstream));
    let served = tokio::spawn(async move {
        loop {
            let answer = exchange(server, &another).await;
            if answer.status != 503 {
                return answer;
            }
        }
    });
    let (mut upstream, _) = listener.accept().await.unwrap();
    upstream
        .write_all(&crate::support::reply(""))
        .await
        .unwrap();
    assert_eq!(served.await.unwrap().status, 200);
}

#[tokio::test]
async fn an_offer_that_meets_a_dying_connection_is_made_again() {
    let (server, listener) = start(&Tunnels::new()).await;
    let first = tokio::spawn(get(server, "/api/x", ""));
    let (mut dying, _) = listener.accept().await.unwrap();
    head(&mut dying).await;
    dying
        .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        .await
        .unwrap();
    assert_eq!(first.await.unwrap().status, 200);

    let mut client = TcpStream::connect(server).await.unwrap();
    client.write_all(OFFER.as_bytes()).await.unwrap();
    // It was taken, and the connection ends before the answer.
    head(&mut dying).await;
    drop(dying);
    let (mut upstream, _) = listener.accept().await.unwrap();
    assert!(head(&mut upstream).await.contains("upgrade: WebSocket\r\n"));
    upstream.write_all(SWITCHED).await.unwrap();
    assert!(head(&mut client).await.starts_with("HTTP/1.1 101 "));
}
