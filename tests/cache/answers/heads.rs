//! The answer to a HEAD, held against what is stored of the GET (RFC 9111 4.3.5).

use std::time::Duration;

use same_origin::cache::{Cache, Outcome};
use tokio::time::{advance, sleep};

use crate::sharing::many;
use crate::support::{Site, request, response};

#[tokio::test(start_paused = true)]
async fn a_head_that_tells_of_another_body_makes_the_stored_one_stale() {
    let site = Site::new(|seen| {
        let tag = if seen.number < 1 { "\"a\"" } else { "\"b\"" };
        response(
            200,
            &[
                ("cache-control", "max-age=5, stale-if-error=99"),
                ("etag", tag),
            ],
            "body",
        )
    });
    site.get("/a").await;
    advance(Duration::from_secs(2)).await;
    let reload = [("cache-control", "no-cache")];
    site.ask(request("HEAD", "/a", &reload)).await;
    let next = site.get("/a").await;
    assert_eq!(
        next.field("cache-status"),
        Some("same-origin; fwd=stale; stored")
    );
    advance(Duration::from_secs(6)).await;
    // The same tag, and so a new life.
    site.ask(request("HEAD", "/a", &[])).await;
    assert_eq!(site.get("/a").await.outcome, Some(Outcome::Hit));
}

/// RFC 9111 4.3.5: it is to be considered stale, and not gone.
#[tokio::test(start_paused = true)]
async fn what_a_head_has_made_stale_is_validated_once_or_stands_in() {
    for (status, outcome) in [(304, Outcome::Revalidated), (503, Outcome::Stale)] {
        for age in [1, 601] {
            let site = Site::slow(Cache::builder(), move |seen| {
                Box::pin(async move {
                    let control = ("cache-control", "max-age=600, stale-if-error=60");
                    let fields = [control, ("etag", "\"a\""), ("content-length", "10")];
                    if seen.method == "HEAD" {
                        let length = ("content-length", "0");
                        return Ok(response(200, &[control, fields[1], length], ""));
                    }
                    sleep(Duration::from_secs(1)).await;
                    match seen.field("if-none-match") {
                        Some(_) => Ok(response(status, &fields, "")),
                        None => Ok(response(200, &fields, "0123456789")),
                    }
                })
            });
            site.get("/a").await;
            advance(Duration::from_secs(age)).await;
            let reload = [("cache-control", "no-cache")];
            site.ask(request("HEAD", "/a", &reload)).await;
            let all = many(&site, 10, &[]).await;
            assert!(all.iter().all(|got| got.text() == "0123456789"));
            assert!(all.iter().any(|got| got.outcome == Some(outcome)));
            assert_eq!(site.seen().len(), 3, "{status} {age}");
        }
    }
}
