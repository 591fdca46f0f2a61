//! The request's body on its way to the upstream: bounded, watched, and held back until it is wanted.

use crate::proxy::body::Body;
use crate::proxy::error::{BoxError, ProxyError, ProxyErrorKind};
use bytes::Bytes;
use http::HeaderName;
use http_body::{Frame, SizeHint};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;
use tokio::time::Sleep;

/// How long a client that expects `100 Continue` is kept waiting for an upstream that does not answer
/// (RFC 9110 10.1.1: nobody waits indefinitely). The time that curl waits.
const PATIENCE: Duration = Duration::from_secs(1);

/// What the two sides of an upload know of each other.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// Whether a frame went by since this was last asked.
    moved: AtomicBool,
    gate: Mutex<Gate>,
}

/// Whether the body may be read, for a request with `Expect: 100-continue`.
#[derive(Debug, Default)]
enum Gate {
    #[default]
    Open,
    Shut(Option<Waker>),
    /// The final response came first and has been read: the body is not wanted any more.
    Abandoned,
}

impl Progress {
    /// Whether the upload went on since the last time that this was asked.
    pub(crate) fn has_moved(&self) -> bool {
        self.moved.swap(false, Ordering::Relaxed)
    }

    /// The upstream said `100 Continue`.
    pub(crate) fn open(&self) {
        self.set(Gate::Open);
    }

    fn set(&self, to: Gate) {
        let mut gate = self.gate.lock().unwrap_or_else(|e| e.into_inner());
        if let Gate::Shut(waker) = std::mem::replace(&mut *gate, to) {
            drop(gate);
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }

    fn is_shut(&self) -> bool {
        let gate = self.gate.lock().unwrap_or_else(|e| e.into_inner());
        matches!(*gate, Gate::Shut(_))
    }

    fn poll_gate(&self, cx: &Context<'_>) -> Poll<Result<(), ProxyError>> {
        let mut gate = self.gate.lock().unwrap_or_else(|e| e.into_inner());
        match &mut *gate {
            Gate::Open => Poll::Ready(Ok(())),
            Gate::Abandoned => Poll::Ready(Err(ProxyError::refused(ProxyErrorKind::RequestBody))),
            Gate::Shut(waker) => {
                *waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

/// Held by the response: when it has been read and the body is still held back, nobody will ever want
/// it, and the upstream's connection must not wait for it.
pub(crate) struct AbandonOnDrop(pub(crate) Arc<Progress>);

impl Drop for AbandonOnDrop {
    fn drop(&mut self) {
        if self.0.is_shut() {
            self.0.set(Gate::Abandoned);
        }
    }
}

/// A request's body.
pub(crate) struct Upload {
    body: Body,
    /// Whether it is a stream of HTTP/2, which may be reset.
    pub(crate) is_stream: bool,
    /// The fields that the upstream does not see, as trailers neither.
    pub(crate) withheld: Option<Arc<[HeaderName]>>,
    /// How many bytes may still come.
    remaining: u64,
    progress: Arc<Progress>,
    patience: Option<Pin<Box<Sleep>>>,
}

impl Upload {
    /// `expects_continue`: the body is not asked for, which would make a server tell its client to
    /// send it, before the upstream has said that it wants it.
    pub(crate) fn new(
        body: Body,
        limit: Option<u64>,
        expects_continue: bool,
    ) -> (Self, Arc<Progress>) {
        let progress = Arc::new(Progress::default());
        if expects_continue {
            progress.set(Gate::Shut(None));
        }
        let upload = Self {
            body,
            is_stream: false,
            withheld: None,
            remaining: limit.unwrap_or(u64::MAX),
            progress: Arc::clone(&progress),
            patience: expects_continue.then(|| Box::pin(tokio::time::sleep(PATIENCE))),
        };
        (upload, progress)
    }

    fn withhold(&self, frame: &mut Frame<Bytes>) {
        if let (Some(names), Some(trailers)) = (&self.withheld, frame.trailers_mut()) {
            for name in names.iter() {
                trailers.remove(name);
            }
        }
    }

    /// Until the gate is open, or patience is at its end.
    fn poll_wanted(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ProxyError>> {
        let Some(patience) = &mut self.patience else {
            return Poll::Ready(Ok(()));
        };
        if patience.as_mut().poll(cx).is_ready() {
            self.progress.open();
        }
        ready!(self.progress.poll_gate(cx))?;
        self.patience = None;
        Poll::Ready(Ok(()))
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
        let frame = match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
            None if self.is_stream && self.body.was_reset() => {
                let error = ProxyError::refused(ProxyErrorKind::RequestBody);
                return Poll::Ready(Some(Err(error.into())));
            }
            None => return Poll::Ready(None),
            Some(Ok(mut frame)) => {
                self.withhold(&mut frame);
                frame
            }
            Some(Err(error)) => {
                let error = ProxyError::new(ProxyErrorKind::RequestBody, true, error);
                return Poll::Ready(Some(Err(error.into())));
            }
        };
        self.progress.moved.store(true, Ordering::Relaxed);
        let len = frame.data_ref().map_or(0, |data| data.len() as u64);
        match self.remaining.checked_sub(len) {
            Some(remaining) => self.remaining = remaining,
            None => {
                let error = ProxyError::refused(ProxyErrorKind::BodyTooLarge);
                return Poll::Ready(Some(Err(error.into())));
            }
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    #[tokio::test]
    async fn the_limit_is_the_last_byte_that_passes() {
        let (upload, progress) = Upload::new(Body::from("12345"), Some(5), false);
        assert_eq!(upload.collect().await.unwrap().to_bytes(), "12345");
        assert!(progress.has_moved());
        assert!(!progress.has_moved());

        let (upload, _) = Upload::new(Body::from("123456"), Some(5), false);
        let error = upload.collect().await.unwrap_err();
        let error = error.downcast_ref::<ProxyError>().unwrap();
        assert_eq!(error.kind(), ProxyErrorKind::BodyTooLarge);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_waits_until_it_is_wanted() {
        let (mut upload, progress) = Upload::new(Body::from("x"), None, true);
        let early = tokio::time::timeout(Duration::from_millis(900), upload.frame()).await;
        assert!(early.is_err());
        progress.open();
        assert!(upload.frame().await.unwrap().unwrap().is_data());
    }

    #[tokio::test(start_paused = true)]
    async fn patience_ends() {
        let (mut upload, _progress) = Upload::new(Body::from("x"), None, true);
        assert!(upload.frame().await.unwrap().unwrap().is_data());
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_is_no_longer_wanted_ends_in_an_error() {
        let (mut upload, progress) = Upload::new(Body::from("x"), None, true);
        let waiting = tokio::spawn(async move { upload.frame().await });
        tokio::task::yield_now().await;
        drop(AbandonOnDrop(progress));
        assert!(waiting.await.unwrap().unwrap().is_err());
    }
}
