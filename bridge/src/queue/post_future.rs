//! A post that waits for room without blocking a thread.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::options::Overflow;
use super::post_error::PostError;
use super::state::{Offer, Queue};
use crate::sync::lock;

/// The future of [`Producer::post_async`](super::Producer::post_async).
///
/// Dropped before it is ready, it drops its message, which is not posted then.
#[must_use = "a future does nothing unless it is polled"]
pub struct PostFuture<'a, T> {
    queue: &'a Queue<T>,
    message: Option<T>,
    /// The key of this future's waker in the queue.
    waker: Option<u64>,
}

impl<'a, T> PostFuture<'a, T> {
    pub(super) fn new(queue: &'a Queue<T>, message: T) -> Self {
        Self { queue, message: Some(message), waker: None }
    }
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
