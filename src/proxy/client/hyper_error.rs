//! The meaning of hyper's errors: what a request's failure was, and what its upstream did with the request.

use std::error::Error;
use std::io;

use http_body_util::LengthLimitError;

use crate::proxy::body::RequestBodyFailed;
use crate::proxy::error::{BoxError, ProxyError, ProxyErrorKind};

/// The end of a connection of HTTP/2 that hyper does not tell its requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Lost {
    /// An alert of TLS. Under TLS 1.3 a missing client certificate is told after the handshake.
    Alert(Box<str>),
    /// It began with something else than settings (RFC 9113 3.4).
    Malformed,
    /// It ended before anything had come.
    Unsettled,
}

/// An upstream of `h2c://` that does not speak HTTP/2, or ends each connection at once.
#[derive(Debug, thiserror::Error)]
#[error(
    "its connection did not begin with the settings of HTTP/2, which the upstream may not speak"
)]
struct NotHttp2 {
    /// The error of hyper, unless that says only that the connection is gone.
    #[source]
    source: Option<hyper::Error>,
}

impl NotHttp2 {
    fn new(error: hyper::Error) -> Self {
        Self {
            source: Some(error).filter(|error| !error.is_user() && !error.is_canceled()),
        }
    }
}

/// Whether reading has ended by an alert of TLS.
pub(super) fn is_alert(error: &io::Error) -> bool {
    #[cfg(feature = "tls")]
    let is_alert = matches!(
        error.get_ref().and_then(|cause| cause.downcast_ref()),
        Some(rustls::Error::AlertReceived(_))
    );
    #[cfg(not(feature = "tls"))]
    let is_alert = {
        let _ = error;
        false
    };
    is_alert
}

/// RFC 9113 8.7: a stream above the last one of a `GOAWAY`, or refused, was not processed; its request
/// is as good as unsent. h2 gives no other stream that error.
pub(super) fn was_not_processed(error: &hyper::Error) -> bool {
    is_by_upstream(error, |cause| {
        let is_refused = cause.is_reset() && cause.reason() == Some(h2::Reason::REFUSED_STREAM);
        cause.is_go_away() || is_refused
    })
}

/// Whether the upstream has ended the connection in good order, with a `GOAWAY` below this stream (RFC 9113 6.8). One with
/// an error may be about this very request.
pub(super) fn is_above_the_last(error: &hyper::Error) -> bool {
    is_by_upstream(error, |cause| {
        cause.is_go_away() && cause.reason() == Some(h2::Reason::NO_ERROR)
    })
}

fn is_by_upstream(error: &hyper::Error, is: impl Fn(&h2::Error) -> bool) -> bool {
    let cause = error.source().and_then(|cause| cause.downcast_ref());
    cause.is_some_and(|cause: &h2::Error| cause.is_remote() && is(cause))
}

/// The kind and the cause of a failure for the logs: those of the connection's end, if that is the reason.
pub(super) fn told(
    kind: ProxyErrorKind,
    error: hyper::Error,
    lost: Option<Lost>,
) -> (ProxyErrorKind, BoxError) {
    let is_ended = matches!(
        kind,
        ProxyErrorKind::Closed | ProxyErrorKind::MalformedResponse
    );
    match lost.filter(|_| is_ended) {
        Some(Lost::Alert(alert)) => (ProxyErrorKind::Tls, String::from(alert).into()),
        Some(Lost::Malformed) => (
            ProxyErrorKind::MalformedResponse,
            NotHttp2::new(error).into(),
        ),
        Some(Lost::Unsettled) => (kind, NotHttp2::new(error).into()),
        None => (kind, error.into()),
    }
}

/// The meaning of hyper's error to the client of the proxy.
///
/// `hyper::Error::is_user` does not say that the body failed: hyper gives the same kind to a request whose
/// connection's task ended under it, which is the upstream's doing. So what a body says for itself decides.
pub(super) fn kind_of(error: &hyper::Error) -> ProxyErrorKind {
    let mut is_body = error.is_body_write_aborted();
    let mut source = error.source();
    while let Some(cause) = source {
        // A body or a stream of ours says itself what was wrong with it.
        let io = cause.downcast_ref::<io::Error>();
        let within = io.and_then(|io| io.get_ref()?.downcast_ref());
        if let Some(own) = within.or(cause.downcast_ref::<ProxyError>()) {
            return own.kind();
        }
        if cause.is::<LengthLimitError>() {
            return ProxyErrorKind::BodyTooLarge;
        }
        if io.is_some_and(is_alert) {
            return ProxyErrorKind::Tls;
        }
        // RFC 9113 8.1.1: a malformed response is an error of its stream, found on this side.
        if cause.downcast_ref().is_some_and(h2::Error::is_library) {
            return ProxyErrorKind::MalformedResponse;
        }
        is_body |=
            cause.is::<RequestBodyFailed>() || (error.is_user() && cause.is::<hyper::Error>());
        source = cause.source();
    }
    if is_body {
        ProxyErrorKind::RequestBody
    } else if error.is_parse() {
        ProxyErrorKind::MalformedResponse
    } else {
        ProxyErrorKind::Closed
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;
    use crate::proxy::body::Body;
    use crate::proxy::client::error::ClientError;

    fn broken() -> Body {
        Body::new(http_body_util::StreamBody::new(futures_util::stream::iter(
            [
                Ok(http_body::Frame::data(bytes::Bytes::from_static(b"x"))),
                Err("the disk is gone"),
            ],
        )))
    }

    /// A body that failed is told from a connection whose task is gone, though hyper calls both the user's
    /// fault and both give a text as their cause.
    #[tokio::test]
    async fn a_connection_that_is_dropped_is_not_the_bodys_failure() {
        for (dropped, kind) in [
            (true, ProxyErrorKind::Closed),
            (false, ProxyErrorKind::RequestBody),
        ] {
            let (io, _upstream) = tokio::io::duplex(4096);
            let io = hyper_util::rt::TokioIo::new(io);
            let handshake = hyper::client::conn::http1::handshake(io).await;
            let (mut sender, mut connection) = handshake.unwrap();
            let mut body = if dropped { Body::empty() } else { broken() };
            body.is_of_request();
            let request = Request::post("/").body(body).unwrap();
            let answer = sender.try_send_request(request);
            if dropped {
                assert!(futures_util::poll!(&mut connection).is_pending());
                drop(connection);
            } else {
                tokio::spawn(connection);
            }
            let mut error = answer.await.unwrap_err();
            assert!(error.take_message().is_none());
            let error = error.into_error();
            assert!(error.is_user(), "{error:?}");
            let error = ClientError::from_hyper(error, None);
            assert_eq!((error.kind(), error.was_sent()), (kind, true), "{error:?}");
        }
    }
}
