//! Bounds that an upstream of HTTP/2 announces in its settings (RFC 9113 6.5.2).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use same_origin::proxy::ReverseProxy;

use super::frames::{ok, upstream};
use crate::support::{get, serve};

/// hyper's server ends the connection over a head that takes three frames, and with it the requests of all others.
#[tokio::test]
async fn a_larger_head_than_the_upstream_takes_is_refused_to_its_own_client() {
    const HEADS_OF_1024: [u8; 6] = [0, 6, 0, 0, 4, 0];
    let seen = Arc::new(AtomicUsize::new(0));
    let upstream = upstream(&HEADS_OF_1024, {
        let seen = Arc::clone(&seen);
        move |begun| {
            seen.fetch_add(1, Ordering::SeqCst);
            ok(begun.stream)
        }
    });
    let proxy = ReverseProxy::new("/api", format!("h2c://{}", upstream.await)).unwrap();
    let proxy = serve(proxy).await;
    // The first one learns of the settings.
    for (length, status) in [(0, 200), (2_000, 431), (400, 200), (1_024, 431)] {
        let line = format!("x-long: {}\r\n", "a".repeat(length));
        let answer = get(proxy, "/api/x", &line).await;
        assert_eq!(answer.status, status, "{length}");
        if status == 431 {
            let head = answer.head.to_ascii_lowercase();
            assert!(head.contains("error=http_request_error"), "{head}");
        }
    }
    assert_eq!(seen.load(Ordering::SeqCst), 2);
}
