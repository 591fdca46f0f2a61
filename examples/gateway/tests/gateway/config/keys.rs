//! Files that cannot be read at all: text, keys and types.

use super::{ROUTE, check, folder, refused};

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
            ("colour", "unknown key \"colour\"; write one of listen, "),
            ("server.head_sise", "did you mean \"head_size\"?"),
            ("cors.allow_origin", "did you mean \"allow_origins\"?"),
            ("routes[0].keep_prefx", "did you mean \"keep_prefix\"?"),
            ("routes[0].timeouts.connekt", "did you mean \"connect\"?"),
            ("routes[0].dns.ttl", "unknown key \"ttl\""),
            ("routes[0].cors.max-age", "did you mean \"max_age\"?"),
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
            head_size = "64 apples"
            streams = 0
            [cors]
            allow_origins = ["https://a.example", 1, "https://b.example", 2]
            allow_methods = "PUT"
            allow_credentials = "yes"
            max_age = "soon"
            [[routes]]
            prefix = 1
            upstream = 2
            preserve_host = "no"
            remove_request_headers = "cookie"
            timeouts = { connect = 5, idle = "long" }
            cors = true
            guard = 5
            cache = "on"
            [[routes]]
            prefix = "/x"
            dir = ["a"]
            spa = "yes"
        "#,
        &[
            (
                "listen",
                "8080 does not fit; write text in quotes: \"127.0.0.1:8080\"",
            ),
            ("drain", "30 does not fit; write text in quotes: \"30s\""),
            ("workers", "from 1 to 1024"),
            ("server.head_timeout", "\"30s\""),
            (
                "server.head_size",
                "\"64 apples\" is not a size; write a size such as \"64KiB\"",
            ),
            ("server.streams", "a whole number from 1 to"),
            (
                "trusted_proxies[0]",
                "1 does not fit; write text in quotes: \"127.0.0.1/32\"",
            ),
            ("trusted_proxies[2]", "2 does not fit"),
            (
                "cors.allow_origins[1]",
                "in quotes: \"https://app.example.com\"",
            ),
            ("cors.allow_origins[3]", "2 does not fit"),
            ("cors.allow_methods", "\"*\" or a list: [\"PUT\"]"),
            (
                "cors.allow_credentials",
                "\"yes\" does not fit; write true or false, without quotes",
            ),
            ("cors.max_age", "\"soon\" does not fit; write seconds"),
            ("routes[0].prefix", "\"/api\""),
            ("routes[0].upstream", "a URL or a list of URLs, in quotes"),
            ("routes[0].preserve_host", "true or false"),
            ("routes[0].remove_request_headers", "a list: [\"cookie\"]"),
            (
                "routes[0].timeouts.connect",
                "5 does not fit; write a duration with its unit, such as \"5s\"",
            ),
            ("routes[0].timeouts.idle", "not a duration"),
            (
                "routes[0].cors",
                "true does not fit; write a table of the keys of [cors], or `false`",
            ),
            (
                "routes[0].guard",
                "5 does not fit; write a table of the guard's keys",
            ),
            (
                "routes[0].cache",
                "\"on\" does not fit; write `true`, or a table",
            ),
            (
                "routes[1].dir",
                "a list does not fit; write text in quotes: \"dist\"",
            ),
            ("routes[1].spa", "true or false"),
        ],
    );
}

/// In TOML a table takes all that stands below its head.
#[test]
fn a_key_of_the_file_below_a_table_is_told_where_it_belongs() {
    const ABOVE: &str = "in a table; write it above the first [table]";
    refused(
        &format!(
            "[log]\nrequest_id = true\n{ROUTE}listen = ':0'\n[routes.timeouts]\ndrain = '5s'\n"
        ),
        &[
            ("log.request_id", ABOVE),
            ("routes[0].listen", ABOVE),
            ("routes[0].timeouts.drain", ABOVE),
        ],
    );
}

