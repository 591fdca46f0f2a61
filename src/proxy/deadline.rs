//! Timeouts that begin anew whenever there is progress.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

use crate::proxy::body::upload::Progress;

/// As good as never: as far away as tokio puts what overflows.
const NEVER: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);

/// The end of a time that begins then. A time may be as long as one likes, [`Duration::MAX`] too; an [`Instant`] may
/// not, and a plain sum would panic.
pub(crate) fn after(begin: Instant, time: Duration) -> Instant {
    begin + time.min(NEVER)
}

/// The time was over.
#[derive(Debug, thiserror::Error)]
#[error("timed out")]
pub(crate) struct Late;

/// The longest wait for the head of a response, counted from the last frame of the request's body: an upload takes as
/// long as it takes. It is not over while it is the client's turn to send: that has a timeout of its own, and is not the
/// upstream's fault.
#[derive(Clone, Copy)]
pub(crate) struct HeadTimeout<'a> {
    pub(crate) timeout: Duration,
    /// The request's body, if it has one.
    pub(crate) upload: Option<&'a Arc<Progress>>,
}

pin_project_lite::pin_project! {
    /// A timer of the runtime's for the head of a response, made where a request has to wait.
    ///
    /// One task that counted down for all requests was measured beside it: it saved 500 of a small request's 32,000
    /// instructions, and ended what was late up to an eighth later.
    pub(crate) struct HeadTimer<'a> {
        of: HeadTimeout<'a>,
        // The rest of a wait before, for the next one.
        left: Option<Duration>,
        #[pin]
        timer: Option<Sleep>,
    }
}

impl<'a> HeadTimer<'a> {
    pub(crate) fn new(of: HeadTimeout<'a>) -> Self {
        Self {
            of,
            left: None,
            timer: None,
        }
    }

    /// Waits for the head of a response until the timeout is over.
    pub(crate) async fn within<F: Future>(
        mut self: Pin<&mut Self>,
        mut answered: Pin<&mut F>,
    ) -> Result<F::Output, Late> {
        poll_fn(|cx| match answered.as_mut().poll(cx) {
            Poll::Ready(answered) => Poll::Ready(Ok(answered)),
            Poll::Pending => self.as_mut().poll_late(cx).map(Err),
        })
        .await
    }

    /// Stops the timer until the next wait, which has what is left.
    pub(crate) fn pause(self: Pin<&mut Self>) {
        let mut this = self.project();
        if let Some(timer) = this.timer.as_ref().as_pin_ref() {
            let deadline = this.of.counted_from_the_body().max(Some(timer.deadline()));
            *this.left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
        }
        this.timer.set(None);
    }

    fn poll_late(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Late> {
        let mut this = self.project();
        if this.timer.is_none() {
            let wait = this.left.take().unwrap_or(this.of.timeout);
            this.timer.set(Some(sleep(wait)));
        }
        while let Some(mut timer) = this.timer.as_mut().as_pin_mut() {
            ready!(timer.as_mut().poll(cx));
            match this.of.counted_from_the_body() {
                Some(deadline) if deadline > timer.deadline() => timer.reset(deadline),
                _ => break,
            }
        }
        Poll::Ready(Late)
    }
}

impl HeadTimeout<'_> {
    /// The end of the wait by the last frame of the request's body, if there was one.
    fn counted_from_the_body(&self) -> Option<Instant> {
        let upload = self.upload?;
        let moved = if upload.waits_for_client() {
            Some(Instant::now())
        } else {
            upload.last_moved()
        };
        Some(after(moved?, self.timeout))
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
            timer.as_mut().reset(after(Instant::now(), timeout));
            self.runs = true;
        }
        timer.as_mut().poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::pin::pin;

    use bytes::Bytes;
    use futures_util::FutureExt;
    use http_body_util::BodyExt;
    use http_body_util::channel::{Channel, Sender};

    use super::*;
    use crate::proxy::body::Body;
    use crate::proxy::body::upload::{Upload, UploadRules};

