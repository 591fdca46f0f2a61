//! Connections that are silent, that are told to end, and that take back what they asked for.

use std::future::{pending, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use bytes::Buf;
use http_body::{Body, Frame};
use tokio::time::Instant;

use super::*;

const TIMEOUT: Duration = Duration::from_secs(8);
const LIMITS: Limits = Limits {
    resets: 2,
    streams: 4,
    ..Limits::DEFAULT
};

/// Runs a connection that does nothing by itself, and gives how long it was left open.
async fn silence(connections: &Arc<Connections>, keep: bool) -> Duration {
    let entry = connections.admit(None);
    let begun = Instant::now();
    let request = keep.then(|| entry.connection.request());
    if let Some(request) = request {
        tokio::spawn(async move {
            tokio::time::sleep(TIMEOUT * 3).await;
            drop(request);
        });
    }
    let closed = entry.drive(pin!(pending::<()>()), |_, _| true).await;
    assert!(closed.is_none());
    begun.elapsed()
}

#[tokio::test(start_paused = true)]
async fn a_silent_connection_is_closed_and_one_with_a_request_is_not() {
    let connections = Arc::new(Connections::new(&LIMITS));
    tokio::spawn(connections.clone().close_silent(TIMEOUT));
    let idle = silence(&connections, false).await;
    assert!(idle >= TIMEOUT && idle <= TIMEOUT * 5 / 4, "{idle:?}");
    let busy = silence(&connections, true).await;
    assert!(busy >= TIMEOUT * 4 && busy <= TIMEOUT * 17 / 4, "{busy:?}");
}

/// A body that always has more, unless it waits.
struct Endless {
    waits: bool,
}

impl Body for Endless {
    type Data = bytes::Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        if self.waits {
            return Poll::Pending;
        }
        Poll::Ready(Some(Ok(Frame::data(bytes::Bytes::from_static(b"more")))))
    }
}

/// The time for which a connection is left open whose client asks for more of its answer each `pause`, or once.
async fn reading(waits: bool, pause: Option<Duration>) -> Duration {
    reading_beside(waits, pause, false).await
}

