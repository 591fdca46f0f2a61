//! Bad servers: each is a finding in words, in bounded time. And what is sent to good ones.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use http::header::{ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_ORIGIN, LOCATION};
use http::{HeaderMap, Method, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::args::Call;
use crate::diagnose::{Severity, diagnose};

const APP: &str = "http://app.example.com";
const API: &str = "http://api.example.com";

fn args(address: std::net::SocketAddr) -> Args {
    let origins = [API, "https://api.example.com", "http://other.example.com"];
    Args {
        addresses: origins.map(|origin| (origin.to_owned(), address)).into(),
        timeout: Duration::from_secs(2),
        ..Args::default()
    }
}

fn call(url: &str) -> Call {
    Call {
        page: APP.into(),
        url: url.into(),
        ..Call::default()
    }
}

/// The code and severity of the first finding, and its words.
async fn found(args: &Args, call: &Call) -> (&'static str, Severity, String) {
    let web = web(args).expect("a web");
    let findings = diagnose(call, &crate::ask(&web, call).await);
    let first = findings.first().expect("a finding");
    (first.code, first.severity, first.what.clone())
}

/// A server that writes this to everybody, whatever is asked.
async fn saying(text: &'static str, then: Then) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(say(stream, text, then));
        }
    });
    address
}

async fn say(mut stream: TcpStream, text: &'static str, then: Then) {
    let mut head = [0; 4096];
    let _ = stream.read(&mut head).await;
    let _ = stream.write_all(text.as_bytes()).await;
    match then {
        Then::Close => {}
        Then::Wait => tokio::time::sleep(Duration::from_secs(30)).await,
        Then::Flood => while stream.write_all(&[b'x'; 65_536]).await.is_ok() {},
    }
}

#[derive(Clone, Copy)]
enum Then {
    Close,
    Wait,
    Flood,
}

const FOREVER: &str = "HTTP/1.1 200 OK\r\naccess-control-allow-origin: *\r\n\r\n";

#[tokio::test]
async fn bad_servers_are_told_in_words() {
    let cut = "HTTP/1.1 200 OK\r\naccess-control-allow-origin: *\r\ncontent-length: 10\r\n\r\nabc";
    let cases = [
        (
            "not-http",
            saying("SSH-2.0-x\r\n", Then::Close).await,
            "http",
        ),
        (
            "head-too-large",
            saying(many_lines(), Then::Close).await,
            "http",
        ),
        ("closed", saying("", Then::Close).await, "http"),
        ("timeout", saying("", Then::Wait).await, "http"),
        (
            "timeout",
            saying("HTTP/1.1 200 OK\r\nx: y\r\n", Then::Wait).await,
            "http",
        ),
        (
            "head-too-large",
            saying("HTTP/1.1 200 OK\r\nx: ", Then::Flood).await,
            "http",
        ),
        (
            "tls",
            saying("HTTP/1.1 400 Bad\r\n\r\n", Then::Close).await,
            "https",
        ),
        ("timeout", saying("", Then::Wait).await, "https"),
        ("cut-body", saying(cut, Then::Close).await, "http"),
        // These are not faults: the page has the head, and may read the stream.
        ("endless-body", saying(FOREVER, Then::Wait).await, "http"),
        ("endless-body", saying(FOREVER, Then::Flood).await, "http"),
    ];
    for (code, address, scheme) in cases {
        let began = Instant::now();
        let url = format!("{scheme}://api.example.com/x");
        let (seen, severity, words) = found(&args(address), &call(&url)).await;
        assert_eq!(seen, code, "{words}");
        assert!(began.elapsed() < Duration::from_secs(6), "{code}: {words}");
        assert_eq!(
            severity == Severity::Note,
            code == "endless-body",
            "{words}"
        );
    }
}

/// An answer of 1,001 lines, none of which is long.
fn many_lines() -> &'static str {
    let answer = ["HTTP/1.1 200 OK\r\n", &"vary: a\r\n".repeat(1_001), "\r\n"].concat();
    answer.leak()
}

