//! From a builder to a proxy: the checked plan, and a client for it.

use tower_layer::Layer;

use crate::proxy::client::Client;
use crate::proxy::config::builder::ProxyBuilder;
use crate::proxy::config::error::ProxyConfigErrors;
use crate::proxy::config::validate::{self, ClientChoice};
use crate::proxy::service::ReverseProxy;
use crate::proxy::transport::ServiceTransport;
use crate::proxy::upstream::Changes;
#[cfg(feature = "tls")]
use crate::proxy::upstream::Upstream;

impl ProxyBuilder {
    /// The proxy, with a [`Client`] of its own.
    ///
    /// # Errors
    ///
    /// Every problem of the settings, each with its key, the offending value, and what to write instead.
    pub fn build(&self) -> Result<ReverseProxy, ProxyConfigErrors> {
        self.build_from(None)
    }

    /// The proxy, with a [`Client`] of its own under a layer: a cache, or one that signs, traces or tries
    /// again. All settings hold, as for [`build`](Self::build); the timeout
    /// [`response`](crate::proxy::Timeouts::response) for each request that the layer sends, so that it has its say
    /// where the upstream gives no answer, and may wait for something else before.
    ///
    /// A layer that gives a request another body gives it another `Content-Length`, or removes the field; so does one
    /// that sends a request again without its body. Otherwise the request is not sent, and answered with 502.
    ///
    /// # Errors
    ///
    /// As of [`build`](Self::build).
    pub fn build_with_layer<L: Layer<Client>>(
        &self,
        layer: &L,
    ) -> Result<ReverseProxy<ServiceTransport<L::Service>>, ProxyConfigErrors> {
        self.build_around(None, |client| {
            let client = client.with_head_timeout(self.timeouts.response);
            ServiceTransport::timed(layer.layer(client))
        })
    }

    /// The proxy, with a client service of one's own: a [`Client`] with other settings, perhaps under
    /// layers that sign, trace or try again, or any other tower service that takes a request with an
    /// absolute URI. The example `signed_upstream` signs requests for AWS in that place.
    ///
    /// Nobody knows when it sends a request. So a layer that reads a body first waits for it for a second, where the
    /// client expects `100 Continue` and the upstream has not been asked; under
    /// [`build_with_layer`](Self::build_with_layer) it does not.
    ///
    /// Connections are then that client's business: the timeout `idle`, TLS, `h2c`, and the limits `idle_connections`,
    /// `connection_age`, `response_head` and `response_fields`. `connect` is only the wait for a place, and `in_flight`
    /// and `waiting` bound only the shares of one client and of one connection.
    ///
    /// # Errors
    ///
    /// As of [`build`](Self::build).
    #[cfg_attr(
        feature = "tls",
        doc = "And [`upstream_tls`](Self::upstream_tls), which would have no effect."
    )]
    pub fn build_with_client<S>(
        &self,
        client: S,
    ) -> Result<ReverseProxy<ServiceTransport<S>>, ProxyConfigErrors> {
        self.build_with_client_from(client, None)
    }

    pub(super) fn build_from(
        &self,
        changes: Option<Changes>,
    ) -> Result<ReverseProxy, ProxyConfigErrors> {
        self.build_around(changes, |client| client)
    }

    fn build_around<T>(
        &self,
        changes: Option<Changes>,
        around: impl FnOnce(Client) -> T,
    ) -> Result<ReverseProxy<T>, ProxyConfigErrors> {
        let compiled = validate::compile(self, changes, ClientChoice::Own)?;
        let client = Client::builder()
            .timeouts(self.timeouts.clone())
            .limits(self.limits.clone());
        #[cfg(feature = "tls")]
        let client = match compiled.tls {
            Some(tls) => client.tls_config(tls),
            None => {
                let is_tls = |one: &Upstream| one.destination.protocol().is_tls();
                client.needs_tls(compiled.upstreams.iter().any(is_tls))
            }
        };
        let client = client.build().map_err(validate::unusable_client)?;
        Ok(ReverseProxy::from_parts(compiled.plan, around(client)))
    }

    pub(super) fn build_with_client_from<S>(
        &self,
        client: S,
        changes: Option<Changes>,
    ) -> Result<ReverseProxy<ServiceTransport<S>>, ProxyConfigErrors> {
        let compiled = validate::compile(self, changes, ClientChoice::Given)?;
        let transport = ServiceTransport::new(client);
        Ok(ReverseProxy::from_parts(compiled.plan, transport))
    }
}

impl ReverseProxy {
    /// A proxy of `upstream` (`scheme://host[:port][/base]`) under `prefix`, with every default.
    ///
    /// # Errors
    ///
    /// Every problem of the two, each with what to write instead.
    ///
    /// # Examples
    ///
    /// ```
    /// use same_origin::proxy::ReverseProxy;
    ///
    /// # fn main() -> Result<(), same_origin::proxy::ProxyConfigErrors> {
    /// // GET /api/items?x=1  →  GET https://api.example.com/prod/items?x=1
    /// let api = ReverseProxy::new("/api", "https://api.example.com/prod")?;
    /// # let _ = api;
    /// # Ok(()) }
    /// ```
    pub fn new(
        prefix: impl Into<String>,
        upstream: impl Into<String>,
    ) -> Result<Self, ProxyConfigErrors> {
        Self::builder(prefix, upstream).build()
    }

    /// A builder for a proxy of `upstream` under `prefix`, with every default in place.
    pub fn builder(prefix: impl Into<String>, upstream: impl Into<String>) -> ProxyBuilder {
        ProxyBuilder::new(prefix, upstream)
    }
}
