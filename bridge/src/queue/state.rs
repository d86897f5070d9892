//! What producers and the consumer share: the messages that wait, under a lock.

use std::collections::{HashMap, VecDeque};
use std::task::Waker;
use std::thread::ThreadId;
use std::time::Instant;

use super::options::{Options, Overflow};
use super::post_error::PostError;
use crate::stats::{Ages, Stats};
use crate::sync::{Condvar, LOOKS, Mutex, MutexGuard, lock, pause, wait};

/// The lock and its condition variables, in the words of the invariants of [`queue`](super).
pub(super) struct Queue<T> {
    pub state: Mutex<State<T>>,
    /// Producers that wait for room.
    room: Condvar,
    /// Producers that sleep until a moment, or until the queue is closed.
    pub closing: Condvar,
    pub wake: Box<dyn Fn() + Send + Sync>,
    pub capacity: usize,
    pub overflow: Overflow,
}

/// What the lock guards.
pub(super) struct State<T> {
    pub waiting: VecDeque<T>,
    /// Messages that were taken and count against the capacity until the consumer looks again.
    pub lent: usize,
    /// Producers asleep in `room`.
    pub blocked: usize,
    /// Futures that wait for room.
    pub wakers: HashMap<u64, Waker>,
    pub next_waker: u64,
    /// The thread that must not wait for room, since it alone makes any.
    pub consumer: Option<ThreadId>,
    /// A wake-up is on its way, or the consumer is at work and will look again before it rests.
    pub awake: bool,
    pub producers: usize,
    pub closed: bool,
    pub ages: Ages,
    pub stats: Stats,
}

/// What became of a message that was offered to the queue.
pub(super) enum Offer<'a, T> {
    Posted,
    Closed(T),
    /// The policy makes no room; the lock is held still.
    Full(MutexGuard<'a, State<T>>, T),
}

impl<T> Queue<T> {
    pub fn new(options: Options, wake: Box<dyn Fn() + Send + Sync>) -> Self {
        let capacity = if options.overflow == Overflow::Latest { 1 } else { options.capacity.max(1) };
        let state = State {
            waiting: VecDeque::new(),
            lent: 0,
            blocked: 0,
            wakers: HashMap::new(),
            next_waker: 0,
            consumer: None,
            awake: false,
            producers: 1,
            closed: false,
            ages: Ages::new(capacity),
            stats: Stats::default(),
        };
        Self {
            state: Mutex::new(state),
            room: Condvar::new(),
            closing: Condvar::new(),
            wake,
            capacity,
            overflow: options.overflow,
        }
    }

    /// Adds `message`, making room if the policy drops old messages, and wakes the consumer if it
    /// sleeps.
    pub fn offer<'a>(&'a self, mut state: MutexGuard<'a, State<T>>, message: T) -> Offer<'a, T> {
        if state.closed {
            return Offer::Closed(message);
        }
        // What is discarded is dropped after the lock: a message's own `drop` is foreign code.
        let mut discarded = None;
        if state.held() >= self.capacity {
            match self.overflow {
                Overflow::Block | Overflow::DropNewest => return Offer::Full(state, message),
                Overflow::DropOldest | Overflow::Latest => {
                    // Nothing to drop when all is lent: then the new message is one too many for a
                    // moment.
                    discarded = state.waiting.pop_front();
                    state.stats.dropped += u64::from(discarded.is_some());
                }
            }
        }
        state.join(1, |waiting| waiting.push_back(message));
        let rouse = state.rouse();
        drop(state);
        drop(discarded);
        if rouse {
            (self.wake)();
        }
        Offer::Posted
    }

