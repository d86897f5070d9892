//! A queue that JavaScript empties by itself.

use std::error::Error;
use std::fmt;
use std::rc::Rc;

use napi::bindgen_prelude::{Env, FromNapiValue, Function, JsValue, JsValuesTupleIntoVec};

use super::bridge::Builder;
use super::inbox::{Inbox, Received};
use super::value::not_started;
use super::wakeup::Drain;
use crate::{Producer, Stats, Taken, ThreadError};

/// The end of a bridge for JavaScript that takes messages when it wants them, as an async iterator
/// does.
///
/// A handle stays on the thread of its environment. It ends as a [`Bridge`](super::Bridge) does,
/// except that [`end`](Self::end) has to be called.
pub struct Receiver<T: 'static> {
    inbox: Rc<Inbox<T>>,
}

impl<T: Send + 'static> Builder<T> {
    /// Opens a bridge that calls back with no message: `notify` is called, without arguments, when
    /// there is something to take. JavaScript takes it through functions that you export over those
    /// of the [`Receiver`].
    ///
    /// # Errors
    /// As [`Ready::spawn`](super::Ready::spawn).
    pub fn receiver<A: JsValuesTupleIntoVec, R>(
        self,
        env: &Env,
        notify: &Function<'_, A, R>,
    ) -> napi::Result<(Receiver<T>, Producer<T>)> {
        // SAFETY: the same function, in the same scope; what it returns is of no interest, so it is
        // not converted.
        let notify = unsafe { Function::<'_, (), ()>::from_napi_value(env.raw(), notify.raw()) }?;
        let drain = Drain::JavaScript(notify);
        let (inbox, producer) = Inbox::open(env, &self.name, self.options, self.on_stop, drain)?;
        Ok((Receiver { inbox }, producer))
    }
}

impl<T: Send + 'static> Receiver<T> {
    /// Starts a thread that runs `produce`, as [`Ready::spawn`](super::Ready::spawn) does.
    ///
    /// # Errors
    /// When the operating system gives no thread (`ERR_TEXAMPLE_THREAD_FAILED`); the receiver has
    /// ended then.
    pub fn spawn<E>(
        &self,
        env: &Env,
        producer: Producer<T>,
        produce: impl FnOnce(&Producer<T>) -> Result<(), E> + Send + 'static,
    ) -> napi::Result<()>
    where
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        self.inbox.spawn(producer, produce).map_err(|error| not_started(env, &error))
    }

    /// Takes up to `most` messages; 0 counts as 1; fewer when this turn of the event loop
    /// has no time for so many.
    ///
    /// # Errors
    /// When the environment is about to end.
    pub fn take(&self, most: usize) -> napi::Result<Received<Vec<T>>> {
        self.inbox.next(|consumer, chunk| consumer.take(chunk.min(most)))
    }

    /// Whether this turn of the event loop has time to hand on messages that were taken before. If
    /// not, `notify` is called in the next one.
    ///
    /// # Errors
    /// When the environment is about to end.
    pub fn has_time(&self) -> napi::Result<bool> {
        self.inbox.has_time()
    }

    /// As [`Bridge::stop`](super::Bridge::stop).
    pub fn stop(&self) {
        self.inbox.stop();
    }

    /// As [`Bridge::set_ref`](super::Bridge::set_ref).
    pub fn set_ref(&self, keep_alive: bool) {
        self.inbox.set_ref(keep_alive);
    }

    /// The counters; a message that was taken counts as delivered.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.inbox.stats()
    }

    /// Joins the thread and releases the threadsafe function, after [`Received::Ended`]. A later
    /// call returns the same.
    ///
    /// # Errors
    /// The error that the thread returned, or its panic.
    pub fn end(&self) -> Result<(), ThreadError> {
        self.inbox.end()
    }
}

impl<T: Copy + Send + 'static> Receiver<T> {
    /// As [`take`](Self::take), into `target`, at most as many messages as it holds. Returns how
    /// many there are: none for an empty `target` while messages wait.
    ///
    /// # Errors
    /// When the environment is about to end.
    pub fn take_into(&self, target: &mut [T]) -> napi::Result<Received<usize>> {
        self.fill(target, |consumer, target| consumer.take_into(target))
    }

    /// As [`take_into`](Self::take_into), but the messages count against the capacity until the
    /// next take: producers wait until the last was handed on.
    ///
    /// # Errors
    /// When the environment is about to end.
    pub fn lend(&self, target: &mut [T]) -> napi::Result<Received<usize>> {
        self.fill(target, |consumer, target| consumer.lend(target))
    }

    fn fill(
        &self,
        target: &mut [T],
        take: impl FnOnce(&crate::Consumer<T>, &mut [T]) -> Taken<usize>,
    ) -> napi::Result<Received<usize>> {
        self.inbox.next(|consumer, chunk| {
            let chunk = chunk.min(target.len());
            take(consumer, &mut target[..chunk])
        })
    }
}

impl<T: 'static> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").finish_non_exhaustive()
    }
}
