//! The kind of a request, on which the content of an error depends.

use http::{Method, Version, header, request};

/// The reader of an error, by the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ErrorReader {
    /// RFC 9110 9.3.2: the response to a HEAD has no content, and says what the one to a GET would say.
    Head,
    /// A call of gRPC. Its client makes a status of that of HTTP, `UNAVAILABLE` of a 502 (gRPC over HTTP/2, "HTTP status
    /// code mapping"), and reads no text. Behind a head that does not end the stream grpcio tells now and then that the
    /// stream is broken, which is not tried again.
    Grpc,
    Other,
}

impl ErrorReader {
    pub(crate) fn of(parts: &request::Parts) -> Self {
        match parts.method {
            Method::HEAD => Self::Head,
            Method::POST if parts.version == Version::HTTP_2 && is_grpc(parts) => Self::Grpc,
            _ => Self::Other,
        }
    }
}

fn is_grpc(parts: &request::Parts) -> bool {
    let kind = parts.headers.get(header::CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"))
}
