//! Static files.

mod changing;
mod encodings;
mod ranges;
mod redirects;
mod rules;

use http::StatusCode;

use crate::client::{get, send_from};
use crate::gateway;
use crate::process::Process;

/// A site with a page, an asset, a folder without an index, and text worth compressing.
fn site() -> tempfile::TempDir {
    let site = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(site.path().join("assets/deep")).unwrap();
    std::fs::write(site.path().join("index.html"), "<title>the page</title>").unwrap();
    std::fs::write(
        site.path().join("assets/app.js"),
        "let x = 1;\n".repeat(500),
    )
    .unwrap();
    std::fs::write(site.path().join("assets/deep/index.html"), "deep").unwrap();
    std::fs::write(site.path().join("LICENSE"), "the licence").unwrap();
    std::fs::write(site.path().join(".env"), "SECRET=x").unwrap();
    site
}

fn serve(prefix: &str, site: &tempfile::TempDir, spa: bool) -> Process {
    let dir = site.path();
    gateway::with(&format!(
        "[[routes]]\nprefix = '{prefix}'\ndir = {dir:?}\nspa = {spa}\n"
    ))
}

fn serve_with(site: &tempfile::TempDir, keys: &str) -> Process {
    let dir = site.path();
    gateway::with(&format!("[[routes]]\nprefix = '/'\ndir = {dir:?}\n{keys}"))
}

#[tokio::test]
async fn with_spa_unknown_pages_are_the_page_and_unknown_files_are_not_found() {
    let site = site();
    for (spa, unknown_page) in [(true, StatusCode::OK), (false, StatusCode::NOT_FOUND)] {
        let gateway = serve("/", &site, spa);
        for (path, status, words) in [
            ("/", StatusCode::OK, "the page"),
            ("/LICENSE", StatusCode::OK, "the licence"),
            ("/assets/app.js", StatusCode::OK, "let x"),
            ("/assets/deep/", StatusCode::OK, "deep"),
            ("/assets/missing.js", StatusCode::NOT_FOUND, ""),
            ("/.env", StatusCode::NOT_FOUND, ""),
            ("//assets/deep", StatusCode::NOT_FOUND, ""),
            ("/orders/7.5/", unknown_page, ""),
            ("/orders/7?tab=2", unknown_page, ""),
            ("/assets/", unknown_page, ""),
        ] {
            let answer = get(format!("{}{path}", gateway.origin)).await;
            assert_eq!(answer.status, status, "{path} with spa {spa}");
            assert!(
                answer.body.contains(words),
                "{path} with spa {spa}: {}",
                answer.body
            );
            // No listing, in any case.
            assert!(!answer.body.contains("app.js"), "{path}: {}", answer.body);
        }
    }
    let gateway = serve("/", &site, true);
    let answer = get(format!("{}/orders/7", gateway.origin)).await;
    assert_eq!(answer.body, "<title>the page</title>");
    assert_eq!(answer.field("content-type"), "text/html");
}

#[tokio::test]
async fn a_directory_may_stand_below_a_prefix() {
    let site = site();
    let gateway = &serve("/docs", &site, true);
    let got = |path: &'static str| async move { get(format!("{}{path}", gateway.origin)).await };
    assert_eq!(got("/docs/LICENSE").await.body, "the licence");
    assert_eq!(got("/docs/some/page").await.body, "<title>the page</title>");
    assert_eq!(got("/LICENSE").await.status, StatusCode::NOT_FOUND);
    // Relative links need the slash.
    for (path, location) in [
        ("/docs?a=b", "/docs/?a=b"),
        ("/docs/assets/deep", "/docs/assets/deep/"),
    ] {
        let answer = got(path).await;
        assert_eq!(answer.status, StatusCode::TEMPORARY_REDIRECT, "{path}");
        assert_eq!(answer.field("location"), location);
    }
}

