//! One request on one connection, until the head of its response is there.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::header::{self, HeaderValue};
use http::{Request, Response, StatusCode};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;

use super::abandoned::abandon;
use super::heads::{closes, kept_for, to_http1, to_http2};
use super::pooled_body::{HeldConnection, Then};
use crate::fields;
use crate::proxy::body::Body;
use crate::proxy::body::upload::Progress;
use crate::proxy::client::hyper_error::Lost;
use crate::proxy::client::pool::Pool;
use crate::proxy::client::pool::connection::{Connection, Http1, Http2, Stream};
use crate::proxy::client::stream::meter::Meter;
use crate::proxy::client::upload::Upload;
use crate::proxy::wire::framing::gives_content_no_meaning;

/// The answer as hyper gives it. It is in a box because it goes on elsewhere when the request is given up, and
/// because it holds a request: all futures around it are smaller so.
pub(super) type Answering = Pin<Box<dyn Future<Output = Answer> + Send>>;
pub(super) type Answer = Result<Response<Incoming>, TrySendError<Request<Body>>>;

/// A request that was given to a connection.
pub(super) struct Exchange<'a> {
    answer: Option<Answering>,
    on: On,
    pool: &'a Arc<Pool>,
    upload: Option<&'a Arc<Upload>>,
}

/// A connection while it bears a request.
enum On {
    Http1 {
        connection: Http1,
        content: Content,
        is_last: bool,
    },
    Http2 {
        stream: Stream,
        /// Whether the request went out as a whole with its head.
        sent: bool,
        /// The number of heads and frames that had come before it.
        heard: usize,
        /// The number of reads that had brought anything before it.
        reads: usize,
    },
    /// One that ended just as it was given the request.
    Nothing,
}

/// The body of a request.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Content {
    None,
    /// It fits into the buffers between the two ends.
    Some,
    /// A part of it may lie unread between the two ends; or nobody knows.
    Large,
}

/// The failure of a request that was given to a connection.
pub(super) struct Failed {
    pub(super) error: hyper::Error,
    /// The request, if nothing of it was written.
    pub(super) unsent: Option<Box<Request<Body>>>,
    /// The end of its connection, as far as it is known.
    pub(super) lost: Option<Lost>,
    /// Its connection, if that was one of HTTP/2 and none that was [`lost`](Self::lost).
    pub(super) shared: Option<Arc<Meter>>,
}

impl From<TrySendError<Request<Body>>> for Failed {
    fn from(mut error: TrySendError<Request<Body>>) -> Self {
        Self {
            unsent: error.take_message().map(Box::new),
            error: error.into_error(),
            lost: None,
            shared: None,
        }
    }
}

impl Content {
    const MOST_BUFFERED: u64 = 16 * 1024;

    fn of(body: &Body) -> Self {
        match body.size_hint().upper() {
            _ if body.is_end_stream() => Self::None,
            Some(0..=Self::MOST_BUFFERED) => Self::Some,
            _ => Self::Large,
        }
    }
}

impl<'a> Exchange<'a> {
    /// Gives a request to a connection. `progress`: that of a body which may be held back for a client that waits for a
    /// 100.
    ///
    /// A request that is put into a connection's queue just as the connection ends may be seen by neither
    /// side: the queue gives it back only when its last sender is gone. So a sender that is closed once
    /// the request is in is dropped, and never waited for.
    pub(super) fn begin(
        connection: Connection,
        request: Box<Request<Body>>,
        pool: &'a Arc<Pool>,
        upload: Option<&'a Arc<Upload>>,
        progress: Option<&Arc<Progress>>,
    ) -> Self {
        match connection {
            Connection::Http1(connection) => Self::begin_http1(connection, request, pool, upload),
            Connection::Http2(connection) => {
                Self::begin_http2(connection, request, pool, upload, progress)
            }
        }
    }

    fn begin_http1(
        mut connection: Http1,
        mut request: Box<Request<Body>>,
        pool: &'a Arc<Pool>,
        upload: Option<&'a Arc<Upload>>,
    ) -> Self {
        to_http1(&mut request);
        let content = Content::of(request.body());
        let is_last = content != Content::None && gives_content_no_meaning(request.method());
        // The upstream may leave such content unread. It would take it for the next request, and answer
        // that to whoever asks next on the connection: so nobody does, and it is asked to close it. Over
        // HTTP/2 a frame says where a request ends.
        if is_last {
            let close = HeaderValue::from_static("close");
            fields::add_token(request.headers_mut(), header::CONNECTION, close);
        }
        connection.meter.progress();
        if let Some(upload) = upload {
            upload.goes_out();
        }
        let answer = connection.sender.try_send_request(*request);
        let on = if connection.sender.is_closed() {
            On::Nothing
        } else {
            On::Http1 {
                connection,
                content,
                is_last,
            }
        };
        Self {
            answer: Some(Box::pin(answer)),
            on,
            pool,
            upload,
        }
    }

