//! Limits of an upstream's answers.

use std::convert::Infallible;

use http::{Request, Response};
use hyper::body::Incoming;
use same_origin::proxy::{Body, Limits, ReverseProxy};

use crate::support::{get, serve};

#[tokio::test]
async fn the_head_of_a_response_has_a_largest_size() {
    // `/100` is answered with a field of 100 bytes.
    let upstream = serve(tower::service_fn(async |request: Request<Incoming>| {
        let length = request.uri().path()[1..].parse().unwrap();
        let mut response = Response::new(Body::empty());
        let field = "x".repeat(length).parse().unwrap();
        response.headers_mut().insert("x-long", field);
        Ok::<_, Infallible>(response)
    }))
    .await;
    let small = Limits::default().response_head(2048);
    for scheme in ["http", "h2c"] {
        for (limits, length, status) in [
            (Limits::default(), 60_000, 200),
            (Limits::default(), 70_000, 502),
            (small.clone(), 1500, 200),
            (small.clone(), 3000, 502),
        ] {
            let proxy = ReverseProxy::builder("/api", format!("{scheme}://{upstream}"))
                .limits(limits)
                .build()
                .unwrap();
            let answer = get(serve(proxy).await, &format!("/api/{length}"), "").await;
            assert_eq!(answer.status, status, "{scheme}: {length}");
        }
    }
}