#[tokio::test]
async fn files_are_read_and_nothing_else() {
    let site = site();
    let gateway = serve("/", &site, true);
    let url = |path: &str| format!("{}{path}", gateway.origin);
    let from = "https://a.example";

    let head = send_from("HEAD", from, url("/assets/app.js"), &[]).await;
    assert_eq!((head.status, &*head.body), (StatusCode::OK, ""));
    assert_eq!(head.field("content-length"), "5500");
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        let answer = send_from(method, from, url("/orders/7"), &[]).await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{method}");
        assert_eq!(answer.field("allow"), "GET,HEAD", "{method}");
    }

    let part = send_from(
        "GET",
        from,
        url("/assets/app.js"),
        &[("range", "bytes=4-8")],
    )
    .await;
    assert_eq!(
        (part.status, &*part.body),
        (StatusCode::PARTIAL_CONTENT, "x = 1")
    );
    let small = send_from(
        "GET",
        from,
        url("/assets/app.js"),
        &[("accept-encoding", "gzip")],
    )
    .await;
    assert_eq!(small.field("content-encoding"), "gzip");
    assert!(small.body.len() < 1000);

    let modified = head.field("last-modified");
    let again = [("if-modified-since", modified)];
    let answer = send_from("GET", from, url("/assets/app.js"), &again).await;
    assert_eq!(answer.status, StatusCode::NOT_MODIFIED);
}

/// As the README says, so that nobody puts links there without meaning it.
#[cfg(unix)]
#[tokio::test]
async fn links_are_followed_out_of_the_directory() {
    let (site, outside) = (site(), tempfile::tempdir().unwrap());
    std::fs::write(outside.path().join("a.txt"), "outside").unwrap();
    let link = |name: &str| site.path().join(name);
    std::os::unix::fs::symlink(outside.path().join("a.txt"), link("file.txt")).unwrap();
    std::os::unix::fs::symlink(outside.path(), link("folder")).unwrap();
    let gateway = serve("/", &site, false);
    for path in ["/file.txt", "/folder/a.txt"] {
        let answer = get(format!("{}{path}", gateway.origin)).await;
        assert_eq!(answer.body, "outside", "{path}");
    }
}

/// RFC 9110 8.8.3.3. A browser that has the compressed file and is told by a 304 that it may take a range
/// out of it fails to decode what it takes.
#[tokio::test]
async fn the_compressed_file_has_a_tag_of_its_own() {
    let site = site();
    let gateway = &serve("/", &site, true);
    let ask = |fields: Vec<(&'static str, String)>| async move {
        let fields: Vec<_> = fields
            .iter()
            .map(|(name, value)| (*name, &**value))
            .collect();
        let url = format!("{}/assets/app.js", gateway.origin);
        send_from("GET", "https://a.example", url, &fields).await
    };
    let (gzip, part) = (
        ("accept-encoding", "gzip".to_owned()),
        ("range", "bytes=4-8".to_owned()),
    );
    let identity = ("accept-encoding", "identity".to_owned());
    let small = ask(vec![gzip.clone()]).await;
    let plain = ask(vec![]).await;
    let tag = |answer: &crate::client::Answer| answer.field("etag").to_owned();
    let strong = |answer| tag(answer).trim_start_matches("W/").to_owned();
    assert_ne!(tag(&small), tag(&plain));
    assert!(!tag(&plain).starts_with("W/"), "{}", tag(&plain));

    for (fields, status, own) in [
        // The client's copy is what it would get: there is nothing to send.
        (
            vec![gzip.clone(), ("if-none-match", tag(&small))],
            304,
            tag(&small),
        ),
        (
            vec![identity.clone(), ("if-none-match", tag(&plain))],
            304,
            tag(&plain),
        ),
        // RFC 9110 8.8.3.2: compared weakly, also where somebody between has made it strong.
        (
            vec![gzip.clone(), ("if-none-match", strong(&small))],
            304,
            tag(&small),
        ),
        // It has the plain file, and would get the compressed one.
        (
            vec![gzip.clone(), ("if-none-match", tag(&plain))],
            200,
            tag(&small),
        ),
        // It has the compressed file, and wants the plain one or a part of it.
        (
            vec![identity.clone(), ("if-none-match", tag(&small))],
            200,
            tag(&plain),
        ),
        (
            vec![identity, part.clone(), ("if-none-match", tag(&small))],
            206,
            tag(&plain),
        ),
        (
            vec![gzip.clone(), part.clone(), ("if-none-match", tag(&small))],
            206,
            tag(&plain),
        ),
        (
            vec![gzip, part, ("if-range", tag(&small))],
            200,
            tag(&small),
        ),
    ] {
        let answer = ask(fields.clone()).await;
        assert_eq!(answer.status, status, "{fields:?}");
        assert_eq!(tag(&answer), own, "{fields:?}");
        assert_eq!(answer.field("vary"), "accept-encoding", "{fields:?}");
    }
}

