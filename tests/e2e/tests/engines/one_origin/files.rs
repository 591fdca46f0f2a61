//! Answers of the bucket and of the API, byte for byte.

use http::Method;
use serde_json::{Value, json};

use super::{Protocol, Site};
use crate::upstreams::api::{REPEATED, TEXT, TEXT_ETAG, compressed};
use crate::upstreams::bucket::ALPHABET;

pub async fn signed_urls_hold_to_the_byte() {
    let site = Site::start(Protocol::Http2).await;
    let sign = |method, target: &str| site.upstreams.bucket.signer.sign(&method, target);
    for target in [
        "/a/b",
        "/a%2Fb%2fc",
        "/a%20b+c/%E2%82%AC/~%7E",
        "//doubled//slashes/",
        "/x?a=1&a=1&b&c=&=d&&e=%3D%26",
        "/x?redirect=https://other.test/?y=%25252F",
        "/(parentheses)!*'@:,;=$",
        "/x?q=(a)!*@:,;$/?",
        "/x?",
    ] {
        let signed = sign(Method::GET, target);
        let answer = get(&site, &signed).await;
        assert_eq!(answer["status"], 200, "{target}: {answer}");
        assert_eq!(answer["text"], signed, "{target}");
    }
    let signed = sign(Method::GET, "/a%2Fb?x=+");
    for damaged in [
        signed.replace("%2F", "/"),
        signed.replace("%2F", "%2f"),
        signed.replace('+', "%20"),
    ] {
        assert_eq!(get(&site, &damaged).await["status"], 403, "{damaged}");
    }

    // An upload by a signed URL, with the token that script sends everywhere.
    let target = "/uploads/b.bin";
    let put = json!({
        "method": "PUT", "url": format!("/files{}", sign(Method::PUT, target)), "body": "the bytes",
        "headers": [["authorization", "Bearer token"], ["content-type", "text/csv"]],
    });
    assert_eq!(site.fetch(put).await["status"], 200);
    let answer = get(&site, &sign(Method::GET, target)).await;
    assert_eq!(answer["text"], "the bytes");
}

async fn get(site: &Site, signed: &str) -> Value {
    let url = format!("/files{signed}");
    site.fetch(json!({ "url": url, "body": Value::Null })).await
}

pub async fn encodings_and_ranges_pass() {
    let site = Site::start(Protocol::Http2).await;
    // Script gets the text; on the wire were the API's own bytes.
    let plain = TEXT.repeat(REPEATED);
    let answer = site
        .fetch(json!({ "url": "/api/text", "body": Value::Null }))
        .await;
    assert_eq!(answer["text"], plain);
    let sent = compressed(plain).await.len();
    for (name, value) in [
        ("content-encoding", "gzip"),
        ("content-length", &sent.to_string()),
        ("etag", TEXT_ETAG),
    ] {
        assert_eq!(field(&answer, name), value, "{answer}");
    }
    let timing = site.call("timing", json!("/api/text")).await;
    assert_eq!(timing["encodedBodySize"], sent);
    assert_eq!(timing["decodedBodySize"], TEXT.len() * REPEATED);

    // The gateway's own files are compressed, and script does not see a difference.
    let answer = site
        .fetch(json!({ "url": "/assets/page.js", "body": Value::Null }))
        .await;
    assert_eq!(field(&answer, "content-encoding"), "zstd");
    assert_eq!(answer["text"], include_str!("../page.js"));

    // Parts of a file: of the bucket's, and of the gateway's own.
    let signed = site.upstreams.bucket.signer.sign(&Method::GET, ALPHABET);
    let bucket = format!("/files{signed}");
    for (url, range, content_range, text) in [
        (&*bucket, "bytes=2-4", "bytes 2-4/26", "cde"),
        (&*bucket, "bytes=-3", "bytes 23-25/26", "xyz"),
        ("/assets/page.js", "bytes=3-10", "", "The page"),
    ] {
        let headers = json!([["range", range]]);
        let step = json!({ "url": url, "headers": headers, "body": Value::Null });
        let answer = site.fetch(step).await;
        assert_eq!(
            (&answer["status"], &answer["text"]),
            (&json!(206), &json!(text))
        );
        assert!(
            field(&answer, "content-range").starts_with(content_range),
            "{answer}"
        );
    }
    // Of parts that it has, Chromium makes answers of its own, so this is another URL.
    let target = format!("{ALPHABET}?beyond");
    let signed = site.upstreams.bucket.signer.sign(&Method::GET, &target);
    let headers = json!([["range", "bytes=26-"]]);
    let step = json!({ "url": format!("/files{signed}"), "headers": headers, "body": Value::Null });
    let answer = site.fetch(step).await;
    assert_eq!(answer["status"], 416);
    assert_eq!(field(&answer, "content-range"), "bytes */26");
}

/// A field of what `page.js` describes.
fn field<'a>(answer: &'a Value, name: &str) -> &'a str {
    let headers = answer["headers"].as_array().expect("pairs");
    let found = headers.iter().find(|header| header[0] == name);
    found
        .and_then(|header| header[1].as_str())
        .unwrap_or_default()
}
