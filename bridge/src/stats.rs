//! Counters of a queue, and how long messages waited in it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Counters of one queue, all read at one moment:
/// `posted = delivered + failed + dropped + waiting`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Messages that producers posted, the dropped ones too.
    pub posted: u64,
    /// Messages that the consumer took, less those that it reported as failed or discarded.
    pub delivered: u64,
    /// Messages that the consumer took and could not handle: see
    /// [`Consumer::failed`](crate::Consumer::failed).
    pub failed: u64,
    /// Messages discarded: by the overflow policy, when the queue was closed, or by the consumer.
    pub dropped: u64,
    /// Messages that wait now.
    pub waiting: usize,
    /// The most messages that ever counted against the capacity at once.
    pub max_waiting: usize,
    /// How often the consumer was woken.
    pub wakeups: u64,
    /// The longest time that a message waited before it was taken.
    pub longest_wait: Duration,
}

/// When the messages of a queue were posted, for some of them: a clock is read
/// once a mark, not once a message.
#[derive(Debug)]
pub(super) struct Ages {
    /// Position of a message (how many were accepted before it) and when it came, rising.
    /// While messages wait, the first mark is at or before the oldest of them.
    marks: VecDeque<(u64, Instant)>,
    /// Accepted messages between two marks, at the least.
    grain: u64,
}

impl Ages {
    /// Bounds the marks of a queue of `capacity` to about 64.
    pub(super) fn new(capacity: usize) -> Self {
        Self { marks: VecDeque::new(), grain: (capacity as u64 / 64).max(1) }
    }

    /// Messages are about to join from `position` on.
    pub(super) fn joined(&mut self, position: u64, queue_was_empty: bool) {
        if queue_was_empty {
            self.marks.clear();
        }
        if self.marks.back().is_none_or(|(last, _)| position - last >= self.grain) {
            self.marks.push_back((position, Instant::now()));
        }
    }

    /// The message at `position`, the oldest, leaves: how long it has waited, rounded up to a mark.
    pub(super) fn leaves(&mut self, position: u64) -> Duration {
        self.forget(position);
        self.marks.front().map_or(Duration::ZERO, |(_, since)| since.elapsed())
    }

    /// The message at `position` is the oldest now: older ones were dropped. Without this the marks
    /// of a consumer that takes nothing would pile up.
    pub(super) fn forget(&mut self, position: u64) {
        while self.marks.get(1).is_some_and(|(next, _)| *next <= position) {
            self.marks.pop_front();
        }
    }

    /// How many marks there are.
    #[cfg(all(test, not(loom)))]
    pub(super) fn len(&self) -> usize {
        self.marks.len()
    }
}
