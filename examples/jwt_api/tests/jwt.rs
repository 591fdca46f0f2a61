//! The example does what its first lines say.

#[path = "../../gateway/tests/gateway/support/process.rs"]
mod process;

use std::path::Path;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use process::Process;

const BINARY: &str = env!("CARGO_BIN_EXE_jwt_api");

fn start() -> Process {
    Process::start(Path::new(BINARY), &["127.0.0.1:0"])
}

const APP: (&str, &str) = ("origin", "https://app.example.com");

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
async fn a_refusal_is_readable_and_a_preflight_needs_no_token() {
    let mut example = start();
    let token = example.line().replace("TOKEN=", "Bearer ");
    let url = || format!("{}/work", example.origin);
    let readable =
        |answer: &Response<String>| field(answer, "access-control-allow-origin") == APP.1;

    let asks = [
        APP,
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "authorization"),
    ];
    let answer = send("OPTIONS", url(), &asks).await;
    assert!(
        answer.status().is_success() && readable(&answer),
        "{answer:?}"
    );
    for (authorization, status) in [
        ("", StatusCode::UNAUTHORIZED),
        ("Bearer x.y.z", StatusCode::UNAUTHORIZED),
        (&token, StatusCode::OK),
        (&token.replace("Bearer", "bearer"), StatusCode::OK),
    ] {
        let answer = send("POST", url(), &[APP, ("authorization", authorization)]).await;
        assert_eq!(answer.status(), status, "{authorization}");
        assert!(readable(&answer), "{authorization}");
    }
}
