//! How many messages a callback is handed in one call.

use std::time::Duration;

/// After a call that took less, the next one may have more messages.
const SHORT: Duration = Duration::from_micros(100);
/// After a call that took more, the next one has another number of messages.
const LONG: Duration = Duration::from_micros(400);
/// The most messages in a call.
const MAX_SIZE: usize = 8192;

/// Looks for the number at which a message is cheapest.
///
/// A callback that works on each message gets few, so that the event loop turns. One with a cost of
/// its own, such as a transaction, takes no longer for many. Which of them it is shows when the
/// number changes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BatchSize {
    size: usize,
    grows: bool,
    /// The time that a message took.
    cost: Duration,
}

impl Default for BatchSize {
    fn default() -> Self {
        Self { size: 1, grows: true, cost: Duration::MAX }
    }
}

impl BatchSize {
    /// How many messages to take.
    pub(crate) const fn get(self) -> usize {
        self.size
    }

    /// A call with `count` messages has taken `time`.
    pub(crate) fn called(&mut self, count: usize, time: Duration) {
        if count < self.size {
            return; // It says nothing about a full one.
        }
        let before = std::mem::replace(&mut self.cost, time / u32::try_from(count).unwrap_or(u32::MAX));
        if (SHORT..=LONG).contains(&time) {
            return;
        }
        // A difference of a quarter is no accident.
        let has_helped = if self.grows { self.cost < before / 4 * 3 } else { self.cost < before / 4 * 5 };
        if time < SHORT || self.size == 1 {
            self.grows = true;
        } else if !has_helped {
            self.grows = !self.grows;
        }
        self.size = if self.grows { (self.size * 2).min(MAX_SIZE) } else { self.size / 2 };
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// The number of messages after `calls` calls, with always enough of them.
    fn size(calls: usize, time: impl Fn(u32) -> Duration) -> usize {
        let mut size = BatchSize::default();
        for _ in 0..calls {
            let count = size.get();
            size.called(count, time(count as u32));
        }
        size.get()
    }

    #[test]
    fn a_fast_callback_gets_many() {
        assert_eq!(size(20, |count| Duration::from_nanos(10) * count), MAX_SIZE);
    }

    #[test]
    fn a_callback_with_a_cost_of_its_own_gets_many() {
        for cost in [Duration::from_micros(500), Duration::from_millis(20)] {
            for calls in 14..20 {
                assert!(size(calls, |count| cost + Duration::from_nanos(10) * count) >= MAX_SIZE / 2);
            }
        }
    }

    #[test]
    fn a_callback_that_works_on_each_gets_few() {
        for calls in 20..24 {
            assert!(size(calls, |count| Duration::from_micros(20) * count) <= 20);
            assert!(size(calls, |count| Duration::from_millis(2) * count) <= 2);
        }
    }

    #[test]
    fn a_callback_that_becomes_slow_gets_few() {
        let mut size = BatchSize::default();
        for _ in 0..20 {
            size.called(size.get(), Duration::from_micros(10));
        }
        for _ in 0..20 {
            let count = size.get() as u32;
            size.called(size.get(), Duration::from_micros(500) * count);
        }
        assert!(size.get() <= 2, "{}", size.get());
    }

    #[test]
    fn a_call_that_was_not_full_changes_nothing() {
        let mut size = BatchSize::default();
        size.called(1, Duration::ZERO);
        size.called(1, Duration::ZERO);
        assert_eq!(size.get(), 2);
    }
}
