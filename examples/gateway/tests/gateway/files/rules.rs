//! Fields that are set for files at some paths, however the path is spelt and whatever file answers.

use http::Request;
use http_body_util::Full;

use super::{serve_with, site};
use crate::client::{get, send};

const RULES: &str = "spa = true\nset_response_headers = [\n\
    { path = '/assets/*', cache-control = 'public, max-age=31536000, immutable' },\n\
    { path = '/', cache-control = 'no-cache' },\n\
    { path = '/plain/*', cache-control = 'no-transform' },\n\
    { path = '/digest.js', content-digest = 'sha-256=:AAAA:' },\n]\n";

#[tokio::test]
async fn a_rule_holds_for_every_spelling_and_not_for_what_stands_in() {
    let site = site();
    for folder in ["assets", "plain"] {
        std::fs::create_dir_all(site.path().join(folder)).unwrap();
        std::fs::write(site.path().join(folder).join("a.js"), "x".repeat(1000)).unwrap();
    }
    for file in ["digest.js", "other.js"] {
        std::fs::write(site.path().join(file), "x".repeat(1000)).unwrap();
    }
    let gateway = serve_with(&site, RULES);
    let immutable = "public, max-age=31536000, immutable";
    for (path, field, coding) in [
        ("/assets/a.js", immutable, "gzip"),
        ("/assets//a.js", immutable, "gzip"),
        ("/assets/%2F%2fa.js", immutable, "gzip"),
        ("/assets%2F%2Fa.js", immutable, "gzip"),
        // The page stands in for them, and is not what the rule is about.
        ("/assets/chunk-abc", "no-cache", ""),
        ("/assets/", "no-cache", ""),
        ("/a/page", "no-cache", ""),
        ("/", "no-cache", ""),
        ("/plain/a.js", "no-transform", ""),
        ("/plain//a.js", "no-transform", ""),
        ("/digest.js", "", ""),
        ("/other.js", "", "gzip"),
    ] {
        // From the disk, and then perhaps from memory.
        for _ in 0..2 {
            let request = Request::get(format!("{}{path}", gateway.origin));
            let request = request.header("accept-encoding", "gzip");
            let answer = send(request.body(Full::default()).unwrap()).await;
            assert_eq!(answer.status, 200, "{path}");
            assert_eq!(answer.field("cache-control"), field, "{path}");
            assert_eq!(answer.field("content-encoding"), coding, "{path}");
        }
    }
    // Nor for its 304.
    let url = format!("{}/assets/chunk-abc", gateway.origin);
    let tag = get(url.clone()).await.field("etag").to_owned();
    let known = Request::get(url).header("if-none-match", tag);
    let answer = send(known.body(Full::default()).unwrap()).await;
    assert_eq!(
        (answer.status.as_u16(), answer.field("cache-control")),
        (304, "no-cache")
    );
}

/// Two versions with one length and one date, as reproducible builds make them.
#[tokio::test]
async fn the_tag_of_a_small_file_is_of_its_content() {
    let site = site();
    let gateway = serve_with(&site, "");
    let path = site.path().join("app.html");
    let write = |text: &str| {
        // Another file in its place, as a deployment puts it.
        let next = site.path().join("next");
        std::fs::write(&next, text).unwrap();
        let date = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1);
        let file = std::fs::File::options().write(true).open(&next).unwrap();
        file.set_modified(date).unwrap();
        std::fs::rename(next, &path).unwrap();
    };
    let ask = async |field: &str, tag: &str| {
        let request = Request::get(format!("{}/app.html", gateway.origin));
        let request = request.header(field, tag).header("range", "bytes=0-3");
        send(request.body(Full::default()).unwrap()).await
    };
    write("one page");
    let first = get(format!("{}/app.html", gateway.origin)).await;
    let tag = first.field("etag").to_owned();
    assert_eq!(
        first.field("last-modified"),
        "Thu, 01 Jan 1970 00:00:01 GMT"
    );
    assert!(tag.starts_with('"'), "{tag}");
    assert_eq!(ask("if-range", &tag).await.status, 206);
    assert_eq!(ask("if-none-match", &tag).await.status, 304);
    write("two page");
    assert_eq!(ask("if-range", &tag).await.status, 200);
    assert_eq!(ask("if-none-match", &tag).await.status, 206);
    write("one page");
    assert_eq!(ask("if-none-match", &tag).await.status, 304);
}

#[tokio::test]
async fn a_date_that_has_not_come_is_not_told() {
    let site = site();
    let path = site.path().join("later.txt");
    std::fs::write(&path, "later").unwrap();
    let file = std::fs::File::options().write(true).open(&path).unwrap();
    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(86_400);
    file.set_modified(later).unwrap();
    let gateway = serve_with(&site, "");
    let answer = get(format!("{}/later.txt", gateway.origin)).await;
    assert_eq!(
        (answer.field("last-modified"), &*answer.body),
        ("", "later")
    );
    assert!(!answer.field("etag").is_empty());
}
