//! The connections that are open: told to stop, and closed when they are silent, at no cost to a
//! request but two counters.
//!
//! A timer for each request head would be entered in the runtime's wheel and taken out again for what
//! hardly ever happens; here one task for all connections counts the steps in which one had no request.

mod guard;
mod idle;
mod orders;
mod request;
mod sockets;
mod unsent;
mod upload;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::task::Waker;
use std::time::Duration;

use futures_util::future::join;
pub use guard::ConnectionGuard;
use idle::Idle;
use orders::{CLOSE, FINISH};
pub use orders::{LAST, STOP};
pub use request::{CountedBody, InRequest};
use sockets::{Socket, Sockets};
use tokio::sync::Notify;
use tokio::time::timeout;
pub use upload::{InUpload, counted_upload};

use super::clients::ClientGuard;
use super::limits::Limits;
use super::lock;
use super::workers::Place;

/// The number of steps in which a connection's silence is counted.
const STEPS: u8 = 8;
/// The number of steps for which a client may take nothing of its answers: twice as long.
const UNREAD_STEPS: u8 = 2 * STEPS;
/// The time after which another connection is looked for that may make room.
const LOOK: Duration = Duration::from_millis(50);

/// All connections of a listener.
pub struct Connections {
    open: Mutex<HashMap<u64, Arc<Connection>>>,
    /// The sockets of those, and of the tunnels that they have become.
    sockets: Arc<Sockets>,
    next: AtomicU64,
    /// The most requests that one may reset, see [`Limits::resets`].
    max_resets: AtomicU32,
    /// The most heads of one that may be on their way to becoming requests, or be refused.
    max_unheard: AtomicU32,
    /// Told when the last one has ended.
    all_ended: Notify,
}

/// One connection, as seen from outside its task.
#[derive(Default)]
pub struct Connection {
    /// Counted for as long as its stream, which may become a tunnel.
    _socket: Option<Socket>,
    requests: AtomicU32,
    /// Requests that have given more of their response than the client has taken.
    unread: AtomicU32,
    /// Frames of responses that hyper has and the system has not, those of requests that have ended too.
    unsent: AtomicU32,
    /// Tunnels over HTTP/2, which have a timeout of their own.
    tunnels: AtomicU32,
    /// Requests that ended before their response, less those that did not.
    resets: AtomicU32,
    max_resets: u32,
    /// Heads that were read over HTTP/2, less those that became requests.
    unheard: AtomicU32,
    max_unheard: u32,
    /// The client's budget over all of its connections, if it is one client's.
    client: OnceLock<ClientGuard>,
    /// Bodies of requests that have not come to their end; a response may have.
    uploads: AtomicU32,
    /// Whether the body of the last request was given up before its end.
    is_cut_short: AtomicBool,
    /// Its place at the worker that serves it, and serves the tunnel that it may become.
    place: OnceLock<Place>,
    /// Steps in a row without a request, or in which the client took nothing of what is there for it.
    silent: AtomicU8,
    /// Whether it has had a request.
    has_served: AtomicBool,
    /// Whether its client has closed its side, which is not told as long as a request is under way.
    is_ending: AtomicBool,
    /// Whether it has become a tunnel, over HTTP/1.1.
    is_switched: AtomicBool,
    order: AtomicU8,
    idle: Idle,
    waker: Mutex<Option<Waker>>,
}

/// The most heads of one connection that are on their way to becoming requests, or are refused.
fn most_unheard(limits: &Limits) -> u32 {
    limits.resets.saturating_add(limits.streams)
}

impl Connections {
    pub fn new(limits: &Limits) -> Self {
        Self {
            open: Mutex::default(),
            next: AtomicU64::new(0),
            max_resets: AtomicU32::new(limits.resets),
            max_unheard: AtomicU32::new(most_unheard(limits)),
            sockets: Arc::default(),
            all_ended: Notify::new(),
        }
    }

