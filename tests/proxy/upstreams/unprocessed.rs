//! Requests that an upstream of HTTP/2 says it has not processed (RFC 9113 8.7) are not lost.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::Response;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use same_origin::proxy::{ReverseProxy, Timeouts};
use tokio::net::TcpListener;

use super::frames::{END, HEADERS, WHOLE, frame, goaway, goaway_for, ok, refused, reset, upstream};
use crate::support::{Answer, Upstream, exchange, get, serve};

async fn proxy_of(upstream: SocketAddr) -> SocketAddr {
    serve(ReverseProxy::new("/api", format!("h2c://{upstream}")).unwrap()).await
}

#[tokio::test]
async fn a_request_above_the_last_stream_of_a_goaway_goes_out_again() {
    let upstream = upstream(&[], |begun| match (begun.connection, begun.stream) {
        // As of a server that ends a connection after one request: 1 is the last, with no error.
        (0, 3) => goaway(1),
        _ => ok(begun.stream),
    })
    .await;
    let proxy = proxy_of(upstream).await;
    for _ in 0..3 {
        assert_eq!(get(proxy, "/api/x", "").await.status, 200);
    }
}

#[tokio::test]
async fn a_request_that_is_refused_goes_out_again_once() {
    for (refusals, status) in [(1, 200), (2, 502)] {
        let seen = Arc::new(AtomicUsize::new(0));
        let upstream = upstream(&[], {
            let seen = Arc::clone(&seen);
            move |begun| {
                if seen.fetch_add(1, Ordering::SeqCst) < refusals {
                    refused(begun.stream)
                } else {
                    ok(begun.stream)
                }
            }
        });
        // On its first connection, where only a refusal is repeated.
        let proxy = proxy_of(upstream.await).await;
        assert_eq!(get(proxy, "/api/x", "").await.status, status);
        assert_eq!(seen.load(Ordering::SeqCst), 2);
    }
}

/// Nothing has been processed, so it may be sent again to whoever takes it.
#[tokio::test]
async fn a_request_that_one_refuses_goes_to_another() {
    let refusing = upstream(&[], |begun| refused(begun.stream)).await;
    let leaving = upstream(&[], |_| goaway(0)).await;
    for unwilling in [refusing, leaving] {
        let willing = upstream(&[], |begun| ok(begun.stream)).await;
        let proxy = ReverseProxy::builder("/api", "")
            .upstreams([unwilling, willing].map(|address| format!("h2c://{address}")));
        let server = serve(proxy.build().unwrap()).await;
        for _ in 0..10 {
            assert_eq!(get(server, "/api/x", "").await.status, 200);
        }
    }
}

/// Requests that could not be repeated if they had been seen.
const CALLS: [&str; 4] = [
    "POST /api/x HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n",
    "POST /api/x HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\nbody",
    "POST /api/x HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
    "PATCH /api/x HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 4\r\n\r\nbody",
];

/// The final status of a call.
async fn call(server: SocketAddr, request: &str) -> u16 {
    let request = request.replacen("host: a", "host: a\r\nconnection: close", 1);
    let mut answer = exchange(server, request).await;
    if answer.status == 100 {
        answer = Answer::parse(&answer.body);
    }
    answer.status
}

/// RFC 9113 8.7. The other one speaks HTTP/1.1, so that its request is made anew.
#[tokio::test]
async fn whatever_its_method_one_that_was_not_processed_goes_to_another_once_and_whole() {
    for request in CALLS {
        let refusing = upstream(&[], |begun| refused(begun.stream)).await;
        let leaving = upstream(&[], |_| goaway(0)).await;
        for unwilling in [refusing, leaving] {
            let willing = Upstream::ok().await;
            let urls = [format!("h2c://{unwilling}"), willing.url("")];
            let proxy = ReverseProxy::builder("/api", "").upstreams(urls);
            let server = serve(proxy.build().unwrap()).await;
            for turn in 1..=4 {
                assert_eq!(call(server, request).await, 200, "{request}");
                let seen = willing.seen();
                assert_eq!(seen.len(), turn, "{request}");
                // In chunks, unless it was read to its end before.
                let found = String::from_utf8_lossy(&seen[turn - 1].body);
                let found = found.trim_start_matches("4\r\n");
                let body = if request.contains("body") { "body" } else { "" };
                assert_eq!(found.trim_end_matches("\r\n0\r\n\r\n"), body, "{request}");
            }
        }
    }
}

