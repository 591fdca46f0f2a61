//! How many of an upstream's places one client may have.
//!
//! An upstream has so many places ([`Limits::in_flight`](crate::proxy::Limits::in_flight)), and one client could
//! take all of them: by uploads of a byte now and then, by answers that it reads as slowly. What it may take
//! is a share, so that the others find a place. A request beyond it waits, as one does that finds no place,
//! among those of its own client alone.

use crate::proxy::error::{ProxyError, ProxyErrorKind};
use crate::proxy::request::client::{Requester, Subscriber};
use crate::proxy::upstream::balance::Member;
use foldhash::fast::RandomState;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};

/// How many shares there are at least when those that nobody uses are looked for.
const SWEPT_FROM: usize = 64;

/// The shares of a proxy's clients, and of their connections, in each of its upstreams.
pub(crate) struct Shares {
    of_clients: Option<Ledger<Subscriber>>,
    of_connections: Option<Ledger<std::net::SocketAddr>>,
    /// How long a request waits for a place of its share.
    wait: Duration,
}

/// The places that a request has of its client's and its connection's shares, until they are dropped.
#[derive(Default)]
pub(crate) struct Places {
    _of_client: Option<Place>,
    _of_connection: Option<Place>,
}

/// How large the shares are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ShareRules {
    pub(crate) in_flight: usize,
    pub(crate) waiting: usize,
    pub(crate) client: f64,
    pub(crate) connection: f64,
    pub(crate) wait: Duration,
}

impl Shares {
    pub(crate) fn new(rules: ShareRules) -> Self {
        Self {
            of_clients: Ledger::new(rules, rules.client),
            of_connections: Ledger::new(rules, rules.connection),
            wait: rules.wait,
        }
    }

    /// A place at an upstream of the share of whoever asks, when one is free in time.
    ///
    /// # Errors
    ///
    /// [`ProxyErrorKind::TooManyRequests`].
    pub(crate) async fn admit(
        &self,
        to: &Member,
        requester: Option<&Requester>,
    ) -> Result<Places, ProxyError> {
        let Some(requester) = requester else {
            return Ok(Places::default());
        };
        // That of the connection first: a request that waits for it takes no place of the client's.
        let of_connection = match (&self.of_connections, requester.connection) {
            (Some(ledger), Some(connection)) => {
                Some(ledger.place(to, connection, self.wait).await?)
            }
            _ => None,
        };
        let of_client = match &self.of_clients {
            Some(ledger) => Some(ledger.place(to, requester.subscriber, self.wait).await?),
            None => None,
        };
        Ok(Places {
            _of_client: of_client,
            _of_connection: of_connection,
        })
    }
}

/// The shares that are in use, by upstream and by whose they are.
struct Ledger<K> {
    /// Places of one share, and how many requests may wait for one.
    places: usize,
    waiting: usize,
    table: Mutex<Table<K>>,
}

struct Table<K> {
    /// An upstream is known by where its member is: lists of them change, and who is new in the place of an
    /// old one has at worst the old one's requests counted as its own until they end.
    shares: HashMap<(usize, K), Arc<Share>, RandomState>,
    /// At how many those that nobody uses are thrown out: twice as many as were left the last time, so that
    /// it costs a request next to nothing.
    sweep_at: usize,
}

struct Share {
    places: Semaphore,
    waiting: AtomicUsize,
}

/// A place of a share, until it is dropped.
struct Place(Arc<Share>);

impl<K: Copy + Eq + Hash> Ledger<K> {
    /// None if a share is the whole.
    fn new(rules: ShareRules, share: f64) -> Option<Self> {
        (share < 1.0).then(|| Self {
            places: part(rules.in_flight, share).max(1),
            waiting: part(rules.waiting, share),
            table: Mutex::new(Table {
                shares: HashMap::default(),
                sweep_at: SWEPT_FROM,
            }),
        })
    }

    fn share(&self, to: &Member, whose: K) -> Arc<Share> {
        let upstream = std::ptr::from_ref(to).addr();
        let mut table = self.table.lock().unwrap_or_else(|e| e.into_inner());
        if table.shares.len() >= table.sweep_at {
            table.shares.retain(|_, share| Arc::strong_count(share) > 1);
            table.sweep_at = SWEPT_FROM.max(2 * table.shares.len());
        }
        let new = || {
            Arc::new(Share {
                places: Semaphore::new(self.places),
                waiting: AtomicUsize::new(0),
            })
        };
        Arc::clone(table.shares.entry((upstream, whose)).or_insert_with(new))
    }

    async fn place(&self, to: &Member, whose: K, wait: Duration) -> Result<Place, ProxyError> {
        let share = self.share(to, whose);
        match share.places.try_acquire().map(SemaphorePermit::forget) {
            Ok(()) => Ok(Place(share)),
            // Boxed, because it is rare.
            Err(_) => Box::pin(share.wait(self.waiting, wait)).await,
        }
    }
}

/// So many of a whole, rounded down.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a share is between 0 and 1, and no limit is beyond 2^52"
)]
fn part(whole: usize, share: f64) -> usize {
    (whole as f64 * share) as usize
}

impl Share {
    async fn wait(self: Arc<Self>, most: usize, wait: Duration) -> Result<Place, ProxyError> {
        let too_many = || ProxyError::refused(ProxyErrorKind::TooManyRequests);
        let _queued = Queued::enter(&self.waiting, most).ok_or_else(too_many)?;
        match tokio::time::timeout(wait, self.places.acquire()).await {
            Ok(Ok(permit)) => {
                permit.forget();
                Ok(Place(Arc::clone(&self)))
            }
            Ok(Err(_)) | Err(_) => Err(too_many()),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.places.add_permits(1);
    }
}

/// A place in a queue, left when dropped.
struct Queued<'a>(&'a AtomicUsize);

impl<'a> Queued<'a> {
    fn enter(waiting: &'a AtomicUsize, most: usize) -> Option<Self> {
        let queued = Self(waiting);
        (waiting.fetch_add(1, Ordering::Relaxed) < most).then_some(queued)
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
