//! Of two responses the more recent one is kept, whichever comes or ends last.

use std::time::{Duration, SystemTime};

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use same_origin::cache::{Cache, Outcome};
use tokio::time::sleep;

use crate::support::{Site, get, request, response};

const LONG: (&str, &str) = ("cache-control", "max-age=100000");

fn date(seconds_ago: u64) -> String {
    httpdate::fmt_http_date(SystemTime::now() - Duration::from_secs(seconds_ago))
}

/// A body of one word that takes a time.
fn slow_body(text: String, time: u64) -> Body {
    Body::from_stream(stream::once(async move {
        sleep(Duration::from_secs(time)).await;
        Ok::<_, &str>(Bytes::from(text))
    }))
}

/// Client A asks for the old one, which is slow. A second later B gets the new one.
async fn race(site: &Site, method: &str, fields: &[(&str, &str)]) {
    let old = site.ask(request(method, "/a", fields));
    let new = async {
        sleep(Duration::from_secs(1)).await;
        let reload = [("cache-control", "no-cache")];
        assert_eq!(site.ask(get("/a", &reload)).await.text(), "new");
        let next = site.get("/a").await;
        assert_eq!((next.outcome, next.text()), (Some(Outcome::Hit), "new"));
    };
    futures_util::future::join(old, new).await;
}

#[tokio::test(start_paused = true)]
async fn a_late_validation_of_an_old_response_leaves_the_new_one() {
    for (method, status) in [("GET", 304), ("HEAD", 200), ("GET", 200)] {
        let site = Site::slow(Cache::builder(), move |seen| {
            Box::pin(async move {
                let old = [LONG, ("etag", "\"old\"")];
                Ok(match seen.number {
                    0 => response(200, &old, "old"),
                    1 => {
                        sleep(Duration::from_secs(3)).await;
                        let body = if status == 304 || seen.method == "HEAD" {
                            ""
                        } else {
                            "old"
                        };
                        response(status, &old, body)
                    }
                    _ => response(200, &[LONG, ("etag", "\"new\"")], "new"),
                })
            })
        });
        site.get("/a").await;
        race(&site, method, &[("cache-control", "no-cache")]).await;
        let next = site.get("/a").await;
        let case = format!("{method} {status}");
        assert_eq!(
            (next.outcome, next.text()),
            (Some(Outcome::Hit), "new"),
            "{case}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_response_does_not_take_the_place_of_a_more_recent_one() {
    struct Case {
        name: &'static str,
        /// Seconds until the slow head comes, and its body after that.
        slow: (u64, u64),
        /// Seconds by which each `Date` is over.
        dates: [Option<u64>; 2],
        expected: &'static str,
    }
    let case = |name, slow, dates, expected| Case {
        name,
        slow,
        dates,
        expected,
    };
    for case in [
        case("slow body", (0, 3), [None, None], "new"),
        case("slow body, dates", (0, 3), [Some(9), Some(5)], "new"),
        // When the new one was asked for, the head of the old one was there.
        case(
            "slow body, clocks that differ",
            (0, 3),
            [Some(5), Some(9)],
            "new",
        ),
        case("slow head", (3, 0), [None, None], "new"),
        case("slow head, one date", (3, 0), [Some(5), None], "new"),
        case(
            "slow head, the same date",
            (3, 0),
            [Some(5), Some(5)],
            "new",
        ),
        case("slow head, earlier date", (3, 0), [Some(9), Some(5)], "new"),
        // RFC 9111 4: the upstream says so.
        case("slow head, later date", (3, 0), [Some(5), Some(9)], "old"),
    ] {
        let dates = case.dates.map(|ago| ago.map(date));
        let (head, body) = case.slow;
        let site = Site::slow(Cache::builder(), move |seen| {
            let dates = dates.clone();
            Box::pin(async move {
                let is_old = seen.number == 0;
                let (text, wait) = if is_old {
                    ("old", (head, body))
                } else {
                    ("new", (0, 0))
                };
                sleep(Duration::from_secs(wait.0)).await;
                let body = slow_body(text.to_owned(), wait.1);
                let date = &dates[usize::from(!is_old)];
                let date = date.iter().map(|date| ("date", &**date));
                let fields: Vec<_> = [LONG].into_iter().chain(date).collect();
                Ok(response(200, &fields, body))
            })
        });
        race(&site, "GET", &[]).await;
        let next = site.get("/a").await;
        assert_eq!(
            (next.outcome, next.text()),
            (Some(Outcome::Hit), case.expected),
            "{}",
            case.name
        );
    }
}

/// By `Date` alone, an answer of the server whose clock is fast would stay for an hour.
#[tokio::test(start_paused = true)]
async fn a_clock_that_is_fast_holds_no_place() {
    let site = Site::new(|seen| {
        let at = SystemTime::now() + Duration::from_secs(if seen.number == 0 { 3600 } else { 0 });
        let date = httpdate::fmt_http_date(at);
        let body = format!("answer {}", seen.number);
        response(200, &[LONG, ("date", &date)], body)
    });
    site.get("/a").await;
    sleep(Duration::from_secs(1)).await;
    site.ask(get("/a", &[("cache-control", "no-cache")])).await;
    let next = site.get("/a").await;
    assert_eq!(
        (next.outcome, next.text()),
        (Some(Outcome::Hit), "answer 1")
    );
}

/// RFC 9111 4.1: the answer to a client that prefers nothing often lacks the `Vary` that the others have.
#[tokio::test]
async fn a_default_without_vary_hides_no_variant() {
    let site = Site::new(|seen| match seen.field("accept-language") {
        Some(language) => {
            let fields = [LONG, ("vary", "accept-language")];
            response(200, &fields, language.to_owned())
        }
        None => response(200, &[LONG], "default"),
    });
    let languages = [Some("en"), Some("de"), None];
    for expected in [Outcome::Miss, Outcome::Hit, Outcome::Hit] {
        for language in languages {
            let fields = language.map(|language| ("accept-language", language));
            let got = site.ask(get("/a", fields.as_slice())).await;
            let text = language.unwrap_or("default");
            assert_eq!((got.outcome, got.text()), (Some(expected), text));
        }
    }
}
