//! The one clock of what is looked after in the background: connections that lie idle, answers that nobody
//! takes.
//!
//! It comes by [`STEPS`] times in a period, so what is over may last a step longer than it should: an
//! eighth. That is the price of having no timer for each connection and each answer. A wait that ends by itself
//! (for a head, for a connection, for a body's next frame) has a timer of the runtime's and is exact.
//!
//! One task on each runtime that has something to look after: only while a runtime is driven does its timer
//! go, and a proxy may be shared by runtimes of which one is driven no more, or is dropped, while a request
//! of another waits. So a task looks after everything, whoever brought it: to look twice does no harm.

use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::Duration;

use tokio::runtime::{Handle, Id};

/// Visits of the clock within a period.
pub(crate) const STEPS: u32 = 8;
/// A shorter step would be a busy loop.
const SHORTEST_STEP: Duration = Duration::from_millis(10);

/// The clock of one thing that is looked after.
#[derive(Debug)]
pub(crate) struct Ticker {
    step: Duration,
    /// The runtimes on which it goes.
    runtimes: Mutex<Vec<Id>>,
}

/// Something that is looked after.
pub(crate) trait Ticked: Send + Sync + Sized + 'static {
    fn ticker(&self) -> &Ticker;

    /// Looks after what there is. If nothing is left, the clock stops until it is started again.
    fn tick(self: &Arc<Self>) -> bool;
}

impl Ticker {
    pub(crate) fn new(period: Duration) -> Self {
        Self {
            step: (period / STEPS).max(SHORTEST_STEP),
            runtimes: Mutex::default(),
        }
    }

    fn runtimes(&self) -> MutexGuard<'_, Vec<Id>> {
        self.runtimes.lock().unwrap_or_else(|e| e.into_inner())
    }
}

/// Starts the clock on this runtime, unless it goes. After what is to be looked after is there: before that
/// a clock could find nothing and stop.
pub(crate) fn start<T: Ticked>(ticked: &Arc<T>) {
    // No runtime, as in a destructor at the end of a program: nobody to look after it.
    let Ok(runtime) = Handle::try_current() else {
        return;
    };
    let here = runtime.id();
    let ticker = ticked.ticker();
    let mut runtimes = ticker.runtimes();
    if runtimes.contains(&here) {
        return;
    }
    runtimes.push(here);
    // Not under the lock: a runtime that shuts down drops the task at once, which takes it.
    drop(runtimes);
    let clock = Clock {
        ticked: Arc::downgrade(ticked),
        here,
    };
    runtime.spawn(clock.run(ticker.step));
}

/// A clock that goes on a runtime, until it is dropped: when nothing is left, or with the runtime.
struct Clock<T: Ticked> {
    ticked: Weak<T>,
    here: Id,
}

impl<T: Ticked> Clock<T> {
    async fn run(self, step: Duration) {
        let ticked = loop {
            tokio::time::sleep(step).await;
            let Some(ticked) = self.ticked.upgrade() else {
                return;
            };
            if !ticked.tick() {
                break ticked;
            }
        };
        drop(self);
        // Something may have come in before it was to be seen that the clock has stopped.
        if ticked.tick() {
            start(&ticked);
        }
    }
}

impl<T: Ticked> Drop for Clock<T> {
    fn drop(&mut self) {
        if let Some(ticked) = self.ticked.upgrade() {
            let mut runtimes = ticked.ticker().runtimes();
            runtimes.retain(|id| *id != self.here);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::runtime::Runtime;
    use tokio::time::{Instant, sleep};

    use super::*;

    const PERIOD: Duration = Duration::from_secs(8);
    const STEP: Duration = Duration::from_secs(1);

    /// So many ticks are wanted still.
    struct Work {
        ticker: Ticker,
        left: AtomicUsize,
    }

    impl Work {
        fn new(left: usize) -> Arc<Self> {
            Arc::new(Self {
                ticker: Ticker::new(PERIOD),
                left: AtomicUsize::new(left),
            })
        }

        fn left(&self) -> usize {
            self.left.load(Ordering::Relaxed)
        }

        fn clocks(&self) -> usize {
            self.ticker.runtimes().len()
        }
    }

    impl Ticked for Work {
        fn ticker(&self) -> &Ticker {
            &self.ticker
        }

        fn tick(self: &Arc<Self>) -> bool {
            let one_less = |left: usize| left.checked_sub(1);
            let counted = self
                .left
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less);
            counted.is_ok()
        }
    }

    fn runtime() -> Runtime {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_time().start_paused(true).build().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_goes_while_there_is_something_and_is_started_again() {
        let work = Work::new(5);
        let begun = Instant::now();
        for _ in 0..3 {
            start(&work);
        }
        assert_eq!(work.clocks(), 1);
        while work.clocks() > 0 {
            sleep(STEP / 10).await;
        }
        let took = begun.elapsed();
        assert!(took >= STEP * 6 && took < STEP * 7, "{took:?}");
        work.left.store(1, Ordering::Relaxed);
        start(&work);
        sleep(STEP * 3).await;
        assert_eq!((work.left(), work.clocks()), (0, 0));
    }

    #[test]
    fn a_clock_that_ends_with_its_runtime_is_followed_by_another() {
        let work = Work::new(5);
        for _ in 0..2 {
            let runtime = runtime();
            runtime.block_on(async { start(&work) });
            assert_eq!(work.clocks(), 1);
            drop(runtime);
            assert_eq!(work.clocks(), 0);
        }
    }

    #[test]
    fn a_runtime_that_is_driven_no_more_is_not_relied_upon() {
        let work = Work::new(5);
        let kept = runtime();
        kept.block_on(async { start(&work) });
        runtime().block_on(async {
            start(&work);
            sleep(PERIOD).await;
        });
        assert_eq!((work.left(), work.clocks()), (0, 1));
        drop(kept);
        assert_eq!(work.clocks(), 0);
    }

    #[test]
    fn without_a_runtime_there_is_no_clock() {
        let work = Work::new(5);
        start(&work);
        let over = runtime().handle().clone();
        let _in_it = over.enter();
        for _ in 0..2 {
            start(&work);
            assert_eq!(work.clocks(), 0);
        }
    }
}
