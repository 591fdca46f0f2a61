//! Changes of a list of upstreams, as somebody else finds them.

use crate::proxy::upstream::balance::Member;
use crate::proxy::upstream::board::{Board, Changes};
use crate::proxy::upstream::endpoint::Endpoint;
use futures_core::Stream;
use std::collections::HashMap;
use std::future::poll_fn;
use std::hash::Hash;
use std::sync::Arc;
use std::task::Poll;

/// A change of the endpoints behind an upstream, for [`ProxyBuilder::discover`](crate::proxy::ProxyBuilder::discover).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change<K> {
    /// The endpoint is there from now on. One that was there under this key is gone, unless it is the
    /// same.
    Insert(K, Endpoint),
    /// What was there under this key is gone.
    Remove(K),
}

/// How many changes become one new list at most, so that a stream that is always ready leaves time
/// for others.
const BATCH: usize = 1024;

/// Follows a stream of changes to its end.
pub(crate) fn follow<K, S>(changes: S) -> Changes
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