/// The same, with a tunnel on the connection.
async fn reading_beside(waits: bool, pause: Option<Duration>, has_tunnel: bool) -> Duration {
    let connections = Arc::new(Connections::new(&LIMITS));
    tokio::spawn(connections.clone().close_silent(TIMEOUT));
    let entry = connections.admit(None);
    let _tunnel = has_tunnel.then(|| entry.connection.tunnel());
    let begun = Instant::now();
    let body = CountedBody::new(Endless { waits }, entry.connection.request());
    let serving = async {
        let mut body = pin!(body);
        loop {
            poll_fn(|cx| Poll::Ready(body.as_mut().poll_frame(cx).is_ready())).await;
            match pause {
                Some(pause) => tokio::time::sleep(pause).await,
                None => pending().await,
            }
        }
    };
    let mut serving = pin!(serving);
    let served = entry.drive(serving.as_mut(), |_, _| true);
    let ended: Result<Option<()>, _> = timeout(TIMEOUT * 10, served).await;
    assert!(!matches!(ended, Ok(Some(()))));
    begun.elapsed()
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_nothing_is_closed_and_one_that_waits_is_not() {
    let taking_nothing = reading(false, None).await;
    assert!(taking_nothing >= TIMEOUT * 2 && taking_nothing <= TIMEOUT * 9 / 4);
    assert_eq!(reading(false, Some(TIMEOUT * 3 / 2)).await, TIMEOUT * 10);
    assert_eq!(reading(true, None).await, TIMEOUT * 10);
}

/// The time for which a connection is left open whose answer is over for hyper, and whose client takes a byte of it each
/// `pause`, or nothing.
async fn taking(pause: Option<Duration>, has_tunnel: bool) -> Duration {
    let connections = Arc::new(Connections::new(&LIMITS));
    tokio::spawn(connections.clone().close_silent(TIMEOUT));
    let entry = connections.admit(None);
    let _tunnel = has_tunnel.then(|| entry.connection.tunnel());
    let begun = Instant::now();
    let text = "x".repeat(4);
    let mut body = Box::pin(CountedBody::new(text, entry.connection.request()));
    let frame = poll_fn(|cx| body.as_mut().poll_frame(cx)).await;
    drop(body);
    let mut data = frame.unwrap().unwrap().into_data().ok().unwrap();
    let sending = async {
        while data.has_remaining() {
            match pause {
                Some(pause) => tokio::time::sleep(pause).await,
                None => pending().await,
            }
            data.advance(1);
        }
        drop(data);
        pending::<()>().await;
    };
    let closed = entry.drive(pin!(sending), |_, _| true).await;
    assert!(closed.is_none());
    begun.elapsed()
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_under_way_until_it_is_sent() {
    for has_tunnel in [false, true] {
        let nothing = taking(None, has_tunnel).await;
        assert!(nothing >= TIMEOUT * 2 && nothing <= TIMEOUT * 9 / 4);
    }
    let slowly = taking(Some(TIMEOUT * 3 / 2), false).await;
    assert!(slowly >= TIMEOUT * 7 && slowly <= TIMEOUT * 29 / 4);
}

/// A stream that is paused, and others beside it whose answers are all heads, or are not sent.
#[tokio::test(start_paused = true)]
async fn who_is_answered_without_data_reads() {
    for has_data in [false, true] {
        let connections = Arc::new(Connections::new(&LIMITS));
        tokio::spawn(connections.clone().close_silent(TIMEOUT));
        let entry = connections.admit(None);
        let _paused = unsent::Unsent::new(&b"x"[..], &entry.connection);
        let connection = Arc::clone(&entry.connection);
        let begun = Instant::now();
        tokio::spawn(async move {
            let mut held = Vec::new();
            while begun.elapsed() < TIMEOUT * 5 {
                tokio::time::sleep(TIMEOUT / 4).await;
                let text = if has_data { "data" } else { "" };
                let mut body = CountedBody::new(text.to_owned(), connection.request());
                held.push(poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await);
            }
        });
        let closed = entry.drive(pin!(pending::<()>()), |_, _| true).await;
        assert!(closed.is_none());
        let (open, silent_from) = (begun.elapsed(), TIMEOUT * if has_data { 0 } else { 5 });
        let range = silent_from + TIMEOUT * 2..=silent_from + TIMEOUT * 5 / 2;
        assert!(range.contains(&open), "{open:?}");
    }
}

/// It has a timeout of its own, which does not hold for requests beside it.
#[tokio::test(start_paused = true)]
async fn a_tunnel_keeps_its_connection_and_not_what_nobody_reads() {
    let taking_nothing = reading_beside(false, None, true).await;
    assert!(taking_nothing >= TIMEOUT * 2 && taking_nothing <= TIMEOUT * 9 / 4);
    let connections = Arc::new(Connections::new(&LIMITS));
    tokio::spawn(connections.clone().close_silent(TIMEOUT));
    let entry = connections.admit(None);
    let tunnel = entry.connection.tunnel();
    let begun = Instant::now();
    tokio::spawn(async move {
        tokio::time::sleep(TIMEOUT * 3).await;
        drop(tunnel);
    });
    let closed = entry.drive(pin!(pending::<()>()), |_, _| true).await;
    assert!(closed.is_none());
    let open = begun.elapsed();
    assert!(open >= TIMEOUT * 4 && open <= TIMEOUT * 17 / 4, "{open:?}");
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_not_idle_before_its_last_upload_is_over() {
    let connections = Arc::new(Connections::new(&LIMITS));
    tokio::spawn(connections.clone().close_silent(TIMEOUT));
    let entry = connections.admit(None);
    let upload = InUpload::new(Arc::clone(&entry.connection));
    drop(CountedBody::new(String::new(), entry.connection.request()));
    let begun = Instant::now();
    tokio::spawn(async move {
        tokio::time::sleep(TIMEOUT * 3).await;
        drop(upload);
    });
    let closed = entry.drive(pin!(pending::<()>()), |_, _| true).await;
    assert!(closed.is_none());
    let open = begun.elapsed();
    assert!(open >= TIMEOUT * 4 && open <= TIMEOUT * 17 / 4, "{open:?}");
}

#[tokio::test]
async fn requests_that_are_answered_make_up_for_those_that_are_reset() {
    let connections = Arc::new(Connections::new(&LIMITS));
    let entry = connections.admit(None);
    let reset = || drop(entry.connection.request());
    let answer = || drop(CountedBody::new(String::new(), entry.connection.request()));
    for _ in 0..10 {
        reset();
        reset();
        answer();
        answer();
    }
    let is_open = async || {
        let connection = pin!(std::future::ready(()));
        entry.drive(connection, |_, _| true).await.is_some()
    };
    assert!(is_open().await);
    reset();
    reset();
    assert!(is_open().await);
    reset();
    assert!(!is_open().await);
}

#[tokio::test]
async fn heads_that_become_no_requests_are_resets() {
    let is_open = async |entry: &ConnectionGuard| {
        let connection = pin!(std::future::ready(()));
        entry.drive(connection, |_, _| true).await.is_some()
    };
    let connections = Arc::new(Connections::new(&LIMITS));
    // As many as may be on their way, again and again.
    let entry = connections.admit(None);
    for _ in 0..10 {
        entry.connection.heads(6);
        for _ in 0..6 {
            drop(CountedBody::new(String::new(), entry.connection.request()));
        }
    }
    assert!(is_open(&entry).await);
    entry.connection.heads(6);
    assert!(is_open(&entry).await);
    entry.connection.heads(1);
    assert!(!is_open(&entry).await);
}

#[tokio::test]
async fn there_is_room_when_one_has_ended() {
    let connections = Arc::new(Connections::new(&LIMITS));
    let (one, _two) = (connections.admit(None), connections.admit(None));
    connections.fewer_than(3).await;
    let waiting = tokio::spawn(async move { connections.fewer_than(2).await });
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    drop(one);
    waiting.await.unwrap();
}

#[tokio::test]
async fn a_drain_waits_for_every_connection() {
    let connections = Arc::new(Connections::new(&LIMITS));
    let entry = connections.admit(None);
    let (told, mut telling) = tokio::sync::mpsc::channel(1);
    let connection = tokio::spawn(async move {
        let mut ends = pin!(telling.recv());
        entry
            .drive(ends.as_mut(), |_, _| told.try_send(()).is_ok())
            .await
    });
    tokio::task::yield_now().await;
    connections.drain().await;
    assert_eq!(connection.await.unwrap(), Some(Some(())));
}
