//! One fetch for all who miss the same, and nobody waits for what is not for everybody.

mod ahead;
mod conditions;
mod unstored;
mod waits;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use same_origin::cache::{Cache, Outcome};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};
use tower::ServiceExt;

use crate::support::{FRESH, Got, Site, get, request, response};

/// An origin that takes a second for each answer.
fn slow(fields: &'static [(&'static str, &'static str)]) -> Site {
    Site::slow(Cache::builder(), move |seen| {
        Box::pin(async move {
            sleep(Duration::from_secs(1)).await;
            Ok(response(200, fields, format!("answer {}", seen.number)))
        })
    })
}

/// So many requests for `/a` at once, and their answers in order.
pub async fn many(site: &Site, count: usize, fields: &[(&str, &str)]) -> Vec<Got> {
    join_all((0..count).map(|_| site.ask(get("/a", fields)))).await
}

#[tokio::test(start_paused = true)]
async fn a_hundred_misses_make_one_fetch() {
    let site = slow(&[FRESH]);
    let all = many(&site, 100, &[("cookie", "a=1")]).await;
    assert!(all.iter().all(|got| got.text() == "answer 0"));
    assert_eq!(site.seen().len(), 1);
    assert_eq!(site.cache.stats().collapsed, 99);
    // RFC 9211 2.1, 2.6: they were forwarded, as parts of one request.
    let collapsed = |got: &&Got| {
        let said = got.field("cache-status").unwrap();
        said.starts_with("same-origin; fwd=uri-miss") && said.ends_with("; collapsed")
    };
    assert_eq!(all.iter().filter(collapsed).count(), 99);
}

#[tokio::test(start_paused = true)]
async fn a_hundred_make_one_validation() {
    let site = slow(&[FRESH, ("etag", "\"a\"")]);
    site.get("/a").await;
    tokio::time::advance(Duration::from_secs(61)).await;
    many(&site, 100, &[]).await;
    assert_eq!(site.seen().len(), 2);
}

/// Reloads that come at the same time are validations of the same answer, and none of them adds one.
#[tokio::test(start_paused = true)]
async fn many_reloads_at_the_same_time_leave_the_memory_as_it_was() {
    let builder = Cache::builder().size(100_000).object(20_000);
    let site = Site::slow(builder, |seen| {
        Box::pin(async move {
            sleep(Duration::from_secs(1)).await;
            let status = seen.field("if-none-match").map_or(200, |_| 304);
            let body = if status == 200 {
                "x".repeat(9000)
            } else {
                String::new()
            };
            Ok(response(status, &[FRESH, ("etag", "\"a\"")], body))
        })
    });
    for target in ["/a", "/b", "/c", "/d"] {
        site.get(target).await;
    }
    let before = site.cache.stats();
    for method in ["GET", "HEAD"] {
        let reload = || request(method, "/a", &[("cache-control", "no-cache")]);
        let all = join_all((0..100).map(|_| site.ask(reload()))).await;
        assert!(all.iter().all(|got| got.status == 200));
        let after = site.cache.stats();
        assert_eq!((after.bytes, after.entries), (before.bytes, before.entries));
    }
    for target in ["/a", "/b", "/c", "/d"] {
        assert_eq!(
            site.get(target).await.outcome,
            Some(Outcome::Hit),
            "{target}"
        );
    }
}

