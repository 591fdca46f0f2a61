//! Redirects of an API that names its own address, or the bucket's.

use http::Method;
use serde_json::{Value, json};

use super::{Protocol, Site};
use crate::gateway::ORIGIN;
use crate::network::requests;
use crate::upstreams::api::REPORT;
use crate::upstreams::{API, BUCKET};

pub async fn stay_on_the_origin() {
    let site = Site::start(Protocol::Http2).await;
    let authorized = json!([["authorization", "Bearer token"]]);
    let signed = site.upstreams.bucket.signer.sign(&Method::GET, REPORT);
    let at_bucket = format!("/files{signed}");
    for (method, path, end, servers) in [
        ("GET", "/api/elsewhere", "/api/session", [API, API]),
        // 307: the POST stays one, and so does its Origin.
        ("POST", "/api/elsewhere", "/api/session", [API, API]),
        ("GET", "/api/report", &*at_bucket, [API, BUCKET]),
        // 303: the POST becomes a GET, for which the URL is signed.
        ("POST", "/api/report", &*at_bucket, [API, BUCKET]),
    ] {
        let step = json!({
            "method": method, "url": path, "headers": authorized, "credentials": "include",
            "body": if method == "POST" { json!("{}") } else { Value::Null },
        });
        let answer = site.fetch(step).await;
        assert_eq!(answer["status"], 200, "{method} {path}: {answer}");
        assert_eq!(answer["redirected"], true, "{method} {path}");
        assert_eq!(answer["url"], format!("{ORIGIN}{end}"), "{method} {path}");
        // Fetch #concept-filtered-response-basic: no origin was crossed.
        assert_eq!(answer["type"], "basic", "{method} {path}");

        let arrived = site.arrived();
        let [first, last] = &arrived[..] else {
            panic!("{method} {path}: {arrived:#?}")
        };
        assert_eq!([first.origin, last.origin], servers);
        for (request, hop) in [(first, 0), (last, 1)] {
            let origin = request.header("origin");
            assert_ne!(origin.as_deref(), Some("null"));
            if request.method == "POST" {
                assert_eq!(origin.as_deref(), Some(ORIGIN), "{path}, hop {hop}");
            }
            let token = request.header("authorization");
            let wanted = (request.origin == API).then(|| "Bearer token".to_owned());
            assert_eq!(token, wanted, "{method} {path}, hop {hop}");
        }
    }

    // A navigation goes the same way, and the browser has never asked another host for anything.
    site.open("/api/report").await;
    let here = site.execute("return location.href").await;
    assert_eq!(here, format!("{ORIGIN}{at_bucket}"));
    let mut sent = requests(&site.browser).await;
    // The browser's own pages show what is no page.
    sent.retain(|request| request.url.starts_with("http"));
    assert!(sent.len() > 8);
    for request in sent {
        let inside = request.url.starts_with(ORIGIN);
        assert!(inside && request.method != "OPTIONS", "{request:?}");
    }
}
