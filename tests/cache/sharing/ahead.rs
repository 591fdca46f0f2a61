//! A client that does not read its answer holds up nobody who asks for the same.

use std::convert::Infallible;
use std::sync::Mutex;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures_util::future::join_all;
use futures_util::stream;
use http::{HeaderMap, Response};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use same_origin::cache::{self, Cache, Outcome};
use tokio::runtime::Builder;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

use crate::support::{FRESH, Got, Site, data, frames, get, response};

const WHOLE: &str = "one two three four";

/// A body in pieces, with trailers behind it, or with a length.
fn pieces(has_length: bool) -> Response<Body> {
    if has_length {
        let length = WHOLE.len().to_string();
        let fields = [FRESH, ("content-length", &*length)];
        return response(200, &fields, frames(texts()));
    }
    let mut trailers = HeaderMap::new();
    trailers.insert("x-a", "a".parse().unwrap());
    let trailers = [Ok(Frame::trailers(trailers))];
    response(200, &[FRESH], frames(texts().chain(trailers)))
}

fn texts() -> impl Iterator<Item = Result<Frame<Bytes>, &'static str>> {
    ["one ", "two ", "three ", "four"].map(data).into_iter()
}

/// A body that comes a piece a second.
fn slow_pieces() -> Response<Body> {
    let pieces = stream::unfold(texts(), |mut texts| async move {
        let next = texts.next()?.map_err(|_| unreachable!("none is broken"));
        sleep(Duration::from_secs(1)).await;
        Some((next, texts))
    });
    let pieces = StreamBody::new(Box::pin(pieces));
    response(
        200,
        &[FRESH],
        Body::new(pieces.map_err(|never: Infallible| match never {})),
    )
}

/// The client that came first, whose answer is not read but for some frames.
struct First {
    response: Response<cache::Body<Body>>,
    read: Vec<u8>,
}

impl First {
    async fn ask(site: &Site, count: usize) -> Self {
        let mut first = Self {
            response: site.head(get("/a", &[])).await,
            read: Vec::new(),
        };
        for _ in 0..count {
            let frame = first.response.body_mut().frame().await.unwrap().unwrap();
            first.read.extend_from_slice(frame.data_ref().unwrap());
        }
        first
    }

    /// Reads the rest.
    async fn end(self) -> Result<(String, Option<HeaderMap>), axum::Error> {
        let rest = self.response.into_body().collect().await?;
        let trailers = rest.trailers().cloned();
        let whole = [self.read, rest.to_bytes().to_vec()].concat();
        Ok((String::from_utf8(whole).unwrap(), trailers))
    }
}

