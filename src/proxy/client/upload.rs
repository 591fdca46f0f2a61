//! The body of a request on its way out, and the share of its upstream that goes with it.
//!
//! An upstream may answer early and read on. RFC 9113 5.1, 5.1.2: its stream is open until both sides have ended it, and
//! counts among those that the upstream takes. So the response gives back what the request holds (its place, its stream)
//! only if the body is out by then; else the body does.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

use super::lock::lock;
use crate::proxy::body::Body;
use crate::proxy::error::BoxError;

/// The time for which an upstream that has answered may take nothing of the body; up to twice as long. One that reads on
/// reads all of it, however slowly; one that does not would keep the place for ever.
const PATIENCE: Duration = Duration::from_secs(60);

/// A request's body, as its connection and its request share it.
pub(super) struct Upload(Mutex<State>);

/// The body as the connection has it, which drops it when it is out.
struct Outgoing(Arc<Upload>);

struct State {
    /// `None` if it was dropped.
    body: Option<Body>,
    /// Whether a connection has it.
    is_out: bool,
    /// Whether it is its source's turn.
    is_asked: bool,
    /// Whether it was asked since the last look.
    moves: bool,
    kept: Kept,
}

/// Things that a request has left to its body.
#[derive(Default)]
struct Kept {
    place: Option<Box<dyn Send>>,
    stream: Option<Box<dyn Send>>,
    /// The task that looks whether the upstream takes anything.
    watch: Option<AbortHandle>,
}

impl Upload {
    /// Takes hold of a request's body, if it has one.
    pub(super) fn of(body: &mut Body) -> Option<Arc<Self>> {
        if body.is_end_stream() {
            return None;
        }
        let upload = Arc::new(Self(Mutex::new(State {
            body: Some(std::mem::take(body)),
            is_out: false,
            is_asked: false,
            moves: false,
            kept: Kept::default(),
        })));
        *body = Body::own(Outgoing(Arc::clone(&upload)));
        Some(upload)
    }

    /// It is given to a connection.
    pub(super) fn goes_out(&self) {
        self.lock().is_out = true;
    }

    /// The connection has failed, and gives the body back if it had not taken any of it. Whoever gets it next is not to
    /// hold anything here.
    pub(super) fn comes_back(&self) {
        self.lock().is_out = false;
    }

    /// Keeps a place until the body is out, or its upstream takes nothing of it.
    pub(super) fn keep_place(self: &Arc<Self>, place: impl Send + 'static) {
        if !self.is_going() {
            return;
        }
        let watch = Handle::try_current().ok();
        let watch = watch.map(|runtime| {
            runtime
                .spawn(look_after(Arc::downgrade(self)))
                .abort_handle()
        });
        let mut state = self.lock();
        if state.is_going() {
            state.kept.place = Some(Box::new(place));
            state.kept.watch = watch;
        } else if let Some(watch) = watch {
            watch.abort();
        }
    }

    /// Keeps a stream's place in the count of its connection until the body is out.
    pub(super) fn keep_stream(&self, stream: impl Send + 'static) {
        let mut state = self.lock();
        if state.is_going() {
            state.kept.stream = Some(Box::new(stream));
        }
    }

    fn is_going(&self) -> bool {
        self.lock().is_going()
    }

    /// Whether its source has to go on, and not its upstream.
    pub(super) fn is_asked(&self) -> bool {
        let state = self.lock();
        state.is_asked && state.is_going()
    }

    /// Gives the body up, and the place, if its upstream has taken nothing of it since the last look. The stream may be
    /// open still. Returns whether it has.
    fn look(&self) -> bool {
        let mut state = self.lock();
        if std::mem::take(&mut state.moves) || state.is_asked {
            return false;
        }
        let given_up = (state.body.take(), state.kept.place.take());
        // Not under the lock: what is dropped may lock others.
        drop(state);
        drop(given_up);
        true
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.0, |state| state.body = None)
    }
}

