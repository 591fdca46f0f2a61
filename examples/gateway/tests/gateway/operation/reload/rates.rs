//! Rates of clients, which are not given back by a reload.

use super::{Changing, route};
use crate::client::upstream;

/// A client's use of a rate counts after a reload, too: of that of all routes, and of a route's own.
#[tokio::test]
async fn rates_of_clients_are_not_begun_anew() {
    let upstream = upstream("one").await;
    let rate = "rate_limit = { per_second = 1, burst = 40 }\n";
    for (top, own) in [(rate, ""), ("", rate)] {
        let config = |more: &str| format!("{top}{}{more}", route("/a", upstream, own));
        let gateway = Changing::start(&config(""));
        // The number of some requests that are answered. One a second is given back meanwhile.
        let answered = async |path: &str, requests: usize| {
            let mut answered = 0;
            for _ in 0..requests {
                answered += usize::from(gateway.get(path).await.status == 200);
            }
            answered
        };
        assert!(answered("/a", 60).await < 60);
        gateway.serve(&config(&route("/b", upstream, ""))).await;
        assert!(answered("/a", 20).await < 20, "{top}{own}");
        // A new route has what is left of the limit for all of them.
        let of_new = answered("/b", 20).await;
        assert_eq!(of_new == 20, top.is_empty(), "{of_new}");
    }
}

/// A route's own limit is the same while its prefix and its numbers are: whatever else of it changes, for files that
/// are made new each time, and after a reading that changed nothing.
#[tokio::test]
async fn a_rate_of_a_route_outlives_the_route() {
    let (one, two) = (upstream("one").await, upstream("two").await);
    let site = tempfile::tempdir().unwrap();
    std::fs::write(site.path().join("index.html"), "page").unwrap();
    let rate = |burst| format!("rate_limit = {{ per_second = 1, burst = {burst} }}");
    let config = |upstream, burst| {
        let (rate, dir) = (rate(burst), site.path());
        let files = format!("[[routes]]\nprefix = '/files'\ndir = {dir:?}\n{rate}\n");
        format!("{}{files}", route("/a", upstream, &rate))
    };
    let gateway = Changing::start(&config(one, 40));
    let answered = async |path: &str, requests: usize| {
        let mut answered = 0;
        for _ in 0..requests {
            answered += usize::from(gateway.get(path).await.status == 200);
        }
        answered
    };
    let paths = ["/a", "/files/"];
    for path in paths {
        assert!(answered(path, 60).await < 60, "{path}");
    }
    for upstream in [one, two, two, one] {
        gateway.serve(&config(upstream, 40)).await;
        for path in paths {
            assert!(answered(path, 20).await < 20, "{path}");
        }
    }
    gateway.serve(&config(one, 41)).await;
    for path in paths {
        assert_eq!(answered(path, 20).await, 20, "{path}");
    }
    // One that was gone is a new one.
    gateway.serve(&route("/b", one, "")).await;
    gateway.serve(&config(one, 41)).await;
    for path in paths {
        assert_eq!(answered(path, 41).await, 41, "{path}");
    }
}
