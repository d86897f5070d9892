//! The queue between producers and the consumer: a mutex, two condition variables
//! and a flag, small enough to be model-checked.
//!
//! What holds whenever the lock is free:
//!
//! 1. Messages wait, or the last producer has gone unnoticed ⇒ `awake`: a wake-up was
//!    sent that the consumer has not answered yet by finding the queue empty.
//! 2. `waiting.len() + lent <= capacity`.
//! 3. A producer sleeps in `room` ⇒ more than half of the capacity is in use, or it has
//!    been notified.
//! 4. `closed` ⇒ nothing waits, and nothing will.
//! 5. `posted = taken + dropped + waiting.len()`.

use std::collections::VecDeque;
use std::fmt;
use std::time::Instant;

use super::stats::{Ages, Stats};
use super::sync::{Arc, Condvar, LOOKS, Mutex, MutexGuard, lock, pause, wait};

/// What happens to a message when as many wait as the capacity admits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overflow {
    /// The producer waits until there is room.
    #[default]
    Block,
    /// The oldest message that waits is dropped.
    DropOldest,
    /// The new message is dropped.
    DropNewest,
    /// One message waits at the most: the newest.
    Latest,
}

/// The bound of a queue, and what happens there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Messages that may wait for the consumer; at least one. [`Overflow::Latest`] has one whatever this says.
    pub capacity: usize,
    /// What happens to a message when so many wait.
    pub overflow: Overflow,
}

impl Default for Options {
    /// 1024 messages; producers wait.
    fn default() -> Self {
        Self { capacity: 1024, overflow: Overflow::Block }
    }
}

/// The consumer has closed the queue: what was not posted is handed back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed<T>(pub T);

impl<T> fmt::Display for Closed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the queue is closed")
    }
}

impl<T: fmt::Debug> std::error::Error for Closed<T> {}

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

struct Shared<T> {
    state: Mutex<State<T>>,
    /// Producers that wait for room.
    room: Condvar,
    /// Producers that sleep until a moment, or until the queue is closed.
    closing: Condvar,
    wake: Box<dyn Fn() + Send + Sync>,
    capacity: usize,
    overflow: Overflow,
}

struct State<T> {
    waiting: VecDeque<T>,
    /// Messages taken by [`Consumer::lend`] that count against the capacity until the next call.
    lent: usize,
    /// Producers asleep in `room`.
    blocked: usize,
    /// A wake-up is on its way, or the consumer is at work and will look again before it rests.
    awake: bool,
    producers: usize,
    closed: bool,
    ages: Ages,
    /// Messages that ever joined `waiting`; the position of the oldest is this less the length.
    accepted: u64,
    stats: Stats,
}

impl<T> Shared<T> {
    /// Lets go of the lock until the consumer may have made room.
    fn wait_for_room<'a>(&'a self, mut state: MutexGuard<'a, State<T>>) -> MutexGuard<'a, State<T>> {
        // A consumer at work makes room sooner than a sleeping thread wakes, so look a few times first.
        for _ in 0..LOOKS {
            // Who sleeps is woken when half of the queue is free, which would never be if we took each place at once.
            if state.blocked > 0 {
                break;
            }
            drop(state);
            pause();
            state = lock(&self.state);
            if state.closed || state.held() < self.capacity {
                return state;
            }
        }
        state.blocked += 1;
        let mut state = wait(&self.room, state);
        state.blocked -= 1;
        state
    }
}

impl<T> State<T> {
    fn held(&self) -> usize {
        self.waiting.len() + self.lent
    }

    /// Whether the caller must wake the consumer, once it has let go of the lock.
    fn rouse(&mut self) -> bool {
        let asleep = !std::mem::replace(&mut self.awake, true);
        self.stats.wakeups += u64::from(asleep);
        asleep
    }

    fn will_join(&mut self, count: usize) {
        self.ages.joined(self.accepted, self.waiting.is_empty());
        self.accepted += count as u64;
        self.stats.posted += count as u64;
    }

    fn has_joined(&mut self) {
        self.ages.forget(self.accepted - self.waiting.len() as u64);
        self.stats.max_waiting = self.stats.max_waiting.max(self.held());
    }

