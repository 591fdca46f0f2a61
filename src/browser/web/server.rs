//! The servers of the web: any tower service, its types forgotten.

use std::error::Error as StdError;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes};
use http::{Request, Response};
use http_body::{Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tower_service::Service;

use crate::browser::outcome::error::{FetchError, FetchErrorKind};

type BoxError = Box<dyn StdError + Send + Sync>;
type Answer = Pin<Box<dyn Future<Output = Result<Response<ResponseBody>, BoxError>> + Send>>;

/// The body of a response, still on its way.
pub(crate) type ResponseBody = UnsyncBoxBody<Bytes, BoxError>;

/// The body of a request as a service gets it: all of it at once, with its exact length unless it is
/// [streamed](crate::browser::Fetch::streaming).
#[derive(Debug, Default)]
pub struct Body {
    bytes: Option<Bytes>,
    /// Nobody is told the length before the end.
    streamed: bool,
    trouble: Option<Trouble>,
    /// The end of a stall that has begun.
    ends: Option<Instant>,
}

/// A fault of a body, by which a service is put to the test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The body stalls for this long and then ends.
    Stalls(Duration),
    /// The reader of the body panics.
    Panics,
}

impl Body {
    pub(crate) fn new(bytes: Option<Bytes>, trouble: Option<Trouble>) -> Self {
        Self {
            bytes: bytes.filter(|bytes| !bytes.is_empty()),
            streamed: false,
            trouble,
            ends: None,
        }
    }

    pub(crate) fn streamed(self, streamed: bool) -> Self {
        Self { streamed, ..self }
    }
}

/// By a thread of its own, as any executor will do.
fn wake_after(time: Duration, waker: Waker) {
    std::thread::spawn(move || {
        std::thread::sleep(time);
        waker.wake();
    });
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match self.trouble {
            None => Poll::Ready(self.bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Some(Trouble::Stalls(time)) => match self.ends {
                Some(end) if Instant::now() >= end => Poll::Ready(None),
                ends => {
                    if ends.is_none() {
                        self.ends = Instant::now().checked_add(time);
                    }
                    wake_after(time, cx.waker().clone());
                    Poll::Pending
                }
            },
            // Without the hook that prints a message: the panic is the test's own.
            Some(Trouble::Panics) => {
                self.trouble = None;
                std::panic::resume_unwind(Box::new("a body that panics, by `browser::readable`"))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_none() && self.trouble.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        if self.streamed && !self.is_end_stream() {
            return SizeHint::default();
        }
        SizeHint::with_exact(self.bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }
}

/// A server: a fresh clone of it answers each request.
#[derive(Clone)]
pub(crate) struct Server(Arc<Mutex<Box<dyn Serve>>>);

trait Serve: Send {
    fn serve(&self, request: Request<Body>) -> Answer;
}

impl<S, B> Serve for S
where
    S: Service<Request<Body>, Response = Response<B>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: http_body::Body + Send + 'static,
    B::Error: Into<BoxError>,
{
    fn serve(&self, request: Request<Body>) -> Answer {
        let mut service = self.clone();
        Box::pin(async move {
            poll_fn(|cx| service.poll_ready(cx))
                .await
                .map_err(Into::into)?;
            let response = service.call(request).await.map_err(Into::into)?;
            Ok(response.map(|body| {
                let bytes = |mut data: B::Data| data.copy_to_bytes(data.remaining());
                body.map_frame(move |frame| frame.map_data(bytes))
                    .map_err(Into::into)
                    .boxed_unsync()
            }))
        })
    }
}

impl Server {
    pub(crate) fn new<S, B>(service: S) -> Self
    where
        S: Service<Request<Body>, Response = Response<B>> + Clone + Send + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send,
        B: http_body::Body + Send + 'static,
        B::Error: Into<BoxError>,
    {
        Self(Arc::new(Mutex::new(Box::new(service))))
    }

    pub(crate) async fn answer(
        &self,
        request: Request<Body>,
    ) -> Result<Response<ResponseBody>, FetchError> {
        // The lock is for services that are not `Sync`, and is not held while they work.
        let answer = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .serve(request);
        answer.await.map_err(FetchError::service)
    }
}

/// All of a body, if it is not longer than `limit` bytes.
pub(crate) async fn read(body: ResponseBody, limit: usize) -> Result<Bytes, FetchError> {
    match Limited::new(body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            Err(FetchError::new(FetchErrorKind::BodyTooLong(limit)))
        }
        Err(error) => Err(FetchError::service(error)),
    }
}

/// So many bytes of a body, or fewer where it ends or fails before.
pub(crate) async fn beginning(mut body: ResponseBody, length: usize) -> Bytes {
    let mut bytes = Vec::new();
    while bytes.len() < length {
        match body.frame().await {
            Some(Ok(frame)) => {
                let data = frame.into_data().unwrap_or_default();
                let more = length - bytes.len();
                bytes.extend_from_slice(&data[..data.len().min(more)]);
            }
            Some(Err(_)) | None => break,
        }
    }
    bytes.into()
}