/// Each key that a route names as one of its own, and none but those.
#[test]
fn a_key_of_a_route_outside_of_one_is_told_where_it_belongs() {
    let folder = folder();
    let told = check(folder.path(), &format!("{ROUTE}colour = 'red'\n")).stderr;
    let (_, keys) = told.trim().split_once("write one of ").unwrap();
    let keys: Vec<_> = keys.split(", ").collect();
    assert!(keys.contains(&"compress"), "{told}");
    let above: String = keys.iter().map(|key| format!("{key} = 0\n")).collect();
    let told = check(folder.path(), &(above + ROUTE)).stderr;
    for key in keys {
        let words = format!(": unknown key {key:?} outside of a route; write it below [[routes]]");
        // These are keys of the file, too.
        let is_the_files = ["trusted_proxies", "cors", "guard", "rate_limit"].contains(&key);
        assert_ne!(told.contains(&words), is_the_files, "{key}: {told}");
    }
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
        &[("tls.key", "missing; write tls = {")],
    );
    refused(
        &format!("tls = {{}}\n{ROUTE}"),
        &[
            ("tls.cert", "missing; write"),
            ("tls.key", "missing; write"),
        ],
    );
    refused(
        &format!("[cors]\n{ROUTE}"),
        &[("cors.allow_origins", "no origin")],
    );
}

/// Whatever stands at a key, what is said of it is said in the terms of the file.
#[test]
fn no_message_names_a_type_of_ours() {
    let keys = [
        (
            "",
            "listen drain workers server tls trusted_proxies cors routes",
        ),
        (
            "server",
            "head_timeout head_size head_fields connections streams resets",
        ),
        ("tls", "cert key"),
        (
            "cors",
            "allow_origins allow_credentials expose_headers max_age debug",
        ),
    ];
    let of_routes = [
        (
            "",
            "prefix upstream keep_prefix remove_request_headers timeouts forwarding trusted_proxies",
        ),
        ("", "via limits upstream_tls dns cors dir spa"),
        (
            "limits",
            "in_flight client_share connection_share waiting connection_age request_body response_head tunnels",
        ),
        ("timeouts", "connect response idle tunnel client"),
        ("upstream_tls", "ca cert key"),
        ("dns", "min_ttl ipv6 servers"),
    ];
    let of_routes = of_routes.map(|(table, names)| (format!("routes.{table}"), names));
    let keys = keys.map(|(table, names)| (table.to_owned(), names));
    let folder = folder();
    for (table, names) in keys.iter().chain(&of_routes) {
        for key in names.split(' ') {
            let key = format!("{table}.{key}").replace("..", ".");
            let key = key.trim_start_matches('.');
            for value in [
                "-1",
                "1.5",
                "true",
                "'x'",
                "[-1]",
                "['x']",
                "[{}]",
                "{ x = 1 }",
                "1979-05-27",
            ] {
                // A key of a route's, in the one route that there is.
                let text = match key.strip_prefix("routes.") {
                    Some(key) => format!("[[routes]]\n{key} = {value}"),
                    None => format!("{key} = {value}"),
                };
                let ended = check(folder.path(), &text);
                assert_eq!(ended.code, Some(2), "{text}: {ended:?}");
                for word in [
                    "invalid type",
                    "invalid value",
                    "struct",
                    "usize",
                    "u32",
                    "u64",
                    "i64",
                    "nonzero",
                    "variant",
                    "sequence",
                    "map",
                    "boolean",
                    "invalid IP",
                    "invalid socket",
                ] {
                    assert!(!ended.stderr.contains(word), "{text}: {}", ended.stderr);
                }
            }
        }
    }
}

#[test]
fn a_table_in_place_of_a_list_of_routes_is_told_its_brackets() {
    refused(
        "[routes]\nprefix = '/'\nupstream = 'http://127.0.0.1:1'\n",
        &[("routes", "write [[routes]], in double brackets")],
    );
}

#[test]
fn a_list_is_not_a_table() {
    refused(
        &format!(
            "server = ['1s', 4096]\nguard = {{ mode = 'credentials', dangerously_exempt = [['/hook']] }}\n{ROUTE}\
             timeouts = ['1s', '2s']\nlimits = [5, 0.5]\ncookies = []\n"
        ),
        &[
            ("server", "a list does not fit; write a table"),
            (
                "guard.dangerously_exempt[0]",
                "write a table: { path = \"/api/hook\" }",
            ),
            ("routes[0].timeouts", "{ connect = \"5s\" }"),
            ("routes[0].limits", "{ in_flight = 1024 }"),
            ("routes[0].cookies", "secure = true"),
        ],
    );
}

