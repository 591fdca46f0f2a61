//! A timeout that costs nothing as long as nothing is late.
//!
//! A timer of the runtime for each request is entered in its wheel and taken out again, and reads the
//! clock twice, for something that happens once in a blue moon. Here a request leaves its waker in a
//! slot, and one task for all of them counts down what is still there, eight times in the timeout.
//!
//! One task for each runtime: only while a runtime is driven does its timer go, and a proxy may be shared
//! by runtimes of which one is driven no more, or is dropped, while a request of another waits. Whose
//! request it is costs a look at the runtime's handle, which is less than a look at the clock.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::runtime::{Handle, Id};

/// In how many steps a timeout is counted down. It may take one step longer than it should.
const STEPS: u8 = 8;

/// One timeout for many.
#[derive(Clone, Debug)]
pub(crate) struct Deadline {
    timeout: Duration,
    slots: Arc<Mutex<Slots>>,
}

#[derive(Debug, Default)]
struct Slots {
    slots: Vec<Slot>,
    /// The first free slot, which names the next one; the one behind the last if none is free.
    free: usize,
    /// The runtimes on which a task counts down.
    counting: Vec<Id>,
}

#[derive(Debug)]
struct Slot {
    /// None if the slot is free.
    waker: Option<Waker>,
    /// Where it is counted down.
    runtime: Id,
    /// How many steps are left; none is late.
    left: u8,
    next_free: usize,
}

/// It took too long.
#[derive(Debug, thiserror::Error)]
#[error("timed out")]
pub(crate) struct Late;

impl Deadline {
    pub(crate) fn new(timeout: Duration) -> Self {
        Self {
            timeout,
            slots: Arc::default(),
        }
    }

    /// The future's output, or [`Late`] if that takes longer than the timeout, which begins anew
    /// whenever it is over and `goes_on` says so.
    pub(crate) fn bound<F, P, T, E>(&self, future: F, goes_on: P) -> Bound<'_, F, P>
    where
        F: Future<Output = Result<T, E>> + Unpin,
        E: From<Late>,
        P: FnMut() -> bool + Unpin,
    {
        Bound {
            future,
            goes_on,
            deadline: self,
            slot: None,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Slots> {
        lock(&self.slots)
    }

    /// Starts the count on this runtime if nobody counts, for a slot that is entered: before that a count
    /// could find nothing and end.
    fn attend(&self, mut slots: MutexGuard<'_, Slots>, here: Id) {
        if !slots.counting.contains(&here) {
            slots.counting.push(here);
            // A runtime that shuts down drops the task at once, which takes the lock.
            drop(slots);
            self.start(here);
        }
    }

    #[cold]
    fn start(&self, here: Id) {
        let counter = Counter {
            slots: Arc::downgrade(&self.slots),
            here,
            counts: true,
        };
        tokio::spawn(count(counter, self.timeout / u32::from(STEPS)));
    }
}

fn lock(slots: &Mutex<Slots>) -> MutexGuard<'_, Slots> {
    slots.lock().unwrap_or_else(|e| e.into_inner())
}

/// Counts down until there has been nothing to count for a whole step.
async fn count(mut counter: Counter, step: Duration) {
    while counter.counts {
        tokio::time::sleep(step).await;
        let Some(slots) = counter.slots.upgrade() else {
            return;
        };
        counter.counts = lock(&slots).count_down(counter.here);
    }
}

/// Who counts on a runtime. When it ends with the runtime, the next request there starts another.
struct Counter {
    slots: Weak<Mutex<Slots>>,
    here: Id,
    /// Whether it is the one that counts here: once it has found nothing to count, another may be.
    counts: bool,
}

impl Drop for Counter {
    fn drop(&mut self) {
        if !self.counts {
            return;
        }
        if let Some(slots) = self.slots.upgrade() {
            lock(&slots).counts_no_more(self.here);
        }
    }
}

impl Slots {
    fn enter(&mut self, slot: Slot) -> usize {
        let index = self.free;
        match self.slots.get_mut(index) {
            Some(free) => {
                self.free = free.next_free;
                *free = slot;
            }
            None => {
                self.slots.push(slot);
                self.free = self.slots.len();
            }
        }
        index
    }

