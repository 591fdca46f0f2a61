//! Tunnels that are promised and not opened, left, or silent.

use std::time::Duration;

use same_origin::proxy::{Limits, ReverseProxy, Timeouts, Tunnels};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

use super::{Hostile, head, reset, until_closed, within};
use crate::support::{exchange, serve};

const OFFER: &str =
    "GET /api/ws HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: chat/1\r\n\r\n";
const SWITCHED: &str =
    "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: chat/1\r\n\r\n";

#[tokio::test]
async fn a_promised_upgrade_that_is_none_opens_nothing() {
    for (bytes, status) in [
        ("HTTP/1.1 101 Switching Protocols\r\n\r\n", 502),
        (
            "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\n\r\n",
            502,
        ),
        (
            "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: other/1\r\n\r\n",
            502,
        ),
        (
            "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: chat/1, other/1\r\n\r\n",
            502,
        ),
        ("HTTP/1.1 101 Switching", 504),
    ] {
        let mut upstream = Hostile::saying(bytes).await;
        let offer = OFFER.replace("connection: ", "connection: close, ");
        let answer = within(exchange(upstream.server, offer)).await;
        assert_eq!(answer.status, status, "{bytes:?}: {answer:?}");
        within(upstream.ended.recv()).await.unwrap();
        upstream.is_good().await;
    }
}

#[tokio::test]
async fn a_tunnel_that_its_upstream_leaves_is_over() {
    for with_reset in [false, true] {
        let upstream = Hostile::start(move |mut stream| async move {
            let _ = stream.write_all(SWITCHED.as_bytes()).await;
            if with_reset {
                reset(stream);
            }
            0
        })
        .await;
        let mut client = TcpStream::connect(upstream.server).await.unwrap();
        client.write_all(OFFER.as_bytes()).await.unwrap();
        let answer = within(head(&mut client)).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
        within(until_closed(&mut client)).await;
        upstream.is_good().await;
    }
}

#[tokio::test]
async fn a_tunnel_in_which_nobody_speaks_is_over_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let tunnels = Tunnels::new();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let proxy = ReverseProxy::builder("/api", url)
        .timeouts(Timeouts::default().tunnel(Duration::from_millis(300)))
        .limits(Limits::default().in_flight(1))
        .tunnels(&tunnels)
        .build()
        .unwrap();
    let server = serve(proxy).await;
    // One after the other although one request may be under way: a tunnel is none.
    for _ in 0..3 {
        let mut client = TcpStream::connect(server).await.unwrap();
        client.write_all(OFFER.as_bytes()).await.unwrap();
        let (mut upstream, _) = listener.accept().await.unwrap();
        head(&mut upstream).await.unwrap();
        upstream.write_all(SWITCHED.as_bytes()).await.unwrap();
        assert!(within(head(&mut client)).await.is_some());
        within(until_closed(&mut upstream)).await;
        within(until_closed(&mut client)).await;
    }
    within(tunnels.closed()).await;
}
