//! Several upstreams, and those of other protocols.

use crate::support::{Upstream, get, serve};
use same_origin::proxy::ReverseProxy;
use tokio::net::TcpListener;

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
