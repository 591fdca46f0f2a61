//! The hold of a connection's task on its place among the others.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Poll, Waker};

use super::orders::CLOSE;
use super::{Connection, Connections};
use crate::server::lock;

/// A connection's place among the others.
pub struct ConnectionGuard {
    pub connection: Arc<Connection>,
    id: u64,
    all: Arc<Connections>,
}

impl ConnectionGuard {
    pub(super) fn new(connection: Arc<Connection>, id: u64, all: Arc<Connections>) -> Self {
        Self {
            connection,
            id,
            all,
        }
    }

    /// Runs a connection until it ends or has to, which is `None`. `obey` is called with each order once,
    /// and says whether there is anything to wait for.
    pub async fn drive<C: Future>(
        &self,
        mut connection: Pin<&mut C>,
        obey: impl Fn(Pin<&mut C>, u8) -> bool,
    ) -> Option<C::Output> {
        let mut known: Option<Waker> = None;
        let mut obeyed = 0;
        poll_fn(|cx| {
            if !known
                .as_ref()
                .is_some_and(|known| known.will_wake(cx.waker()))
            {
                known = Some(cx.waker().clone());
                lock(&self.connection.waker).clone_from(&known);
            }
            let order = self.connection.order.load(Ordering::Relaxed);
            if order == CLOSE {
                return Poll::Ready(None);
            }
            // First, so that what has come is a request under way and not an idle connection's: where the machine
            // is busy, the end of its last second and a request may be found at once.
            if let Poll::Ready(ended) = connection.as_mut().poll(cx) {
                return Poll::Ready(Some(ended));
            }
            if order <= obeyed {
                return Poll::Pending;
            }
            obeyed = order;
            if !obey(connection.as_mut(), order) {
                return Poll::Ready(None);
            }
            connection.as_mut().poll(cx).map(Some)
        })
        .await
    }
}

impl Drop for ConnectionGuard {
    fn drop(&mut self) {
        let mut open = lock(&self.all.open);
        open.remove(&self.id);
        if open.is_empty() {
            self.all.all_ended.notify_waiters();
        }
    }
}
