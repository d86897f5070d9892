//! A producer's thread: named, owned, joined, and closed to panics at its edge.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::{Builder, JoinHandle};

use super::Producer;
use crate::{Error, ErrorCode, Result};

/// A thread that posts. Its owner joins it, after the consumer has seen
/// [`Taken::Ended`](super::Taken::Ended) or has closed the queue.
#[derive(Debug)]
pub struct Thread {
    handle: JoinHandle<Result<()>>,
}

impl Thread {
    /// Starts a thread called `name` that runs `produce` and then lets go of `producer`.
    ///
    /// Letting go is its last act, so a consumer that has seen the end joins without waiting.
    /// `produce` returns when a post or a sleep says that the queue is closed.
    ///
    /// # Errors
    /// `ThreadPanicked` when the operating system has no thread to give, with its error as source.
    pub fn spawn<T, F>(name: &str, producer: Producer<T>, produce: F) -> Result<Self>
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
        let handle = Builder::new().name(name.to_owned()).spawn(edge).map_err(|error| {
            Error::new(
                ErrorCode::ThreadPanicked,
                format!("the thread \"{name}\" could not be started: {error}"),
            )
            .caused_by(error)
        })?;
        Ok(Self { handle })
    }

    /// Waits until the thread has ended.
    ///
    /// # Errors
    /// `ThreadPanicked` when it panicked, with what it said.
    pub fn join(self) -> Result<()> {
        let name = self.handle.thread().name().unwrap_or_default().to_owned();
        self.handle.join().unwrap_or_else(|panic| Err(panicked(&name, panic.as_ref())))
    }
}

fn panicked(name: &str, panic: &(dyn Any + Send)) -> Error {
    let said = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    Error::new(ErrorCode::ThreadPanicked, format!("the thread \"{name}\" panicked: {said}"))
}
