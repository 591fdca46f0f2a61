//! The body of requests and responses that pass through the proxy.

pub(crate) mod download;
mod foreign;
pub(crate) mod measured;
pub(crate) mod unread;
pub(crate) mod upload;

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use foreign::Foreign;
pub(crate) use foreign::RequestBodyFailed;
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::LengthLimitError;
use hyper::body::Incoming;
use measured::{Counted, Failure};

use crate::proxy::error::BoxError;
use crate::proxy::wire::trailers;

/// A body that streams frames, trailers included, at the pace of its reader. Of trailers it hands on what
/// may be one (RFC 9110 6.5.1): no field that only a head decides.
///
/// It is what [`ReverseProxy`](crate::proxy::ReverseProxy) answers with and what it hands to a client
/// service. Any other body goes into it with [`Body::new`]; hyper's own costs no box. Bytes and text come out in pieces
/// of 64 KiB, without a copy.
///
/// # Examples
///
/// ```
/// use same_origin::proxy::Body;
///
/// let error_page = Body::from("try again later\n");
/// # let _ = error_page;
/// ```
///
/// Its error is a `Box<dyn Error + Send + Sync>`, which is not itself an `Error`. A framework that asks for one, as poem
/// and salvo do in their `TowerCompatExt::compat` and `TowerServiceCompat::compat`, takes the proxy with another in its
/// place. salvo also has to be told the type of the bodies of requests, as the proxy takes any: by
/// `.map_request(|request: Request<salvo::http::ReqBody>| request)` before `.service(..)`.
///
/// ```
/// # use same_origin::proxy::{Body, ProxyConfigErrors, ReverseProxy};
/// use http::Response;
/// use http_body_util::BodyExt;
/// use std::io;
/// use tower::ServiceBuilder;
///
/// # fn main() -> Result<(), ProxyConfigErrors> {
/// let api = ServiceBuilder::new()
///     .map_response(|answer: Response<Body>| answer.map(|body| body.map_err(io::Error::other)))
///     .service(ReverseProxy::new("/api", "https://api.example.com")?);
/// # let _ = api;
/// # Ok(()) }
/// ```
#[derive(Default)]
pub struct Body {
    kind: Kind,
}

/// The most bytes of a whole body that are given at once. A server counts an answer as read when it has taken the last
/// frame: with all in one that would be before the client has any of it.
const PIECE: usize = 64 * 1024;

#[derive(Default)]
enum Kind {
    #[default]
    Empty,
    /// Not there, where another answer would have had it.
    Absent,
    Full(Bytes),
    Incoming(Incoming),
    /// One of the proxy's own: an upload, a response that is lent its connection, a download.
    Own(Pin<Box<dyn http_body::Body<Data = Bytes, Error = BoxError> + Send + Sync>>),
    Foreign(Box<Foreign>),
}

impl Body {
    /// No bytes and no trailers.
    #[must_use]
    pub const fn empty() -> Self {
        Self { kind: Kind::Empty }
    }

    /// The body of an answer to `HEAD`, of a 204 and of a 304: nothing, and of a length that nobody has said. A server or layer
    /// that takes a length from the body would otherwise say 0, and RFC 9110 8.6 wants the one that `GET` would have.
    pub(crate) const fn absent() -> Self {
        Self { kind: Kind::Absent }
    }