    const TIMEOUT: Duration = Duration::from_secs(8);

    async fn head_within<F: Future>(
        upload: Option<&Arc<Progress>>,
        answered: F,
    ) -> Result<F::Output, Late> {
        let timeout = TIMEOUT;
        let timer = pin!(HeadTimer::new(HeadTimeout { timeout, upload }));
        timer.within(pin!(answered)).await
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_is_waited_for_until_the_timeout_is_over() {
        let begun = Instant::now();
        let in_time = sleep(TIMEOUT - Duration::from_millis(1));
        assert!(head_within(None, in_time).await.is_ok());
        let begun = begun + begun.elapsed();
        let late = head_within(None, pending::<()>()).await;
        assert!(late.is_err());
        assert_eq!(begun.elapsed(), TIMEOUT);
    }

    /// The waits of a request that is sent several times are together as long as one.
    #[tokio::test(start_paused = true)]
    async fn what_an_attempt_has_waited_is_not_waited_again() {
        let (timeout, upload) = (TIMEOUT, None);
        let mut timer = pin!(HeadTimer::new(HeadTimeout { timeout, upload }));
        let begun = Instant::now();
        let failed = timer.as_mut().within(pin!(sleep(TIMEOUT / 4))).await;
        assert!(failed.is_ok());
        timer.as_mut().pause();
        // A new connection, say, which has a timeout of its own.
        sleep(TIMEOUT).await;
        let late = timer.as_mut().within(pin!(pending::<()>())).await;
        assert!(late.is_err());
        assert_eq!(begun.elapsed(), TIMEOUT * 2);
    }

    #[tokio::test(start_paused = true)]
    async fn the_longest_time_is_never_over() {
        let (body, mut sender, mut rules) = upload();
        rules.patience = Duration::MAX;
        let (upload, progress) = Upload::new(Body::new(body), rules);
        read(upload);
        tokio::spawn(async move {
            sender.send_data(Bytes::from_static(b"x")).await.unwrap();
            pending::<()>().await;
        });
        let (timeout, upload) = (Duration::MAX, Some(&progress));
        let mut timer = pin!(HeadTimer::new(HeadTimeout { timeout, upload }));
        for _ in 0..2 {
            let answered = timer.as_mut().within(pin!(sleep(TIMEOUT * 1000))).await;
            assert!(answered.is_ok());
            timer.as_mut().pause();
        }
        assert!(progress.failure().is_none());
    }

    #[test]
    fn what_is_ready_needs_no_runtime() {
        let answered = head_within(None, ready(1)).now_or_never();
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
            is_told_when_sent: false,
            is_stream: false,
            withheld: Arc::new([]),
            patience: TIMEOUT * 10,
        };
        (body, sender, rules)
    }

    fn read(mut upload: Upload) {
        tokio::spawn(async move { while let Some(Ok(_)) = upload.frame().await {} });
    }

    async fn took(upload: &Arc<Progress>) -> Duration {
        let begun = Instant::now();
        let late = head_within(Some(upload), pending::<()>()).await;
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

    #[tokio::test(start_paused = true)]
    async fn after_a_pause_it_is_still_counted_from_the_last_frame() {
        let (body, mut sender, rules) = upload();
        let (upload, progress) = Upload::new(Body::new(body), rules);
        read(upload);
        let begun = Instant::now();
        tokio::spawn(async move {
            sleep(TIMEOUT / 2).await;
            sender.send_data(Bytes::from_static(b"x")).await.unwrap();
        });
        let of = HeadTimeout {
            timeout: TIMEOUT,
            upload: Some(&progress),
        };
        let mut timer = pin!(HeadTimer::new(of));
        let refused = timer.as_mut().within(pin!(sleep(TIMEOUT / 4 * 3))).await;
        assert!(refused.is_ok());
        timer.as_mut().pause();
        let late = timer.as_mut().within(pin!(pending::<()>())).await;
        assert!(late.is_err());
        let (took, expected) = (begun.elapsed(), TIMEOUT / 2 + TIMEOUT);
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
