//! Locks that a panic does not end.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks, whether or not a thread panicked with the lock held: that panic is reported where it is
/// caught.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
