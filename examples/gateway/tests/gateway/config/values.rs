//! Values that can be read and make no sense.

use super::{ROUTE, refused};

#[test]
fn values_that_mean_nothing_are_refused() {
    refused(
        &format!(
            "listen = '8080'\ndrain = 'soon'\ntrusted_proxies = ['127.0.0.2', '::/0', 'x']\n\
             server = {{ head_timeout = '0s', head_size = 10, head_fields = 5000 }}\n{ROUTE}"
        ),
        &[
            ("listen", "127.0.0.1:8080"),
            ("drain", "\"30s\""),
            ("server.head_timeout", "above zero"),
            ("server.head_size", "from 1024 to 262144"),
            ("server.head_fields", "from 10 to 1000"),
            ("trusted_proxies[0]", "write \"127.0.0.2/32\""),
            ("trusted_proxies[2]", "127.0.0.1/32"),
        ],
    );
}

#[test]
fn there_are_only_so_many_workers() {
    for workers in ["0", "1025", "100000"] {
        refused(
            &format!("workers = {workers}\n{ROUTE}"),
            &[("workers", "from 1 to 1024")],
        );
    }
}

/// The clock ends somewhere: a time beyond it would be a panic when it begins.
#[test]
fn times_have_an_end() {
    refused(
        &format!("drain = '300000000000y'\nserver.head_timeout = '367d'\n{ROUTE}"),
        &[
            ("drain", "\"300000000000y\" is longer than a year"),
            ("server.head_timeout", "longer than a year"),
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
            ("cors.allow_origins[1]", "1 does not fit"),
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
            ("routes[3].prefix", "route 3 has this prefix"),
            ("routes[3].dir", "cannot read the directory"),
            ("routes[4].prefix", "\"/files\""),
            ("routes[4].spa", "index.html"),
            ("routes[5].dir", "either"),
            ("routes[6].spa", "either"),
            ("routes[7].spa", "index.html"),
        ],
    );
}

