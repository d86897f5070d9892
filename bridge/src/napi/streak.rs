//! When a thread that asks, and the event loop that answers, wait for each other without sleeping.
//!
//! To wake a thread takes longer than many an answer. Spinning instead helps where one thread
//! asks again and again; with several askers, or work between the questions, it takes the
//! processor away from those who have something to do.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Questions of the same thread in a row, before it is worth while to spin.
const LEAST: u32 = 8;
/// The longest time to spin.
const SPIN: Duration = Duration::from_micros(32);
/// The most questions without spinning after it was of no use.
const MAX_PENALTY: u32 = 4096;

/// The questions in a row that one thread has asked.
#[derive(Debug, Default)]
pub(super) struct Streak {
    /// The latest asker.
    thread: AtomicUsize,
    length: AtomicU32,
    /// Questions to wait before the next try.
    penalty: AtomicU32,
}

impl Streak {
    /// This thread asks; whether it may spin.
    pub(super) fn asks(&self) -> bool {
        thread_local! {
            static MARK: u8 = const { 0 };
        }
        let thread = MARK.with(|mark| std::ptr::from_ref(mark) as usize);
        if self.thread.swap(thread, Ordering::Relaxed) == thread {
            self.length.fetch_add(1, Ordering::Relaxed);
        } else {
            self.length.store(0, Ordering::Relaxed);
        }
        self.is_on()
    }

    /// Whether one thread asks again and again.
    pub(super) fn is_on(&self) -> bool {
        self.length.load(Ordering::Relaxed) >= LEAST.saturating_add(self.penalty.load(Ordering::Relaxed))
    }

    /// Spins until `is_done`; whether it was, in the time that is worth while.
    pub(super) fn spin_until(&self, is_done: impl Fn() -> bool) -> bool {
        let start = Instant::now();
        loop {
            for _ in 0..8 {
                if is_done() {
                    let penalty = self.penalty.load(Ordering::Relaxed);
                    if penalty > 0 {
                        self.penalty.store(penalty / 2, Ordering::Relaxed);
                    }
                    return true;
                }
                std::hint::spin_loop();
            }
            if start.elapsed() >= SPIN {
                let penalty = self.penalty.load(Ordering::Relaxed);
                self.penalty.store((penalty * 2 + LEAST).min(MAX_PENALTY), Ordering::Relaxed);
                self.length.store(0, Ordering::Relaxed);
                return false;
            }
        }
    }
}