/// Not even a client that makes up a language for each request takes more than half of the memory.
#[tokio::test]
async fn the_variants_of_one_target_leave_room_for_others() {
    for size in [100_000, 9600] {
        let builder = Cache::builder().size(size).object(9600);
        let site = Site::with(builder, |seen| {
            let length = if seen.target == "/a" { 9000 } else { 10 };
            let fields = [FRESH, ("vary", "accept-language")];
            response(200, &fields, "x".repeat(length))
        });
        site.get("/b").await;
        for number in 0..40 {
            let language = [("accept-language", &*number.to_string())];
            site.ask(get("/a", &language)).await;
        }
        assert!(site.cache.stats().bytes < size / 2 + 10_000);
        assert_eq!(site.get("/b").await.outcome, Some(Outcome::Hit), "{size}");
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_gets_a_private_answer_of_another_one_or_waits_for_it_twice() {
    let site = slow(&[("cache-control", "private")]);
    let began = Instant::now();
    let all = many(&site, 20, &[]).await;
    let mut texts: Vec<_> = all.iter().map(Got::text).collect();
    texts.sort_unstable();
    texts.dedup();
    assert_eq!(texts.len(), 20);
    // RFC 9211 2.6: those that waited in vain were not collapsed with the first one.
    let status = |got: &Got| got.field("cache-status").unwrap().to_owned();
    let said: Vec<_> = all.iter().map(status).collect();
    let of = |text: &str| said.iter().filter(|said| *said == text).count();
    assert_eq!(of("same-origin; fwd=uri-miss"), 1, "{said:?}");
    assert_eq!(
        of("same-origin; fwd=uri-miss; collapsed=?0"),
        19,
        "{said:?}"
    );
    // Once nobody knew. Then they go at the same time.
    assert_eq!(began.elapsed().as_secs(), 2);
    let began = Instant::now();
    many(&site, 20, &[]).await;
    assert_eq!(began.elapsed().as_secs(), 1);
}

#[tokio::test(start_paused = true)]
async fn credentials_and_wishes_wait_for_nobody() {
    for fields in [
        &[("authorization", "x")][..],
        &[("cache-control", "no-cache")],
        &[("range", "bytes=0-1"), ("if-none-match", "\"a\"")],
    ] {
        let site = slow(&[FRESH]);
        let began = Instant::now();
        many(&site, 10, fields).await;
        assert_eq!(began.elapsed().as_secs(), 1, "{fields:?}");
        assert_eq!(site.seen().len(), 10, "{fields:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_wait_is_bounded() {
    let builder = Cache::builder().wait(Duration::from_secs(2));
    let site = Site::slow(builder, |seen| {
        Box::pin(async move {
            let time = if seen.number == 0 { 3600 } else { 1 };
            sleep(Duration::from_secs(time)).await;
            Ok(response(200, &[FRESH], "body"))
        })
    });
    let hanging = tokio::spawn({
        let site = site.clone();
        async move { site.get("/a").await }
    });
    tokio::task::yield_now().await;
    let began = Instant::now();
    assert_eq!(site.get("/a").await.outcome, Some(Outcome::Miss));
    assert_eq!(began.elapsed().as_secs(), 3);
    hanging.abort();
}

#[tokio::test(start_paused = true)]
async fn if_the_one_that_fetches_leaves_another_one_fetches() {
    let site = slow(&[FRESH]);
    let leaving = tokio::spawn({
        let site = site.clone();
        async move { site.get("/a").await }
    });
    tokio::task::yield_now().await;
    let waiting = tokio::spawn({
        let site = site.clone();
        async move { many(&site, 10, &[]).await }
    });
    sleep(Duration::from_millis(500)).await;
    leaving.abort();
    let all = waiting.await.unwrap();
    assert!(all.iter().all(|got| got.text() == "answer 1"));
    assert_eq!(site.seen().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn each_variant_is_fetched_once() {
    let site = Site::slow(Cache::builder(), |seen| {
        Box::pin(async move {
            sleep(Duration::from_millis(500)).await;
            let language = seen.field("accept-language").unwrap().to_owned();
            Ok(response(
                200,
                &[FRESH, ("vary", "accept-language")],
                language,
            ))
        })
    });
    let asks = (0..60).map(|number| {
        let language = ["de", "en", "fr"][number % 3];
        let site = site.clone();
        async move {
            (
                language,
                site.ask(get("/a", &[("accept-language", language)])).await,
            )
        }
    });
    for (language, got) in join_all(asks).await {
        assert_eq!(got.text(), language);
    }
    assert_eq!(site.seen().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn under_threads_one_fetch_is_one_fetch() {
    for _ in 0..20 {
        let gate = Arc::new(Semaphore::new(0));
        let site = Site::slow(Cache::builder(), {
            let gate = Arc::clone(&gate);
            move |_| {
                let gate = Arc::clone(&gate);
                Box::pin(async move {
                    let _pass = gate.acquire().await.unwrap();
                    Ok(response(200, &[FRESH], "body"))
                })
            }
        });
        let clients: Vec<_> = (0..50)
            .map(|_| {
                let site = site.clone();
                tokio::spawn(async move { site.get("/a").await })
            })
            .collect();
        tokio::task::yield_now().await;
        gate.add_permits(100);
        for client in clients {
            client.await.unwrap();
        }
        assert_eq!(site.seen().len(), 1);
    }
}

/// One after the other, the last of them would wait for as long as all of them.
#[tokio::test(start_paused = true)]
async fn those_who_waited_for_a_failure_get_what_stands_in_or_go_at_once() {
    for (control, status, took, fetches) in [
        ("max-age=1, stale-if-error=60", Some(503), 1, 1),
        ("max-age=1, stale-if-error=60", None, 1, 1),
        ("max-age=1", None, 2, 20),
        ("max-age=1", Some(503), 2, 20),
    ] {
        let site = Site::slow(Cache::builder(), move |seen| {
            Box::pin(async move {
                if seen.number == 0 {
                    let fields = [("cache-control", control), ("etag", "\"a\"")];
                    return Ok(response(200, &fields, "body"));
                }
                sleep(Duration::from_secs(1)).await;
                let failure = status.map(|status| response(status, &[], "failure"));
                failure.ok_or("gone")
            })
        });
        site.get("/a").await;
        sleep(Duration::from_secs(2)).await;
        let began = Instant::now();
        let ask = async || site.service().oneshot(get("/a", &[])).await;
        let all = join_all((0..20).map(|_| ask())).await;
        let case = format!("{control} {status:?}");
        assert_eq!(began.elapsed().as_secs(), took, "{case}");
        assert_eq!(site.seen().len(), 1 + fetches, "{case}");
        if fetches > 1 {
            continue;
        }
        let said = |answer: &Result<http::Response<_>, _>| {
            let said = &answer.as_ref().unwrap().headers()["cache-status"];
            said.to_str().unwrap().to_owned()
        };
        let said: Vec<_> = all.iter().map(said).collect();
        assert!(
            said.iter().all(|said| said.contains("; fwd=stale; ")),
            "{said:?}"
        );
        let collapsed = said.iter().filter(|said| said.ends_with("; collapsed"));
        assert_eq!(collapsed.count(), 19, "{said:?}");
    }
}

/// Players ask for the same beginning of the same film at the same time.
#[tokio::test(start_paused = true)]
async fn the_same_part_is_fetched_once_and_not_waited_for_where_it_cannot_be_kept() {
    const PART: (&str, &str) = ("content-range", "bytes 0-3/8");
    for (status, fields, most, took) in [
        (206, &[FRESH, PART][..], 1, 1),
        (200, &[FRESH], 1, 1),
        (206, &[PART, ("etag", "\"a\"")], 20, 2),
        (206, &[PART, ("cache-control", "private")], 20, 2),
        (416, &[FRESH, ("content-range", "bytes */8")], 20, 2),
    ] {
        let fields: &'static [_] = fields.to_vec().leak();
        let site = Site::slow(Cache::builder(), move |_| {
            Box::pin(async move {
                sleep(Duration::from_secs(1)).await;
                let body = if status == 200 { "12345678" } else { "1234" };
                Ok(response(status, fields, body))
            })
        });
        let range = [("range", "bytes=0-3")];
        for round in 0..2 {
            let (began, before) = (Instant::now(), site.seen().len());
            let all = many(&site, 20, &range).await;
            assert!(all.iter().skip(1).all(|got| got.text() == "1234"));
            let times = if round == 0 { took } else { took.min(1) };
            assert!(began.elapsed().as_secs() <= times, "{status} {fields:?}");
            assert!(site.seen().len() - before <= most, "{status} {fields:?}");
        }
        let before = site.seen().len();
        many(&site, 1, &[("range", "bytes=4-7")]).await;
        assert_eq!(site.seen().len() - before, usize::from(status != 200));
    }
}

/// What a failure has said of a part holds no longer than until the part comes.
#[tokio::test(start_paused = true)]
async fn a_part_that_failed_is_stored_when_it_comes() {
    let site = Site::new(|seen| {
        let part = [FRESH, ("content-range", "bytes 0-3/8")];
        let status = if seen.number == 0 { 500 } else { 206 };
        response(status, &part, "1234")
    });
    let mut outcomes = Vec::new();
    for _ in 0..4 {
        let got = site.ask(get("/a", &[("range", "bytes=0-3")])).await;
        outcomes.push(got.outcome);
    }
    assert_eq!(outcomes[3], Some(Outcome::Hit), "{outcomes:?}");
}
