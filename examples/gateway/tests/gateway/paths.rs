//! Paths of files that are not what they seem.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use http::StatusCode;

use crate::client::{get, send_from};
use crate::gateway;
use crate::process::Process;

/// A site with hidden files on every level.
fn site() -> tempfile::TempDir {
    let site = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = site.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("index.html", "the page");
    write("sub/index.html", "sub");
    write("sub/a.txt", "text");
    write("sub/.env", "SECRET=x");
    write("sub/.git/config", "SECRET=x");
    write(".well-known/acme", "meant");
    site
}

fn serve(prefix: &str, site: &Path, spa: bool) -> Process {
    let prefix = if prefix.is_empty() { "/" } else { prefix };
    gateway::with(&format!(
        "[[routes]]\nprefix = '{prefix}'\ndir = {site:?}\nspa = {spa}\n"
    ))
}

#[tokio::test]
async fn hidden_files_are_hidden_however_their_paths_are_written() {
    let site = site();
    for (prefix, spa) in [("", false), ("", true), ("/docs", true)] {
        let gateway = serve(prefix, site.path(), spa);
        for (path, status) in [
            ("/sub/.env", 404),
            ("/sub%2f.env", 404),
            ("/sub%2F.git%2fconfig", 404),
            ("/sub/.git%2fconfig", 404),
            ("/sub%2f%2Egit/config", 404),
            ("/sub/%2eenv", 404),
            ("/sub%5c.env", 404),
            ("/sub%2fa.txt", 200),
            ("/.well-known/acme", 200),
            ("/%2ewell-known/acme", 200),
        ] {
            let answer = get(format!("{}{prefix}{path}", gateway.origin)).await;
            assert_eq!(answer.status, status, "{prefix}{path} with spa {spa}");
            assert!(!answer.body.contains("SECRET"), "{prefix}{path}");
        }
    }
}

/// As before any other slash, there is a directory before it and no file: so the system, nginx and Apache have it.
#[tokio::test]
async fn a_file_has_no_encoded_slash_behind_it() {
    let site = site();
    let gateway = serve("/docs", site.path(), false);
    for (path, status) in [
        ("/docs/sub/a.txt", 200),
        ("/docs/sub/a.txt/", 404),
        ("/docs/sub/a.txt%2F", 404),
        ("/docs/sub/a.txt%2f%2F", 404),
        ("/docs/sub/", 200),
    ] {
        let answer = get(format!("{}{path}", gateway.origin)).await;
        assert_eq!(answer.status, status, "{path}");
    }
    // To browsers it is a part of the last segment, so that links of the page would lead beside it.
    for (path, location) in [
        ("/docs/sub%2F", "/docs/sub/"),
        ("/docs/sub%2f%2F", "/docs/sub/"),
        ("/docs/sub/%2F?a=b", "/docs/sub/?a=b"),
        ("/docs/%2F", "/docs/"),
    ] {
        let answer = get(format!("{}{path}", gateway.origin)).await;
        assert_eq!(answer.status, 307, "{path}");
        assert_eq!(answer.field("location"), location, "{path}");
    }
}

/// Not even the page stands in for it: it would be looked for in 30,000 directories.
#[tokio::test]
async fn a_path_that_no_file_can_have_is_not_looked_for() {
    let site = site();
    let gateway = serve("/", site.path(), true);
    for (depth, status) in [(1000, StatusCode::OK), (30_000, StatusCode::NOT_FOUND)] {
        let path = "/a".repeat(depth);
        let answer = get(format!("{}{path}", gateway.origin)).await;
        assert_eq!(answer.status, status, "{depth}");
    }
}

#[tokio::test]
async fn an_encoded_dot_is_a_dot() {
    let site = site();
    let gateway = serve("/", site.path(), true);
    for (path, status) in [
        ("/missing%2ejs", StatusCode::NOT_FOUND),
        ("/sub%2fmissing.js", StatusCode::NOT_FOUND),
        ("/v1.2%2fabout", StatusCode::OK),
    ] {
        let answer = get(format!("{}{path}", gateway.origin)).await;
        assert_eq!(answer.status, status, "{path}");
    }
}

/// RFC 3986 4.2: what begins with two slashes names a host.
#[tokio::test]
async fn a_directorys_redirect_stays_on_this_host() {
    let site = site();
    for (prefix, path, location) in [
        ("", "/sub?a=//b", "/sub/?a=//b"),
        ("", "//sub", ""),
        ("", "///sub", ""),
        ("", "/%2fsub", ""),
        ("/docs", "/docs/sub", "/docs/sub/"),
        ("/docs", "/docs//sub", "/docs//sub/"),
        ("/docs", "//docs/sub", ""),
    ] {
        let gateway = serve(prefix, site.path(), false);
        let answer = get(format!("{}{path}", gateway.origin)).await;
        assert_eq!(answer.field("location"), location, "{path}");
        let status = if location.is_empty() { 404 } else { 307 };
        assert_eq!(answer.status, status, "{path}");
    }
}

/// A path that the file system has no name for is not a file, and not a failure.
#[tokio::test]
async fn a_name_that_no_file_can_have_is_of_a_page_or_not_found() {
    let site = site();
    std::os::unix::fs::symlink("loop", site.path().join("sub/loop")).unwrap();
    let name = "a".repeat(256);
    let deep = "a/".repeat(2500);
    for spa in [true, false] {
        let gateway = serve("/", site.path(), spa);
        for (path, page) in [
            (format!("/sub/{name}"), true),
            (format!("/sub/{name}/"), true),
            (format!("/sub/{name}.js"), false),
            (format!("/{deep}a"), true),
            (format!("/{deep}a.js"), false),
            ("/sub/loop".to_owned(), true),
            ("/sub/loop/a".to_owned(), true),
            ("/sub/loop/a.js".to_owned(), false),
            ("/sub/a%00".to_owned(), true),
        ] {
            let answer = get(format!("{}{path}", gateway.origin)).await;
            let short = &path[path.len().saturating_sub(20)..];
            let status = if page && spa { 200 } else { 404 };
            assert_eq!(answer.status, status, "{short} with spa {spa}");
            let body = if page && spa { "the page" } else { "" };
            assert_eq!(answer.body, body, "{short} with spa {spa}");
        }
    }
}

/// To open a FIFO is to wait for who writes to it.
#[tokio::test]
async fn what_is_no_regular_file_is_not_found() {
    let site = site();
    for fifo in ["a.fifo", "fifo"] {
        let made = Command::new("mkfifo").arg(site.path().join(fifo)).status();
        assert!(made.unwrap().success());
    }
    let _socket = std::os::unix::net::UnixListener::bind(site.path().join("a.sock")).unwrap();
    std::fs::create_dir_all(site.path().join("odd/index.html")).unwrap();
    let gateway = serve("/", site.path(), true);
    for (path, status) in [
        ("/a.fifo", 404),
        ("/a.sock", 404),
        ("/odd/index.html/", 200),
        ("/fifo", 200),
        ("/odd/", 200),
    ] {
        for method in ["GET", "HEAD"] {
            let url = format!("{}{path}", gateway.origin);
            let answer = send_from(method, "https://a.example", url, &[]);
            let answer = tokio::time::timeout(Duration::from_secs(10), answer).await;
            let answer = answer.unwrap_or_else(|_| panic!("{method} {path} never ends"));
            assert_eq!(answer.status, status, "{method} {path}");
        }
    }
}
