//! The admin listener, the access log, and what signals do.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use http::Request;
use http_body_util::Full;

use crate::client::{get, send, send_from, upstream};
use crate::gateway::{self, file};
use crate::process::Process;

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

/// Sends a request whose `Host` is another than the address.
async fn raw(admin: &str, head: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let address = admin.strip_prefix("http://").unwrap();
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!("{head}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.lines().next().unwrap_or_default().to_owned()
}

/// Pages reach loopback, too: by a name that leads there, and by a form.
#[tokio::test]
async fn pages_of_other_sites_neither_read_nor_purge() {
    let upstream = upstream("up").await;
    let (_gateway, admin) = start(upstream, "").await;
    for (head, status) in [
        ("GET /metrics HTTP/1.1\r\nhost: rebound.example", "421"),
        ("GET /readyz HTTP/1.1\r\nhost: localhost:9090", "200"),
        ("GET /readyz HTTP/1.1\r\nhost: 127.0.0.1", "200"),
        (
            "POST /purge?prefix=/ HTTP/1.1\r\nhost: 127.0.0.1\r\nsec-fetch-site: cross-site",
            "403",
        ),
        (
            "POST /purge?prefix=/ HTTP/1.1\r\nhost: 127.0.0.1\r\norigin: https://evil.example",
            "403",
        ),
        ("POST /purge?prefix=/ HTTP/1.1\r\nhost: 127.0.0.1", "204"),
        // As HAProxy's `option httpchk` asks, which no page can.
        ("GET /readyz HTTP/1.0", "200"),
        ("HEAD /livez HTTP/1.0", "200"),
        ("OPTIONS /livez HTTP/1.0", "200"),
        ("OPTIONS /readyz HTTP/1.0", "200"),
        ("OPTIONS /metrics HTTP/1.0", "405"),
        ("OPTIONS /purge?prefix=/ HTTP/1.0", "405"),
        ("OPTIONS / HTTP/1.0", "404"),
        ("OPTIONS /readyz HTTP/1.0\r\nhost: rebound.example", "421"),
        ("OPTIONS /readyz HTTP/1.1\r\nhost: localhost", "405"),
        ("GET /readyz HTTP/1.0\r\nhost: rebound.example", "421"),
        ("GET http://rebound.example/readyz HTTP/1.0", "421"),
        ("POST /purge?prefix=/ HTTP/1.0", "400"),
        ("GET /readyz HTTP/1.1", "400"),
    ] {
        let line = raw(&admin, head).await;
        assert!(line.contains(status), "{head}: {line}");
    }
}

/// Its listener stays until a restart, so that what it tells is true until then.
#[tokio::test]
async fn counts_go_on_where_the_table_admin_is_gone() {
    let upstream = upstream("up").await;
    let folder = tempfile::tempdir().unwrap();
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let rest = format!(
        "[cors]\nallow_origins = ['https://a.example']\n\
         [[routes]]\nprefix = '/api'\nupstream = 'http://{upstream}'\n"
    );
    let with_admin = format!("[admin]\nlisten = '127.0.0.1:{port}'\n{rest}");
    let path = file(folder.path(), &with_admin);
    let gateway = gateway::start(&["--config", &path, "--listen", "127.0.0.1:0"]);
    let refused = async || {
        let url = format!("{}/api/x", gateway.origin);
        send_from("GET", "https://evil.example", url, &[]).await;
    };
    refused().await;
    file(folder.path(), &rest);
    gateway.signal("HUP");
    gateway.logged("is served", 1).await;
    // It is the same route, with the same settings.
    assert!(gateway.log().contains("unchanged=1"), "{}", gateway.log());
    refused().await;
    let metrics = get(format!("http://127.0.0.1:{port}/metrics")).await.body;
    for line in [
        "same_origin_cors_refusals_total{route=\"/api\",rule=\"origin\"} 2",
        "# HELP same_origin_reloads_total ",
        "same_origin_reloads_total{outcome=\"applied\"} 1",
    ] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
}

#[tokio::test]
async fn refusals_are_counted_by_their_rules_and_logged_with_their_facts() {
    let upstream = upstream("up").await;
    let folder = tempfile::tempdir().unwrap();
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let config = format!(
        "workers = 1\nrequest_id = true\ntrusted_proxies = ['127.0.0.1/32']\n\
         [log]\naccess = 'access.log'\nformat = 'json'\n[admin]\nlisten = '127.0.0.1:{port}'\n\
         [cors]\nallow_origins = ['https://a.example']\n\
         [[routes]]\nprefix = '/api'\nupstream = 'http://{upstream}'\nrate_limit = {{ per_second = 1, burst = 4 }}\n\
         [[routes]]\nprefix = '/gone'\nupstream = ['http://127.0.0.1:1', 'http://127.0.0.1:2']\n"
    );
    let path = file(folder.path(), &config);
    let gateway = gateway::start(&["--config", &path, "--listen", "127.0.0.1:0"]);
    let url = |path: &str| format!("{}{path}", gateway.origin);
    let client = ("x-forwarded-for", "203.0.113.7");
    let allowed = send_from("GET", "https://a.example", url("/api/1"), &[client]).await;
    send_from("GET", "https://evil.example", url("/api/2"), &[client]).await;
    let preflight = [client, ("access-control-request-method", "DELETE")];
    send_from("OPTIONS", "https://a.example", url("/api/3"), &preflight).await;
    let foreign = [
        client,
        ("cookie", "secret=1"),
        ("sec-fetch-site", "cross-site"),
    ];
    send_from("POST", "https://evil.example", url("/api/4"), &foreign).await;
    for _ in 0..2 {
        send_from("GET", "https://a.example", url("/api/5"), &[client]).await;
    }
    send_from("GET", "https://a.example", url("/gone/6"), &[client]).await;
    let metrics = get(format!("http://127.0.0.1:{port}/metrics")).await.body;
    for line in [
        "same_origin_cors_refusals_total{route=\"/api\",rule=\"origin\"} 2",
        "same_origin_cors_refusals_total{route=\"/api\",rule=\"method\"} 1",
        "same_origin_guard_refusals_total{route=\"/api\",rule=\"cross_site\"} 1",
        "same_origin_rate_limited_total{route=\"/api\"} 1",
        "same_origin_upstream_connections{route=\"/api\"} 1",
        "same_origin_upstream_connections{route=\"/gone\"} 0",
        "same_origin_upstreams_set_aside{route=\"/api\"} 0",
        "same_origin_upstreams_set_aside{route=\"/gone\"} 2",
        "same_origin_connections ",
        "process_resident_memory_bytes ",
    ] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
    gateway.signal("TERM");
    gateway.ended();
    let text = std::fs::read_to_string(folder.path().join("access.log")).unwrap();
    let lines: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 7, "{text}");
    let says = |line: usize, name: &str| lines[line][name].as_str().unwrap_or_default().to_owned();
    for line in 0..7 {
        assert_eq!(says(line, "client"), "203.0.113.7", "{text}");
        assert_eq!(says(line, "id").len(), 32, "{text}");
    }
    assert_eq!(says(0, "id"), allowed.field("x-request-id"));
    assert_eq!(says(0, "upstream"), upstream.to_string());
    assert_eq!(says(0, "cors"), "allowed");
    assert_eq!(says(1, "cors"), "refused: the origin is not allowed");
    assert_eq!(says(2, "cors"), "refused: the method is not allowed");
    assert!(says(3, "guard").contains("another site"), "{text}");
    assert_eq!(lines[5]["status"], 429, "{text}");
    assert_eq!(says(5, "upstream"), "");
    assert!(says(6, "upstream").starts_with("127.0.0.1:"), "{text}");
    assert!(
        says(6, "proxy_status").contains("destination_unavailable"),
        "{text}"
    );
    assert!(!text.contains("secret"), "{text}");
}

/// Those of one address: a kubelet's probes, and whatever else runs beside it.
#[tokio::test]
async fn connections_that_say_nothing_do_not_shut_probes_out() {
    let (_gateway, admin) = start(upstream("up").await, "").await;
    let address: SocketAddr = admin.strip_prefix("http://").unwrap().parse().unwrap();
    for open in [40, 64] {
        let mut idle = Vec::new();
        for _ in 0..open {
            idle.push(tokio::net::TcpStream::connect(address).await.unwrap());
        }
        let probe = tokio::time::timeout(Duration::from_secs(8), get(format!("{admin}/livez")));
        assert_eq!(probe.await.expect("an answer").status, 200, "{open}");
    }
}
