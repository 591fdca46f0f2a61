//! Bad configurations: every problem is reported at its key, and nothing listens.

use crate::gateway::{Ended, file, run};
use std::collections::BTreeSet;
use std::path::Path;

fn check(folder: &Path, config: &str) -> Ended {
    run(&["--config", &file(folder, config), "--check"])
}

/// Checks a configuration and expects problems at these keys, each with these words, and at no other.
#[track_caller]
fn refused(config: &str, problems: &[(&str, &str)]) {
    let folder = folder();
    let ended = check(folder.path(), config);
    assert_eq!((ended.code, &*ended.stdout), (Some(2), ""), "{ended:?}");
    let found: BTreeSet<_> = ended.stderr.lines().map(key).collect();
    let expected: BTreeSet<_> = problems.iter().map(|(key, _)| *key).collect();
    assert_eq!(found, expected, "{}", ended.stderr);
    assert_eq!(
        ended.stderr.lines().count(),
        problems.len(),
        "{}",
        ended.stderr
    );
    for (at, words) in problems {
        let mut at_key = ended.stderr.lines().filter(|line| key(line) == *at);
        assert!(
            at_key.any(|line| line.contains(words)),
            "{at} {words:?}: {}",
            ended.stderr
        );
    }
}

fn key(line: &str) -> &str {
    line.split_once(": ").map_or(line, |(key, _)| key)
}

/// A folder for a configuration, with the files that some name.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("empty")).unwrap();
    std::fs::write(folder.path().join("not.pem"), "no certificate").unwrap();
    for name in ["one", "two"] {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        std::fs::write(folder.path().join(format!("{name}.pem")), made.cert.pem()).unwrap();
        let key = made.signing_key.serialize_pem();
        std::fs::write(folder.path().join(format!("{name}.key")), key).unwrap();
    }
    folder
}

/// A route that is in order, for configurations that are wrong elsewhere.
const ROUTE: &str = "[[routes]]\nprefix = '/'\nupstream = 'http://127.0.0.1:1'\n";

#[test]
fn a_good_file_is_accepted_by_check() {
    let folder = folder();
    let ended = check(
        folder.path(),
        r#"
            listen = "127.0.0.1:8080"
            drain = "30s"
            tls = { cert = "one.pem", key = "one.key" }
            trusted_proxies = ["127.0.0.1/32", "fd00::/8"]
            [server]
            head_timeout = "30s"
            head_size = 65536
            head_fields = 100
            connections = 16384
            streams = 200
            resets = 100
            [cors]
            allow_origins = ["https://app.example.com", "https://*.example.com", "http://localhost:*"]
            allow_null_origin = false
            allow_credentials = false
            allow_methods = ["PUT", "DELETE"]
            allow_headers = ["authorization", "content-type"]
            expose_headers = ["x-request-id"]
            max_age = 600
            debug = false
            [[routes]]
            prefix = "/api"
            upstream = "http://127.0.0.1:9/prod"
            keep_prefix = false
            preserve_host = false
            rewrite_location = true
            rewrite_cookies = true
            remove_request_headers = ["authorization", "cookie"]
            timeouts = { connect = "5s", response = "60s", idle = "90s" }
            [routes.cors]
            allow_origins = "*"
            [[routes]]
            prefix = "/balanced"
            upstream = ["http://127.0.0.1:9", "h2c://127.0.0.1:10"]
            cors = false
            [[routes]]
            prefix = "/named"
            upstream = "https://api.example"
            upstream_tls = { ca = "one.pem", cert = "two.pem", key = "two.key" }
            dns = { min_ttl = "1s", max_ttl = "1m", ipv6 = false, servers = ["127.0.0.1:53"] }
            [[routes]]
            prefix = "/"
            dir = "empty"
        "#,
    );
    assert_eq!((ended.code, &*ended.stderr), (Some(0), ""));
    assert!(
        ended.stdout.ends_with("gateway.toml: ok\n"),
        "{}",
        ended.stdout
    );
}

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
fn values_that_mean_nothing_are_refused() {
    refused(
        &format!(
            "listen = '8080'\ndrain = 'soon'\ntrusted_proxies = ['127.0.0.1', '::/0', 'x']\n\
             server = {{ head_timeout = '0s', head_size = 10, head_fields = 5000 }}\n{ROUTE}"
        ),
        &[
            ("listen", "127.0.0.1:8080"),
            ("drain", "\"30s\""),
            ("server.head_timeout", "above zero"),
            ("server.head_size", "1024 and 262144"),
            ("server.head_fields", "10 and 1000"),
            ("trusted_proxies[0]", "127.0.0.1/32"),
            ("trusted_proxies[2]", "127.0.0.1/32"),
        ],
    );
}

#[test]
fn a_policy_that_cannot_be_meant_is_refused_entry_by_entry() {
    refused(
        &format!(
            "[cors]\nallow_origins = ['https://a.example/', 1, 'http://B.example', 'https://ok.example']\n\
             allow_credentials = true\nallow_headers = '*'\n{ROUTE}"
        ),
        &[
            ("cors.allow_origins[0]", "https://a.example"),
            ("cors.allow_origins[1]", "expected a string"),
            ("cors.allow_origins[2]", "http://b.example"),
            ("cors.allow_headers", "credentials"),
        ],
    );
}

