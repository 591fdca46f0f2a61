//! Requests that a layer around the client, or a hook, has given a body or a length of its own.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Method, Request, Response, header};
use http_body_util::BodyExt;
use same_origin::proxy::{
    Body, Client, ClientError, ProxyError, ProxyErrorKind, ReverseProxy, Transport,
};
use tower::layer::layer_fn;
use tower::{Service, ServiceBuilder, ServiceExt};

use super::wrapped::{http2_upstream, unclear};
use crate::support::{Answer, Upstream, exchange, get, reply, serve};

/// An upstream that answers with the target of each request.
async fn echo() -> Upstream {
    let target = |target: &str| {
        let length = target.len();
        format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{target}").into_bytes()
    };
    Upstream::start(move |seen| target(seen.target())).await
}

fn is_unsendable(answer: &Answer) -> bool {
    answer.status == 502 && answer.all("proxy-status")[0].ends_with("error=proxy_internal_error")
}

/// A request whose content looks like another one, with its answer.
const HIDING: &str = "GET /api/own HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 36\r\n\r\n\
                      GET /hidden HTTP/1.1\r\nhost: stolen\r\n";

fn without_body(request: Request<Body>) -> Request<Body> {
    request.map(|_| Body::empty())
}

/// The upstream would take the next request on the connection, which is somebody else's, for the body.
#[tokio::test]
async fn a_body_that_is_dropped_takes_no_other_request() {
    let upstream = echo().await;
    let drops = ServiceBuilder::new().map_request(without_body);
    let builder = ReverseProxy::builder("/api", upstream.url(""));
    let client = drops.clone().service(Client::new().unwrap());
    let servers = [
        serve(builder.build_with_layer(&drops.into_inner()).unwrap()).await,
        serve(builder.build_with_client(client).unwrap()).await,
    ];
    for server in servers {
        for _ in 0..3 {
            assert_eq!(get(server, "/api/before", "").await.body, "/before");
            let own = exchange(server, HIDING).await;
            assert!(is_unsendable(&own), "{own:?}");
            assert_eq!(get(server, "/api/victim", "").await.body, "/victim");
        }
    }
    let hidden = upstream.seen();
    assert!(hidden.iter().all(|seen| seen.all("host") != ["stolen"]));
    assert_eq!(hidden.len(), 12, "{hidden:?}");
}

/// Tries a request again that was answered with 503, without its body.
#[derive(Clone)]
struct Again(Client);

impl Service<Request<Body>> for Again {
    type Response = Response<Body>;
    type Error = ClientError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, ClientError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ClientError>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let mut client = self.0.clone();
        let mut again = Request::new(Body::empty());
        *again.method_mut() = request.method().clone();
        *again.uri_mut() = request.uri().clone();
        *again.headers_mut() = request.headers().clone();
        *again.extensions_mut() = request.extensions().clone();
        Box::pin(async move {
            let answer = client.call(request).await?;
            if answer.status() != 503 {
                return Ok(answer);
            }
            client.call(again).await
        })
    }
}

#[tokio::test]
async fn a_repeat_without_the_body_takes_no_other_request() {
    let upstream = Upstream::start(|seen| match seen.target() {
        "/own" => b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n".to_vec(),
        _ => reply(""),
    });
    let upstream = upstream.await;
    let builder = ReverseProxy::builder("/api", upstream.url(""));
    let proxy = builder.build_with_layer(&layer_fn(Again)).unwrap();
    let server = serve(proxy).await;
    for _ in 0..3 {
        assert!(is_unsendable(&exchange(server, HIDING).await));
        assert_eq!(get(server, "/api/victim", "").await.status, 200);
    }
    let targets: Vec<_> = upstream.seen();
    let targets: Vec<_> = targets.iter().map(|seen| seen.target()).collect();
    assert_eq!(targets, ["/own", "/victim"].repeat(3));
}

/// Answers of a proxy to a request with the content `hello`.
async fn answer(proxy: &ReverseProxy<impl Transport>, method: Method) -> Response<Body> {
    let request = Request::builder().method(method).uri("/api/x");
    let request = request.header("content-length", 5);
    let request = request.body(Body::from("hello")).unwrap();
    let answer = tokio::time::timeout(Duration::from_secs(9), proxy.clone().oneshot(request));
    answer.await.expect("an answer").unwrap()
}

fn told(answer: &Response<Body>) -> (u16, Option<(ProxyErrorKind, bool)>) {
    let error = answer.extensions().get::<ProxyError>();
    let status = answer.status().as_u16();
    (status, error.map(|error| (error.kind(), error.was_sent())))
}

