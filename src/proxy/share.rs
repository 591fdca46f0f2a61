//! Shares of an upstream's places, one for each client and each connection.
//!
//! An upstream has a number of places ([`Limits::in_flight`](crate::proxy::Limits::in_flight)). One client could take
//! all of them, by uploads of a byte now and then, or by reading answers as slowly. So a client may have a share of
//! them, and the others find a place. A request above the share waits, as a request without a place does, but only
//! for places of its own client.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use foldhash::fast::RandomState;
use tokio::sync::Semaphore;

use crate::proxy::error::{ProxyError, ProxyErrorKind};
use crate::proxy::request::client::{Requester, Subscriber};
use crate::proxy::upstream::member::Member;

/// The least number of shares at which those that nobody uses are looked for.
const SWEPT_FROM: usize = 64;

/// The shares of a proxy's clients, and of their connections, in each of its upstreams.
pub(crate) struct Shares {
    of_clients: Option<Ledger<Subscriber>>,
    of_connections: Option<Ledger<std::net::SocketAddr>>,
    /// The time for which a request waits for a place of its share.
    wait: Duration,
}

/// The places that a request has of its client's and its connection's shares, until they are dropped.
#[derive(Default)]
pub(crate) struct Places {
    _of_client: Option<Place>,
    _of_connection: Option<Place>,
}

/// Sizes of the shares.
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
            of_clients: Ledger::new(rules.in_flight, rules.waiting, rules.client),
            of_connections: Ledger::new(rules.in_flight, rules.waiting, rules.connection),
            wait: rules.wait,
        }
    }

    /// A place at an upstream from the client's share, when one is free in time.
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
        // The connection's place first: a request that waits for it takes no place of the client's.
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

/// The shares of a proxy's clients in its tunnels, which last as long as their clients like.
pub(crate) struct TunnelShares(Option<Ledger<Subscriber>>);

/// A place of a client's share of the tunnels, until it is dropped.
pub(crate) struct TunnelPlace {
    _place: Place,
}

impl TunnelShares {
    pub(crate) fn new(tunnels: usize, share: f64) -> Self {
        Self(Ledger::new(tunnels, 0, share))
    }

