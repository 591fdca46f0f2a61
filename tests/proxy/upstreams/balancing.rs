//! Several upstreams, and those of other protocols.

use crate::support::{Upstream, get, serve};
use same_origin::proxy::ReverseProxy;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

#[tokio::test]
async fn a_dead_upstream_costs_no_request() {
    let (one, two) = (Upstream::ok().await, Upstream::ok().await);
    let dead = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let proxy = ReverseProxy::builder("/api", "")
        .upstreams([format!("http://{dead}"), one.url(""), two.url("")])
        .build()
        .unwrap();
    let server = serve(proxy).await;
    for n in 0..60 {
        assert_eq!(get(server, &format!("/api/{n}"), "").await.status, 200);
    }
    let (one, two) = (one.seen().len(), two.seen().len());
    assert!(one + two == 60 && one > 10 && two > 10, "{one} and {two}");
}

#[tokio::test]
async fn when_none_is_left_the_answer_is_502() {
    let dead = || async {
        TcpListener::bind("127.0.0.1:0")
            .await
            .unwrap()
            .local_addr()
            .unwrap()
    };
    let urls = [
        format!("http://{}", dead().await),
        format!("http://{}", dead().await),
    ];
    let proxy = ReverseProxy::builder("/api", "")
        .upstreams(urls)
        .build()
        .unwrap();
    let server = serve(proxy).await;
    for _ in 0..3 {
        let answer = get(server, "/api/x", "").await;
        assert_eq!(answer.status, 502);
        assert_eq!(
            answer.all("proxy-status"),
            ["same-origin; error=destination_unavailable"]
        );
    }
}

/// A request weighs for as long as it lasts, and a tunnel lasts long.
#[tokio::test]
async fn tunnels_are_spread_as_requests_are() {
    let switches = || {
        Upstream::start(|_| {
            b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: other\r\n\r\n"
                .to_vec()
        })
    };
    let both = [switches().await, switches().await];
    let urls = both.each_ref().map(|upstream| upstream.url(""));
    let proxy = ReverseProxy::builder("/api", "").upstreams(urls).build();
    let server = serve(proxy.unwrap()).await;
    let mut open = Vec::new();
    for _ in 0..20 {
        let mut stream = TcpStream::connect(server).await.unwrap();
        let offer =
            b"GET /api/x HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: other\r\n\r\n";
        stream.write_all(offer).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            assert_ne!(stream.read_buf(&mut head).await.unwrap(), 0);
        }
        assert!(
            head.starts_with(b"HTTP/1.1 101 "),
            "{}",
            head.escape_ascii()
        );
        open.push(stream);
    }
    assert_eq!(both.map(|upstream| upstream.seen().len()), [10, 10]);
}
