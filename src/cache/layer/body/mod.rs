//! The body that a cache answers with, and what it is made of while it comes.

pub(crate) mod ahead;
pub(crate) mod recording;
pub(crate) mod source;
pub(crate) mod whole;

use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::cache::layer::body::ahead::{Client, PIECE};
use crate::cache::layer::body::recording::{Progress, Recording};
use crate::cache::layer::body::source::Source;

pin_project! {
    /// A body from memory, or the inner service's own, which may be stored while it is read.
    ///
    /// From memory it costs no copy, comes in pieces of 64 KiB, and its trailers follow. A body that is stored goes to its reader
    /// frame by frame, at the reader's pace; if the reader goes away before its end, it is not stored. While others
    /// wait for it, it is read at the upstream's pace, and the reader gets it from memory.
    #[derive(Debug)]
    pub struct Body<B> {
        #[pin]
        kind: Kind<B>,
    }
}

pin_project! {
    #[project = KindProjection]
    #[derive(Debug)]
    enum Kind<B> {
        Absent,
        Stored { data: Bytes, trailers: Option<HeaderMap> },
        Passing { #[pin] body: Source<B>, recording: Option<Box<Recording>> },
        Shared { body: Client<B> },
    }
}

impl<B> Body<B> {
    /// No bytes and no trailers.
    #[must_use]
    pub const fn empty() -> Self {
        Self {
            kind: Kind::Stored {
                data: Bytes::new(),
                trailers: None,
            },
        }
    }

    /// The body of an answer to `HEAD`, and of a 304: nothing, and of a length that nobody has said. A server or layer
    /// that takes a length from the body would otherwise say 0, and RFC 9110 8.6 wants the one that `GET` would have.
    pub(crate) const fn absent() -> Self {
        Self { kind: Kind::Absent }
    }

    /// A stored body.
    pub(crate) fn stored(data: &Bytes, trailers: Option<&HeaderMap>) -> Self {
        Self {
            kind: Kind::Stored {
                data: data.clone(),
                trailers: trailers.cloned(),
            },
        }
    }

    /// A part of a stored body.
    pub(crate) fn part(data: &Bytes, part: &Range<u64>) -> Self {
        let at = |place: u64| usize::try_from(place).unwrap_or(usize::MAX).min(data.len());
        Self {
            kind: Kind::Stored {
                data: data.slice(at(part.start)..at(part.end)),
                trailers: None,
            },
        }
    }

    /// Whether it is stored while it is read.
    pub(crate) fn is_recorded(&self) -> bool {
        match &self.kind {
            Kind::Absent | Kind::Stored { .. } => false,
            Kind::Passing { recording, .. } => recording.is_some(),
            Kind::Shared { body } => body.is_recorded(),
        }
    }

    /// The inner service's body, which is stored, and for which others may wait.
    pub(crate) const fn shared(body: Client<B>) -> Self {
        Self {
            kind: Kind::Shared { body },
        }
    }

    /// The inner service's body.
    pub(crate) fn passing(body: Source<B>, recording: Option<Box<Recording>>) -> Self {
        Self {
            kind: Kind::Passing { body, recording },
        }
    }
}

impl<B> Default for Body<B> {
    fn default() -> Self {
        Self::empty()
    }
}

impl<B> http_body::Body for Body<B>
where
    B: http_body::Body<Data = Bytes>,
{
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.project().kind.project() {
            KindProjection::Absent => Poll::Ready(None),
            KindProjection::Stored { data, trailers } => {
                let frame = if data.is_empty() {
                    trailers.take().map(Frame::trailers)
                } else {
                    // In one piece it would be over for a server before the client has any of it.
                    Some(Frame::data(data.split_to(data.len().min(PIECE))))
                };
                Poll::Ready(frame.map(Ok))
            }
            KindProjection::Passing {
                mut body,
                recording,
            } => {
                let frame = ready!(body.as_mut().poll_frame(cx));
                if let Some(held) = recording {
                    match held.record(frame.as_ref(), body.is_end_stream()) {
                        Progress::GoesOn => {}
                        Progress::Whole => {
                            if let Some(whole) = recording.take() {
                                whole.finish();
                            }
                        }
                        Progress::Lost => *recording = None,
                    }
                }
                Poll::Ready(frame)
            }
            KindProjection::Shared { body } => body.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Absent => true,
            Kind::Stored { data, trailers } => data.is_empty() && trailers.is_none(),
            Kind::Passing { body, .. } => body.is_end_stream(),
            Kind::Shared { body } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Absent => SizeHint::default(),
            // With a length a server would send no trailers.
            Kind::Stored {
                data,
                trailers: Some(_),
            } => {
                let mut hint = SizeHint::new();
                hint.set_lower(data.len() as u64);
                hint
            }
            Kind::Stored { data, .. } => SizeHint::with_exact(data.len() as u64),
            Kind::Passing { body, .. } => body.size_hint(),
            Kind::Shared { body } => body.size_hint(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use http_body::Body as _;

    use super::*;

    type Stored = Body<http_body_util::Empty<Bytes>>;

    #[test]
    fn stored_bodies_come_in_pieces_and_their_trailers_behind_them() {
        let mut cx = Context::from_waker(Waker::noop());
        for (length, pieces) in [(0, 0), (1, 1), (PIECE, 1), (PIECE + 1, 2), (3 * PIECE, 3)] {
            for trailers in [None, Some(HeaderMap::new())] {
                let mut body = Stored::stored(&vec![0; length].into(), trailers.as_ref());
                let (mut count, mut left) = (0, length);
                while let Poll::Ready(Some(frame)) = Pin::new(&mut body).poll_frame(&mut cx) {
                    let Ok(data) = frame.unwrap().into_data() else {
                        assert_eq!(left, 0);
                        continue;
                    };
                    count += 1;
                    left -= data.len();
                }
                assert_eq!((count, left), (pieces, 0), "{length}");
                assert!(body.is_end_stream());
            }
        }
    }
}