    /// Gives the waker back, which is dropped when the lock is no longer held.
    fn leave(&mut self, index: usize) -> Option<Waker> {
        let slot = &mut self.slots[index];
        slot.next_free = std::mem::replace(&mut self.free, index);
        slot.waker.take()
    }

    /// One step on a runtime. If there was nothing to count, it was the last.
    fn count_down(&mut self, here: Id) -> bool {
        let mut counts = false;
        for slot in self.slots.iter_mut().filter(|slot| slot.runtime == here) {
            let Some(waker) = &slot.waker else { continue };
            counts = true;
            slot.left = slot.left.saturating_sub(1);
            if slot.left == 0 {
                waker.wake_by_ref();
            }
        }
        if !counts {
            self.counts_no_more(here);
        }
        counts
    }

    fn counts_no_more(&mut self, here: Id) {
        self.counting.retain(|id| *id != here);
        if self.slots.iter().all(|slot| slot.waker.is_none()) {
            self.slots.clear();
            self.free = 0;
        }
    }
}

/// The future of [`Deadline::bound`].
#[must_use = "futures do nothing unless polled"]
pub(crate) struct Bound<'a, F, P> {
    future: F,
    goes_on: P,
    deadline: &'a Deadline,
    slot: Option<usize>,
}

impl<F, P, T, E> Future for Bound<'_, F, P>
where
    F: Future<Output = Result<T, E>> + Unpin,
    E: From<Late>,
    P: FnMut() -> bool + Unpin,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        // Not taken apart, so that it is not copied.
        let polled = Pin::new(&mut this.future).poll(cx);
        if polled.is_ready() {
            return polled;
        }
        let here = Handle::current().id();
        let mut slots = this.deadline.lock();
        let Some(index) = this.slot else {
            this.slot = Some(slots.enter(Slot {
                waker: Some(cx.waker().clone()),
                runtime: here,
                // The step that is under way is not a whole one.
                left: STEPS + 1,
                next_free: 0,
            }));
            this.deadline.attend(slots, here);
            return Poll::Pending;
        };
        let slot = &mut slots.slots[index];
        // It may have been carried to another one.
        slot.runtime = here;
        if slot.left == 0 {
            if !(this.goes_on)() {
                return Poll::Ready(Err(Late.into()));
            }
            slot.left = STEPS + 1;
        }
        match &mut slot.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            vacant => *vacant = Some(cx.waker().clone()),
        }
        this.deadline.attend(slots, here);
        Poll::Pending
    }
}

