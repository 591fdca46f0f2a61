//! Budgets of clients over all of their connections, so that none of them takes what belongs to all.
//!
//! A connection's own budget does not bound a client that opens another one: 158 connections that each reset what one
//! may reset used up an upstream's ports. A client is an IPv4 address or an IPv6 network of 64 bits, which is what one
//! host or household is given (RFC 6177). A trusted proxy is not a client: it speaks for many.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ipnet::IpNet;
use tokio::time::Instant;

use super::limits::Limits;
use super::lock;

/// The time in which a client's count of resets is halved.
const HALF_LIFE: Duration = Duration::from_secs(10);

/// The clients that have a connection, or have reset requests lately.
pub struct Clients {
    known: Mutex<Known>,
    /// The bound of every client, also of those that are known already when a reload changes it.
    max_resets: Arc<AtomicU32>,
}

struct Known {
    clients: HashMap<IpAddr, Arc<Client>>,
    halved: Instant,
    trusted: Arc<[IpNet]>,
    max_connections: usize,
}

/// One client, over all of its connections.
#[derive(Default)]
pub struct Client {
    connections: AtomicUsize,
    /// Requests that it took back, or whose head was refused as too large, less those that were answered.
    resets: AtomicU32,
    max_resets: Arc<AtomicU32>,
}

impl Clients {
    pub fn new(limits: &Limits, trusted: Arc<[IpNet]>) -> Self {
        Self {
            known: Mutex::new(Known {
                clients: HashMap::new(),
                halved: Instant::now(),
                trusted,
                max_connections: share_of(limits),
            }),
            max_resets: Arc::new(AtomicU32::new(limits.client_resets)),
        }
    }

    /// Sets other budgets, from now on. Clients have used of them what they have used of the old ones.
    pub fn limit(&self, limits: &Limits, trusted: Arc<[IpNet]>) {
        let mut known = lock(&self.known);
        known.trusted = trusted;
        known.max_connections = share_of(limits);
        self.max_resets
            .store(limits.client_resets, Ordering::Relaxed);
    }

    /// Counts a connection in. `Err` if the client has all that one may have.
    pub fn admit(&self, peer: IpAddr) -> Result<Option<ClientGuard>, Refused> {
        let peer = peer.to_canonical();
        let mut known = lock(&self.known);
        if known.trusted.iter().any(|network| network.contains(&peer)) {
            return Ok(None);
        }
        known.halve();
        let max_connections = known.max_connections;
        let client = known.clients.entry(network(peer)).or_insert_with(|| {
            Arc::new(Client {
                max_resets: Arc::clone(&self.max_resets),
                ..Client::default()
            })
        });
        if client.is_over() || client.connections.load(Ordering::Relaxed) >= max_connections {
            return Err(Refused);
        }
        client.connections.fetch_add(1, Ordering::Relaxed);
        Ok(Some(ClientGuard(Arc::clone(client))))
    }
}

/// The most connections of one client.
fn share_of(limits: &Limits) -> usize {
    limits.client_share_of(limits.connections)
}

/// The client has all that one may have.
#[derive(Debug)]
pub struct Refused;

impl Known {
    /// Forgives half of what was counted for each half-life that is over, and forgets who has nothing left.
    fn halve(&mut self) {
        let times = self.halved.elapsed().as_secs() / HALF_LIFE.as_secs();
        if times == 0 {
            return;
        }
        self.halved = Instant::now();
        let shift = u32::try_from(times).unwrap_or(u32::MAX);
        self.clients.retain(|_, client| {
            let resets = client.resets.load(Ordering::Relaxed);
            let left = resets.checked_shr(shift).unwrap_or(0);
            client.resets.store(left, Ordering::Relaxed);
            left > 0 || client.connections.load(Ordering::Relaxed) > 0
        });
    }
}

impl Client {
    /// Whether it has reset more than one may.
    pub fn is_over(&self) -> bool {
        self.resets.load(Ordering::Relaxed) > self.max_resets.load(Ordering::Relaxed)
    }

    pub fn reset(&self) {
        self.resets(1);
    }

    pub fn resets(&self, count: u32) {
        self.resets.fetch_add(count, Ordering::Relaxed);
    }

    pub fn answered(&self) {
        if self.resets.load(Ordering::Relaxed) > 0 {
            let less = |resets: u32| resets.checked_sub(1);
            let _none = self
                .resets
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        }
    }
}

/// A connection of a client, until it is dropped.
pub struct ClientGuard(Arc<Client>);

impl ClientGuard {
    pub fn client(&self) -> &Client {
        &self.0
    }
}

impl Drop for ClientGuard {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The network that tells one client from another: an address of IPv4, a network of IPv6.
pub fn network(peer: IpAddr) -> IpAddr {
    match peer {
        IpAddr::V4(_) => peer,
        IpAddr::V6(address) => {
            const HOST: u128 = (1 << 64) - 1;
            Ipv6Addr::from_bits(address.to_bits() & !HOST).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clients(trusted: &[&str]) -> Clients {
        let limits = Limits {
            connections: 8,
            client_resets: 3,
            ..Limits::default()
        };
        let trusted = trusted.iter().map(|network| network.parse().unwrap());
        Clients::new(&limits, trusted.collect())
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[tokio::test]
    async fn one_client_has_half_of_the_connections() {
        let clients = clients(&["10.0.0.0/8"]);
        for (first, same, other) in [
            ("192.0.2.1", "::ffff:192.0.2.1", "192.0.2.2"),
            ("2001:db8::1", "2001:db8::ffff", "2001:db8:0:1::1"),
        ] {
            let mut held: Vec<_> = (0..4).map(|_| clients.admit(ip(first)).unwrap()).collect();
            assert!(clients.admit(ip(first)).is_err(), "{first}");
            assert!(clients.admit(ip(same)).is_err(), "{same}");
            assert!(clients.admit(ip(other)).is_ok(), "{other}");
            held.pop();
            assert!(clients.admit(ip(same)).is_ok(), "{same}");
        }
        for _ in 0..20 {
            assert!(clients.admit(ip("10.1.2.3")).unwrap().is_none());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn resets_are_forgiven_with_time_and_with_answers() {
        let clients = clients(&[]);
        let one = clients.admit(ip("192.0.2.1")).unwrap().unwrap();
        for _ in 0..4 {
            one.client().reset();
        }
        assert!(one.client().is_over());
        one.client().answered();
        assert!(!one.client().is_over());
        for _ in 0..20 {
            one.client().reset();
        }
        assert!(clients.admit(ip("192.0.2.1")).is_err());
        assert!(clients.admit(ip("192.0.2.2")).is_ok());
        drop(one);
        tokio::time::advance(HALF_LIFE * 2).await;
        assert!(clients.admit(ip("192.0.2.1")).is_err(), "20, 10, 5");
        tokio::time::advance(HALF_LIFE).await;
        assert!(clients.admit(ip("192.0.2.1")).is_ok());
        tokio::time::advance(HALF_LIFE * 3).await;
        drop(clients.admit(ip("192.0.2.9")));
        assert_eq!(
            lock(&clients.known).clients.len(),
            1,
            "only the last one is known"
        );
    }
}
