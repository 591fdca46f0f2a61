//! Changes of a list of endpoints, as somebody else finds them.

use std::collections::HashMap;
use std::future::poll_fn;
use std::hash::Hash;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use futures_core::Stream;

use crate::proxy::upstream::endpoint::Endpoint;
use crate::proxy::upstream::endpoint_list::{Changes, EndpointList};
use crate::proxy::upstream::member::Member;

/// A change of the endpoints behind an upstream, for
/// [`ProxyBuilder::discover`](crate::proxy::ProxyBuilder::discover).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndpointChange<K> {
    /// The endpoint is there from now on. It replaces another one under this key; the same one again changes nothing.
    Insert(K, Endpoint),
    /// The endpoint that was there under this key is gone.
    Remove(K),
}

/// The most changes that become one new list, so that a stream that is always ready leaves time
/// for others.
const BATCH: usize = 1024;

/// Follows a stream of changes to its end.
pub(crate) fn follow<K, S>(changes: S) -> Changes
where
    K: Eq + Hash + Send + 'static,
    S: Stream<Item = EndpointChange<K>> + Send + 'static,
{
    Box::new(|list| {
        let following = Following {
            changes: Box::pin(changes),
            table: EndpointTable::new(list),
        };
        // One of the futures at a time is polled.
        let following = Arc::new(Mutex::new(following));
        Box::new(move || {
            let following = Arc::clone(&following);
            Box::pin(poll_fn(move |cx| {
                let mut following = following.lock().unwrap_or_else(PoisonError::into_inner);
                following.poll(cx)
            }))
        })
    })
}

/// A stream of changes, and what has become of them.
struct Following<K, S> {
    changes: Pin<Box<S>>,
    table: EndpointTable<K>,
}

impl<K, S> Following<K, S>
where
    K: Eq + Hash,
    S: Stream<Item = EndpointChange<K>>,
{
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        for _ in 0..BATCH {
            match self.changes.as_mut().poll_next(cx) {
                Poll::Ready(Some(change)) => self.table.apply(change),
                Poll::Ready(None) => {
                    self.table.publish();
                    return Poll::Ready(());
                }
                Poll::Pending => {
                    self.table.publish();
                    return Poll::Pending;
                }
            }
        }
        self.table.publish();
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// Endpoints by their keys, and the changes that have not been published.
pub(crate) struct EndpointTable<K> {
    list: Arc<EndpointList>,
    entries: HashMap<K, (Endpoint, Arc<Member>)>,
    removed: Vec<Arc<Member>>,
    changed: bool,
}

impl<K: Eq + Hash> EndpointTable<K> {
    pub(crate) fn new(list: Arc<EndpointList>) -> Self {
        Self {
            list,
            entries: HashMap::new(),
            removed: Vec::new(),
            changed: false,
        }
    }

    /// The keys that are known.
    #[cfg(feature = "dns")]
    pub(crate) fn keys(&self) -> impl Iterator<Item = &K> {
        self.entries.keys()
    }

    pub(crate) fn apply(&mut self, change: EndpointChange<K>) {
        let gone = match change {
            EndpointChange::Insert(key, endpoint) => {
                let known = self.entries.get(&key);
                if known.is_some_and(|(known, _)| *known == endpoint) {
                    return;
                }
                let member = self.list.member(&endpoint);
                self.changed = true;
                self.entries.insert(key, (endpoint, member))
            }
            EndpointChange::Remove(key) => self.entries.remove(&key),
        };
        if let Some((_, member)) = gone {
            self.changed = true;
            self.removed.push(member);
        }
    }

    /// Shows the list to the requests, if it has changed. Idle connections to an endpoint that is gone
    /// close when no further request can find it.
    pub(crate) fn publish(&mut self) {
        if !std::mem::take(&mut self.changed) {
            return;
        }
        let members = self.entries.values();
        self.list
            .publish(members.map(|(_, member)| Arc::clone(member)).collect());
        for member in self.removed.drain(..) {
            member.connect_to.retire();
        }
    }
}
