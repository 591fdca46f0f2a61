//! Keys of what lies before a route: limits of rates, ids, fields and cookies.

use super::refused;

#[test]
fn keys_of_the_edge_are_checked_with_what_to_write() {
    refused(
        r#"
            proxy_protocol = ["10.0.0.0/8", "balancer"]
            rate_limit = { per_second = 0, burst = -5 }
            request_id = "yes"
            [admin]
            listen = "127.0.0.1:0"
            ready_upstreams = ["/api", "/nowhere"]
            [[routes]]
            prefix = "/api"
            upstream = "http://a.example"
            rate_limit = { burst = 5 }
            security_headers = { hsts = "1 year", frame_options = "ALLOW", colour = "red", content_security_policy = 1 }
            cookies = { same_site = "none", partitioned = true }
            [[routes]]
            prefix = "/b"
            upstream = "http://b.example"
            rate_limit = true
            security_headers = "all"
            cookies = { same_site = "loose" }
            [[routes]]
            prefix = "/c"
            upstream = "http://c.example"
            rate_limit = { per_second = 2000000 }
        "#,
        &[
            ("proxy_protocol[1]", "is not a network"),
            ("rate_limit.per_second", "from 1 to 1000000"),
            ("rate_limit.burst", "from 1 to 4294967295"),
            ("request_id", "true or false"),
            ("admin.ready_upstreams[1]", "\"/api\""),
            ("routes[0].rate_limit.per_second", "missing; write a table"),
            ("routes[0].security_headers.hsts", "max-age=31536000"),
            (
                "routes[0].security_headers.frame_options",
                "\"DENY\", \"SAMEORIGIN\"",
            ),
            ("routes[0].security_headers.colour", "frame_options"),
            (
                "routes[0].security_headers.content_security_policy",
                "default-src",
            ),
            ("routes[0].cookies.same_site", "secure = true"),
            ("routes[0].cookies.partitioned", "secure = true"),
            ("routes[1].rate_limit", "per_second = 50"),
            ("routes[1].security_headers", "write true"),
            ("routes[1].cookies.same_site", "one of"),
            ("routes[2].rate_limit.per_second", "from 1 to 1000000"),
        ],
    );
}

/// RFC 6797 6.1: no directive stands there twice.
#[test]
fn directives_of_hsts_are_there_once() {
    for (hsts, is_good) in [
        ("max-age=1", true),
        ("max-age=\\\"1\\\"; includeSubDomains; preload", true),
        ("preload; Max-Age=1;", true),
        ("max-age=1; max-age=2", false),
        ("max-age=1; MAX-AGE=1", false),
        ("max-age=1; preload; Preload", false),
        ("includeSubDomains", false),
        ("max-age=1y", false),
        ("max-age=+1", false),
        ("max-age=\\\"1", false),
        ("max-age=1; a b", false),
        ("max-age=1; =1", false),
        (" max-age=1", false),
    ] {
        let config = format!(
            "[[routes]]\nprefix = '/'\nupstream = 'http://127.0.0.1:1'\nsecurity_headers = {{ hsts = \"{hsts}\" }}\n"
        );
        if is_good {
            let folder = super::folder();
            let ended = super::check(folder.path(), &config);
            assert_eq!(ended.code, Some(0), "{hsts}: {ended:?}");
        } else {
            refused(
                &config,
                &[("routes[0].security_headers.hsts", "max-age=31536000")],
            );
        }
    }
}

/// Clients of HTTP/2 take an answer for malformed in which a value has white space around it.
#[test]
fn values_of_security_headers_are_those_of_fields() {
    for (value, is_good) in [
        ("default-src 'self'; img-src *", true),
        (" default-src 'self'", false),
        ("default-src 'self' ", false),
        ("default-src \u{e9}", false),
        ("default-src\\n 'self'", false),
        ("", false),
        (" ", false),
    ] {
        for key in ["content_security_policy", "permissions_policy"] {
            let config = format!(
                "[[routes]]\nprefix = '/'\nupstream = 'http://127.0.0.1:1'\nsecurity_headers = {{ {key} = \"{value}\" }}\n"
            );
            if is_good {
                let folder = super::folder();
                let ended = super::check(folder.path(), &config);
                assert_eq!(ended.code, Some(0), "{value}: {ended:?}");
            } else {
                let key = format!("routes[0].security_headers.{key}");
                refused(&config, &[(&key, "without white space around")]);
            }
        }
    }
}
