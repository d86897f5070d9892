//! A producer's thread: named, owned, joined, and closed to panics at its edge.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

use crate::Producer;
use crate::ThreadError;

/// A thread that posts. Its owner joins it, after the consumer has seen
/// [`Taken::Ended`](super::Taken::Ended) or has closed the queue.
#[derive(Debug)]
pub struct Thread {
    handle: JoinHandle<Result<(), ThreadError>>,
}

impl Thread {
    /// Starts a thread called `name` that runs `produce` and then lets go of `producer`.
    ///
    /// Letting go is its last act, so a consumer that has seen the end joins without waiting.
    /// `produce` returns when a post or a sleep says that the queue is closed.
    ///
    /// # Errors
    /// [`ThreadError::NotStarted`] when the operating system has no thread to give.
    pub fn spawn<T, F>(name: &str, producer: Producer<T>, produce: F) -> Result<Self, ThreadError>
    where
        T: Send + 'static,
        F: FnOnce(&Producer<T>) + Send + 'static,
    {
        let label = name.to_owned();
        let edge = move || {
            let outcome = catch_unwind(AssertUnwindSafe(|| produce(&producer)));
            let outcome = outcome.map_err(|panic| panicked(&label, panic.as_ref()));
            drop(producer);
            outcome
        };
        let handle = Builder::new()
            .name(name.to_owned())
            .spawn(edge)
            .map_err(|source| ThreadError::NotStarted { name: name.into(), source: Arc::new(source) })?;
        Ok(Self { handle })
    }

    /// Waits until the thread has ended.
    ///
    /// # Errors
    /// [`ThreadError::Panicked`] when it panicked, with what it said.
    pub fn join(self) -> Result<(), ThreadError> {
        let name = self.handle.thread().name().unwrap_or_default().to_owned();
        self.handle.join().unwrap_or_else(|panic| Err(panicked(&name, panic.as_ref())))
    }
}

fn panicked(name: &str, panic: &(dyn Any + Send)) -> ThreadError {
    let said = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    ThreadError::Panicked { name: name.into(), message: said.into() }
}
