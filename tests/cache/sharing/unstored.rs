//! What could not be stored is remembered, so that nobody waits for it, and forgotten in time.

use std::time::Duration;

use same_origin::cache::{Cache, Outcome};
use tokio::time::{Instant, sleep};

use crate::sharing::many;
use crate::support::{FRESH, Site, data, frames, get, response};

/// Whatever the reason is that it cannot be stored.
#[tokio::test(start_paused = true)]
async fn nobody_waits_for_two_minutes_for_what_cannot_be_stored() {
    for fields in [
        &[FRESH, ("vary", "*")][..],
        &[FRESH, ("vary", "x-forwarded-for")],
        &[FRESH, ("age", "60")],
        &[FRESH, ("content-length", "8")],
        &[FRESH, ("transfer-encoding", "chunked")],
        &[FRESH, ("set-cookie", "a=1")],
        &[("cache-control", "no-store")],
    ] {
        let builder = Cache::builder().object(7);
        let site = Site::slow(builder, move |_| {
            Box::pin(async move {
                sleep(Duration::from_secs(1)).await;
                Ok(response(200, fields, frames(["1234", "5678"].map(data))))
            })
        });
        site.get("/a").await;
        for _ in 0..3 {
            let began = Instant::now();
            many(&site, 10, &[]).await;
            assert_eq!(began.elapsed().as_secs(), 1, "{fields:?}");
        }
        assert_eq!(site.seen().len(), 31, "{fields:?}");
    }
}

/// A 304 may be the one that says so.
#[tokio::test(start_paused = true)]
async fn a_304_that_forbids_to_store_ends_the_waiting_too() {
    let site = Site::slow(Cache::builder(), |seen| {
        Box::pin(async move {
            if seen.number > 0 {
                sleep(Duration::from_secs(1)).await;
            }
            let control = ["max-age=1", "no-store"][seen.number.min(1)];
            let status = seen.field("if-none-match").map_or(200, |_| 304);
            let fields = [("cache-control", control), ("etag", "\"a\"")];
            Ok(response(status, &fields, ""))
        })
    });
    site.get("/a").await;
    sleep(Duration::from_secs(2)).await;
    let began = Instant::now();
    many(&site, 10, &[]).await;
    assert_eq!(began.elapsed().as_secs(), 2);
}

#[tokio::test]
async fn what_could_not_be_stored_is_stored_once_it_may_be() {
    let site = Site::new(|seen| {
        let control = if seen.number < 3 {
            "private"
        } else {
            "max-age=60"
        };
        response(200, &[("cache-control", control)], "body")
    });
    let mut stored = 0;
    for _ in 0..10 {
        stored += u64::from(site.get("/a").await.outcome == Some(Outcome::Hit));
    }
    // Three that were private, one that shows that it is not any more, and one that is stored.
    assert_eq!((stored, site.seen().len()), (5, 5));
}

/// An origin that takes half a second, and answers `x-bad` with that status.
fn hot() -> Site {
    Site::slow(Cache::builder(), |seen| {
        Box::pin(async move {
            if let Some(status) = seen.field("x-bad") {
                return Ok(response(status.parse().unwrap(), &[], "bad"));
            }
            sleep(Duration::from_millis(500)).await;
            let fields = [("cache-control", "max-age=2"), ("etag", "\"a\"")];
            Ok(response(200, &fields, "body"))
        })
    })
}

/// The requests that reach the origin when 10 clients ask for something that is stale.
async fn fetches_of_ten(site: &Site) -> usize {
    sleep(Duration::from_secs(3)).await;
    let before = site.seen().len();
    many(site, 10, &[]).await;
    site.seen().len() - before
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_one_client_leaves_the_others_with_one_fetch() {
    for status in ["400", "406", "429", "431"] {
        let site = hot();
        site.get("/a").await;
        sleep(Duration::from_secs(3)).await;
        site.ask(get("/a", &[("x-bad", status)])).await;
        assert_eq!(fetches_of_ten(&site).await, 1, "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_stored_takes_back_that_none_could_be() {
    for status in ["500", "302"] {
        let site = hot();
        site.get("/a").await;
        sleep(Duration::from_secs(3)).await;
        site.ask(get("/a", &[("x-bad", status)])).await;
        fetches_of_ten(&site).await;
        assert_eq!(fetches_of_ten(&site).await, 1, "{status}");
    }
}
