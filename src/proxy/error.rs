//! Errors of requests that were not answered by their upstream.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use http::StatusCode;

pub(crate) type BoxError = Box<dyn Error + Send + Sync>;

/// The reason for which the proxy answered a request itself.
///
/// It rides in the extensions of the response, so that a layer outside can tell a 502 of the proxy
/// from one of the upstream, log the cause, or make its own error page. The client is told the status
/// and a word of RFC 9209's; addresses and causes stay here.
///
/// # Examples
///
/// ```
/// use same_origin::proxy::{ProxyErrorKind, ProxyError};
///
/// fn log<B>(response: &http::Response<B>) {
///     if let Some(error) = response.extensions().get::<ProxyError>() {
///         let safe_to_repeat = !error.was_sent();
///         eprintln!("{error} (kind {:?}, repeat: {safe_to_repeat})", error.kind());
///     }
/// }
/// ```
#[derive(Clone)]
pub struct ProxyError {
    kind: ProxyErrorKind,
    was_sent: bool,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

impl ProxyError {
    /// A refusal of the proxy itself, before anything was sent.
    pub(crate) fn refused(kind: ProxyErrorKind) -> Self {
        Self {
            kind,
            was_sent: false,
            source: None,
        }
    }

    pub(crate) fn new(kind: ProxyErrorKind, was_sent: bool, source: impl Into<BoxError>) -> Self {
        Self {
            kind,
            was_sent,
            source: Some(source.into().into()),
        }
    }

    /// This error, for the reason that another one is.
    pub(crate) fn because_of(self, reason: &Self) -> Self {
        Self {
            kind: reason.kind,
            was_sent: self.was_sent,
            source: reason.source.clone().or(self.source),
        }
    }

    /// The kind of the error, which decides the status.
    #[must_use]
    pub fn kind(&self) -> ProxyErrorKind {
        self.kind
    }

    /// Returns whether the upstream may have seen the request, or a part of it.
    ///
    /// While it is `false` the request can be repeated, whatever its method.
    #[must_use]
    pub fn was_sent(&self) -> bool {
        self.was_sent
    }
}

impl From<ProxyErrorKind> for ProxyError {
    fn from(kind: ProxyErrorKind) -> Self {
        Self::refused(kind)
    }
}

impl fmt::Debug for ProxyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProxyError")
            .field("kind", &self.kind)
            .field("was_sent", &self.was_sent)
            .field("source", &self.source)
            .finish()
    }
}

impl fmt::Display for ProxyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.text())
    }
}

impl Error for ProxyError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| &**source as _)
    }
}

