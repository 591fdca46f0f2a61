//! Settings of a client.

#[cfg(feature = "tls")]
use std::sync::Arc;

use super::Client;
use super::connect::Connector;
#[cfg(feature = "tls")]
use super::connect::tls::{Tls, system_config};
use super::error::ClientBuildError;
use super::pool::common::Settings;
use super::pool::pools::Registry;
use crate::proxy::config;
use crate::proxy::config::error::ProxyConfigErrors;
use crate::proxy::config::settings::{Limits, Timeouts};

/// Settings of a [`Client`].
#[derive(Clone, Debug, Default)]
#[must_use = "settings do nothing until a client is built of them"]
pub struct ClientBuilder {
    timeouts: Timeouts,
    limits: Limits,
    #[cfg(feature = "tls")]
    tls: Option<Arc<rustls::ClientConfig>>,
    /// Whether no https upstream is expected, for which roots would be worth reading.
    #[cfg(feature = "tls")]
    skips_roots: bool,
}

impl ClientBuilder {
    /// Timeouts of connections: [`connect`](Timeouts::connect) and [`idle`](Timeouts::idle). The others are
    /// a proxy's and have no meaning here. Default: those of [`Timeouts`].
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// Limits of connections and of response heads. Those that are a proxy's (the request's body, tunnels)
    /// have no meaning here. Default: those of [`Limits`].
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The TLS configuration for https upstreams: one's own roots, a client certificate. Its ALPN
    /// protocols are set by the client. Default: the system's roots, which clients share and which are read once a
    /// second at most, and no client certificate.
    #[cfg(feature = "tls")]
    #[cfg_attr(docsrs, doc(cfg(feature = "tls")))]
    pub fn tls_config(mut self, config: Arc<rustls::ClientConfig>) -> Self {
        self.tls = Some(config);
        self
    }

    /// Spares the reading of the system's roots where no upstream is https.
    #[cfg(feature = "tls")]
    pub(crate) fn needs_tls(mut self, needs_tls: bool) -> Self {
        self.skips_roots = !needs_tls;
        self
    }

    pub(super) fn settings(&self) -> Settings {
        let (timeouts, limits) = (&self.timeouts, &self.limits);
        Settings {
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
    /// A timeout of zero, or a limit out of bounds.
    #[cfg_attr(
        feature = "tls",
        doc = "With the feature `tls` and no [`tls_config`](Self::tls_config): no root certificate of the system can \
               be read, or there is no crypto provider."
    )]
    pub fn build(&self) -> Result<Client, ClientBuildError> {
        ProxyConfigErrors::into_result(config::problems(&self.timeouts, &self.limits))?;
        let settings = self.settings();
        let connector = Connector {
            timeout: self.timeouts.connect,
            max_head: self.limits.response_head,
            max_fields: self.limits.response_fields,
            #[cfg(feature = "tls")]
            tls: match &self.tls {
                Some(config) => Some(Tls::new(config)),
                None if self.skips_roots => None,
                None => Some(Tls::new(&system_config()?)),
            },
        };
        Ok(Client::from_registry(Registry::new(connector, settings)))
    }
}
