//! Messages about a file: every problem at once, each at its own place, and none with a secret.

use std::process::Command;

use super::{check, folder, refused};
use crate::gateway::{file, run};

const ROUTE: &str = "[[routes]]\nprefix = '/'\nupstream = 'http://127.0.0.1:1'\n";

#[test]
fn a_mistake_hides_no_other_one() {
    for (config, problems) in [
        (
            "[log]\naccess = 5\nformat = 'xml'\n",
            &[("log.access", "write"), ("log.format", "xml")][..],
        ),
        (
            "[log]\naccess = 'nofolder/x'\nformat = '${UNSET_OF_TESTS}'\n",
            &[
                ("log.access", "a folder that exists"),
                ("log.format", "is not set"),
            ],
        ),
        (
            "drain = { delay = 'x', timeout = 'y' }\n",
            &[("drain.delay", "\"x\""), ("drain.timeout", "\"y\"")],
        ),
        (
            "trusted_proxies = [\n'10.0.0.0/8',\n1,\n'x',\n'${UNSET_OF_TESTS}']\n",
            &[
                ("trusted_proxies[1]", "1 does not fit"),
                ("trusted_proxies[2]", "\"x\" is not a network"),
                ("trusted_proxies[3]", "is not set"),
            ],
        ),
        (
            "[[guard.dangerously_exempt]]\npath = '${UNSET_OF_TESTS}'\n",
            &[("guard.dangerously_exempt[0].path", "is not set")],
        ),
    ] {
        refused(&format!("{config}{ROUTE}"), problems);
    }
}

/// Some editors and shells of Windows write UTF-16.
#[test]
fn a_file_in_another_encoding_is_told_with_the_line() {
    for (bytes, line) in [
        (&b"\xff\xfel\0"[..], "line 1"),
        (b"# a\n# b\n# caf\xe9\n", "line 3"),
    ] {
        let folder = folder();
        let path = folder.path().join("gateway.toml");
        std::fs::write(&path, bytes).unwrap();
        let ended = run(&["--config", path.to_str().unwrap(), "--check"]);
        assert_eq!(ended.code, Some(2));
        let words = format!("{line} is not UTF-8; save the file in UTF-8");
        assert!(ended.stderr.contains(&words), "{}", ended.stderr);
    }
}

#[test]
fn what_would_not_start_or_be_open_to_everybody_is_refused() {
    for (config, problems) in [
        (
            "listen = '127.0.0.1:9090'\n[admin]\nlisten = '127.0.0.1:9090'\n",
            ("admin.listen", "another port"),
        ),
        (
            "[admin]\nlisten = '127.0.0.1:1'\n",
            ("routes[0].upstream", "open to everybody"),
        ),
        ("[log]\naccess = ''\n", ("log.access", "false for no log")),
    ] {
        refused(&format!("{config}{ROUTE}"), &[problems]);
    }
}

#[test]
fn secrets_are_not_told() {
    let folder = folder();
    for (config, secret, told) in [
        (
            "upstream = '${SECRET_OF_TESTS}'\n",
            "http://user:hunter2@api",
            "\"${SECRET_OF_TESTS}\" is not the address of an upstream",
        ),
        (
            "upstream = '${SECRET_OF_TESTS}'\n",
            "http://api?token=hunter2",
            "\"${SECRET_OF_TESTS}\" is not the address of an upstream",
        ),
        (
            "upstream = 'http://127.0.0.1:1'\nset_request_headers = { authorization = 'Bearer ${SECRET_OF_TESTS}' }\n",
            "hunter2\n",
            "set_request_headers.authorization",
        ),
        (
            "upstream = 'http://user:hunter2@127.0.0.1:1'\n",
            "",
            "user information",
        ),
        (
            "upstream = 'http://127.0.0.1:1'\nset_request_headers = 'authorization: hunter2'\n",
            "",
            "set_request_headers: text does not fit; write a table",
        ),
        (
            "upstream = 'http://127.0.0.1:1'\nset_request_headers = { x-api-key = 4815162342 }\n",
            "",
            "set_request_headers.x-api-key: a number does not fit; write text in quotes",
        ),
    ] {
        let config = format!("[[routes]]\nprefix = '/'\n{config}");
        let ended = Command::new(env!("CARGO_BIN_EXE_same-origin-gateway"))
            .args(["--config", &file(folder.path(), &config), "--check"])
            .env("SECRET_OF_TESTS", secret)
            .output()
            .unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(2), "{said}");
        assert!(said.contains(told), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
}

#[test]
fn two_dollar_signs_are_one_and_no_variable() {
    let folder = folder();
    let config = ROUTE.replace(":1'", ":1/$$host'");
    let ended = check(folder.path(), &config);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    refused(
        &ROUTE.replace(":1'", ":1/$host'"),
        &[("routes[0].upstream", "a variable")],
    );
}
