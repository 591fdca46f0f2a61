//! A rate limit for each client, by the algorithm of `governor` (GCRA).
//!
//! `tower_governor` puts it into a layer. It does not fit here: it rounds `Retry-After` down, so that the next
//! request is refused again, and its store has no bound, so that whoever has many addresses fills the memory. The
//! store here has one. Clients above it share a few thousand buckets, rather than none (nobody would be limited)
//! or one (everybody would).

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use governor::clock::{Clock, MonotonicClock};
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::StateStore;
use governor::{NotUntil, RateLimiter};

/// Clients that have a bucket of their own: some 10 MB.
const CLIENTS: usize = 100_000;
/// Buckets of all others together.
const SHARED: u64 = 4096;
/// The interval at which buckets that are full again are forgotten.
const SWEEP: Duration = Duration::from_secs(10);

/// In the extensions of an answer: the client was above its limit.
#[derive(Clone, Copy, Debug)]
pub struct RateLimited;

/// The rate at which a client may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Requests a second in the long run.
    pub per_second: NonZeroU32,
    /// Requests at once after a pause.
    pub burst: NonZeroU32,
}

/// Named, as the default one is of another clock where somebody asks for that clock of governor.
type Unmeasured = NoOpMiddleware<Instant>;

/// The buckets of one limit.
#[derive(Debug)]
pub struct RateLimit {
    quota: Quota,
    limiter: RateLimiter<Client, Buckets, MonotonicClock, Unmeasured>,
}

impl RateLimit {
    pub fn new(quota: Quota) -> Self {
        let Quota { per_second, burst } = quota;
        let full_after = Duration::from_secs(1) * burst.get() / per_second.get();
        let allowed = governor::Quota::per_second(per_second).allow_burst(burst);
        Self {
            quota,
            limiter: RateLimiter::new(allowed, Buckets::new(full_after), MonotonicClock),
        }
    }

    pub fn quota(&self) -> Quota {
        self.quota
    }

    /// Counts a request of a client; `Err` is the time after which it may ask again.
    pub fn check(&self, client: IpAddr) -> Result<(), Duration> {
        let wait = |not_until: NotUntil<Instant>| not_until.wait_time_from(MonotonicClock.now());
        self.limiter.check_key(&Client::from(client)).map_err(wait)
    }
}

/// One client: an address of IPv4 or a network of 64 bits of IPv6, which is what a site has (RFC 6177).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Client {
    V4(u32),
    V6Network(u64),
    /// One of those that have no bucket of their own.
    Shared(u64),
}

impl From<IpAddr> for Client {
    fn from(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            IpAddr::V4(ip) => Self::V4(ip.to_bits()),
            IpAddr::V6(ip) => Self::V6Network((ip.to_bits() >> 64) as u64),
        }
    }
}

/// The buckets: for each client the time at which its own is full again, by the limiter's clock.
#[derive(Debug)]
struct Buckets {
    known: Mutex<Known>,
    hasher: RandomState,
    full_after: Duration,
}

#[derive(Debug)]
struct Known {
    full_at: HashMap<Client, Nanos>,
    swept: Instant,
    begun: Instant,
}

impl Buckets {
    fn new(full_after: Duration) -> Self {
        let now = Instant::now();
        Self {
            known: Mutex::new(Known {
                full_at: HashMap::new(),
                swept: now,
                begun: now,
            }),
            hasher: RandomState::new(),
            full_after,
        }
    }
}

impl Known {
    /// Forgets buckets that are full again: who comes back gets a full one. Looked at as new clients come, so
    /// that a limit that is gone by a reload leaves no timer behind.
    fn sweep(&mut self, full_after: Duration) {
        let now = Instant::now();
        if now - self.swept < SWEEP.max(full_after / 4) {
            return;
        }
        self.swept = now;
        // A second later than by this clock, which was started a moment before the limiter's.
        let past = (now - self.begun).saturating_sub(Duration::from_secs(1));
        let past = Nanos::from(past);
        self.full_at.retain(|_, full_at| *full_at > past);
        self.full_at.shrink_to(self.full_at.len() * 2);
    }
}

impl StateStore for Buckets {
    type Key = Client;

