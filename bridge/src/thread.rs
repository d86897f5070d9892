//! A producer's thread: named, owned, joined, and closed to panics at its edge.

use std::error::Error;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle};

use crate::{AskError, Closed, PostError, Producer, ThreadError};

/// A thread that posts. Its owner joins it, after the consumer has found
/// [`Taken::Ended`](crate::Taken::Ended) or has closed the queue: before that, to join may wait for
/// a producer that waits for room.
#[derive(Debug)]
pub struct Thread {
    handle: JoinHandle<Result<(), ThreadError>>,
    has_returned: Arc<AtomicBool>,
}

impl Thread {
    /// Starts a thread called `name` that runs `produce` and then drops `producer`.
    ///
    /// `produce` is to return when a post or a sleep fails because the queue is closed. To return
    /// that error, or one that has it as its source, is no failure; neither is [`AskError::Closed`]
    /// once the queue is closed.
    ///
    /// # Errors
    /// [`ThreadError::NotStarted`] when the operating system has no thread to give, or `name` holds
    /// a NUL.
    pub fn spawn<T, E>(
        name: &str,
        producer: Producer<T>,
        produce: impl FnOnce(&Producer<T>) -> Result<(), E> + Send + 'static,
    ) -> Result<Self, ThreadError>
    where
        T: Send + 'static,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        Self::spawn_then(name, producer, produce, || {})
    }

    /// As [`spawn`](Self::spawn); `was_closed` is called at the very end, if the queue was closed
    /// by then.
    ///
    /// Of two threads, one that closes the queue and then looks at
    /// [`has_returned`](Self::has_returned) and this one, at least one learns of the other.
    pub(crate) fn spawn_then<T, E>(
        name: &str,
        producer: Producer<T>,
        produce: impl FnOnce(&Producer<T>) -> Result<(), E> + Send + 'static,
        was_closed: impl FnOnce() + Send + 'static,
    ) -> Result<Self, ThreadError>
    where
        T: Send + 'static,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let not_started =
            |source: io::Error| ThreadError::NotStarted { name: name.into(), source: Arc::new(source) };
        if name.contains('\0') {
            return Err(not_started(io::Error::new(
                io::ErrorKind::InvalidInput,
                "a name must not contain NUL; leave it out",
            )));
        }
        let has_returned = Arc::new(AtomicBool::new(false));
        let returned = Arc::clone(&has_returned);
        let label = name.to_owned();
        let edge = move || {
            let outcome = match catch_unwind(AssertUnwindSafe(|| produce(&producer).map_err(Into::into))) {
                Ok(Ok(())) => Ok(()),
                Ok(Err(error)) if says_closed(error.as_ref(), &producer) => Ok(()),
                Ok(Err(error)) => Err(ThreadError::Failed(error.into())),
                Err(panic) => Err(ThreadError::panicked(&label, panic.as_ref())),
            };
            returned.store(true, Ordering::SeqCst);
            let is_closed = producer.is_closed();
            drop(producer);
            if is_closed {
                was_closed();
            }
            outcome
        };
        let handle = Builder::new().name(name.to_owned()).spawn(edge).map_err(not_started)?;
        Ok(Self { handle, has_returned })
    }

    /// Whether `produce` has returned, after which [`join`](Self::join) takes no time.
    #[must_use]
    pub fn has_returned(&self) -> bool {
        self.has_returned.load(Ordering::SeqCst)
    }

    /// Waits until the thread has ended.
    ///
    /// # Errors
    /// [`ThreadError::Failed`] with the error that `produce` returned, [`ThreadError::Panicked`]
    /// with the message of its panic.
    pub fn join(self) -> Result<(), ThreadError> {
        let name = self.handle.thread().name().unwrap_or_default().to_owned();
        self.handle.join().unwrap_or_else(|panic| Err(ThreadError::panicked(&name, panic.as_ref())))
    }
}

/// Whether an error, or one that led to it, only says that the queue is closed. So does a question
/// that nothing answers any more, once the producer is closed too.
fn says_closed<T: 'static>(error: &(dyn Error + 'static), producer: &Producer<T>) -> bool {
    let is_unanswered = || error.downcast_ref() == Some(&AskError::Closed) && producer.is_closed();
    error.is::<Closed>()
        || error.downcast_ref::<PostError<T>>().is_some_and(PostError::is_closed)
        || is_unanswered()
        || error.source().is_some_and(|source| says_closed(source, producer))
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::{Options, Taken, queue};

    #[test]
    fn a_panic_is_the_error_of_its_thread_and_the_end() {
        let (producer, consumer) = queue(Options::default(), || {});
        let thread = Thread::spawn("faulty", producer, |producer| -> Result<(), Closed> {
            producer.post(1).unwrap();
            panic!("out of {}", "tea");
        })
        .unwrap();
        let error = thread.join().unwrap_err();
        assert_eq!(error.to_string(), "the thread \"faulty\" panicked: out of tea");
        assert_eq!(consumer.take(9), Taken::Some(vec![1]));
        assert_eq!(consumer.take(9), Taken::Ended);
    }

    #[test]
    fn a_thread_that_returns_closed_has_not_failed() {
        for sleeps in [true, false] {
            let (producer, consumer) = queue(Options { capacity: 1, ..Options::default() }, || {});
            consumer.close();
            let thread = Thread::spawn(
                "closed",
                producer,
                move |producer| -> Result<(), Box<dyn Error + Send + Sync>> {
                    if sleeps {
                        producer.sleep_until(Instant::now())?;
                    }
                    Ok(producer.post(1)?)
                },
            );
            thread.unwrap().join().unwrap();
        }
    }

    #[test]
    fn an_error_of_a_thread_is_returned_by_join() {
        let (producer, _consumer) = queue::<u8>(Options::default(), || {});
        let thread = Thread::spawn("failing", producer, |_| Err("unplugged")).unwrap();
        let error = thread.join().unwrap_err();
        assert!(
            matches!(&error, ThreadError::Failed(error) if error.to_string() == "unplugged"),
            "{error:?}"
        );
    }

    #[test]
    fn a_name_with_a_nul_is_an_error() {
        let (producer, _consumer) = queue::<u8>(Options::default(), || {});
        let error = Thread::spawn("COM1\0", producer, |_| Ok::<(), Closed>(())).unwrap_err();
        assert!(matches!(error, ThreadError::NotStarted { .. }));
    }

    #[test]
    fn no_answer_is_a_failure_unless_the_queue_is_closed() {
        for closes in [true, false] {
            let (producer, consumer) = queue::<u32>(Options::default(), || {});
            if closes {
                consumer.close();
            }
            let thread = Thread::spawn("asker", producer, |_| Err(AskError::Closed)).unwrap();
            assert_eq!(thread.join().is_ok(), closes);
        }
    }
}
