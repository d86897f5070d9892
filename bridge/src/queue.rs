//! The queue between producers and the consumer: a mutex, two condition variables
//! and a flag, small enough to be model-checked.
//!
//! What holds whenever the lock is free:
//!
//! 1. Messages wait, or the last producer has gone unnoticed ⇒ `awake`: a wake-up was
//!    sent that the consumer has not answered yet by finding the queue empty.
//! 2. `waiting.len() + lent <= capacity`.
//! 3. A producer sleeps in `room`, or a future waits in `wakers` ⇒ more than half of the
//!    capacity is in use, or it has been notified.
//! 4. `closed` ⇒ nothing waits, and nothing will.
//! 5. `posted = delivered + failed + dropped + waiting.len()`.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::thread::ThreadId;
use std::time::Instant;

use crate::stats::{Ages, Stats};
use crate::sync::{Arc, Condvar, LOOKS, Mutex, MutexGuard, lock, pause, wait};

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
    /// Messages that may wait for the consumer; at least one. [`Overflow::Latest`] has one whatever
    /// this says.
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

/// The consumer has closed the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the queue is closed")]
pub struct Closed;

/// A message that was not posted, handed back.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PostError<T> {
    /// The consumer has closed the queue.
    #[error("the queue is closed")]
    Closed(T),
    /// There is no room, and to wait for it was not asked for or would never end.
    #[error("the queue is full")]
    Full(T),
}

impl<T> PostError<T> {
    /// The message.
    pub fn into_inner(self) -> T {
        match self {
            Self::Closed(message) | Self::Full(message) => message,
        }
    }

    /// Whether the consumer has closed the queue.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        matches!(self, Self::Closed(_))
    }
}

/// Whatever the message is, so that `unwrap` and `?` need nothing of it.
impl<T> fmt::Debug for PostError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_closed() { "Closed(..)" } else { "Full(..)" })
    }
}

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

struct Queue<T> {
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
    /// Futures that wait for room.
    wakers: HashMap<u64, Waker>,
    next_waker: u64,
    /// The thread that must not wait for room, since it alone makes any.
    consumer: Option<ThreadId>,
    /// A wake-up is on its way, or the consumer is at work and will look again before it rests.
    awake: bool,
    producers: usize,
    closed: bool,
    ages: Ages,
    /// Messages that ever joined `waiting`; the position of the oldest is this less the length.
    accepted: u64,
    stats: Stats,
}

/// What became of a message that was offered to the queue.
enum Offer<'a, T> {
    Posted,
    Closed(T),
    /// The policy makes no room; the lock is held still.
    Full(MutexGuard<'a, State<T>>, T),
}

impl<T> Queue<T> {
    /// Adds `message`, making room if the policy drops old messages, and wakes the consumer if it
    /// sleeps.
    fn offer<'a>(&'a self, mut state: MutexGuard<'a, State<T>>, message: T) -> Offer<'a, T> {
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
        state.will_join(1);
        state.waiting.push_back(message);
        state.count_joined();
        let rouse = state.rouse();
        drop(state);
        drop(discarded);
        if rouse {
            (self.wake)();
        }
        Offer::Posted
    }

    /// Posts, waiting for room until `deadline` under [`Overflow::Block`].
    fn post(&self, mut message: T, deadline: Option<Instant>) -> Result<(), PostError<T>> {
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

    /// Releases the lock until the consumer may have made room, or `deadline` has passed.
    fn wait_for_room<'a>(
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
    fn release(&self, wakers: HashMap<u64, Waker>) {
        self.room.notify_all();
        wakers.into_values().for_each(Waker::wake);
    }
}

impl<T> State<T> {
    fn held(&self) -> usize {
        self.waiting.len() + self.lent
    }

    /// Whether the caller must wake the consumer, once it has released the lock.
    fn rouse(&mut self) -> bool {
        let asleep = !std::mem::replace(&mut self.awake, true);
        self.stats.wakeups += u64::from(asleep);
        asleep
    }

    fn is_consumer(&self) -> bool {
        self.consumer.is_some_and(|consumer| consumer == std::thread::current().id())
    }

    fn drop_new(&mut self, count: usize) {
        self.stats.posted += count as u64;
        self.stats.dropped += count as u64;
    }

    fn will_join(&mut self, count: usize) {
        self.ages.joined(self.accepted, self.waiting.is_empty());
        self.accepted += count as u64;
        self.stats.posted += count as u64;
    }

    fn count_joined(&mut self) {
        self.ages.forget(self.accepted - self.waiting.len() as u64);
        self.stats.max_waiting = self.stats.max_waiting.max(self.held());
    }

