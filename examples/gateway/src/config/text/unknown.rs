//! Keys that no reader knows: the one that is meant, or the place where it belongs.

use super::place::last_name;
use super::wording::names;

/// The least likeness of two keys at which one is meant by the other: a letter may be left out, doubled or exchanged.
const ALIKE: f64 = 0.85;

/// The message about an unknown key: it names the known key that is most like it, the table in which the key belongs,
/// or all keys that are known there.
pub(super) fn told(key: &str, message: &str) -> String {
    let written = last_name(key);
    // Whatever the key itself holds.
    let known = message
        .rsplit_once("`, expected ")
        .map_or("", |(_, known)| known);
    let known: Vec<_> = names(known).collect();
    let meant = written.trim_matches('"').replace('-', "_").to_lowercase();
    let likeness = |known: &str| strsim::jaro_winkler(&meant, known);
    let best = known
        .iter()
        .max_by(|one, other| likeness(one).total_cmp(&likeness(other)));
    let shown = &quoted(written);
    // Not the key of the file that is most like it: each route decides on its own.
    if key == written && OF_A_ROUTE.contains(&written) {
        return format!("unknown key {shown} outside of a route; write it below [[routes]]");
    }
    // A route of files lacks the keys of one that forwards, some of which are like its own.
    if key != written && known.contains(&"spa") && OF_A_ROUTE.contains(&written) {
        let known = known.join(", ");
        return format!("{shown} is for a route with an `upstream`; write one of {known}");
    }
    match best.filter(|known| likeness(known) > ALIKE) {
        Some(known) => format!("unknown key {shown}; did you mean {known:?}?"),
        // In TOML a table takes all that stands below its head.
        None if key != written && OF_THE_FILE.contains(&written) => {
            format!("unknown key {shown} in a table; write it above the first [table]")
        }
        None => match table_of(written) {
            Some(table) => format!("unknown key {shown} here; write it in {table}"),
            None => format!("unknown key {shown}; write one of {}", known.join(", ")),
        },
    }
}

/// A name in quotes, once.
fn quoted(name: &str) -> String {
    if name.starts_with('"') {
        return name.to_owned();
    }
    format!("{name:?}")
}

/// The table that a key belongs to, if there is one.
fn table_of(key: &str) -> Option<&'static str> {
    let mut tables = OF_TABLES.iter();
    tables.find_map(|(table, keys)| keys.contains(&key).then_some(*table))
}

/// The keys that stand in one kind of table only.
const OF_TABLES: [(&str, &[&str]); 10] = [
    (
        "[server]",
        &[
            "head_timeout",
            "head_size",
            "head_fields",
            "connections",
            "streams",
            "resets",
            "client_resets",
        ],
    ),
    ("[log]", &["access", "format", "query"]),
    ("[admin]", &["ready_upstreams"]),
    (
        "[guard]",
        &[
            "mode",
            "hosts",
            "public_origins",
            "trust",
            "dangerously_exempt",
            "require_browser_fields",
            "report_only",
        ],
    ),
    (
        "[cors]",
        &[
            "allow_origins",
            "allow_null_origin",
            "allow_credentials",
            "allow_methods",
            "allow_headers",
            "expose_headers",
            "max_age",
            "debug",
            "dangerously_allow_insecure_origins",
            "dangerously_allow_public_suffixes",
            "dangerously_allow_credentialed_null_origin",
        ],
    ),
    (
        "`timeouts` of a route",
        &["connect", "response", "idle", "tunnel", "client"],
    ),
    (
        "`limits` of a route",
        &[
            "in_flight",
            "connection_share",
            "waiting",
            "idle_connections",
            "connection_age",
            "request_body",
            "response_head",
            "response_fields",
            "tunnels",
        ],
    ),
    (
        "`cache` of a route",
        &[
            "size",
            "object",
            "stale",
            "wait",
            "dangerously_store_set_cookie",
        ],
    ),
    ("`cookies` of a route", &["same_site", "partitioned"]),
    ("`rate_limit`", &["per_second", "burst"]),
];

/// Whether a key is one of a route's, and none of the file's.
pub(super) fn is_of_a_route(key: &str) -> bool {
    OF_A_ROUTE.contains(&key)
}

/// The keys of the file that stand in no table.
const OF_THE_FILE: [&str; 15] = [
    "listen",
    "drain",
    "admin",
    "log",
    "workers",
    "server",
    "tls",
    "trusted_proxies",
    "proxy_protocol",
    "cors",
    "guard",
    "reload_on_change",
    "rate_limit",
    "request_id",
    "routes",
];

/// The keys of a route that are not the file's, too.
const OF_A_ROUTE: [&str; 24] = [
    "prefix",
    "upstream",
    "keep_prefix",
    "preserve_host",
    "rewrite_origin",
    "rewrite_location",
    "rewrite_cookies",
    "cookies",
    "remove_request_headers",
    "set_request_headers",
    "remove_response_headers",
    "set_response_headers",
    "refuse_unexpected_content",
    "timeouts",
    "forwarding",
    "via",
    "limits",
    "upstream_tls",
    "dns",
    "cache",
    "compress",
    "dir",
    "security_headers",
    "spa",
];

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::{Config, File};

    #[test]
    fn the_keys_of_the_file_are_known() {
        let error = toml::from_str::<File>("colour = 1").err().unwrap();
        let known: Vec<_> = names(error.message()).skip(1).collect();
        assert_eq!(known, OF_THE_FILE);
    }

    #[test]
    fn a_key_of_any_characters_is_one_name_on_one_line() {
        for (key, shown) in [
            (r#""a.b""#, r#""a.b""#),
            (r#""a[0]""#, r#""a[0]""#),
            (r#""a\nb""#, r#""a\nb""#),
            (r#""a\u001b[31m""#, r#""a\u{1b}[31m""#),
            (r#""a\"b""#, r#""a\"b""#),
            (r#""a`, expected `b""#, r#""a`, expected `b""#),
            (r#""""#, r#""""#),
            ("'ü'", "\"ü\""),
        ] {
            let route = "[[routes]]\nprefix = '/'\nupstream = 'http://a.example'\n";
            let limits = format!("\n{route}limits = {{ waiting = 1,\n{key} = 1 }}\n");
            for (text, at) in [
                (format!("{key} = 1\n{route}"), "g:1: "),
                (limits, "g:6: routes[\"/\"].limits."),
            ] {
                let problems = Config::parse(&text, "g", Path::new(""), None)
                    .err()
                    .unwrap();
                let told = problems.to_string();
                let begin = format!("{at}{shown}: unknown key {shown}; write one of ");
                assert!(told.starts_with(&begin), "{told}");
                assert_eq!(told.lines().count(), 1, "{told}");
                assert!(!told.contains("write one of ,"), "{told}");
            }
        }
    }

    #[test]
    fn keys_are_in_the_tables_that_they_belong_to() {
        let route = "[[routes]]\nprefix = \"/\"\nupstream = \"http://a.example\"\n";
        for (table, keys) in OF_TABLES {
            for key in keys {
                let key = match table.trim_end_matches(" of a route").trim_matches('`') {
                    table if table.starts_with('[') => format!("{route}{table}\n{key} = {{}}\n"),
                    table => format!("{route}{table}.{key} = {{}}\n"),
                };
                let problems = Config::parse(&key, "gateway.toml", Path::new(""), None)
                    .err()
                    .unwrap();
                let told = problems.to_string();
                assert!(!told.contains("unknown key"), "{told}");
            }
        }
    }
}
