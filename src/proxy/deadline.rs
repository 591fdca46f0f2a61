//! Timeouts that begin anew whenever there is progress.

use crate::proxy::body::upload::Progress;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep};

/// The time was over.
#[derive(Debug, thiserror::Error)]
#[error("timed out")]
pub(crate) struct Late;

/// Waits for the head of a response until the timeout is over, counted from the last frame of the
/// request's body: an upload takes as long as it takes. It is not over while it is the client's turn to send: that has
/// a timeout of its own, and is not the upstream's fault.
///
/// A timer of the runtime's for each request that has to wait. One task that counted down for all requests was
/// measured beside it: it saved 500 of a small request's 32,000 instructions, and ended what was late up to an
/// eighth later.
#[expect(
    clippy::manual_async_fn,
    reason = "holds its arguments once; see benches/README.md"
)]
pub(crate) fn head_within<F: Future>(
    timeout: Duration,
    upload: Option<&Progress>,
    mut answered: Pin<&mut F>,
) -> impl Future<Output = Result<F::Output, Late>> {
    async move {
        let mut timer = pin!(None::<Sleep>);
        poll_fn(|cx| {
            if let Poll::Ready(answered) = answered.as_mut().poll(cx) {
                return Poll::Ready(Ok(answered));
            }
            if timer.is_none() {
                timer.set(Some(sleep(timeout)));
            }
            while let Some(mut timer) = timer.as_mut().as_pin_mut() {
                ready!(timer.as_mut().poll(cx));
                let moved = match upload {
                    Some(upload) if upload.waits_for_client() => Some(Instant::now()),
                    upload => upload.and_then(Progress::last_moved),
                };
                match moved {
                    Some(moved) if moved + timeout > timer.deadline() => {
                        timer.reset(moved + timeout)
                    }
                    _ => break,
                }
            }
            Poll::Ready(Err(Late))
        })
        .await
    }
}

/// A timer that runs only while a peer is waited for.
pub(crate) struct Patience {
    timeout: Duration,
    timer: Option<Pin<Box<Sleep>>>,
    runs: bool,
}

impl Patience {
    pub(crate) fn new(timeout: Duration) -> Self {
        Self {
            timeout,
            timer: None,
            runs: false,
        }
    }

    /// The peer has given something, or is not asked for anything.
    pub(crate) fn rest(&mut self) {
        self.runs = false;
    }

    /// The peer is asked and gives nothing. Ready when that has been so for the whole timeout.
    pub(crate) fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let timeout = self.timeout;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(timeout)));
        if !self.runs {
            timer.as_mut().reset(Instant::now() + timeout);
            self.runs = true;
        }
        timer.as_mut().poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::body::Body;
    use crate::proxy::body::upload::{Upload, UploadRules};
    use bytes::Bytes;
    use futures_util::FutureExt;
    use http_body_util::BodyExt;
    use http_body_util::channel::{Channel, Sender};
    use std::future::{pending, ready};
    use std::sync::Arc;

    const TIMEOUT: Duration = Duration::from_secs(8);

    #[tokio::test(start_paused = true)]
    async fn a_head_is_waited_for_until_the_timeout_is_over() {
        let begun = Instant::now();
        let in_time = pin!(sleep(TIMEOUT - Duration::from_millis(1)));
        assert!(head_within(TIMEOUT, None, in_time).await.is_ok());
        let begun = begun + begun.elapsed();
        let late = head_within(TIMEOUT, None, pin!(pending::<()>())).await;
        assert!(late.is_err());
        assert_eq!(begun.elapsed(), TIMEOUT);
    }

    #[test]
    fn what_is_ready_needs_no_runtime() {
        let answered = pin!(ready(1));
        let answered = head_within(TIMEOUT, None, answered).now_or_never();
        assert_eq!(answered.unwrap().unwrap(), 1);
    }

    /// The body of a request whose client is patiently waited for, and what it is sent by.
    fn upload() -> (
        Channel<Bytes, std::io::Error>,
        Sender<Bytes, std::io::Error>,
        UploadRules,
    ) {
        let (sender, body) = Channel::new(1);
        let rules = UploadRules {
            announced: None,
            limit: None,
            expects_continue: false,
            is_stream: false,
            withheld: Arc::new([]),
            patience: TIMEOUT * 10,
        };
        (body, sender, rules)
    }

    fn read(mut upload: Upload) {
        tokio::spawn(async move { while let Some(Ok(_)) = upload.frame().await {} });
    }

    async fn took(upload: &Progress) -> Duration {
        let begun = Instant::now();
        let late = head_within(TIMEOUT, Some(upload), pin!(pending::<()>())).await;
        assert!(late.is_err());
        begun.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_counted_from_the_last_frame_of_an_upload() {
        let (body, mut sender, rules) = upload();
        let (upload, progress) = Upload::new(Body::new(body), rules);
        read(upload);
        tokio::spawn(async move {
            for _ in 0..3 {
                sleep(TIMEOUT / 2).await;
                sender.send_data(Bytes::from_static(b"x")).await.unwrap();
            }
        });
        let (took, expected) = (took(&progress).await, TIMEOUT / 2 * 3 + TIMEOUT);
        assert!(
            took.abs_diff(expected) < Duration::from_millis(10),
            "{took:?}"
        );
    }

    /// The client's own timeout ends its turn; from then on the upstream's time runs.
    #[tokio::test(start_paused = true)]
    async fn it_is_not_over_while_it_is_the_clients_turn() {
        let (body, _sender, rules) = upload();
        let (upload, progress) = Upload::new(Body::new(body), rules);
        read(upload);
        let took = took(&progress).await;
        assert!(took >= TIMEOUT * 10 && took <= TIMEOUT * 12, "{took:?}");
        assert!(progress.failure().is_some());
    }
}