    fn measure_and_replace<T, F, E>(&self, client: &Client, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        // A poisoned lock guards mere numbers.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(full_at) = known.full_at.get_mut(client) {
            let (outcome, next) = measure(Some(*full_at))?;
            *full_at = next;
            return Ok(outcome);
        }
        known.sweep(self.full_after);
        let mut client = *client;
        if known.full_at.len() >= CLIENTS {
            client = Client::Shared(self.hasher.hash_one(client) % SHARED);
        }
        let (outcome, full_at) = measure(known.full_at.get(&client).copied())?;
        known.full_at.insert(client, full_at);
        Ok(outcome)
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    fn limit(per_second: u32, burst: u32) -> RateLimit {
        RateLimit::new(Quota {
            per_second: NonZeroU32::new(per_second).unwrap(),
            burst: NonZeroU32::new(burst).unwrap(),
        })
    }

    const HOUR: Duration = Duration::from_secs(3600);

    /// One more in an hour: however slow the machine is, that is not within a test.
    fn hourly(burst: u32) -> RateLimit {
        let quota = governor::Quota::with_period(HOUR).unwrap();
        let quota = quota.allow_burst(NonZeroU32::new(burst).unwrap());
        RateLimit {
            quota: Quota {
                per_second: NonZeroU32::MIN,
                burst: NonZeroU32::MIN,
            },
            limiter: RateLimiter::new(quota, Buckets::new(HOUR * burst), MonotonicClock),
        }
    }

    #[test]
    fn each_client_has_its_burst_and_hears_when_to_come_back() {
        let limit = hourly(3);
        for (client, same, other) in [
            ("192.0.2.1", "::ffff:192.0.2.1", "192.0.2.2"),
            ("2001:db8::1", "2001:db8::ffff:1", "2001:db8:0:1::1"),
        ] {
            let ip = |text: &str| text.parse::<IpAddr>().unwrap();
            for _ in 0..3 {
                assert_eq!(limit.check(ip(client)), Ok(()), "{client}");
            }
            let wait = limit.check(ip(same)).unwrap_err();
            assert!(wait > HOUR / 2 && wait <= HOUR, "{wait:?}");
            assert_eq!(limit.check(ip(other)), Ok(()), "{other}");
        }
    }

    #[test]
    fn a_client_may_go_on_as_fast_as_its_quota() {
        let limit = limit(1000, 1);
        let client = Ipv4Addr::LOCALHOST.into();
        // On a busy machine more than a millisecond may pass between two of them.
        let wait = (0..10_000).find_map(|_| limit.check(client).err());
        std::thread::sleep(wait.expect("a check that came too early"));
        assert_eq!(limit.check(client), Ok(()));
    }

    #[test]
    fn memory_is_bounded_and_strangers_are_limited_all_the_same() {
        let limit = hourly(1);
        let network = |n: u64| IpAddr::from(Ipv6Addr::from_bits(u128::from(n) << 64));
        assert_eq!(limit.check(network(0)), Ok(()));
        let refused = (1..150_000)
            .filter(|n| limit.check(network(*n)).is_err())
            .count();
        assert!(refused > 40_000, "{refused}");
        // A client that has a bucket keeps it.
        assert!(limit.check(network(0)).is_err());
        let known = limit.limiter.into_state_store();
        let known = known.known.into_inner().unwrap();
        assert!(known.full_at.len() <= CLIENTS + SHARED as usize);
    }

    #[test]
    fn full_buckets_are_forgotten() {
        let buckets = Buckets::new(Duration::from_secs(1));
        let mut known = buckets.known.into_inner().unwrap();
        let long_ago = Duration::from_secs(100);
        let (Some(begun), Some(swept)) = (
            known.begun.checked_sub(long_ago),
            known.swept.checked_sub(SWEEP),
        ) else {
            return;
        };
        (known.begun, known.swept) = (begun, swept);
        for (client, seconds) in [(1, 10), (2, 98), (3, 101)] {
            let full_at = Nanos::from(Duration::from_secs(seconds));
            known.full_at.insert(Client::V4(client), full_at);
        }
        known.sweep(Duration::from_secs(1));
        let left: Vec<_> = known.full_at.keys().copied().collect();
        assert_eq!(left, [Client::V4(3)]);
    }
}
