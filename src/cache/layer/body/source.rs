//! The inner service's body, which may have been looked into before it is handed on.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

pin_project! {
    /// The inner service's body.
    #[derive(Debug)]
    pub(crate) struct Source<B> {
        #[pin]
        state: State<B>,
    }
}

pin_project! {
    #[project = StateProjection]
    #[derive(Debug)]
    enum State<B> {
        Untouched { #[pin] body: B },
        // In a box, because a body that has been polled stays where it is.
        Begun { first: Option<Frame<Bytes>>, rest: Option<Pin<Box<B>>>, is_exact: bool },
    }
}

impl<B> Source<B> {
    pub(crate) const fn untouched(body: B) -> Self {
        Self {
            state: State::Untouched { body },
        }
    }
}

impl<B: Body<Data = Bytes>> Source<B> {
    /// Reads the first frame, if it is there.
    ///
    /// # Errors
    ///
    /// The body is broken at its beginning.
    pub(crate) fn begin(body: B) -> Result<Self, B::Error> {
        if body.is_end_stream() {
            return Ok(Self::untouched(body));
        }
        let is_exact = body.size_hint().exact().is_some();
        let mut rest = Box::pin(body);
        // Nobody is to be woken: whoever reads the body asks again.
        let polled = rest
            .as_mut()
            .poll_frame(&mut Context::from_waker(Waker::noop()));
        let (first, rest) = match polled {
            Poll::Pending => (None, Some(rest)),
            Poll::Ready(None) => (None, None),
            Poll::Ready(Some(frame)) => (Some(frame?), Some(rest)),
        };
        Ok(Self {
            state: State::Begun {
                first,
                rest,
                is_exact,
            },
        })
    }
}

impl<B: Body<Data = Bytes>> Body for Source<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.project().state.project() {
            StateProjection::Untouched { body } => body.poll_frame(cx),
            StateProjection::Begun { first, rest, .. } => match (first.take(), rest) {
                (Some(frame), _) => Poll::Ready(Some(Ok(frame))),
                (None, Some(rest)) => rest.as_mut().poll_frame(cx),
                (None, None) => Poll::Ready(None),
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.state {
            State::Untouched { body } => body.is_end_stream(),
            State::Begun { first, rest, .. } => {
                first.is_none() && rest.as_ref().is_none_or(|rest| rest.is_end_stream())
            }
        }
    }

    /// The length is known only if it was before the first frame: with one a server would not send trailers.
    fn size_hint(&self) -> SizeHint {
        let (first, rest, is_exact) = match &self.state {
            State::Untouched { body } => return body.size_hint(),
            State::Begun {
                first,
                rest,
                is_exact,
            } => (first, rest.as_ref(), *is_exact),
        };
        let data = first.as_ref().and_then(Frame::data_ref);
        let read = data.map_or(0, |data| data.len() as u64);
        let rest = rest.map_or(SizeHint::with_exact(0), |rest| rest.size_hint());
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower().saturating_add(read));
        if let Some(upper) = rest.upper().filter(|_| is_exact) {
            hint.set_upper(upper.saturating_add(read));
        }
        hint
    }
}
