//! Remedies: each is such as is taken where it is written.

use super::{ROUTE, check, folder};

struct Case {
    /// Where the value stands: at `@`.
    config: &'static str,
    given: &'static str,
    /// The value that is proposed.
    proposed: &'static str,
}

const fn case(config: &'static str, given: &'static str, proposed: &'static str) -> Case {
    Case {
        config,
        given,
        proposed,
    }
}

const ADMIN: &str = "[admin]\nlisten = @\n";
const READY: &str = "[admin]\nlisten = '127.0.0.1:9090'\nready_upstreams = @\n";
const TRUSTED: &str = "trusted_proxies = [@]\n";
const PREFIX: &str = "[[routes]]\nupstream = 'http://127.0.0.1:1'\nprefix = @\n";
const UPSTREAM: &str = "[[routes]]\nprefix = '/x'\nupstream = @\n";
const EXEMPT: &str = "guard = { dangerously_exempt = @ }\n";
const ORIGIN: &str = "guard = { public_origins = [@] }\n";

/// Above a route that is in order.
const CASES: [Case; 42] = [
    case("listen = @\n", "9000", "\"127.0.0.1:9000\""),
    case("listen = @\n", "true", "\"127.0.0.1:8080\""),
    case("listen = @\n", "'9000'", "\"127.0.0.1:9000\""),
    case("listen = @\n", "'0.0.0.0'", "\"0.0.0.0:8080\""),
    case("listen = @\n", "'::1:80'", "\"[::1]:80\""),
    case(ADMIN, "9090", "\"127.0.0.1:9090\""),
    case(ADMIN, "8080", "\"127.0.0.1:9090\""),
    case(ADMIN, "false", "\"127.0.0.1:9090\""),
    case(ADMIN, "'9091'", "\"127.0.0.1:9091\""),
    case(ADMIN, "'8080'", "\"127.0.0.1:9090\""),
    case(ADMIN, "'127.0.0.1'", "\"127.0.0.1:9090\""),
    case(ADMIN, "'localhost'", "\"localhost:9090\""),
    case(ADMIN, "'off'", "\"127.0.0.1:9090\""),
    case(
        "listen = ':9090'\n[admin]\nlisten = @\n",
        "'9090'",
        "\"127.0.0.1:9091\"",
    ),
    case(READY, "true", "[\"/\"]"),
    case(READY, "'/api'", "[\"/\"]"),
    case("drain = { delay = @ }\n", "5", "\"5s\""),
    case("drain = { timeout = @ }\n", "5", "\"5s\""),
    case(TRUSTED, "'10.0.0.1'", "\"10.0.0.1/32\""),
    case(TRUSTED, "'::1'", "\"::1/128\""),
    case(TRUSTED, "'[::1]:80'", "\"::1/128\""),
    case(TRUSTED, "'10.0.0.0/255.0.0.0'", "\"10.0.0.0/8\""),
    case(TRUSTED, "'*'", "\"127.0.0.1/32\""),
    case(PREFIX, "'^/api'", "\"/api\""),
    case(PREFIX, "'~ /api'", "\"/api\""),
    case(PREFIX, "'é'", "\"/%C3%A9\""),
    case(PREFIX, "'/é/*'", "\"/%C3%A9\""),
    case(PREFIX, "'http://x.example/api'", "\"/api\""),
    case(PREFIX, "'../api'", "\"/api\""),
    case(
        UPSTREAM,
        "'http://a,http://b'",
        "[\"http://a\", \"http://b\"]",
    ),
    case(
        UPSTREAM,
        "'http://a http://b/'",
        "[\"http://a\", \"http://b/\"]",
    ),
    case(EXEMPT, "''", "[{ path = \"/api/hook\" }]"),
    case(EXEMPT, "'api'", "[{ path = \"/api/hook\" }]"),
    case(EXEMPT, "'/a, /b'", "[{ path = \"/a\" }, { path = \"/b\" }]"),
    case(
        "guard = { dangerously_exempt = [@] }\n",
        "{}",
        "{ path = \"/api/hook\" }",
    ),
    case("guard = { mode = @ }\n", "{}", "\"credentials\""),
    case(
        "guard = { trust = [@] }\n",
        "'data:'",
        "\"https://example.com\"",
    ),
    case(ORIGIN, "'*.example.com'", "\"https://app.example.com\""),
    case(ORIGIN, "'data:'", "\"https://example.com\""),
    case("log.access = @\n", "true", "\"stdout\""),
    case("reload_on_change = @\n", "5", "\"2s\""),
    case("cache = @\n", "'on'", "true"),
];

#[test]
fn what_is_proposed_is_taken() {
    let folder = folder();
    let told = |case: &Case, value: &str| {
        let part = case.config.replace('@', value);
        let config = if case.config.starts_with("cache") {
            format!("{ROUTE}{part}")
        } else {
            format!("{part}{ROUTE}")
        };
        check(folder.path(), &config)
    };
    for case in &CASES {
        let (config, given) = (case.config, case.given);
        let refused = told(case, given);
        assert_eq!(refused.code, Some(2), "{config} {given}");
        let (_, remedy) = refused.stderr.split_once("write ").unwrap_or_default();
        let said = &refused.stderr;
        assert!(remedy.contains(case.proposed), "{config} {given}: {said}");
        let taken = told(case, case.proposed);
        assert_eq!(taken.code, Some(0), "{config} {given}: {taken:?}");
    }
}

#[test]
fn null_is_not_proposed_as_the_member_of_a_list() {
    let folder = folder();
    let ended = check(
        folder.path(),
        &format!("{ROUTE}cors = {{ allow_origins = 'null' }}\n"),
    );
    let remedy = "write allow_null_origin = true in its place";
    assert!(ended.stderr.contains(remedy), "{ended:?}");
    let ended = check(
        folder.path(),
        &format!("{ROUTE}cors = {{ allow_null_origin = true }}\n"),
    );
    assert_eq!(ended.code, Some(0), "{ended:?}");
}
