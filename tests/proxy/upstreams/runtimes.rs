//! One proxy for several runtimes, of which some end before it.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use http::Request;
use http_body_util::BodyExt;
use same_origin::proxy::{Body, Endpoint, EndpointChange, ReverseProxy};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::unbounded_channel;
use tower::ServiceExt;

use crate::support::Upstream;

/// A runtime that goes on while nobody waits on it.
fn lasting() -> Runtime {
    let mut runtime = Builder::new_multi_thread();
    runtime.worker_threads(1).enable_all().build().unwrap()
}

/// The status of a GET.
async fn ask(proxy: &ReverseProxy) -> u16 {
    let request = Request::get("/api/x").body(Body::empty()).unwrap();
    let response = proxy.clone().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    response.into_body().collect().await.unwrap();
    status
}

/// The same on a runtime that ends after it.
fn get(proxy: &ReverseProxy) -> u16 {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.unwrap().block_on(ask(proxy))
}

#[test]
fn connections_end_with_their_runtime() {
    let lasting = lasting();
    let upstream = lasting.block_on(Upstream::ok());
    let proxy = ReverseProxy::new("/api", upstream.url("")).unwrap();
    for _ in 0..5 {
        assert_eq!(get(&proxy), 200);
        // Those of the runtime before are let go with the first request of the next.
        assert_eq!(proxy.connections(), 1);
    }
}

/// The changes wait for the next runtime.
#[test]
fn changes_of_a_list_outlive_their_runtime() {
    let lasting = lasting();
    let upstreams = [(); 2].map(|()| lasting.block_on(Upstream::ok()));
    let (changes, mut received) = unbounded_channel();
    let stream = stream::poll_fn(move |cx| received.poll_recv(cx));
    let builder = ReverseProxy::builder("/api", "http://api.invalid");
    let proxy = builder.discover(stream).build().unwrap();
    assert_eq!(get(&proxy), 502);
    for (upstream, key) in upstreams.iter().zip(1..) {
        let endpoint = Endpoint::at(upstream.address);
        changes.send(EndpointChange::Insert(key, endpoint)).unwrap();
        changes.send(EndpointChange::Remove(key - 1)).unwrap();
        // What is there at once is there for the first request of each.
        assert_eq!(get(&proxy), 200);
        assert_eq!(upstream.seen().len(), 1);
    }
    drop(changes);
    // The end of the stream is seen, and nobody goes on after it.
    for _ in 0..3 {
        assert_eq!(get(&proxy), 200);
    }
}

/// It panics once its first runtime is over.
#[test]
fn a_stream_that_hangs_on_its_runtime_does_not_take_a_request_with_it() {
    let lasting = lasting();
    let upstream = lasting.block_on(Upstream::ok());
    let endpoint = Endpoint::at(upstream.address);
    let first = stream::iter([EndpointChange::Insert(1, endpoint)]);
    let never = stream::once(async {
        tokio::time::sleep(Duration::from_secs(3600)).await;
        EndpointChange::Remove(1)
    });
    let builder = ReverseProxy::builder("/api", "http://api.invalid");
    let builder = builder.discover(StreamExt::chain(first, never));
    let proxy = builder.build().unwrap();
    for _ in 0..3 {
        assert_eq!(get(&proxy), 200);
    }
}
