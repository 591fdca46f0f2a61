//! The connections that are open: told to stop, and closed when they are silent, at no cost to a
//! request but two counters.
//!
//! A timer for each request head would be entered in the runtime's wheel and taken out again for what
//! hardly ever happens; here one task for all connections counts the steps in which one had no request.

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::sync::Notify;

/// In how many steps a connection's silence is counted.
const STEPS: u8 = 8;

/// All connections of a listener.
#[derive(Default)]
pub struct Connections {
    open: Mutex<HashMap<u64, Arc<Connection>>>,
    next: AtomicU64,
    /// Told when the last one has ended.
    ended: Notify,
}

/// One connection, as seen from outside its task.
#[derive(Default)]
pub struct Connection {
    requests: AtomicU32,
    /// Steps in a row without a request.
    silent: AtomicU8,
    order: AtomicU8,
    waker: Mutex<Option<Waker>>,
}

/// What a connection is told.
const STOP: u8 = 1;
const CLOSE: u8 = 2;

impl Connections {
    /// A connection that has begun. It has ended when the entry is dropped.
    pub fn enter(self: &Arc<Self>) -> Entry {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let connection = Arc::new(Connection::default());
        lock(&self.open).insert(id, Arc::clone(&connection));
        Entry {
            connection,
            id,
            all: Arc::clone(self),
        }
    }

    /// Ends each connection that has had no request for `timeout`, whether it sent part of one or
    /// nothing: in peace if it can, a step later in any case. Never ends itself.
    pub async fn close_silent(self: Arc<Self>, timeout: Duration) {
        loop {
            tokio::time::sleep(timeout / u32::from(STEPS)).await;
            for connection in lock(&self.open).values() {
                if connection.requests.load(Ordering::Relaxed) == 0 {
                    match connection.silent.fetch_add(1, Ordering::Relaxed) {
                        ..STEPS => {}
                        STEPS => connection.tell(STOP),
                        _ => connection.tell(CLOSE),
                    }
                }
            }
        }
    }

    /// Tells all to stop after the requests in flight, and waits until they have ended.
    pub async fn drain(&self) {
        loop {
            let ended = self.ended.notified();
            let open: Vec<_> = lock(&self.open).values().cloned().collect();
            if open.is_empty() {
                return;
            }
            for connection in open {
                connection.tell(STOP);
            }
            ended.await;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Connection {
    fn tell(&self, order: u8) {
        self.order.fetch_max(order, Ordering::Relaxed);
        if let Some(waker) = &*lock(&self.waker) {
            waker.wake_by_ref();
        }
    }

    /// A request has begun. It has ended when the guard is dropped.
    pub fn request(self: &Arc<Self>) -> InRequest {
        self.requests.fetch_add(1, Ordering::Relaxed);
        InRequest(Arc::clone(self))
    }
}

/// A connection's place among the others.
pub struct Entry {
    pub connection: Arc<Connection>,
    id: u64,
    all: Arc<Connections>,
}

impl Entry {
    /// Runs a connection until it ends or has to, which is `None`. When it is to take no further
    /// request, `stop` is called and says whether there is anything to wait for.
    pub async fn drive<C: Future>(
        &self,
        mut connection: Pin<&mut C>,
        stop: impl Fn(Pin<&mut C>) -> bool,
    ) -> Option<C::Output> {
        let mut known: Option<Waker> = None;
        let mut stopped = false;
        poll_fn(|cx| {
            if !known
                .as_ref()
                .is_some_and(|known| known.will_wake(cx.waker()))
            {
                known = Some(cx.waker().clone());
                lock(&self.connection.waker).clone_from(&known);
            }
            match self.connection.order.load(Ordering::Relaxed) {
                CLOSE => return Poll::Ready(None),
                STOP if !stopped => {
                    stopped = true;
                    if !stop(connection.as_mut()) {
                        return Poll::Ready(None);
                    }
                }
                _ => {}
            }
            connection.as_mut().poll(cx).map(Some)
        })
        .await
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut open = lock(&self.all.open);
        open.remove(&self.id);
        if open.is_empty() {
            self.all.ended.notify_waiters();
        }
    }
}

/// A request in flight, to the end of its response's body.
pub struct InRequest(Arc<Connection>);

impl Drop for InRequest {
    fn drop(&mut self) {
        self.0.silent.store(0, Ordering::Relaxed);
        self.0.requests.fetch_sub(1, Ordering::Relaxed);
    }
}

pin_project! {
    /// A response's body, with which its request ends.
    pub struct Last<B> {
        #[pin]
        body: B,
        request: InRequest,
    }
}

impl<B> Last<B> {
    pub fn new(body: B, request: InRequest) -> Self {
        Self { body, request }
    }
}

impl<B: Body> Body for Last<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        self.project().body.poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;
    use std::pin::pin;
    use tokio::time::Instant;

    const TIMEOUT: Duration = Duration::from_secs(8);

    /// Runs a connection that does nothing by itself, and gives how long it was left open.
    async fn silence(connections: &Arc<Connections>, keep: bool) -> Duration {
        let entry = connections.enter();
        let begun = Instant::now();
        let request = keep.then(|| entry.connection.request());
        if let Some(request) = request {
            tokio::spawn(async move {
                tokio::time::sleep(TIMEOUT * 3).await;
                drop(request);
            });
        }
        let closed = entry.drive(pin!(pending::<()>()), |_| true).await;
        assert!(closed.is_none());
        begun.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_connection_is_closed_and_one_with_a_request_is_not() {
        let connections = Arc::new(Connections::default());
        tokio::spawn(connections.clone().close_silent(TIMEOUT));
        let idle = silence(&connections, false).await;
        assert!(idle >= TIMEOUT && idle <= TIMEOUT * 5 / 4, "{idle:?}");
        let busy = silence(&connections, true).await;
        assert!(busy >= TIMEOUT * 4 && busy <= TIMEOUT * 17 / 4, "{busy:?}");
    }

    #[tokio::test]
    async fn a_drain_waits_for_every_connection() {
        let connections = Arc::new(Connections::default());
        let entry = connections.enter();
        let (told, mut telling) = tokio::sync::mpsc::channel(1);
        let connection = tokio::spawn(async move {
            let mut ends = pin!(telling.recv());
            entry
                .drive(ends.as_mut(), |_| told.try_send(()).is_ok())
                .await
        });
        tokio::task::yield_now().await;
        connections.drain().await;
        assert_eq!(connection.await.unwrap(), Some(Some(())));
    }
}
