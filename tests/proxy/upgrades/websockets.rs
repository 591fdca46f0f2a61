//! WebSockets by tokio-tungstenite, on both sides of a tunnel.

use std::future::Future;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use same_origin::proxy::{ReverseProxy, Tunnels};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Bytes, Error, Message};

use crate::support::serve;

type WebSocket = WebSocketStream<TcpStream>;

/// Both ends of a WebSocket that goes through a proxy.
async fn open(tunnels: &Tunnels) -> (WebSocket, WebSocket) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/base", listener.local_addr().unwrap());
    let proxy = ReverseProxy::builder("/ws", url).tunnels(tunnels).build();
    let server = serve(proxy.unwrap()).await;
    let upstream = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        tokio_tungstenite::accept_async(stream).await.unwrap()
    });
    let stream = TcpStream::connect(server).await.unwrap();
    let asked = tokio_tungstenite::client_async("ws://app.example/ws/room", stream).await;
    (asked.unwrap().0, upstream.await.unwrap())
}

/// The next message; fails rather than hangs.
async fn next(socket: &mut WebSocket) -> Result<Message, Error> {
    within(socket.next()).await.expect("a message")
}

async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(30), future)
        .await
        .expect("an end")
}

#[tokio::test]
async fn messages_of_every_kind_and_size_pass_both_ways() {
    let (mut client, mut upstream) = open(&Tunnels::new()).await;
    let large: Vec<u8> = (0..1 << 20).map(|n: u32| (n % 251) as u8).collect();
    for message in [
        Message::text(""),
        Message::text("caf\u{e9}"),
        Message::text("x".repeat(1 << 20)),
        Message::binary(vec![0, 255]),
        Message::binary(large),
        Message::Ping(Bytes::from_static(b"there?")),
        Message::Pong(Bytes::from_static(b"unasked")),
    ] {
        for turn in 0..2 {
            let (from, to) = match turn {
                0 => (&mut client, &mut upstream),
                _ => (&mut upstream, &mut client),
            };
            let (sent, got) =
                within(async { tokio::join!(from.send(message.clone()), to.next()) }).await;
            sent.unwrap();
            assert!(got.unwrap().unwrap() == message, "turn {turn}");
            if matches!(message, Message::Ping(_)) {
                // Its answer is sent with the next write, and names it.
                to.flush().await.unwrap();
                let pong = next(from).await.unwrap();
                assert_eq!(pong, Message::Pong(Bytes::from_static(b"there?")));
            }
        }
    }
}

#[tokio::test]
async fn either_side_closes_with_its_code() {
    let tunnels = Tunnels::new();
    for code in [1000, 1001, 1008, 1011, 3000, 4999] {
        for turn in 0..2 {
            let (client, upstream) = open(&tunnels).await;
            let (mut from, mut to) = match turn {
                0 => (client, upstream),
                _ => (upstream, client),
            };
            let frame = CloseFrame {
                code: CloseCode::from(code),
                reason: "as you wish".into(),
            };
            from.close(Some(frame.clone())).await.unwrap();
            assert_eq!(next(&mut to).await.unwrap(), Message::Close(Some(frame)));
            // The answer to it, and the end: RFC 6455 7.1.1, first of the server's side.
            let ending = async move {
                let answer = next(&mut from).await.unwrap();
                (answer, from.next().await)
            };
            let left = async move { to.next().await };
            let (left, (answer, ended)) = within(async { tokio::join!(left, ending) }).await;
            assert!(matches!(answer, Message::Close(Some(frame)) if frame.code == code.into()));
            assert!(left.is_none_or(|end| end.is_err()) && ended.is_none_or(|end| end.is_err()));
        }
    }
    within(tunnels.closed()).await;
}

#[tokio::test]
async fn who_vanishes_takes_the_other_side_along() {
    let tunnels = Tunnels::new();
    for turn in 0..4 {
        let (client, upstream) = open(&tunnels).await;
        let (mut gone, mut left) = match turn {
            0 | 1 => (client, upstream),
            _ => (upstream, client),
        };
        gone.send(Message::text("last words")).await.unwrap();
        assert_eq!(next(&mut left).await.unwrap(), Message::text("last words"));
        if turn % 2 == 0 {
            gone.get_ref().set_zero_linger().unwrap();
        }
        drop(gone);
        // An end without a close frame, told as such (RFC 6455 7.1.5).
        assert!(within(left.next()).await.is_none_or(|end| end.is_err()));
        drop(left);
    }
    within(tunnels.closed()).await;
}