/// The kinds of [`ProxyError`]. Each has one status and one error type of RFC 9209 2.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProxyErrorKind {
    /// The path is not below the proxy's prefix: 404.
    OutsidePrefix,
    /// A segment of the path can be read as a dot segment, see [`check`](crate::proxy::check): 400.
    AmbiguousPath,
    /// The target that the client asks for is not a path (`*`, `host:port`): 400.
    MalformedTarget,
    /// `Host` is missing, repeated, not a host and port, or contradicts `:authority`: 400.
    MalformedHost,
    /// The head has more than 16,384 field lines, or is larger than an upstream of HTTP/2 says it takes: 431.
    HeadTooLarge,
    /// The target is too long once the upstream's base path is put before: 414.
    TargetTooLong,
    /// The `Destination` of a WebDAV request is on another host, or not below the proxy's prefix (RFC 4918 9.8.5): 502.
    ForeignDestination,
    /// The `Destination` of a WebDAV request is not an address, or can be read as leading elsewhere, as
    /// [`AmbiguousPath`](Self::AmbiguousPath): 400.
    MalformedDestination,
    /// The request's `Via` has the proxy's own name more than eight times: 508.
    Loop,
    /// A method that a reverse proxy does not forward (`CONNECT`, `TRACE`): 501.
    MethodNotForwarded,
    /// The request's body has another transfer coding than `chunked`: 501.
    UnknownTransferCoding,
    /// The request has content although its method gives that no meaning, and the proxy was told to
    /// refuse it: 400.
    UnexpectedContent,
    /// The request's body is longer than the proxy's limit, or that of a layer outside
    /// (`tower_http::limit::RequestBodyLimitLayer`): 413.
    BodyTooLarge,
    /// The client's body ended too early, was malformed, or is not as long as its `Content-Length`: 400.
    RequestBody,
    /// The client gave nothing of its request's body for the client timeout, or took nothing of its response:
    /// 408 (RFC 9110 15.5.9), or an error of the response's body.
    ClientTimeout,
    /// The client has its share of the upstream's places, and its queue for them is full or was waited in for
    /// the connect timeout; or it has its share of the tunnels: 429 (RFC 6585 4). See [`Limits::client_share`](crate::proxy::Limits::client_share).
    TooManyRequests,
    /// The upstream's name could not be resolved: 502.
    Dns,
    /// The upstream refused the connection, or it failed: 502.
    Connect,
    /// The proxy's own system has no port, or no file descriptor, left for a connection to the
    /// upstream: 503.
    LocalResources,
    /// Connecting took longer than its timeout: 504.
    ConnectTimeout,
    /// TLS failed: no common protocol, an alert of the upstream (it misses a client certificate), or the upstream does not
    /// speak it: 502.
    Tls,
    /// The upstream's certificate is not trusted, expired, or for another name: 502.
    Certificate,
    /// The list of upstreams is empty, or none of them can be connected to: 502. Where DNS has emptied it, the kind is
    /// [`Dns`](Self::Dns).
    NoUpstream,
    /// All connections to the upstream are taken, and the queue for them is full or was waited in for
    /// the connect timeout; or all tunnels are: 503.
    Overloaded,
    /// The response's head took longer than its timeout: 504.
    ResponseTimeout,
    /// The upstream closed or reset the connection, or the stream of HTTP/2, before its response's head was complete: 502.
    Closed,
    /// The upstream's response is not HTTP, or its head is above [`Limits::response_head`](super::Limits::response_head) or
    /// [`Limits::response_fields`](super::Limits::response_fields); or it is a 407, which is for the proxy itself: 502.
    MalformedResponse,
    /// The upstream's response ended too early or was malformed behind its head: 502 while its client has nothing
    /// of it, or an error of the response's body.
    ResponseBody,
    /// The upstream switched protocols unasked, or to one that was not offered: 502.
    UpgradeFailed,
    /// The client service given to `build_with_client` failed: 502.
    Client,
    /// The program itself, by a layer around the client or the hook of `map_request`, has made a request that cannot be
    /// sent: its body is not as long as its `Content-Length`, or its URI is not an absolute one of `http` or `https`:
    /// 502.
    UnsendableRequest,
}

impl ProxyErrorKind {
    /// The status of the response.
    #[must_use]
    pub fn status(self) -> StatusCode {
        match self {
            Self::AmbiguousPath
            | Self::MalformedTarget
            | Self::MalformedHost
            | Self::MalformedDestination
            | Self::UnexpectedContent
            | Self::RequestBody => StatusCode::BAD_REQUEST,
            Self::OutsidePrefix => StatusCode::NOT_FOUND,
            Self::ClientTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
            // Not 405, which says that another method would do and must list which.
            Self::MethodNotForwarded | Self::UnknownTransferCoding => StatusCode::NOT_IMPLEMENTED,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::HeadTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::TargetTooLong => StatusCode::URI_TOO_LONG,
            Self::Loop => StatusCode::LOOP_DETECTED,
            Self::ForeignDestination
            | Self::Dns
            | Self::Connect
            | Self::Tls
            | Self::Certificate
            | Self::NoUpstream
            | Self::Closed
            | Self::MalformedResponse
            | Self::ResponseBody
            | Self::UpgradeFailed
            | Self::Client
            | Self::UnsendableRequest => StatusCode::BAD_GATEWAY,
            Self::Overloaded | Self::LocalResources => StatusCode::SERVICE_UNAVAILABLE,
            Self::ConnectTimeout | Self::ResponseTimeout => StatusCode::GATEWAY_TIMEOUT,
        }
    }

