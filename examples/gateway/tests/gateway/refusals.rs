//! Requests that are refused, or answered, whatever route they are for.

use bytes::Bytes;
use http::{Request, Version};
use http_body_util::Empty;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use crate::client::{exchange, send_from, upstream};
use crate::gateway;
use crate::process::Process;

const ORIGIN: &str = "https://app.example";
const KINDS: [&str; 3] = ["/api", "/files", "/nowhere"];

/// A gateway with a route of each kind, with a policy for all or with none.
async fn serve(cors: bool) -> (tempfile::TempDir, Process) {
    let upstream = upstream("up").await;
    let site = tempfile::tempdir().unwrap();
    std::fs::write(site.path().join("a"), "a file").unwrap();
    let dir = site.path();
    let cors = if cors {
        format!("[cors]\nallow_origins = ['{ORIGIN}']\nallow_methods = ['PUT']\n")
    } else {
        String::new()
    };
    let gateway = gateway::with(&format!(
        "{cors}[[routes]]\nprefix = '/api'\nupstream = 'http://{upstream}'\n\
         [[routes]]\nprefix = '/files'\ndir = {dir:?}\n"
    ));
    (site, gateway)
}

/// The status of the answer to a head, without its last line.
async fn status(gateway: &Process, head: &str) -> u16 {
    let answer = exchange(gateway, format!("{head}connection: close\r\n\r\n")).await;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split(' ').nth(1);
    status.unwrap_or_default().parse().expect("a status")
}

async fn by_http2(gateway: &Process) -> http2::SendRequest<Empty<Bytes>> {
    let stream = TcpStream::connect(gateway.address()).await.unwrap();
    let handshake = http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
    let (client, connection) = handshake.await.unwrap();
    tokio::spawn(connection);
    client
}

/// RFC 9112 3.2.
#[tokio::test]
async fn a_request_names_its_host_once() {
    let (_site, gateway) = serve(true).await;
    let preflight = format!("origin: {ORIGIN}\r\naccess-control-request-method: PUT\r\n");
    for kind in KINDS {
        let found = if kind == "/nowhere" { 404 } else { 200 };
        for (version, hosts, expected) in [
            ("1.1", "host: a.example\r\n", found),
            ("1.1", "host: [::1]:8080\r\n", found),
            ("1.0", "", found),
            ("1.1", "", 400),
            ("1.1", "host: a\r\nhost: b\r\n", 400),
            ("1.1", "host: a\r\nhost: a\r\n", 400),
            ("1.1", "host: a b\r\n", 400),
            ("1.1", "host:\r\n", 400),
            ("1.1", "host: u@a\r\n", 400),
            ("1.1", "host: a/b\r\n", 400),
            ("1.1", "host: a:b\r\n", 400),
            ("1.0", "host: a b\r\n", 400),
        ] {
            let head = format!("GET {kind}/a HTTP/{version}\r\n{hosts}");
            assert_eq!(status(&gateway, &head).await, expected, "{head}");
            if expected == 400 {
                let head = format!("OPTIONS {kind}/a HTTP/{version}\r\n{hosts}{preflight}");
                assert_eq!(status(&gateway, &head).await, 400, "{head}");
            }
        }
    }
}

/// RFC 9113 8.3.1.
#[tokio::test]
async fn two_hosts_that_differ_are_none() {
    let (_site, gateway) = serve(false).await;
    let mut client = by_http2(&gateway).await;
    for kind in KINDS {
        let found = if kind == "/nowhere" { 404 } else { 200 };
        for (host, expected) in [("", found), ("A.example", found), ("b.example", 400)] {
            let mut request = Request::get(format!("http://a.example{kind}/a"))
                .version(Version::HTTP_2)
                .body(Empty::<Bytes>::new())
                .unwrap();
            if !host.is_empty() {
                request.headers_mut().insert("host", host.parse().unwrap());
            }
            let answer = client.send_request(request).await.unwrap();
            assert_eq!(answer.status(), expected, "{kind} {host}");
        }
    }
}