impl State {
    fn is_going(&self) -> bool {
        self.is_out && self.body.is_some()
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        if let Some(watch) = &self.watch {
            watch.abort();
        }
    }
}

async fn look_after(upload: Weak<Upload>) {
    loop {
        tokio::time::sleep(PATIENCE).await;
        if upload.upgrade().is_none_or(|upload| upload.look()) {
            return;
        }
    }
}

/// Its connection has all of it, or has ended.
impl Drop for Outgoing {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        let over = (state.body.take(), std::mem::take(&mut state.kept));
        drop(state);
        drop(over);
    }
}

impl http_body::Body for Outgoing {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let mut state = self.0.lock();
        let Some(body) = &mut state.body else {
            return Poll::Ready(Some(Err("the upstream took nothing of it".into())));
        };
        let polled = Pin::new(body).poll_frame(cx);
        state.is_asked = polled.is_pending();
        state.moves = true;
        polled
    }

    fn is_end_stream(&self) -> bool {
        let state = self.0.lock();
        state.body.as_ref().is_some_and(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let state = self.0.lock();
        state.body.as_ref().map(Body::size_hint).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use http_body_util::BodyExt;
    use http_body_util::channel::Channel;
    use tokio::time::sleep;

    use super::*;

    fn slow() -> (http_body_util::channel::Sender<Bytes, BoxError>, Body) {
        let (sender, body) = Channel::<Bytes, BoxError>::new(4);
        (sender, Body::new(body))
    }

    /// An upload that is out, and a place that it keeps, held by somebody else as long as it is kept.
    fn going(body: &mut Body) -> (Arc<Upload>, Arc<()>) {
        let upload = Upload::of(body).unwrap();
        upload.goes_out();
        let place = Arc::new(());
        upload.keep_place(Arc::clone(&place));
        (upload, place)
    }

    fn is_kept(place: &Arc<()>) -> bool {
        Arc::strong_count(place) > 1
    }

    #[tokio::test]
    async fn what_is_kept_is_given_back_with_the_body() {
        let (_sender, mut body) = slow();
        let (upload, place) = going(&mut body);
        upload.keep_stream(Arc::clone(&place));
        assert_eq!(Arc::strong_count(&place), 3);
        drop(body);
        assert!(!is_kept(&place));
        upload.keep_place(Arc::clone(&place));
        upload.keep_stream(Arc::clone(&place));
        assert!(!is_kept(&place));
    }

    #[tokio::test]
    async fn a_body_that_is_not_out_keeps_nothing() {
        assert!(Upload::of(&mut Body::empty()).is_none());
        let (_sender, mut body) = slow();
        let upload = Upload::of(&mut body).unwrap();
        let place = Arc::new(());
        upload.keep_place(Arc::clone(&place));
        assert!(!is_kept(&place));
        upload.goes_out();
        upload.comes_back();
        upload.keep_place(Arc::clone(&place));
        assert!(!is_kept(&place));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_of_which_nothing_is_taken_is_given_up() {
        let (mut sender, mut body) = slow();
        let (upload, place) = going(&mut body);
        upload.keep_stream(Arc::clone(&place));
        // The source gives nothing, and has its own timeout.
        assert!(body.frame().now_or_never().is_none());
        sleep(10 * PATIENCE).await;
        assert_eq!(Arc::strong_count(&place), 3);
        // A byte now and then.
        for _ in 0..10 {
            sender.send_data(Bytes::from_static(b"x")).await.unwrap();
            body.frame().await.unwrap().unwrap();
            sleep(PATIENCE).await;
        }
        assert_eq!(Arc::strong_count(&place), 3);
        sleep(2 * PATIENCE).await;
        // The stream is open still.
        assert_eq!(Arc::strong_count(&place), 2);
        assert!(sender.send_data(Bytes::from_static(b"x")).await.is_err());
        assert!(body.frame().await.unwrap().is_err());
        drop(body);
        assert!(!is_kept(&place));
    }
}
