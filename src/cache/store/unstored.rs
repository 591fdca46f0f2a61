//! Fetches that brought something that could not be stored, so that nobody waits for the next one.
//!
//! This is a hint, asked for and given once in a miss, and so it has to cost next to nothing: a table of numbers
//! without keys, in which the later of two notes in one place stays. A map with an order of eviction took a third of
//! a proxied request. A key may be mistaken for another one (one in 2^32, and nobody outside can choose the hash).
//! Then a request does not wait for others once, and its response is not stored that time.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::cache::store::key::Key;

/// The time for which a note is remembered.
const FOR: Duration = Duration::from_secs(120);

/// The number of notes that there is room for, in 8 bytes each.
const SLOTS: usize = 16_384;

/// The bit of a note that says that a body was too long.
const TOO_LONG: u32 = 1 << 31;

/// The reason for a note.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// One that a head shows.
    Any,
    /// A body that turned out to be too long while it came.
    TooLong,
}

/// In each slot the upper half of a hash, and the second of its note with its reason; 0 if there is none.
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

    pub(crate) fn note(&self, key: &Key, why: Why) {
        self.note_at(key, why, self.now());
    }

    pub(crate) fn find(&self, key: &Key) -> Option<Why> {
        self.find_at(key, self.now())
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

    fn note_at(&self, key: &Key, why: Why, second: u32) {
        let why = if why == Why::TooLong { TOO_LONG } else { 0 };
        let note = key.hashed() >> 32 << 32 | u64::from(second | why);
        self.slot(key).store(note, Ordering::Relaxed);
    }

    fn find_at(&self, key: &Key, second: u32) -> Option<Why> {
        let held = self.slot(key).load(Ordering::Relaxed);
        // The lower half.
        let (of, note) = (held >> 32, held as u32);
        let noted = note & !TOO_LONG;
        let is_known = noted != 0
            && of == key.hashed() >> 32
            && u64::from(second.saturating_sub(noted)) < FOR.as_secs();
        let why = if note & TOO_LONG == 0 {
            Why::Any
        } else {
            Why::TooLong
        };
        is_known.then_some(why)
    }

    /// Seconds since the start, from 1 on, for 68 years.
    fn now(&self) -> u32 {
        let now = u32::try_from(self.start.elapsed().as_secs() + 1);
        now.unwrap_or(u32::MAX) & !TOO_LONG
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
        unstored.note_at(&one, Why::Any, 1);
        for second in [1, 120] {
            assert_eq!(unstored.find_at(&one, second), Some(Why::Any));
        }
        assert_eq!(unstored.find_at(&one, 121), None);
        assert_eq!(unstored.find_at(&other, 1), None);
        unstored.forget(&other);
        assert_eq!(unstored.find_at(&one, 1), Some(Why::Any));
        unstored.forget(&one);
        assert_eq!(unstored.find_at(&one, 1), None);
        unstored.note(&one, Why::TooLong);
        assert_eq!(unstored.find(&one), Some(Why::TooLong));
        unstored.clear();
        assert_eq!(unstored.find(&one), None);
    }

    #[test]
    fn any_number_of_notes_takes_the_same_room() {
        let unstored = Unstored::new();
        for number in 0..100_000 {
            let key = Key::new(format!("{number}").as_bytes());
            unstored.note_at(&key, Why::Any, 1);
        }
        assert_eq!(unstored.slots.len(), SLOTS);
        assert!(unstored.find_at(&Key::new(b"99999"), 1).is_some());
    }
}