/// RFC 9110 13.1.5: the rest of one file is not put behind the beginning of another.
#[tokio::test]
async fn a_download_is_resumed_only_from_the_same_file() {
    let site = site();
    let gateway = serve("/", &site, true);
    let url = || format!("{}/assets/app.js", gateway.origin);
    let first = get(url()).await;
    let (tag, modified) = (first.field("etag"), first.field("last-modified"));
    let of_another = r#""0-0""#;
    for (range, validator, status) in [
        ("bytes=4-8", tag, 206),
        ("bytes=4-8", modified, 206),
        ("bytes=4-8", of_another, 200),
        ("bytes=4-8", &format!("W/{tag}"), 200),
        ("bytes=4-8", "Thu, 01 Jan 1970 00:00:00 GMT", 200),
        ("bytes=9999-", tag, 416),
        ("bytes=9999-", of_another, 200),
    ] {
        let fields = [("range", range), ("if-range", validator)];
        let answer = send_from("GET", "https://a.example", url(), &fields).await;
        assert_eq!(answer.status, status, "{range} {validator}");
        if status == 200 {
            assert_eq!(answer.body, first.body);
        }
    }
}

/// Writes a file that has been there for a long time.
fn write_old(path: &std::path::Path, text: &str) {
    std::fs::write(path, text).unwrap();
    let long_ago = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1 << 30);
    let file = std::fs::File::options().write(true).open(path).unwrap();
    file.set_modified(long_ago).unwrap();
}

/// Dates that archives and broken clocks bring along: HTTP has none for them.
#[tokio::test]
async fn a_file_with_a_date_that_cannot_be_written_is_served_without_it() {
    use std::time::{Duration, SystemTime};
    let site = site();
    let gateway = serve("/", &site, true);
    let large = "y".repeat(200_000);
    for name in ["small", "large"] {
        let path = site.path().join(format!("{name}.txt"));
        std::fs::write(&path, if name == "small" { "small" } else { &large }).unwrap();
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        let before_1970 = SystemTime::UNIX_EPOCH - Duration::from_secs(1);
        let year_10000 = SystemTime::UNIX_EPOCH + Duration::from_secs(253_402_300_800);
        for date in [before_1970, year_10000] {
            // Not every file system has so late a date.
            if file.set_modified(date).is_err() {
                continue;
            }
            for (method, fields) in [
                ("GET", [("accept-encoding", "gzip")]),
                ("GET", [("range", "bytes=0-4")]),
                ("GET", [("if-match", "*")]),
                (
                    "HEAD",
                    [("if-modified-since", "Thu, 01 Jan 1970 00:00:00 GMT")],
                ),
            ] {
                let url = format!("{}/{name}.txt", gateway.origin);
                let answer = send_from(method, "https://a.example", url, &fields).await;
                assert!(
                    matches!(answer.status.as_u16(), 200 | 206),
                    "{name} {fields:?}"
                );
            }
        }
    }
}

