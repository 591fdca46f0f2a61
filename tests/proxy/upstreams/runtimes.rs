//! One proxy for several runtimes, of which some end before it.

use crate::support::Upstream;
use http::Request;
use http_body_util::BodyExt;
use same_origin::proxy::{Body, ReverseProxy};
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt;

/// A runtime that goes on while nobody waits on it.
fn lasting() -> Runtime {
    let mut runtime = Builder::new_multi_thread();
    runtime.worker_threads(1).enable_all().build().unwrap()
}

/// The status of a GET on a runtime that ends after it.
fn get(proxy: &ReverseProxy) -> u16 {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let request = Request::get("/api/x").body(Body::empty()).unwrap();
        let response = proxy.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        response.into_body().collect().await.unwrap();
        status
    })
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
