//! Stale answers: only where the upstream allows it, and only while there is a reason.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use futures_util::future::join_all;
use http::Response;
use http_body_util::BodyExt;
use same_origin::cache::{Cache, Outcome};
use tokio::time::{advance, sleep};

use crate::support::{FRESH, Got, Seen, Site, data, frames, get, request, response};

fn answer(seen: &Seen, control: &str) -> Response<Body> {
    let fields = [("cache-control", control), ("etag", "\"a\"")];
    response(200, &fields, format!("answer {}", seen.number))
}

/// An origin that fails on demand, by an error or a status.
fn failing(control: &'static str, status: Option<u16>, stale: u64) -> (Site, Arc<AtomicBool>) {
    let fails = Arc::new(AtomicBool::new(false));
    let builder = Cache::builder().stale(Duration::from_secs(stale));
    let site = Site::slow(builder, {
        let fails = Arc::clone(&fails);
        move |seen| {
            let answer = match (fails.load(Ordering::Relaxed), status) {
                (false, _) => Ok(answer(&seen, control)),
                (true, Some(status)) => Ok(response(status, &[], "failure")),
                (true, None) => Err("gone"),
            };
            Box::pin(async move { answer })
        }
    });
    (site, fails)
}

#[tokio::test(start_paused = true)]
async fn while_it_is_validated_the_old_answer_is_given_at_once() {
    let site = Site::slow(Cache::builder(), |seen| {
        Box::pin(async move {
            sleep(Duration::from_secs(1)).await;
            Ok(answer(&seen, "max-age=10, stale-while-revalidate=60"))
        })
    });
    site.get("/a").await;
    advance(Duration::from_secs(20)).await;
    for _ in 0..5 {
        let began = tokio::time::Instant::now();
        let fields = [("if-none-match", "\"x\""), ("range", "bytes=0-5")];
        let stale = site.ask(get("/a", &fields)).await;
        assert_eq!(
            (stale.outcome, stale.text()),
            (Some(Outcome::Stale), "answer")
        );
        let said = stale.field("cache-status").unwrap();
        assert!(said.starts_with("same-origin; hit; ttl=-"), "{said}");
        assert!(began.elapsed().is_zero());
        tokio::task::yield_now().await;
    }
    sleep(Duration::from_secs(2)).await;
    // One validation, of all of it, in the cache's own name.
    assert_eq!(site.seen().len(), 2);
    assert_eq!(site.seen()[1].field("if-none-match"), Some("\"a\""));
    assert_eq!(site.seen()[1].field("range"), None);
    let next = site.get("/a").await;
    assert_eq!(
        (next.outcome, next.text()),
        (Some(Outcome::Hit), "answer 1")
    );
    let stats = site.cache.stats();
    assert_eq!((stats.stale, stats.misses), (5, 1));
}

/// RFC 5861 3: what is stale when it comes is no less an answer to those who waited for it.
#[tokio::test(start_paused = true)]
async fn those_who_waited_get_the_old_answer_too_and_make_one_validation() {
    for control in [
        "max-age=0, stale-while-revalidate=60",
        "max-age=1, stale-while-revalidate=60",
    ] {
        let site = Site::slow(Cache::builder(), move |seen| {
            Box::pin(async move {
                let response = answer(&seen, control);
                sleep(Duration::from_millis(1500)).await;
                Ok(response)
            })
        });
        let began = tokio::time::Instant::now();
        let all = join_all((0..20).map(|_| site.get("/a"))).await;
        assert_eq!(began.elapsed().as_millis(), 1500, "{control}");
        assert!(all.iter().all(|got| got.text() == "answer 0"));
        let collapsed = |got: &&Got| {
            let said = got.field("cache-status").unwrap();
            said.starts_with("same-origin; fwd=uri-miss; ttl=") && said.ends_with("; collapsed")
        };
        assert_eq!(all.iter().filter(collapsed).count(), 19, "{control}");
        tokio::task::yield_now().await;
        assert_eq!(site.seen().len(), 2, "{control}");
    }
}

#[tokio::test(start_paused = true)]
async fn each_variant_is_validated_behind_its_clients_back() {
    let site = Site::slow(Cache::builder(), |seen| {
        Box::pin(async move {
            let fields = [
                ("cache-control", "max-age=10, stale-while-revalidate=60"),
                ("vary", "accept-language"),
            ];
            sleep(Duration::from_secs(1)).await;
            Ok(response(200, &fields, format!("answer {}", seen.number)))
        })
    });
    let of = |language| get("/a", &[("accept-language", language)]);
    for language in ["de", "en"] {
        site.ask(of(language)).await;
    }
    advance(Duration::from_secs(20)).await;
    for language in ["de", "en", "de", "en"] {
        assert_eq!(site.ask(of(language)).await.outcome, Some(Outcome::Stale));
    }
    sleep(Duration::from_secs(2)).await;
    assert_eq!(site.seen().len(), 4);
    for language in ["de", "en"] {
        assert_eq!(site.ask(of(language)).await.outcome, Some(Outcome::Hit));
    }
}

