//! The primitives of the queue and the reply: those of std, or loom's where they are model-checked.

use std::time::Instant;

#[cfg(all(not(loom), any(test, feature = "napi")))]
pub(crate) use std::sync::atomic::{AtomicBool, Ordering};
#[cfg(not(loom))]
pub(crate) use std::sync::{Arc, Condvar, Mutex, MutexGuard};

#[cfg(all(loom, any(test, feature = "napi")))]
pub(crate) use loom::sync::atomic::{AtomicBool, Ordering};
#[cfg(loom)]
pub(crate) use loom::sync::{Arc, Condvar, Mutex, MutexGuard};

/// Locks, whether or not another thread panicked meanwhile: nothing foreign runs
/// under these locks, so what they guard is whole at every moment.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Waits for a notification, until `deadline` at the latest if there is one.
pub(crate) fn wait<'a, T>(
    condvar: &Condvar,
    guard: MutexGuard<'a, T>,
    deadline: Option<Instant>,
) -> MutexGuard<'a, T> {
    let Some(deadline) = deadline else {
        return condvar.wait(guard).unwrap_or_else(std::sync::PoisonError::into_inner);
    };
    let left = deadline.saturating_duration_since(Instant::now());
    condvar.wait_timeout(guard, left).unwrap_or_else(std::sync::PoisonError::into_inner).0
}

/// How often a producer looks for room before it sleeps: some 20 µs on current x86, what a wake-up
/// costs. Looking is only a delay, so the model goes to sleep at once.
pub(crate) const LOOKS: usize = if cfg!(loom) { 0 } else { 16 };

/// Passes about a microsecond without yielding the processor.
pub(crate) fn pause() {
    for _ in 0..32 {
        std::hint::spin_loop();
    }
}