#[test]
fn routes_are_refused_for_their_prefix_and_for_where_they_lead() {
    refused(
        r#"
            [[routes]]
            prefix = "api"
            upstream = "ftp://127.0.0.1/"
            [[routes]]
            prefix = "/a/../b"
            upstream = "http://127.0.0.1/?x=1"
            [[routes]]
            prefix = "/same"
            upstream = "http://127.0.0.1/#x"
            [[routes]]
            prefix = "/same"
            dir = "nowhere"
            [[routes]]
            prefix = "files"
            dir = "empty"
            spa = true
            [[routes]]
            prefix = "/both"
            upstream = "http://127.0.0.1"
            dir = "empty"
            [[routes]]
            prefix = "/spa"
            upstream = "http://127.0.0.1"
            spa = true
            [[routes]]
            prefix = "/index"
            dir = "empty"
            spa = true
        "#,
        &[
            ("routes[0].prefix", "\"/api\""),
            ("routes[0].upstream", "scheme"),
            ("routes[1].prefix", ""),
            ("routes[1].upstream", "query"),
            ("routes[2].upstream", "fragment"),
            ("routes[3].prefix", "routes[2] has this prefix"),
            ("routes[3].dir", "cannot read the directory"),
            ("routes[4].prefix", "\"/files\""),
            ("routes[4].spa", "index.html"),
            ("routes[5].dir", "either"),
            ("routes[6].spa", "either"),
            ("routes[7].spa", "index.html"),
        ],
    );
}

#[test]
fn dns_is_for_one_name_and_times_that_fit() {
    refused(
        r#"
            [[routes]]
            prefix = "/address"
            upstream = "http://127.0.0.1"
            dns = {}
            [[routes]]
            prefix = "/list"
            upstream = ["http://a.example", "http://b.example"]
            dns = {}
            [[routes]]
            prefix = "/times"
            upstream = "http://a.example"
            dns = { min_ttl = "1m", max_ttl = "1s", servers = ["here"] }
        "#,
        &[
            ("routes[0].upstream", "remove `dns`"),
            ("routes[1].upstream[1]", "one upstream"),
            ("routes[2].dns.max_ttl", "no less than `min_ttl`"),
            ("routes[2].dns.servers[0]", "address"),
        ],
    );
}

#[test]
fn certificates_and_keys_are_read_before_anything_listens() {
    for (cert, key, problems) in [
        (
            "none.pem",
            "none.key",
            &[("tls.cert", "none.pem"), ("tls.key", "none.key")][..],
        ),
        (
            "not.pem",
            "not.pem",
            &[("tls.cert", "no certificate"), ("tls.key", "private key")],
        ),
        ("one.pem", "two.key", &[("tls", "do not serve together")]),
    ] {
        refused(
            &format!("tls = {{ cert = '{cert}', key = '{key}' }}\n{ROUTE}"),
            problems,
        );
    }
}

#[test]
fn text_that_is_no_toml_is_refused_with_its_line() {
    refused("listen = '127.0.0.1:0'\ndrain = = 1\n", &[("line 2", "")]);
}

#[test]
fn a_start_with_a_bad_file_is_refused_like_a_check() {
    let folder = folder();
    let path = file(folder.path(), "drain = 'soon'");
    let (start, check) = (
        run(&["--config", &path]),
        run(&["--config", &path, "--check"]),
    );
    assert_eq!((start.code, &*start.stdout), (Some(2), ""));
    assert_eq!(start.stderr, check.stderr);
    assert_eq!(
        start.stderr.lines().map(key).collect::<Vec<_>>(),
        ["drain", "routes"]
    );
}

#[test]
fn a_file_that_cannot_be_read_and_arguments_that_do_not_exist_are_refused() {
    for (args, words) in [
        (
            &["--config", "/no/such/file", "--check"][..],
            "--config: cannot read /no/such/file",
        ),
        (&["--confg", "x"], "--confg"),
        (&["--listen", "nowhere"], "nowhere"),
        (&["gateway.toml"], "gateway.toml"),
    ] {
        let ended = run(args);
        assert_eq!((ended.code, &*ended.stdout), (Some(2), ""), "{args:?}");
        assert!(ended.stderr.contains(words), "{args:?}: {}", ended.stderr);
    }
}

#[test]
fn what_is_hardly_meant_is_warned_of_and_accepted() {
    let config = "[cors]\nallow_origins = \"*\"\nallow_headers = \"*\"\n\
        [[routes]]\nprefix = \"/\"\nupstream = \"http://127.0.0.1:1\"\n";
    let ended = check(folder().path(), config);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(
        ended.stdout.contains("warning: cors.allow_headers: "),
        "{ended:?}"
    );
}

#[test]
fn the_recipes_are_good_files() {
    let recipes = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/gateway/recipes");
    let folder = folder();
    std::fs::create_dir(folder.path().join("dist")).unwrap();
    std::fs::write(folder.path().join("dist/index.html"), "").unwrap();
    let mut count = 0;
    for recipe in std::fs::read_dir(recipes).unwrap() {
        let text = std::fs::read_to_string(recipe.unwrap().path()).unwrap();
        let ended = check(folder.path(), &text);
        assert_eq!(ended.code, Some(0), "{text}\n{ended:?}");
        count += 1;
    }
    assert_eq!(count, 4);
}
