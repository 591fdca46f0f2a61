//! Settings of a proxy that has a choice of upstreams: a list, one that somebody feeds, one that follows DNS.

use crate::proxy::config::builder::{OneOrMany, ProxyBuilder};
use crate::proxy::config::error::ProxyConfigErrors;
use crate::proxy::service::ReverseProxy;
use crate::proxy::upstream::discovery::{EndpointChange, follow};
#[cfg(feature = "dns")]
use crate::proxy::upstream::dns::Dns;
use futures_core::Stream;
use std::fmt;
use std::hash::Hash;

impl ProxyBuilder {
    /// Several upstreams instead of one, balanced over the requests under way. They are the same
    /// service: their base paths have to be equal.
    ///
    /// One that cannot be connected to is set aside, for 1 s at first and up to 60 s, and the request
    /// goes to another; when none is left the answer is 502 at once. For a list that changes see
    /// [`discover`](Self::discover).
    ///
    /// Of two taken at random the one with fewer requests under way gets the next, as in
    /// `tower::balance::p2c`. The types of `tower::load` do not fit: they wrap a service for each endpoint,
    /// where here one client serves all, and they count to the head of a response, where here a request
    /// weighs until its response's last byte.
    pub fn upstreams<I>(mut self, upstreams: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.upstream = OneOrMany::Many(upstreams.into_iter().map(Into::into).collect());
        self
    }

    /// A list of endpoints that changes while the proxy serves, balanced as [`upstreams`](Self::upstreams)
    /// are.
    ///
    /// The builder's upstream says *who* they are: scheme, `Host`, certificate and base path. The
    /// changes say *where* they are: [`Endpoint`](crate::proxy::Endpoint). So this comes last, and what it
    /// gives back can only be built.
    ///
    /// The stream is one of `tower::discover`'s kind. It has a [`EndpointChange`] of our own because that
    /// crate's holds a service for each endpoint, where here one client serves all, and its version
    /// would be part of ours; `futures_core::Stream` is what both agree on. A stream of errors too, as
    /// `tower::discover::Discover` is, has to say first what is to become of them.
    ///
    /// - A key that comes again moves its endpoint; the same endpoint again changes nothing.
    /// - Of an endpoint that is removed the requests in flight finish; its idle connections close.
    /// - With no endpoint, as before the first change, the answer is 502 at once
    ///   ([`ProxyErrorKind::NoUpstream`](crate::proxy::ProxyErrorKind::NoUpstream)).
    /// - An endpoint that is the only one is tried for each request, however often that failed.
    /// - When the stream ends, the last list stays.
    ///
    /// A task polls the stream. It is spawned when the proxy is built, or at the first request if there
    /// was no tokio runtime then, and is gone when the last clone of the proxy is.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_util::stream;
    /// use same_origin::proxy::{Endpoint, EndpointChange, ReverseProxy};
    /// use std::net::SocketAddr;
    ///
    /// # fn main() -> Result<(), same_origin::proxy::ProxyConfigErrors> {
    /// let at = |address| Endpoint::at(SocketAddr::new([10, 0, 0, address].into(), 8443));
    /// // What watches a directory, an orchestrator, a registry:
    /// let changes = stream::iter([EndpointChange::Insert("a", at(1)), EndpointChange::Insert("b", at(2))]);
    /// let api = ReverseProxy::builder("/api", "https://api.internal:8443/prod")
    ///     .discover(changes)
    ///     .build()?;
    /// # let _ = api;
    /// # Ok(()) }
    /// ```
    pub fn discover<K, S>(self, changes: S) -> DiscoverBuilder<S>
    where
        K: Eq + Hash + Send + 'static,
        S: Stream<Item = EndpointChange<K>> + Send + 'static,
    {
        DiscoverBuilder {
            builder: self,
            changes,
        }
    }

    /// Each address of the upstream's name is an endpoint, as DNS has it now: the name is resolved again
    /// when its records' time is over, and the list changes as with [`discover`](Self::discover).
    /// Default: the system resolves the name for each new connection, and a request has one upstream.
    ///
    /// - `Host`, SNI and the certificate's name stay the upstream's. The name is taken as it is, without
    ///   a search list.
    /// - When DNS answers that there is no such name or no address, the list is empty, and the answer 502
    ///   ([`ProxyErrorKind::Dns`](crate::proxy::ProxyErrorKind::Dns)). When it fails to answer, the list stays, and the next
    ///   question comes after 1 s, then 2 s, up to 60 s.
    /// - Requests that come before the first answer wait for it, for the connect timeout at most.
    ///
    /// Needs Rust 1.88, as `hickory-resolver` does.
    #[cfg(feature = "dns")]
    #[cfg_attr(docsrs, doc(cfg(feature = "dns")))]
    pub fn dns(mut self, dns: Dns) -> Self {
        self.dns = Some(dns);
        self
    }
}

/// A [`ProxyBuilder`] with the changes that will feed its list, ready to be built.
#[doc(hidden)]
#[must_use]
pub struct DiscoverBuilder<S> {
    builder: ProxyBuilder,
    changes: S,
}

impl<S> DiscoverBuilder<S> {
    /// As [`ProxyBuilder::build`].
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
    pub fn build_with_client<K, C>(self, client: C) -> Result<ReverseProxy<C>, ProxyConfigErrors>
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