    fn begin_http2(
        connection: Http2,
        mut request: Box<Request<Body>>,
        pool: &'a Arc<Pool>,
        upload: Option<&'a Arc<Upload>>,
        progress: Option<&Arc<Progress>>,
    ) -> Self {
        let Http2 {
            mut sender,
            mut stream,
        } = connection;
        to_http2(&mut request, pool.destination());
        let sent = request.body().is_end_stream();
        let (heard, reads) = (stream.meter().heard(), stream.meter().reads());
        stream.meter().uses();
        if let Some(upload) = upload {
            upload.goes_out();
            stream.lasts(upload);
        }
        let answer = sender.try_send_request(*request);
        if sender.is_closed() {
            pool.drop_closed();
        } else if let Some(progress) = progress {
            // RFC 9110 10.1.1: nobody has to wait, and of a 100 over HTTP/2 hyper does not tell. An upload that is not
            // wanted is reset there.
            progress.open();
        }
        Self {
            answer: Some(Box::pin(answer)),
            on: On::Http2 {
                stream,
                sent,
                heard,
                reads,
            },
            pool,
            upload,
        }
    }
}

impl Exchange<'_> {
    /// The head is late. A connection of HTTP/2 that has brought nothing meanwhile may be dead. One that has brought
    /// something, but nothing for a stream, is there: it answers PINGs. That excuses one late request, and not the next,
    /// because what stands behind it may hang.
    pub(super) fn waited_in_vain(&self) {
        if let On::Http2 {
            stream,
            heard,
            reads,
            ..
        } = &self.on
        {
            let meter = stream.meter();
            let is_for_others = meter.heard() != *heard;
            if !is_for_others && (meter.reads() == *reads || meter.late_again()) {
                meter.doubt();
            }
        }
    }
}

impl On {
    fn lost(&self) -> Option<Lost> {
        match self {
            Self::Http2 { stream, .. } => stream.meter().lost(),
            Self::Http1 { .. } | Self::Nothing => None,
        }
    }

    fn shared(&self) -> Option<Arc<Meter>> {
        match self {
            Self::Http2 { stream, .. } => Some(Arc::clone(stream.meter())),
            Self::Http1 { .. } | Self::Nothing => None,
        }
    }

    /// Ends a connection of HTTP/1.1 on which there is no answer to wait for, with what is left of the request.
    fn give_up(self) {
        if let Self::Http1 { connection, .. } = self {
            connection.meter.abort();
        }
    }

    /// The part of it that the response holds, once its head is there.
    fn answered(self, response: &Response<Incoming>) -> HeldConnection {
        match self {
            Self::Nothing => HeldConnection::Nothing,
            Self::Http2 { stream, sent, .. } => {
                let meter = stream.meter();
                meter.answered();
                meter.hears();
                HeldConnection::Http2 { stream, sent }
            }
            Self::Http1 {
                connection,
                content,
                is_last,
            } => {
                let meter = &connection.meter;
                meter.answered();
                if response.status() == StatusCode::SWITCHING_PROTOCOLS {
                    meter.becomes_tunnel();
                }
                let kept = kept_for(response.headers());
                if let Some(time) = kept {
                    meter.is_kept_for(time);
                }
                // Not even for those who wait for a connection.
                let is_last = is_last || kept == Some(Duration::ZERO);
                let then = match content {
                    Content::None if is_last => Then::Close,
                    Content::None => Then::PutBack,
                    _ if closes(response.headers()) => Then::Abort,
                    _ if is_last => Then::Close,
                    // Perhaps the upstream has refused it unread, and is about to close.
                    Content::Large if !response.status().is_success() => Then::Close,
                    Content::Some | Content::Large => Then::PutBack,
                };
                HeldConnection::Http1 { connection, then }
            }
        }
    }
}

impl Future for Exchange<'_> {
    type Output = Result<(Response<Incoming>, HeldConnection), Failed>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(answer) = &mut self.answer else {
            return Poll::Pending;
        };
        let answer = ready!(answer.as_mut().poll(cx));
        self.answer = None;
        let on = std::mem::replace(&mut self.on, On::Nothing);
        let response = match answer {
            Ok(response) => response,
            Err(error) => {
                let mut failed = Failed::from(error);
                failed.lost = on.lost();
                failed.shared = on.shared().filter(|_| failed.lost.is_none());
                if let Some(upload) = self.upload {
                    upload.comes_back();
                }
                on.give_up();
                return Poll::Ready(Err(failed));
            }
        };
        let held = on.answered(&response);
        Poll::Ready(Ok((response, held)))
    }
}

impl Drop for Exchange<'_> {
    fn drop(&mut self) {
        let on = std::mem::replace(&mut self.on, On::Nothing);
        if let (Some(answer), On::Http1 { connection, .. }) = (self.answer.take(), on) {
            abandon(answer, connection, self.pool);
        }
    }
}
