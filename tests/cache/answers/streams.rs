//! Bodies: given on while they are stored, kept as they were, bounded.

use std::sync::Mutex;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream;
use http::HeaderMap;
use http_body::Frame;
use http_body_util::BodyExt;
use same_origin::cache::{Cache, Outcome};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use crate::support::{FRESH, Site, data, frames, get, request, response};

const CHUNKED: (&str, &str) = ("transfer-encoding", "chunked");

#[tokio::test]
async fn a_client_reads_while_the_upstream_still_writes() {
    let (sender, receiver) = mpsc::channel::<Result<Bytes, &'static str>>(1);
    let receiver = Mutex::new(Some(receiver));
    let site = Site::new(move |_| {
        let receiver = receiver.lock().unwrap().take().unwrap();
        let chunks = stream::unfold(receiver, |mut receiver| async {
            receiver.recv().await.map(|chunk| (chunk, receiver))
        });
        response(200, &[FRESH, CHUNKED], Body::from_stream(chunks.boxed()))
    });
    let mut body = site.head(get("/a", &[])).await.into_body();
    for text in ["one", "two"] {
        sender
            .send(Ok(Bytes::from_static(text.as_bytes())))
            .await
            .unwrap();
        let frame = body.frame().await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), text);
    }
    assert_eq!(site.cache.stats().stored, 0);
    drop(sender);
    assert!(body.frame().await.is_none());
    assert_eq!(site.get("/a").await.text(), "onetwo");
}

#[tokio::test]
async fn trailers_are_kept() {
    let site = Site::new(|_| {
        let mut trailers = HeaderMap::new();
        trailers.insert("x-sum", "7".parse().unwrap());
        let chunks = [data("body"), Ok(Frame::trailers(trailers))];
        response(200, &[FRESH, CHUNKED, ("trailer", "x-sum")], frames(chunks))
    });
    let first = site.get("/a").await;
    let second = site.get("/a").await;
    assert_eq!(second.outcome, Some(Outcome::Hit));
    assert_eq!(second.trailers.as_ref().unwrap()["x-sum"], "7");
    assert_eq!((second.trailers, second.body), (first.trailers, first.body));
    // They are about the whole.
    let part = site.ask(get("/a", &[("range", "bytes=0-1")])).await;
    assert_eq!((part.trailers, part.headers.get("trailer")), (None, None));
}

#[tokio::test]
async fn a_body_that_is_not_whole_is_not_stored() {
    for (name, fields, chunks) in [
        ("error", &[FRESH, CHUNKED][..], vec![data("bo"), Err("cut")]),
        (
            "short",
            &[FRESH, ("content-length", "9")],
            vec![data("body")],
        ),
        (
            "long",
            &[FRESH, ("content-length", "2")],
            vec![data("body")],
        ),
        (
            "longer by a frame",
            &[FRESH, ("content-length", "4")],
            vec![data("body"), data("more")],
        ),
        (
            "error at the end",
            &[FRESH, ("content-length", "4")],
            vec![data("body"), Err("cut")],
        ),
        (
            "closed",
            &[FRESH, ("connection", "close")],
            vec![data("body")],
        ),
    ] {
        let fields: Vec<_> = fields.to_vec();
        let chunks = Mutex::new(Some(chunks));
        let site = Site::new(move |_| {
            let chunks = chunks.lock().unwrap().take();
            response(200, &fields, frames(chunks.unwrap_or_default()))
        });
        let body = site.head(get("/a", &[])).await.into_body();
        let _read = body.collect().await;
        let next = site.head(get("/a", &[])).await;
        assert_eq!(next.extensions().get(), Some(&Outcome::Miss), "{name}");
        assert_eq!(site.cache.stats().stored, 0, "{name}");
    }
}

#[tokio::test]
async fn a_client_that_leaves_takes_what_it_has_not_read_with_it() {
    let site = Site::new(|_| {
        let chunks = ["one", "two"].map(data);
        response(200, &[FRESH, CHUNKED], frames(chunks))
    });
    let mut body = site.head(get("/a", &[])).await.into_body();
    body.frame().await.unwrap().unwrap();
    drop(body);
    drop(site.head(get("/a", &[])).await);
    let third = site.get("/a").await;
    assert_eq!(
        (third.outcome, third.text()),
        (Some(Outcome::Miss), "onetwo")
    );
    assert_eq!(site.get("/a").await.outcome, Some(Outcome::Hit));
}

#[tokio::test]
async fn a_server_that_stops_at_the_announced_length_has_read_it_all() {
    let site = Site::new(|_| {
        response(
            200,
            &[FRESH, ("content-length", "4")],
            frames([data("body")]),
        )
    });
    let mut body = site.head(get("/a", &[])).await.into_body();
    body.frame().await.unwrap().unwrap();
    drop(body);
    assert_eq!(site.get("/a").await.outcome, Some(Outcome::Hit));
}

