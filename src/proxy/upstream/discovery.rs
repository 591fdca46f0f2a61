//! Changes of a list of upstreams, as somebody else finds them.

use crate::proxy::config::builder::ProxyBuilder;
use crate::proxy::config::error::ProxyConfigErrors;
use crate::proxy::service::ReverseProxy;
use crate::proxy::transport::ServiceTransport;
use crate::proxy::upstream::balance::Member;
use crate::proxy::upstream::board::{Board, Changes};
use crate::proxy::upstream::endpoint::Endpoint;
use futures_core::Stream;
use std::collections::HashMap;
use std::fmt;
use std::future::poll_fn;
use std::hash::Hash;
use std::sync::Arc;
use std::task::Poll;

/// A change of the endpoints behind an upstream, for [`ProxyBuilder::discover`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change<K> {
    /// The endpoint is there from now on. One that was there under this key is gone, unless it is the
    /// same.
    Insert(K, Endpoint),
    /// What was there under this key is gone.
    Remove(K),
}

/// A [`ProxyBuilder`] with the changes that will feed its list, ready to be built.
#[must_use]
pub struct DiscoverBuilder<S> {
    builder: ProxyBuilder,
    changes: S,
}

impl ProxyBuilder {
    /// A list of endpoints that changes while the proxy serves, balanced as [`upstreams`](Self::upstreams)
    /// are.
    ///
    /// The builder's upstream says *who* they are: scheme, `Host`, certificate and base path. The
    /// changes say *where* they are: [`Endpoint`](crate::proxy::Endpoint). So this comes last, and what it
    /// gives back can only be built.
    ///
    /// The stream is one of `tower::discover`'s kind. It has a [`Change`] of our own because that
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
    /// use same_origin::proxy::{Change, Endpoint, ReverseProxy};
    /// use std::net::SocketAddr;
    ///
    /// # fn main() -> Result<(), same_origin::proxy::ProxyConfigErrors> {
    /// let at = |address| Endpoint::at(SocketAddr::new([10, 0, 0, address].into(), 8443));
    /// // What watches a directory, an orchestrator, a registry:
    /// let changes = stream::iter([Change::Insert("a", at(1)), Change::Insert("b", at(2))]);
    /// let api = ReverseProxy::builder("/api", "https://api.internal:8443/prod")
    ///     .discover(changes)
    ///     .build()?;
    /// # let _ = api;
    /// # Ok(()) }
    /// ```
    pub fn discover<K, S>(self, changes: S) -> DiscoverBuilder<S>
    where
        K: Eq + Hash + Send + 'static,
        S: Stream<Item = Change<K>> + Send + 'static,
    {
        DiscoverBuilder {
            builder: self,
            changes,
        }
    }
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
        S: Stream<Item = Change<K>> + Send + 'static,
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
        S: Stream<Item = Change<K>> + Send + 'static,
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

/// How many changes become one new list at most, so that a stream that is always ready leaves time
/// for others.
const BATCH: usize = 1024;

/// Follows a stream of changes to its end.
fn follow<K, S>(changes: S) -> Changes
where
    K: Eq + Hash + Send + 'static,
    S: Stream<Item = Change<K>> + Send + 'static,
{
    let mut changes = Box::pin(changes);
    Box::new(|board| {
        let mut roll = Roll::new(board);
        Box::pin(poll_fn(move |cx| {
            for _ in 0..BATCH {
                match changes.as_mut().poll_next(cx) {
                    Poll::Ready(Some(change)) => roll.apply(change),
                    Poll::Ready(None) => {
                        roll.publish();
                        return Poll::Ready(());
                    }
                    Poll::Pending => {
                        roll.publish();
                        return Poll::Pending;
                    }
                }
            }
            roll.publish();
            cx.waker().wake_by_ref();
            Poll::Pending
        }))
    })
}

/// The endpoints by their keys, and what of them has not been published.
pub(crate) struct Roll<K> {
    board: Arc<Board>,
    entries: HashMap<K, (Endpoint, Arc<Member>)>,
    removed: Vec<Arc<Member>>,
    changed: bool,
}

impl<K: Eq + Hash> Roll<K> {
    pub(crate) fn new(board: Arc<Board>) -> Self {
        Self {
            board,
            entries: HashMap::new(),
            removed: Vec::new(),
            changed: false,
        }
    }

    pub(crate) fn apply(&mut self, change: Change<K>) {
        let gone = match change {
            Change::Insert(key, endpoint) => {
                let known = self.entries.get(&key);
                if known.is_some_and(|(known, _)| *known == endpoint) {
                    return;
                }
                let member = self.board.member(&endpoint);
                self.changed = true;
                self.entries.insert(key, (endpoint, member))
            }
            Change::Remove(key) => self.entries.remove(&key),
        };
        if let Some((_, member)) = gone {
            self.changed = true;
            self.removed.push(member);
        }
    }

    /// Shows the list to the requests, if it has changed. What is idle at an endpoint that is gone
    /// closes when no further request can find it.
    pub(crate) fn publish(&mut self) {
        if !std::mem::take(&mut self.changed) {
            return;
        }
        let members = self.entries.values();
        self.board
            .publish(members.map(|(_, member)| Arc::clone(member)).collect());
        for member in self.removed.drain(..) {
            if let Some(place) = member.way.place() {
                place.retire();
            }
        }
    }
}
