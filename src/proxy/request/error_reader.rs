//! The kind of a request, on which the content of an error depends.

use http::{Method, Version, header, request};

const GRPC: &[u8] = b"application/grpc";

/// The reader of an error, by the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ErrorReader {
    /// RFC 9110 9.3.2: the response to a HEAD has no content, and says what the one to a GET would say.
    Head,
    /// A call of gRPC. Its client maps the status of HTTP, a 502 to `UNAVAILABLE` (gRPC over HTTP/2, "HTTP status
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

/// `application/grpc`, with the name of a format or without. A browser's `application/grpc-web` is not meant.
fn is_grpc(parts: &request::Parts) -> bool {
    let kind = parts.headers.get(header::CONTENT_TYPE);
    kind.is_some_and(|kind| {
        let (name, rest) = kind.as_bytes().split_at(GRPC.len().min(kind.len()));
        name.eq_ignore_ascii_case(GRPC) && matches!(rest.first(), None | Some(b'+' | b';' | b' '))
    })
}
