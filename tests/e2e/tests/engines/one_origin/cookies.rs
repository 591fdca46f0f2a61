//! Cookies that the API sets for its own host and paths.

use serde_json::{Value, json};

use super::{Protocol, Site};

pub async fn come_back() {
    let site = Site::start(Protocol::Http2).await;
    let set = |cookie: &str| format!("set-cookie: {cookie}");
    let lines = [
        "whole=1; Domain=localhost; Path=/prod",
        "secret=2; Domain=localhost; Path=/prod; HttpOnly; Secure; SameSite=Strict",
        "deep=3; Path=/prod/obey/deep",
        "everywhere=4; Path=/",
        "__Host-id=5; Path=/; Secure; HttpOnly",
        "__Secure-id=6; Domain=localhost; Path=/prod; Secure",
        "nowhere=7",
        "gone=8; Path=/prod; Max-Age=0",
    ]
    .map(set);
    let lines: Vec<_> = lines.iter().map(|line| ("h", &**line)).collect();
    let query = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(lines)
        .finish();
    get(&site, &format!("/api/obey/login/now?{query}")).await;
    site.arrived();

    for (path, names) in [
        (
            "/api/obey/x",
            "secret whole everywhere __Host-id __Secure-id",
        ),
        (
            "/api/obey/deep/x",
            "deep secret whole everywhere __Host-id __Secure-id",
        ),
        // The default path is that of the request, as it always was (RFC 6265bis 5.1.4).
        (
            "/api/obey/login/x",
            "nowhere secret whole everywhere __Host-id __Secure-id",
        ),
    ] {
        get(&site, path).await;
        let arrived = site.arrived();
        let sent = arrived[0].header("cookie").unwrap_or_default();
        let mut sent: Vec<_> = sent
            .split("; ")
            .filter_map(|pair| pair.split('=').next())
            .collect();
        let mut names: Vec<_> = names.split(' ').collect();
        sent.sort_unstable();
        names.sort_unstable();
        assert_eq!(sent, names, "{path}");
    }

    // Script sees none that is HttpOnly, nor those of the API's paths: the page is at the root.
    let seen = site.execute("return document.cookie").await;
    assert_eq!(seen, "everywhere=4");
    site.open("/api/obey/page").await;
    let seen = site
        .execute("return document.cookie.split('; ').sort().join('; ')")
        .await;
    assert_eq!(seen, "__Secure-id=6; everywhere=4; whole=1");

    // The API takes back what it gave: same name, same domain, same path.
    site.open("/").await;
    let away = set("whole=; Domain=localhost; Path=/prod; Max-Age=0");
    let query = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("h", &away)
        .finish();
    get(&site, &format!("/api/obey/logout?{query}")).await;
    site.arrived();
    get(&site, "/api/obey/x").await;
    let sent = site.arrived()[0].header("cookie").unwrap_or_default();
    assert!(
        !sent.contains("whole") && sent.contains("secret=2"),
        "{sent}"
    );

    // And the bucket, which knows nobody, gets none of them.
    let signed = &site.upstreams.bucket.signer.sign(&http::Method::GET, "/x");
    let answer = site
        .fetch(json!({ "url": format!("/files{signed}"), "body": Value::Null }))
        .await;
    assert_eq!(answer["status"], 200, "{answer}");
    assert_eq!(site.arrived()[0].header("cookie"), None);
}

async fn get(site: &Site, path: &str) {
    let answer = site
        .fetch(json!({ "url": path, "body": Value::Null }))
        .await;
    assert_eq!(answer["status"], 200, "{path}");
}
