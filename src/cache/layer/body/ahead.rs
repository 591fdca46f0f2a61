//! A body that is stored for those who wait, and read ahead of its client.
//!
//! At its client's pace alone, a client that reads nothing would hold up everybody who asks for the same. So while
//! others wait, a task reads at the pace of the upstream into the recording, which has its bounds, and the client is
//! given what it has not had yet from there.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::cache::layer::body::recording::{Progress, Recording};
use crate::cache::layer::body::source::Source;
use crate::cache::layer::flight::Ahead;

/// The most bytes that a client is given at once of what is recorded.
pub(super) const PIECE: usize = 64 * 1024;

/// Frames that are read in a row; a body that is there already is not to stop a thread's other tasks.
const IN_A_ROW: usize = 16;

/// The client's end of the body. Without it the body is not read any more.
pub(crate) struct Client<B>(Arc<dyn Read<B>>);

trait Read<B>: Send + Sync {
    fn poll_frame(&self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>>
    where
        B: Body;
    fn is_end_stream(&self) -> bool;
    fn is_recorded(&self) -> bool;
    fn size_hint(&self) -> SizeHint;
    fn leave(&self);
}

struct Shared<B: Body>(Mutex<State<B>>);

struct State<B: Body> {
    /// `None` at its end, and when its client has left.
    body: Option<Pin<Box<Source<B>>>>,
    /// Also one that is lost, while it has something for the client.
    recording: Option<Box<Recording>>,
    /// Bytes of the recording that the client has had.
    given: usize,
    /// For the client, behind the recording.
    next: VecDeque<Result<Frame<Bytes>, B::Error>>,
    /// Bytes that the client has not had, if that is known.
    left: Option<u64>,
    /// Whether somebody reads ahead: then the client does not ask the upstream.
    is_read_ahead: bool,
    client: Option<Waker>,
    ahead: Option<Waker>,
}

impl<B> Client<B>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Send,
{
    pub(crate) fn new(body: Source<B>, recording: Box<Recording>) -> Self {
        let shared = Arc::new(Shared(Mutex::new(State {
            left: body.size_hint().exact(),
            body: Some(Box::pin(body)),
            recording: None,
            given: 0,
            next: VecDeque::new(),
            is_read_ahead: false,
            client: None,
            ahead: None,
        })));
        let weak = Arc::downgrade(&shared);
        let mut state = shared.lock();
        // Known before it is begun: those who wait find it as it is.
        let recording = state.recording.insert(recording);
        recording.offer(weak);
        drop(state);
        Self(shared)
    }
}

impl<B> Client<B> {
    pub(crate) fn poll_frame(
        &self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>>
    where
        B: Body,
    {
        self.0.poll_frame(cx)
    }

    pub(crate) fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    /// Whether it is stored while it is read.
    pub(crate) fn is_recorded(&self) -> bool {
        self.0.is_recorded()
    }

    pub(crate) fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}

impl<B> Drop for Client<B> {
    fn drop(&mut self) {
        self.0.leave();
    }
}

impl<B: Body> Shared<B> {
    fn lock(&self) -> MutexGuard<'_, State<B>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<B> Read<B> for Shared<B>
where
    B: Body<Data = Bytes> + Send,
    B::Error: Send,
{
    fn poll_frame(&self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let mut state = self.lock();
        let polled = state.poll_frame(cx);
        match &polled {
            Poll::Pending => state.remember(cx),
            Poll::Ready(Some(Ok(frame))) => {
                let read = frame.data_ref().map_or(0, |data| data.len() as u64);
                state.left = state.left.map(|left| left.saturating_sub(read));
            }
            Poll::Ready(_) => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        let state = self.lock();
        let is_at_end = |body: &Pin<Box<Source<B>>>| !state.is_read_ahead && body.is_end_stream();
        state.unread().is_empty()
            && state.next.is_empty()
            && state.body.as_ref().is_none_or(is_at_end)
    }

    fn is_recorded(&self) -> bool {
        let state = self.lock();
        state.recording.as_ref().is_some_and(|held| held.is_live())
    }

    fn size_hint(&self) -> SizeHint {
        let left = self.lock().left;
        left.map_or_else(SizeHint::new, SizeHint::with_exact)
    }

    fn leave(&self) {
        let mut state = self.lock();
        state.body = None;
        state.recording = None;
        state.next.clear();
        if let Some(ahead) = state.ahead.take() {
            ahead.wake();
        }
    }
}

impl<B> Ahead for Shared<B>
where
    B: Body<Data = Bytes> + Send,
    B::Error: Send,
{
    fn poll_ahead(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        state.is_read_ahead = true;
        for _ in 0..IN_A_ROW {
            let is_wanted = state.recording.as_ref().is_some_and(|held| held.is_live());
            let Some(body) = state.body.as_mut().filter(|_| is_wanted) else {
                return Poll::Ready(());
            };
            let Poll::Ready(frame) = body.as_mut().poll_frame(cx) else {
                state.ahead = Some(cx.waker().clone());
                return Poll::Pending;
            };
            state.read_ahead(frame);
            state.wake_client();
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn stop(&self) {
        let mut state = self.lock();
        state.is_read_ahead = false;
        state.wake_client();
    }
}

impl<B> State<B>
where
    B: Body<Data = Bytes>,
{
    /// The next frame for the client.
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let unread = self.unread();
        if !unread.is_empty() {
            let piece = Bytes::copy_from_slice(&unread[..unread.len().min(PIECE)]);
            self.given += piece.len();
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        // One that is lost gives its room back.
        self.recording.take_if(|held| !held.is_live());
        if let Some(next) = self.next.pop_front() {
            return Poll::Ready(Some(next));
        }
        let Some(body) = &mut self.body else {
            return Poll::Ready(None);
        };
        if self.is_read_ahead {
            return Poll::Pending;
        }
        let frame = std::task::ready!(body.as_mut().poll_frame(cx));
        let is_end_stream = body.is_end_stream();
        if let Some(held) = &mut self.recording {
            match held.record(frame.as_ref(), is_end_stream) {
                Progress::GoesOn => self.given = held.data_so_far().len(),
                Progress::Whole => {
                    if let Some(whole) = self.recording.take() {
                        whole.finish();
                    }
                }
                Progress::Lost => self.recording = None,
            }
        }
        if frame.is_none() {
            self.body = None;
        }
        Poll::Ready(frame)
    }

    /// Takes a frame for those who wait, and keeps for the client what is not in the recording.
    fn read_ahead(&mut self, frame: Option<Result<Frame<Bytes>, B::Error>>) {
        let is_end_stream = self.body.as_ref().is_none_or(|body| body.is_end_stream());
        let is_over = frame.as_ref().is_none_or(Result::is_err);
        let Some(held) = &mut self.recording else {
            return;
        };
        match held.record(frame.as_ref(), is_end_stream) {
            Progress::GoesOn => {}
            Progress::Whole => {
                let whole = self.recording.take().map(Recording::finish);
                let rest = whole.map(|whole| whole.slice(self.given.min(whole.len())..));
                let rest = rest.filter(|rest| !rest.is_empty());
                self.next.extend(rest.map(|rest| Ok(Frame::data(rest))));
                let trailers = frame.filter(|frame| !frame.as_ref().is_ok_and(Frame::is_data));
                self.next.extend(trailers);
                self.body = None;
            }
            Progress::Lost => {
                self.next.extend(frame);
                if is_over {
                    self.body = None;
                }
            }
        }
    }

    /// The recorded bytes that the client has not had.
    fn unread(&self) -> &[u8] {
        let recorded = self.recording.as_ref().map(|held| held.data_so_far());
        recorded
            .and_then(|recorded| recorded.get(self.given..))
            .unwrap_or_default()
    }

    fn remember(&mut self, cx: &Context<'_>) {
        let known = self.client.as_ref();
        if !known.is_some_and(|known| known.will_wake(cx.waker())) {
            self.client = Some(cx.waker().clone());
        }
    }

    fn wake_client(&mut self) {
        if let Some(client) = self.client.take() {
            client.wake();
        }
    }
}

impl<B: Body> fmt::Debug for Shared<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

impl<B> fmt::Debug for Client<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}
