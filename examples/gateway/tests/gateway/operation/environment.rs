//! Environment variables in the configuration.

use std::path::Path;
use std::process::Command;

use crate::client::{get, upstream};
use crate::gateway::{BINARY, file};
use crate::process::Process;

/// Starts a gateway with variables in its environment; the configuration says where it listens.
fn start(config: &str, variables: &[(&str, &str)]) -> Process {
    let folder = tempfile::tempdir().unwrap();
    let config = file(folder.path(), config);
    Process::start_with(Path::new(BINARY), &["--config", &config], variables)
}

#[tokio::test]
async fn variables_are_put_into_the_texts_of_the_file() {
    let upstream = upstream("up").await.to_string();
    let gateway = start(
        "listen = '127.0.0.1:${FREE_PORT}'\n[[routes]]\nprefix = '/${WHERE}'\nupstream = 'http://${API}/$web'\n\
         set_request_headers = { x-secret = '${SECRET}', x-price = '5$$', x-text = '$${API}' }\n",
        &[
            ("FREE_PORT", "0"),
            ("WHERE", "api"),
            ("API", &upstream),
            // Nothing of it is TOML, and none of it is looked through again.
            ("SECRET", "a\" }, x-more = { b = \"${API}"),
        ],
    );
    let answer = get(format!("{}/api/x", gateway.origin)).await;
    for line in [
        "up GET /$web/x",
        "x-secret: a\" }, x-more = { b = \"${API}",
        "x-price: 5$",
        "x-text: ${API}",
    ] {
        assert!(answer.body.contains(line), "{line}: {}", answer.body);
    }
}

#[tokio::test]
async fn a_number_of_workers_that_is_none_is_told() {
    for (said, more, is_told) in [
        ("two", "", true),
        ("0", "", true),
        ("two", "workers = 1\n", false),
        (" 2 ", "", false),
        ("", "", false),
    ] {
        let config = format!("{more}listen = '127.0.0.1:0'\n[[routes]]\nprefix = '/'\ndir = '.'\n");
        let gateway = start(&config, &[("TOKIO_WORKER_THREADS", said)]);
        get(format!("{}/none", gateway.origin)).await;
        gateway.logged("Not Found", 1).await;
        let told = gateway.log().contains("TOKIO_WORKER_THREADS");
        assert_eq!(told, is_told, "{said:?}: {}", gateway.log());
    }
}

#[test]
fn what_is_not_set_is_named_with_its_key_beside_all_other_problems() {
    let folder = tempfile::tempdir().unwrap();
    let config = "listen = '0.0.0.0:${NO_PORT}'\ndrain = 'soon'\ntrusted_proxies = ['10.0.0.0/8', '${NO_NET}']\n\
                  tls = { cert = '${NO_CERT}', key = 'key.pem' }\n\
                  [[routes]]\nprefix = '/a'\nupstream = '${NO_URL}/${NO_PATH}'\n\
                  [[routes]]\nprefix = '/b'\nupstream = 'http://a.example/${path'\n";
    let config = file(folder.path(), config);
    let output = Command::new(BINARY)
        .args(["--config", &config, "--check"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let found = String::from_utf8(output.stderr).unwrap();
    for words in [
        &[":1: listen:", "variable NO_PORT is not set"][..],
        &[":2: drain:", "\"soon\""],
        &[":3: trusted_proxies[1]:", "variable NO_NET is not set"],
        &[":4: tls.cert:", "variable NO_CERT is not set"],
        &[":4: tls.key:", "cannot read"],
        &["routes[\"/a\"].upstream:", "variable NO_URL is not set"],
        &["routes[\"/a\"].upstream:", "variable NO_PATH is not set"],
        &["routes[\"/b\"].upstream:", "is not closed", "$${"],
    ] {
        let says = |line: &str| words.iter().all(|word| line.contains(word));
        assert!(found.lines().any(says), "{words:?}: {found}");
    }
    assert_eq!(found.lines().count(), 8, "{found}");
}
