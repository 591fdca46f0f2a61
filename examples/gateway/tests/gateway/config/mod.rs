//! Bad configurations: every problem is reported at its key, and nothing listens.

mod certificates;
mod edge;
mod keys;
mod remedies;
mod values;
mod whole;
mod words;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use crate::gateway::{Ended, file, run};

fn check(folder: &Path, config: &str) -> Ended {
    run(&["--config", &file(folder, config), "--check"])
}

/// Checks a configuration and expects problems at these keys, each with these words, and at no other.
#[track_caller]
fn refused(config: &str, problems: &[(&str, &str)]) {
    let folder = folder();
    let ended = check(folder.path(), config);
    assert_eq!((ended.code, &*ended.stdout), (Some(2), ""), "{ended:?}");
    let key = |line| key(config, line);
    let found: BTreeSet<_> = ended.stderr.lines().map(key).collect();
    let expected: BTreeSet<_> = problems.iter().map(|(key, _)| (*key).to_owned()).collect();
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

/// The key of a problem, with the routes of the configuration counted from 0. Behind it stands the message,
/// before it the file and the line.
fn key(config: &str, line: &str) -> String {
    let (place, rest) = line.split_once(": ").unwrap_or((line, ""));
    let (name, number) = place.rsplit_once(':').unwrap_or((place, ""));
    if !name.ends_with("gateway.toml") && !place.ends_with("gateway.toml") {
        return place.to_owned();
    }
    let key = rest.split_once(": ").map_or(rest, |(key, _)| key);
    let Some((_route, below)) = key
        .strip_prefix("routes[")
        .and_then(|key| key.split_once(']'))
    else {
        // A fault of the text as such is at no key.
        let is_key =
            key.starts_with(|first: char| first.is_ascii_lowercase()) && !key.contains(' ');
        return if is_key {
            key.to_owned()
        } else {
            format!("line {number}")
        };
    };
    let before = config.lines().take(number.parse().unwrap());
    let index = before.filter(|line| line.trim() == "[[routes]]").count() - 1;
    format!("routes[{index}]{below}")
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
fn a_configuration_may_come_by_a_pipe() {
    let folder = folder();
    let path = file(
        folder.path(),
        "[[routes]]\nprefix = '/'\nupstream = 'http://127.0.0.1:1'\n",
    );
    let gateway = env!("CARGO_BIN_EXE_same-origin-gateway");
    let piped = format!("cat {path} | {gateway} --config /dev/stdin --check");
    let ended = Command::new("sh").args(["-c", &piped]).output().unwrap();
    assert!(ended.status.success(), "{ended:?}");
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
    let keys = start.stderr.lines().map(|line| key("", line));
    assert_eq!(keys.collect::<Vec<_>>(), ["drain", "routes"]);
}

#[test]
fn problems_are_told_in_the_order_of_the_file() {
    let folder = folder();
    let text = "[cors]\nmax_age = 'x'\n[[routes]]\nprefix = 'api'\nupstream = 'http://127.0.0.1:1'\n\
                [drain]\ntimeout = 'soon'\n[server]\nin_flight = -1\n";
    let path = file(folder.path(), text);
    let ended = run(&["--config", &path, "--check"]);
    let line = |told: &str| told.strip_prefix(&path)?.split(':').nth(1)?.parse().ok();
    let lines: Vec<Option<u32>> = ended.stderr.lines().map(line).collect();
    assert_eq!(lines, [1, 2, 4, 7, 9].map(Some), "{}", ended.stderr);
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
        (&["--check"], "--check needs --config"),
        (
            &["--config", "a", "--config", "b", "--check"],
            "--config is given twice",
        ),
        (
            &["--listen", "127.0.0.1:0", "--listen=127.0.0.1:0"],
            "--listen is given twice",
        ),
    ] {
        let ended = run(args);
        assert_eq!((ended.code, &*ended.stdout), (Some(2), ""), "{args:?}");
        assert!(ended.stderr.contains(words), "{args:?}: {}", ended.stderr);
    }
}

#[test]
fn what_is_hardly_meant_is_warned_of_and_accepted() {
    for (config, warning) in [
        (
            format!("[cors]\nallow_origins = '*'\nallow_headers = '*'\n{ROUTE}"),
            "gateway.toml:3: cors.allow_headers: ",
        ),
        (
            "[[routes]]\nprefix = '/'\ndir = '.'\n".to_owned(),
            "gateway.toml:3: routes[\"/\"].dir: this file",
        ),
        (
            format!("[guard]\nhosts = ['app.test']\n{ROUTE}guard = {{ mode = 'strict' }}\n"),
            "].guard: this route answers all hosts, for `hosts` of [guard] does not hold beside a route's own \
             `guard`; write hosts = [\"app.test\"] here, too",
        ),
        (
            format!("[guard]\nhosts = ['app.test']\n{ROUTE}guard = false\n"),
            "write guard = { hosts = [\"app.test\"] }",
        ),
        (
            "[guard]\nhosts = ['app.test']\n[[routes]]\nprefix = '/f'\ndir = 'empty'\nguard = false\n".to_owned(),
            "this route answers all hosts",
        ),
    ] {
        let ended = check(folder().path(), &config);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(ended.stdout.contains(warning), "{ended:?}");
    }
}

#[test]
fn a_route_with_hosts_of_its_own_is_not_warned_of() {
    for route in ["", "guard = { hosts = ['b.test'] }\n"] {
        let config = format!("[guard]\nhosts = ['app.test']\n{ROUTE}{route}");
        let ended = check(folder().path(), &config);
        assert!(!ended.stdout.contains("answers all hosts"), "{ended:?}");
    }
}

/// An application that knows its public prefix would get it twice.
#[test]
fn a_check_says_what_an_application_needs_that_knows_its_prefix() {
    let hint =
        "hint: routes[\"/api\"]: what the upstream says of its paths gets the prefix in front";
    let api = "[[routes]]\nprefix = '/api'\nupstream = 'http://127.0.0.1:9'\n";
    let root = "[[routes]]\nprefix = '/'\nupstream = 'http://127.0.0.1:9'\n";
    for (config, hinted) in [
        (api.to_owned(), true),
        (format!("{api}{root}"), true),
        (root.to_owned(), false),
        (format!("{api}keep_prefix = true\n"), false),
        (format!("{api}rewrite_location = false\n"), false),
        (format!("{api}forwarding = ['x-forwarded-prefix']\n"), false),
    ] {
        let ended = check(folder().path(), &config);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert_eq!(ended.stdout.contains(hint), hinted, "{config}: {ended:?}");
        for setting in [
            "keep_prefix = true",
            "\"x-forwarded-prefix\"",
            "rewrite_location = false",
        ] {
            assert_eq!(
                ended.stdout.contains(setting),
                hinted,
                "{config}: {ended:?}"
            );
        }
    }
}

/// A folder with a page to serve.
fn site() -> tempfile::TempDir {
    let folder = folder();
    std::fs::create_dir(folder.path().join("dist")).unwrap();
    std::fs::write(folder.path().join("dist/index.html"), "").unwrap();
    folder
}

#[test]
fn the_files_of_the_readme_are_good() {
    let readme = include_str!("../../../README.md");
    let blocks = readme.split("```toml\n").skip(1);
    let files: Vec<_> = blocks
        .map(|block| block.split("```").next().unwrap())
        .collect();
    assert_eq!(files.len(), 2, "the shortest one, and the reference");
    for file in files {
        let ended = check(site().path(), file);
        assert_eq!(ended.code, Some(0), "{ended:?}");
    }
}

#[test]
fn the_recipes_are_good_files() {
    let recipes = Path::new(env!("CARGO_MANIFEST_DIR")).join("recipes");
    let folder = site();
    let mut count = 0;
    for recipe in std::fs::read_dir(recipes).unwrap() {
        let text = std::fs::read_to_string(recipe.unwrap().path()).unwrap();
        let ended = check(folder.path(), &text);
        assert_eq!(ended.code, Some(0), "{text}\n{ended:?}");
        count += 1;
    }
    assert_eq!(count, 4);
}
