//! The upstreams of all routes: how many connections lead to them, and whether they answer.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, join_all};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

/// For how long an answer is taken for the next probes, so that they cost an upstream next to nothing.
const FRESH: Duration = Duration::from_secs(1);
/// The time that an upstream may take: shorter than the timeouts of probes are.
const PATIENCE: Duration = Duration::from_millis(900);

/// The upstream of one route.
pub struct RouteUpstream {
    /// The prefix of the route.
    pub prefix: String,
    /// The number of open connections to it.
    pub connections: Box<dyn Fn() -> usize + Send + Sync>,
    /// The number of its list's members that are set aside.
    pub set_aside: Box<dyn Fn() -> usize + Send + Sync>,
    /// Whether it answers.
    pub answers: Probe,
}

/// Asks an upstream whether it answers.
pub type Probe = Box<dyn Fn() -> BoxFuture<'static, bool> + Send + Sync>;

/// The upstreams of all routes.
#[derive(Default)]
pub struct Upstreams {
    all: Vec<Arc<RouteUpstream>>,
    /// The upstreams on which readiness hangs.
    awaited: Vec<Arc<RouteUpstream>>,
    /// The last finding, and its time. Locked while it is found, so that probes that come together ask once.
    found: Mutex<Option<(Instant, Vec<String>)>>,
}

impl Upstreams {
    pub fn add(&mut self, upstream: Arc<RouteUpstream>, is_awaited: bool) {
        if is_awaited {
            self.awaited.push(Arc::clone(&upstream));
        }
        self.all.push(upstream);
    }

    pub fn iter(&self) -> impl Iterator<Item = &RouteUpstream> {
        self.all.iter().map(Arc::as_ref)
    }

    /// The prefixes of routes on which readiness hangs and whose upstreams do not answer.
    pub async fn silent(&self) -> Vec<String> {
        if self.awaited.is_empty() {
            return Vec::new();
        }
        let mut found = self.found.lock().await;
        if let Some((at, silent)) = &*found
            && at.elapsed() < FRESH
        {
            return silent.clone();
        }
        let asked = self.awaited.iter().map(|upstream| {
            let answers = (upstream.answers)();
            async move {
                let answers = timeout(PATIENCE, answers).await.unwrap_or(false);
                (!answers).then(|| upstream.prefix.clone())
            }
        });
        let silent: Vec<_> = join_all(asked).await.into_iter().flatten().collect();
        *found = Some((Instant::now(), silent.clone()));
        silent
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::FutureExt;

    use super::*;

    fn upstream(prefix: &str, answers: Probe) -> Arc<RouteUpstream> {
        Arc::new(RouteUpstream {
            prefix: prefix.to_owned(),
            connections: Box::new(|| 0),
            set_aside: Box::new(|| 0),
            answers,
        })
    }

    #[tokio::test(start_paused = true)]
    async fn an_upstream_is_asked_once_a_second_whoever_wants_to_know() {
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&asked);
        let answers: Probe = Box::new(move || {
            let before = counted.fetch_add(1, Ordering::Relaxed);
            ready(before > 0).boxed()
        });
        let mut upstreams = Upstreams::default();
        let unasked: Probe = Box::new(|| panic!("nothing hangs on it"));
        upstreams.add(upstream("/a", unasked), false);
        upstreams.add(upstream("/b", answers), true);
        let (one, two) = tokio::join!(upstreams.silent(), upstreams.silent());
        assert_eq!((one, two), (vec!["/b".to_owned()], vec!["/b".to_owned()]));
        assert_eq!(asked.load(Ordering::Relaxed), 1);
        tokio::time::advance(FRESH).await;
        assert_eq!(upstreams.silent().await, [""; 0]);
    }

    #[tokio::test(start_paused = true)]
    async fn those_that_hang_do_not_answer() {
        let hangs: fn() -> Probe = || Box::new(|| pending().boxed());
        let mut upstreams = Upstreams::default();
        upstreams.add(upstream("/a", hangs()), true);
        upstreams.add(upstream("/b", Box::new(|| ready(true).boxed())), true);
        upstreams.add(upstream("/c", hangs()), true);
        assert_eq!(upstreams.silent().await, ["/a", "/c"]);
        assert_eq!(Upstreams::default().silent().await, [""; 0]);
    }
}
