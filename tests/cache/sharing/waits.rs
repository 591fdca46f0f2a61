//! Nobody waits again for what does not serve those who wait, and one of them fetches where it would.

use std::time::Duration;

use futures_util::future::join_all;
use same_origin::cache::Cache;
use tokio::time::{Instant, sleep};

use crate::sharing::many;
use crate::support::{FRESH, Site, get, request, response};

/// An origin that takes 1.2 seconds for each answer to a `GET`, and refuses one with `x-bad`.
fn slow(status: u16, fields: &'static [(&'static str, &'static str)]) -> Site {
    Site::slow(Cache::builder(), move |seen| {
        Box::pin(async move {
            if seen.method == "POST" {
                return Ok(response(302, &[("location", "/login")], ""));
            }
            sleep(Duration::from_millis(1200)).await;
            if seen.field("x-bad").is_some() {
                return Ok(response(400, &[], ""));
            }
            Ok(response(status, fields, format!("answer {}", seen.number)))
        })
    })
}

#[tokio::test(start_paused = true)]
async fn what_is_stale_when_it_comes_is_waited_for_once_and_then_never() {
    const TAG: (&str, &str) = ("etag", "\"a\"");
    let of_part = [FRESH, TAG, ("content-range", "bytes 0-7/20")];
    let old = ("date", "Wed, 01 Jan 2020 00:00:00 GMT");
    for (name, status, fields) in [
        (
            "an upstream whose clock is slow",
            200,
            &[FRESH, TAG, old][..],
        ),
        (
            "an age above the lifetime",
            200,
            &[FRESH, TAG, ("age", "61")],
        ),
        (
            "a page that takes longer than it is fresh",
            200,
            &[("cache-control", "max-age=1"), TAG],
        ),
        ("a part of a whole that was asked for", 206, &of_part),
    ] {
        let fields: &'static [_] = fields.to_vec().leak();
        let site = slow(status, fields);
        for (round, most) in [(0, 2400), (1, 1200), (2, 1200)] {
            let began = Instant::now();
            many(&site, 10, &[]).await;
            let took = began.elapsed().as_millis();
            assert!(took <= most + 10, "{name}, round {round}: {took} ms");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn after_one_change_one_fetches_for_all_who_waited() {
    let site = slow(200, &[FRESH]);
    let waiting = tokio::spawn({
        let site = site.clone();
        async move { many(&site, 20, &[]).await }
    });
    let began = Instant::now();
    sleep(Duration::from_millis(500)).await;
    site.cache.purge("/a");
    let texts: Vec<_> = waiting.await.unwrap();
    // Not for the end of what was asked for before.
    assert!(began.elapsed().as_millis() <= 1710);
    assert_eq!(texts[0].text(), "answer 0");
    assert!(texts[1..].iter().all(|got| got.text() == "answer 1"));
}

#[tokio::test(start_paused = true)]
async fn changes_without_end_cost_no_wait_that_is_in_vain() {
    let site = slow(200, &[FRESH]);
    let changes = tokio::spawn({
        let site = site.clone();
        async move {
            loop {
                site.ask(request("POST", "/a", &[])).await;
                sleep(Duration::from_millis(200)).await;
            }
        }
    });
    let began = Instant::now();
    many(&site, 20, &[]).await;
    // Until the second one, and the fetch.
    assert!(began.elapsed().as_millis() <= 1610);
    changes.abort();
}

#[tokio::test(start_paused = true)]
async fn if_the_one_that_fetches_is_refused_another_one_fetches() {
    let site = slow(200, &[FRESH, ("etag", "\"a\"")]);
    site.get("/a").await;
    sleep(Duration::from_secs(61)).await;
    let refused = tokio::spawn({
        let site = site.clone();
        async move { site.ask(get("/a", &[("x-bad", "1")])).await }
    });
    tokio::task::yield_now().await;
    let all = join_all((0..20).map(|_| site.get("/a"))).await;
    assert!(all.iter().all(|got| got.status == 200));
    assert_eq!(refused.await.unwrap().status, 400);
    assert_eq!(site.seen().len(), 3);
}
