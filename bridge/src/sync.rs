//! The primitives of the queue: those of std, or loom's where it is model-checked.

#[cfg(not(loom))]
pub(super) use std::sync::{Arc, Condvar, Mutex, MutexGuard};

#[cfg(loom)]
pub(super) use loom::sync::{Arc, Condvar, Mutex, MutexGuard};

/// Locks, whether or not another thread panicked meanwhile: nothing foreign runs
/// under the queue's lock, so what it guards is whole at every moment.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Waits for a notification, as [`lock`] locks.
pub(super) fn wait<'a, T>(condvar: &Condvar, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
    condvar.wait(guard).unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// How often a producer looks for room before it sleeps: some 20 µs on current x86, what a wake-up costs.
/// Looking is only a delay, so the model goes to sleep at once.
pub(super) const LOOKS: usize = if cfg!(loom) { 0 } else { 16 };

/// Passes about a microsecond without letting go of the processor.
pub(super) fn pause() {
    for _ in 0..32 {
        std::hint::spin_loop();
    }
}