    /// Sets other limits for connections that begin from now on.
    pub fn limit(&self, limits: &Limits) {
        self.max_resets.store(limits.resets, Ordering::Relaxed);
        self.max_unheard
            .store(most_unheard(limits), Ordering::Relaxed);
    }

    /// The number of open connections, with those that have become tunnels.
    pub fn count(&self) -> usize {
        self.sockets.count()
    }

    /// Waits until fewer than so many are open.
    pub async fn fewer_than(&self, most: usize) {
        self.sockets.fewer_than(most).await;
    }

    /// The same, and while there are so many, ends the oldest connection whose client has to act and has not for a step:
    /// it sends no request, or does not read its answers. What a younger one has sent may not have been read yet.
    pub async fn make_room(&self, most: usize) {
        while self.count() >= most {
            {
                let open = lock(&self.open);
                let waiting = open.iter().filter(|(_, one)| {
                    one.silent.load(Ordering::Relaxed) > 0 && one.patience().is_some()
                });
                if let Some((_, oldest)) = waiting.min_by_key(|(id, _)| **id) {
                    oldest.tell(CLOSE);
                }
            }
            let _looked_at_again = timeout(LOOK, self.fewer_than(most)).await;
        }
    }

    /// A connection that has begun. It has ended when the guard is dropped.
    pub fn admit(self: &Arc<Self>, client: Option<ClientGuard>) -> ConnectionGuard {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let connection = Arc::new(Connection {
            _socket: Some(Socket::new(&self.sockets)),
            max_resets: self.max_resets.load(Ordering::Relaxed),
            max_unheard: self.max_unheard.load(Ordering::Relaxed),
            client: client.map_or_else(OnceLock::new, OnceLock::from),
            ..Connection::default()
        });
        lock(&self.open).insert(id, Arc::clone(&connection));
        ConnectionGuard::new(connection, id, Arc::clone(self))
    }

    /// Ends each connection that has had no request for `timeout`, whether it sent part of one or
    /// nothing, and each whose client takes nothing of what is there for it for twice as long: in peace
    /// if it can, a step later in any case. Tells those to rest that lie idle. Never ends itself.
    pub async fn close_silent(self: Arc<Self>, timeout: Duration) {
        join(self.count_silence(timeout), self.let_rest()).await;
    }

    async fn count_silence(&self, timeout: Duration) {
        loop {
            tokio::time::sleep(timeout / u32::from(STEPS)).await;
            for connection in lock(&self.open).values() {
                if let Some(patience) = connection.patience() {
                    match connection.silent.fetch_add(1, Ordering::Relaxed) {
                        steps if steps < patience => {}
                        steps if steps == patience => connection.tell(STOP),
                        _ => connection.tell(CLOSE),
                    }
                }
            }
        }
    }

    /// Tells all that the next request is their last one, and waits until they have ended. One that lies
    /// idle waits for that request: to close it would lose what its client is about to send.
    pub async fn finish(&self) {
        self.end(FINISH).await;
    }

    /// Tells all to stop after the requests in flight, and waits until they have ended.
    pub async fn drain(&self) {
        self.end(STOP).await;
    }

    /// Ends all, whatever is under way, and waits until they have ended.
    pub async fn cut(&self) {
        self.end(CLOSE).await;
    }

    async fn end(&self, order: u8) {
        loop {
            let ended = self.all_ended.notified();
            let open: Vec<_> = lock(&self.open).values().cloned().collect();
            if open.is_empty() {
                return;
            }
            for connection in open {
                connection.tell(order);
            }
            ended.await;
        }
    }
}

impl Connection {
    fn wake(&self) {
        if let Some(waker) = &*lock(&self.waker) {
            waker.wake_by_ref();
        }
    }