    /// Posts, waiting for room until `deadline` under [`Overflow::Block`].
    pub fn post(&self, mut message: T, deadline: Option<Instant>) -> Result<(), PostError<T>> {
        let mut state = lock(&self.state);
        loop {
            (state, message) = match self.offer(state, message) {
                Offer::Posted => return Ok(()),
                Offer::Closed(message) => return Err(PostError::Closed(message)),
                Offer::Full(state, message) => (state, message),
            };
            if self.overflow == Overflow::DropNewest {
                state.drop_new(1);
                return Ok(());
            }
            if state.is_consumer() || deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                drop(state);
                return Err(PostError::Full(message));
            }
            state = self.wait_for_room(state, deadline);
        }
    }

    /// Posts `messages`, more than there is room for, under a policy that drops the oldest.
    pub fn post_newest(&self, mut state: MutexGuard<'_, State<T>>, mut messages: std::vec::IntoIter<T>) {
        // The newest `kept` survive; all that is older makes room for them.
        let kept = messages.len().min(self.capacity);
        let older = messages.len() - kept;
        let skipped: Vec<T> = messages.by_ref().take(older).collect();
        let oldest = state.waiting.len().min(kept + state.held() - self.capacity);
        let discarded: Vec<T> = state.waiting.drain(..oldest).collect();
        state.drop_new(skipped.len());
        state.stats.dropped += oldest as u64;
        state.join(kept, |waiting| waiting.extend(messages));
        let rouse = state.rouse();
        drop(state);
        drop((skipped, discarded));
        if rouse {
            (self.wake)();
        }
    }

    /// Releases the lock until the consumer may have made room, or `deadline` has passed.
    pub fn wait_for_room<'a>(
        &'a self,
        mut state: MutexGuard<'a, State<T>>,
        deadline: Option<Instant>,
    ) -> MutexGuard<'a, State<T>> {
        // A consumer at work makes room sooner than a sleeping thread wakes, so look a few times
        // first.
        for _ in 0..LOOKS {
            // A producer that sleeps is woken when half of the queue is free, which would never be
            // if this one took each place at once.
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
        let mut state = wait(&self.room, state, deadline);
        state.blocked -= 1;
        state
    }

    /// Notifies the producers that wait for room.
    pub fn release(&self, wakers: HashMap<u64, Waker>) {
        self.room.notify_all();
        wakers.into_values().for_each(Waker::wake);
    }
}

impl<T> State<T> {
    /// Messages that count against the capacity.
    pub fn held(&self) -> usize {
        self.waiting.len() + self.lent
    }

    /// Whether the caller must wake the consumer, once it has released the lock.
    pub fn rouse(&mut self) -> bool {
        let asleep = !std::mem::replace(&mut self.awake, true);
        self.stats.wakeups += u64::from(asleep);
        asleep
    }

    /// Whether the calling thread is the consumer's.
    pub fn is_consumer(&self) -> bool {
        self.consumer.is_some_and(|consumer| consumer == std::thread::current().id())
    }

    /// Counts `count` messages that the policy drops instead of letting them join.
    pub fn drop_new(&mut self, count: usize) {
        self.stats.posted += count as u64;
        self.stats.dropped += count as u64;
    }

    /// Counts `count` messages that `add` appends to those that wait.
    pub fn join(&mut self, count: usize, add: impl FnOnce(&mut VecDeque<T>)) {
        self.ages.join(count, self.waiting.len());
        self.stats.posted += count as u64;
        add(&mut self.waiting);
        self.ages.forget(self.waiting.len());
        self.stats.max_waiting = self.stats.max_waiting.max(self.held());
    }

    /// Counts up to `count` delivered messages as not delivered; returns how many.
    pub fn undeliver(&mut self, count: usize) -> u64 {
        let count = self.stats.delivered.min(count as u64);
        self.stats.delivered -= count;
        count
    }

    /// Counts `count` messages that are about to be taken.
    pub fn leave(&mut self, count: usize) {
        let waited = self.ages.leave(self.waiting.len());
        self.stats.longest_wait = self.stats.longest_wait.max(waited);
        self.stats.delivered += count as u64;
    }
}
