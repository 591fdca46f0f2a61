//! Answers from memory: what the upstream said, with its age.

use std::time::Duration;

use bytes::Bytes;
use http_body::Body as _;
use http_body_util::BodyExt;
use same_origin::cache::{Cache, Outcome};
use tokio::time::advance;

use crate::support::{FRESH, Site, counted, data, get, request, response};
use crate::support::{Got, frames};

#[tokio::test(start_paused = true)]
async fn the_second_answer_is_the_first_one_with_an_age() {
    let site = Site::new(|_| {
        let fields = [
            FRESH,
            ("link", "<a>"),
            ("link", "<b>"),
            ("content-type", "text/plain"),
            ("connection", "x-hop"),
            ("x-hop", "1"),
        ];
        response(200, &fields, "body")
    });
    let first = site.get("/a").await;
    assert_eq!(first.outcome, Some(Outcome::Miss));
    assert_eq!(
        first.field("cache-status"),
        Some("same-origin; fwd=uri-miss; stored")
    );
    advance(Duration::from_secs(7)).await;
    let second = site.get("/a").await;
    assert_eq!(second.outcome, Some(Outcome::Hit));
    assert_eq!(second.field("age"), Some("7"));
    assert_eq!(
        second.field("cache-status"),
        Some("same-origin; hit; ttl=53")
    );
    assert_eq!(second.body, first.body);
    let links: Vec<_> = second.headers.get_all("link").iter().collect();
    assert_eq!(links, ["<a>", "<b>"]);
    assert_eq!(second.field("content-type"), Some("text/plain"));
    // RFC 9110 6.6.1: a date is needed, and is that of its receipt.
    assert!(second.field("date").is_some());
    assert_eq!(second.field("x-hop"), None);
    assert_eq!(site.seen().len(), 1);
    let stats = site.cache.stats();
    assert_eq!((stats.hits, stats.misses, stats.stored), (1, 1, 1));
}

#[tokio::test]
async fn a_hit_copies_no_body() {
    let site = Site::new(|_| {
        let chunks = ["one ", "two ", "three"].map(data);
        response(
            200,
            &[FRESH, ("transfer-encoding", "chunked")],
            frames(chunks),
        )
    });
    site.get("/a").await;
    let (one, two) = (site.get("/a").await, site.get("/a").await);
    assert_eq!(one.body, "one two three");
    assert_eq!(one.body.as_ptr(), two.body.as_ptr());
    let part = site.ask(get("/a", &[("range", "bytes=4-6")])).await;
    assert_eq!(part.body.as_ptr(), one.body[4..].as_ptr());
}

#[tokio::test]
async fn head_is_answered_from_a_get() {
    let site = Site::new(|_| response(200, &[FRESH, ("content-length", "4")], "body"));
    let passed = site.ask(request("HEAD", "/a", &[])).await;
    assert_eq!(passed.outcome, Some(Outcome::Miss));
    site.get("/a").await;
    let head = site.ask(request("HEAD", "/a", &[])).await;
    assert_eq!(head.outcome, Some(Outcome::Hit));
    assert_eq!((head.text(), head.field("content-length")), ("", Some("4")));
    assert_eq!(site.seen().len(), 2);
}

// A server in front, axum or hyper, adds a length where the size of the body is exact.
#[tokio::test]
async fn a_head_and_a_304_have_the_length_of_the_get_or_none() {
    let fields = [FRESH, ("etag", "\"a\""), ("transfer-encoding", "chunked")];
    let site = Site::new(move |_| response(200, &fields, "body"));
    site.get("/a").await;
    let head = site.head(request("HEAD", "/a", &[])).await;
    assert_eq!(head.headers()["content-length"], "4");
    assert_eq!(head.body().size_hint().exact(), None);
    assert!(head.body().is_end_stream());
    let known = get("/a", &[("if-none-match", "\"a\"")]);
    let known = site.head(known).await;
    assert_eq!(known.status(), 304);
    assert_eq!(known.headers().get("content-length"), None);
    assert_eq!(known.body().size_hint().exact(), None);
}

