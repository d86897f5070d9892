//! When a thread that asks, and the event loop that answers, wait for each other without sleeping.
//!
//! To wake a thread takes longer than many an answer. Spinning instead helps where questions
//! follow each other at once; with work between them it takes the processor away from the
//! threads that do it. So each spin that was of no use is followed by a time without.

use std::cell::Cell;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Questions of the same thread in a row, before it is worth while to spin.
const LEAST: u32 = 8;
/// The longest time to spin for the answer, or the next question, of one thread.
const SPIN: Duration = Duration::from_micros(32);
/// The longest time to spin for the next question of several threads, after answers of the callback
/// itself: what a wake-up of the event loop costs.
pub(super) const AFTER_CALLS: Duration = Duration::from_micros(8);
/// The same after answers of promises, where the event loop has more to do at each wake-up.
pub(super) const AFTER_PROMISES: Duration = Duration::from_micros(20);
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
        let is_done = spin(SPIN, is_done);
        let penalty = self.penalty.load(Ordering::Relaxed);
        if !is_done {
            self.penalty.store((penalty * 2 + LEAST).min(MAX_PENALTY), Ordering::Relaxed);
            self.length.store(0, Ordering::Relaxed);
        } else if penalty > 0 {
            self.penalty.store(penalty / 2, Ordering::Relaxed);
        }
        is_done
    }
}

/// Questions of several threads that follow each other at once.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    penalty: Cell<u32>,
    /// Drains to go without spinning.
    rest: Cell<u32>,
}

impl Crowd {
    /// Whether to spin for the next question; counts down where not.
    pub(super) fn is_on(&self) -> bool {
        let rest = self.rest.get();
        self.rest.set(rest.saturating_sub(1));
        rest == 0
    }

    /// Spins until `is_done`; whether it was, in the time that is worth while.
    pub(super) fn spin_until(&self, longest: Duration, is_done: impl Fn() -> bool) -> bool {
        let is_done = spin(longest, is_done);
        if is_done {
            self.penalty.set(self.penalty.get() / 2);
        } else {
            self.penalty.set((self.penalty.get() * 2 + 1).min(MAX_PENALTY));
            self.rest.set(self.penalty.get());
        }
        is_done
    }
}

fn spin(longest: Duration, is_done: impl Fn() -> bool) -> bool {
    let start = Instant::now();
    loop {
        for _ in 0..8 {
            if is_done() {
                return true;
            }
            std::hint::spin_loop();
        }
        if start.elapsed() >= longest {
            return false;
        }
    }
}