#[tokio::test]
async fn a_body_without_content_is_stored_before_it_is_read() {
    let site = Site::new(|_| response(301, &[FRESH, ("location", "/b")], ""));
    drop(site.head(get("/a", &[])).await);
    let hit = site.get("/a").await;
    assert_eq!(
        (hit.status.as_u16(), hit.field("location")),
        (301, Some("/b"))
    );
    assert_eq!(hit.outcome, Some(Outcome::Hit));
}

#[tokio::test]
async fn what_is_larger_than_an_object_goes_to_its_client_only() {
    for fields in [&[FRESH, CHUNKED][..], &[FRESH, ("content-length", "11")]] {
        let fields: Vec<_> = fields.to_vec();
        let site = Site::with(Cache::builder().object(10), move |_| {
            response(200, &fields, frames(["01234", "567890"].map(data)))
        });
        for _ in 0..2 {
            let got = site.get("/a").await;
            assert_eq!(
                (got.text(), got.outcome),
                ("01234567890", Some(Outcome::Miss))
            );
        }
        assert_eq!(site.cache.stats().stored, 0);
    }
}

/// With its head, an object of the whole size has no room.
#[tokio::test(start_paused = true)]
async fn what_is_larger_than_all_may_be_is_not_called_stored_and_nobody_waits_for_it() {
    for fields in [&[FRESH, ("content-length", "99950")][..], &[FRESH, CHUNKED]] {
        let fields: Vec<_> = fields.to_vec();
        let builder = Cache::builder().size(100_000).object(100_000);
        let site = Site::slow(builder, move |_| {
            let fields = fields.clone();
            Box::pin(async move {
                sleep(Duration::from_secs(1)).await;
                let body = Bytes::from(vec![b'x'; 99_950]);
                Ok(response(200, &fields, frames([Ok(Frame::data(body))])))
            })
        });
        site.get("/a").await;
        for _ in 0..2 {
            let began = Instant::now();
            let all = join_all((0..10).map(|_| site.get("/a"))).await;
            assert_eq!(began.elapsed().as_secs(), 1);
            for got in all {
                assert_eq!(got.field("cache-status"), Some("same-origin; fwd=uri-miss"));
                assert_eq!(got.body.len(), 99_950);
            }
        }
        assert_eq!(site.cache.stats().stored, 0);
    }
}

#[tokio::test]
async fn ten_thousand_objects_stay_within_the_bound() {
    const SIZE: u64 = 2_000_000;
    let site = Site::with(Cache::builder().size(SIZE).object(10_000), |seen| {
        response(200, &[FRESH], vec![b'x'; 1000 + seen.number % 1000])
    });
    for number in 0..10_000 {
        let got = site.get(&format!("/{number}")).await;
        assert_eq!(got.body.len(), 1000 + number % 1000);
        if number % 100 == 0 {
            assert!(site.cache.stats().bytes <= SIZE, "{:?}", site.cache.stats());
        }
    }
    let stats = site.cache.stats();
    assert!(stats.bytes <= SIZE && stats.bytes > SIZE / 2, "{stats:?}");
    assert!(stats.entries > 500, "{stats:?}");
}

#[tokio::test]
async fn bodies_on_their_way_take_as_much_as_the_bound_and_no_more() {
    let site = Site::with(Cache::builder().size(100_000).object(50_000), |_| {
        response(
            200,
            &[FRESH, ("content-length", "50000")],
            frames([data("x")]),
        )
    });
    let mut open = Vec::new();
    for number in 0..10 {
        open.push(site.head(get(&format!("/{number}"), &[])).await);
    }
    let stored = |response: &http::Response<_>| {
        let status = response.headers()["cache-status"].to_str().unwrap();
        status.ends_with("; stored")
    };
    assert_eq!(open.iter().filter(|response| stored(response)).count(), 2);
    drop(open);
    assert!(stored(&site.head(get("/next", &[])).await));
}

#[tokio::test(start_paused = true)]
async fn a_stream_of_events_is_passed_on_and_not_recorded() {
    let site = Site::new(|_| {
        let fields = [
            ("content-type", "text/event-stream"),
            ("cache-control", "no-cache"),
            CHUNKED,
        ];
        response(200, &fields, frames([data("data: 1\n\n")]))
    });
    let mut body = site.head(get("/events", &[])).await.into_body();
    let frame = body.frame().await.unwrap().unwrap();
    assert_eq!(frame.into_data().unwrap(), "data: 1\n\n");
    assert_eq!(site.cache.stats().entries, 0);
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(
        site.ask(request("GET", "/events", &[])).await.outcome,
        Some(Outcome::Miss)
    );
}
