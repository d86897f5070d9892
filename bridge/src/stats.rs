//! Counters of a queue, and how long messages waited in it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Counters of one queue, all read at one moment:
/// `posted = delivered + failed + dropped + waiting`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Messages that producers posted, also those that the policy dropped.
    pub posted: u64,
    /// Messages that the consumer took, less those that it reported as failed or discarded.
    pub delivered: u64,
    /// Messages that the consumer took and could not handle: see
    /// [`Consumer::failed`](crate::Consumer::failed).
    pub failed: u64,
    /// Messages discarded: by the overflow policy, when the queue was closed, or by the consumer.
    pub dropped: u64,
    /// Messages that wait to be taken.
    pub waiting: usize,
    /// The most messages that ever counted against the capacity at once: those that waited and
    /// those that were taken by [`Consumer::lend`](crate::Consumer::lend) or
    /// [`take_lent`](crate::Consumer::take_lent).
    pub max_waiting: usize,
    /// How often the wake-up of the queue was called.
    pub wakeups: u64,
    /// The longest time that a message waited before it was taken. Rounded up to the age of an
    /// older message where the capacity is 128 or more: the clock is read for every
    /// `capacity / 64`th one.
    pub longest_wait: Duration,
}

/// When the messages of a queue were posted, for some of them: a clock is read once a mark, not
/// once a message.
#[derive(Debug)]
pub(crate) struct Ages {
    /// The position of a message and when it came, rising. While messages wait, the first mark is
    /// at or before the oldest of them.
    marks: VecDeque<(u64, Instant)>,
    /// Accepted messages between two marks, at the least.
    grain: u64,
    /// Messages that ever joined the queue, which is the position of the next one.
    accepted: u64,
}

impl Ages {
    /// Bounds the marks of a queue of `capacity` to about 64.
    pub(crate) fn new(capacity: usize) -> Self {
        Self { marks: VecDeque::new(), grain: (capacity as u64 / 64).max(1), accepted: 0 }
    }

    /// `count` messages are about to join the `waiting` ones.
    pub(crate) fn join(&mut self, count: usize, waiting: usize) {
        if waiting == 0 {
            self.marks.clear();
        }
        if self.marks.back().is_none_or(|(last, _)| self.accepted - last >= self.grain) {
            self.marks.push_back((self.accepted, Instant::now()));
        }
        self.accepted += count as u64;
    }

    /// The oldest of the `waiting` messages leaves: how long it has waited, rounded up to a mark.
    pub(crate) fn leave(&mut self, waiting: usize) -> Duration {
        self.forget(waiting);
        self.marks.front().map_or(Duration::ZERO, |(_, since)| since.elapsed())
    }

    /// Only the newest `waiting` messages wait still. Without this the marks of a consumer that
    /// takes nothing would pile up.
    pub(crate) fn forget(&mut self, waiting: usize) {
        let oldest = self.accepted - waiting as u64;
        while self.marks.get(1).is_some_and(|(next, _)| *next <= oldest) {
            self.marks.pop_front();
        }
    }

    #[cfg(all(test, not(loom)))]
    pub(crate) fn len(&self) -> usize {
        self.marks.len()
    }
}
