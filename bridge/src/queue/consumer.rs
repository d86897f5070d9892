//! The end of a queue that takes.

use std::collections::{HashMap, VecDeque};
use std::fmt;

use super::state::Queue;
use crate::Stats;
use crate::sync::{Arc, lock};

/// What the consumer found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken<B> {
    /// Messages, in the order in which they were posted.
    Some(B),
    /// None. The next message will wake the consumer.
    Empty,
    /// None, and no producer is left to post one.
    Ended,
}

/// The end that takes. It never waits. Dropping it closes the queue.
pub struct Consumer<T> {
    pub(super) queue: Arc<Queue<T>>,
}

impl<T> Consumer<T> {
    /// Takes up to `max` messages; a `max` of 0 counts as 1. They count as delivered.
    ///
    /// Only [`Taken::Empty`] and [`Taken::Ended`] answer a wake-up: after [`Taken::Some`] the
    /// consumer must look again, now or later, because it is not woken before it has.
    pub fn take(&self, max: usize) -> Taken<Vec<T>> {
        // A look for no message must not answer the wake-up.
        self.take_with(max.max(1), 0, |waiting, count| waiting.drain(..count).collect())
    }

    /// As [`take`](Self::take), but the messages count against the capacity until the next take.
    ///
    /// For a consumer that hands them on one by one: producers wait until the last was handed on.
    pub fn take_lent(&self, max: usize) -> Taken<Vec<T>> {
        self.take_with(max.max(1), usize::MAX, |waiting, count| waiting.drain(..count).collect())
    }

    /// Closes the queue: messages that wait are dropped, producers that wait are released, and
    /// every later post and sleep fails. A second call does nothing.
    pub fn close(&self) {
        let mut state = lock(&self.queue.state);
        state.closed = true;
        state.lent = 0;
        let discarded = std::mem::take(&mut state.waiting);
        state.stats.dropped += discarded.len() as u64;
        let wakers = std::mem::take(&mut state.wakers);
        drop(state);
        self.queue.release(wakers);
        self.queue.closing.notify_all();
    }

    /// Whether the queue was closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        lock(&self.queue.state).closed
    }

    /// Whether no message waits, which may have changed by the time that this returns.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        lock(&self.queue.state).waiting.is_empty()
    }

    /// Names the calling thread as the consumer's: a post there that would wait for room is
    /// [`PostError::Full`](crate::PostError::Full).
    pub fn bind_to_this_thread(&self) {
        lock(&self.queue.state).consumer = Some(std::thread::current().id());
    }

    /// Counts `count` messages that were taken as failed, not as delivered: at most as many as
    /// count as delivered.
    pub fn failed(&self, count: usize) {
        let mut state = lock(&self.queue.state);
        state.stats.failed += state.undeliver(count);
    }

    /// Counts `count` messages that were taken as dropped, not as delivered: at most as many as
    /// count as delivered.
    pub fn discarded(&self, count: usize) {
        let mut state = lock(&self.queue.state);
        state.stats.dropped += state.undeliver(count);
    }

    /// The counters, all read at one moment.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let state = lock(&self.queue.state);
        Stats { waiting: state.waiting.len(), ..state.stats }
    }

    /// The capacity in force: see [`Options::capacity`](crate::Options::capacity).
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.queue.capacity
    }

    fn take_with<B>(
        &self,
        max: usize,
        lend: usize,
        copy: impl FnOnce(&mut VecDeque<T>, usize) -> B,
    ) -> Taken<B> {
        let mut state = lock(&self.queue.state);
        let count = state.waiting.len().min(max);
        state.lent = count.min(lend);
        let taken = if state.waiting.is_empty() {
            // Only here, with the queue empty and under the lock: a message that comes a moment
            // later finds the flag down and wakes the consumer again.
            state.awake = false;
            if state.producers == 0 { Taken::Ended } else { Taken::Empty }
        } else {
            if count > 0 {
                state.leave(count);
            }
            Taken::Some(copy(&mut state.waiting, count))
        };
        // Producers are released when half of the queue is free, once, not once a message.
        let waits = state.blocked > 0 || !state.wakers.is_empty();
        let release = waits && state.held() <= self.queue.capacity / 2;
        let wakers = if release { std::mem::take(&mut state.wakers) } else { HashMap::new() };
        drop(state);
        if release {
            self.queue.release(wakers);
        }
        taken
    }
}

impl<T: Copy> Consumer<T> {
    /// As [`take`](Self::take), into `target`, at most as many messages as it holds. Returns how
    /// many there are: none for an empty `target` while messages wait.
    pub fn take_into(&self, target: &mut [T]) -> Taken<usize> {
        self.copy_into(target, 0)
    }

    /// As [`take_lent`](Self::take_lent), into `target`, as [`take_into`](Self::take_into) does.
    pub fn lend(&self, target: &mut [T]) -> Taken<usize> {
        self.copy_into(target, target.len())
    }

    fn copy_into(&self, target: &mut [T], lend: usize) -> Taken<usize> {
        self.take_with(target.len(), lend, |waiting, count| {
            let (front, back) = waiting.as_slices();
            let split = count.min(front.len());
            target[..split].copy_from_slice(&front[..split]);
            target[split..count].copy_from_slice(&back[..count - split]);
            waiting.drain(..count);
            count
        })
    }
}

impl<T> Drop for Consumer<T> {
    fn drop(&mut self) {
        self.close();
    }
}

impl<T> fmt::Debug for Consumer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer").field("stats", &self.stats()).finish_non_exhaustive()
    }
}
