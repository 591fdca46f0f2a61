//! A body that nobody is to see.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::Frame;

use crate::proxy::body::Body;
use crate::proxy::error::BoxError;

/// The most bytes that are read of it.
const MOST: usize = 64 << 10;

/// The body of a 204, which has none (RFC 9110 6.4.1): what an upstream sends in it all the same is read and dropped.
///
/// To drop the body instead would end a stream of HTTP/2 whose upstream still reads the request: h2 then throws away
/// what it has not written of that.
#[derive(Debug)]
pub(crate) struct Unread {
    body: Body,
    left: usize,
}

impl Unread {
    pub(crate) fn new(body: Body) -> Self {
        Self { body, left: MOST }
    }
}

impl http_body::Body for Unread {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        loop {
            let frame = match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => frame,
                ended => return Poll::Ready(ended),
            };
            let length = frame.data_ref().map_or(0, Bytes::len);
            let Some(left) = self.left.checked_sub(length) else {
                return Poll::Ready(None);
            };
            self.left = left;
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }
}