#[test]
fn remedies_are_such_as_are_taken() {
    refused(
        &format!(
            "trusted_proxies = ''\nworkers = 99999999999999999999\n\
             guard = {{ mode = 'x', hosts = '', dangerously_exempt = '/hook' }}\n{ROUTE}\
             limits = {{ in_flight = -1, waiting = -1, zz = 1 }}\n"
        ),
        &[
            ("trusted_proxies", "write a list: [\"127.0.0.1/32\"]"),
            (
                "workers",
                "99999999999999999999 does not fit; write a smaller number",
            ),
            ("guard.mode", "write \"strict\" or \"credentials\""),
            ("guard.hosts", "write a list: [\"app.example.com\"]"),
            (
                "guard.dangerously_exempt",
                "write a list: [{ path = \"/hook\" }]",
            ),
            ("routes[0].limits.in_flight", "a whole number from 1 on"),
            ("routes[0].limits.waiting", "a whole number from 0 on"),
            (
                "routes[0].limits.zz",
                "unknown key \"zz\"; write one of in_flight, ",
            ),
        ],
    );
}

#[test]
fn a_text_of_several_members_is_a_list_of_them() {
    refused(
        &format!(
            "trusted_proxies = '10.0.0.0/8, fd00::/8'\nguard = {{ hosts = 'a.example b.example:8443' }}\n\
             cors = {{ allow_origins = 'https://a.example,https://b.example', allow_methods = 'PUT, \"DELETE\"', \
             allow_headers = ',' }}\n{ROUTE}"
        ),
        &[
            (
                "trusted_proxies",
                "write a list: [\"10.0.0.0/8\", \"fd00::/8\"]",
            ),
            (
                "guard.hosts",
                "write a list: [\"a.example\", \"b.example:8443\"]",
            ),
            (
                "cors.allow_origins",
                "write \"*\" or a list: [\"https://a.example\", \"https://b.example\"]",
            ),
            (
                "cors.allow_methods",
                "write \"*\" or a list: [\"PUT\", \"DELETE\"]",
            ),
            ("cors.allow_headers", "a list: [\"authorization\"]"),
        ],
    );
}

#[test]
fn all_keys_of_a_route_are_named_to_who_misspells_one() {
    for (route, keys) in [
        ("upstream = 'http://127.0.0.1:1'", "cors, dir, guard"),
        ("dir = 'empty'", "compress, cors, guard"),
    ] {
        refused(
            &format!("[[routes]]\nprefix = '/'\n{route}\ncolour = false\n"),
            &[("routes[0].colour", keys)],
        );
    }
    // But of its tables only their own.
    let folder = folder();
    let ended = check(folder.path(), &format!("{ROUTE}limits = {{ spa = 1 }}"));
    assert!(ended.stderr.ends_with(", tunnels\n"), "{ended:?}");
}

#[test]
fn text_that_is_no_toml_is_refused_with_its_line() {
    for (text, line, words) in [
        ("listen = '127.0.0.1:0'\ndrain = = 1\n", "line 2", ""),
        ("= 1", "line 1", ""),
        ("\n\n= 1", "line 3", ""),
        (
            "listen = 'a'\r\ndrain = '30s'\r\n\r\nlisten = 'b'\r\n",
            "line 4",
            "duplicate key listen",
        ),
        (
            "[server]\n[cors]\n[server]",
            "line 3",
            "duplicate key server",
        ),
        (
            "[routes.cors] # of all\nmax_age = 1\n\n[[routes]]\nprefix = '/'\n",
            "line 4",
            "duplicate key routes; write [routes.cors] below the [[routes]] that it is of",
        ),
        ("[routes]\n[[routes]]\n", "line 2", "duplicate key routes"),
    ] {
        refused(text, &[(line, words)]);
    }
}
