//! The failure of an exchange, with the request itself while it can be repeated.

use std::error::Error;
use std::fmt;

use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Request, Uri};

use crate::proxy::body::Body;
use crate::proxy::client::hyper_error::{Lost, kind_of, told, was_not_processed};
use crate::proxy::config::error::ProxyConfigErrors;
use crate::proxy::deadline::Late;
use crate::proxy::error::{BoxError, ProxyError, ProxyErrorKind};

/// A failed exchange of [`Client`](super::Client).
///
/// A layer around the client that tries again finds the request here, as long as no byte of it was
/// sent.
#[derive(Debug)]
pub struct ClientError {
    error: ProxyError,
    /// The request, if no byte of it was written.
    request: Option<Box<Request<Body>>>,
}

impl ClientError {
    /// Refused before anything was tried.
    pub(crate) fn refused(error: ProxyError, request: Box<Request<Body>>) -> Self {
        Self {
            error,
            request: Some(request),
        }
    }

    /// No connection, so nothing was sent.
    pub(crate) fn unsent(
        kind: ProxyErrorKind,
        source: BoxError,
        request: Box<Request<Body>>,
    ) -> Self {
        Self::refused(ProxyError::new(kind, false, source), request)
    }

    /// A request that the program has made, and that cannot be sent.
    pub(crate) fn unsendable(source: impl Into<BoxError>, request: Box<Request<Body>>) -> Self {
        Self::unsent(ProxyErrorKind::UnsendableRequest, source.into(), request)
    }

    /// The request was given to a connection and `error` came back. `lost`: how the connection ended, if that is known.
    pub(crate) fn from_hyper(error: hyper::Error, lost: Option<Lost>) -> Self {
        let was_sent = !was_not_processed(&error);
        let (kind, cause) = told(kind_of(&error), error, lost);
        ProxyError::new(kind, was_sent, cause).into()
    }

    /// The request was given to a connection that took nothing of it.
    pub(crate) fn not_taken(
        error: hyper::Error,
        lost: Option<Lost>,
        request: Box<Request<Body>>,
    ) -> Self {
        let (kind, cause) = told(ProxyErrorKind::Closed, error, lost);
        Self::unsent(kind, cause, request)
    }

    /// The failure of a client service: one of these, or a stranger, which may have sent
    /// anything if it was given the request.
    pub(crate) fn from_client(error: impl Into<BoxError>, was_given: bool) -> Self {
        match error.into().downcast::<Self>() {
            Ok(own) => *own,
            Err(other) => ProxyError::new(ProxyErrorKind::Client, was_given, other).into(),
        }
    }

    /// With an absolute URI again in the request that was not sent, so that the client takes it again.
    pub(super) fn addressed(mut self, scheme: Scheme, authority: Authority) -> Self {
        if let Some(request) = &mut self.request {
            let mut parts = std::mem::take(request.uri_mut()).into_parts();
            (parts.scheme, parts.authority) = (Some(scheme), Some(authority));
            let root = PathAndQuery::from_static("/");
            parts.path_and_query.get_or_insert(root);
            *request.uri_mut() = Uri::from_parts(parts).unwrap_or_default();
        }
        self
    }

    /// The kind of the failure.
    #[must_use]
    pub fn kind(&self) -> ProxyErrorKind {
        self.error.kind()
    }

    /// Whether the upstream may have seen the request, or a part of it.
    #[must_use]
    pub fn was_sent(&self) -> bool {
        self.error.was_sent()
    }

    /// The error and, if nothing of it was sent, the request.
    #[must_use]
    pub fn into_parts(self) -> (ProxyError, Option<Request<Body>>) {
        let (error, request) = self.into_unsent();
        (error, request.map(|request| *request))
    }

    pub(crate) fn error(&self) -> &ProxyError {
        &self.error
    }

    pub(crate) fn into_unsent(self) -> (ProxyError, Option<Box<Request<Body>>>) {
        (self.error, self.request)
    }
}

impl From<Late> for ClientError {
    fn from(late: Late) -> Self {
        ProxyError::new(ProxyErrorKind::ResponseTimeout, true, late).into()
    }
}

impl From<ProxyError> for ClientError {
    fn from(error: ProxyError) -> Self {
        Self {
            error,
            request: None,
        }
    }
}

impl From<ClientError> for ProxyError {
    fn from(failed: ClientError) -> Self {
        failed.error
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl Error for ClientError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.error.source()
    }
}

/// A URI that names no server: as the log shows it, without its query, and without what stands before `@`.
#[derive(Debug, thiserror::Error)]
#[error("the client takes absolute http and https URIs, of a port above 0; this one is {shown}")]
pub(super) struct NotAbsolute {
    shown: String,
}

impl NotAbsolute {
    /// The most bytes of it.
    const SHOWN: usize = 200;

    pub(super) fn new(uri: &Uri) -> Self {
        let mut whole = String::new();
        if let Some(scheme) = uri.scheme_str() {
            whole.extend([scheme, "://"]);
        }
        let authority = uri.authority().map(Authority::as_str);
        let named = authority.and_then(|authority| authority.rsplit('@').next());
        whole.extend([named.unwrap_or_default(), uri.path()]);
        let most = whole.len().min(Self::SHOWN);
        let mut shown = whole.as_bytes()[..most].escape_ascii().to_string();
        if most < whole.len() {
            shown.push('…');
        }
        Self { shown }
    }
}

/// The reason why a [`Client`](super::Client) could not be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientBuildError {
    /// There is no TLS crypto to use.
    #[error(
        "no crypto provider for TLS; enable the feature `ring` or `aws-lc-rs`, or install a default \
         `rustls::crypto::CryptoProvider`"
    )]
    NoCryptoProvider,
    /// The system has no root certificates, for these reasons.
    #[error(
        "no root certificate of the system could be read ({0}); install the package `ca-certificates`, set \
         SSL_CERT_FILE, or give a TLS configuration"
    )]
    NoRootCertificates(String),
    /// Timeouts or limits that no client can work with.
    #[error(transparent)]
    Bounds(#[from] ProxyConfigErrors),
}

/// The reason why there is no connection.
#[derive(Debug)]
pub(super) struct ConnectError {
    pub(super) kind: ProxyErrorKind,
    pub(super) source: BoxError,
}

impl ConnectError {
    pub(super) fn new(kind: ProxyErrorKind, source: impl Into<BoxError>) -> Self {
        Self {
            kind,
            source: source.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use tower_service::Service;

    use super::*;
    use crate::proxy::client::Client;

    #[tokio::test]
    async fn a_request_that_was_not_sent_can_be_given_to_the_client_again() {
        let dead = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = dead.local_addr().unwrap();
        drop(dead);
        let authority: Authority = address.to_string().parse().unwrap();
        // As it comes back from a connection of HTTP/1.1.
        let request = Request::get("/a?b").header("host", "named.example");
        let request = Box::new(request.body(Body::empty()).unwrap());
        let client = Client::builder();
        #[cfg(feature = "tls")]
        let client = client.needs_tls(false);
        let mut client = client.build().unwrap();
        let mut failed = ClientError::unsent(ProxyErrorKind::Closed, "closed".into(), request);
        failed = failed.addressed(Scheme::HTTP, authority);
        for _ in 0..2 {
            let request = failed.into_parts().1.unwrap();
            assert_eq!(request.uri().to_string(), format!("http://{address}/a?b"));
            assert_eq!(request.headers()["host"], "named.example");
            failed = client.call(request).await.unwrap_err();
            assert_eq!(failed.kind(), ProxyErrorKind::Connect);
        }
    }
}
