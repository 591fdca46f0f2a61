//! A request's or a response's body that is neither hyper's nor the proxy's own.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use sync_wrapper::SyncWrapper;

use crate::proxy::error::BoxError;

type Unshared = Pin<Box<dyn http_body::Body<Data = Bytes, Error = BoxError> + Send>>;

/// Somebody else's body, which need not be `Sync`. It is only touched where nobody else can, so it says of
/// itself beforehand what is asked of a shared reference. poem and others need a body that is `Sync`, and
/// an error that gives a request back ([`ClientError`](crate::proxy::ClientError)) has to be.
pub(super) struct Foreign {
    body: SyncWrapper<Unshared>,
    /// The result of a look. The two hints are about it and the rest.
    first: Option<Result<Frame<Bytes>, BoxError>>,
    pub(super) is_end_stream: bool,
    pub(super) size_hint: SizeHint,
    pub(super) is_of_request: bool,
}

/// The failure of a request's body that is somebody else's.
#[derive(Debug, thiserror::Error)]
#[error("the request's body failed")]
pub(crate) struct RequestBodyFailed(#[source] BoxError);

impl Foreign {
    pub(super) fn new<B>(body: B) -> Self
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let body: Unshared = Box::pin(MapError { body });
        Self {
            is_end_stream: body.is_end_stream(),
            size_hint: body.size_hint(),
            body: SyncWrapper::new(body),
            first: None,
            is_of_request: false,
        }
    }

    pub(super) fn is_unclear(&self) -> bool {
        !self.is_end_stream && self.size_hint.lower() == 0 && self.first.is_none()
    }

    /// The first frame that is not empty: one of HTTP/2 may be, and end the stream (RFC 9113 6.1).
    pub(super) fn poll_first(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(first));
        }
        loop {
            let frame = ready!(self.body.get_mut().as_mut().poll_frame(cx));
            let data = frame.iter().flatten().find_map(Frame::data_ref);
            if !data.is_some_and(Bytes::is_empty) {
                return Poll::Ready(frame);
            }
        }
    }

    pub(super) fn keep(&mut self, first: Result<Frame<Bytes>, BoxError>) {
        let data = first.as_ref().ok().and_then(Frame::data_ref);
        let len = data.map_or(0, |data| data.len() as u64);
        if self.size_hint.upper().is_none_or(|upper| upper >= len) {
            self.size_hint.set_lower(len);
        }
        self.first = Some(first);
    }

    pub(super) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let body = self.body.get_mut();
        let polled = match self.first.take() {
            Some(first) => Poll::Ready(Some(first)),
            None => body.as_mut().poll_frame(cx),
        };
        self.is_end_stream = body.is_end_stream();
        self.size_hint = body.size_hint();
        if self.is_of_request {
            return polled.map_err(|error| RequestBodyFailed(error).into());
        }
        polled
    }
}

pin_project_lite::pin_project! {
    /// A body whose errors are boxed.
    struct MapError<B> {
        #[pin]
        body: B,
    }
}

impl<B> http_body::Body for MapError<B>
where
    B: http_body::Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.project().body.poll_frame(cx).map_err(Into::into)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
