//! Links into the application, and what is not there.

use serde_json::{Value, json};

use super::{Protocol, Site};
use crate::gateway::ORIGIN;

const DEEP: &str = "/orders/7/lines?page=2";

pub async fn deep_links_reload() {
    let site = Site::start(Protocol::Http2).await;
    site.open(DEEP).await;
    the_application_runs(&site, "navigate").await;
    site.browser.page.refresh().await.expect("a page");
    the_application_runs(&site, "reload").await;

    // By the history, as routers of applications do it.
    site.execute("history.pushState(null, '', '/orders/8')")
        .await;
    site.browser.page.refresh().await.expect("a page");
    assert_eq!(site.execute("return typeof run").await, "function");
    site.browser.page.back().await.expect("a page");
    let here = "return location.pathname + location.search";
    assert_eq!(site.execute(here).await, DEEP);

    // A file that is missing is missed, however deep the page is.
    site.open(DEEP).await;
    for missing in ["/assets/missing.js", "assets/page.js", "/missing.css"] {
        let answer = site
            .fetch(json!({ "url": missing, "body": Value::Null }))
            .await;
        assert_eq!(answer["status"], 404, "{missing}");
        assert!(
            !answer["text"].as_str().expect("a text").contains("<script"),
            "{missing}"
        );
    }
}

async fn the_application_runs(site: &Site, how: &str) {
    let script = "return [location.href, performance.getEntriesByType('navigation')[0].type,
        document.title, typeof run, typeof events]";
    let seen = site.execute(script).await;
    let href = format!("{ORIGIN}{DEEP}");
    assert_eq!(seen, json!([href, how, "app", "function", "function"]));
    let script = "return performance.getEntriesByType('resource').map(entry => entry.name)";
    let loaded = site.execute(script).await;
    let assets = ["page.js", "app.js"].map(|name| format!("{ORIGIN}/assets/{name}"));
    assert_eq!(loaded, json!(assets));
}

pub async fn what_is_unknown_is_said_by_whom_it_concerns() {
    let site = Site::start(Protocol::Http2).await;
    let of_api = r#"{"error":"the API knows no such thing"}"#;
    for (path, status, text) in [
        ("/api/nowhere", 404, of_api),
        ("/api/orders/7", 404, of_api),
        ("/api", 404, of_api),
        ("/api/", 404, of_api),
        (
            "/files/nowhere",
            403,
            "<Error><Code>SignatureDoesNotMatch</Code></Error>",
        ),
        // Not the API's: a segment that only begins like its prefix.
        ("/apis/nowhere", 200, include_str!("index.html")),
    ] {
        let answer = site
            .fetch(json!({ "url": path, "body": Value::Null }))
            .await;
        assert_eq!(answer["status"], status, "{path}");
        assert_eq!(answer["text"], text, "{path}");
    }
    // Whoever types such an address into the browser gets the same.
    site.open("/api/nowhere").await;
    let seen = site.execute("return document.body.innerText").await;
    assert!(seen.as_str().expect("a text").contains(of_api), "{seen}");
}
