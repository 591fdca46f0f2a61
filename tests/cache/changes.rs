//! Changes: what they touch is not answered from memory any more.

use std::time::Duration;

use same_origin::cache::{Cache, Outcome};
use tokio::time::sleep;

use crate::sharing::many;
use crate::support::{FRESH, Site, counted, data, frames, get, request, response};

#[tokio::test]
async fn an_unsafe_request_that_succeeds_ends_what_is_stored() {
    for (method, status, expected) in [
        ("POST", 200, Outcome::Miss),
        ("PUT", 204, Outcome::Miss),
        ("DELETE", 303, Outcome::Miss),
        ("PATCH", 200, Outcome::Miss),
        ("M-SEARCH", 200, Outcome::Miss),
        ("POST", 500, Outcome::Hit),
        ("PUT", 412, Outcome::Hit),
        ("OPTIONS", 200, Outcome::Hit),
        ("TRACE", 200, Outcome::Hit),
    ] {
        let site = Site::new(move |seen| match seen.method.as_str() {
            "GET" => response(200, &[FRESH], "body"),
            _ => response(status, &[], ""),
        });
        site.get("/a?b=1").await;
        let changed = site.ask(request(method, "/a?b=1", &[])).await;
        assert_eq!(changed.outcome, Some(Outcome::Bypass), "{method}");
        assert_eq!(
            changed.field("cache-status"),
            Some("same-origin; fwd=method")
        );
        assert_eq!(
            site.get("/a?b=1").await.outcome,
            Some(expected),
            "{method} {status}"
        );
    }
}

#[tokio::test]
async fn it_ends_what_its_answer_names_of_the_same_origin() {
    for (field, at, expected) in [
        ("location", "/other", Outcome::Miss),
        ("content-location", "other", Outcome::Miss),
        ("location", "http://site.example/other", Outcome::Miss),
        ("location", "http://evil.example/other", Outcome::Hit),
        ("location", "/another", Outcome::Hit),
    ] {
        let site = Site::new(move |seen| match seen.method.as_str() {
            "GET" => response(200, &[FRESH], "body"),
            _ => response(201, &[(field, at)], ""),
        });
        let host = [("host", "site.example")];
        site.ask(get("/other", &host)).await;
        site.ask(request("POST", "/a", &host)).await;
        let outcome = site.ask(get("/other", &host)).await.outcome;
        assert_eq!(outcome, Some(expected), "{field}: {at}");
    }
}

/// RFC 4918 9.8, 9.9: COPY and MOVE write to another target than their own.
#[tokio::test]
async fn a_copy_ends_what_is_stored_of_its_destination() {
    for (destination, expected) in [
        ("/b", Outcome::Miss),
        ("http://site.example/b", Outcome::Miss),
        ("http://other.example/b", Outcome::Hit),
    ] {
        for method in ["COPY", "MOVE"] {
            let site = Site::new(|seen| match seen.method.as_str() {
                "GET" => response(200, &[FRESH], "body"),
                _ => response(204, &[], ""),
            });
            let host = ("host", "site.example");
            site.ask(get("/b", &[host])).await;
            let fields = [host, ("destination", destination)];
            site.ask(request(method, "/a", &fields)).await;
            let outcome = site.ask(get("/b", &[host])).await.outcome;
            assert_eq!(outcome, Some(expected), "{method} {destination}");
        }
    }
}

#[tokio::test]
async fn whatever_the_host_the_target_is_changed() {
    let site = Site::new(counted(&[FRESH]));
    for host in ["one", "two"] {
        site.ask(get("/a", &[("host", host)])).await;
    }
    site.ask(request("POST", "/a", &[("host", "one")])).await;
    let other = site.ask(get("/a", &[("host", "two")])).await;
    assert_eq!(other.outcome, Some(Outcome::Miss));
}

