//! The small examples do what the first lines of each say.

use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

#[path = "../support/cargo.rs"]
mod cargo;
#[path = "../../../examples/gateway/tests/gateway/support/process.rs"]
mod process;

use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use process::Process;

const APP: (&str, &str) = ("origin", "https://app.example.com");

fn start(name: &str) -> Process {
    Process::start(&example(name), &["127.0.0.1:0"])
}

/// The program of an example.
fn example(name: &str) -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let build = || cargo::build(&["-p", "same-origin", "--examples"]).join("examples");
    FOLDER.get_or_init(build).join(name)
}

async fn send(method: &str, url: String, fields: &[(&str, &str)]) -> Response<String> {
    let mut request = Request::builder().method(method).uri(url);
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    let request = request.body(Empty::<Bytes>::new()).unwrap();
    let client = Client::builder(TokioExecutor::new()).build_http();
    let (head, body) = client.request(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Response::from_parts(head, String::from_utf8(body.to_vec()).unwrap())
}

fn field<'a>(response: &'a Response<String>, name: &str) -> &'a str {
    let value = response.headers().get(name);
    value.map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn cors_axum() {
    let example = start("cors_axum");
    let url = |path: &str| format!("{}{path}", example.origin);
    let (allowed, methods) = (
        "access-control-allow-origin",
        "access-control-allow-methods",
    );

    let answer = send("GET", url("/items"), &[APP]).await;
    assert_eq!(
        (answer.body().as_str(), field(&answer, allowed)),
        ("item 7\n", APP.1)
    );
    let answer = send("GET", url("/items"), &[("origin", "https://evil.example")]).await;
    assert_eq!(
        (answer.body().as_str(), field(&answer, allowed)),
        ("item 7\n", "")
    );
    let asks = ("access-control-request-method", "PUT");
    let answer = send("OPTIONS", url("/items/7"), &[APP, asks]).await;
    assert!(answer.status().is_success() && field(&answer, methods).contains("PUT"));
    let answer = send("PUT", url("/items/7"), &[APP]).await;
    assert_eq!(answer.body(), "item 7 saved\n");
}

#[tokio::test]
async fn guard_axum() {
    let example = start("guard_axum");
    let url = |path: &str| format!("{}{path}", example.origin);
    let status = async |method: &str, path: &str, fields: &[(&str, &str)]| {
        send(method, url(path), fields).await.status()
    };
    let (own, evil) = (
        ("origin", example.origin.as_str()),
        ("origin", "https://evil.example"),
    );
    let spa = ("origin", "https://spa.example.com");
    let handshake = [
        ("connection", "Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    assert_eq!(status("POST", "/transfer", &[own]).await, StatusCode::OK);
    assert_eq!(status("POST", "/transfer", &[spa]).await, StatusCode::OK);
    assert_eq!(
        status("POST", "/transfer", &[evil]).await,
        StatusCode::FORBIDDEN
    );
    assert_eq!(status("POST", "/hook", &[evil]).await, StatusCode::OK);
    let with = |origin| [&handshake[..], &[origin]].concat();
    assert_eq!(
        status("GET", "/live", &with(evil)).await,
        StatusCode::FORBIDDEN
    );
    assert_eq!(
        status("GET", "/live", &with(own)).await,
        StatusCode::SWITCHING_PROTOCOLS
    );
}

#[tokio::test]
async fn mcp_loopback() {
    let example = start("mcp_loopback");
    let url = || format!("{}/mcp", example.origin);
    let evil = ("origin", "https://evil.example");
    let answer = send("POST", url(), &[evil]).await;
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
    assert!(answer.body().contains("-32600"), "{answer:?}");
    let answer = send("GET", url(), &[("host", "evil.example")]).await;
    assert_eq!(answer.status(), StatusCode::MISDIRECTED_REQUEST);
    // A program gets as far as the application, which wants JSON.
    let answer = send("POST", url(), &[]).await;
    assert_eq!(answer.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[tokio::test]
async fn proxy_axum() {
    let example = start("proxy_axum");
    let url = |path: &str| format!("{}{path}", example.origin);

    let answer = send("GET", url("/"), &[]).await;
    assert!(answer.body().contains("fetch('/api/items?x=1')"));
    let answer = send("GET", url("/api/items?x=1"), &[]).await;
    assert_eq!(answer.body(), "the API was asked for /prod/items?x=1\n");
    let answer = send("GET", url("/api/login"), &[]).await;
    assert_eq!(field(&answer, "location"), "/api/items");
    assert!(
        field(&answer, "set-cookie").contains("Path=/api"),
        "{answer:?}"
    );
}

#[tokio::test]
async fn proxy_hyper() {
    let upstream = start("cors_axum");
    let example = Process::start(&example("proxy_hyper"), &["127.0.0.1:0", &upstream.origin]);
    let url = |path: &str| format!("{}{path}", example.origin);

    assert_eq!(
        send("GET", url("/files/items"), &[]).await.body(),
        "item 7\n"
    );
    for (path, status) in [
        ("/elsewhere", StatusCode::NOT_FOUND),
        ("/files/..%2fsecret", StatusCode::BAD_REQUEST),
    ] {
        assert_eq!(send("GET", url(path), &[]).await.status(), status, "{path}");
    }
}

#[tokio::test]
async fn proxy_hyper_outlives_a_flood_of_connections() {
    let mut command = Command::new("sh");
    let limited = "ulimit -n 40 && exec \"$0\" 127.0.0.1:0";
    command.args(["-c", limited]).arg(example("proxy_hyper"));
    let example = Process::spawn(&mut command, &[limited]);
    let address = example.origin.strip_prefix("http://").unwrap();
    let flood: Vec<_> = (0..60)
        .map(|_| TcpStream::connect(address).unwrap())
        .collect();
    // The last of them are accepted when the first are gone.
    tokio::time::sleep(Duration::from_millis(200)).await;
    drop(flood);
    let answer = send("GET", format!("{}/elsewhere", example.origin), &[]).await;
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn signed_redirect() {
    let example = start("signed_redirect");
    let null = ("origin", "null");
    let answer = send("GET", format!("{}/report", example.origin), &[APP]).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    assert_eq!(field(&answer, "access-control-allow-origin"), APP.1);
    let signed = field(&answer, "location").to_owned();

    let answer = send("GET", signed.clone(), &[null]).await;
    assert_eq!(answer.body(), "the report\n");
    assert_eq!(field(&answer, "access-control-allow-origin"), "null");
    assert_eq!(field(&answer, "access-control-allow-credentials"), "true");
    for wrong in [
        signed.replace("expires=", "expires=9"),
        signed.replace("signature=", "signature=A"),
    ] {
        assert_eq!(
            send("GET", wrong, &[null]).await.status(),
            StatusCode::FORBIDDEN
        );
    }
}