    /// For how many steps this may go on, if it is the client who has to act.
    fn patience(&self) -> Option<u8> {
        let are_there = |count: &AtomicU32| count.load(Ordering::Relaxed) > 0;
        match self.requests.load(Ordering::Relaxed) {
            0 if are_there(&self.unsent) => Some(UNREAD_STEPS),
            0 if are_there(&self.tunnels) || are_there(&self.uploads) => None,
            0 if self.is_flushing() => Some(UNREAD_STEPS),
            0 => Some(STEPS),
            requests if requests == self.unread.load(Ordering::Relaxed) => Some(UNREAD_STEPS),
            _ if self.is_ending() && self.has_untaken() => Some(UNREAD_STEPS),
            _ => None,
        }
    }

    /// Whether it has to end because its client said nothing, and not because the gateway stops.
    pub fn is_silent(&self) -> bool {
        let silent = self.silent.load(Ordering::Relaxed);
        self.patience().is_some_and(|patience| silent > patience)
    }

    /// Whether a request, its body or a tunnel is under way.
    pub fn is_asked(&self) -> bool {
        let under_way = |count: &AtomicU32| count.load(Ordering::Relaxed) > 0;
        under_way(&self.requests) || under_way(&self.uploads) || under_way(&self.tunnels)
    }

    /// Its client has closed its side. Its task is woken when a request ends or its answer is sent.
    pub fn ends_with_its_requests(&self) {
        self.is_ending.store(true, Ordering::Relaxed);
    }

    fn is_ending(&self) -> bool {
        self.is_ending.load(Ordering::Relaxed)
    }

    /// A request has begun. It has ended when the guard is dropped.
    pub fn request(self: &Arc<Self>) -> InRequest {
        self.has_served.store(true, Ordering::Relaxed);
        self.is_cut_short.store(false, Ordering::Relaxed);
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.one_heard();
        InRequest::new(Arc::clone(self))
    }

    /// A request, its body or a tunnel has ended, one of these.
    fn one_ends(&self, of: &AtomicU32) {
        self.is_awake();
        self.moves();
        of.fetch_sub(1, Ordering::Relaxed);
        if self.is_ending() {
            self.wake();
        }
    }

    /// Whether it has had a request.
    pub fn has_served(&self) -> bool {
        self.has_served.load(Ordering::Relaxed)
    }

    /// It is served by the worker at which this is its place.
    pub fn is_served_at(&self, place: Place) {
        let _placed_already = self.place.set(place);
    }

    /// Names the client, where it is known only after the first bytes.
    pub fn belongs_to(&self, client: Option<ClientGuard>) {
        if let Some(client) = client {
            let _named_already = self.client.set(client);
        }
    }

    /// Heads of requests were read. Those that are not heard of again were refused by h2, which is counted as resets
    /// where there are more of them than can be on their way.
    pub fn heads(&self, heads: u32) {
        let before = self.unheard.fetch_add(heads, Ordering::Relaxed);
        if before.saturating_add(heads) > self.max_unheard {
            if let Some(client) = self.client.get() {
                client.client().resets(self.max_unheard);
            }
            self.tell(CLOSE);
        }
    }

    /// One head has become a request; or a request was answered, which makes up for a head that was refused.
    fn one_heard(&self) {
        if self.unheard.load(Ordering::Relaxed) > 0 {
            let less = |heads: u32| heads.checked_sub(1);
            let _none = self
                .unheard
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        }
    }

    fn answered(&self) {
        if let Some(client) = self.client.get() {
            client.client().answered();
        }
        self.one_heard();
        if self.resets.load(Ordering::Relaxed) > 0 {
            let less = |resets: u32| resets.checked_sub(1);
            let _none = self
                .resets
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        }
    }

    /// A stream was reset, or something came that counts as much.
    pub fn reset(&self) {
        let client = self.client.get().map(ClientGuard::client);
        let is_over = client.is_some_and(|client| {
            client.reset();
            client.is_over()
        });
        if self.resets.fetch_add(1, Ordering::Relaxed) >= self.max_resets || is_over {
            self.tell(CLOSE);
        }
    }
}

#[cfg(test)]
mod tests;
