//! What cannot be read at all: text, keys and types.

use super::{ROUTE, refused};

#[test]
fn keys_that_do_not_exist_are_refused_wherever_they_are() {
    refused(
        r#"
            colour = "red"
            [server]
            head_sise = 65536
            [cors]
            allow_origin = "https://a.example"
            allow_origins = ["https://a.example"]
            [[routes]]
            prefix = "/"
            upstream = "http://a.example"
            keep_prefx = true
            timeouts = { connekt = "5s" }
            dns = { ttl = "5s" }
            [routes.cors]
            allow_origins = "*"
            max-age = 5
        "#,
        &[
            ("colour", "unknown field"),
            ("server.head_sise", "unknown field"),
            ("cors.allow_origin", "unknown field"),
            ("routes[0].keep_prefx", "unknown field"),
            ("routes[0].timeouts.connekt", "unknown field"),
            ("routes[0].dns.ttl", "unknown field"),
            ("routes[0].cors.max-age", "unknown field"),
        ],
    );
}

#[test]
fn values_of_a_wrong_type_are_refused_wherever_they_are() {
    refused(
        r#"
            listen = 8080
            drain = 30
            workers = 0
            trusted_proxies = [1, "127.0.0.1/32", 2]
            [server]
            head_timeout = 30
            head_size = "64k"
            streams = 0
            [cors]
            allow_origins = ["https://a.example", 1, "https://b.example", 2]
            allow_methods = "PUT"
            allow_credentials = "yes"
            max_age = "1h"
            [[routes]]
            prefix = 1
            upstream = 2
            preserve_host = "no"
            remove_request_headers = "cookie"
            timeouts = { connect = 5, idle = "long" }
            cors = true
            [[routes]]
            prefix = "/x"
            dir = ["a"]
            spa = "yes"
        "#,
        &[
            ("listen", "expected a string"),
            ("drain", "expected a string"),
            ("workers", "nonzero"),
            ("server.head_timeout", "expected a string"),
            ("server.head_size", "expected u32"),
            ("server.streams", "nonzero"),
            ("trusted_proxies[0]", "expected a string"),
            ("trusted_proxies[2]", "expected a string"),
            ("cors.allow_origins[1]", "expected a string"),
            ("cors.allow_origins[3]", "expected a string"),
            ("cors.allow_methods", "list of strings"),
            ("cors.allow_credentials", "expected a boolean"),
            ("cors.max_age", "invalid type"),
            ("routes[0].prefix", "expected a string"),
            ("routes[0].upstream", "a URL or a list of URLs"),
            ("routes[0].preserve_host", "expected a boolean"),
            ("routes[0].remove_request_headers", "expected a sequence"),
            ("routes[0].timeouts.connect", "expected a string"),
            ("routes[0].timeouts.idle", "no duration"),
            ("routes[0].cors", "`false`"),
            ("routes[1].dir", "expected path string"),
            ("routes[1].spa", "expected a boolean"),
        ],
    );
}

#[test]
fn what_is_missing_is_named() {
    refused("", &[("routes", "at least one")]);
    refused(
        "[[routes]]",
        &[
            ("routes[0].prefix", "missing"),
            ("routes[0].upstream", "missing"),
        ],
    );
    refused(
        &format!("tls = {{ cert = 'one.pem' }}\n{ROUTE}"),
        &[("tls", "missing field `key`")],
    );
    refused(
        &format!("[cors]\n{ROUTE}"),
        &[("cors.allow_origins", "no origin")],
    );
}

#[test]
fn text_that_is_no_toml_is_refused_with_its_line() {
    refused("listen = '127.0.0.1:0'\ndrain = = 1\n", &[("line 2", "")]);
}
