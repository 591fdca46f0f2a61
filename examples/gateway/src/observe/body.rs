//! A response's body whose bytes are counted.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use same_origin::proxy::Body;

use super::Observation;

/// A body, and the observation that ends with it, if there is one.
pub struct ObservedBody {
    body: Body,
    observation: Option<Box<Observation>>,
}

impl ObservedBody {
    pub fn new(body: Body, observation: Option<Box<Observation>>) -> Self {
        Self { body, observation }
    }
}

impl http_body::Body for ObservedBody {
    type Data = Bytes;
    type Error = <Body as http_body::Body>::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if let Some(observation) = &mut self.observation
            && let Poll::Ready(next) = &polled
        {
            match next {
                None => observation.is_whole(),
                // Behind trailers the server asks for nothing more.
                Some(Ok(frame)) if frame.is_trailers() => observation.is_whole(),
                Some(Ok(frame)) => observation.sent(frame.data_ref().map_or(0, Bytes::len)),
                Some(Err(error)) => observation.cut_off(&**error),
            }
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for ObservedBody {
    /// A server asks a body that it knows to be over for no further frame. One that is dropped before was cut.
    fn drop(&mut self) {
        if let Some(observation) = &mut self.observation
            && self.body.is_end_stream()
        {
            observation.is_whole();
        }
    }
}