#[tokio::test(start_paused = true)]
async fn after_the_window_it_is_validated_first() {
    let site = Site::new(|seen| answer(seen, "max-age=10, stale-while-revalidate=60"));
    site.get("/a").await;
    advance(Duration::from_secs(71)).await;
    assert_eq!(site.get("/a").await.outcome, Some(Outcome::Miss));
}

#[tokio::test(start_paused = true)]
async fn a_head_in_the_window_renews_the_get() {
    let site = Site::new(|seen| answer(seen, "max-age=10, stale-while-revalidate=60"));
    site.get("/a").await;
    advance(Duration::from_secs(20)).await;
    assert_eq!(
        site.ask(request("HEAD", "/a", &[])).await.outcome,
        Some(Outcome::Stale)
    );
    tokio::task::yield_now().await;
    assert_eq!(site.seen()[1].method, "GET");
    assert_eq!(site.get("/a").await.outcome, Some(Outcome::Hit));
}

#[tokio::test(start_paused = true)]
async fn it_stands_in_for_a_failure_where_that_is_allowed() {
    for (control, stale, expected) in [
        ("max-age=10, stale-if-error=60", 0, true),
        ("max-age=10", 60, true),
        ("max-age=10", 0, false),
        ("max-age=10, stale-if-error=5", 0, false),
        ("max-age=10, stale-if-error=60, must-revalidate", 60, false),
        ("max-age=10, stale-if-error=60, proxy-revalidate", 60, false),
        ("s-maxage=10, stale-if-error=60", 60, false),
        ("max-age=10, stale-if-error=60, no-cache", 60, false),
    ] {
        for status in [None, Some(500), Some(502), Some(503), Some(504)] {
            let (site, fails) = failing(control, status, stale);
            site.get("/a").await;
            advance(Duration::from_secs(20)).await;
            fails.store(true, Ordering::Relaxed);
            let at = format!("{control}, {stale}, {status:?}");
            if expected {
                let got = site.get("/a").await;
                assert_eq!(
                    (got.outcome, got.text()),
                    (Some(Outcome::Stale), "answer 0"),
                    "{at}"
                );
                let failed =
                    status.map_or(String::new(), |status| format!("; fwd-status={status}"));
                let said = format!("same-origin; fwd=stale{failed}; ttl=-10");
                assert_eq!(got.field("cache-status"), Some(&*said), "{at}");
            } else if let Some(status) = status {
                assert_eq!(site.get("/a").await.status, status, "{at}");
            } else {
                assert_eq!(site.error(get("/a", &[])).await, "gone", "{at}");
            }
            fails.store(false, Ordering::Relaxed);
            assert_eq!(site.get("/a").await.status, 200, "{at}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn it_stands_in_for_a_body_that_breaks_before_its_first_byte() {
    let half = || vec![data("ha"), Err("cut")];
    for (control, broken, expected) in [
        (
            "max-age=10, stale-if-error=60",
            vec![Err("cut")],
            Ok("answer 0"),
        ),
        ("max-age=10", vec![Err("cut")], Err(0)),
        // Its client has begun to read.
        ("max-age=10, stale-if-error=60", half(), Err(2)),
        // Looked into, it is handed on as it came.
        (
            "max-age=10, stale-if-error=60",
            vec![data("so"), data("und")],
            Ok("sound"),
        ),
        ("max-age=10, stale-if-error=60", vec![], Ok("")),
    ] {
        let at = format!("{control}, {broken:?}");
        let broken = Mutex::new(broken);
        let site = Site::new(move |seen| match seen.number {
            0 => answer(seen, control),
            _ => response(200, &[], frames(broken.lock().unwrap().drain(..))),
        });
        site.get("/a").await;
        advance(Duration::from_secs(20)).await;
        let got = site.head(get("/a", &[])).await;
        let said = got.headers()["cache-status"].to_str().unwrap().to_owned();
        let is_stale = expected == Ok("answer 0");
        let status = "same-origin; fwd=stale; fwd-status=200; ttl=-10";
        assert_eq!(said == status, is_stale, "{at}: {said}");
        let mut body = got.into_body();
        let mut read = Vec::new();
        let end = loop {
            match body.frame().await {
                Some(Ok(frame)) => read.extend_from_slice(frame.data_ref().unwrap()),
                Some(Err(_)) => break Err(read.len()),
                None => break Ok(std::str::from_utf8(&read).unwrap()),
            }
        };
        assert_eq!(end, expected, "{at}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_looked_into_is_stored_as_a_whole() {
    let site = Site::new(|seen| match seen.number {
        0 => answer(seen, "max-age=10, stale-if-error=60"),
        _ => response(200, &[FRESH], frames([data("so"), data("und")])),
    });
    site.get("/a").await;
    advance(Duration::from_secs(20)).await;
    for outcome in [Outcome::Miss, Outcome::Hit] {
        let got = site.get("/a").await;
        assert_eq!((got.outcome, got.text()), (Some(outcome), "sound"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_404_is_an_answer_and_no_failure() {
    let (site, fails) = failing("max-age=10, stale-if-error=60", Some(404), 60);
    site.get("/a").await;
    advance(Duration::from_secs(20)).await;
    fails.store(true, Ordering::Relaxed);
    assert_eq!(site.get("/a").await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn a_client_takes_what_is_stale_only_if_the_upstream_lets_it() {
    for (control, expected) in [
        ("max-age=10, stale-if-error=60", Outcome::Stale),
        ("max-age=10, must-revalidate", Outcome::Miss),
        ("max-age=10, no-cache", Outcome::Miss),
        // Never fresh, and stored to be validated: the page of whoever asked first.
        ("max-age=0", Outcome::Miss),
        ("public", Outcome::Miss),
        ("", Outcome::Miss),
    ] {
        for asked in [
            "max-stale",
            "max-stale=100",
            "max-stale=100, only-if-cached",
        ] {
            let site = Site::new(move |seen| answer(seen, control));
            site.get("/a").await;
            advance(Duration::from_secs(20)).await;
            let got = site.ask(get("/a", &[("cache-control", asked)])).await;
            let is_stale = got.outcome == Some(Outcome::Stale);
            assert_eq!(is_stale, expected == Outcome::Stale, "{control}, {asked}");
            if !asked.contains("only") {
                assert_eq!(got.outcome, Some(expected), "{control}, {asked}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_cache_s_own_word_lets_nothing_stand_in_that_never_was_fresh() {
    for (fields, stands_in) in [
        (&[][..], false),
        (&[("etag", "\"a\"")], false),
        (&[("cache-control", "max-age=0"), ("etag", "\"a\"")], false),
        (&[("expires", "0"), ("etag", "\"a\"")], false),
        (&[("cache-control", "public")], false),
        (&[("cache-control", "max-age=1")], true),
        // The upstream says so itself.
        (&[("cache-control", "max-age=0, stale-if-error=60")], true),
        (&[("cache-control", "stale-if-error=60")], true),
    ] {
        let builder = Cache::builder().stale(Duration::from_secs(60));
        let site = Site::with(builder, move |seen| match seen.number {
            0 => response(200, fields, "somebody's"),
            _ => response(503, &[], "failure"),
        });
        site.get("/a").await;
        advance(Duration::from_secs(20)).await;
        let got = site.get("/a").await;
        assert_eq!(got.status == 200, stands_in, "{fields:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_upstream_has_taken_away_is_not_given_any_more() {
    let control = "max-age=10, stale-while-revalidate=600, stale-if-error=600";
    for (status, fields, is_gone) in [
        (302, &[("cache-control", "no-store")][..], true),
        (401, &[], true),
        (403, &[("cache-control", "no-store")], true),
        (404, &[], true),
        (410, &[], true),
        (451, &[("cache-control", "private")], true),
        // About the request, the client or the moment.
        (400, &[], false),
        (429, &[], false),
        (500, &[], false),
        (503, &[], false),
    ] {
        let site = Site::new(move |seen| match seen.number {
            0 => answer(seen, control),
            1 => response(status, fields, "gone"),
            _ => response(503, &[], "failure"),
        });
        site.get("/a").await;
        advance(Duration::from_secs(20)).await;
        // The old one once more, while the upstream is asked.
        assert_eq!(site.get("/a").await.outcome, Some(Outcome::Stale));
        tokio::task::yield_now().await;
        assert_eq!(site.seen().len(), 2, "{status}");
        let next = site.get("/a").await;
        let is_old = next.text() == "answer 0";
        assert_eq!(is_old, !is_gone, "{status}: {}", next.status);
    }
}

/// A client's own fields may be what it is refused for: that ends nothing that is fresh.
#[tokio::test(start_paused = true)]
async fn a_refusal_of_one_client_ends_no_fresh_answer() {
    for status in [302, 401, 403, 404] {
        let site = Site::new(move |seen| match seen.number {
            0 => answer(seen, "max-age=100"),
            _ => response(status, &[("cache-control", "no-store")], "refused"),
        });
        site.get("/a").await;
        let fields = [("cache-control", "no-cache"), ("user-agent", "sqlmap")];
        let refused = site.ask(get("/a", &fields)).await;
        assert_eq!(refused.status, status);
        assert_eq!(site.get("/a").await.text(), "answer 0", "{status}");
    }
}

/// Whatever is wrong with its body, a refusal is one.
#[tokio::test(start_paused = true)]
async fn nothing_stands_in_for_a_refusal() {
    for status in [302, 401, 403, 404, 410, 429, 451] {
        let site = Site::new(move |seen| match seen.number {
            0 => answer(seen, "max-age=10, stale-if-error=600"),
            _ => response(status, &[], frames([Err("cut")])),
        });
        site.get("/a").await;
        advance(Duration::from_secs(20)).await;
        assert_eq!(site.head(get("/a", &[])).await.status(), status);
    }
}
