//! Words of messages: values as they are in the file, and keys with the place where they belong.

use super::{ROUTE, refused};

#[test]
fn numbers_and_times_are_told_as_they_are_written() {
    refused(
        &format!(
            "workers = 0x0\nserver = {{ head_timeout = '0ms', head_size = '5' }}\n{ROUTE}timeouts = {{ connect = '0m' }}\n\
             limits = {{ in_flight = 0, client_share = nan, response_head = -1, tunnels = 1_0 }}\n\
             cache = {{ size = '1KB', object = '2kB', wait = '99y' }}\n"
        ),
        &[
            ("workers", ": 0x0 does not fit"),
            (
                "server.head_timeout",
                ": \"0ms\" does not fit; write a time above zero",
            ),
            (
                "server.head_size",
                ": \"5\" is not a size; write a size such as \"64KiB\", from \"1KiB\" to \"256KiB\"",
            ),
            ("routes[0].timeouts.connect", ": \"0m\" is out of bounds"),
            ("routes[0].limits.in_flight", ": 0 is out of bounds"),
            ("routes[0].limits.client_share", ": nan is out of bounds"),
            ("routes[0].limits.response_head", ": -1 is not a size"),
            ("routes[0].cache.object", ": \"2kB\" is larger"),
            ("routes[0].cache.wait", ": \"99y\" is longer"),
        ],
    );
}

/// Other programs have them, and do not agree on what they are.
#[test]
fn sizes_of_other_programs_are_told_in_both_readings() {
    refused(
        &format!(
            "server = {{ head_size = '1M' }}\n{ROUTE}limits = {{ request_body = '10 mb', response_head = '65536' }}\n"
        ),
        &[
            ("server.head_size", "from \"1KiB\" to \"256KiB\""),
            (
                "routes[0].limits.request_body",
                "write \"10MiB\" (by 1024), or \"10MB\" (by 1000)",
            ),
            ("routes[0].limits.response_head", "write \"65536B\""),
        ],
    );
    refused(
        &format!("server = {{ head_size = true }}\n{ROUTE}"),
        &[("server.head_size", "such as \"64KiB\", from \"1KiB\"")],
    );
}

/// As a month it would be a timeout that nobody ever sees.
#[test]
fn minutes_are_not_written_in_upper_case() {
    let words = "\"M\" may be read as minutes or months, which are \"m\" and \"months\"";
    refused(
        &format!(
            "drain = '1M'\n{ROUTE}timeouts = {{ tunnel = '10M', idle = '1M 5s', connect = '1m' }}\n"
        ),
        &[
            ("drain", words),
            ("routes[0].timeouts.idle", words),
            ("routes[0].timeouts.tunnel", words),
        ],
    );
    refused(
        &format!("cors = {{ allow_origins = '*', max_age = '1M' }}\n{ROUTE}"),
        &[("cors.max_age", "such as \"600s\" or \"10m\"")],
    );
}

#[test]
fn what_would_have_no_effect_is_refused() {
    refused(
        &format!("{ROUTE}remove_request_headers = ['x-*']\nremove_response_headers = ['*']\n"),
        &[
            (
                "routes[0].remove_request_headers[0]",
                "\"x-*\" is not the name of a field: write each name in full",
            ),
            ("routes[0].remove_response_headers[0]", "\"*\""),
        ],
    );
}

#[test]
fn a_key_in_a_wrong_table_is_told_where_it_belongs() {
    refused(
        &format!(
            "[CORS]\nallow_origins = '*'\n[log]\nmode = 'strict'\n{ROUTE}hosts = []\nin_flight = 5\n"
        ),
        &[
            (
                "line 1",
                "CORS: unknown key \"CORS\"; did you mean \"cors\"?",
            ),
            ("log.mode", "write it in [guard]"),
            ("routes[0].hosts", "write it in [guard]"),
            ("routes[0].in_flight", "write it in `limits` of a route"),
        ],
    );
}

/// Its own key for answers is very like it.
#[test]
fn a_key_for_upstreams_is_not_taken_for_one_of_files() {
    const FORWARDS: &str = "is for a route with an `upstream`";
    refused(
        "[[routes]]\nprefix = '/'\ndir = '.'\nset_request_headers = { a = 'b' }\nkeep_prefix = true\n",
        &[
            ("routes[0].set_request_headers", FORWARDS),
            ("routes[0].keep_prefix", FORWARDS),
        ],
    );
}