#[tokio::test]
async fn conditions_and_ranges_are_answered_as_a_server_would() {
    const OLD: &str = "Wed, 01 Jan 2020 00:00:00 GMT";
    let site = Site::new(|_| {
        let fields = [
            FRESH,
            ("etag", "\"a\""),
            ("last-modified", OLD),
            ("content-type", "text/plain"),
            ("content-length", "10"),
        ];
        response(200, &fields, "0123456789")
    });
    site.get("/a").await;
    for (fields, status, body) in [
        (&[("if-none-match", "\"a\"")][..], 304, ""),
        (&[("if-none-match", "\"b\"")], 200, "0123456789"),
        (&[("if-modified-since", OLD)], 304, ""),
        (&[("range", "bytes=0-1")], 206, "01"),
        (&[("range", "bytes=-3")], 206, "789"),
        (&[("range", "bytes=8-")], 206, "89"),
        (&[("range", "bytes=0-1"), ("if-range", "\"a\"")], 206, "01"),
        (
            &[("range", "bytes=0-1"), ("if-range", "\"b\"")],
            200,
            "0123456789",
        ),
        (
            &[("range", "bytes=0-1"), ("if-none-match", "\"a\"")],
            304,
            "",
        ),
    ] {
        let got = site.ask(get("/a", fields)).await;
        assert_eq!(
            (got.status.as_u16(), got.text()),
            (status, body),
            "{fields:?}"
        );
        assert_eq!(got.outcome, Some(Outcome::Hit), "{fields:?}");
        assert_eq!(got.field("etag"), Some("\"a\""), "{fields:?}");
        let is_304 = got.status == 304;
        assert_eq!(got.field("content-type").is_none(), is_304, "{fields:?}");
        let length = body.len().to_string();
        let expected = (!is_304).then_some(&*length);
        assert_eq!(got.field("content-length"), expected, "{fields:?}");
    }
    assert_eq!(site.seen().len(), 1);
    // These are for the upstream to answer.
    for range in ["bytes=99-", "bytes=0-1,3-4", "lines=1-2"] {
        let got = site.ask(get("/a", &[("range", range)])).await;
        assert_ne!(got.outcome, Some(Outcome::Hit), "{range}");
    }
    assert_eq!(site.seen().len(), 4);
}