#[tokio::test]
async fn a_preflight_is_answered_where_its_request_would_be() {
    let asks = [("access-control-request-method", "PUT")];
    for (cors, path, expected) in [
        (true, "/api/x", 204),
        (true, "/files/a", 204),
        // So that the page can read the 404 of its request.
        (true, "/nowhere", 204),
        (false, "/nowhere", 404),
        (true, "/api/../x", 400),
        (true, "/api/%2e%2E/x", 400),
        (true, "/files/..%2fx", 400),
        (true, "/nowhere/..;a/x", 400),
        (false, "/api/../x", 400),
        (false, "/files/../x", 400),
        (false, "/files/a", 405),
    ] {
        let (_site, gateway) = serve(cors).await;
        let url = format!("{}{path}", gateway.origin);
        let answer = send_from("OPTIONS", ORIGIN, url, &asks).await;
        assert_eq!(answer.status, expected, "{path} with cors {cors}");
    }
}

/// RFC 9110 9.3.7: it is about the server as a whole.
#[tokio::test]
async fn options_of_everything_are_the_gateways() {
    for cors in [true, false] {
        let (_site, gateway) = serve(cors).await;
        let options = "OPTIONS * HTTP/1.1\r\n";
        for (fields, expected) in [
            ("host: a\r\n", 204),
            ("", 400),
            (
                "host: a\r\norigin: https://b.example\r\naccess-control-request-method: PUT\r\n",
                204,
            ),
        ] {
            let head = format!("{options}{fields}");
            assert_eq!(status(&gateway, &head).await, expected, "{head}");
        }
        assert_eq!(status(&gateway, "GET * HTTP/1.1\r\nhost: a\r\n").await, 404);
    }
}

/// Also to who only asks what may be asked.
#[tokio::test]
async fn no_foreign_host_is_answered_whatever_the_method() {
    let upstream = upstream("up").await;
    let site = tempfile::tempdir().unwrap();
    std::fs::write(site.path().join("a"), "a file").unwrap();
    let dir = site.path();
    let preflight = format!("origin: {ORIGIN}\r\naccess-control-request-method: PUT\r\n");
    for report_only in [false, true] {
        let gateway = gateway::with(&format!(
            "[guard]\nhosts = ['app.test', '[::1]']\nreport_only = {report_only}\n\
             [cors]\nallow_origins = ['{ORIGIN}']\nallow_methods = ['PUT']\n\
             [[routes]]\nprefix = '/api'\nupstream = 'http://{upstream}'\n\
             [[routes]]\nprefix = '/cached'\nupstream = 'http://{upstream}'\ncache = true\n\
             [[routes]]\nprefix = '/files'\ndir = {dir:?}\n"
        ));
        for (target, fields, expected) in [
            ("GET /api/a", "", 200),
            ("OPTIONS *", "", 204),
            ("OPTIONS *", &*preflight, 204),
            ("OPTIONS /api/a", &preflight, 204),
            ("OPTIONS /api/a", "", 200),
            ("OPTIONS /cached/a", &preflight, 204),
            ("OPTIONS /files/a", &preflight, 204),
            ("OPTIONS /nowhere", &preflight, 204),
        ] {
            for (host, is_own) in [
                ("app.test", true),
                ("[0:0:0:0:0:0:0:1]:81", true),
                ("other.test", false),
            ] {
                let head = format!("{target} HTTP/1.1\r\nhost: {host}\r\n{fields}");
                let head = format!("{head}connection: close\r\n\r\n");
                let answer = exchange(&gateway, &head).await;
                let answer = String::from_utf8_lossy(&answer).to_ascii_lowercase();
                let is_answered = is_own || report_only;
                let status = if is_answered { expected } else { 421 };
                let line = format!("http/1.1 {status} ");
                assert!(answer.starts_with(&line), "{head}: {answer}");
                let is_granted = answer.contains("access-control-allow-methods");
                let asks = target != "OPTIONS *" && !fields.is_empty();
                assert_eq!(is_granted, asks && is_answered, "{head}: {answer}");
            }
        }
        // Each request is told of once.
        let outcome = if report_only {
            "would be refused"
        } else {
            "refused"
        };
        let words = format!(": {outcome} rule=1 ");
        gateway.logged(&words, 8).await;
        assert_eq!(gateway.log().matches(&words).count(), 8);
    }
}

