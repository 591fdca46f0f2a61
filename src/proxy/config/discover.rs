//! The last step of a builder whose list of endpoints changes.

use std::fmt;
use std::hash::Hash;

use futures_core::Stream;

use crate::proxy::config::builder::ProxyBuilder;
use crate::proxy::config::error::ProxyConfigErrors;
use crate::proxy::service::ReverseProxy;
use crate::proxy::transport::ServiceTransport;
use crate::proxy::upstream::discovery::{EndpointChange, follow};

/// A [`ProxyBuilder`] with the changes that will feed its list, ready to be built.
#[must_use]
pub struct DiscoverBuilder<S> {
    builder: ProxyBuilder,
    changes: S,
}

impl<S> DiscoverBuilder<S> {
    pub(super) fn new(builder: ProxyBuilder, changes: S) -> Self {
        Self { builder, changes }
    }

    /// As [`ProxyBuilder::build`], but it takes the stream.
    ///
    /// # Errors
    ///
    /// Every problem of the settings; a list of several upstreams is one.
    pub fn build<K>(self) -> Result<ReverseProxy, ProxyConfigErrors>
    where
        K: Eq + Hash + Send + 'static,
        S: Stream<Item = EndpointChange<K>> + Send + 'static,
    {
        self.builder.build_from(Some(follow(self.changes)))
    }

    /// As [`ProxyBuilder::build_with_client`]. The client service finds [`ConnectTo`](crate::proxy::ConnectTo)
    /// in the extensions of each request.
    ///
    /// # Errors
    ///
    /// As of [`build`](Self::build).
    pub fn build_with_client<K, C>(
        self,
        client: C,
    ) -> Result<ReverseProxy<ServiceTransport<C>>, ProxyConfigErrors>
    where
        K: Eq + Hash + Send + 'static,
        S: Stream<Item = EndpointChange<K>> + Send + 'static,
    {
        self.builder
            .build_with_client_from(client, Some(follow(self.changes)))
    }
}

impl<S> fmt::Debug for DiscoverBuilder<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DiscoverBuilder")
            .field("builder", &self.builder)
            .finish_non_exhaustive()
    }
}