    fn will_leave(&mut self, count: usize) {
        let oldest = self.accepted - self.waiting.len() as u64;
        let waited = self.ages.leaves(oldest);
        self.stats.longest_wait = self.stats.longest_wait.max(waited);
        self.stats.delivered += count as u64;
    }
}

/// A queue for messages of any kind; `wake` is called, on a producer's thread, when the consumer
/// has something to take and does not know it yet.
///
/// `wake` must not block and must not panic. It is called once a burst: after it was called,
/// it is not called again before the consumer has found the queue [`Taken::Empty`].
pub fn queue<T>(options: Options, wake: impl Fn() + Send + Sync + 'static) -> (Producer<T>, Consumer<T>) {
    let capacity = if options.overflow == Overflow::Latest { 1 } else { options.capacity.max(1) };
    let queue = Arc::new(Queue {
        state: Mutex::new(State {
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
            accepted: 0,
            stats: Stats::default(),
        }),
        room: Condvar::new(),
        closing: Condvar::new(),
        wake: Box::new(wake),
        capacity,
        overflow: options.overflow,
    });
    (Producer { queue: Arc::clone(&queue) }, Consumer { queue })
}

/// The end that posts. Clones post to the same queue; when the last one is dropped the consumer
/// finds [`Taken::Ended`].
pub struct Producer<T> {
    queue: Arc<Queue<T>>,
}

impl<T> Producer<T> {
    /// Posts a message. Waits for room under [`Overflow::Block`], and under no other policy.
    ///
    /// # Errors
    /// [`PostError::Closed`] with the message when the consumer has closed the queue.
    /// [`PostError::Full`] on the thread that [`Consumer::bind_to_this_thread`] has named, where
    /// waiting would never end.
    pub fn post(&self, message: T) -> Result<(), PostError<T>> {
        self.queue.post(message, None)
    }

    /// Posts a message, waiting for room until `deadline` at the latest.
    ///
    /// # Errors
    /// As [`post`](Self::post), and [`PostError::Full`] when there was no room by then.
    pub fn post_until(&self, message: T, deadline: Instant) -> Result<(), PostError<T>> {
        self.queue.post(message, Some(deadline))
    }

    /// Posts a message if that needs no waiting.
    ///
    /// Policies that drop old messages make room, as [`post`](Self::post) does.
    ///
    /// # Errors
    /// [`PostError::Full`] with the message when there is no room, under [`Overflow::DropNewest`]
    /// too, where it is not counted as posted then; [`PostError::Closed`] when the consumer has
    /// closed the queue.
    pub fn try_post(&self, message: T) -> Result<(), PostError<T>> {
        match self.queue.offer(lock(&self.queue.state), message) {
            Offer::Posted => Ok(()),
            Offer::Closed(message) => Err(PostError::Closed(message)),
            Offer::Full(state, message) => {
                drop(state);
                Err(PostError::Full(message))
            }
        }
    }

    /// Posts messages in order, many under one lock, each as [`post`](Self::post) would: how many
    /// that were.
    ///
    /// # Errors
    /// As [`post`](Self::post), with the first message that was not posted. Those before it were,
    /// those after it are dropped.
    pub fn post_all(&self, messages: impl IntoIterator<Item = T>) -> Result<usize, PostError<T>> {
        // An iterator is foreign code, so it runs before the lock is taken.
        let mut rest = messages.into_iter().collect::<Vec<_>>().into_iter();
        let count = rest.len();
        let queue = &*self.queue;
        let mut state = lock(&queue.state);
        while rest.len() > 0 {
            let room = queue.capacity.saturating_sub(state.held()).min(rest.len());
            if !state.closed && room > 0 {
                state.will_join(room);
                if room == rest.len() {
                    state.waiting.extend(std::mem::take(&mut rest));
                } else {
                    state.waiting.extend(rest.by_ref().take(room));
                }
                state.count_joined();
                if state.rouse() {
                    drop(state);
                    (queue.wake)();
                    state = lock(&queue.state);
                }
                continue;
            }
            if state.closed || (queue.overflow == Overflow::Block && state.is_consumer()) {
                let closed = state.closed;
                drop(state);
                // The loop goes on only while a message is left.
                let Some(first) = rest.next() else { return Ok(count) };
                return Err(if closed { PostError::Closed(first) } else { PostError::Full(first) });
            }
            match queue.overflow {
                Overflow::Block => state = queue.wait_for_room(state, None),
                Overflow::DropNewest => {
                    state.drop_new(rest.len());
                    drop(state);
                    return Ok(count); // drops the rest
                }
                Overflow::DropOldest | Overflow::Latest => {
                    // The newest `kept` survive; all that is older makes room for them.
                    let kept = rest.len().min(queue.capacity);
                    let older = rest.len() - kept;
                    let skipped: Vec<T> = rest.by_ref().take(older).collect();
                    let oldest = state.waiting.len().min(kept + state.held() - queue.capacity);
                    let discarded: Vec<T> = state.waiting.drain(..oldest).collect();
                    state.drop_new(skipped.len());
                    state.stats.dropped += oldest as u64;
                    state.will_join(kept);
                    state.waiting.extend(rest);
                    state.count_joined();
                    let rouse = state.rouse();
                    drop(state);
                    drop((skipped, discarded));
                    if rouse {
                        (queue.wake)();
                    }
                    return Ok(count);
                }
            }
        }
        Ok(count)
    }

