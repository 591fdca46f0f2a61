//! Which fetches brought something that could not be stored, so that nobody waits for the next one.
//!
//! This is a hint, asked for and given once in a miss, and so it has to cost next to nothing: a table of numbers
//! without keys, in which the latest note of two that meet stands. A map with an order of eviction took a third of
//! a proxied request. Who is mistaken for another (one in 2^32, by a hash that nobody outside can choose) does
//! not wait for others once, and is not stored that time.

use crate::cache::store::key::Key;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The time for which a note is remembered.
const FOR: Duration = Duration::from_secs(120);

/// The number of notes that there is room for, in 8 bytes each.
const SLOTS: usize = 16_384;

/// In each slot the upper half of a hash, and the second of its note; 0 if there is none.
pub(crate) struct Unstored {
    slots: Box<[AtomicU64]>,
    start: Instant,
}

impl Unstored {
    pub(crate) fn new() -> Self {
        Self {
            slots: (0..SLOTS).map(|_| AtomicU64::new(0)).collect(),
            start: Instant::now(),
        }
    }

    pub(crate) fn note(&self, key: &Key) {
        self.note_at(key, self.now());
    }

    pub(crate) fn contains(&self, key: &Key) -> bool {
        self.contains_at(key, self.now())
    }

    pub(crate) fn forget(&self, key: &Key) {
        let slot = self.slot(key);
        let held = slot.load(Ordering::Relaxed);
        if held >> 32 == key.hashed() >> 32 {
            // A note that another one has made meanwhile stays.
            let _other = slot.compare_exchange(held, 0, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    pub(crate) fn clear(&self) {
        for slot in &self.slots {
            slot.store(0, Ordering::Relaxed);
        }
    }

    fn note_at(&self, key: &Key, second: u32) {
        let note = key.hashed() >> 32 << 32 | u64::from(second);
        self.slot(key).store(note, Ordering::Relaxed);
    }

    fn contains_at(&self, key: &Key, second: u32) -> bool {
        let held = self.slot(key).load(Ordering::Relaxed);
        let (of, noted) = (held >> 32, held & u64::from(u32::MAX));
        noted != 0
            && of == key.hashed() >> 32
            && u64::from(second).saturating_sub(noted) < FOR.as_secs()
    }

    /// Seconds since the start, from 1 on.
    fn now(&self) -> u32 {
        u32::try_from(self.start.elapsed().as_secs() + 1).unwrap_or(u32::MAX)
    }

    fn slot(&self, key: &Key) -> &AtomicU64 {
        // There are as many slots as that, and fewer than the lower half of a hash can name.
        &self.slots[key.hashed() as usize % SLOTS]
    }
}

impl fmt::Debug for Unstored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unstored").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_remembered_for_a_time_or_until_it_is_taken_back() {
        let unstored = Unstored::new();
        let (one, other) = (Key::new(b"a"), Key::new(b"b"));
        unstored.note_at(&one, 1);
        assert!(unstored.contains_at(&one, 1) && unstored.contains_at(&one, 120));
        assert!(!unstored.contains_at(&one, 121));
        assert!(!unstored.contains_at(&other, 1));
        unstored.forget(&other);
        assert!(unstored.contains_at(&one, 1));
        unstored.forget(&one);
        assert!(!unstored.contains_at(&one, 1));
        unstored.note(&one);
        assert!(unstored.contains(&one));
        unstored.clear();
        assert!(!unstored.contains(&one));
    }

    #[test]
    fn any_number_of_notes_takes_the_same_room() {
        let unstored = Unstored::new();
        for number in 0..100_000 {
            unstored.note_at(&Key::new(format!("{number}").as_bytes()), 1);
        }
        assert_eq!(unstored.slots.len(), SLOTS);
        assert!(unstored.contains_at(&Key::new(b"99999"), 1));
    }
}
