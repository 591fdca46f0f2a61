//! Paths of files that are not what they seem.

use crate::client::get;
use crate::example::Example;
use crate::gateway;
use http::StatusCode;
use std::path::Path;

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

fn serve(prefix: &str, site: &Path, spa: bool) -> Example {
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