    /// Posts a message as [`post`](Self::post) does, and waits for room without blocking a thread.
    ///
    /// # Errors
    /// [`PostError::Closed`] with the message when the consumer has closed the queue.
    pub fn post_async(&self, message: T) -> PostFuture<'_, T> {
        PostFuture { queue: &self.queue, message: Some(message), waker: None }
    }

    /// Sleeps until `deadline`, or until the queue is closed.
    ///
    /// # Errors
    /// [`Closed`], at once, when the consumer has closed the queue.
    pub fn sleep_until(&self, deadline: Instant) -> Result<(), Closed> {
        let mut state = lock(&self.queue.state);
        loop {
            if state.closed {
                return Err(Closed);
            }
            if deadline <= Instant::now() {
                return Ok(());
            }
            state = wait(&self.queue.closing, state, Some(deadline));
        }
    }

    /// Whether the consumer has closed the queue.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        lock(&self.queue.state).closed
    }
}

impl<T> Clone for Producer<T> {
    fn clone(&self) -> Self {
        lock(&self.queue.state).producers += 1;
        Self { queue: Arc::clone(&self.queue) }
    }
}

impl<T> Drop for Producer<T> {
    fn drop(&mut self) {
        let mut state = lock(&self.queue.state);
        state.producers -= 1;
        let rouse = state.producers == 0 && state.rouse();
        drop(state);
        if rouse {
            (self.queue.wake)();
        }
    }
}

impl<T> fmt::Debug for Producer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer").finish_non_exhaustive()
    }
}

/// A message on its way into the queue: see [`Producer::post_async`].
#[must_use = "a future does nothing unless it is polled"]
pub struct PostFuture<'a, T> {
    queue: &'a Queue<T>,
    message: Option<T>,
    /// The key of this future's waker in the queue.
    waker: Option<u64>,
}

impl<T> Unpin for PostFuture<'_, T> {}

impl<T> Future for PostFuture<'_, T> {
    type Output = Result<(), PostError<T>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(message) = self.message.take() else { return Poll::Pending };
        let mut state = match self.queue.offer(lock(&self.queue.state), message) {
            Offer::Posted => return Poll::Ready(Ok(())),
            Offer::Closed(message) => return Poll::Ready(Err(PostError::Closed(message))),
            Offer::Full(mut state, message) => {
                if self.queue.overflow == Overflow::DropNewest {
                    state.drop_new(1);
                    drop(state);
                    return Poll::Ready(Ok(()));
                }
                self.message = Some(message);
                state
            }
        };
        let key = self.waker.unwrap_or_else(|| {
            state.next_waker += 1;
            state.next_waker
        });
        let replaced = state.wakers.insert(key, context.waker().clone());
        drop(state);
        drop(replaced); // foreign code
        self.waker = Some(key);
        Poll::Pending
    }
}

impl<T> Drop for PostFuture<'_, T> {
    fn drop(&mut self) {
        if let Some(key) = self.waker {
            let removed = lock(&self.queue.state).wakers.remove(&key);
            drop(removed);
        }
    }
}

impl<T> fmt::Debug for PostFuture<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostFuture").finish_non_exhaustive()
    }
}

/// The end that takes. It never waits. Dropping it closes the queue.
pub struct Consumer<T> {
    queue: Arc<Queue<T>>,
}

impl<T> Consumer<T> {
    /// Takes up to `max` messages, at least one if one waits.
    ///
    /// Taken messages count as delivered. Only [`Taken::Empty`] and [`Taken::Ended`] answer a
    /// wake-up: after [`Taken::Some`] the consumer must look again, now or later, for it will not
    /// be woken before it has.
    pub fn take(&self, max: usize) -> Taken<Vec<T>> {
        // A look for no message must not answer the wake-up.
        self.take_with(max.max(1), 0, |waiting, count| waiting.drain(..count).collect())
    }

    /// As [`take`](Self::take), but the messages count against the capacity until the next look:
    /// for a consumer that hands them on one by one and wants producers to wait for the last of
    /// them.
    pub fn take_lent(&self, max: usize) -> Taken<Vec<T>> {
        self.take_with(max.max(1), usize::MAX, |waiting, count| waiting.drain(..count).collect())
    }

    /// Closes the queue: what waits is dropped, producers are released, and posts fail from now on.
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
    /// [`PostError::Full`].
    pub fn bind_to_this_thread(&self) {
        lock(&self.queue.state).consumer = Some(std::thread::current().id());
    }

    /// Counts `count` messages that were taken as failed, not as delivered.
    pub fn failed(&self, count: usize) {
        let mut state = lock(&self.queue.state);
        state.stats.delivered -= count as u64;
        state.stats.failed += count as u64;
    }

    /// Counts `count` messages that were taken as dropped, not as delivered.
    pub fn discarded(&self, count: usize) {
        let mut state = lock(&self.queue.state);
        state.stats.delivered -= count as u64;
        state.stats.dropped += count as u64;
    }

    /// The counters, all read at one moment.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let state = lock(&self.queue.state);
        Stats { waiting: state.waiting.len(), ..state.stats }
    }

    /// The capacity in force.
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
