//! A request's body that can be had back when its upstream says that it has not processed the request.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use crate::proxy::body::Body;
use crate::proxy::client::lock::lock;
use crate::proxy::error::BoxError;

/// The most bytes of a body that are kept until its request has an answer. A refusal comes a round trip after the head,
/// when a body of most forms and calls has been read as a whole. To keep none was looked at: what can be read is read at
/// once, so that hardly any body could be had back.
const MOST_KEPT: usize = 16 * 1024;

/// A hold on a request's body. While it is there, all that was read of the body is kept, or nothing if that was too much.
pub(super) struct KeptBody(Shared);

/// The body as the connection has it.
struct Lent(Shared);

#[derive(Clone)]
struct Shared(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    body: Body,
    /// Whether the body has said that it is over, and must not be asked again.
    is_over: bool,
    /// Everything that was read; `None` if that cannot be had back. A copy: a frame of one byte is a slice of a buffer of
    /// many, which it would keep.
    read: Option<Vec<u8>>,
    /// Whether it has been taken from the connection.
    is_back: bool,
}

impl KeptBody {
    /// Lends a request's body to whatever the request is given to.
    pub(super) fn lend(body: &mut Body) -> Self {
        let shared = Shared(Arc::new(Mutex::new(State {
            body: std::mem::take(body),
            read: Some(Vec::new()),
            ..State::default()
        })));
        *body = Body::own(Lent(shared.clone()));
        Self(shared)
    }

    /// The whole body again, if what was read of it is here.
    pub(super) fn take_back(self) -> Option<Body> {
        let mut state = self.0.lock();
        let read = state.read.take()?;
        state.is_back = true;
        let rest = std::mem::take(&mut state.body);
        let rest = if state.is_over { Body::empty() } else { rest };
        if read.is_empty() {
            return Some(rest);
        }
        let read = Bytes::from(read);
        Some(Body::own(Again { read, rest }))
    }
}

/// There is an answer, or an end: nobody wants the body back.
impl Drop for KeptBody {
    fn drop(&mut self) {
        self.0.lock().read = None;
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.0, |state| state.read = None)
    }
}

impl State {
    fn keep(&mut self, frame: &Frame<Bytes>) {
        let room = |read: &Vec<u8>| MOST_KEPT - read.len();
        match (&mut self.read, frame.data_ref()) {
            (Some(read), Some(data)) if data.len() <= room(read) => read.extend_from_slice(data),
            // Trailers come last, so that they would be kept for the shortest of times.
            _ => self.read = None,
        }
    }
}

impl http_body::Body for Lent {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let mut state = self.0.lock();
        if state.is_back {
            // Never a clean end: that would make a whole body of a part.
            return Poll::Ready(Some(Err("the request goes out again elsewhere".into())));
        }
        let polled = ready!(Pin::new(&mut state.body).poll_frame(cx));
        match &polled {
            Some(Ok(frame)) => state.keep(frame),
            Some(Err(_)) => state.read = None,
            None => state.is_over = true,
        }
        Poll::Ready(polled)
    }

    fn is_end_stream(&self) -> bool {
        let state = self.0.lock();
        !state.is_back && state.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.lock().body.size_hint()
    }
}

/// A body of which a part had been read.
struct Again {
    read: Bytes,
    rest: Body,
}

impl http_body::Body for Again {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.read.is_empty() {
            return Pin::new(&mut self.rest).poll_frame(cx);
        }
        Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut self.read)))))
    }

    fn is_end_stream(&self) -> bool {
        self.read.is_empty() && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let read = self.read.len() as u64;
        let rest = self.rest.size_hint();
        let mut hint = SizeHint::new();
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper.saturating_add(read));
        }
        hint.set_lower(rest.lower().saturating_add(read));
        hint
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use futures_util::stream;
    use http_body::Body as _;
    use http_body_util::{BodyExt, StreamBody};

    use super::*;

    /// A body of so many frames of 4 KiB, which panics if it is asked after its end.
    fn body(frames: u8) -> Body {
        let frame = |n| Ok::<_, BoxError>(Frame::data(Bytes::from(vec![n; 4096])));
        let mut frames = (0..frames).map(frame).map(Some).chain([None]);
        Body::new(StreamBody::new(stream::poll_fn(move |_| {
            Poll::Ready(frames.next().expect("it was over"))
        })))
    }

    fn read(body: &mut Body, frames: usize) {
        for _ in 0..frames {
            let _ = body.frame().now_or_never().unwrap();
        }
    }

    fn all(body: Body) -> Vec<u8> {
        let bytes = body.collect().now_or_never().unwrap().unwrap().to_bytes();
        bytes.to_vec()
    }

    #[test]
    fn what_was_read_can_be_had_back_if_it_is_not_too_much() {
        for (frames, asked, is_kept) in [
            (3, 0, true),
            (3, 2, true),
            // The end was seen, too.
            (3, 4, true),
            (4, 5, true),
            (9, 4, true),
            (9, 5, false),
        ] {
            let mut lent = body(frames);
            let kept = KeptBody::lend(&mut lent);
            read(&mut lent, asked);
            let back = kept.take_back();
            assert_eq!(back.is_some(), is_kept, "{frames}, {asked}");
            let Some(back) = back else { continue };
            assert!(lent.frame().now_or_never().unwrap().unwrap().is_err());
            assert!(!lent.is_end_stream());
            assert_eq!(all(back), all(body(frames)), "{frames}, {asked}");
        }
    }

    #[test]
    fn what_is_kept_is_not_the_buffer_that_it_was_read_into() {
        let buffer = Bytes::from(vec![1; 1 << 20]);
        let frames = (0..9).map({
            let buffer = buffer.clone();
            move |n| Ok::<_, BoxError>(Frame::data(buffer.slice(n..=n)))
        });
        let mut lent = Body::new(StreamBody::new(stream::iter(frames.collect::<Vec<_>>())));
        let kept = KeptBody::lend(&mut lent);
        read(&mut lent, 10);
        assert!(buffer.is_unique());
        assert_eq!(all(kept.take_back().unwrap()), [1; 9]);
    }

    #[test]
    fn its_length_is_what_it_was() {
        let mut lent = Body::from("12345");
        let kept = KeptBody::lend(&mut lent);
        assert_eq!(lent.size_hint().exact(), Some(5));
        read(&mut lent, 1);
        assert!(lent.is_end_stream());
        let back = kept.take_back().unwrap();
        assert_eq!(back.size_hint().exact(), Some(5));
        assert!(!back.is_end_stream());
        assert_eq!(all(back), b"12345");
    }

    #[test]
    fn after_the_answer_nothing_is_kept() {
        let mut lent = body(9);
        let kept = KeptBody::lend(&mut lent);
        let shared = kept.0.clone();
        read(&mut lent, 2);
        drop(kept);
        assert!(shared.lock().read.is_none());
        assert_eq!(all(lent).len(), 7 * 4096);
    }
}