/// A remembered file is what it was within the last second, in every form and whatever its date says.
#[tokio::test]
async fn a_file_that_changes_is_seen_within_a_second() {
    let site = site();
    let gateway = serve("/", &site, true);
    let path = site.path().join("assets/app.js");
    let (zeros, ones) = ("let x = 0;\n".repeat(500), "let x = 1;\n".repeat(500));
    let url = || format!("{}/assets/app.js", gateway.origin);
    let packed = async |text: &str| {
        let fields = [("accept-encoding", "gzip")];
        let answer = send_from("GET", "https://a.example", url(), &fields).await;
        assert_eq!(answer.field("content-encoding"), "gzip", "{text}");
        answer.body
    };
    // One that has just been written may be written again: no answer is repeated.
    assert_eq!(get(url()).await.body, ones);
    std::fs::write(&path, &zeros).unwrap();
    assert_eq!(get(url()).await.body, zeros);

    // Two versions of one length and one date.
    write_old(&path, &zeros);
    let first = get(url()).await;
    let first_packed = packed("zeros").await;
    assert_eq!(first.body, zeros);
    write_old(&path, &ones);
    // For a second the answers may be those of before, whole.
    let repeated = get(url()).await;
    assert!(repeated.body == zeros || repeated.body == ones);
    tokio::time::sleep(std::time::Duration::from_millis(1_200)).await;
    let second = get(url()).await;
    assert_eq!(second.body, ones);
    assert_ne!(second.field("etag"), first.field("etag"));
    assert_ne!(packed("ones").await, first_packed);

    std::fs::remove_dir_all(site.path().join("assets")).unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(1_200)).await;
    assert_eq!(get(url()).await.status, StatusCode::NOT_FOUND);
}

/// The same answer from the memory as from the disk.
#[tokio::test]
async fn what_is_remembered_is_answered_as_the_file_was() {
    let site = site();
    let gateway = serve("/", &site, true);
    for file in ["index.html", "assets/app.js", "LICENSE"] {
        let path = site.path().join(file);
        write_old(&path, &std::fs::read_to_string(&path).unwrap());
    }
    for path in ["/", "/assets/app.js", "/LICENSE", "/a/page"] {
        let url = || format!("{}{path}", gateway.origin);
        for coding in ["identity", "gzip"] {
            let ask = async |method: &str, fields: &[(&str, &str)]| {
                let fields = [&[("accept-encoding", coding)][..], fields].concat();
                let mut answer = send_from(method, "https://a.example", url(), &fields).await;
                answer.headers.remove("date");
                answer
            };
            let read = ask("GET", &[]).await;
            let remembered = ask("GET", &[]).await;
            assert_eq!(remembered.headers, read.headers, "{path} {coding}");
            assert_eq!(remembered.body, read.body, "{path} {coding}");
            let head = ask("HEAD", &[]).await;
            assert_eq!((&head.headers, &*head.body), (&read.headers, ""), "{path}");
            let tag = read.field("etag");
            for known in [tag, &format!("\"x\", {tag}"), "*"] {
                let same = ask("GET", &[("if-none-match", known)]).await;
                assert_eq!(same.status, StatusCode::NOT_MODIFIED, "{path} {known}");
                assert_eq!(same.field("vary"), "accept-encoding", "{path} {known}");
                assert_eq!(same.field("etag"), tag, "{path} {known}");
            }
            let other = ask("GET", &[("if-none-match", "\"x\"")]).await;
            assert_eq!(other.body, read.body, "{path} {coding}");
            let never = ask("GET", &[("if-match", "\"x\"")]).await;
            assert_eq!(never.status, StatusCode::PRECONDITION_FAILED, "{path}");
            // The memory holds the answer to a GET (RFC 9110 15.5.6).
            ask("GET", &[]).await;
            for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "FOO"] {
                let refused = ask(method, &[]).await;
                assert_eq!(refused.status, 405, "{method} {path}");
                assert_ne!(refused.field("allow"), "", "{method} {path}");
                assert_eq!(refused.body, "", "{method} {path}");
            }
        }
    }
}
