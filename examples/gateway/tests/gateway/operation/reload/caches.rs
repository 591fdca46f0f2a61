//! A request that changes something is under way while its route gets another cache.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::{Changing, route};
use crate::client::send_from;

/// An upstream whose changes tell that they have begun, and end when they may.
async fn changed(begun: Arc<Semaphore>, may_end: Arc<Semaphore>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (begun, may_end) = (Arc::clone(&begun), Arc::clone(&may_end));
            let service = service_fn(move |request: Request<Incoming>| {
                let (begun, may_end) = (Arc::clone(&begun), Arc::clone(&may_end));
                async move {
                    if request.method() == Method::PUT {
                        begun.add_permits(1);
                        may_end.acquire().await.unwrap().forget();
                    }
                    let response = Response::builder().header("cache-control", "max-age=60");
                    Ok::<_, Infallible>(response.body(Full::new(Bytes::from("kept"))).unwrap())
                }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    address
}

#[tokio::test]
async fn a_change_under_way_ends_what_the_new_cache_has_stored_meanwhile() {
    let (begun, may_end) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let upstream = changed(Arc::clone(&begun), Arc::clone(&may_end)).await;
    let config = |size| route("/a", upstream, &format!("cache = {{ size = '{size}MB' }}"));
    let gateway = Changing::start(&config(16));
    let is_hit = async || {
        let answer = gateway.get("/a/x").await;
        answer.field("cache-status").contains("hit")
    };
    let (origin, url) = (
        gateway.gateway.origin.clone(),
        format!("{}/a/x", gateway.gateway.origin),
    );
    let changing = tokio::spawn(async move { send_from("PUT", &origin, url, &[]).await });
    begun.acquire().await.unwrap().forget();
    gateway.serve(&config(17)).await;
    assert!(!is_hit().await && is_hit().await);
    may_end.add_permits(1);
    assert_eq!(changing.await.unwrap().status, 200);
    assert!(!is_hit().await && is_hit().await);
}
