//! Upstreams that say what is not so: the safe reading, and the next request works.

use std::time::Duration;

use http_body_util::BodyExt;
use same_origin::cache::{Cache, Outcome};
use tokio::time::advance;

use crate::support::{FRESH, Site, frames, get, request, response};

#[tokio::test(start_paused = true)]
async fn a_304_about_something_else_is_asked_again_without_conditions() {
    let site = Site::new(|seen| match seen.field("if-none-match") {
        Some(_) => response(304, &[("etag", "\"lie\"")], ""),
        None => {
            let fields = [FRESH, ("etag", "\"a\"")];
            response(200, &fields, format!("answer {}", seen.number))
        }
    });
    site.get("/a").await;
    advance(Duration::from_secs(61)).await;
    let got = site.get("/a").await;
    assert_eq!((got.status.as_u16(), got.text()), (200, "answer 2"));
    assert_eq!(site.get("/a").await.text(), "answer 2");
}

#[tokio::test(start_paused = true)]
async fn a_304_that_nobody_asked_for_goes_to_its_client_and_nowhere_else() {
    let site = Site::new(|seen| match seen.number {
        0 => response(304, &[FRESH, ("etag", "\"a\"")], ""),
        _ => response(200, &[FRESH], "body"),
    });
    assert_eq!(site.get("/a").await.status, 304);
    assert_eq!(site.get("/a").await.text(), "body");
}