/// Those that the gateway writes itself. What hyper cannot parse as a head of HTTP/1.1 (a control character in the
/// target, a target of more than 65,534 bytes) it answers without asking anybody, and so does h2 with a head of more
/// bytes than may be.
#[tokio::test]
async fn an_allowed_page_can_read_each_refusal() {
    let upstream = upstream("up").await;
    let site = tempfile::tempdir().unwrap();
    let dir = site.path();
    let gateway = gateway::with(&format!(
        "[server]\nhead_size = 2048\nhead_fields = 20\n[cors]\nallow_origins = ['{ORIGIN}']\n\
         [[routes]]\nprefix = '/api'\nupstream = 'http://{upstream}'\nlimits = {{ request_body = 10 }}\n\
         [[routes]]\nprefix = '/files'\ndir = {dir:?}\n"
    ));
    let (fields, long) = ("x-a: b\r\n".repeat(30), "x".repeat(2500));
    for kind in KINDS {
        for (request, status) in [
            (format!("GET {kind}/a HTTP/1.1\r\nhost: a\r\n{fields}"), 431),
            (
                format!("GET {kind}/a HTTP/1.1\r\nhost: a\r\ncookie: {long}\r\n"),
                431,
            ),
            (format!("GET {kind}/{long} HTTP/1.1\r\nhost: a\r\n"), 414),
            (format!("GET {kind}/..%2fa HTTP/1.1\r\nhost: a\r\n"), 400),
            (
                format!("GET {kind}/a HTTP/1.1\r\nhost: a\r\nhost: b\r\n"),
                400,
            ),
            ("GET /files/none HTTP/1.1\r\nhost: a\r\n".to_owned(), 404),
            ("GET /nowhere HTTP/1.1\r\nhost: a\r\n".to_owned(), 404),
            (
                "PUT /api/a HTTP/1.1\r\nhost: a\r\ncontent-length: 11\r\n".to_owned(),
                413,
            ),
        ] {
            let head = format!("{request}origin: {ORIGIN}\r\nconnection: close\r\n\r\n");
            let answer = exchange(&gateway, head).await;
            let answer = String::from_utf8_lossy(&answer).to_ascii_lowercase();
            let line = format!("http/1.1 {status} ");
            assert!(answer.starts_with(&line), "{status}: {request}: {answer}");
            let allowed = format!("access-control-allow-origin: {ORIGIN}\r\n");
            assert!(answer.contains(&allowed), "{request}: {answer}");
            let mut vary = answer.lines().filter(|line| line.starts_with("vary: "));
            assert!(
                vary.any(|vary| vary.contains("origin")),
                "{request}: {answer}"
            );
        }
    }
    let mut client = by_http2(&gateway).await;
    for (path, fields, status) in [
        ("/api/a", 30, 431),
        ("/files/a", 30, 431),
        ("/nowhere", 0, 404),
    ] {
        let mut request = Request::get(format!("http://a.example{path}")).header("origin", ORIGIN);
        for n in 0..fields {
            request = request.header(format!("x-{n}"), "1");
        }
        let answer = client
            .send_request(request.body(Empty::new()).unwrap())
            .await
            .unwrap();
        assert_eq!(answer.status(), status, "{path}");
        assert_eq!(answer.headers()["access-control-allow-origin"], ORIGIN);
        assert!(
            answer.headers()["vary"]
                .to_str()
                .unwrap()
                .to_ascii_lowercase()
                .contains("origin")
        );
    }
}

/// RFC 9110 15.4.5: a 304 has the `Vary` of its 200.
#[tokio::test]
async fn a_304_depends_on_what_its_200_does() {
    let (_site, gateway) = serve(true).await;
    let url = format!("{}/files/a", gateway.origin);
    let ok = send_from("GET", ORIGIN, url.clone(), &[]).await;
    let since = [("if-modified-since", ok.field("last-modified"))];
    let same = send_from("GET", ORIGIN, url, &since).await;
    assert_eq!((ok.status.as_u16(), same.status.as_u16()), (200, 304));
    assert!(!ok.field("vary").is_empty());
    let vary = |answer: &crate::client::Answer| -> Vec<_> {
        answer.headers.get_all("vary").iter().cloned().collect()
    };
    assert_eq!(vary(&ok), vary(&same));
}

/// RFC 9110 9.3.2: over HTTP/2 nothing else takes the content away.
#[tokio::test]
async fn a_head_has_no_content_over_http2() {
    use http_body_util::BodyExt;
    let (_site, gateway) = serve(false).await;
    let mut client = by_http2(&gateway).await;
    for path in ["/files/a", "/files/missing", "/nowhere", "/files/../x"] {
        let request = Request::head(format!("http://a.example{path}"))
            .body(Empty::<Bytes>::new())
            .unwrap();
        let answer = client.send_request(request).await.unwrap();
        let content = answer.into_body().collect().await.unwrap().to_bytes();
        assert!(content.is_empty(), "{path}");
    }
}