    /// A place from the client's share; none is needed where shares have no bound. Nobody waits for one,
    /// because a tunnel may be open for days.
    ///
    /// # Errors
    ///
    /// [`ProxyErrorKind::TooManyRequests`].
    pub(crate) fn take(
        &self,
        requester: Option<&Requester>,
    ) -> Result<Option<TunnelPlace>, ProxyErrorKind> {
        let (Some(ledger), Some(requester)) = (&self.0, requester) else {
            return Ok(None);
        };
        // All upstreams of the proxy share its tunnels.
        let share = ledger.share(0, requester.subscriber);
        match share.take() {
            Some(_place) => Ok(Some(TunnelPlace { _place })),
            None => Err(ProxyErrorKind::TooManyRequests),
        }
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
    fn new(whole: usize, waiting: usize, share: f64) -> Option<Self> {
        let places = part(whole, share).max(1);
        (places < whole).then(|| Self {
            places,
            // None only if none may wait at all.
            waiting: part(waiting, share).max(waiting.min(1)),
            table: Mutex::new(Table {
                shares: HashMap::default(),
                sweep_at: SWEPT_FROM,
            }),
        })
    }

    fn share(&self, upstream: usize, whose: K) -> Arc<Share> {
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
        let share = self.share(std::ptr::from_ref(to).addr(), whose);
        match share.take() {
            Some(place) => Ok(place),
            // Boxed, because it is rare.
            None => Box::pin(share.wait(self.waiting, wait)).await,
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
    /// A place that is free.
    fn take(self: &Arc<Self>) -> Option<Place> {
        self.places.try_acquire().ok()?.forget();
        Some(Place(Arc::clone(self)))
    }

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

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::proxy::request::peer::Peer;
    use crate::proxy::upstream::Upstream;

    const WAIT: Duration = Duration::from_secs(5);

    fn shares(client: f64, connection: f64) -> Shares {
        Shares::new(ShareRules {
            in_flight: 16,
            waiting: 4,
            client,
            connection,
            wait: WAIT,
        })
    }

    fn upstream() -> Member {
        Member::new(Upstream::parse("http://a.example").unwrap())
    }

    fn requester(peer: &str, is_multiplexed: bool) -> Requester {
        let peer = Peer::new(peer.parse().unwrap());
        Requester::new(&peer, false, None, is_multiplexed, || unreachable!())
    }

    /// Takes places until there are no more.
    fn take_all(shares: &Shares, at: &Member, requester: &Requester) -> Vec<Places> {
        let take = || shares.admit(at, Some(requester)).now_or_never();
        std::iter::from_fn(|| take()?.ok()).collect()
    }

    #[tokio::test]
    async fn a_client_has_its_share_of_each_upstream_and_no_more() {
        let (shares, one, other) = (shares(0.5, 0.125), upstream(), upstream());
        let first = requester("192.0.2.1:1000", false);
        let held = take_all(&shares, &one, &first);
        assert_eq!(held.len(), 8);
        assert_eq!(take_all(&shares, &other, &first).len(), 8);
        // Whatever its port; another address is somebody else.
        assert!(take_all(&shares, &one, &requester("192.0.2.1:1001", false)).is_empty());
        assert_eq!(
            take_all(&shares, &one, &requester("192.0.2.2:1000", false)).len(),
            8
        );
        drop(held);
        assert_eq!(take_all(&shares, &one, &first).len(), 8);
    }

    #[tokio::test]
    async fn a_connection_has_its_share_of_its_clients() {
        let (shares, at) = (shares(0.5, 0.125), upstream());
        let connections: Vec<_> = (1..=5)
            .map(|port| requester(&format!("[2001:db8::{port}]:{port}"), true))
            .collect();
        let held: Vec<_> = connections
            .iter()
            .map(|one| take_all(&shares, &at, one))
            .collect();
        // One network of IPv6 is one client.
        let counts: Vec<_> = held.iter().map(Vec::len).collect();
        assert_eq!(counts, [2, 2, 2, 2, 0]);
    }

    #[tokio::test]
    async fn a_share_is_one_place_at_least_and_the_whole_is_no_bound() {
        let at = upstream();
        let one = requester("192.0.2.1:1000", true);
        assert_eq!(take_all(&shares(0.001, 1.0), &at, &one).len(), 1);
        let unbounded = shares(1.0, 1.0);
        for _ in 0..100 {
            let admitted = unbounded.admit(&at, Some(&one)).now_or_never();
            assert!(admitted.is_some());
        }
        assert!(
            shares(0.001, 0.001)
                .admit(&at, None)
                .now_or_never()
                .is_some()
        );
    }

    #[tokio::test(start_paused = true)]
    async fn one_more_waits_for_another_of_the_same_client() {
        let (shares, at) = (shares(0.5, 1.0), upstream());
        let one = requester("192.0.2.1:1000", false);
        let mut held = take_all(&shares, &at, &one);
        let kind = |refused: Result<Places, ProxyError>| refused.err().map(|e| e.kind());
        // Two may wait, and the third is refused at once.
        let admit = || shares.admit(&at, Some(&one));
        let (mut first, mut second) = (Box::pin(admit()), Box::pin(admit()));
        assert!(first.as_mut().now_or_never().is_none());
        assert!(second.as_mut().now_or_never().is_none());
        let third = admit().now_or_never().unwrap();
        assert_eq!(kind(third), Some(ProxyErrorKind::TooManyRequests));
        held.pop();
        held.push(first.await.unwrap());
        assert_eq!(kind(second.await), Some(ProxyErrorKind::TooManyRequests));
    }

    #[test]
    fn a_client_has_its_share_of_the_tunnels_whatever_its_connection() {
        let shares = TunnelShares::new(8, 0.5);
        let take = |peer: &str| shares.take(Some(&requester(peer, true))).ok().flatten();
        let mut held: Vec<_> = (1..=9)
            .map_while(|port| take(&format!("192.0.2.1:{port}")))
            .collect();
        assert_eq!(held.len(), 4);
        assert!(take("192.0.2.2:1").is_some());
        held.pop();
        assert!(take("192.0.2.1:10").is_some());
        // Nothing is known of a client, or its share is the whole.
        assert!(matches!(shares.take(None), Ok(None)));
        let unbounded = TunnelShares::new(8, 1.0);
        assert!(matches!(
            unbounded.take(Some(&requester("192.0.2.1:1", true))),
            Ok(None)
        ));
    }

    #[tokio::test]
    async fn shares_that_nobody_uses_are_thrown_out() {
        let (shares, at) = (shares(0.5, 1.0), upstream());
        for host in 0..10_000_u32 {
            let peer = std::net::Ipv4Addr::from(host);
            let _ = shares
                .admit(&at, Some(&requester(&format!("{peer}:1"), false)))
                .await;
        }
        let ledger = shares.of_clients.as_ref().unwrap();
        assert!(ledger.table.lock().unwrap().shares.len() <= SWEPT_FROM);
    }
}
