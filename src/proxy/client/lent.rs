//! The body of a response, and with it the connection that it comes by.

use super::pool::{Pool, Slot};
use crate::proxy::body::Body;
use crate::proxy::error::BoxError;
use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::runtime::Handle;

/// A response's body that keeps its connection while it is read and puts it back at its end.
///
/// Dropped before its end, it takes the connection of HTTP/1.1 with it: what the upstream still sends
/// must not be taken for the next response.
pub(crate) struct Lent {
    body: Incoming,
    hold: Option<Hold>,
}

/// What a response holds of its upstream.
pub(super) struct Hold {
    pub(super) connection: Held,
    pub(super) slot: Slot,
}

pub(super) enum Held {
    Http1 {
        sender: http1::SendRequest<Body>,
        born: u64,
    },
    Http2 {
        _stream: Arc<()>,
        /// Whether the request went out as a whole with its head.
        sent: bool,
    },
    /// The connection ended with this response.
    Nothing,
}

impl Lent {
    pub(super) fn new(body: Incoming, hold: Hold) -> Self {
        Self {
            body,
            hold: Some(hold),
        }
    }

    /// Whether a stream was reset before its end, which hyper takes for the end if the reason is
    /// `NO_ERROR`. RFC 9113 8.1: with it a server asks, after a complete response, for no more of the
    /// request. Of the response it says nothing, and where nothing of the request was left there was
    /// nothing to ask.
    fn was_cut(&self) -> bool {
        let sent = matches!(
            self.hold,
            Some(Hold {
                connection: Held::Http2 { sent: true, .. },
                ..
            })
        );
        sent && !self.body.is_end_stream()
    }

    fn release(&mut self) {
        if let Some(Hold {
            connection: Held::Http1 { sender, born },
            slot,
        }) = self.hold.take()
        {
            put_back_when_ready(sender, born, slot.pool());
        }
    }
}

/// A connection is ready once its task has turned from the end of the response to waiting for a
/// request; nearly always that has happened by now.
fn put_back_when_ready(mut sender: http1::SendRequest<Body>, born: u64, pool: &Arc<Pool>) {
    if sender.is_ready() {
        pool.put_back(sender, born);
    } else if !sender.is_closed() {
        // Another thread is about to make that turn, or the request's body is still on its way.
        if let Ok(runtime) = Handle::try_current() {
            let pool = Arc::clone(pool);
            runtime.spawn(async move {
                let ready = tokio::time::timeout(Duration::from_secs(5), sender.ready());
                if let Ok(Ok(())) = ready.await {
                    pool.put_back(sender, born);
                }
            });
        }
    }
}

impl From<Lent> for Body {
    fn from(lent: Lent) -> Self {
        Self::own(lent)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if self.body.is_end_stream() {
            self.release();
        }
    }
}

impl http_body::Body for Lent {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        match &polled {
            Poll::Ready(None) if self.was_cut() => {
                self.hold = None;
                let cut = io::Error::new(io::ErrorKind::UnexpectedEof, "reset before its end");
                return Poll::Ready(Some(Err(cut.into())));
            }
            Poll::Ready(None) => self.release(),
            Poll::Ready(Some(Err(_))) => self.hold = None,
            // A reader that knows the length asks no further.
            // And behind trailers nothing comes.
            Poll::Ready(Some(Ok(frame))) if frame.is_trailers() || self.body.is_end_stream() => {
                self.release();
            }
            Poll::Ready(Some(Ok(_))) | Poll::Pending => {}
        }
        polled.map_err(Into::into)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
