//! Static files.

use crate::client::{get, send_from};
use crate::example::Example;
use crate::gateway;
use http::StatusCode;

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

fn serve(prefix: &str, site: &tempfile::TempDir, spa: bool) -> Example {
    let dir = site.path();
    gateway::with(&format!(
        "[[routes]]\nprefix = '{prefix}'\ndir = {dir:?}\nspa = {spa}\n"
    ))
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
