//! The setters for several upstreams behind one prefix.

use std::hash::Hash;

use futures_core::Stream;

use crate::proxy::config::builder::{OneOrMany, ProxyBuilder};
use crate::proxy::config::discover::DiscoverBuilder;
use crate::proxy::upstream::discovery::EndpointChange;
#[cfg(feature = "dns")]
use crate::proxy::upstream::dns::Dns;

impl ProxyBuilder {
    /// Several upstreams instead of one, balanced over the requests under way. They are the same
    /// service: their base paths have to be equal.
    ///
    /// One that cannot be connected to is set aside, for 1 s at first and up to 60 s. So is one that leaves three
    /// requests in a row unanswered: it closes the connection, refuses or resets the stream of HTTP/2, sends bytes that
    /// are not HTTP or a head that is too large, or is silent for the response timeout. Any head of a response is an
    /// answer, and a request that its client breaks off does not count. A request that was not sent goes to the
    /// others, to each once. A request that may have been seen goes to no other one.
    ///
    /// When all are set aside, requests go on to those that could be connected to: one client alone may be the cause
    /// that requests stay unanswered. If none could, the answer is 502 at once. Then one request at a time, without a
    /// body, tries the upstream that is due first, and if that answers, it is back at once. For a list that changes
    /// see [`discover`](Self::discover).
    ///
    /// Of two taken at random the one with fewer requests under way gets the next, as in
    /// `tower::balance::p2c`. The types of `tower::load` do not fit: they wrap a service for each endpoint,
    /// where here one client serves all. They count a request until the head of its response, where here it
    /// counts until the last byte.
    #[cfg_attr(docsrs, doc(cfg(feature = "balance")))]
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
    /// The builder's upstream names the service: scheme, `Host`, certificate and base path. The changes give
    /// its addresses: [`Endpoint`](crate::proxy::Endpoint). So this comes last, and its result can only be
    /// built.
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
    /// was no tokio runtime then, and is gone when the last clone of the proxy is. If its runtime ends before, that of
    /// the next request goes on with the stream. One that stands on a timer or a socket of its runtime cannot: it ends.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_util::stream;
    /// use same_origin::proxy::{EndpointChange, Endpoint, ReverseProxy};
    /// use std::net::SocketAddr;
    ///
    /// # fn main() -> Result<(), same_origin::proxy::ProxyConfigErrors> {
    /// let at = |address| Endpoint::at(SocketAddr::new([10, 0, 0, address].into(), 8443));
    /// // In earnest from a directory, an orchestrator or a registry that is watched:
    /// let changes = stream::iter([EndpointChange::Insert("a", at(1)), EndpointChange::Insert("b", at(2))]);
    /// let api = ReverseProxy::builder("/api", "https://api.internal:8443/prod")
    ///     .discover(changes)
    ///     .build()?;
    /// # let _ = api;
    /// # Ok(()) }
    /// ```
    #[cfg_attr(docsrs, doc(cfg(feature = "balance")))]
    pub fn discover<K, S>(self, changes: S) -> DiscoverBuilder<S>
    where
        K: Eq + Hash + Send + 'static,
        S: Stream<Item = EndpointChange<K>> + Send + 'static,
    {
        DiscoverBuilder::new(self, changes)
    }

    /// Each address of the upstream's name is an endpoint, as DNS has it now: the name is resolved again
    /// when its records' time is over, and the list changes as with [`discover`](Self::discover).
    /// Default: the system resolves the name for each new connection, and a request has one upstream.
    ///
    /// - `Host`, SNI and the certificate's name stay the upstream's. The name is taken as it is, without
    ///   a search list.
    /// - When DNS answers that the name does not exist or has no address, the list is empty, and the answer 502
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
