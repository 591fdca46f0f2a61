//! The client that carries rewritten requests to their upstreams.
//!
//! It stands on hyper's connection API and not on a general client, because a proxy knows more than a
//! general client may assume: how many upstreams there are, that a request's head is final, and when
//! it may be sent again. An idle HTTP/1.1 connection lies on its upstream's stack, a request takes it
//! from there and its response's body puts it back: no task, no timer and no lock that is held over an
//! await belongs to a request.

mod attempts;
mod clock;
pub(crate) mod coalesced;
mod connect;
mod error;
mod exchange;
mod lent;
mod place;
mod pool;
mod spare;
#[cfg(feature = "tls")]
mod tls;

pub use error::ClientError;
pub use place::ConnectTo;
pub(crate) use place::Way;
#[cfg(feature = "tls")]
pub(crate) use tls::{crypto_provider, system_roots};

use crate::proxy::body::Body;
use crate::proxy::config;
use crate::proxy::config::error::ProxyConfigErrors;
use crate::proxy::config::settings::{Limits, Timeouts};
use crate::proxy::error::ProxyErrorKind;
use crate::proxy::upstream::{Protocol, canonical};
use arc_swap::ArcSwap;
use connect::Connector;
use http::uri::{Authority, Scheme};
use http::{Request, Response, header};
use pool::Pool;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

/// The default client of a [`ReverseProxy`](super::ReverseProxy): connects, pools, and repeats what
/// can be repeated.
///
/// It is a tower service of its own, so that layers can be put around it before it is given to
/// [`ProxyBuilder::build_with_client`](super::ProxyBuilder::build_with_client): to sign requests, to trace them.
/// It takes requests with an absolute `http` or `https` URI and sends them to that authority, as they
/// are but for the target, which becomes the origin form, and `Host`, which is added where it is missing.
/// Where the authority is found is the system's resolver to say, or [`ConnectTo`] in the request's
/// extensions.
///
/// - An idle connection is used again for [`idle`](ClientBuilder::idle_timeout) at most, the most
///   recent first.
/// - A request that could not be written because the connection was closed while idle goes out on
///   another one, whatever its method: the upstream has not seen it.
/// - A request that may have been seen is repeated once, on a new connection or one of HTTP/2 that is
///   there, only if its method is idempotent and it has no body, and if either the connection was not a
///   new one (RFC 9110 9.2.2) or the upstream said over HTTP/2 that it has not processed the request
///   (RFC 9113 8.7).
///
/// Cheap to clone; clones share the connections.
#[derive(Clone, Debug)]
pub struct Client {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    connector: Connector,
    settings: pool::Settings,
    /// One pool for each origin in use. They are few, known after the first requests, and read on every
    /// one.
    pools: ArcSwap<Vec<Arc<Pool>>>,
}

impl Client {
    /// A client with its defaults.
    ///
    /// # Errors
    ///
    /// The system's root certificates could not be read, or no crypto provider is there (feature
    /// `tls`); see [`ClientBuilder::build`].
    pub fn new() -> Result<Self, ClientBuildError> {
        Self::builder().build()
    }

    /// A builder with every default in place.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }

    /// Sends a request to one upstream, whatever its URI says beside the path and query, and answers
    /// with the head of its response. `asks_upgrade`: whether it has an `Upgrade` field.
    pub(crate) fn forward<'a>(
        &'a self,
        request: Box<Request<Body>>,
        way: &'a Way,
        asks_upgrade: bool,
    ) -> impl Future<Output = Result<Response<Body>, ClientError>> + use<'a> {
        let pool = way.pool(&self.shared);
        exchange::send(&self.shared.connector, pool, asks_upgrade, request)
    }

    /// Sends a request whose URI is absolute: to that authority, or to the place that it has been
    /// found at.
    async fn send(&self, request: Box<Request<Body>>) -> Result<Response<Body>, ClientError> {
        let uri = request.uri();
        let (Some(scheme), Some(authority)) = (uri.scheme(), uri.authority()) else {
            return Err(ClientError::refused(
                ProxyErrorKind::MalformedTarget.into(),
                request,
            ));
        };
        let pool = match request.extensions().get::<ConnectTo>() {
            None => self.shared.pool(scheme, authority),
            Some(place) => place.pool(&self.shared, scheme, authority),
        };
        let (scheme, authority) = (scheme.clone(), authority.clone());
        let asks_upgrade = request.headers().contains_key(header::UPGRADE);
        let answered = exchange::send(&self.shared.connector, &pool, asks_upgrade, request).await;
        answered.map_err(|failed| failed.addressed(scheme, authority))
    }

    /// Makes the pool of an upstream that is spoken to in plain HTTP/2, which no URI tells.
    pub(crate) fn enter(&self, protocol: Protocol, authority: &Authority) {
        self.shared.enter(protocol, authority);
    }
}

impl Shared {
    fn pool(&self, scheme: &Scheme, authority: &Authority) -> Arc<Pool> {
        let pools = self.pools.load();
        if let Some(pool) = pools.iter().find(|pool| pool.is_for(scheme, authority)) {
            return Arc::clone(pool);
        }
        let secure = *scheme == Scheme::HTTPS;
        let protocol = if secure {
            Protocol::Https
        } else {
            Protocol::Http
        };
        // In another spelling than the pool's.
        match canonical(protocol, authority) {
            Ok(canonical) => self.enter(protocol, &canonical),
            Err(_) => self.enter(protocol, authority),
        }
    }

