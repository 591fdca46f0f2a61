//! Timeouts that begin anew whenever there is progress.

use crate::proxy::body::upload::Progress;
use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep, timeout_at};

/// The time was over.
#[derive(Debug, thiserror::Error)]
#[error("timed out")]
pub(crate) struct Late;

/// Waits for the head of a response until the timeout is over, counted from the last frame of the
/// request's body: an upload takes as long as it takes.
///
/// A timer of the runtime's for each request. One task that counted down for all requests was measured
/// beside it: it saved FIGURE of a small request's instructions, and ended what was late up to an eighth later.
pub(crate) async fn head_within<F: Future>(
    timeout: Duration,
    upload: Option<&Progress>,
    answered: F,
) -> Result<F::Output, Late> {
    let mut answered = pin!(answered);
    let mut begun = Instant::now();
    loop {
        if let Ok(answered) = timeout_at(begun + timeout, answered.as_mut()).await {
            return Ok(answered);
        }
        match upload.and_then(Progress::last_moved) {
            Some(moved) if moved > begun => begun = moved,
            _ => return Err(Late),
        }
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
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(sleep(timeout)))
            .as_mut();
        if self.runs {
            return timer.poll(cx);
        }
        self.runs = true;
        let mut timer = timer;
        timer.as_mut().reset(Instant::now() + timeout);
        timer.poll(cx)
    }
}
