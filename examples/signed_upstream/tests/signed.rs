//! The example does what its first lines say.

#[path = "../../gateway/tests/gateway/support/process.rs"]
mod process;

use std::convert::Infallible;
use std::path::Path;

use bytes::Bytes;
use futures_util::stream;
use http::{Request, Response, StatusCode};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use process::Process;

const BINARY: &str = env!("CARGO_BIN_EXE_signed_upstream");

fn start() -> Process {
    Process::start(Path::new(BINARY), &["127.0.0.1:0"])
}

async fn send(method: &str, url: String, fields: &[(&str, &str)]) -> Response<String> {
    let mut request = Request::builder().method(method).uri(url);
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    answer(request.body(Empty::new()).unwrap()).await
}

async fn put<B>(url: String, body: B) -> Response<String>
where
    B: Body<Data = Bytes, Error = Infallible> + Send + Unpin + 'static,
{
    answer(Request::put(url).body(body).unwrap()).await
}

async fn answer<B>(request: Request<B>) -> Response<String>
where
    B: Body<Data = Bytes, Error = Infallible> + Send + Unpin + 'static,
{
    let client = Client::builder(TokioExecutor::new()).build_http();
    let (head, body) = client.request(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Response::from_parts(head, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn requests_are_signed_and_their_bodies_where_they_fit() {
    let mut example = start();
    let upstream = example.line().replace("UPSTREAM=", "");
    let url = |target: &str| format!("{}{target}", example.origin);
    let own = ("authorization", "Bearer of a browser");

    let answer = send("GET", url("/files/a%2Fb/c?x=1&y=%20"), &[own]).await;
    assert_eq!(
        answer.body(),
        "GET /a%2Fb/c?x=1&y=%20, signed, its body too\n"
    );
    // Of no known length, as a stream is.
    let answer = put(url("/files/a"), StreamBody::new(frames())).await;
    assert_eq!(answer.body(), "PUT /a, signed, its body not\n");
    let answer = put(url("/files/a"), Full::from("whole")).await;
    assert_eq!(answer.body(), "PUT /a, signed, its body too\n");

    let answer = send("GET", format!("{upstream}/a"), &[own]).await;
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn names_are_signed_however_a_client_writes_them() {
    let mut example = start();
    let _upstream = example.line();
    for sent in [
        "a/b.txt",
        "report(1).pdf",
        "it's.pdf",
        "a@b",
        "a=b",
        "a,b",
        "a:b",
        "a!b*c",
        "a%2Fb?x=1",
        "a%20b",
        "a%7eb",
        "a%28b%29",
        "caf%c3%a9",
        "a?b=1&a=2",
        "a?x",
        "a?prefix=a%2fb",
        "a?prefix=a+(b)",
    ] {
        let url = format!("{}/files/{sent}", example.origin);
        let answer = send("GET", url, &[]).await;
        let signed = format!("GET /{sent}, signed, its body too\n");
        assert_eq!(*answer.body(), signed, "{sent}");
    }
    // S3 would take it for a blank.
    let answer = send("GET", format!("{}/files/a+b", example.origin), &[]).await;
    assert_eq!(answer.body(), "GET /a%2Bb, signed, its body too\n");
}

/// The key is the proxy's, and so is what is asked with it.
#[tokio::test]
async fn a_visitor_gives_the_upstream_no_instructions() {
    let mut example = start();
    let _upstream = example.line();
    let url = || format!("{}/files/a", example.origin);
    for field in [
        ("x-amz-acl", "public-read"),
        ("x-amz-copy-source", "/other/secret"),
        ("x-amz-content-sha256", "UNSIGNED-PAYLOAD"),
        ("x-amz-date", "20200101T000000Z"),
        ("x-amz-security-token", "x"),
    ] {
        let answer = send("PUT", url(), &[field]).await;
        assert_eq!(answer.body(), "PUT /a, signed, its body too\n", "{field:?}");
    }
    let own = ("origin", &*example.origin);
    for (origin, status) in [
        (own, StatusCode::OK),
        (("origin", "https://evil.example"), StatusCode::FORBIDDEN),
        (("origin", "null"), StatusCode::FORBIDDEN),
    ] {
        let answer = send("DELETE", url(), &[origin]).await;
        assert_eq!(answer.status(), status, "{origin:?}");
    }
    // A page that has come here by a name of its own.
    let rebound = [("host", "evil.example"), ("origin", "http://evil.example")];
    let answer = send("GET", url(), &rebound).await;
    assert_eq!(answer.status(), StatusCode::MISDIRECTED_REQUEST);
}

fn frames() -> impl stream::Stream<Item = Result<Frame<Bytes>, Infallible>> {
    let frames = ["one ", "two"].map(|text| Ok(Frame::data(Bytes::from(text))));
    stream::iter(frames)
}
