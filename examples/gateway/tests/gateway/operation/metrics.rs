//! Metrics as a scrape finds them.

use std::collections::HashSet;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::Response;
use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;

use crate::client::get;
use crate::gateway;
use crate::process::Process;

/// An upstream whose answers may be kept, and the number of its requests.
async fn upstream() -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let counted = Arc::clone(&counted);
            let service = service_fn(move |_| {
                counted.fetch_add(1, Ordering::Relaxed);
                async {
                    let response = Response::builder().header("cache-control", "max-age=60");
                    let response = response.body(Full::new(bytes::Bytes::from("kept")));
                    Ok::<_, Infallible>(response.unwrap())
                }
            });
            let serving = hyper::server::conn::http1::Builder::new();
            tokio::spawn(serving.serve_connection(TokioIo::new(stream), service));
        }
    });
    (address, asked)
}

/// A gateway with a route for all paths and one for some, and the origin of its admin listener.
fn start(upstream: SocketAddr) -> (Process, String) {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let route = |prefix| {
        format!("[[routes]]\nprefix = '{prefix}'\nupstream = 'http://{upstream}'\ncache = true\n")
    };
    let gateway = gateway::with(&format!(
        "[admin]\nlisten = '127.0.0.1:{port}'\nready_upstreams = ['/']\n{}{}",
        route("/"),
        route("/api"),
    ));
    (gateway, format!("http://127.0.0.1:{port}"))
}

#[tokio::test]
async fn each_metric_is_described_and_each_route_has_one_name() {
    let (upstream, _) = upstream().await;
    let (gateway, admin) = start(upstream);
    for path in ["/x", "/api/x"] {
        get(format!("{}{path}", gateway.origin)).await;
    }
    let text = get(format!("{admin}/metrics")).await.body;
    let names = |start: &str| -> HashSet<String> {
        let lines = text.lines().filter_map(|line| line.strip_prefix(start));
        let names = lines.filter_map(|line| line.split(' ').next());
        names.map(str::to_owned).collect()
    };
    let typed = names("# TYPE ");
    assert!(typed.len() > 6, "{text}");
    assert_eq!(typed, names("# HELP "), "{text}");
    for metric in [
        "same_origin_requests_total",
        "same_origin_requests_in_flight",
        "same_origin_request_duration_seconds_count",
        "same_origin_upstream_connections",
        "same_origin_upstreams_set_aside",
        "same_origin_cache_requests_total",
        "same_origin_cache_bytes",
    ] {
        for route in ["/", "/api"] {
            let series = format!("{metric}{{route=\"{route}\"");
            assert!(text.contains(&series), "{series}: {text}");
        }
    }
    assert!(!text.contains("route=\"\""), "{text}");
}

/// A rate of what begins with 1 is none: an alarm would miss the first of them.
#[tokio::test]
async fn counters_are_there_before_anything_is_counted() {
    let (upstream, _) = upstream().await;
    let (_gateway, admin) = start(upstream);
    let text = get(format!("{admin}/metrics")).await.body;
    for series in [
        "same_origin_reloads_total{outcome=\"applied\"}",
        "same_origin_reloads_total{outcome=\"refused\"}",
        "same_origin_tls_handshakes_total{outcome=\"ok\"}",
        "same_origin_tls_handshakes_total{outcome=\"failed\"}",
        "same_origin_proxy_protocol_refused_total",
        "same_origin_rate_limited_total{route=\"/api\"}",
        "same_origin_rate_limited_total{route=\"none\"}",
    ] {
        let line = format!("\n{series} 0\n");
        assert!(text.contains(&line), "{series}: {text}");
    }
}

/// Probes are not requests of clients, and are not answered from memory.
#[tokio::test]
async fn probes_of_upstreams_neither_count_nor_keep() {
    let (upstream, asked) = upstream().await;
    let (gateway, admin) = start(upstream);
    let probe = async || {
        // An answer is taken for a second.
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        let before = asked.load(Ordering::Relaxed);
        let answer = get(format!("{admin}/readyz")).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(asked.load(Ordering::Relaxed), before + 1);
    };
    let counts = async |outcome: &str, count: usize| {
        let text = get(format!("{admin}/metrics")).await.body;
        let line = format!(
            "same_origin_cache_requests_total{{route=\"/\",outcome=\"{outcome}\"}} {count}\n"
        );
        assert!(text.contains(&line), "{line}: {text}");
    };
    probe().await;
    counts("miss", 0).await;
    let status = get(format!("{}/", gateway.origin)).await;
    assert!(!status.field("cache-status").contains("hit"), "{status:?}");
    probe().await;
    counts("miss", 1).await;
    counts("hit", 0).await;
    counts("revalidated", 0).await;
    let status = get(format!("{}/", gateway.origin)).await;
    assert!(status.field("cache-status").contains("hit"), "{status:?}");
}
