//! WebSockets on connections that have limits for requests.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use http::{Method, Request, StatusCode, Version};
use http_body_util::Empty;
use hyper::ext::Protocol;
use hyper::upgrade::Upgraded;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

use crate::client::{exchange, get};
use crate::gateway;
use crate::process::Process;
use crate::websocket;

/// An upstream that says again what it hears.
async fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
                while let Some(Ok(message)) = socket.next().await {
                    if socket.send(message).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

fn start(keys: &str, upstream: SocketAddr) -> Process {
    gateway::with(&format!(
        "{keys}\n[[routes]]\nprefix = '/'\nupstream = 'http://{upstream}'\n"
    ))
}

/// A WebSocket that is all that its connection of HTTP/2 carries.
async fn by_http_2(
    gateway: &Process,
) -> (
    WebSocketStream<TokioIo<Upgraded>>,
    JoinHandle<hyper::Result<()>>,
) {
    let stream = TcpStream::connect(gateway.address()).await.unwrap();
    let handshake =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
    let (mut client, connection) = handshake.await.unwrap();
    let connection = tokio::spawn(connection);
    let request = || {
        let request = Request::builder()
            .method(Method::CONNECT)
            .uri("http://app.example/ws")
            .version(Version::HTTP_2)
            .extension(Protocol::from_static("websocket"))
            .header("sec-websocket-version", "13");
        request.body(Empty::<bytes::Bytes>::new()).unwrap()
    };
    client.ready().await.unwrap();
    let mut answer = client.send_request(request()).await;
    // The server's settings may be late.
    for _ in 0..100 {
        if answer.is_ok() {
            break;
        }
        sleep(Duration::from_millis(10)).await;
        answer = client.send_request(request()).await;
    }
    let answer = answer.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let tunnel = TokioIo::new(hyper::upgrade::on(answer).await.unwrap());
    let socket = WebSocketStream::from_raw_socket(tunnel, Role::Client, None).await;
    (socket, connection)
}

/// `head_timeout` is for requests and for the time between two; this one is under way (RFC 9113 8.5).
#[tokio::test]
async fn one_by_http_2_lives_as_long_as_its_own_timeout_lets_it() {
    let upstream = echo().await;
    let gateway = start("server = { head_timeout = '400ms' }", upstream);
    let (mut socket, connection) = by_http_2(&gateway).await;
    let mut said = 0;
    for pause in [200, 200, 200, 200, 200, 1500] {
        sleep(Duration::from_millis(pause)).await;
        said += 1;
        let message = Message::text(format!("{said}"));
        socket.send(message.clone()).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap(), message);
    }
    // Without it its connection is idle, and ends as such.
    socket.close(None).await.unwrap();
    while let Some(Ok(_)) = socket.next().await {}
    connection.await.unwrap().unwrap();
}

/// A connection that has become one is a connection still.
#[tokio::test]
async fn they_are_counted_among_the_connections() {
    let upstream = websocket::upstream().await;
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let admin = port.local_addr().unwrap();
    drop(port);
    let keys = format!(
        "server = {{ connections = 2, client_share = 1.0 }}\nadmin = {{ listen = '{admin}' }}\nworkers = 1"
    );
    let gateway = start(&keys, upstream);
    let sockets = [
        websocket::open(gateway.address(), "/ws").await,
        websocket::open(gateway.address(), "/ws").await,
    ];
    // The connection that asks is one, too.
    let metrics = get(format!("http://{admin}/metrics")).await.body;
    for line in [
        "same_origin_connections 3",
        "same_origin_tunnels 2",
        "same_origin_upstream_connections{route=\"/\"} 2",
    ] {
        assert!(
            metrics.lines().any(|found| found == line),
            "{line}: {metrics}"
        );
    }
    let waits = exchange(
        &gateway,
        "GET /no HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
    );
    let waits = std::pin::pin!(waits);
    let waits = match tokio::time::timeout(Duration::from_millis(300), waits).await {
        Ok(answer) => panic!("answered: {}", answer.escape_ascii()),
        Err(_) => get(format!("{}/no", gateway.origin)),
    };
    drop(sockets);
    let answer = tokio::time::timeout(Duration::from_secs(10), waits).await;
    answer.unwrap();
}