/// Anything but those two words may mean that it was processed.
#[tokio::test]
async fn one_that_may_have_been_processed_is_seen_once() {
    type Rude = fn(u32) -> Vec<u8>;
    let answers: [(&str, Rude); 5] = [
        ("internal error", |stream| reset(stream, 2)),
        ("cancelled", |stream| reset(stream, 8)),
        ("no error", |stream| reset(stream, 0)),
        ("the connection ends", |_| END.to_vec()),
        ("it is the last one", |stream| {
            [&goaway(stream), END].concat()
        }),
    ];
    for (name, answer) in answers {
        for request in CALLS {
            let seen = Arc::new(AtomicUsize::new(0));
            let rude = || {
                let seen = Arc::clone(&seen);
                upstream(&[], move |begun| {
                    seen.fetch_add(1, Ordering::SeqCst);
                    answer(begun.stream)
                })
            };
            let urls = [rude().await, rude().await].map(|address| format!("h2c://{address}"));
            let proxy = ReverseProxy::builder("/api", "").upstreams(urls);
            let server = serve(proxy.build().unwrap()).await;
            assert_eq!(call(server, request).await, 502, "{name}: {request}");
            assert_eq!(seen.load(Ordering::SeqCst), 1, "{name}: {request}");
        }
    }
}

/// RFC 9113 8.1.1: as over HTTP/1.1, it is the upstream that has said what is not HTTP.
#[tokio::test]
async fn a_malformed_head_is_told_as_one() {
    // `:path: /` where a status belongs (RFC 7541 A).
    let malformed = upstream(&[], |begun| frame(HEADERS, WHOLE, begun.stream, &[0x84])).await;
    let answer = get(proxy_of(malformed).await, "/api/x", "").await;
    let why = "same-origin; error=http_protocol_error";
    assert_eq!(
        (answer.status, answer.all("proxy-status")),
        (502, vec![why])
    );
}

/// As servers do that end a connection after so many requests.
#[tokio::test]
async fn calls_go_on_while_connections_are_ended_in_good_order() {
    let answered = Arc::new(AtomicUsize::new(0));
    let upstream = upstream(&[], {
        let answered = Arc::clone(&answered);
        move |begun| {
            let is_late = begun.stream > 7;
            answered.fetch_add(usize::from(!is_late), Ordering::SeqCst);
            match begun.stream {
                7 => [ok(7), goaway(7)].concat(),
                _ if is_late => Vec::new(),
                stream => ok(stream),
            }
        }
    });
    let proxy = proxy_of(upstream.await).await;
    for turn in 1..=40 {
        let request = CALLS[turn % 3];
        assert_eq!(call(proxy, request).await, 200, "{turn}");
        assert_eq!(answered.load(Ordering::SeqCst), turn);
    }
}

/// More of them wait than one of its connections takes: at a low `keepalive_requests` of nginx, or while Envoy drains.
#[tokio::test]
async fn a_burst_goes_on_while_each_connection_answers_some() {
    for last in [1, 3] {
        let answered = Arc::new(AtomicUsize::new(0));
        let upstream = upstream(&[], {
            let answered = Arc::clone(&answered);
            move |begun| {
                let is_late = begun.stream > last;
                answered.fetch_add(usize::from(!is_late), Ordering::SeqCst);
                match begun.stream {
                    stream if stream == last => [ok(stream), goaway(last)].concat(),
                    _ if is_late => Vec::new(),
                    stream => ok(stream),
                }
            }
        });
        let proxy = proxy_of(upstream.await).await;
        let calls = (0..12).map(|turn| tokio::spawn(call(proxy, CALLS[turn % 3])));
        for call in calls.collect::<Vec<_>>() {
            assert_eq!(call.await.unwrap(), 200, "{last}");
        }
        assert_eq!(answered.load(Ordering::SeqCst), 12, "{last}");
    }
}