/// The answer's own texts are in the trace and in the words of a finding.
#[tokio::test]
async fn a_server_does_not_command_the_terminal() {
    let answer = "HTTP/1.1 200 OK\r\nserver: nginx\u{9b}5m\r\n\
                  access-control-allow-origin: \u{9b}31m\u{202e}https://evil\r\ncontent-length: 0\r\n\r\n";
    let args = args(saying(answer, Then::Close).await);
    let call = call("http://api.example.com/x");
    let outcome = crate::ask(&web(&args).expect("a web"), &call).await;
    let findings = diagnose(&call, &outcome);
    assert!(findings[0].what.contains('\u{9b}'), "{findings:?}");
    let lines = crate::report::lines(&call, &outcome, &findings);
    let printed: Vec<_> = lines.iter().map(|line| shown(line)).collect();
    assert!(
        !printed
            .iter()
            .any(|line| line.contains(['\u{9b}', '\u{202e}']))
    );
    let escaped = printed.iter().filter(|line| line.contains("\\u{9b}31m"));
    assert_eq!(escaped.count(), 2, "{printed:?}");
}

#[tokio::test]
async fn a_missing_header_is_told_of_an_endless_body_too() {
    let address = saying("HTTP/1.1 200 OK\r\n\r\n", Then::Flood).await;
    let (code, ..) = found(&args(address), &call("http://api.example.com/x")).await;
    assert_eq!(code, "missing-allow-origin");
}

#[tokio::test]
async fn servers_that_are_not_there_are_told_in_words() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let (code, _, words) = found(&args(address), &call("http://api.example.com/x")).await;
    assert!(
        code == "unreachable" && words.contains("refused"),
        "{words}"
    );
    let (code, ..) = found(&args(address), &call("http://no-such-host.invalid/")).await;
    assert_eq!(code, "unknown-host");
    let mixed = Call {
        page: "https://app.example.com".into(),
        ..call("http://api.example.com/x")
    };
    assert_eq!(found(&args(address), &mixed).await.0, "mixed-content");
    let (code, ..) = found(&args(address), &call("http://api.example.com:6000/x")).await;
    assert_eq!(code, "bad-port");
}

/// The reader of PEM passes over what does not begin on a line of its own.
#[test]
fn authorities_in_glued_files_are_told_of_and_not_lost() {
    let issued = || rcgen::generate_simple_self_signed(["a.example".to_owned()]).expect("one");
    let (one, two) = (issued().cert.pem(), issued().cert.pem());
    let file = tempfile::NamedTempFile::new().expect("a file");
    for (text, wanted) in [
        (format!("{one}{two}"), ""),
        (
            format!("{}{two}", one.trim_end()),
            "only 1 of 2 certificates",
        ),
        (String::new(), "-----BEGIN CERTIFICATE-----"),
    ] {
        std::fs::write(&file, text).expect("a file");
        let told = trusting(&[file.path().to_owned()])
            .err()
            .unwrap_or_default();
        assert!(
            told.contains(wanted) && told.is_empty() == wanted.is_empty(),
            "{told}"
        );
    }
}