    fn will_leave(&mut self, count: usize) {
        let oldest = self.accepted - self.waiting.len() as u64;
        let waited = self.ages.leaves(oldest);
        self.stats.longest_wait = self.stats.longest_wait.max(waited);
        self.stats.taken += count as u64;
    }
}

/// A queue for messages of any kind; `wake` is called, on a producer's thread, when the consumer
/// has something to take and does not know it yet.
///
/// `wake` must not block and must not panic. It is called once a burst: after it was called,
/// it is not called again before the consumer has found the queue [`Taken::Empty`].
pub fn queue<T>(options: Options, wake: impl Fn() + Send + Sync + 'static) -> (Producer<T>, Consumer<T>) {
    let capacity = if options.overflow == Overflow::Latest { 1 } else { options.capacity.max(1) };
    let shared = Arc::new(Shared {
        state: Mutex::new(State {
            waiting: VecDeque::new(),
            lent: 0,
            blocked: 0,
            awake: false,
            producers: 1,
            closed: false,
            ages: Ages::new(capacity),
            accepted: 0,
            stats: Stats::default(),
        }),
        room: Condvar::new(),
        closing: Condvar::new(),
        wake: Box::new(wake),
        capacity,
        overflow: options.overflow,
    });
    (Producer { shared: Arc::clone(&shared) }, Consumer { shared })
}

/// The end that posts. Clones post to the same queue; when the last one is dropped the consumer
/// is told.
pub struct Producer<T> {
    shared: Arc<Shared<T>>,
}

impl<T> Producer<T> {
    /// Posts a message. Waits for room under [`Overflow::Block`], and under no other policy.
    ///
    /// # Errors
    /// [`Closed`] with the message when the consumer has closed the queue.
    pub fn post(&self, message: T) -> Result<(), Closed<T>> {
        let shared = &*self.shared;
        let mut state = lock(&shared.state);
        // What is discarded is dropped after the lock: a message's own `drop` is foreign code.
        let mut discarded = None;
        loop {
            if state.closed {
                return Err(Closed(message));
            }
            if state.held() < shared.capacity {
                break;
            }
            match shared.overflow {
                Overflow::Block => state = shared.wait_for_room(state),
                Overflow::DropNewest => {
                    state.stats.posted += 1;
                    state.stats.dropped += 1;
                    return Ok(());
                }
                Overflow::DropOldest | Overflow::Latest => {
                    // Nothing to drop when all is lent: then the new message is one too many for a moment.
                    discarded = state.waiting.pop_front();
                    state.stats.dropped += u64::from(discarded.is_some());
                    break;
                }
            }
        }
        state.will_join(1);
        state.waiting.push_back(message);
        state.has_joined();
        let rouse = state.rouse();
        drop(state);
        drop(discarded);
        if rouse {
            (shared.wake)();
        }
        Ok(())
    }

    /// Sleeps until `deadline`, or until the queue is closed.
    ///
    /// # Errors
    /// [`Closed`], at once, when the consumer has closed the queue.
    pub fn sleep_until(&self, deadline: Instant) -> Result<(), Closed<()>> {
        let mut state = lock(&self.shared.state);
        loop {
            if state.closed {
                return Err(Closed(()));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            state = self
                .shared
                .closing
                .wait_timeout(state, left)
                .unwrap_or_else(std::sync::PoisonError::into_inner)
                .0;
        }
    }

    /// Whether the consumer has closed the queue.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        lock(&self.shared.state).closed
    }
}

