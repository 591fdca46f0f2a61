//! A request's body on its way to the upstream: bounded, watched, and held back until it is wanted.

use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderName;
use http_body::{Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep};

use crate::proxy::body::measured::Measured;
use crate::proxy::body::{Body, is_too_large};
use crate::proxy::deadline::Patience;
use crate::proxy::error::{BoxError, ProxyError, ProxyErrorKind};
use crate::proxy::wire::edits::remove_alike;

/// The time for which a client that expects `100 Continue` waits for an upstream that does not answer (RFC
/// 9110 10.1.1: nobody waits indefinitely). As long as curl waits.
const PATIENCE: Duration = Duration::from_secs(1);

/// The state of an upload, which its exchange sees too.
#[derive(Debug)]
pub(crate) struct Progress {
    begun: Instant,
    /// Milliseconds from then to the last frame; 0 before the first.
    moved: AtomicU64,
    /// Set at the end of the body.
    is_over: AtomicBool,
    /// Set while the client is asked for more of its body and gives nothing.
    waits_for_client: AtomicBool,
    /// Set while the response is under way: two that talk at the same time (gRPC) may be silent for long.
    is_conversation: AtomicBool,
    gate: Mutex<Gate>,
    rest: Mutex<Rest>,
    /// The reason for which the upload failed. A connection of HTTP/2 tells nobody why a body made it reset a
    /// stream.
    failure: OnceLock<ProxyError>,
}

/// The gate before a body, for a request with `Expect: 100-continue`.
#[derive(Debug)]
enum Gate {
    Open,
    /// Nobody has asked the upstream yet. A layer that reads the body now, to sign it perhaps, wants it, and would wait
    /// for an answer that cannot come.
    Unsent,
    Shut(Option<Waker>),
    /// The final response came first and has been read: the body is not wanted any more.
    Abandoned,
}

/// Something that a request has left to its body, until the body has gone out as a whole or goes no further.
enum Rest {
    Going(Option<Box<dyn Send>>),
    Over,
}

impl fmt::Debug for Rest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Going(_) => "Going",
            Self::Over => "Over",
        })
    }
}

impl Progress {
    fn new(gate: Gate) -> Self {
        Self {
            begun: Instant::now(),
            moved: AtomicU64::new(0),
            is_over: AtomicBool::new(false),
            waits_for_client: AtomicBool::new(false),
            is_conversation: AtomicBool::new(false),
            gate: Mutex::new(gate),
            rest: Mutex::new(Rest::Going(None)),
            failure: OnceLock::new(),
        }
    }

    /// The time of the last frame.
    pub(crate) fn last_moved(&self) -> Option<Instant> {
        match self.moved.load(Ordering::Relaxed) {
            0 => None,
            millis => Some(self.begun + Duration::from_millis(millis)),
        }
    }

    /// Whether the client's body is here to its end.
    pub(crate) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    /// Whether the client has not been asked for its body.
    pub(crate) fn is_held_back(&self) -> bool {
        !matches!(*self.gate(), Gate::Open)
    }

    /// Whether it is the client's turn: an upstream cannot answer what it has not got yet.
    pub(crate) fn waits_for_client(&self) -> bool {
        self.waits_for_client.load(Ordering::Relaxed)
    }

    /// The error that the upload ended with, if it has.
    pub(crate) fn failure(&self) -> Option<&ProxyError> {
        self.failure.get()
    }

    fn waits(&self, for_client: bool) {
        self.waits_for_client.store(for_client, Ordering::Relaxed);
    }

    fn moves(&self) {
        let millis = self.begun.elapsed().as_millis();
        let millis = u64::try_from(millis).unwrap_or(u64::MAX).max(1);
        self.moved.store(millis, Ordering::Relaxed);
    }

    fn ends(&self) {
        self.is_over.store(true, Ordering::Relaxed);
    }

    /// The response has begun, or is over.
    pub(crate) fn set_conversation(&self, is_conversation: bool) {
        self.is_conversation
            .store(is_conversation, Ordering::Relaxed);
    }

    /// The upstream said `100 Continue`.
    pub(crate) fn open(&self) {
        self.set(Gate::Open);
    }

    /// The request is given to a connection, with the client's expectation or without it.
    pub(crate) fn goes_out(&self, expects_continue: bool) {
        let is_unsent = matches!(*self.gate(), Gate::Unsent);
        if is_unsent {
            self.set(if expects_continue {
                Gate::Shut(None)
            } else {
                Gate::Open
            });
        }
    }

    /// The response has been read. If the body is still held back, nobody will ever want it, and the
    /// upstream's connection must not wait for it.
    pub(crate) fn abandon_unwanted(&self) {
        if self.is_held_back() {
            self.set(Gate::Abandoned);
        }
    }

    /// Keeps what its request holds at the upstream until the body is out, if the response is over first.
    pub(crate) fn keep(&self, held: impl Send + 'static) {
        if let Rest::Going(kept) = &mut *self.rest() {
            *kept = Some(Box::new(held));
        }
    }

