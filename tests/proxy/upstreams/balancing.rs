//! Several upstreams, and those of other protocols.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::Request;
use http_body_util::StreamBody;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use same_origin::proxy::{
    Body, Endpoint, EndpointChange, ProxyError, ProxyErrorKind, ReverseProxy, Timeouts,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tower::ServiceExt;

use crate::support::{Upstream, exchange, get, reply, serve};

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

/// The pauses of both are long by then, and nobody waits for them.
#[tokio::test]
async fn the_first_request_after_an_outage_of_all_is_answered() {
    // Of an address where no other test takes the port meanwhile.
    let free = || async {
        let listener = TcpListener::bind("127.0.0.71:0").await.unwrap();
        listener.local_addr().unwrap()
    };
    for is_discovered in [false, true] {
        let addresses = [free().await, free().await];
        let proxy = if is_discovered {
            let changes =
                addresses.map(|address| EndpointChange::Insert(address, Endpoint::at(address)));
            ReverseProxy::builder("/api", "http://api.invalid")
                .discover(stream::iter(changes))
                .build()
        } else {
            let urls = addresses.map(|address| format!("http://{address}"));
            ReverseProxy::builder("/api", "").upstreams(urls).build()
        };
        let server = serve(proxy.unwrap()).await;
        for _ in 0..30 {
            assert_eq!(get(server, "/api/x", "").await.status, 502);
        }
        let mut back = Vec::new();
        for address in addresses {
            let listener = TcpListener::bind(address).await.unwrap();
            back.push(Upstream::start_on(listener, |_| reply("")));
        }
        for _ in 0..30 {
            assert_eq!(get(server, "/api/x", "").await.status, 200);
        }
    }
}

/// It accepts connections, and that is all.
#[tokio::test]
async fn a_member_that_does_not_answer_costs_three_requests() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent_url = format!("http://{}", silent.local_addr().unwrap());
    let closing = Upstream::start(|_| Vec::new()).await;
    let garbage = Upstream::start(|_| b"SSH-2.0-OpenSSH_9.2\r\n\r\n".to_vec()).await;
    let cut = Upstream::start(|_| b"HTTP/1.1 200 OK\r\ncontent-le".to_vec()).await;
    for (url, status, broken) in [
        (closing.url(""), 502, Some(&closing)),
        (garbage.url(""), 502, Some(&garbage)),
        (cut.url(""), 504, Some(&cut)),
        (silent_url, 504, None),
    ] {
        let good = Upstream::ok().await;
        let proxy = ReverseProxy::builder("/api", "")
            .upstreams([url.clone(), good.url("")])
            .timeouts(Timeouts::default().response(Duration::from_millis(50)))
            .build();
        let server = serve(proxy.unwrap()).await;
        let post =
            "POST /api/x HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 1\r\n\r\nx";
        let mut failed = 0;
        for _ in 0..40 {
            match exchange(server, post).await.status {
                200 => {}
                other => {
                    assert_eq!(other, status, "{url}");
                    failed += 1;
                }
            }
        }
        assert_eq!(failed, 3, "{url}");
        // None was sent twice.
        assert_eq!(good.seen().len(), 37, "{url}");
        assert_eq!(broken.map_or(3, |broken| broken.seen().len()), 3, "{url}");
    }
}

/// An answer of 5xx is an answer.
#[tokio::test]
async fn a_member_that_answers_with_errors_is_not_set_aside() {
    let failing = Upstream::start(|_| {
        b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n".to_vec()
    })
    .await;
    let good = Upstream::ok().await;
    let proxy = ReverseProxy::builder("/api", "").upstreams([failing.url(""), good.url("")]);
    let server = serve(proxy.build().unwrap()).await;
    for _ in 0..40 {
        get(server, "/api/x", "").await;
    }
    let seen = failing.seen().len();
    assert!(seen > 10 && good.seen().len() == 40 - seen, "{seen}");
}

/// An upstream of HTTP/2 that reads a request as a whole, and how many it has answered.
async fn reading() -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let answered = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&answered);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let count = Arc::clone(&count);
            let answer = service_fn(move |request: Request<hyper::body::Incoming>| {
                let count = Arc::clone(&count);
                async move {
                    http_body_util::BodyExt::collect(request.into_body()).await?;
                    count.fetch_add(1, Ordering::SeqCst);
                    Ok::<_, hyper::Error>(http::Response::new(Body::empty()))
                }
            });
            let server = http2::Builder::new(TokioExecutor::new());
            tokio::spawn(server.serve_connection(TokioIo::new(stream), answer));
        }
    });
    (address, answered)
}

/// Over HTTP/2 the upstream's side of it is a stream without an answer.
#[tokio::test]
async fn what_clients_break_sets_nobody_aside() {
    let (one, two) = (reading().await, reading().await);
    let proxy = ReverseProxy::builder("/api", "")
        .upstreams([one.0, two.0].map(|address| format!("h2c://{address}")))
        .build()
        .unwrap();
    let request = |method, body| {
        let request = Request::builder().method(method).uri("/api/x");
        request.header("host", "a").body(body).unwrap()
    };
    for _ in 0..20 {
        let frames = [
            Ok(http_body::Frame::data(Bytes::from_static(b"x"))),
            Err("gone"),
        ];
        let broken = Body::new(StreamBody::new(stream::iter(frames)));
        let response = proxy.clone().oneshot(request("POST", broken)).await;
        let response = response.unwrap();
        let error = response.extensions().get::<ProxyError>().unwrap();
        assert_eq!(error.kind(), ProxyErrorKind::RequestBody, "{error:?}");
    }
    for _ in 0..20 {
        let response = proxy.clone().oneshot(request("GET", Body::empty())).await;
        assert_eq!(response.unwrap().status(), 200);
    }
    let answered = [one.1, two.1].map(|count| count.load(Ordering::SeqCst));
    assert!(answered.iter().all(|count| *count > 0), "{answered:?}");
}
