//! Requests with conditions share a fetch with all others, and each gets what its own conditions say.

use std::time::Duration;

use futures_util::future::join_all;
use http::Response;
use same_origin::cache::{Cache, Outcome};
use tokio::time::{Instant, sleep};

use crate::support::{FRESH, Got, Seen, Site, data, frames, get, response};

const TAG: (&str, &str) = ("etag", "\"a\"");
const HOLDS: (&str, &str) = ("if-none-match", "\"a\"");
const HOLDS_OTHER: (&str, &str) = ("if-none-match", "\"b\"");

/// An origin that takes a second, and says 304 to whoever holds the tag.
fn slow(fields: &'static [(&'static str, &'static str)]) -> Site {
    Site::slow(Cache::builder(), move |seen| {
        Box::pin(async move {
            sleep(Duration::from_secs(1)).await;
            Ok(answer(&seen, fields))
        })
    })
}

fn answer(seen: &Seen, fields: &[(&str, &str)]) -> Response<axum::body::Body> {
    if seen.field("if-none-match") == Some(HOLDS.1) {
        return response(304, fields, "");
    }
    response(200, fields, frames(["1234", "5678"].map(data)))
}

async fn mixed(site: &Site, count: usize) -> Vec<(usize, Got)> {
    let ask = async |number: usize| {
        let fields: &[_] = match number % 3 {
            0 => &[HOLDS],
            1 => &[HOLDS_OTHER],
            _ => &[],
        };
        (number % 3, site.ask(get("/a", fields)).await)
    };
    join_all((0..count).map(ask)).await
}

#[tokio::test(start_paused = true)]
async fn a_hundred_misses_make_one_fetch_whatever_conditions_they_bring() {
    let since = ("last-modified", "Wed, 01 Jan 2020 00:00:00 GMT");
    for fields in [&[FRESH, TAG][..], &[FRESH, TAG, since]] {
        let site = slow(fields.to_vec().leak());
        for (kind, got) in mixed(&site, 100).await {
            let (status, text) = if kind == 0 {
                (304, "")
            } else {
                (200, "12345678")
            };
            assert_eq!((got.status.as_u16(), got.text()), (status, text), "{kind}");
        }
        let seen = site.seen();
        assert_eq!(seen.len(), 1);
        assert_eq!(seen[0].field("if-none-match"), None);
        assert_eq!(site.get("/a").await.outcome, Some(Outcome::Hit));
    }
}

/// The one that fetches has the short form, and what it has asked for is stored all the same.
#[tokio::test(start_paused = true)]
async fn a_client_that_holds_the_body_is_not_given_it() {
    let site = slow(&[
        FRESH,
        TAG,
        ("content-type", "text/plain"),
        ("content-length", "8"),
    ]);
    let got = site.ask(get("/a", &[HOLDS])).await;
    assert_eq!((got.status.as_u16(), got.text()), (304, ""));
    assert_eq!(got.field("etag"), Some(TAG.1));
    assert_eq!(
        (got.field("content-type"), got.field("content-length")),
        (None, None)
    );
    let said = got.field("cache-status");
    assert_eq!(
        said,
        Some("same-origin; fwd=uri-miss; fwd-status=200; stored")
    );
    tokio::task::yield_now().await;
    let got = site.get("/a").await;
    assert_eq!((got.outcome, got.text()), (Some(Outcome::Hit), "12345678"));
}

#[tokio::test(start_paused = true)]
async fn one_validation_serves_those_with_conditions_too() {
    let site = slow(&[FRESH, TAG]);
    site.get("/a").await;
    sleep(Duration::from_secs(61)).await;
    for (kind, got) in mixed(&site, 30).await {
        assert_eq!(got.status, if kind == 0 { 304 } else { 200 });
    }
    assert_eq!(site.seen().len(), 2);
}