    /// Any body of [`Bytes`]. A `Body` stays itself; hyper's `Incoming` is not boxed.
    pub fn new<B>(body: B) -> Self
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let mut slot = Some(body);
        if let Some(body) = take::<B, Self>(&mut slot) {
            return body;
        }
        if let Some(incoming) = take::<B, Incoming>(&mut slot) {
            return Self::from(Kind::Incoming(incoming));
        }
        match slot {
            // An empty body of a type of its own, as every GET under axum has, costs no box here.
            Some(body) if !body.is_end_stream() => {
                Self::from(Kind::Foreign(Box::new(Foreign::new(body))))
            }
            _ => Self::empty(),
        }
    }

    /// A body of the proxy's own.
    pub(crate) fn own<B>(body: B) -> Self
    where
        B: http_body::Body<Data = Bytes, Error = BoxError> + Send + Sync + 'static,
    {
        Self::from(Kind::Own(Box::pin(body)))
    }

    /// Notes that it is a request's, so that its failure can be told from its connection's. One of the proxy's own
    /// says so by itself.
    pub(crate) fn is_of_request(&mut self) {
        if let Kind::Foreign(foreign) = &mut self.kind {
            foreign.is_of_request = true;
        }
    }

    /// Returns whether it may be empty without saying so.
    ///
    /// http-body promises nothing where `is_end_stream` is false, and most of what programs put around a body
    /// hands neither hint on (`tower_http::timeout`, a stream). hyper's own says what there is.
    pub(crate) fn may_be_empty(&self) -> bool {
        matches!(&self.kind, Kind::Foreign(foreign) if foreign.is_unclear())
    }

    /// Reads the first bytes, if they are there: a body that ends at once is known to be empty then.
    pub(crate) async fn look(&mut self) {
        if let Kind::Foreign(foreign) = &mut self.kind {
            let looked = poll_fn(|cx| Poll::Ready(foreign.poll_first(cx))).await;
            self.looked(looked);
        }
    }

    /// Waits for the first bytes, or for the end of a body that has none.
    pub(crate) async fn wait(&mut self) {
        self.kind = match std::mem::take(&mut self.kind) {
            Kind::Incoming(incoming) => Kind::Foreign(Box::new(Foreign::new(incoming))),
            other => other,
        };
        if let Kind::Foreign(foreign) = &mut self.kind {
            let first = poll_fn(|cx| foreign.poll_first(cx)).await;
            self.looked(Poll::Ready(first));
        }
    }

    fn looked(&mut self, first: Poll<Option<Result<Frame<Bytes>, BoxError>>>) {
        match (first, &mut self.kind) {
            (Poll::Ready(None), _) => self.kind = Kind::Empty,
            (Poll::Ready(Some(first)), Kind::Foreign(foreign)) => foreign.keep(first),
            (Poll::Ready(Some(_)) | Poll::Pending, _) => {}
        }
    }

    /// Makes it as long as its head says, or fail. hyper's own, and those of the proxy's own, keep to what they say;
    /// somebody else's may not.
    pub(crate) fn count(&mut self, announced: u64) -> Option<Failure> {
        let is_foreign = matches!(self.kind, Kind::Foreign(_));
        if !is_foreign && self.size_hint().exact() == Some(announced) {
            return None;
        }
        let (counted, failure) = Counted::new(std::mem::take(self), announced);
        *self = Self::own(counted);
        Some(failure)
    }

    /// Returns whether a body of HTTP/2 that has nothing more was reset before its end, which hyper takes for
    /// the end if the reason is `NO_ERROR`. Of bodies that are not hyper's own nobody can tell.
    pub(crate) fn was_reset(&self) -> bool {
        matches!(&self.kind, Kind::Incoming(body) if !body.is_end_stream())
    }
}

impl From<Kind> for Body {
    fn from(kind: Kind) -> Self {
        Self { kind }
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        if bytes.is_empty() {
            return Self::empty();
        }
        Self::from(Kind::Full(bytes))
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Self::from(Bytes::from(text))
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Self::from(Bytes::from(bytes))
    }
}

impl From<&'static str> for Body {
    fn from(text: &'static str) -> Self {
        Self::from(Bytes::from_static(text.as_bytes()))
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let mut polled = match &mut self.kind {
            Kind::Empty | Kind::Absent => Poll::Ready(None),
            Kind::Full(bytes) if bytes.len() > PIECE => {
                Poll::Ready(Some(Ok(Frame::data(bytes.split_to(PIECE)))))
            }
            Kind::Full(bytes) => {
                let bytes = std::mem::take(bytes);
                self.kind = Kind::Empty;
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Kind::Incoming(incoming) => Pin::new(incoming).poll_frame(cx).map_err(Into::into),
            Kind::Own(body) => body.as_mut().poll_frame(cx),
            Kind::Foreign(foreign) => foreign.poll_frame(cx),
        };
        if let Poll::Ready(Some(Ok(frame))) = &mut polled {
            if let Some(trailers) = frame.trailers_mut() {
                trailers::clean(trailers);
                if trailers.is_empty() {
                    return Poll::Ready(None);
                }
            }
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Empty | Kind::Absent => true,
            Kind::Full(_) => false,
            Kind::Incoming(incoming) => incoming.is_end_stream(),
            Kind::Own(body) => body.is_end_stream(),
            Kind::Foreign(foreign) => foreign.is_end_stream,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Empty => SizeHint::with_exact(0),
            Kind::Absent => SizeHint::default(),
            Kind::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Kind::Incoming(incoming) => incoming.size_hint(),
            Kind::Own(body) => body.size_hint(),
            Kind::Foreign(foreign) => foreign.size_hint,
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body")
            .field("size_hint", &self.size_hint())
            .finish_non_exhaustive()
    }
}

/// Returns whether a body failed because it is longer than a layer around it allows (`tower_http::limit`).
pub(crate) fn is_too_large(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.is::<LengthLimitError>() {
            return true;
        }
        cause = error.source();
    }
    false
}

/// The `T` in the slot if that is what a `B` is, a question that is answered at compile time.
fn take<B: 'static, T: 'static>(slot: &mut Option<B>) -> Option<T> {
    (slot as &mut dyn Any)
        .downcast_mut::<Option<T>>()
        .and_then(Option::take)
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use http_body_util::BodyExt;

    use super::*;

    #[test]
    fn whole_bodies_come_in_pieces() {
        for (length, pieces) in [(0, 0), (1, 1), (PIECE, 1), (PIECE + 1, 2), (3 * PIECE, 3)] {
            let mut body = Body::from(vec![0; length]);
            let (mut count, mut left) = (0, length);
            while let Some(Some(frame)) = body.frame().now_or_never() {
                count += 1;
                left -= frame.unwrap().into_data().unwrap().len();
                assert_eq!(body.size_hint().exact(), Some(left as u64));
                assert_eq!(body.is_end_stream(), left == 0);
            }
            assert_eq!((count, left), (pieces, 0), "{length}");
        }
    }
}