/// Each of its requests would come back.
#[test]
fn the_gateway_is_not_an_upstream_of_its_own() {
    refused(
        r#"
            listen = "localhost:8080"
            [[routes]]
            prefix = "/"
            upstream = "http://localhost:8080/api"
            [[routes]]
            prefix = "/several"
            upstream = ["http://127.0.0.1:8081", "http://127.0.0.1:8080"]
        "#,
        &[
            (
                "routes[0].upstream",
                "where the gateway itself listens (127.0.0.1:8080)",
            ),
            (
                "routes[1].upstream[1]",
                "write the address of the server that is to answer",
            ),
        ],
    );
    // Whatever the file says.
    let folder = super::folder();
    let config = "[[routes]]\nprefix = '/'\nupstream = 'http://127.0.0.1:8080'\n";
    let path = crate::gateway::file(folder.path(), config);
    for (listen, code) in [
        ("127.0.0.1:8080", 2),
        ("127.0.0.1:0", 0),
        ("127.0.0.1:81", 0),
    ] {
        let ended = crate::gateway::run(&["--config", &path, "--listen", listen, "--check"]);
        assert_eq!(ended.code, Some(code), "{listen}: {ended:?}");
    }
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
fn addresses_that_lack_a_part_are_told_which() {
    refused(
        &format!(
            "{ROUTE}trusted_proxies = ['10.0.0.1', '10.0.0.0/8']\n\
             dns = {{ servers = ['1.1.1.1', '1.1.1.1:53', '2606:4700::1111', 'dns.example'] }}\n"
        ),
        &[
            (
                "routes[0].trusted_proxies[0]",
                "\"10.0.0.1\" is not a network; write \"10.0.0.1/32\"",
            ),
            (
                "routes[0].dns.servers[0]",
                "\"1.1.1.1\" has no port; write \"1.1.1.1:53\"",
            ),
            ("routes[0].dns.servers[2]", "write \"[2606:4700::1111]:53\""),
            (
                "routes[0].dns.servers[3]",
                "\"dns.example\" is not an address",
            ),
            ("routes[0].upstream", "remove `dns`"),
        ],
    );
}

#[test]
fn a_directory_without_a_name_is_not_the_folder_of_the_file() {
    refused(
        "[[routes]]\nprefix = '/'\ndir = ''\n",
        &[("routes[0].dir", "name what to serve")],
    );
}

#[test]
fn tls_to_an_upstream_is_for_https_and_by_whole_pairs() {
    refused(
        r#"
            [[routes]]
            prefix = "/plain"
            upstream = ["http://127.0.0.1:1", "h2c://127.0.0.1:2"]
            upstream_tls = { ca = "one.pem" }
            [[routes]]
            prefix = "/one-of-two"
            upstream = ["http://127.0.0.1:1", "https://a.example"]
            upstream_tls = { ca = "one.pem" }
            [[routes]]
            prefix = "/half"
            upstream = "https://a.example"
            upstream_tls = { cert = "one.pem" }
            [[routes]]
            prefix = "/other-half"
            upstream = "https://a.example"
            upstream_tls = { key = "one.key" }
        "#,
        &[
            (
                "routes[0].upstream_tls",
                "no upstream of this route is https",
            ),
            (
                "routes[2].upstream_tls.key",
                ": is missing: write the file of the private key",
            ),
            (
                "routes[3].upstream_tls.cert",
                ": is missing: write the file of the certificate",
            ),
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
fn codings_are_known_ones_and_each_once() {
    for (compress, key, words) in [
        (
            "['zstd', 'deflate']",
            "routes[0].compress[1]",
            "\"zstd\", \"br\" or \"gzip\"",
        ),
        ("['br', 1]", "routes[0].compress[1]", "is not a coding"),
        (
            "['br', 'br']",
            "routes[0].compress[1]",
            "in the list already",
        ),
        ("[]", "routes[0].compress", "write false"),
        (
            "'gzip'",
            "routes[0].compress",
            "write true, false, or a list",
        ),
        ("6", "routes[0].compress", "write true, false, or a list"),
    ] {
        for kind in ["upstream = 'http://127.0.0.1:1'", "dir = '.'"] {
            refused(
                &format!("[[routes]]\nprefix = '/a'\n{kind}\ncompress = {compress}\n"),
                &[(key, words)],
            );
        }
    }
}

#[test]
fn fields_of_files_are_checked_as_those_of_a_proxy() {
    refused(
        "[[routes]]\nprefix = '/docs'\ndir = '.'\n\
         remove_response_headers = ['server', 'connection', 'no name']\n\
         set_response_headers = [\n\
           { cache-control = '', content-length = '1' },\n\
           { path = 'assets/*', x-a = 'b' },\n\
           { path = '/assets/*', x-a = 'b' },\n\
           { path = '/docs/*', x-a = ' b' },\n\
           7,\n\
           { path = '/docs/assets/*' },\n\
         ]\n",
        &[
            ("routes[0].remove_response_headers[1]", "one connection"),
            ("routes[0].remove_response_headers[2]", "letters, digits"),
            (
                "routes[0].set_response_headers[0].cache-control",
                "write a value",
            ),
            (
                "routes[0].set_response_headers[0].content-length",
                "frames the message",
            ),
            ("routes[0].set_response_headers[1].path", "/docs/assets/*"),
            ("routes[0].set_response_headers[2].path", "/docs/assets/*"),
            ("routes[0].set_response_headers[3].x-a", "white space"),
            ("routes[0].set_response_headers[4]", "write a table"),
            ("routes[0].set_response_headers[5]", "no field is set"),
        ],
    );
    refused(
        "[[routes]]\nprefix = '/docs'\ndir = '.'\nset_response_headers = { path = '/docs/*', x-a = 'b' }\n",
        &[(
            "routes[0].set_response_headers.path",
            "a list of tables: [{ path = \"/docs/*\", x-a = \"b\" }]",
        )],
    );
    refused(
        "[[routes]]\nprefix = '/docs'\ndir = '.'\n\
         set_response_headers = [{ Path = '/docs/*', x-a = 'b' }, { PATH = '/docs/*' }]\n",
        &[
            (
                "routes[0].set_response_headers[0].Path",
                "unknown key \"Path\"; write path = \"/docs/*\", in lower case",
            ),
            ("routes[0].set_response_headers[1].PATH", "in lower case"),
            ("routes[0].set_response_headers[1]", "no field is set"),
        ],
    );
    refused(
        "[[routes]]\nprefix = '/docs'\ndir = '.'\nset_response_headers = { Path = '/docs/*', x-a = 'b' }\n",
        &[("routes[0].set_response_headers.Path", "in lower case")],
    );
    refused(
        "[[routes]]\nprefix = '/docs'\ndir = '.'\nset_response_headers = 'x'\n",
        &[("routes[0].set_response_headers", "write a table")],
    );
}

/// A field that the policy writes is not taken from it behind its back.
#[test]
fn fields_of_cors_are_left_to_cors() {
    for kind in ["upstream = 'http://127.0.0.1:1'", "dir = '.'"] {
        let route = format!(
            "[[routes]]\nprefix = '/a'\n{kind}\nremove_response_headers = ['x-a', 'Vary', 'access-control-max-age']\n\
             set_response_headers = {{ Access-Control-Allow-Origin = '*', vary = 'accept' }}\n"
        );
        refused(
            &format!("[cors]\nallow_origins = ['https://a.example']\n{route}"),
            &[
                ("routes[0].remove_response_headers[1]", "cors = false"),
                ("routes[0].remove_response_headers[2]", "[cors]"),
                (
                    "routes[0].set_response_headers.Access-Control-Allow-Origin",
                    "[cors]",
                ),
            ],
        );
    }
}
