//! From producer threads to one consumer that must never wait: a bounded queue with a coalesced
//! wake-up.
//!
//! A producer posts from any thread. The first message that finds the consumer asleep wakes it;
//! every later one just joins the queue, so a wake-up costs once a burst, not once a message. The
//! consumer takes what is there, as much as it has time for, and never blocks. What happens when it
//! is too slow is the queue's [`Overflow`]: producers wait, or messages are dropped and counted.
//!
//! ```
//! use std::sync::mpsc;
//! use texample_bridge::{Options, PostError, Taken, Thread, queue};
//!
//! let (wake, woken) = mpsc::channel();
//! let (producer, consumer) = queue(Options::default(), move || wake.send(()).unwrap_or_default());
//! let thread = Thread::spawn("counter", producer, |producer| -> Result<(), PostError<i32>> {
//!     for i in 0..10 {
//!         producer.post(i)?; // fails when the consumer has closed the queue
//!     }
//!     Ok(())
//! })?;
//!
//! let mut sum = 0;
//! 'wakes: while woken.recv().is_ok() {
//!     loop {
//!         match consumer.take(4) {
//!             Taken::Some(batch) => sum += batch.iter().sum::<i32>(),
//!             Taken::Empty => break, // wait for the next wake-up
//!             Taken::Ended => break 'wakes, // no producer is left
//!         }
//!     }
//! }
//! thread.join()?;
//! assert_eq!(sum, 45);
//! # Ok::<(), texample_bridge::ThreadError>(())
//! ```
//!
//! The feature `napi` adds the module `napi`: bridges into the event loop of Node.js.

#![cfg_attr(not(feature = "napi"), forbid(unsafe_code))]

#[cfg(any(all(test, not(loom)), feature = "napi"))]
mod batch_size;
#[cfg(any(all(test, not(loom)), feature = "napi"))]
mod budget;
mod error;
#[cfg(feature = "napi")]
pub mod napi;
mod queue;
#[cfg(any(test, feature = "napi"))]
mod reply;
mod stats;
mod sync;
mod thread;

pub use error::{AskError, CodedError, ThreadError};
pub use queue::{Closed, Consumer, Options, Overflow, PostError, PostFuture, Producer, Taken, queue};
pub use stats::Stats;
pub use thread::Thread;