#[tokio::test(start_paused = true)]
async fn who_asks_for_the_same_does_not_wait_for_a_client_that_does_not_read() {
    for has_length in [false, true] {
        for count in 0..4 {
            for is_waited_for in [false, true] {
                let site = Site::new(move |_| pieces(has_length));
                let case = format!("{has_length} {count} {is_waited_for}");
                let (first, second) = if is_waited_for {
                    // Before there is a body.
                    let second = site.get("/a");
                    let (first, second) = tokio::join!(First::ask(&site, count), second);
                    (first, second)
                } else {
                    let first = First::ask(&site, count).await;
                    (first, site.get("/a").await)
                };
                assert_eq!(second.text(), WHOLE, "{case}");
                assert_eq!(second.trailers.is_some(), !has_length, "{case}");
                let (whole, trailers) = first.end().await.unwrap();
                assert_eq!(whole, WHOLE, "{case}");
                assert_eq!(trailers.is_some(), !has_length, "{case}");
                assert_eq!(site.seen().len(), 1, "{case}");
                assert_eq!(site.get("/a").await.outcome, Some(Outcome::Hit), "{case}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_hundred_readers_of_a_slow_upstream_are_one_fetch() {
    let site = Site::new(|_| slow_pieces());
    let began = Instant::now();
    let all = join_all((0..100).map(|_| site.get("/a"))).await;
    assert!(all.iter().all(|got| got.text() == WHOLE));
    assert_eq!(began.elapsed().as_secs(), 4);
    assert_eq!(site.seen().len(), 1);
}

/// At the pace of the upstream, also when the client begins to read.
#[tokio::test(start_paused = true)]
async fn a_client_that_reads_late_gets_what_came_meanwhile_and_the_rest() {
    let site = Site::new(|_| slow_pieces());
    let first = First::ask(&site, 1).await;
    let began = Instant::now();
    let late = async {
        sleep(Duration::from_millis(1500)).await;
        first.end().await.unwrap().0
    };
    let (second, whole) = tokio::join!(site.get("/a"), late);
    assert_eq!((second.text(), &*whole), (WHOLE, WHOLE));
    assert_eq!(began.elapsed().as_secs(), 3);
    assert_eq!(site.seen().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_what_is_broken_or_too_long_fetches_and_the_client_gets_all_of_it() {
    let too_long = Cache::builder().object(10);
    for (name, builder, is_broken) in [
        ("broken", Cache::builder(), true),
        ("too long", too_long, false),
    ] {
        let broken = move |seen: &crate::support::Seen| {
            let end = (is_broken && seen.number == 0).then_some(Err("broken"));
            response(200, &[FRESH], frames(texts().chain(end)))
        };
        let site = Site::with(builder, broken);
        let first = First::ask(&site, 1).await;
        let began = Instant::now();
        assert_eq!(site.get("/a").await.text(), WHOLE, "{name}");
        assert!(began.elapsed() < Duration::from_secs(1), "{name}");
        assert_eq!(site.seen().len(), 2, "{name}");
        if is_broken {
            let mut body = first.response.into_body();
            let mut read = first.read;
            while let Some(Ok(frame)) = body.frame().await {
                read.extend_from_slice(frame.data_ref().unwrap());
            }
            assert_eq!(read, WHOLE.as_bytes(), "{name}");
        } else {
            assert_eq!(first.end().await.unwrap().0, WHOLE, "{name}");
        }
        // The room of the first one is free.
        let all: Vec<Got> = join_all((0..9).map(|_| site.get("/b"))).await;
        assert!(all.iter().all(|got| got.text() == WHOLE), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_takes_its_fetch_with_it() {
    let site = Site::new(|_| slow_pieces());
    let first = First::ask(&site, 1).await;
    let leaves = async {
        sleep(Duration::from_millis(500)).await;
        drop(first);
    };
    let began = Instant::now();
    let (second, ()) = tokio::join!(site.get("/a"), leaves);
    assert_eq!(second.text(), WHOLE);
    assert_eq!(began.elapsed().as_millis(), 4500);
    assert_eq!(site.seen().len(), 2);
}

/// Where the runtime of those who wait has ended, the client reads on by itself.
#[test]
fn a_client_does_not_hang_on_the_runtime_of_another_one() {
    let (sender, pieces) = mpsc::unbounded_channel();
    let pieces = Mutex::new(Some(pieces));
    let site = Site::new(move |_| {
        let mut pieces = pieces.lock().unwrap().take().unwrap();
        let pieces = stream::poll_fn(move |cx| pieces.poll_recv(cx));
        response(200, &[FRESH], Body::new(StreamBody::new(pieces)))
    });
    let runtime = || {
        let mut builder = Builder::new_current_thread();
        builder.enable_time().start_paused(true).build().unwrap()
    };
    let (own, other) = (runtime(), runtime());
    sender.send(data("one ")).unwrap();
    let first = own.block_on(First::ask(&site, 1));
    let wait = async { timeout(Duration::from_secs(1), site.get("/a")).await };
    assert!(other.block_on(wait).is_err());
    drop(other);
    sender.send(data("two")).unwrap();
    drop(sender);
    let (whole, _) = own.block_on(first.end()).unwrap();
    assert_eq!(whole, "one two");
}

/// Its tasks are dropped in the middle of whatever they do.
#[test]
fn a_runtime_that_is_shut_down_waits_for_no_reader() {
    let runtime = Builder::new_multi_thread();
    let runtime = { runtime }.worker_threads(2).enable_all().build().unwrap();
    let (asked, mut is_asked) = mpsc::unbounded_channel();
    let site = Site::new(move |_| {
        asked.send(()).unwrap();
        // Until the runtime is on its way down.
        std::thread::sleep(Duration::from_millis(600));
        pieces(true)
    });
    for _ in 0..2 {
        let site = site.clone();
        runtime.spawn(async move { site.head(get("/a", &[])).await });
        std::thread::sleep(Duration::from_millis(100));
    }
    is_asked.blocking_recv().unwrap();
    let (down, is_down) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        drop(runtime);
        down.send(()).unwrap();
    });
    is_down.recv_timeout(Duration::from_secs(9)).unwrap();
}
