//! Redirects to the slash that a directory's path ends with.

use super::site;
use crate::client::send_from;
use crate::gateway;

/// A proxy in front has taken a prefix away, which the browser has before each path.
#[tokio::test]
async fn a_redirect_is_below_the_prefix_that_a_trusted_proxy_took_away() {
    let site = site();
    let dir = site.path();
    let route = format!("[[routes]]\nprefix = '/f'\ndir = {dir:?}\n");
    let trusting = gateway::with(&format!("trusted_proxies = ['127.0.0.1/32']\n{route}"));
    let other = gateway::with(&route);
    for (gateway, path, prefix, location) in [
        (
            &trusting,
            "/f/assets/deep",
            "/outer",
            "/outer/f/assets/deep/",
        ),
        (
            &trusting,
            "/f/assets/deep?a=b",
            "/o/p/",
            "/o/p/f/assets/deep/?a=b",
        ),
        (&trusting, "/f", "/outer", "/outer/f/"),
        (&trusting, "/f", "/", "/f/"),
        (&trusting, "/f", "//evil.example", "/f/"),
        (&trusting, "/f/assets/deep", "evil", "/f/assets/deep/"),
        (&other, "/f/assets/deep", "/outer", "/f/assets/deep/"),
        (&other, "/f", "/outer", "/f/"),
    ] {
        let url = gateway.origin.clone() + path;
        let fields = [("x-forwarded-prefix", prefix)];
        let answer = send_from("GET", "http://a.example", url, &fields).await;
        assert_eq!(answer.field("location"), location, "{path} {prefix}");
    }
}