/// The error may be about one of them, which would end connection after connection for all others.
#[tokio::test]
async fn after_a_connection_that_ends_by_an_error_a_request_goes_out_once_more() {
    const COMPRESSION_ERROR: u32 = 9;
    let seen = Arc::new(AtomicUsize::new(0));
    let upstream = upstream(&[], {
        let seen = Arc::clone(&seen);
        move |begun| {
            seen.fetch_add(1, Ordering::SeqCst);
            match begun.stream {
                1 => ok(1),
                3 => [ok(3), goaway_for(3, COMPRESSION_ERROR)].concat(),
                _ => Vec::new(),
            }
        }
    });
    let proxy = proxy_of(upstream.await).await;
    let calls = (0..12).map(|turn| tokio::spawn(call(proxy, CALLS[turn % 3])));
    let mut lost = 0;
    for call in calls.collect::<Vec<_>>() {
        lost += usize::from(call.await.unwrap() == 502);
    }
    assert!(lost > 0);
    assert!(seen.load(Ordering::SeqCst) <= 24);
}

/// One that waits for its stream while others use the connection has it from the pool as any other (RFC 9110 9.2.2).
#[tokio::test]
async fn a_get_that_waited_for_a_stream_is_repeated_when_its_connection_breaks() {
    const ONE_STREAM: [u8; 6] = [0, 3, 0, 0, 0, 1];
    let upstream = upstream(&ONE_STREAM, |begun| {
        match (begun.connection, begun.stream) {
            (0, 3) => END.to_vec(),
            _ => ok(begun.stream),
        }
    });
    let proxy = proxy_of(upstream.await).await;
    let requests = (0..8).map(|_| tokio::spawn(get(proxy, "/api/x", "")));
    for request in requests.collect::<Vec<_>>() {
        assert_eq!(request.await.unwrap().status, 200);
    }
}

#[tokio::test]
async fn who_only_ends_connections_is_asked_twice() {
    let seen = Arc::new(AtomicUsize::new(0));
    let upstream = upstream(&[], {
        let seen = Arc::clone(&seen);
        move |_| {
            seen.fetch_add(1, Ordering::SeqCst);
            goaway(0)
        }
    });
    assert_eq!(call(proxy_of(upstream.await).await, CALLS[1]).await, 502);
    assert_eq!(seen.load(Ordering::SeqCst), 2);
}

/// With a body, so that none of them could be repeated.
#[tokio::test]
async fn no_more_streams_are_opened_than_the_upstream_takes() {
    const TWO_STREAMS: [u8; 6] = [0, 3, 0, 0, 0, 2];
    let upstream = upstream(&TWO_STREAMS, |begun| {
        if begun.settings_known || begun.stream <= 3 {
            ok(begun.stream)
        } else {
            refused(begun.stream)
        }
    });
    let proxy = proxy_of(upstream.await).await;
    let requests = (0..20).map(|_| {
        tokio::spawn(async move {
            let request = "POST /api/x HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\
                           content-length: 4\r\n\r\nbody";
            exchange(proxy, request).await.status
        })
    });
    for request in requests.collect::<Vec<_>>() {
        assert_eq!(request.await.unwrap(), 200);
    }
}

/// An upstream whose settings are late, and which takes two streams of a connection and answers in a while.
async fn late_with_two_streams(late: Duration, takes: Duration) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Arc::<AtomicUsize>::default();
    let count = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(async move {
                tokio::time::sleep(late).await;
                let answer = service_fn(move |_| async move {
                    tokio::time::sleep(takes).await;
                    Ok::<_, Infallible>(Response::new(String::new()))
                });
                http2::Builder::new(TokioExecutor::new())
                    .max_concurrent_streams(2)
                    .serve_connection(TokioIo::new(stream), answer)
                    .await
            });
        }
    });
    (address, connections)
}

/// In a connection they would wait within the time that the upstream has to answer them.
#[tokio::test]
async fn a_burst_waits_for_settings_and_is_shared_out() {
    const TAKES: Duration = Duration::from_millis(400);
    for late in [Duration::ZERO, Duration::from_millis(150)] {
        let (upstream, connections) = late_with_two_streams(late, TAKES).await;
        let proxy = ReverseProxy::builder("/api", format!("h2c://{upstream}"))
            .timeouts(Timeouts::default().response(TAKES * 7 / 4))
            .build();
        let proxy = serve(proxy.unwrap()).await;
        let requests = (0..6).map(|_| tokio::spawn(get(proxy, "/api/x", "")));
        for request in requests.collect::<Vec<_>>() {
            assert_eq!(request.await.unwrap().status, 200, "{late:?}");
        }
        assert_eq!(connections.load(Ordering::SeqCst), 3, "{late:?}");
    }
}
