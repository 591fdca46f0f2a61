//! Locks around bodies that two sides share.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks what a request and its connection share. A poisoned lock guards a body that has panicked: `give_up` takes it out
/// of use, and whatever else the panic may have left half done.
pub(super) fn lock<T>(shared: &Mutex<T>, give_up: impl FnOnce(&mut T)) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(|poisoned| {
        let mut state = PoisonError::into_inner(poisoned);
        give_up(&mut state);
        state
    })
}
