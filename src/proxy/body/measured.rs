//! A request's body that is as long as its head says, or fails.
//!
//! A server's body is. One that a program made, or a layer has replaced, may not be: hyper would cut a longer one
//! without a word, and wait for the rest of a shorter one until the upstream is taken for silent.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};

use crate::proxy::body::Body;
use crate::proxy::error::{BoxError, ProxyError, ProxyErrorKind};

/// A body, and the length that was announced for it, if one was.
pub(crate) struct Measured {
    body: Body,
    /// Announced bytes that are still to come.
    left: Option<u64>,
    after: After,
}

/// The state of the body behind the last announced byte.
enum After {
    Unknown,
    /// Trailers, for a next hop that takes them.
    Trailers(Frame<Bytes>),
    Nothing,
}

/// A body that is not as long as its head says.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WrongLength {
    #[error("the request's body is longer than its Content-Length")]
    Longer,
    #[error("the request's body ended before its Content-Length")]
    Shorter,
}

type Polled = Poll<Option<Result<Frame<Bytes>, BoxError>>>;

impl Measured {
    pub(crate) fn new(body: Body, announced: Option<u64>) -> Self {
        Self {
            body,
            left: announced,
            after: After::Unknown,
        }
    }

    /// As [`Body::was_reset`].
    pub(crate) fn was_reset(&self) -> bool {
        self.body.was_reset()
    }

    pub(crate) fn poll_frame(&mut self, cx: &mut Context<'_>) -> Polled {
        match std::mem::replace(&mut self.after, After::Nothing) {
            After::Unknown => self.after = After::Unknown,
            After::Trailers(trailers) => return Poll::Ready(Some(Ok(trailers))),
            After::Nothing => return Poll::Ready(None),
        }
        let polled = ready!(Pin::new(&mut self.body).poll_frame(cx));
        let Some(left) = &mut self.left else {
            return Poll::Ready(polled);
        };
        let len = match &polled {
            Some(Err(_)) => return Poll::Ready(polled),
            Some(Ok(frame)) => frame.data_ref().map(Bytes::len),
            None => None,
        };
        let checked = match len {
            Some(len) => left.checked_sub(len as u64).ok_or(WrongLength::Longer),
            // Trailers are an end, too.
            None if *left > 0 => Err(WrongLength::Shorter),
            None => Ok(0),
        };
        *left = match checked {
            Ok(left) => left,
            Err(wrong) => return Poll::Ready(Some(Err(wrong.into()))),
        };
        if len.is_some_and(|len| len > 0) && *left == 0 {
            self.look_behind(cx)?;
        }
        Poll::Ready(polled)
    }

    /// Looks, before the last byte goes out, whether more is there: behind it hyper asks for nothing, and the
    /// upstream would have a whole request. It does not wait for more, because a body may end only when its
    /// request is answered.
    fn look_behind(&mut self, cx: &mut Context<'_>) -> Result<(), BoxError> {
        if self.body.is_end_stream() {
            return Ok(());
        }
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Pending => {}
            Poll::Ready(None) => self.after = After::Nothing,
            Poll::Ready(Some(frame)) => {
                let frame = frame?;
                match frame.data_ref() {
                    None => self.after = After::Trailers(frame),
                    Some(data) if data.is_empty() => {}
                    Some(_) => return Err(WrongLength::Longer.into()),
                }
            }
        }
        Ok(())
    }

    /// One that ended too early has not: it has to be asked, to say so.
    pub(crate) fn is_end_stream(&self) -> bool {
        match self.after {
            After::Unknown => self.body.is_end_stream() && self.left.is_none_or(|left| left == 0),
            After::Trailers(_) => false,
            After::Nothing => true,
        }
    }

    /// Exact where a length was announced: it is that, or the body fails.
    pub(crate) fn size_hint(&self) -> SizeHint {
        self.left
            .map_or_else(|| self.body.size_hint(), SizeHint::with_exact)
    }
}

/// The failure of a body that a program has put under a head of another length.
pub(crate) type Failure = Arc<OnceLock<ProxyError>>;

/// A request's body that its program is to blame for, counted by the client.
pub(crate) struct Counted {
    body: Measured,
    /// A connection of HTTP/2 tells nobody why a body made it reset a stream.
    failure: Failure,
}

impl Counted {
    pub(crate) fn new(body: Body, announced: u64) -> (Self, Failure) {
        let failure = Failure::default();
        let counted = Self {
            body: Measured::new(body, Some(announced)),
            failure: Arc::clone(&failure),
        };
        (counted, failure)
    }
}

impl http_body::Body for Counted {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let polled = ready!(self.body.poll_frame(cx));
        Poll::Ready(polled.map(|polled| {
            polled.map_err(|error| match error.downcast::<WrongLength>() {
                Ok(wrong) => {
                    let failure = ProxyError::new(ProxyErrorKind::UnsendableRequest, true, *wrong);
                    self.failure.get_or_init(|| failure.clone());
                    failure.into()
                }
                Err(other) => other,
            })
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::future::poll_fn;

    use futures_util::{StreamExt, stream};
    use http::HeaderMap;
    use http_body_util::StreamBody;

    use super::*;

    /// A body of these pieces and then trailers, each with a pause before it if `is_slow`.
    fn of(pieces: &'static [&'static str], is_slow: bool) -> Body {
        let trailers = HeaderMap::from_iter([("x-sum".parse().unwrap(), "1".parse().unwrap())]);
        let data = pieces
            .iter()
            .map(|piece| Frame::data(Bytes::from_static(piece.as_bytes())));
        let frames = stream::iter(data.chain([Frame::trailers(trailers)]));
        let frames = frames.then(move |frame| async move {
            if is_slow {
                tokio::task::yield_now().await;
            }
            Ok::<_, Infallible>(frame)
        });
        Body::new(StreamBody::new(Box::pin(frames)))
    }

    async fn read(mut body: Measured) -> String {
        let mut read = String::new();
        while !body.is_end_stream() {
            match poll_fn(|cx| body.poll_frame(cx)).await {
                None => break,
                Some(Err(error)) => return error.to_string(),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => read.push_str(std::str::from_utf8(&data).unwrap()),
                    Err(_) => read.push('+'),
                },
            }
        }
        read
    }

    #[tokio::test]
    async fn a_body_is_as_long_as_announced_or_fails() {
        const LONGER: &str = "the request's body is longer than its Content-Length";
        const SHORTER: &str = "the request's body ended before its Content-Length";
        for (pieces, announced, expected) in [
            (&["he", "llo"][..], None, "hello+"),
            (&["he", "llo"], Some(5), "hello+"),
            (&["hello", ""], Some(5), "hello+"),
            (&["he", "llo"], Some(4), LONGER),
            (&["he", "llo"], Some(2), LONGER),
            (&["he", "llo"], Some(0), LONGER),
            (&["he", "llo"], Some(6), SHORTER),
            (&[], Some(1), SHORTER),
            (&[], Some(0), "+"),
        ] {
            for is_slow in [false, true] {
                let body = Measured::new(of(pieces, is_slow), announced);
                assert_eq!(read(body).await, expected, "{pieces:?} {announced:?}");
            }
        }
        // One that says itself where it ends.
        let short = Measured::new(Body::from("hel"), Some(5));
        assert_eq!(read(short).await, SHORTER);
    }

    #[tokio::test]
    async fn the_last_frame_goes_out_only_if_nothing_is_there_behind_it() {
        let mut body = Measured::new(of(&["he", "llo"], false), Some(2));
        assert!(poll_fn(|cx| body.poll_frame(cx)).await.unwrap().is_err());
    }
}
