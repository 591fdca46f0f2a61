//! The body of a request, counted in its connection.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use same_origin::proxy;

use super::Connection;
use crate::server::BoxError;

/// A body that is on its way, which may be longer than the response is. RFC 9112 6.3, RFC 9113 8.1: the request lasts
/// until its last byte, so its connection does not lie idle. A client that sends nothing of what it is asked for is the
/// proxy's business, as before the response.
pub struct InUpload(Arc<Connection>);

impl InUpload {
    pub fn new(connection: Arc<Connection>) -> Self {
        connection.uploads.fetch_add(1, Ordering::Relaxed);
        Self(connection)
    }
}

impl InUpload {
    /// Nobody wants the rest of it, which its client may go on to send.
    pub fn is_cut_short(&self) {
        self.0.is_cut_short.store(true, Ordering::Relaxed);
    }
}

impl Connection {
    /// Whether its client may be sending a body that nobody reads.
    pub fn has_unread_body(&self) -> bool {
        self.is_cut_short.load(Ordering::Relaxed) || self.uploads.load(Ordering::Relaxed) > 0
    }

    /// It is told to end while hyper goes on with it. Where that has nothing to do, it has read the rest of a body that
    /// was cut short: it would have ended the connection otherwise.
    pub fn goes_on(&self) {
        if !self.is_asked() && !self.is_flushing() {
            self.is_cut_short.store(false, Ordering::Relaxed);
        }
    }
}

impl Drop for InUpload {
    fn drop(&mut self) {
        self.0.one_ends(&self.0.uploads);
    }
}

/// The body of a request, counted if it has one. `is_stream`: it came by HTTP/2.
pub fn counted_upload(
    body: Incoming,
    connection: &Arc<Connection>,
    is_stream: bool,
) -> proxy::Body {
    if body.is_end_stream() {
        return proxy::Body::empty();
    }
    let in_upload = Some(InUpload::new(Arc::clone(connection)));
    proxy::Body::new(CountedUpload {
        body,
        is_stream,
        in_upload,
    })
}

struct CountedUpload {
    body: Incoming,
    is_stream: bool,
    /// Held until the body has ended, or nobody wants more of it.
    in_upload: Option<InUpload>,
}

impl Drop for CountedUpload {
    fn drop(&mut self) {
        if let Some(in_upload) = &self.in_upload {
            in_upload.is_cut_short();
        }
    }
}

impl Body for CountedUpload {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        let is_over = self.body.is_end_stream();
        if frame.is_none() || is_over {
            self.in_upload = None;
        }
        // hyper takes a reset with `NO_ERROR` for the end, which would make a whole body of a part.
        if frame.is_none() && !is_over && self.is_stream {
            return Poll::Ready(Some(Err("the stream was reset before its end".into())));
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
