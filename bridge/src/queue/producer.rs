//! The end of a queue that posts.

use std::fmt;
use std::time::Instant;

use super::options::Overflow;
use super::post_error::{Closed, PostError};
use super::post_future::PostFuture;
use super::state::{Offer, Queue};
use crate::sync::{Arc, lock, wait};

/// The end that posts, on any thread. Clones post to the same queue. When the last one was dropped
/// and the last message was taken, the consumer finds [`Taken::Ended`](super::Taken::Ended).
pub struct Producer<T> {
    pub(super) queue: Arc<Queue<T>>,
}

impl<T> Producer<T> {
    /// Posts a message. It waits for room under [`Overflow::Block`], and under no other policy.
    ///
    /// # Errors
    /// [`PostError::Closed`] with the message when the consumer has closed the queue.
    /// [`PostError::Full`] on the thread that
    /// [`Consumer::bind_to_this_thread`](super::Consumer::bind_to_this_thread) has named, where
    /// waiting would never end.
    pub fn post(&self, message: T) -> Result<(), PostError<T>> {
        self.queue.post(message, None)
    }

    /// Posts a message as [`post`](Self::post) does, and waits for room until `deadline` at the
    /// latest.
    ///
    /// # Errors
    /// As [`post`](Self::post), and [`PostError::Full`] when there was no room by then.
    pub fn post_until(&self, message: T, deadline: Instant) -> Result<(), PostError<T>> {
        self.queue.post(message, Some(deadline))
    }

    /// Posts a message, and never waits.
    ///
    /// Under the policies that drop old messages it makes room, as [`post`](Self::post) does.
    ///
    /// # Errors
    /// [`PostError::Full`] with the message when there is no room, also under
    /// [`Overflow::DropNewest`]: the message then counts neither as posted nor as dropped.
    /// [`PostError::Closed`] with the message when the consumer has closed the queue.
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

    /// Posts messages in order, each as [`post`](Self::post) would, and many under one lock.
    ///
    /// Returns how many messages the iterator gave. All of them count as posted in
    /// [`Stats`](crate::Stats), also those that the policy dropped.
    ///
    /// # Errors
    /// As [`post`](Self::post), with the first message that was not posted. Those before it were
    /// posted, and those after it are lost: they are neither posted nor handed back.
    pub fn post_all(&self, messages: impl IntoIterator<Item = T>) -> Result<usize, PostError<T>> {
        // An iterator is foreign code, so it runs before the lock is taken.
        let mut rest = messages.into_iter().collect::<Vec<_>>().into_iter();
        let count = rest.len();
        let queue = &*self.queue;
        let mut state = lock(&queue.state);
        while rest.len() > 0 {
            let room = queue.capacity.saturating_sub(state.held()).min(rest.len());
            if !state.closed && room > 0 {
                if room == rest.len() {
                    // Moved as one block of memory.
                    state.join(room, |waiting| waiting.extend(std::mem::take(&mut rest)));
                } else {
                    state.join(room, |waiting| waiting.extend(rest.by_ref().take(room)));
                }
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
                    queue.post_newest(state, rest);
                    return Ok(count);
                }
            }
        }
        Ok(count)
    }

    /// Posts a message as [`post`](Self::post) does, in a task of any executor: it waits for room
    /// without blocking a thread, so the consumer's thread may do it too.
    ///
    /// # Errors
    /// [`PostError::Closed`] with the message when the consumer has closed the queue.
    pub fn post_async(&self, message: T) -> PostFuture<'_, T> {
        PostFuture::new(&self.queue, message)
    }

    /// Sleeps until `deadline`, or until the queue is closed: a sleep that
    /// [`Consumer::close`](super::Consumer::close) ends.
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