    /// The value of the `error` parameter of `Proxy-Status` (RFC 9209 2.3).
    #[must_use]
    pub fn proxy_status(self) -> &'static str {
        match self {
            Self::OutsidePrefix => "destination_not_found",
            Self::AmbiguousPath
            | Self::MalformedTarget
            | Self::MalformedHost
            | Self::HeadTooLarge
            | Self::TargetTooLong
            | Self::ForeignDestination
            | Self::MalformedDestination
            | Self::MethodNotForwarded
            | Self::UnknownTransferCoding
            | Self::UnexpectedContent
            | Self::BodyTooLarge
            | Self::RequestBody
            | Self::ClientTimeout => "http_request_error",
            Self::TooManyRequests => "http_request_denied",
            Self::Loop => "proxy_loop_detected",
            Self::Dns => "dns_error",
            Self::Connect => "connection_refused",
            Self::ConnectTimeout => "connection_timeout",
            Self::Tls => "tls_protocol_error",
            Self::Certificate => "tls_certificate_error",
            Self::NoUpstream => "destination_unavailable",
            Self::Overloaded | Self::LocalResources => "connection_limit_reached",
            Self::ResponseTimeout => "http_response_timeout",
            Self::Closed | Self::ResponseBody => "http_response_incomplete",
            Self::MalformedResponse => "http_protocol_error",
            Self::UpgradeFailed => "http_upgrade_failed",
            Self::Client | Self::UnsendableRequest => "proxy_internal_error",
        }
    }

    /// Returns whether there was no connection.
    pub(crate) fn is_connect(self) -> bool {
        matches!(
            self,
            Self::Dns
                | Self::Connect
                | Self::LocalResources
                | Self::ConnectTimeout
                | Self::Tls
                | Self::Certificate
        )
    }

    const fn text(self) -> &'static str {
        match self {
            Self::OutsidePrefix => "the path is outside the proxy's prefix",
            Self::AmbiguousPath => "the path can be read as leading elsewhere",
            Self::MalformedTarget => "the request target is not a path",
            Self::MalformedHost => "the request names no host, or no single valid one",
            Self::HeadTooLarge => "the request's head is too large",
            Self::TargetTooLong => "the request target is too long",
            Self::ForeignDestination => {
                "the destination is on another host, or not below the proxy's prefix"
            }
            Self::MalformedDestination => {
                "the destination is malformed, or can be read as leading elsewhere"
            }
            Self::Loop => "the request goes round in a loop of proxies",
            Self::MethodNotForwarded => "the method is not forwarded",
            Self::UnknownTransferCoding => "the request body's transfer coding is not known",
            Self::UnexpectedContent => "the method gives the request's content no meaning",
            Self::BodyTooLarge => "the request body is too large",
            Self::RequestBody => "the request body is malformed or incomplete",
            Self::ClientTimeout => "the client sent or took nothing for too long",
            Self::TooManyRequests => "the client has too many requests or tunnels under way",
            Self::Dns => "the upstream's name could not be resolved",
            Self::Connect => "the upstream could not be connected to",
            Self::LocalResources => "no port or file descriptor is left for a connection",
            Self::ConnectTimeout => "connecting to the upstream timed out",
            Self::Tls => "the TLS handshake with the upstream failed",
            Self::Certificate => "the upstream's certificate was not accepted",
            Self::NoUpstream => "no upstream is available",
            Self::Overloaded => "all connections to the upstream are taken",
            Self::ResponseTimeout => "the upstream did not answer in time",
            Self::Closed => "the upstream ended the connection or the stream before it answered",
            Self::MalformedResponse => "the upstream's response is malformed",
            Self::ResponseBody => "the upstream's response is incomplete",
            Self::UpgradeFailed => "the upstream did not switch to a protocol that was offered",
            Self::Client => "the client service failed",
            Self::UnsendableRequest => "the request that the program has made cannot be sent",
        }
    }
}

impl fmt::Display for ProxyErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl Error for ProxyErrorKind {}
