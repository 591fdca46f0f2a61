//! The small examples do what the first lines of each say.

use http_body::{Body, Frame};
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

#[path = "support/example.rs"]
mod example;

use bytes::Bytes;
use example::Example;
use http::{Request, Response, StatusCode};
use std::convert::Infallible;

const APP: (&str, &str) = ("origin", "https://app.example.com");

fn start(name: &str) -> Example {
    Example::start(name, &["127.0.0.1:0"])
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
    let example = Example::start("proxy_hyper", &["127.0.0.1:0", &upstream.origin]);
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
async fn jwt_api() {
    let mut example = start("jwt_api");
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
    ] {
        let answer = send("POST", url(), &[APP, ("authorization", authorization)]).await;
        assert_eq!(answer.status(), status, "{authorization}");
        assert!(readable(&answer), "{authorization}");
    }
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

#[tokio::test]
async fn signed_upstream() {
    let mut example = start("signed_upstream");
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

fn frames() -> impl futures_util::Stream<Item = Result<Frame<Bytes>, Infallible>> {
    let frames = ["one ", "two"].map(|text| Ok(Frame::data(Bytes::from(text))));
    futures_util::stream::iter(frames)
}