#[tokio::test]
async fn a_body_of_another_length_is_the_programs_fault() {
    let upstream = Upstream::ok().await;
    for url in [upstream.url(""), http2_upstream().await] {
        for (body, was_sent) in [
            (Body::empty as fn() -> Body, Some(false)),
            (|| Body::from("he"), Some(false)),
            (|| Body::from("hello world"), Some(false)),
            (|| Body::from("HELLO"), None),
            // As long as a body has not said how long it is, it may be right.
            (|| cut(unclear(true), 3), Some(true)),
            (|| unclear(true), None),
            (|| longer(unclear(true)), Some(true)),
        ] {
            let replace = move |request: Request<Body>| request.map(|_| body());
            let layer = ServiceBuilder::new().map_request(replace).into_inner();
            let proxy = ReverseProxy::builder("/api", &url);
            let proxy = proxy.build_with_layer(&layer).unwrap();
            for method in [Method::POST, Method::GET] {
                let answer = answer(&proxy, method.clone()).await;
                let refused = was_sent.map(|sent| (ProxyErrorKind::UnsendableRequest, sent));
                let status = if refused.is_some() { 502 } else { 200 };
                assert_eq!(told(&answer), (status, refused), "{url} {method} {body:?}");
            }
        }
    }
    // Nothing of what is wrong is a whole request.
    let seen = upstream.seen();
    let whole = seen.iter().filter(|seen| seen.body.len() == 5);
    assert_eq!(whole.count(), 4, "{seen:?}");
}

/// The beginning of a body.
fn cut(body: Body, most: usize) -> Body {
    let frames = http_body_util::BodyDataStream::new(body);
    let mut left = most;
    let cut = futures_util::StreamExt::map(frames, move |data| {
        data.map(|mut data| {
            let kept = data.len().min(left);
            left -= kept;
            http_body::Frame::data(data.split_to(kept))
        })
    });
    Body::new(http_body_util::StreamBody::new(Box::pin(cut)))
}

/// A body and more.
fn longer(body: Body) -> Body {
    let frames = http_body_util::BodyStream::new(body);
    let more = http_body_util::BodyStream::new(Body::from("more"));
    let both = futures_util::StreamExt::chain(frames, more);
    Body::new(http_body_util::StreamBody::new(Box::pin(both)))
}

#[tokio::test]
async fn a_hook_that_sets_a_wrong_length_is_refused() {
    let upstream = Upstream::ok().await;
    for (method, length, is_right) in [
        ("GET", "20", false),
        ("POST", "0", true),
        ("POST", "x", false),
        ("HEAD", "1", false),
    ] {
        let hook = move |parts: &mut http::request::Parts| {
            let length = length.parse().unwrap();
            parts.headers.insert(header::CONTENT_LENGTH, length);
        };
        let proxy = ReverseProxy::builder("/api", upstream.url("")).map_request(hook);
        let proxy = proxy.build().unwrap();
        let request = Request::builder().method(method).uri("/api/x");
        let answer = proxy.oneshot(request.body(Body::empty()).unwrap()).await;
        let refused = (!is_right).then_some((ProxyErrorKind::UnsendableRequest, false));
        let status = if is_right { 200 } else { 502 };
        assert_eq!(
            told(&answer.unwrap()),
            (status, refused),
            "{method} {length}"
        );
    }
    assert_eq!(upstream.seen().len(), 1);
}

/// Fields and bodies that hyper would send with two lengths, or with none.
#[tokio::test]
async fn one_length_or_chunks_go_out() {
    let upstream = Upstream::ok().await;
    let mut client = Client::new().unwrap();
    for (method, body, fields, expected) in [
        (
            Method::POST,
            Body::from("hello"),
            &[("content-length", "5")][..],
            Some(("5", "")),
        ),
        (
            Method::POST,
            Body::from("hello"),
            &[("content-length", "5"), ("content-length", "5")],
            Some(("5", "")),
        ),
        (
            Method::POST,
            Body::from("hello"),
            &[("content-length", "5, 5")],
            Some(("5", "")),
        ),
        (
            Method::POST,
            Body::from("hello"),
            &[("content-length", "5"), ("content-length", "6")],
            None,
        ),
        (
            Method::POST,
            Body::empty(),
            &[("content-length", "5"), ("content-length", "5")],
            None,
        ),
        (Method::POST, Body::empty(), &[("content-length", "")], None),
        (
            Method::POST,
            Body::from("hello"),
            &[("content-length", "50"), ("transfer-encoding", "chunked")],
            Some(("", "chunked")),
        ),
        (
            Method::POST,
            Body::empty(),
            &[("content-length", "50"), ("transfer-encoding", "chunked")],
            Some(("", "")),
        ),
        (
            Method::POST,
            Body::empty(),
            &[("content-length", "0")],
            Some(("0", "")),
        ),
        (Method::GET, unclear(false), &[], Some(("", "chunked"))),
        (Method::GET, Body::empty(), &[], Some(("", ""))),
    ] {
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = upstream.url("/x").parse().unwrap();
        for (name, value) in fields {
            request.headers_mut().append(*name, value.parse().unwrap());
        }
        let sent = upstream.seen().len();
        let answer = tokio::time::timeout(Duration::from_secs(9), client.call(request));
        match (answer.await.expect("an answer"), expected) {
            (Ok(answer), Some((length, coding))) => {
                answer.into_body().collect().await.unwrap();
                let seen = upstream.seen().pop().unwrap();
                let said = [seen.all("content-length"), seen.all("transfer-encoding")];
                assert_eq!(
                    said.map(|lines| lines.join("|")),
                    [length, coding],
                    "{fields:?}"
                );
            }
            (Err(refused), None) => {
                assert_eq!(upstream.seen().len(), sent, "{fields:?}");
                assert_eq!(refused.kind(), ProxyErrorKind::UnsendableRequest);
                assert!(!refused.was_sent());
                assert!(refused.into_parts().1.is_some());
            }
            (answer, _) => panic!("{fields:?}: {answer:?}"),
        }
    }
}
