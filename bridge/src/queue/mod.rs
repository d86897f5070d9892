//! The queue between producers and the consumer: a mutex, two condition variables and a flag, small
//! enough to be model-checked.
//!
//! What holds whenever the lock is free:
//!
//! 1. Messages wait, or the consumer has not seen that the last producer is gone ⇒ `awake`: a
//!    wake-up was sent, and the consumer has not found the queue empty since.
//! 2. `waiting.len() + lent <= capacity`; one more where a policy that drops old messages finds all
//!    of them lent.
//! 3. A producer sleeps in `room`, or a future waits in `wakers` ⇒ more than half of the capacity
//!    is in use, or it has been notified.
//! 4. `closed` ⇒ nothing waits, and nothing will.
//! 5. `posted = delivered + failed + dropped + waiting.len()`.

mod consumer;
mod options;
mod post_error;
mod post_future;
mod producer;
mod state;

pub use consumer::{Consumer, Taken};
pub use options::{Options, Overflow};
pub use post_error::{Closed, PostError};
pub use post_future::PostFuture;
pub use producer::Producer;

use crate::sync::Arc;
use state::Queue;

/// Makes a queue for messages of any kind.
///
/// `wake` is called when there is something to take, a message or the end, and the consumer was not
/// told yet: by the thread that posts or that drops the last producer, outside of the queue's lock.
/// After a call there is no other before the consumer has found [`Taken::Empty`], so a burst costs
/// one call. `wake` must neither block nor panic.
pub fn queue<T>(options: Options, wake: impl Fn() + Send + Sync + 'static) -> (Producer<T>, Consumer<T>) {
    let queue = Arc::new(Queue::new(options, Box::new(wake)));
    (Producer { queue: Arc::clone(&queue) }, Consumer { queue })
}

#[cfg(all(test, not(loom)))]
mod tests;
