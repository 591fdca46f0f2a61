//! Tests of a download: silence on either side, places, ends.

use std::sync::atomic::{AtomicUsize, Ordering};

use http_body_util::BodyExt;
use http_body_util::channel::{Channel, Sender};
use tokio::time::sleep;

use super::*;

const PATIENCE: Duration = Duration::from_secs(60);

/// A place, and the number of times that an answer was given up.
#[derive(Clone, Debug, Default)]
struct Place {
    held: Arc<()>,
    cut: Arc<AtomicUsize>,
}

impl Place {
    fn is_held(&self) -> bool {
        Arc::strong_count(&self.held) > 1
    }
}

impl Hold for Place {
    fn cut_off(&self, _: &ProxyError) {
        self.cut.fetch_add(1, Ordering::Relaxed);
    }
}

struct Setting {
    downloads: Arc<Downloads>,
    place: Place,
    upstream: Sender<Bytes, BoxError>,
    client: Body,
}

fn setting(first: &[usize]) -> Setting {
    let (mut upstream, body) = Channel::new(100);
    for len in first {
        upstream.try_send(data(*len)).unwrap();
    }
    let (downloads, place) = (Downloads::new(PATIENCE, Arc::new([])), Place::default());
    let client = downloads
        .begin(Body::new(body), place.clone(), true)
        .unwrap();
    Setting {
        downloads,
        place,
        upstream,
        client,
    }
}

fn data(len: usize) -> Frame<Bytes> {
    Frame::data(Bytes::from(vec![b'x'; len]))
}

async fn read(client: &mut Body) -> usize {
    let frame = client.frame().await.unwrap().unwrap();
    frame.into_data().unwrap().len()
}

#[tokio::test(start_paused = true)]
async fn what_is_here_as_a_whole_is_done_with_at_once() {
    let (downloads, place) = (Downloads::new(PATIENCE, Arc::new([])), Place::default());
    let body = downloads
        .begin(Body::from("all"), place.clone(), false)
        .unwrap();
    assert!(!place.is_held());
    assert_eq!(body.size_hint().exact(), Some(3));
    assert_eq!(body.collect().await.unwrap().to_bytes(), "all");
    assert!(downloads.all().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_length_that_was_not_said_is_not_said_later() {
    let Setting {
        place,
        upstream,
        client,
        ..
    } = setting(&[3]);
    drop(upstream);
    assert!(place.is_held());
    sleep(PATIENCE / 4).await;
    // The end has been seen, while the client has taken nothing.
    assert!(!place.is_held());
    assert_eq!(
        (client.size_hint().lower(), client.size_hint().upper()),
        (3, None)
    );
    assert_eq!(client.collect().await.unwrap().to_bytes(), "xxx");
}

#[tokio::test(start_paused = true)]
async fn a_quiet_upstream_is_waited_for() {
    let mut setting = setting(&[]);
    let reader = tokio::spawn(async move { (read(&mut setting.client).await, setting.client) });
    sleep(PATIENCE * 60).await;
    setting.upstream.try_send(data(5)).unwrap();
    let (len, client) = reader.await.unwrap();
    assert_eq!((len, setting.place.is_held()), (5, true));
    drop(client);
    assert!(!setting.place.is_held() && setting.downloads.all().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_nothing_loses_its_answer() {
    // More than is read ahead.
    let mut setting = setting(&[AHEAD, 1, 1]);
    let _open = &setting.upstream;
    assert_eq!(read(&mut setting.client).await, STREAM_FRAME);
    let begun = Instant::now();
    while setting.place.is_held() {
        sleep(Duration::from_millis(100)).await;
    }
    let took = begun.elapsed();
    assert!(
        took >= PATIENCE && took <= PATIENCE * 9 / 8 + Duration::from_secs(1),
        "{took:?}"
    );
    assert_eq!(setting.place.cut.load(Ordering::Relaxed), 1);
    let error = setting.client.frame().await.unwrap().unwrap_err();
    let error = error.downcast_ref::<ProxyError>().unwrap();
    assert_eq!(error.kind(), ProxyErrorKind::ClientTimeout);
    assert!(setting.client.frame().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_little_keeps_its_answer() {
    let mut setting = setting(&[STREAM_FRAME * 20]);
    for _ in 0..20 {
        assert_eq!(read(&mut setting.client).await, STREAM_FRAME);
        sleep(PATIENCE - Duration::from_secs(1)).await;
    }
    assert!(setting.place.is_held());
    assert_eq!(setting.place.cut.load(Ordering::Relaxed), 0);
}

#[tokio::test(start_paused = true)]
async fn no_more_is_read_ahead_than_may_be() {
    let mut setting = setting(&[AHEAD / 2; 4]);
    sleep(PATIENCE / 2).await;
    drop(setting.upstream);
    sleep(PATIENCE / 4).await;
    assert!(setting.place.is_held());
    let mut len = 0;
    while let Some(frame) = setting.client.frame().await {
        len += frame.unwrap().into_data().unwrap().len();
    }
    assert_eq!(len, AHEAD * 2);
    assert!(!setting.place.is_held());
}

#[tokio::test]
async fn what_is_broken_from_the_beginning_is_an_error_at_once() {
    let (downloads, place) = (Downloads::new(PATIENCE, Arc::new([])), Place::default());
    let (upstream, body) = Channel::new(1);
    upstream.abort(BoxError::from("cut"));
    let begun = downloads.begin(Body::new(body), place.clone(), false);
    let (error, _) = begun.err().unwrap();
    assert_eq!(error.kind(), ProxyErrorKind::ResponseBody);
    assert!(!place.is_held() && downloads.all().is_empty());
}

/// hyper writes when a body has nothing for it, and drops what it has not written when a body fails.
#[tokio::test]
async fn before_a_cut_the_server_has_time_to_write() {
    let mut setting = setting(&[7]);
    setting.upstream.abort("cut".into());
    let mut poll =
        || Pin::new(&mut setting.client).poll_frame(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(poll(), Poll::Ready(Some(Ok(_)))));
    assert!(poll().is_pending());
    let Poll::Ready(Some(Err(error))) = poll() else {
        panic!("not a cut");
    };
    let kind = error.downcast_ref().map(ProxyError::kind);
    assert_eq!(kind, Some(ProxyErrorKind::ResponseBody));
    assert_eq!(setting.place.cut.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn a_cut_is_told_behind_what_came_before_it() {
    let mut setting = setting(&[7]);
    setting.upstream.abort("cut".into());
    sleep(PATIENCE / 4).await;
    assert!(!setting.place.is_held());
    assert_eq!(read(&mut setting.client).await, 7);
    assert!(setting.client.frame().await.unwrap().is_err());
}