    fn enter(&self, protocol: Protocol, authority: &Authority) -> Arc<Pool> {
        let new = Arc::new(Pool::new(protocol, authority.clone(), None, self.settings));
        let mut entered = Arc::clone(&new);
        self.pools.rcu(|pools| {
            let found = pools.iter().find(|pool| pool.same_origin_as(&new));
            entered = Arc::clone(found.unwrap_or(&new));
            match found {
                Some(_) => Vec::clone(pools),
                None => {
                    // Out with what nobody uses, so that a client of many origins does not grow.
                    let used = pools.iter().filter(|pool| !pool.is_unused());
                    used.chain([&new]).cloned().collect()
                }
            }
        });
        entered
    }
}

impl tower_service::Service<Request<Body>> for Client {
    type Response = Response<Body>;
    type Error = ClientError;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ClientError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> ResponseFuture {
        let client = self.clone();
        ResponseFuture {
            inner: Box::pin(async move { client.send(Box::new(request)).await }),
        }
    }
}

/// The future of [`Client`].
#[must_use = "futures do nothing unless polled"]
pub struct ResponseFuture {
    inner: Pin<Box<dyn Future<Output = Result<Response<Body>, ClientError>> + Send>>,
}

impl Future for ResponseFuture {
    type Output = Result<Response<Body>, ClientError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.inner.as_mut().poll(cx)
    }
}

impl std::fmt::Debug for ResponseFuture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

/// Why a [`Client`] could not be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientBuildError {
    /// There is no TLS crypto to use.
    #[error(
        "no crypto provider for TLS; enable the feature `ring` or `aws-lc-rs`, or install a default \
         `rustls::crypto::CryptoProvider`"
    )]
    NoCryptoProvider,
    /// The system has no root certificates.
    #[error(
        "no root certificate of the system could be read; install the package `ca-certificates`, set \
         SSL_CERT_FILE, or give a TLS configuration"
    )]
    NoRootCertificates,
    /// Timeouts or limits that no client can work with.
    #[error(transparent)]
    Bounds(#[from] ProxyConfigErrors),
}

/// Settings of a [`Client`].
#[derive(Clone, Debug)]
#[must_use]
pub struct ClientBuilder {
    timeouts: Timeouts,
    limits: Limits,
    #[cfg(feature = "tls")]
    tls: Option<Arc<rustls::ClientConfig>>,
    /// Whether an https upstream is expected, for which roots are worth reading.
    #[cfg(feature = "tls")]
    needs_tls: bool,
}

impl Default for ClientBuilder {
    fn default() -> Self {
        Self {
            timeouts: Timeouts::default(),
            limits: Limits::default(),
            #[cfg(feature = "tls")]
            tls: None,
            #[cfg(feature = "tls")]
            needs_tls: true,
        }
    }
}

impl ClientBuilder {
    /// How long a connection may take to be ready, name resolution and TLS included. Default: 5 s.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.timeouts.connect = timeout;
        self
    }

    /// How long a connection may lie idle before it is closed. Default: 90 s.
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.timeouts.idle = timeout;
        self
    }

    /// How many connections and requests there may be at one upstream, and how large its heads. What is
    /// the proxy's own business (the request's body) has no meaning here.
    pub fn limits(mut self, limits: &Limits) -> Self {
        self.limits = limits.clone();
        self
    }

    /// The TLS configuration for https upstreams: one's own roots, a client certificate. Its ALPN
    /// protocols are set by the client. Default: the system's roots, no client certificate.
    #[cfg(feature = "tls")]
    #[cfg_attr(docsrs, doc(cfg(feature = "tls")))]
    pub fn tls_config(mut self, config: Arc<rustls::ClientConfig>) -> Self {
        self.tls = Some(config);
        self
    }

    /// Spares the reading of the system's roots where no upstream is https.
    #[cfg(feature = "tls")]
    pub(crate) fn needs_tls(mut self, needs_tls: bool) -> Self {
        self.needs_tls = needs_tls;
        self
    }

    fn settings(&self) -> pool::Settings {
        let (timeouts, limits) = (&self.timeouts, &self.limits);
        pool::Settings {
            idle_timeout: timeouts.idle,
            max_idle: limits.idle_connections,
            max_age: limits.connection_age,
            max_in_flight: limits.in_flight,
            max_waiting: limits.waiting,
            wait_timeout: timeouts.connect,
        }
    }

    /// The client.
    ///
    /// # Errors
    ///
    /// A timeout of zero, or a limit out of bounds. With the feature `tls` and no
    /// [`tls_config`](Self::tls_config): no root certificate of the system can be read, or there is no
    /// crypto provider.
    pub fn build(self) -> Result<Client, ClientBuildError> {
        let problems = config::problems(&self.timeouts, &self.limits);
        if !problems.is_empty() {
            return Err(ProxyConfigErrors::new(problems).into());
        }
        let (connect_timeout, max_head) = (self.timeouts.connect, self.limits.response_head);
        let settings = self.settings();
        #[cfg(feature = "tls")]
        let connector = {
            let tls = match self.tls {
                Some(config) => Some(tls::Tls::new(&config)),
                None if self.needs_tls => Some(tls::Tls::new(&tls::system_config()?)),
                None => None,
            };
            Connector::new(connect_timeout, max_head, tls)
        };
        #[cfg(not(feature = "tls"))]
        let connector = Connector::new(connect_timeout, max_head);
        Ok(Client {
            shared: Arc::new(Shared {
                connector,
                settings,
                pools: ArcSwap::default(),
            }),
        })
    }
}
