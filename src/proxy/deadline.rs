//! A timeout that costs nothing as long as nothing is late.
//!
//! A timer of the runtime for each request is entered in its wheel and taken out again, and reads the
//! clock twice, for something that happens once in a blue moon. Here a request leaves its waker in a
//! slot, and one task for all of them counts down what is still there, eight times in the timeout.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

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
    free: Vec<usize>,
    /// Whether the task runs that counts down.
    counting: bool,
}

#[derive(Debug)]
struct Slot {
    waker: Option<Waker>,
    /// How many steps are left; none is late.
    left: u8,
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

    /// Takes a slot, and starts the count if nobody counts.
    fn enter(&self, waker: &Waker) -> usize {
        let mut slots = self.lock();
        let slot = Slot {
            waker: Some(waker.clone()),
            // The step that is under way is not a whole one.
            left: STEPS + 1,
        };
        if !slots.counting {
            slots.counting = true;
            let counter = Counter(Some(Arc::downgrade(&self.slots)));
            tokio::spawn(count(counter, self.timeout / u32::from(STEPS)));
        }
        match slots.free.pop() {
            Some(index) => {
                slots.slots[index] = slot;
                index
            }
            None => {
                slots.slots.push(slot);
                slots.slots.len() - 1
            }
        }
    }
}

fn lock(slots: &Mutex<Slots>) -> MutexGuard<'_, Slots> {
    slots.lock().unwrap_or_else(|e| e.into_inner())
}

/// Counts down until there has been nothing to count for a whole step.
async fn count(mut counter: Counter, step: Duration) {
    while let Some(slots) = &counter.0 {
        tokio::time::sleep(step).await;
        let Some(slots) = slots.upgrade() else { return };
        if !lock(&slots).count_down() {
            // It has said so itself; by now another may count.
            counter.0 = None;
        }
    }
}

/// Who counts. When it ends with its runtime, the next request starts another.
struct Counter(Option<Weak<Mutex<Slots>>>);

impl Drop for Counter {
    fn drop(&mut self) {
        if let Some(slots) = self.0.take().and_then(|slots| slots.upgrade()) {
            lock(&slots).counting = false;
        }
    }
}

impl Slots {
    fn count_down(&mut self) -> bool {
        self.counting = self.free.len() < self.slots.len();
        if !self.counting {
            self.slots.clear();
            self.free.clear();
        }
        for slot in &mut self.slots {
            slot.left = slot.left.saturating_sub(1);
            if slot.left == 0 {
                if let Some(waker) = &slot.waker {
                    waker.wake_by_ref();
                }
            }
        }
        self.counting
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
        let Some(index) = this.slot else {
            this.slot = Some(this.deadline.enter(cx.waker()));
            return Poll::Pending;
        };
        let mut slots = this.deadline.lock();
        let slot = &mut slots.slots[index];
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
        Poll::Pending
    }
}

impl<F, P> Drop for Bound<'_, F, P> {
    fn drop(&mut self) {
        if let Some(index) = self.slot {
            let mut slots = lock(&self.deadline.slots);
            slots.slots[index].waker = None;
            slots.free.push(index);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;
    use std::future::{pending, ready};
    use std::pin::pin;
    use tokio::time::{Instant, advance, sleep};

    const TIMEOUT: Duration = Duration::from_secs(8);

    async fn bounded<F: Future>(deadline: &Deadline, future: F) -> Result<F::Output, Late> {
        deadline.bound(pin!(future.map(Ok)), || false).await
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
        assert!(!deadline.lock().counting);
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
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = runtime.enable_time().start_paused(true).build().unwrap();
            let late = async { bounded(&deadline, sleep(TIMEOUT * 3)).await.is_err() };
            assert!(runtime.block_on(late));
            assert!(deadline.lock().counting);
            drop(runtime);
            assert!(!deadline.lock().counting);
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
        let slots = deadline.lock();
        assert_eq!(slots.free.len(), slots.slots.len());
    }
}
