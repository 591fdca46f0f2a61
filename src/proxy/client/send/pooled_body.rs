//! The body of a response, and with it the connection that it comes by.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::runtime::Handle;
use tokio::time::Instant;

use crate::proxy::body::Body;
use crate::proxy::client::pool::connection::{Http1, Stream};
use crate::proxy::client::pool::{Pool, Slot};
use crate::proxy::client::upload::Upload;
use crate::proxy::error::BoxError;

/// A response's body that keeps its connection while it is read and puts it back at its end.
///
/// Dropped before its end, it takes the connection of HTTP/1.1 with it: what the upstream still sends
/// must not be taken for the next response.
pub(crate) struct PooledBody {
    body: Incoming,
    held: Option<Held>,
    /// Whether it was asked for a frame before that had come.
    has_waited: bool,
}

/// A response's hold on its upstream: its place there, and the connection.
pub(super) struct Held {
    pub(super) connection: HeldConnection,
    pub(super) slot: Slot,
}

pub(super) enum HeldConnection {
    Http1 {
        connection: Http1,
        then: Then,
    },
    Http2 {
        stream: Stream,
        /// Whether the request went out as a whole with its head.
        sent: bool,
    },
    /// The connection ended with this response.
    Nothing,
}

/// The fate of a connection of HTTP/1.1 after its response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// It is put back.
    PutBack,
    /// It is closed when the request is out, too.
    Close,
    /// It is closed at once: the upstream reads no more of the request.
    Abort,
}

impl PooledBody {
    pub(super) fn new(body: Incoming, held: Held) -> Self {
        Self {
            body,
            held: Some(held),
            has_waited: false,
        }
    }

    /// Whether a stream was reset before its end, which hyper takes for the end if the reason is
    /// `NO_ERROR`. RFC 9113 8.1: with it a server asks, after a complete response, for no more of the
    /// request. Of the response it says nothing, and where nothing of the request was left there was
    /// nothing to ask.
    fn was_cut(&self) -> bool {
        let sent = matches!(
            self.held,
            Some(Held {
                connection: HeldConnection::Http2 { sent: true, .. },
                ..
            })
        );
        sent && !self.body.is_end_stream()
    }

    fn connection(&self) -> Option<&HeldConnection> {
        self.held.as_ref().map(|held| &held.connection)
    }

    fn progress(&mut self) {
        // A frame that had come before it was asked for is not a sign of life: its reader may be slow.
        let has_waited = std::mem::take(&mut self.has_waited);
        match self.connection() {
            Some(HeldConnection::Http1 { connection, .. }) => connection.meter.progress(),
            Some(HeldConnection::Http2 { stream, .. }) if has_waited => stream.meter().hears(),
            Some(HeldConnection::Http2 { .. } | HeldConnection::Nothing) | None => {}
        }
    }

    fn give_up(&mut self) {
        if let Some(HeldConnection::Http1 { connection, .. }) = self.connection() {
            connection.meter.abort();
        }
        self.held = None;
    }

    fn release(&mut self) {
        if let Some(Held {
            connection: HeldConnection::Http1 { connection, then },
            slot,
        }) = self.held.take()
        {
            let upload = slot.upload().map(Arc::downgrade);
            match then {
                Then::PutBack => put_back_when_ready(connection, slot.pool(), upload),
                Then::Close => end_when_written(connection, upload),
                Then::Abort => connection.meter.abort(),
            }
        }
    }
}

/// A connection is ready once its task has turned from the end of the response to waiting for a
/// request; nearly always that has happened by now.
pub(super) fn put_back_when_ready(
    mut connection: Http1,
    pool: &Arc<Pool>,
    upload: Option<Weak<Upload>>,
) {
    if connection.sender.is_ready() {
        pool.put_back(connection);
    } else if !connection.sender.is_closed() {
        // Another thread is about to make that turn, or the request's body is still on its way.
        if let Ok(runtime) = Handle::try_current() {
            let pool = Arc::clone(pool);
            runtime.spawn(async move {
                let ready = tokio::time::timeout(TURN, connection.sender.ready());
                match ready.await {
                    Ok(Ok(())) => pool.put_back(connection),
                    Ok(Err(_)) => {}
                    Err(_late) => end_when_written(connection, upload),
                }
            });
        }
    }
}

/// Closes a connection when the rest of its request is out, or when its upstream has taken nothing of it for [`STUCK`]:
/// the request has its answer, so no timeout of its own ends it. A client that gives nothing has one.
fn end_when_written(Http1 { sender, meter }: Http1, upload: Option<Weak<Upload>>) {
    // hyper closes it once it has nothing to write.
    drop(sender);
    let Ok(runtime) = Handle::try_current() else {
        return meter.abort();
    };
    runtime.spawn(async move {
        let (mut writes, mut moved) = (meter.writes(), Instant::now());
        while !meter.is_over() && moved.elapsed() < STUCK {
            tokio::time::sleep(TURN).await;
            let now = meter.writes();
            let upload = upload.as_ref().and_then(Weak::upgrade);
            if now != writes || upload.is_some_and(|upload| upload.is_asked()) {
                (writes, moved) = (now, Instant::now());
            }
        }
        meter.abort();
    });
}

impl From<PooledBody> for Body {
    fn from(body: PooledBody) -> Self {
        Self::own(body)
    }
}

/// The time that a connection may take to be ready after its response. An upload that the upstream goes on
/// reading is not cut after it; its connection is not used again.
const TURN: Duration = Duration::from_secs(5);
/// The time for which an upstream may take nothing of a request that it has answered.
const STUCK: Duration = Duration::from_secs(60);

impl Drop for PooledBody {
    fn drop(&mut self) {
        if self.body.is_end_stream() {
            self.release();
        } else if let Some(HeldConnection::Http1 { connection, .. }) = self.connection() {
            // Its client has gone; see `abandoned`.
            connection.meter.reset_on_close(true);
            connection.meter.abort();
        }
    }
}

impl http_body::Body for PooledBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        match &polled {
            Poll::Ready(None) if self.was_cut() => {
                self.held = None;
                let cut = io::Error::new(io::ErrorKind::UnexpectedEof, "reset before its end");
                return Poll::Ready(Some(Err(cut.into())));
            }
            Poll::Ready(None) => self.release(),
            Poll::Ready(Some(Err(_))) => self.give_up(),
            // A reader that knows the length asks no further. And behind trailers nothing comes.
            Poll::Ready(Some(Ok(frame))) if frame.is_trailers() || self.body.is_end_stream() => {
                self.release();
            }
            Poll::Ready(Some(Ok(_))) => self.progress(),
            Poll::Pending => self.has_waited = true,
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
