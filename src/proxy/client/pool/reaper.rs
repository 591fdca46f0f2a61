//! What closes the connections that lie idle too long.

use super::{Pool, lock};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::runtime::{Handle, Id};

/// How often the reaper comes by within the idle timeout. A connection may lie one step too long.
const STEPS: u32 = 8;

impl Pool {
    /// Closes what lies idle too long. One task for each runtime that makes connections, not one for a
    /// connection or a request: a connection can be closed only while the runtime that it was made on is
    /// driven, and so is its reaper, whatever becomes of the other runtimes that share the pool.
    pub(super) fn start_reaper(self: &Arc<Self>) {
        // No runtime, as in a destructor at the end of a program: nothing to reap for.
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let here = runtime.id();
        let mut reapers = lock(&self.reapers);
        if reapers.contains(&here) {
            return;
        }
        reapers.push(here);
        self.reaper_runs.store(true, Ordering::Release);
        drop(reapers);
        self.clock.look();
        let reaper = Reaper {
            pool: Arc::downgrade(self),
            here,
        };
        let pause = self.settings.idle_timeout.max(Duration::from_millis(80)) / STEPS;
        // Not under the lock: a runtime that shuts down drops the task at once, which takes it.
        runtime.spawn(reap(reaper, pause));
    }
}

/// Ends when the pool has no connection, as the next one made here starts another.
async fn reap(reaper: Reaper, pause: Duration) {
    let pool = loop {
        tokio::time::sleep(pause).await;
        let Some(pool) = reaper.pool.upgrade() else {
            return;
        };
        if !pool.sweep() {
            break pool;
        }
    };
    drop(reaper);
    // Something may have come in before that was to be seen.
    if pool.sweep() {
        pool.start_reaper();
    }
}

/// The only one of its pool on a runtime, until it is dropped: at its end, or with the runtime.
struct Reaper {
    pool: Weak<Pool>,
    here: Id,
}

impl Drop for Reaper {
    fn drop(&mut self) {
        if let Some(pool) = self.pool.upgrade() {
            let mut reapers = lock(&pool.reapers);
            reapers.retain(|id| *id != self.here);
            pool.reaper_runs
                .store(!reapers.is_empty(), Ordering::Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Connection, Taken, lock};
    use super::*;
    use crate::proxy::client::ClientBuilder;
    use crate::proxy::upstream::Protocol;
    use http::uri::Authority;
    use hyper::client::conn::http1;
    use hyper_util::rt::TokioIo;
    use tokio::io::{AsyncReadExt, DuplexStream};
    use tokio::runtime::Runtime;

    fn pool(idle_timeout: Duration) -> Arc<Pool> {
        let mut settings = ClientBuilder::default().settings();
        settings.idle_timeout = idle_timeout;
        let authority = Authority::from_static("upstream.example");
        Arc::new(Pool::new(Protocol::Http, authority, None, settings))
    }

    fn runtime() -> Runtime {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().build().unwrap()
    }

    /// A connection that has carried a request and lies idle, and its other end.
    async fn use_one(pool: &Arc<Pool>) -> DuplexStream {
        let slot = pool.try_slot().unwrap();
        let (io, upstream) = tokio::io::duplex(64);
        let (sender, connection) = http1::handshake(TokioIo::new(io)).await.unwrap();
        tokio::spawn(connection);
        let Taken::Http1(mut sender, born) = pool.enter(Connection::Http1(sender), false) else {
            unreachable!("it is one of HTTP/1.1");
        };
        sender.ready().await.unwrap();
        pool.put_back(sender, born);
        drop(slot);
        upstream
    }

    /// Waits until a connection is closed.
    async fn is_closed(mut upstream: DuplexStream) {
        let mut nothing = [0];
        let read = upstream.read(&mut nothing);
        let read = tokio::time::timeout(Duration::from_secs(30), read).await;
        assert_eq!(read.expect("it is closed").unwrap(), 0);
    }

    const SHORT: Duration = Duration::from_millis(80);

    #[test]
    fn a_reaper_that_ends_with_its_runtime_is_followed_by_another() {
        let pool = pool(SHORT);
        runtime().block_on(use_one(&pool));
        assert!(!pool.reaper_runs.load(Ordering::Relaxed));
        runtime().block_on(async { is_closed(use_one(&pool).await).await });
    }

    #[test]
    fn a_runtime_that_is_driven_no_more_is_not_relied_upon() {
        let pool = pool(SHORT);
        let kept = runtime();
        let on_kept = kept.block_on(use_one(&pool));
        runtime().block_on(async { is_closed(use_one(&pool).await).await });
        // The other one is out of the books by then, and closed as soon as its runtime is driven.
        assert!(lock(&pool.idle).is_empty());
        kept.block_on(is_closed(on_kept));
    }

    #[test]
    fn what_lies_idle_is_closed_after_the_end_of_another_runtime() {
        let pool = pool(SHORT);
        let (first, second) = (runtime(), runtime());
        first.block_on(use_one(&pool));
        let upstream = second.block_on(use_one(&pool));
        drop(first);
        assert!(pool.reaper_runs.load(Ordering::Relaxed));
        second.block_on(is_closed(upstream));
    }

    #[tokio::test(start_paused = true)]
    async fn a_reaper_stays_until_there_is_no_connection() {
        const LONG: Duration = Duration::from_secs(80);
        let pool = pool(LONG);
        let slot = pool.try_slot().unwrap();
        let _upstream = use_one(&pool).await;
        let taken = pool.take(false).unwrap();
        tokio::time::sleep(LONG).await;
        assert_eq!(lock(&pool.reapers).len(), 1);
        drop((taken, slot));
        tokio::time::sleep(LONG).await;
        assert!(lock(&pool.reapers).is_empty() && !pool.reaper_runs.load(Ordering::Relaxed));
        let _upstream = use_one(&pool).await;
        assert_eq!(lock(&pool.reapers).len(), 1);
    }

    /// As one that became ready only after its request was over.
    #[tokio::test(start_paused = true)]
    async fn a_connection_that_comes_late_finds_a_reaper() {
        const LONG: Duration = Duration::from_secs(80);
        let pool = pool(LONG);
        let _upstream = use_one(&pool).await;
        let Some(Taken::Http1(sender, born)) = pool.take(false) else {
            panic!("it lies there");
        };
        tokio::time::sleep(LONG).await;
        assert!(lock(&pool.reapers).is_empty());
        pool.put_back(sender, born);
        assert_eq!(lock(&pool.reapers).len(), 1);
    }
}
