//! Certificates that can be read and serve nobody, and authorities that cannot be read: warnings, not errors.

use std::path::Path;
use std::process::Command;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rcgen::{CertificateParams, KeyPair, date_time_ymd};

use super::{ROUTE, check, folder};
use crate::gateway::{file, start};

/// Writes a certificate with its key, valid from the first day of one year to that of another.
fn certificate(folder: &Path, name: &str, [from, to]: [i32; 2]) {
    let mut wanted = CertificateParams::new(["localhost".to_owned()]).unwrap();
    wanted.not_before = date_time_ymd(from, 1, 1);
    wanted.not_after = date_time_ymd(to, 1, 1);
    let key = KeyPair::generate().unwrap();
    let made = wanted.self_signed(&key).unwrap();
    std::fs::write(folder.join(format!("{name}.pem")), made.pem()).unwrap();
    std::fs::write(folder.join(format!("{name}.key")), key.serialize_pem()).unwrap();
}

#[test]
fn a_certificate_out_of_date_is_a_warning_with_its_file_and_date() {
    let folder = folder();
    certificate(folder.path(), "old", [2000, 2020]);
    certificate(folder.path(), "early", [3000, 3001]);
    let listener = "tls = { cert = 'old.pem', key = 'old.key' }\n";
    let upstream = "[[routes]]\nprefix = '/'\nupstream = 'https://127.0.0.1:1'\n\
                    upstream_tls = { ca = 'old.pem', cert = 'early.pem', key = 'early.key' }\n";
    for (config, place, fault) in [
        (
            format!("{listener}{ROUTE}"),
            "gateway.toml:1: tls.cert: certificate 1 of ",
            "old.pem expired at 2020-01-01T00:00:00Z, ",
        ),
        (
            upstream.to_owned(),
            "gateway.toml:4: routes[\"/\"].upstream_tls.cert: certificate 1 of ",
            "early.pem is not valid before 3000-01-01T00:00:00Z, ",
        ),
    ] {
        let ended = check(folder.path(), &config);
        assert_eq!((ended.code, &*ended.stderr), (Some(0), ""));
        let warnings: Vec<_> = ended
            .stdout
            .lines()
            .filter(|line| line.starts_with("warning: "))
            .collect();
        let [warning] = warnings[..] else {
            panic!("{ended:?}")
        };
        assert!(
            warning.contains(place) && warning.contains(fault),
            "{warning}"
        );
    }
}

#[tokio::test]
async fn a_certificate_out_of_date_is_told_at_the_start_and_at_each_reload() {
    let folder = folder();
    certificate(folder.path(), "one", [2000, 2020]);
    let text =
        format!("listen = '127.0.0.1:0'\ntls = {{ cert = 'one.pem', key = 'one.key' }}\n{ROUTE}");
    let gateway = start(&["--config", &file(folder.path(), &text)]);
    gateway.logged("expired at 2020-01-01T00:00:00Z", 1).await;
    gateway.signal("HUP");
    gateway.logged("the configuration was read again", 1).await;
    gateway.logged("expired at 2020-01-01T00:00:00Z", 2).await;
    certificate(folder.path(), "one", [2000, 4000]);
    gateway.signal("HUP");
    gateway.logged("the configuration was read again", 2).await;
    assert_eq!(gateway.log().matches("expired at").count(), 2);
}

#[test]
fn a_key_in_place_of_its_path_is_not_told() {
    let folder = folder();
    let key = KeyPair::generate().unwrap().serialize_pem();
    let secret = key.lines().nth(1).unwrap();
    let encoded = BASE64_STANDARD.encode(&key);
    let lines: String = key.lines().filter(|line| !line.starts_with('-')).collect();
    let https = "prefix = '/'\nupstream = 'https://127.0.0.1:1'";
    for (at, config) in [
        (
            "tls.key",
            format!("tls = {{ cert = 'one.pem', key = \"\"\"{key}\"\"\" }}\n{ROUTE}"),
        ),
        (
            "tls.key",
            format!("tls = {{ cert = 'one.pem', key = '{encoded}' }}\n{ROUTE}"),
        ),
        (
            "tls.key",
            format!("tls = {{ cert = 'one.pem', key = '{lines}' }}\n{ROUTE}"),
        ),
        (
            "routes[\"/\"].upstream_tls.key",
            format!(
                "[[routes]]\n{https}\n[routes.upstream_tls]\ncert = 'one.pem'\nkey = \"\"\"{key}\"\"\"\n"
            ),
        ),
    ] {
        let ended = check(folder.path(), &config);
        let told = format!("{at}: this is the content of a file; write the path of the file");
        assert!(ended.stderr.contains(&told), "{ended:?}");
        assert!(!ended.stderr.contains(secret), "{ended:?}");
        assert!(!ended.stderr.contains(&encoded), "{ended:?}");
    }
}

#[test]
fn a_file_that_is_there_may_have_a_name_like_base64() {
    let folder = folder();
    let name = "MIT/keysOfTheServersThatServeTheWholeProductionNetwork";
    std::fs::create_dir(folder.path().join("MIT")).unwrap();
    std::fs::copy(folder.path().join("one.key"), folder.path().join(name)).unwrap();
    let config = format!("tls = {{ cert = 'one.pem', key = '{name}' }}\n{ROUTE}");
    let ended = check(folder.path(), &config);
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

#[test]
fn an_authority_of_the_system_that_cannot_be_read_is_told_by_a_check() {
    let folder = folder();
    let text = "[[routes]]\nprefix = '/'\nupstream = 'https://127.0.0.1:1'\n";
    let path = file(folder.path(), text);
    let authorities = folder.path().join("authorities");
    std::fs::create_dir(&authorities).unwrap();
    std::fs::copy(folder.path().join("one.pem"), authorities.join("one.pem")).unwrap();
    let ended = Command::new(env!("CARGO_BIN_EXE_same-origin-gateway"))
        .args(["--config", &path, "--check"])
        .env("SSL_CERT_FILE", folder.path().join("absent.pem"))
        .env("SSL_CERT_DIR", &authorities)
        .output()
        .unwrap();
    let told = String::from_utf8(ended.stderr).unwrap();
    assert!(ended.status.success(), "{told}");
    assert!(
        told.contains("WARN") && told.contains("absent.pem"),
        "{told}"
    );
    assert_eq!(told.lines().count(), 1, "{told}");
}
