//! Requests in chunks whose trailers are the last thing that is read of their connection.
//!
//! hyper reads trailers up to an empty line that ends with CRLF, and takes fields from them up to one that ends with LF:
//! whatever is between the two is lost. A proxy in front that takes the second for the end, as RFC 9112 2.2 allows, has
//! seen requests in it, and would give the answers of later ones to the wrong clients. How much was lost nobody can
//! tell from outside. So nothing is read behind trailers, or behind a body whose end was not seen, and
//! trailers without a field are not a message.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use same_origin::proxy;

use super::BoxError;
use super::connections::{Connection, InUpload, counted_upload};

/// The body of a request of HTTP/1.1.
pub(super) fn body(body: Incoming, connection: &Arc<Connection>) -> proxy::Body {
    // Over HTTP/1.1 a body with a length does not have trailers.
    if body.is_end_stream() || body.size_hint().exact().is_some() {
        return counted_upload(body, connection, false);
    }
    let connection = Arc::clone(connection);
    proxy::Body::new(Chunked {
        body,
        in_upload: Some(InUpload::new(Arc::clone(&connection))),
        connection,
    })
}

struct Chunked {
    body: Incoming,
    connection: Arc<Connection>,
    /// Held until the body has come to its end.
    in_upload: Option<InUpload>,
}

/// hyper reads what nobody wanted, trailers too, to keep the connection.
impl Drop for Chunked {
    fn drop(&mut self) {
        if let Some(in_upload) = &self.in_upload {
            in_upload.is_cut_short();
            self.connection.is_asked_no_more();
        }
    }
}

impl Body for Chunked {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if let Some(trailers) = frame.iter().flatten().find_map(Frame::trailers_ref) {
            self.connection.is_asked_no_more();
            if trailers.is_empty() {
                return Poll::Ready(Some(Err("the trailers have no field".into())));
            }
        }
        if frame.is_none() {
            self.in_upload = None;
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