/// A server over TLS whose authority only `--cacert` knows.
#[tokio::test]
async fn an_authority_of_ones_own() {
    let issued = rcgen::generate_simple_self_signed(["api.example.com".to_owned()]).expect("one");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, issued.cert.pem()).expect("a file");
    let key = issued
        .signing_key
        .serialize_der()
        .try_into()
        .expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![issued.cert.der().clone()], key)
        .expect("a certificate");
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            let _ = stream.read(&mut [0; 4096]).await;
            let answer = format!(
                "{}ok",
                FOREVER.replace("\r\n\r\n", "\r\ncontent-length: 2\r\n\r\n")
            );
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    let call = call("https://api.example.com/x");
    let (code, _, words) = found(&args(address), &call).await;
    assert_eq!(code, "tls-certificate", "{words}");
    let trusting = Args {
        authorities: vec![file.clone()],
        ..args(address)
    };
    let trusted = web(&trusting).expect("a web");
    crate::ask(&trusted, &call).await.assert_text("ok");
    // Another name than that of the certificate.
    let renamed = Args {
        addresses: vec![("https://other.example.com".to_owned(), address)],
        ..trusting
    };
    let other = Call {
        url: "https://other.example.com/x".into(),
        ..call
    };
    assert_eq!(found(&renamed, &other).await.0, "tls-certificate");
    for (text, words) in [
        ("", "no certificate"),
        ("-----BEGIN CERTIFICATE-----\n", "ca.pem"),
    ] {
        std::fs::write(&file, text).expect("a file");
        let mistake = web(&renamed).expect_err("not a certificate");
        assert!(mistake.contains(words), "{mistake}");
    }
}

type Seen = Arc<Mutex<Vec<(Method, String, HeaderMap)>>>;

/// Allows everything, redirects `/there` to another host, and keeps what it was asked.
async fn keeping() -> (std::net::SocketAddr, Seen) {
    let seen = Seen::default();
    let kept = Arc::clone(&seen);
    let app = Router::new().fallback(async move |request: axum::extract::Request| {
        let (head, _) = request.into_parts();
        let path = head.uri.path().to_owned();
        let redirects = head.method != Method::OPTIONS && path == "/there";
        kept.lock()
            .expect("a list")
            .push((head.method, path, head.headers));
        let mut headers = HeaderMap::new();
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, "*".parse().expect("a value"));
        headers.insert(
            ACCESS_CONTROL_ALLOW_HEADERS,
            "authorization".parse().expect("a value"),
        );
        headers.insert(
            "access-control-allow-methods",
            "PUT".parse().expect("a value"),
        );
        if redirects {
            headers.insert(
                LOCATION,
                "http://other.example.com/here".parse().expect("a URL"),
            );
            return (StatusCode::TEMPORARY_REDIRECT, headers);
        }
        (StatusCode::OK, headers)
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, app).await });
    (address, seen)
}

#[tokio::test]
async fn a_redirect_takes_no_token_to_another_host() {
    let (address, seen) = keeping().await;
    let call = Call {
        method: "PUT".into(),
        headers: vec![("authorization".into(), "Bearer secret".into())],
        ..call("http://api.example.com/there")
    };
    let web = web(&args(address)).expect("a web");
    crate::ask(&web, &call).await.assert_status(200);
    let seen = seen.lock().expect("a list");
    let lines: Vec<_> = seen
        .iter()
        .map(|(method, path, headers)| {
            format!("{method} {path} {}", headers.contains_key("authorization"))
        })
        .collect();
    let expected = [
        "OPTIONS /there false",
        "PUT /there true",
        "OPTIONS /here false",
        "PUT /here false",
    ];
    assert_eq!(lines, expected);
    assert_eq!(seen[0].2["host"], "api.example.com");
}

#[tokio::test]
async fn what_may_change_something_can_be_left_out() {
    let (address, seen) = keeping().await;
    let careful = Args {
        preflight_only: true,
        ..args(address)
    };
    for (method, sent) in [("PUT", 1), ("POST", 0), ("GET", 1), ("HEAD", 1)] {
        let call = Call {
            method: method.into(),
            ..call("http://api.example.com/x")
        };
        let web = web(&careful).expect("a web");
        let findings = diagnose(&call, &crate::ask(&web, &call).await);
        let readable = crate::diagnose::readable(&findings);
        assert_eq!(
            readable.is_none(),
            matches!(method, "PUT" | "POST"),
            "{findings:?}"
        );
        assert!(
            !findings.iter().any(crate::report::is_fault),
            "{findings:?}"
        );
        let asked = std::mem::take(&mut *seen.lock().expect("a list"));
        assert_eq!(asked.len(), sent, "{method}: {asked:?}");
    }
}
