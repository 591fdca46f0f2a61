//! Which of several upstreams gets a request.
//!
//! Power of two choices: of two taken at random, the one with fewer requests under way. It needs no
//! view of all and follows the load at once. `tower::balance::p2c` is the same idea for services that
//! have a readiness of their own; it is not `Clone`, so it would stand behind a buffer's task and
//! channel, and it has no notion of an endpoint that is set aside for a while and tried again.

use super::upstream::Upstream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// The first pause of an upstream that could not be connected to. It doubles with each failure.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The upstreams of one proxy.
#[derive(Debug)]
pub(crate) struct Upstreams {
    endpoints: Vec<Arc<Endpoint>>,
    /// Drives the choice. It need not be unpredictable, only well mixed.
    draws: AtomicUsize,
    epoch: Instant,
}

/// One upstream, its load and its health.
#[derive(Debug)]
pub(crate) struct Endpoint {
    pub(crate) upstream: Upstream,
    in_flight: AtomicUsize,
    failures: AtomicU32,
    /// Milliseconds of the epoch before which it is not tried.
    set_aside_until: AtomicU64,
}

/// A request under way at an endpoint, until it is dropped.
#[derive(Debug)]
pub(crate) struct InFlight {
    endpoint: Arc<Endpoint>,
    /// The endpoint's failures when it was picked.
    failures: u32,
}

impl InFlight {
    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.endpoint.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Upstreams {
    pub(crate) fn new(upstreams: Vec<Upstream>) -> Self {
        let endpoint = |upstream| {
            Arc::new(Endpoint {
                upstream,
                in_flight: AtomicUsize::new(0),
                failures: AtomicU32::new(0),
                set_aside_until: AtomicU64::new(0),
            })
        };
        Self {
            endpoints: upstreams.into_iter().map(endpoint).collect(),
            draws: AtomicUsize::new(0),
            epoch: Instant::now(),
        }
    }

    /// The only upstream, if there is no choice: it is never set aside and its load is not counted.
    pub(crate) fn only(&self) -> Option<&Upstream> {
        match &*self.endpoints {
            [only] => Some(&only.upstream),
            _ => None,
        }
    }

    /// The one that stands for all of them in a log. The builder has checked that there is one.
    pub(crate) fn first(&self) -> &Upstream {
        &self.endpoints[0].upstream
    }

    /// An upstream for the next request; `None` when all are set aside.
    pub(crate) fn pick(&self) -> Option<InFlight> {
        let now = self.now();
        let draw = mix(self.draws.fetch_add(1, Ordering::Relaxed));
        let chosen = self
            .two_of_all(draw, now)
            .or_else(|| self.two_of_available(draw, now))?;
        let failures = chosen.begin_trial(now);
        chosen.in_flight.fetch_add(1, Ordering::Relaxed);
        Some(InFlight {
            endpoint: Arc::clone(chosen),
            failures,
        })
    }

    /// The usual case, whatever the number of upstreams: both draws are available.
    fn two_of_all(&self, draw: usize, now: u64) -> Option<&Arc<Endpoint>> {
        let (first, second) = two_of(draw, self.endpoints.len())?;
        let (first, second) = (&self.endpoints[first], &self.endpoints[second]);
        let both = first.is_available(now) && second.is_available(now);
        both.then(|| less_loaded(first, second))
    }

    fn two_of_available(&self, draw: usize, now: u64) -> Option<&Arc<Endpoint>> {
        let available = || {
            self.endpoints
                .iter()
                .filter(|endpoint| endpoint.is_available(now))
        };
        match two_of(draw, available().count()) {
            Some((first, second)) => Some(less_loaded(
                available().nth(first)?,
                available().nth(second)?,
            )),
            None => available().next(),
        }
    }

    /// The endpoint of a request could not be connected to.
    ///
    /// Of the requests that were under way there together the first one tells all that there is to
    /// tell. If each of them counted, one burst would make the pause the longest at once.
    pub(crate) fn failed(&self, request: &InFlight) {
        let endpoint = request.endpoint();
        let first =
            |failures: u32| (failures <= request.failures).then(|| failures.saturating_add(1));
        let counted = endpoint
            .failures
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, first);
        if let Ok(failures) = counted {
            let until = self.now() + millis(pause(failures));
            endpoint.set_aside_until.store(until, Ordering::Relaxed);
        }
    }

    fn now(&self) -> u64 {
        millis(self.epoch.elapsed()).max(1)
    }
}

impl Endpoint {
    /// It answered.
    pub(crate) fn succeeded(&self) {
        if self.failures.load(Ordering::Relaxed) != 0 {
            self.failures.store(0, Ordering::Relaxed);
            self.set_aside_until.store(0, Ordering::Relaxed);
        }
    }