impl<T: Copy> Producer<T> {
    /// Posts messages in order, many under one lock, each as [`post`](Self::post) would.
    ///
    /// # Errors
    /// [`Closed`] with the number of messages that were posted before the queue was closed.
    pub fn post_all(&self, messages: &[T]) -> Result<(), Closed<usize>> {
        let shared = &*self.shared;
        let mut rest = messages;
        let mut state = lock(&shared.state);
        while !rest.is_empty() {
            if state.closed {
                return Err(Closed(messages.len() - rest.len()));
            }
            let room = shared.capacity.saturating_sub(state.held()).min(rest.len());
            if room > 0 {
                let (now, later) = rest.split_at(room);
                state.will_join(room);
                state.waiting.extend(now);
                state.has_joined();
                rest = later;
                if state.rouse() {
                    drop(state);
                    (shared.wake)();
                    state = lock(&shared.state);
                }
                continue;
            }
            match shared.overflow {
                Overflow::Block => state = shared.wait_for_room(state),
                Overflow::DropNewest => {
                    state.stats.posted += rest.len() as u64;
                    state.stats.dropped += rest.len() as u64;
                    rest = &[];
                }
                Overflow::DropOldest | Overflow::Latest => {
                    // The newest `kept` survive; all that is older makes room for them.
                    let kept = rest.len().min(shared.capacity);
                    let (skipped, newest) = rest.split_at(rest.len() - kept);
                    let oldest = state.waiting.len().min(kept + state.held() - shared.capacity);
                    state.waiting.drain(..oldest);
                    state.stats.posted += skipped.len() as u64;
                    state.stats.dropped += (oldest + skipped.len()) as u64;
                    state.will_join(kept);
                    state.waiting.extend(newest);
                    state.has_joined();
                    rest = &[];
                    if state.rouse() {
                        drop(state);
                        (shared.wake)();
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }
}

impl<T> Clone for Producer<T> {
    fn clone(&self) -> Self {
        lock(&self.shared.state).producers += 1;
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<T> Drop for Producer<T> {
    fn drop(&mut self) {
        let mut state = lock(&self.shared.state);
        state.producers -= 1;
        let rouse = state.producers == 0 && state.rouse();
        drop(state);
        if rouse {
            (self.shared.wake)();
        }
    }
}

impl<T> fmt::Debug for Producer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer").finish_non_exhaustive()
    }
}

/// The end that takes. It never waits. Dropping it closes the queue.
pub struct Consumer<T> {
    shared: Arc<Shared<T>>,
}

impl<T> Consumer<T> {
    /// Takes up to `max` messages, at least one if one waits.
    ///
    /// Only [`Taken::Empty`] and [`Taken::Ended`] answer a wake-up: after [`Taken::Some`] the
    /// consumer must look again, now or later, for it will not be woken before it has.
    pub fn take(&self, max: usize) -> Taken<Vec<T>> {
        // To look for nothing would be told that there is nothing.
        self.take_with(max.max(1), 0, |waiting, count| waiting.drain(..count).collect())
    }

    /// Closes the queue: what waits is dropped, producers are released, and posts fail from now on.
    pub fn close(&self) {
        let mut state = lock(&self.shared.state);
        state.closed = true;
        state.lent = 0;
        let discarded = std::mem::take(&mut state.waiting);
        state.stats.dropped += discarded.len() as u64;
        drop(state);
        self.shared.room.notify_all();
        self.shared.closing.notify_all();
    }

    /// The counters, all read at one moment.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let state = lock(&self.shared.state);
        Stats { waiting: state.waiting.len(), ..state.stats }
    }

    /// The capacity in force.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.shared.capacity
    }

    fn take_with<B>(
        &self,
        max: usize,
        lend: usize,
        copy: impl FnOnce(&mut VecDeque<T>, usize) -> B,
    ) -> Taken<B> {
        let mut state = lock(&self.shared.state);
        let count = state.waiting.len().min(max);
        state.lent = count.min(lend);
        let taken = if count > 0 {
            state.will_leave(count);
            Taken::Some(copy(&mut state.waiting, count))
        } else {
            // Only here, with the queue empty and under the lock: a message that comes a moment
            // later finds the flag down and wakes the consumer again.
            state.awake = !state.waiting.is_empty();
            if state.producers == 0 { Taken::Ended } else { Taken::Empty }
        };
        // Producers are released when half of the queue is free, once, not once a message.
        let release = state.blocked > 0 && state.held() <= self.shared.capacity / 2;
        drop(state);
        if release {
            self.shared.room.notify_all();
        }
        taken
    }
}

impl<T: Copy> Consumer<T> {
    /// Takes messages into `target`, as many as it holds, and returns how many those are.
    pub fn take_into(&self, target: &mut [T]) -> Taken<usize> {
        self.copy_into(target, 0)
    }

    /// Takes messages into `target` that count against the capacity until the next call: for a
    /// consumer that hands them on one by one and wants producers to wait for the last of them.
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

#[cfg(all(test, not(loom)))]
#[path = "queue_tests.rs"]
mod tests;
