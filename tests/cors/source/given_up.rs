//! Requests that are given up, and sources that fail, while others wait for the same answer.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::poll;
use same_origin::cors::source::OriginSource;
use tokio::sync::Semaphore;

use super::{CUSTOMER, gated, get, settings};

#[tokio::test]
async fn the_lookup_goes_on_for_who_still_waits() {
    let (asked, gate) = (Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
    let layer = settings().layer_with_source(gated(&asked, &gate)).unwrap();
    let requests = std::iter::repeat_with(|| Box::pin(get(&layer, CUSTOMER)));
    let mut waiting: VecDeque<_> = requests.take(300).collect();
    // Each time the one that has waited for the longest time goes.
    while waiting.len() > 1 {
        for request in &mut waiting {
            assert!(poll!(request).is_pending());
        }
        waiting.pop_front();
    }
    gate.add_permits(1);
    let last = waiting.pop_front().unwrap();
    assert_eq!(last.await.as_deref(), Some(CUSTOMER));
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_lookup_that_nobody_waits_for_gives_its_place_back() {
    let (asked, gate) = (Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
    let source = gated(&asked, &gate).max_in_flight(1);
    let layer = settings().layer_with_source(source).unwrap();
    for _ in 0..3 {
        let given_up = Box::pin(get(&layer, "https://other.example"));
        assert!(poll!(given_up).is_pending());
    }
    gate.add_permits(1);
    assert_eq!(get(&layer, CUSTOMER).await.as_deref(), Some(CUSTOMER));
    assert_eq!(asked.load(Ordering::Relaxed), 4);
}

#[tokio::test]
async fn a_source_that_panics_says_no_to_all_who_wait_and_is_asked_again() {
    let (asked, gate) = (Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
    let source = OriginSource::new({
        let (asked, gate) = (Arc::clone(&asked), Arc::clone(&gate));
        move |_| {
            let first = asked.fetch_add(1, Ordering::Relaxed) == 0;
            let gate = Arc::clone(&gate);
            async move {
                let _permit = gate.acquire().await;
                assert!(!first, "the first question is too much");
                true
            }
        }
    });
    let layer = settings().layer_with_source(source).unwrap();
    let (one, other) = (get(&layer, CUSTOMER), get(&layer, CUSTOMER));
    let (mut one, mut other) = (Box::pin(one), Box::pin(other));
    assert!(poll!(&mut one).is_pending() && poll!(&mut other).is_pending());
    gate.add_permits(1);
    assert_eq!((one.await, other.await), (None, None));
    assert_eq!(get(&layer, CUSTOMER).await.as_deref(), Some(CUSTOMER));
    assert_eq!(asked.load(Ordering::Relaxed), 2);
}

/// One runtime for each core, of which one ends: the timer of a lookup is of the runtime that began it.
#[test]
fn the_end_of_the_runtime_that_asked_is_a_no_to_who_waits_in_another() {
    let (asked, gate) = (Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
    let layer = settings().layer_with_source(gated(&asked, &gate)).unwrap();
    let [one, other] = [(), ()].map(|()| {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_time().build().unwrap()
    });
    let [mut begins, mut waits] = [(), ()].map(|()| Box::pin(get(&layer, CUSTOMER)));
    one.block_on(async { assert!(poll!(&mut begins).is_pending()) });
    other.block_on(async { assert!(poll!(&mut waits).is_pending()) });
    drop(one);
    assert_eq!(other.block_on(waits), None);
}