impl<F, P> Drop for Bound<'_, F, P> {
    fn drop(&mut self) {
        if let Some(index) = self.slot {
            let waker = self.deadline.lock().leave(index);
            drop(waker);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;
    use std::future::{pending, ready};
    use std::pin::pin;
    use tokio::runtime::Runtime;
    use tokio::time::{Instant, advance, sleep, timeout};

    const TIMEOUT: Duration = Duration::from_secs(8);

    fn runtime() -> Runtime {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_time().start_paused(true).build().unwrap()
    }

    /// Whether a request that is never answered has come to its end.
    async fn ends(late: impl Future<Output = Result<(), Late>>) -> bool {
        timeout(TIMEOUT * 3, late).await.is_ok_and(|r| r.is_err())
    }

    async fn bounded<F: Future>(deadline: &Deadline, future: F) -> Result<F::Output, Late> {
        deadline.bound(pin!(future.map(Ok)), || false).await
    }

    fn waiting_slots(deadline: &Deadline) -> usize {
        let slots = deadline.lock();
        let waiting = slots.slots.iter().filter(|slot| slot.waker.is_some());
        waiting.count()
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_in_time_is_not_disturbed() {
        let deadline = Deadline::new(TIMEOUT);
        assert_eq!(bounded(&deadline, ready(1)).await.unwrap(), 1);
        assert!(
            bounded(&deadline, sleep(TIMEOUT - Duration::from_millis(1)))
                .await
                .is_ok()
        );
        // Slots are used again, and the count ends when there is nothing to count.
        assert_eq!(deadline.lock().slots.len(), 1);
        sleep(TIMEOUT).await;
        assert!(deadline.lock().counting.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_late_is_ended_within_a_step() {
        let deadline = Deadline::new(TIMEOUT);
        // While the count runs already, in the middle of a step.
        let other = deadline.clone();
        let _other = tokio::spawn(async move { bounded(&other, pending::<()>()).await });
        tokio::task::yield_now().await;
        advance(Duration::from_millis(300)).await;
        let begun = Instant::now();
        assert!(bounded(&deadline, pending::<()>()).await.is_err());
        let took = begun.elapsed();
        assert!(took >= TIMEOUT && took <= TIMEOUT * 9 / 8, "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_goes_on_is_given_its_time_anew() {
        let deadline = Deadline::new(TIMEOUT);
        let begun = Instant::now();
        let mut more = 2;
        let goes_on = || {
            more -= 1;
            more >= 0
        };
        let late = deadline
            .bound(pin!(pending::<Result<(), Late>>()), goes_on)
            .await;
        assert!(late.is_err());
        let took = begun.elapsed();
        assert!(took >= TIMEOUT * 3, "{took:?}");
    }

    #[test]
    fn a_count_that_ends_with_its_runtime_is_followed_by_another() {
        let deadline = Deadline::new(TIMEOUT);
        for _ in 0..2 {
            let runtime = runtime();
            let late = async { bounded(&deadline, sleep(TIMEOUT * 3)).await.is_err() };
            assert!(runtime.block_on(late));
            assert_eq!(deadline.lock().counting.len(), 1);
            drop(runtime);
            assert!(deadline.lock().counting.is_empty());
        }
    }

    #[test]
    fn a_runtime_that_is_driven_no_more_is_not_relied_upon() {
        let deadline = Deadline::new(TIMEOUT);
        let kept = runtime();
        kept.block_on(async { bounded(&deadline, sleep(TIMEOUT / 2)).await.unwrap() });
        assert_eq!(deadline.lock().counting.len(), 1);
        for _ in 0..2 {
            assert!(runtime().block_on(ends(bounded(&deadline, pending()))));
        }
        assert_eq!(deadline.lock().counting.len(), 1);
        assert!(kept.block_on(ends(bounded(&deadline, pending()))));
    }

    #[test]
    fn what_waits_on_one_runtime_outlives_another() {
        let deadline = Deadline::new(TIMEOUT);
        let (first, second) = (runtime(), runtime());
        first.block_on(async { bounded(&deadline, sleep(TIMEOUT / 2)).await.unwrap() });
        let waiting = deadline.clone();
        let waiting = second.spawn(async move { ends(bounded(&waiting, pending())).await });
        second.block_on(tokio::task::yield_now());
        assert_eq!(waiting_slots(&deadline), 1);
        drop(first);
        assert!(second.block_on(waiting).unwrap());
        assert_eq!(waiting_slots(&deadline), 0);
    }

    #[test]
    fn what_is_carried_to_another_runtime_is_counted_there() {
        let deadline = Deadline::new(TIMEOUT);
        let kept = runtime();
        let mut late = Box::pin(bounded(&deadline, pending()));
        kept.block_on(async { assert!(futures_util::poll!(&mut late).is_pending()) });
        assert_eq!(waiting_slots(&deadline), 1);
        assert!(runtime().block_on(ends(late)));
    }

    #[test]
    fn on_a_runtime_that_is_over_nobody_counts() {
        let deadline = Deadline::new(TIMEOUT);
        let over = runtime().handle().clone();
        let _in_it = over.enter();
        for _ in 0..2 {
            let late = bounded(&deadline, pending::<()>());
            assert!(late.now_or_never().is_none());
            assert!(deadline.lock().counting.is_empty());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn many_slots_come_and_go() {
        let deadline = Deadline::new(TIMEOUT);
        let tasks = (0..100).map(|n| {
            let deadline = deadline.clone();
            tokio::spawn(async move {
                bounded(&deadline, sleep(Duration::from_millis(n * 150)))
                    .await
                    .is_ok()
            })
        });
        let mut in_time = 0;
        for task in tasks.collect::<Vec<_>>() {
            in_time += usize::from(task.await.unwrap());
        }
        // Sleeps below 8 s are in time, those above 9 s are not.
        assert!((54..=61).contains(&in_time), "{in_time}");
        assert_eq!(waiting_slots(&deadline), 0);
    }
}