    fn rest(&self) -> MutexGuard<'_, Rest> {
        self.rest.lock().unwrap_or_else(|e| e.into_inner())
    }

    fn gate(&self) -> MutexGuard<'_, Gate> {
        self.gate.lock().unwrap_or_else(|e| e.into_inner())
    }

    fn set(&self, to: Gate) {
        let before = std::mem::replace(&mut *self.gate(), to);
        if let Gate::Shut(Some(waker)) = before {
            waker.wake();
        }
    }

    fn poll_gate(&self, cx: &Context<'_>) -> Poll<Result<(), ProxyError>> {
        let mut gate = self.gate();
        match &mut *gate {
            Gate::Open => Poll::Ready(Ok(())),
            Gate::Unsent => {
                *gate = Gate::Open;
                Poll::Ready(Ok(()))
            }
            Gate::Abandoned => Poll::Ready(Err(ProxyError::refused(ProxyErrorKind::RequestBody))),
            Gate::Shut(waker) => {
                *waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

/// Rules for a request's body.
#[derive(Debug)]
pub(crate) struct UploadRules {
    /// The most bytes.
    pub(crate) limit: Option<u64>,
    /// The bytes that the head announces.
    pub(crate) announced: Option<u64>,
    /// The client waits for `100 Continue`. Until the upstream wants the body it is not polled, because a server
    /// tells its client to send a body as soon as that is polled.
    pub(crate) expects_continue: bool,
    /// Whether the client says when it sends the request ([`Progress::goes_out`]).
    pub(crate) is_told_when_sent: bool,
    /// It is a stream of HTTP/2, which may be reset.
    pub(crate) is_stream: bool,
    /// The fields that the upstream does not see, as trailers neither.
    pub(crate) withheld: Arc<[HeaderName]>,
    /// The time for which the client may send nothing of what it is asked for.
    pub(crate) patience: Duration,
}

/// A request's body.
pub(crate) struct Upload {
    body: Measured,
    is_stream: bool,
    withheld: Arc<[HeaderName]>,
    /// Bytes that may still come.
    remaining: u64,
    progress: Arc<Progress>,
    /// The end of the time for which the body is held back, if it is.
    held_back: Option<Pin<Box<Sleep>>>,
    patience: Patience,
}

impl Upload {
    pub(crate) fn new(body: Body, rules: UploadRules) -> (Self, Arc<Progress>) {
        let gate = match rules.expects_continue {
            false => Gate::Open,
            true if rules.is_told_when_sent => Gate::Unsent,
            true => Gate::Shut(None),
        };
        let progress = Arc::new(Progress::new(gate));
        let upload = Self {
            body: Measured::new(body, rules.announced),
            is_stream: rules.is_stream,
            withheld: rules.withheld,
            remaining: rules.limit.unwrap_or(u64::MAX),
            progress: Arc::clone(&progress),
            held_back: rules.expects_continue.then(|| Box::pin(sleep(PATIENCE))),
            patience: Patience::new(rules.patience),
        };
        (upload, progress)
    }

    /// Until the gate is open, or has been shut for long enough.
    fn poll_wanted(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ProxyError>> {
        let Some(held_back) = &mut self.held_back else {
            return Poll::Ready(Ok(()));
        };
        if held_back.as_mut().poll(cx).is_ready() {
            self.progress.open();
        }
        ready!(self.progress.poll_gate(cx))?;
        self.held_back = None;
        Poll::Ready(Ok(()))
    }

    /// The client is asked and gives nothing.
    fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<ProxyError> {
        loop {
            ready!(self.patience.poll_over(cx));
            if !self.progress.is_conversation.load(Ordering::Relaxed) {
                return Poll::Ready(ProxyError::new(ProxyErrorKind::ClientTimeout, true, Late));
            }
            self.patience.rest();
        }
    }

    fn check(&mut self, frame: &mut Frame<Bytes>) -> Result<(), ProxyError> {
        if let Some(trailers) = frame.trailers_mut() {
            remove_alike(trailers, &self.withheld);
        }
        let len = frame.data_ref().map_or(0, |data| data.len() as u64);
        let remaining = self.remaining.checked_sub(len);
        self.remaining = remaining.ok_or(ProxyErrorKind::BodyTooLarge)?;
        Ok(())
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        let rest = std::mem::replace(&mut *self.progress.rest(), Rest::Over);
        // Not under the lock.
        drop(rest);
    }
}

impl http_body::Body for Upload {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        ready!(self.poll_wanted(cx))?;
        let checked = match self.body.poll_frame(cx) {
            Poll::Pending => {
                self.progress.waits(true);
                let late = ready!(self.poll_late(cx));
                self.progress.waits(false);
                Err(late)
            }
            Poll::Ready(polled) => {
                self.progress.waits(false);
                self.patience.rest();
                self.progress.moves();
                match polled {
                    None if self.is_stream && self.body.was_reset() => {
                        Err(ProxyError::refused(ProxyErrorKind::RequestBody))
                    }
                    None => {
                        self.progress.ends();
                        return Poll::Ready(None);
                    }
                    Some(Ok(mut frame)) => {
                        if self.body.is_end_stream() {
                            self.progress.ends();
                        }
                        self.check(&mut frame).map(|()| frame)
                    }
                    Some(Err(e)) if is_too_large(&*e) => {
                        Err(ProxyError::new(ProxyErrorKind::BodyTooLarge, true, e))
                    }
                    Some(Err(e)) => Err(ProxyError::new(ProxyErrorKind::RequestBody, true, e)),
                }
            }
        };
        Poll::Ready(Some(checked.map_err(|failure| {
            self.progress.failure.get_or_init(|| failure.clone());
            failure.into()
        })))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The reason for which an upload was ended.
#[derive(Debug, thiserror::Error)]
#[error("the client sent nothing of its request for the client timeout")]
struct Late;

#[cfg(test)]
mod tests;
