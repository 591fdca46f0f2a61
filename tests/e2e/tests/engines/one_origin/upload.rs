//! Uploads: a large one and what the page is told of it meanwhile, and streams that the page writes.

use serde_json::json;

use super::{Protocol, Site};
use crate::network::requests;

/// Of the upload whose progress is watched.
const SIZE: u64 = 20 * 1024 * 1024;

/// The API reads on only when the page has seen progress: an upload that is collected on the way ends
/// for the page before it has begun for the API, and is caught by its first event.
pub async fn tells_its_progress(protocol: Protocol) {
    let site = Site::start(protocol).await;
    let result = site.call("upload", json!(SIZE)).await;
    assert_eq!(result["status"], 200);
    assert_eq!(result["answer"]["length"], SIZE);
    assert_eq!(result["answer"]["sha256"], result["sha256"]);

    let events = result["progress"].as_array().expect("events");
    let loaded: Vec<_> = events
        .iter()
        .filter_map(|event| event["loaded"].as_u64())
        .collect();
    assert!(loaded.len() >= 2, "{events:?}");
    assert!(
        loaded[0] < SIZE && loaded.last() == Some(&SIZE),
        "{events:?}"
    );
    assert!(loaded.is_sorted(), "{events:?}");
    for event in events {
        assert_eq!(
            (&event["total"], &event["lengthComputable"]),
            (&json!(SIZE), &json!(true))
        );
    }

    // A listener on an upload makes it one that is preflighted, but not here.
    let sent = requests(&site.browser).await;
    let uploads: Vec<_> = sent
        .iter()
        .filter(|sent| sent.url.ends_with("/uploads"))
        .collect();
    assert_eq!(uploads.len(), 2);
    assert!(
        uploads.iter().all(|sent| sent.method != "OPTIONS"),
        "{uploads:?}"
    );
}

/// Chromium sends a stream by HTTP/2 only. It has no length, so whoever sends it on has to say where it
/// ends, and must not say so where it failed.
pub async fn streams_end_as_the_page_ends_them() {
    let site = Site::start(Protocol::Http2).await;
    let chunks = ["one ", "two ", "three"];
    let text = chunks.concat();
    let whole = json!({ "chunks": chunks, "already": 0, "fails": false });
    let result = site.call("stream", whole).await;
    assert_eq!(result, json!({ "status": 200, "text": text }));
    let failed = json!({ "chunks": chunks, "already": text.len(), "fails": true });
    let result = site.call("stream", failed).await;
    assert_eq!(result, json!({ "error": "TypeError" }));

    let mut ended = site.upstreams.api.uploads.ended.subscribe();
    let ended = ended.wait_for(|ended| ended.len() == 2).await;
    assert_eq!(*ended.expect("the API lives"), [true, false]);
}
