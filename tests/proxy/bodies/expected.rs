//! `Expect: 100-continue` where a layer lies around the proxy's client.

use std::time::Instant;

use futures_util::TryFutureExt;
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use same_origin::proxy::{Body, Client, ReverseProxy};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tower::BoxError;
use tower::layer::layer_fn;
use tower::{Service, ServiceBuilder, service_fn};

use super::{EXPECTS, PATIENCE, expect};
use crate::support::serve;

/// One that signs a body has to read it before the upstream is asked, and so asks the client for it.
#[tokio::test]
async fn a_layer_that_reads_the_body_first_gets_it_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    for keeps_field in [true, false] {
        let reads = layer_fn(move |client: Client| {
            service_fn(move |request: Request<Body>| {
                let mut client = client.clone();
                async move {
                    let (mut head, body) = request.into_parts();
                    let body = body.collect().await?.to_bytes();
                    if !keeps_field {
                        head.headers.remove("expect");
                    }
                    let request = Request::from_parts(head, Body::from(body));
                    client.call(request).err_into::<BoxError>().await
                }
            })
        });
        let proxy = ReverseProxy::builder("/api", &url);
        let server = serve(proxy.build_with_layer(&reads).unwrap()).await;
        let mut client = TcpStream::connect(server).await.unwrap();
        let since = Instant::now();
        client.write_all(EXPECTS).await.unwrap();
        expect(&mut client, b"HTTP/1.1 100 Continue\r\n\r\n").await;
        client.write_all(b"hello").await.unwrap();
        let (mut upstream, _) = listener.accept().await.unwrap();
        expect(&mut upstream, b"\r\n\r\nhello").await;
        assert!(since.elapsed() < PATIENCE, "{:?}", since.elapsed());
        let answer = b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
        upstream.write_all(answer).await.unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 204 "), "{answer}");
    }
}

/// One that leaves the body alone leaves the answer to the upstream.
#[tokio::test]
async fn under_a_layer_the_upstream_is_asked_first() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let wraps = |request: Request<Body>| request.map(|body| Body::new(body.map_err(|error| error)));
    let layer = ServiceBuilder::new().map_request(wraps).into_inner();
    let proxy = ReverseProxy::builder("/api", &url);
    let server = serve(proxy.build_with_layer(&layer).unwrap()).await;
    let mut client = TcpStream::connect(server).await.unwrap();
    client.write_all(EXPECTS).await.unwrap();
    let (mut upstream, _) = listener.accept().await.unwrap();
    expect(&mut upstream, b"\r\n\r\n").await;
    let answer = b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 2\r\n\r\nno";
    upstream.write_all(answer).await.unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    assert!(answer.ends_with("no"), "{answer}");
}

/// Over HTTP/2 hyper does not tell of a 100, so that each upload of a client that asks first would take a second longer.
#[tokio::test]
async fn an_upstream_of_http_2_is_not_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("h2c://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let echo = service_fn(|request: Request<Incoming>| async {
            Ok::<_, hyper::Error>(Response::new(request.into_body()))
        });
        http2::Builder::new(TokioExecutor::new())
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(echo))
            .await
    });
    let server = serve(ReverseProxy::new("/api", url).unwrap()).await;
    let mut client = TcpStream::connect(server).await.unwrap();
    let since = Instant::now();
    client.write_all(EXPECTS).await.unwrap();
    expect(&mut client, b"HTTP/1.1 100 Continue\r\n\r\n").await;
    assert!(since.elapsed() < PATIENCE, "{:?}", since.elapsed());
    client.write_all(b"hello").await.unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(answer.ends_with("hello"), "{answer}");
}