#[tokio::test]
async fn a_stored_part_gives_its_parts() {
    let site = Site::new(|_| {
        let fields = [FRESH, ("etag", "\"a\""), ("content-range", "bytes 4-9/10")];
        response(206, &fields, "456789")
    });
    site.ask(get("/a", &[("range", "bytes=4-9")])).await;
    for (range, body, said) in [
        ("bytes=4-9", "456789", "bytes 4-9/10"),
        ("bytes=5-6", "56", "bytes 5-6/10"),
        ("bytes=-2", "89", "bytes 8-9/10"),
    ] {
        let got = site.ask(get("/a", &[("range", range)])).await;
        assert_eq!((got.status.as_u16(), got.text()), (206, body), "{range}");
        assert_eq!(got.field("content-range"), Some(said), "{range}");
    }
    assert_eq!(site.seen().len(), 1);
    // It does not answer a request for all of it.
    site.get("/a").await;
    site.ask(get("/a", &[("range", "bytes=0-6")])).await;
    assert_eq!(site.seen().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn parts_do_not_push_out_the_whole() {
    const WHOLE: usize = 40_000;
    for length in [1000, 20_000] {
        let builder = Cache::builder().size(100_000).object(50_000);
        let site = Site::with(builder, move |seen| {
            let fields = [FRESH, ("etag", "\"a\"")];
            if seen.field("if-none-match").is_some() {
                return response(304, &fields, "");
            }
            let Some(first) = seen.field("range") else {
                return response(200, &fields, vec![b'x'; WHOLE]);
            };
            let first = first.trim_start_matches("bytes=").split('-').next();
            let first: usize = first.unwrap().parse().unwrap();
            let range = format!("bytes {first}-{}/{WHOLE}", first + length - 1);
            let fields = [FRESH, ("etag", "\"a\""), ("content-range", &range)];
            response(206, &fields, vec![b'x'; length])
        });
        site.get("/a").await;
        advance(Duration::from_secs(61)).await;
        for first in 0..40 {
            let range = format!("bytes={first}-{}", first + length - 1);
            let got = site.ask(get("/a", &[("range", &range)])).await;
            assert_eq!((got.status.as_u16(), got.body.len()), (206, length));
        }
        let whole = site.get("/a").await;
        assert_eq!(whole.outcome, Some(Outcome::Revalidated), "{length}");
        assert_eq!(whole.body.len(), WHOLE);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_stale_is_validated_and_renewed() {
    let site = Site::new(|seen| match seen.field("if-none-match") {
        Some(tag) => response(304, &[("etag", tag), FRESH, ("x-new", "1")], ""),
        None => response(200, &[FRESH, ("etag", "\"a\""), ("x-old", "1")], "body"),
    });
    site.get("/a").await;
    advance(Duration::from_secs(61)).await;
    let renewed = site.get("/a").await;
    assert_eq!(renewed.outcome, Some(Outcome::Revalidated));
    assert_eq!(
        renewed.field("cache-status"),
        Some("same-origin; fwd=stale; fwd-status=304; ttl=60; stored")
    );
    assert_eq!((renewed.status.as_u16(), renewed.text()), (200, "body"));
    assert_eq!(
        (renewed.field("x-old"), renewed.field("x-new")),
        (Some("1"), Some("1"))
    );
    advance(Duration::from_secs(59)).await;
    let again = site.get("/a").await;
    assert_eq!(
        (again.outcome, again.field("x-new")),
        (Some(Outcome::Hit), Some("1"))
    );
    assert_eq!(site.seen().len(), 2);
    // A client that has it gets no body, although the cache asked in its own name.
    advance(Duration::from_secs(61)).await;
    let known = site
        .ask(get("/a", &[("if-none-match", "\"a\", \"b\"")]))
        .await;
    assert_eq!(known.status, 304);
    assert_eq!(site.seen()[2].field("if-none-match"), Some("\"a\""));
}

/// RFC 9530 2, 3: `Content-Digest` is of the bytes that one message has, `Repr-Digest` of the whole.
#[tokio::test(start_paused = true)]
async fn a_digest_is_that_of_the_bytes_that_are_sent() {
    let site = Site::new(|seen| {
        let (status, digest, body) = match seen.field("if-none-match") {
            None => (200, "whole", "0123456789"),
            Some(_) => (304, "nothing", ""),
        };
        let fields = [
            FRESH,
            ("etag", "\"a\""),
            ("content-digest", digest),
            ("content-md5", digest),
            ("repr-digest", digest),
            ("digest", digest),
        ];
        response(status, &fields, body)
    });
    let digests = |got: &Got| {
        ["content-digest", "content-md5", "repr-digest", "digest"]
            .map(|name| got.field(name).map(str::to_owned))
    };
    let whole = || Some("whole".to_owned());
    site.get("/a").await;
    for _renewed in [false, true] {
        assert_eq!(digests(&site.get("/a").await), [(); 4].map(|()| whole()));
        let part = site.ask(get("/a", &[("range", "bytes=0-1")])).await;
        assert_eq!(part.status, 206);
        assert_eq!(digests(&part), [None, None, whole(), whole()]);
        let known = site.ask(get("/a", &[("if-none-match", "\"a\"")])).await;
        assert_eq!(known.status, 304);
        assert_eq!(digests(&known), [None, None, whole(), whole()]);
        advance(Duration::from_secs(61)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_may_want_more() {
    let site = Site::new(counted(&[FRESH, ("etag", "\"a\"")]));
    site.get("/a").await;
    advance(Duration::from_secs(20)).await;
    let outcome = |control: &'static str| {
        let site = site.clone();
        async move {
            site.ask(get("/a", &[("cache-control", control)]))
                .await
                .outcome
        }
    };
    assert_eq!(outcome("max-age=30").await, Some(Outcome::Hit));
    assert_eq!(outcome("min-fresh=30").await, Some(Outcome::Hit));
    assert_eq!(outcome("only-if-cached").await, Some(Outcome::Hit));
    for control in ["no-cache", "max-age=10", "min-fresh=50", "no-store"] {
        advance(Duration::from_secs(20)).await;
        assert_ne!(outcome(control).await, Some(Outcome::Hit), "{control}");
    }
    let missing = site
        .ask(get("/b", &[("cache-control", "only-if-cached")]))
        .await;
    assert_eq!(missing.status, 504);
    assert!(site.seen().iter().all(|seen| seen.target == "/a"));
}

#[tokio::test]
async fn an_answer_to_a_post_is_that_to_a_get_only_if_it_says_so() {
    let site = Site::new(|seen| {
        let at = if seen.target == "/a" {
            "/a"
        } else {
            "/elsewhere"
        };
        let fields = [FRESH, ("content-location", at)];
        response(200, &fields, format!("answer {}", seen.number))
    });
    site.ask(request("POST", "/a", &[])).await;
    assert_eq!(site.get("/a").await.text(), "answer 0");
    site.ask(request("POST", "/b", &[])).await;
    assert_eq!(site.get("/b").await.text(), "answer 2");
}

#[tokio::test]
async fn a_body_from_memory_says_its_length_unless_trailers_follow() {
    let site = Site::new(|_| response(200, &[FRESH, ("transfer-encoding", "chunked")], "body"));
    site.get("/a").await;
    let hit = site.head(get("/a", &[])).await;
    assert_eq!(http_body::Body::size_hint(hit.body()).exact(), Some(4));
    let frames: Bytes = hit.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(frames, "body");
    let head = site.head(request("HEAD", "/a", &[])).await;
    assert!(http_body::Body::is_end_stream(head.body()));
    assert_eq!(Got::of(head).await.text(), "");
}

/// RFC 9111 5.2.1.7: whatever else keeps it from being answered from memory.
#[tokio::test]
async fn a_client_that_wants_what_is_stored_only_never_reaches_the_upstream() {
    let site = Site::new(counted(&[FRESH]));
    site.get("/a").await;
    for (method, control, field) in [
        ("GET", "only-if-cached, no-store", ("x-none", "")),
        ("HEAD", "only-if-cached, no-store", ("x-none", "")),
        ("GET", "only-if-cached", ("range", "bytes=0-1,3-4")),
        ("GET", "only-if-cached", ("if-match", "\"a\"")),
    ] {
        let asked = [("cache-control", control), field];
        let got = site.ask(request(method, "/a", &asked)).await;
        assert_eq!(got.status, 504, "{method} {control} {field:?}");
    }
    assert_eq!(site.seen().len(), 1);
}