    fn load(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    fn is_available(&self, now: u64) -> bool {
        self.set_aside_until.load(Ordering::Relaxed) <= now
    }

    /// One request tries an endpoint whose pause is over; the others wait for what becomes of it.
    /// Gives how often it has failed.
    fn begin_trial(&self, now: u64) -> u32 {
        let failures = self.failures.load(Ordering::Relaxed);
        if failures != 0 {
            let until = now + millis(pause(failures - 1));
            self.set_aside_until.store(until, Ordering::Relaxed);
        }
        failures
    }
}

fn less_loaded<'a>(first: &'a Arc<Endpoint>, second: &'a Arc<Endpoint>) -> &'a Arc<Endpoint> {
    if second.load() < first.load() {
        second
    } else {
        first
    }
}

/// Two different numbers below `count`, if there are two.
fn two_of(draw: usize, count: usize) -> Option<(usize, usize)> {
    let others = count.checked_sub(1).filter(|others| *others > 0)?;
    let first = draw % count;
    let second = (first + 1 + (draw / count) % others) % count;
    Some((first, second))
}

fn pause(failures: u32) -> Duration {
    FIRST_PAUSE
        .saturating_mul(1 << failures.min(10))
        .min(LONGEST_PAUSE)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// SplitMix64's finalizer: neighbouring numbers become unrelated ones.
fn mix(n: usize) -> usize {
    let mut z = (n as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    (z ^ (z >> 31)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upstreams(count: usize) -> Upstreams {
        let address = |n| Upstream::parse(&format!("http://up{n}.example")).unwrap();
        Upstreams::new((0..count).map(address).collect())
    }

    #[test]
    fn every_upstream_is_picked() {
        let upstreams = upstreams(5);
        let mut held = Vec::new();
        for _ in 0..100 {
            held.push(upstreams.pick().unwrap());
        }
        let loads: Vec<_> = upstreams
            .endpoints
            .iter()
            .map(|endpoint| endpoint.load())
            .collect();
        assert!(
            loads.iter().all(|load| (10..=30).contains(load)),
            "{loads:?}"
        );
        drop(held);
        assert!(
            upstreams
                .endpoints
                .iter()
                .all(|endpoint| endpoint.load() == 0)
        );
    }

    #[test]
    fn the_less_loaded_of_two_is_picked() {
        let upstreams = upstreams(2);
        let busy = upstreams.pick().unwrap();
        for _ in 0..20 {
            let other = upstreams.pick().unwrap();
            assert_ne!(
                other.endpoint().upstream.host,
                busy.endpoint().upstream.host
            );
        }
    }

    #[test]
    fn a_failed_upstream_is_left_alone_until_one_trial() {
        let upstreams = upstreams(2);
        let failing = upstreams.pick().unwrap();
        let host = &failing.endpoint().upstream.host;
        upstreams.failed(&failing);
        for _ in 0..20 {
            assert_ne!(upstreams.pick().unwrap().endpoint().upstream.host, *host);
        }
        // Its pause is over: exactly one of many picks tries it.
        failing
            .endpoint()
            .set_aside_until
            .store(0, Ordering::Relaxed);
        let picks: Vec<_> = (0..50).map(|_| upstreams.pick().unwrap()).collect();
        let trials = picks.iter().filter(|p| p.endpoint().upstream.host == *host);
        assert_eq!(trials.count(), 1);
        failing.endpoint().succeeded();
        assert!(failing.endpoint().is_available(0));
    }

    #[test]
    fn a_burst_of_failures_is_one_failure() {
        let upstreams = upstreams(1);
        let burst: Vec<_> = (0..20).map(|_| upstreams.pick().unwrap()).collect();
        for request in &burst {
            upstreams.failed(request);
        }
        let endpoint = &upstreams.endpoints[0];
        let failures = || endpoint.failures.load(Ordering::Relaxed);
        assert_eq!(failures(), 1);
        // The trial after its pause is another one.
        endpoint.set_aside_until.store(0, Ordering::Relaxed);
        upstreams.failed(&upstreams.pick().unwrap());
        assert_eq!(failures(), 2);
        // After a success it starts anew, whenever the request was picked that fails.
        endpoint.succeeded();
        upstreams.failed(&burst[0]);
        assert_eq!(failures(), 1);
        assert!(!endpoint.is_available(1));
    }

    #[test]
    fn when_all_are_set_aside_there_is_none() {
        let upstreams = upstreams(2);
        while let Some(picked) = upstreams.pick() {
            upstreams.failed(&picked);
        }
        assert!(upstreams.endpoints.iter().all(|one| !one.is_available(1)));
    }

    #[test]
    fn pauses_grow_to_a_bound() {
        let pauses: Vec<_> = [0, 1, 2, 5, 6, 40]
            .map(pause)
            .iter()
            .map(Duration::as_secs)
            .collect();
        assert_eq!(pauses, [1, 2, 4, 32, 60, 60]);
    }
}
