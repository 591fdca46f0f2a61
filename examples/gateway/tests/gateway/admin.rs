//! The admin listener, the access log, and what signals do.

use crate::client::{get, send, send_from, upstream};
use crate::gateway::{self, file};
use crate::process::Process;
use http::Request;
use http_body_util::Full;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

/// A gateway with an admin listener, and the origin of that.
async fn start(upstream: SocketAddr, more: &str) -> (Process, String) {
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let config = format!(
        "{more}\n[admin]\nlisten = '127.0.0.1:{port}'\n\
         [[routes]]\nprefix = '/api'\nupstream = 'http://{upstream}/v1'\ncache = true\n"
    );
    (gateway::with(&config), format!("http://127.0.0.1:{port}"))
}

async fn post(url: String) -> u16 {
    send(Request::post(url).body(Full::default()).unwrap())
        .await
        .status
        .as_u16()
}

#[tokio::test]
async fn health_and_metrics_are_told_on_an_address_of_their_own() {
    let upstream = upstream("up").await;
    let (gateway, admin) = start(upstream, "").await;
    for path in ["/livez", "/readyz"] {
        let answer = get(format!("{admin}{path}")).await;
        assert_eq!(
            (answer.status.as_u16(), &*answer.body),
            (200, "ok\n"),
            "{path}"
        );
        assert_eq!(answer.field("cache-control"), "no-store");
        // Not where everybody is.
        assert_eq!(get(format!("{}{path}", gateway.origin)).await.status, 404);
    }
    get(format!("{}/api/x", gateway.origin)).await;
    let text = get(format!("{admin}/metrics")).await.body;
    for line in [
        "same_origin_requests_total{route=\"/api\",status=\"200\"} 1",
        "same_origin_requests_total{route=\"none\",status=\"404\"} 2",
        "same_origin_cache_requests_total{route=\"/api\",outcome=\"miss\"} 1",
        "same_origin_request_duration_seconds_count{route=\"/api\"} 1",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert_eq!(post(format!("{admin}/metrics")).await, 405);
    assert_eq!(get(format!("{admin}/else")).await.status, 404);
}

#[tokio::test]
async fn a_purge_names_public_paths() {
    let upstream = cached_upstream().await;
    let (gateway, admin) = start(upstream, "").await;
    let cached = async |path: &str| {
        let answer = get(format!("{}{path}", gateway.origin)).await;
        answer.field("cache-status").contains("hit")
    };
    for path in ["/api/x", "/api/xy", "/api/a/b"] {
        assert!(!cached(path).await, "{path}");
        assert!(cached(path).await, "{path}");
    }
    assert_eq!(post(format!("{admin}/purge?path=/api/x")).await, 204);
    assert!(!cached("/api/x").await && cached("/api/xy").await && cached("/api/a/b").await);
    assert_eq!(post(format!("{admin}/purge?prefix=/api/a")).await, 204);
    assert!(cached("/api/x").await && !cached("/api/a/b").await);
    assert_eq!(post(format!("{admin}/purge?prefix=/")).await, 204);
    assert!(!cached("/api/x").await && !cached("/api/xy").await);
    for bad in ["", "?path=x", "?path=/a&prefix=/a"] {
        assert_eq!(post(format!("{admin}/purge{bad}")).await, 400, "{bad}");
    }
    assert_eq!(get(format!("{admin}/purge?path=/")).await.status, 405);
    gateway.signal("USR1");
    for _ in 0..50 {
        if !cached("/api/x").await {
            return;
        }
        gateway.signal("USR1");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("SIGUSR1 emptied nothing");
}

#[tokio::test]
async fn a_stop_is_told_before_it_begins() {
    let upstream = upstream("up").await;
    let (gateway, admin) = start(upstream, "drain = { delay = '2s', timeout = '5s' }").await;
    gateway.signal("TERM");
    let mut ready = 200;
    for _ in 0..50 {
        ready = get(format!("{admin}/readyz")).await.status.as_u16();
        if ready == 503 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(ready, 503);
    assert_eq!(get(format!("{admin}/livez")).await.status, 200);
    assert_eq!(get(format!("{}/api/x", gateway.origin)).await.status, 200);
}

#[tokio::test]
async fn each_request_is_a_line_of_the_log_without_its_query() {
    let upstream = upstream("up").await;
    let folder = tempfile::tempdir().unwrap();
    let config = format!(
        "[log]\naccess = 'access.log'\nformat = 'json'\n\
         [[routes]]\nprefix = '/api'\nupstream = 'http://{upstream}'\n"
    );
    let path = file(folder.path(), &config);
    let gateway = gateway::start(&["--config", &path, "--listen", "127.0.0.1:0"]);
    get(format!("{}/api/x?X-Amz-Signature=00ff", gateway.origin)).await;
    get(format!("{}/none", gateway.origin)).await;
    let foreign = [("cookie", "a=b"), ("sec-fetch-site", "cross-site")];
    send_from(
        "POST",
        "https://evil.example",
        format!("{}/api/y", gateway.origin),
        &foreign,
    )
    .await;
    let log = folder.path().join("access.log");
    let mut lines: Vec<serde_json::Value> = Vec::new();
    for _ in 0..100 {
        let text = std::fs::read_to_string(&log).unwrap();
        lines = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        if lines.len() == 3 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let seen = lines.iter().map(|line| {
        let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
        (
            text("method"),
            text("path"),
            line["status"].as_u64().unwrap(),
            text("route"),
        )
    });
    let wanted = [
        ("GET", "/api/x", 200, "/api"),
        ("GET", "/none", 404, "none"),
        ("POST", "/api/y", 403, "/api"),
    ];
    let wanted = wanted.map(|(method, path, status, route)| {
        (method.to_owned(), path.to_owned(), status, route.to_owned())
    });
    assert_eq!(seen.collect::<Vec<_>>(), wanted);
    assert!(lines[2]["guard"].is_string(), "{}", lines[2]);
}

/// Answers everything so that it may be kept.
async fn cached_upstream() -> SocketAddr {
    use http::Response;
    use hyper::service::service_fn;
    use hyper_util::rt::TokioIo;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = service_fn(|_| async {
                let response = Response::builder().header("cache-control", "max-age=60");
                response.body(Full::new(bytes::Bytes::from("kept")))
            });
            let serving = hyper::server::conn::http1::Builder::new();
            tokio::spawn(serving.serve_connection(TokioIo::new(stream), service));
        }
    });
    address
}