/// A client that holds the new one gets it in its short form, though the cache has asked about the old one.
#[tokio::test(start_paused = true)]
async fn what_a_validation_brings_is_judged_by_the_client_s_conditions() {
    let site = Site::new(|seen| {
        let tag = if seen.number == 0 {
            "\"old\""
        } else {
            "\"new\""
        };
        let fields = [("cache-control", "max-age=1"), ("etag", tag)];
        response(200, &fields, "body")
    });
    site.get("/a").await;
    sleep(Duration::from_secs(2)).await;
    let got = site.ask(get("/a", &[("if-none-match", "\"new\"")])).await;
    assert_eq!(got.status, 304);
    assert_eq!(site.seen()[1].field("if-none-match"), Some("\"old\""));
    tokio::task::yield_now().await;
    assert_eq!(site.get("/a").await.field("etag"), Some("\"new\""));
    assert_eq!(site.seen().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_private_page_that_is_polled_costs_its_body_once_and_nobody_waits_twice() {
    let site = slow(&[("cache-control", "private"), TAG]);
    let began = Instant::now();
    for (number, (kind, got)) in mixed(&site, 30).await.into_iter().enumerate() {
        // The first one was asked for without its conditions, and is not for a cache to judge.
        let is_short = kind == 0 && number > 0;
        assert_eq!(got.status, if is_short { 304 } else { 200 });
        assert_eq!(got.outcome, Some(Outcome::Miss));
    }
    // Once nobody knew. Then they go at the same time, each with its own question.
    assert_eq!(began.elapsed().as_secs(), 2);
    let seen = site.seen();
    assert_eq!(seen.len(), 30);
    let with = |seen: &&Seen| seen.field("if-none-match") == Some(HOLDS.1);
    assert_eq!(seen.iter().filter(with).count(), 9);
}

/// As servers of messages do, for whom a condition is a place in a queue.
#[tokio::test(start_paused = true)]
async fn who_answers_by_the_conditions_gets_them() {
    let site = Site::new(|seen| {
        let after = seen.field("if-modified-since").unwrap_or("the beginning");
        let fields = [FRESH, ("vary", "If-None-Match, If-Modified-Since")];
        response(200, &fields, format!("after {after}"))
    });
    for since in [
        "Wed, 01 Jan 2020 00:00:00 GMT",
        "Thu, 02 Jan 2020 00:00:00 GMT",
    ] {
        let got = site.ask(get("/a", &[("if-modified-since", since)])).await;
        assert_eq!(got.text(), format!("after {since}"));
    }
    assert_eq!(site.get("/a").await.text(), "after the beginning");
}

#[tokio::test(start_paused = true)]
async fn refusals_and_parts_are_given_as_they_are() {
    for (status, range) in [(404, None), (206, Some(("content-range", "bytes 0-3/8")))] {
        let site = Site::new(move |_| {
            let fields: Vec<_> = [FRESH, TAG].into_iter().chain(range).collect();
            response(status, &fields, "1234")
        });
        let got = site.ask(get("/a", &[HOLDS])).await;
        assert_eq!((got.status.as_u16(), got.text()), (status, "1234"));
    }
}

/// The client's clock is fast, and its upstream says nothing of when a page was changed.
#[tokio::test(start_paused = true)]
async fn a_date_of_now_does_not_say_that_nothing_was_modified() {
    for (modified, expected) in [(None, 200), (Some("Wed, 01 Jan 2020 00:00:00 GMT"), 304)] {
        let site = Site::new(move |_| {
            let date = ("date", "Thu, 02 Jan 2020 00:00:00 GMT");
            let modified = modified.map(|modified| ("last-modified", modified));
            let fields: Vec<_> = [("cache-control", "max-age=999999999"), date]
                .into_iter()
                .chain(modified)
                .collect();
            response(200, &fields, "body")
        });
        let since = [("if-modified-since", "Fri, 03 Jan 2020 00:00:00 GMT")];
        assert_eq!(site.ask(get("/a", &since)).await.status, expected);
    }
}

/// It keeps its place at the upstream until the body is there, and waits no longer than it has to.
#[tokio::test(start_paused = true)]
async fn a_slow_body_is_read_before_its_client_is_told_that_it_holds_it() {
    for (pieces, waits, fetches) in [(3, 800, 1), (30, 1000, 2)] {
        let site = Site::new(move |seen| {
            if seen.field("if-none-match").is_some() {
                return response(304, &[FRESH, TAG], "");
            }
            let body = futures_util::stream::unfold(0, move |sent| async move {
                sleep(Duration::from_millis(200)).await;
                let piece = axum::body::Bytes::from_static(b"1");
                (sent < pieces).then_some((Ok::<_, std::io::Error>(piece), sent + 1))
            });
            let body = axum::body::Body::from_stream(body);
            response(200, &[FRESH, TAG], body)
        });
        let began = Instant::now();
        assert_eq!(site.ask(get("/a", &[HOLDS])).await.status, 304);
        let waited = began.elapsed().as_millis();
        assert!((waits..waits + 50).contains(&waited), "{waited}");
        // Of what has taken too long the next one is asked for with its conditions.
        let began = Instant::now();
        assert_eq!(site.ask(get("/a", &[HOLDS])).await.status, 304);
        assert_eq!(began.elapsed().as_secs(), 0);
        assert_eq!(site.seen().len(), fetches);
    }
}