#[tokio::test(start_paused = true)]
async fn an_etag_that_stays_while_the_body_changes_is_the_upstreams_word() {
    let site = Site::new(|seen| {
        let fields = [FRESH, ("etag", "\"same\"")];
        response(200, &fields, format!("answer {}", seen.number))
    });
    for number in 0..3 {
        assert_eq!(site.get("/a").await.text(), format!("answer {number}"));
        assert_eq!(site.get("/a").await.text(), format!("answer {number}"));
        advance(Duration::from_secs(61)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn fields_that_make_no_sense_make_nothing_fresh() {
    let many = (0..100)
        .map(|n| format!("x-{n}"))
        .collect::<Vec<_>>()
        .join(", ");
    let many: &'static str = many.leak();
    for fields in [
        &[("cache-control", "max-age=60, max-age=0")][..],
        &[("cache-control", "max-age=\"60")],
        &[
            ("cache-control", "max-age=60"),
            ("age", "99999999999999999999999"),
        ],
        &[
            ("cache-control", "max-age=60"),
            ("age", "18446744073709551615"),
        ],
        &[
            ("cache-control", "max-age=60, private"),
            ("expires", "Thu, 18 Aug 2050 02:01:18 GMT"),
        ],
        &[("expires", "Thu, 99 Foo 2050 99:99:99 GMT")],
        &[
            ("expires", "Thu, 18 Aug 2050 02:01:18 GMT"),
            ("cache-control", "max-age=x"),
        ],
        &[FRESH, ("vary", many)],
        &[FRESH, ("vary", "not a name, a")],
        &[FRESH, ("vary", "a, \"b\"")],
        &[FRESH, ("age", "60, 0")],
        &[FRESH, ("cache-control", "s-maxage=-1")],
        &[FRESH, ("cache-control", "no-cache=\"x-a")],
        &[
            ("expires", "0"),
            ("expires", "Thu, 18 Aug 2050 02:01:18 GMT"),
        ],
        &[
            ("expires", "Thu, 18 Aug 2050 02:01:18 GMT"),
            ("date", "tomorrow, about noon"),
            ("cache-control", "no-store"),
        ],
        &[FRESH, ("date", "Thu, 01 Jan 1970 00:00:00 GMT")],
    ] {
        let fields: Vec<_> = fields.to_vec();
        let shown = format!("{fields:?}");
        let site = Site::new(move |seen| {
            let mut fields = fields.clone();
            fields.push(("etag", "\"a\""));
            response(200, &fields, format!("answer {}", seen.number))
        });
        site.get("/a").await;
        advance(Duration::from_secs(1)).await;
        let second = site.get("/a").await;
        assert_eq!(second.text(), "answer 1", "{shown}");
    }
}

#[tokio::test]
async fn a_full_store_still_answers() {
    let builder = Cache::builder().size(20_000).object(20_000);
    let site = Site::with(builder, |seen| {
        response(200, &[FRESH], format!("{:>5000}", seen.number))
    });
    for number in 0..50 {
        let got = site.get(&format!("/{number}")).await;
        assert_eq!(got.text().trim(), number.to_string());
        assert!(site.cache.stats().bytes <= 20_000);
    }
    // What does not fit beside its own head is given on all the same.
    let site = Site::with(Cache::builder().size(1000).object(1000), |_| {
        response(200, &[FRESH], vec![b'x'; 1000])
    });
    for _ in 0..2 {
        assert_eq!(site.get("/a").await.body.len(), 1000);
    }
    assert_eq!(site.cache.stats().bytes, 0);
}

/// A fetch that was begun for clients that have left takes no room, and keeps nobody waiting.
#[tokio::test]
async fn clients_that_leave_leave_nothing_behind() {
    const LENGTH: usize = 20_000;
    let builder = Cache::builder().size(50_000).object(25_000);
    let site = Site::with(builder, |seen| {
        let half = bytes::Bytes::from(vec![b'x'; LENGTH / 2]);
        let half = || Ok(http_body::Frame::data(half.clone()));
        let fields = [FRESH, ("content-length", "20000")];
        let mut response = response(200, &fields, "");
        *response.body_mut() = frames([half(), half()]);
        if seen.target == "/cut" {
            *response.body_mut() = frames([half(), Err("cut")]);
        }
        response
    });
    for number in 0..100 {
        let target = if number % 2 == 0 { "/a" } else { "/b" };
        let mut answer = site.head(get(target, &[])).await;
        // Some before they have read anything, some after half of it.
        if number % 4 < 2 {
            let half = answer.body_mut().frame().await.unwrap().unwrap();
            assert_eq!(half.into_data().unwrap().len(), LENGTH / 2);
        }
        let cut = site.head(get("/cut", &[])).await;
        assert!(cut.into_body().collect().await.is_err());
    }
    assert_eq!(
        (site.cache.stats().stored, site.cache.stats().bytes),
        (0, 0)
    );
    for target in ["/a", "/b"] {
        assert_eq!(site.get(target).await.outcome, Some(Outcome::Miss));
        let second = site.get(target).await;
        assert_eq!(second.outcome, Some(Outcome::Hit), "{target}");
        assert_eq!(second.body.len(), LENGTH);
    }
}

/// Answers of which none is kept take no room either, whatever their number.
#[tokio::test]
async fn what_is_not_stored_takes_no_room() {
    let site = Site::new(|seen| {
        let control = if seen.number % 2 == 0 {
            "private"
        } else {
            "no-store"
        };
        response(200, &[("cache-control", control)], "body")
    });
    for number in 0..1000 {
        site.get(&format!("/{}", number % 600)).await;
    }
    let stats = site.cache.stats();
    assert_eq!((stats.entries, stats.bytes, stats.stored), (0, 0, 0));
    assert_eq!(stats.misses, 1000);
}

#[tokio::test]
async fn redirects_errors_and_refusals_are_stored_if_they_say_so() {
    for status in [299, 301, 404, 410, 500, 503, 599] {
        let site = Site::new(move |_| response(status, &[FRESH], "body"));
        site.get("/a").await;
        let second = site.get("/a").await;
        assert_eq!(
            (second.status.as_u16(), second.outcome),
            (status, Some(Outcome::Hit))
        );
    }
    let unmarked = Site::new(|_| response(404, &[], "body"));
    unmarked.get("/a").await;
    assert_eq!(unmarked.get("/a").await.outcome, Some(Outcome::Miss));
}

#[tokio::test]
async fn an_answer_to_a_condition_of_the_client_is_for_that_client() {
    let site = Site::new(|seen| match seen.field("if-match") {
        Some(_) => response(412, &[FRESH], "no match"),
        None => response(200, &[FRESH], "body"),
    });
    let refused = site.ask(get("/a", &[("if-match", "\"x\"")])).await;
    assert_eq!(refused.status, 412);
    assert_eq!(site.get("/a").await.text(), "body");
    let refused = site.ask(get("/a", &[("if-match", "\"x\"")])).await;
    assert_eq!(refused.status, 412);
    assert_eq!(
        site.ask(request("HEAD", "/a", &[])).await.outcome,
        Some(Outcome::Hit)
    );
}