#[tokio::test(start_paused = true)]
async fn an_answer_from_before_the_change_is_not_used_after_it() {
    type Change = fn(&Site);
    let purge: Change = |site| assert_eq!(site.cache.purge("/a"), 0);
    let prefix: Change = |site| assert_eq!(site.cache.purge_prefix("/"), 0);
    let clear: Change = |site| site.cache.clear();
    for (name, change) in [
        ("POST", None),
        ("purge", Some(purge)),
        ("prefix", Some(prefix)),
        ("clear", Some(clear)),
    ] {
        let site = Site::slow(Cache::builder(), |seen| {
            Box::pin(async move {
                if seen.method == "GET" {
                    sleep(Duration::from_secs(2)).await;
                }
                Ok(response(200, &[FRESH], format!("answer {}", seen.number)))
            })
        });
        let early = tokio::spawn({
            let site = site.clone();
            async move { site.get("/a").await }
        });
        sleep(Duration::from_secs(1)).await;
        match change {
            Some(change) => change(&site),
            None => {
                site.ask(request("POST", "/a", &[])).await;
            }
        }
        assert_eq!(early.await.unwrap().text(), "answer 0", "{name}");
        let late = site.get("/a").await;
        assert_eq!(late.outcome, Some(Outcome::Miss), "{name}");
        assert_eq!(site.get("/a").await.outcome, Some(Outcome::Hit), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn nor_is_one_whose_body_was_still_on_its_way() {
    let site = Site::new(|_| {
        let fields = [FRESH, ("transfer-encoding", "chunked")];
        response(200, &fields, frames([data("body")]))
    });
    let head = site.head(get("/a", &[])).await;
    site.ask(request("POST", "/a", &[])).await;
    crate::support::Got::of(head).await;
    assert_eq!(site.get("/a").await.outcome, Some(Outcome::Miss));
}

#[tokio::test]
async fn a_purge_is_of_a_path_or_of_all_below_it() {
    const ALL: [&str; 5] = ["/api", "/api/x", "/api/x?y=1", "/api/x/z", "/apix"];
    type Purge = fn(&Cache) -> usize;
    let cases: [(&str, Purge, &[&str]); 5] = [
        (
            "path",
            |cache| cache.purge("/api/x"),
            &["/api/x", "/api/x?y=1"],
        ),
        ("other path", |cache| cache.purge("/api/"), &[]),
        (
            "prefix",
            |cache| cache.purge_prefix("/api/x"),
            &["/api/x", "/api/x?y=1", "/api/x/z"],
        ),
        ("folder", |cache| cache.purge_prefix("/api/"), &ALL[..4]),
        ("all", |cache| cache.purge_prefix("/"), &ALL),
    ];
    for (name, purge, gone) in cases {
        let site = Site::new(counted(&[FRESH]));
        for target in ALL {
            site.get(target).await;
        }
        assert_eq!(purge(&site.cache), gone.len(), "{name}");
        assert_eq!(
            site.cache.stats().entries,
            (ALL.len() - gone.len()) as u64,
            "{name}"
        );
        for target in ALL {
            let outcome = site.get(target).await.outcome;
            let expected = if gone.contains(&target) {
                Outcome::Miss
            } else {
                Outcome::Hit
            };
            assert_eq!(outcome, Some(expected), "{name}: {target}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_client_does_not_want_stored_is_not_stored() {
    let site = Site::new(counted(&[
        ("cache-control", "max-age=60"),
        ("content-location", "/a"),
    ]));
    let no_store = [("cache-control", "no-store")];
    for (method, fields, outcome) in [
        ("POST", &no_store[..], Outcome::Miss),
        ("POST", &[], Outcome::Hit),
    ] {
        site.ask(request(method, "/a", fields)).await;
        let got = site.get("/a").await;
        assert_eq!(got.outcome, Some(outcome), "{method} {fields:?}");
    }
}

/// A reload replaces a cache while an upload goes through the old one.
#[tokio::test(start_paused = true)]
async fn a_change_through_the_cache_before_ends_what_the_one_in_its_place_has_stored() {
    let old = Site::slow(Cache::builder(), |seen| {
        Box::pin(async move {
            if seen.method == "PUT" {
                sleep(Duration::from_secs(2)).await;
            }
            Ok(response(200, &[FRESH], format!("answer {}", seen.number)))
        })
    });
    let changing = tokio::spawn({
        let old = old.clone();
        async move { old.ask(request("PUT", "/a", &[])).await }
    });
    sleep(Duration::from_secs(1)).await;
    let cache = Cache::builder().size(1_000_000);
    let cache = cache.build_in_place_of(&old.cache).unwrap();
    let new = old.behind(cache);
    assert_eq!(new.get("/a").await.outcome, Some(Outcome::Miss));
    assert_eq!(new.get("/a").await.outcome, Some(Outcome::Hit));
    assert_eq!(new.get("/b").await.outcome, Some(Outcome::Miss));
    changing.await.unwrap();
    assert_eq!(new.get("/a").await.outcome, Some(Outcome::Miss));
    assert_eq!(new.get("/b").await.outcome, Some(Outcome::Hit));
}

/// One that was replaced has nothing more to give, and the one in its place has all that it had.
#[tokio::test]
async fn a_cache_that_is_let_go_is_empty_and_changes_nothing() {
    let old = Site::new(counted(&[FRESH]));
    let cache = Cache::builder().build_in_place_of(&old.cache).unwrap();
    let new = old.behind(cache);
    for number in 0..2000 {
        old.get(&format!("/{number}")).await;
    }
    new.get("/0").await;
    old.cache._let_go();
    assert_eq!(old.cache.stats().bytes, 0);
    assert_eq!(new.get("/0").await.outcome, Some(Outcome::Hit));
    assert_eq!(old.get("/0").await.outcome, Some(Outcome::Miss));
    assert!(old.cache._is(&old.cache.clone()) && !old.cache._is(&new.cache));
}

/// A purge that has been answered is over: nothing that it was about is given afterwards.
#[tokio::test(start_paused = true)]
async fn what_was_purged_meanwhile_does_not_stand_in() {
    for waiting in [0, 3] {
        let site = Site::slow(Cache::builder(), |seen| {
            Box::pin(async move {
                if seen.number == 0 {
                    let fields = [("cache-control", "max-age=1, stale-if-error=300")];
                    return Ok(response(200, &fields, "secret"));
                }
                sleep(Duration::from_secs(2)).await;
                Ok(response(503, &[], "failure"))
            })
        });
        site.get("/a").await;
        sleep(Duration::from_secs(2)).await;
        let asking = tokio::spawn({
            let site = site.clone();
            async move { many(&site, 1 + waiting, &[]).await }
        });
        sleep(Duration::from_secs(1)).await;
        assert_eq!(site.cache.purge("/a"), 1);
        let all = asking.await.unwrap();
        assert!(all.iter().all(|got| got.status == 503), "{waiting}");
    }
}
