//! The demo's servers, as far as no browser is needed; `tests/demo.rs` opens its page.

use http::StatusCode;
use serde_json::Value;

use crate::client::{get, send_from};
use crate::gateway;

async fn json(url: String) -> Value {
    serde_json::from_str(&get(url).await.body).unwrap()
}

#[tokio::test]
async fn the_demo_serves_its_page_and_unites_three_origins() {
    let gateway = gateway::start(&["--listen", "127.0.0.1:0"]);
    let one = &gateway.origin;
    let page = get(format!("{one}/")).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.body.contains("<!doctype html>"));

    let setup = json(format!("{one}/lab/setup")).await;
    let origin = |name: &str| setup[name].as_str().unwrap().to_owned();
    assert_eq!(origin("one"), *one);
    let (api, bucket) = (origin("api"), origin("bucket"));

    // The API redirects to the bucket's own address, which the gateway maps back under its own.
    let direct = get(format!("{api}/prod/none/files/none/report")).await;
    let signed = direct.field("location");
    assert!(
        signed.starts_with(&format!("{bucket}/none/report?")),
        "{signed}"
    );
    let through = get(format!("{one}/api/none/files/none/report")).await;
    assert_eq!(through.status, StatusCode::SEE_OTHER);
    let mapped = through.field("location").trim_start_matches(one.as_str());
    assert!(mapped.starts_with("/bucket/none/report?"), "{mapped}");

    let with_token = [("authorization", "Bearer x")];
    for (url, status) in [
        (signed.to_owned(), StatusCode::OK),
        (format!("{one}{mapped}"), StatusCode::OK),
        (signed.replace("report", "secret"), StatusCode::FORBIDDEN),
        (format!("{bucket}/none/report"), StatusCode::FORBIDDEN),
    ] {
        assert_eq!(get(url.clone()).await.status, status, "{url}");
    }
    // Two authorities are one too many; the gateway's route takes the other one away.
    let answer = send_from("GET", "https://a.example", signed.to_owned(), &with_token).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let answer = send_from(
        "GET",
        "https://a.example",
        format!("{one}{mapped}"),
        &with_token,
    )
    .await;
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test]
async fn what_the_servers_saw_is_told_by_run() {
    let gateway = gateway::start(&["--listen", "127.0.0.1:0"]);
    let one = &gateway.origin;
    let three = json(format!("{one}/lab/setup")).await["three"]
        .as_str()
        .unwrap()
        .to_owned();
    let url = format!("{one}/api/page/items?run=r1&call=c1");
    let refused = send_from("GET", &three, url, &[]).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);

    let seen = json(format!("{one}/lab/run?id=r1")).await;
    let seen = seen["exchanges"].as_array().unwrap();
    let servers: Vec<_> = seen
        .iter()
        .map(|exchange| exchange["server"].as_str().unwrap())
        .collect();
    assert_eq!(servers, ["api", "gateway"]);
    for exchange in seen {
        assert_eq!(exchange["origin"], three.as_str());
        assert_eq!(exchange["status"], 401);
        assert_eq!(exchange["allow_origin"], three.as_str());
    }
    let other = json(format!("{one}/lab/run?id=r2")).await;
    assert_eq!(other["exchanges"].as_array().map(Vec::len), Some(0));
}

/// It has nothing to read again.
#[cfg(unix)]
#[test]
fn the_demo_ends_with_its_terminal() {
    use std::os::unix::process::ExitStatusExt;
    let demo = gateway::start(&["--listen", "127.0.0.1:0"]);
    demo.signal("HUP");
    assert_eq!(demo.ended().0.signal(), Some(1));
}
