//! The event loop's end of a bridge: the queue's consumer, the wake-up, the thread, and what
//! becomes of them at the end.
//!
//! | by | queue | `on_stop` | threadsafe function | thread |
//! | --- | --- | --- | --- | --- |
//! | `stop` | closed | called | stays | joined by `end`, once it has returned |
//! | `end`, after the last message | closed | dropped | released | joined |
//! | `close`, the environment ends | closed | called | aborted | joined by `join` |

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::VecDeque;
use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::rc::Rc;
use std::time::Instant;

use napi::bindgen_prelude::{Env, PromiseRaw};
use napi::{Status, check_status, sys};

use super::environment::{Environment, Hook, Member};
use super::value::{coded, thread_error_value, undefined};
use super::wakeup::{Drain, ReleaseMode, Wakeup};
use crate::budget::{Step, TurnBudget};
use crate::{Consumer, Options, Overflow, Producer, Stats, Taken, Thread, ThreadError, queue};

/// Messages of a smaller queue are taken one by one, so that it is never half lent out.
const MIN_LENDING_CAPACITY: usize = 32;
/// Messages in hand at the most. All of them count against the capacity until the last was
/// delivered: half a queue of them would make producers wait for no reason.
const MAX_IN_HAND: usize = 64;

/// Called once, when the bridge is stopped or its environment ends.
pub(super) type OnStop = Box<dyn FnOnce()>;

/// What the event loop's thread owns of a bridge. Lives on that thread alone.
pub(super) struct Inbox<T: 'static> {
    name: Box<str>,
    environment: Rc<Environment>,
    consumer: Consumer<T>,
    wakeup: Wakeup,
    overflow: Overflow,
    thread: RefCell<Option<Thread>>,
    on_stop: Cell<Option<OnStop>>,
    /// What `on_stop` panicked with.
    stop_error: Cell<Option<ThreadError>>,
    budget: Cell<TurnBudget>,
    /// The event loop must turn before more is taken; the drain is called in its next turn.
    has_yielded: Cell<bool>,
    /// The next look marks the end of this turn: setting an immediate takes longer than most
    /// callbacks, and what was taken shall not wait for it.
    marks: Cell<bool>,
    is_closed: Cell<bool>,
    /// Messages that were taken and not delivered yet, in order.
    in_hand: RefCell<VecDeque<T>>,
    /// Errors of messages that the program was not told yet.
    failures: RefCell<VecDeque<napi::Error>>,
    /// The promise of a callback is pending, and the next message waits for it.
    is_waiting: Cell<bool>,
    hook: Cell<Option<Hook>>,
    member: Cell<u64>,
    /// Promises of [`Inbox::done`].
    listeners: RefCell<Vec<sys::napi_deferred>>,
    outcome: RefCell<Option<Result<(), ThreadError>>>,
}

/// What a [`Receiver`](super::Receiver) has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received<B> {
    /// Messages. Hand them on, then take again, now or later: there is no wake-up before.
    Some(B),
    /// Nothing now; the function that [`Builder::receiver`](super::Builder::receiver) was given
    /// will be called.
    Nothing,
    /// Nothing, and never again: call [`Receiver::end`](super::Receiver::end).
    Ended,
}

impl<T: Send + 'static> Inbox<T> {
    /// A queue whose wake-up calls `drain` on the thread of `env`.
    pub(super) fn open(
        env: &Env,
        name: &str,
        options: Options,
        on_stop: Option<OnStop>,
        drain: Drain<'_>,
    ) -> napi::Result<(Rc<Self>, Producer<T>)> {
        if name.contains('\0') {
            let text = format!("the name of a bridge must not contain NUL; received {name:?}");
            return Err(coded(env, "ERR_TEXAMPLE_INVALID_ARGUMENT", &text));
        }
        let environment = Environment::of(env)?;
        let wakeup = Wakeup::new(env, name, drain)?;
        let (producer, consumer) = queue(options, {
            let wakeup = wakeup.clone();
            move || wakeup.wake()
        });
        consumer.bind_to_this_thread();
        // After the threadsafe function was made, so that it runs before that is taken down.
        let hook = Hook::add(&environment).inspect_err(|_| wakeup.close(ReleaseMode::Finish))?;
        let inbox = Rc::new(Self {
            name: name.into(),
            environment,
            consumer,
            wakeup,
            overflow: options.overflow,
            thread: RefCell::new(None),
            on_stop: Cell::new(on_stop),
            stop_error: Cell::new(None),
            budget: Cell::default(),
            has_yielded: Cell::new(false),
            marks: Cell::new(false),
            is_closed: Cell::new(false),
            in_hand: RefCell::default(),
            failures: RefCell::default(),
            is_waiting: Cell::new(false),
            hook: Cell::new(Some(hook)),
            member: Cell::new(0),
            listeners: RefCell::default(),
            outcome: RefCell::default(),
        });
        inbox.member.set(inbox.environment.add(Rc::clone(&inbox) as Rc<dyn Member>));
        Ok((inbox, producer))
    }

    /// As [`open`](Self::open), with a drain of ours, which `make` makes of the inbox.
    pub(super) fn open_native<D: Fn() -> napi::Result<()> + 'static>(
        env: &Env,
        name: &str,
        options: Options,
        on_stop: Option<OnStop>,
        make: impl FnOnce(&Rc<Self>) -> D,
    ) -> napi::Result<(Rc<Self>, Producer<T>)> {
        let slot = Rc::new(OnceCell::<D>::new());
        let drain = Rc::clone(&slot);
        let native = Drain::Native(Box::new(move |_| drain.get().map_or(Ok(()), |drain| drain())));
        let (inbox, producer) = Self::open(env, name, options, on_stop, native)?;
        // Empty until here: nothing has run on this thread since it was made.
        let _ = slot.set(make(&inbox));
        Ok((inbox, producer))
    }

    /// Starts the thread that posts. On an error the inbox has ended.
    pub(super) fn spawn<E>(
        self: &Rc<Self>,
        producer: Producer<T>,
        produce: impl FnOnce(&Producer<T>) -> Result<(), E> + Send + 'static,
    ) -> Result<(), ThreadError>
    where
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let wakeup = self.wakeup.clone();
        match Thread::spawn_then(&self.name, producer, produce, move || wakeup.wake()) {
            Ok(thread) => {
                *self.thread.borrow_mut() = Some(thread);
                Ok(())
            }
            Err(error) => {
                // The producer was dropped, which has asked for a drain that is not to run.
                self.wakeup.close(ReleaseMode::Abort);
                drop(self.on_stop.take());
                self.finish(Err(error.clone()));
                Err(error)
            }
        }
    }

    pub(super) fn consumer(&self) -> &Consumer<T> {
        &self.consumer
    }

    pub(super) fn wakeup(&self) -> &Wakeup {
        &self.wakeup
    }

    pub(super) fn environment(&self) -> &Rc<Environment> {
        &self.environment
    }

    pub(super) fn env(&self) -> sys::napi_env {
        self.environment.raw()
    }

    /// What to do now: `take` is told how many messages this turn has time for.
    pub(super) fn next<B>(
        self: &Rc<Self>,
        take: impl FnOnce(&Consumer<T>, usize) -> Taken<B>,
    ) -> napi::Result<Received<B>> {
        if self.has_ended() {
            return Ok(Received::Nothing);
        }
        if self.is_closed() {
            self.pause();
            // Clones of the producer may live on, in statics even: they are not waited for.
            let has_returned = self.thread.borrow().as_ref().is_none_or(Thread::has_returned);
            return Ok(if has_returned { Received::Ended } else { Received::Nothing });
        }
        if self.is_waiting.get() {
            self.pause();
            return Ok(Received::Nothing);
        }
        let Some(chunk) = self.time()? else { return Ok(Received::Nothing) };
        let next = match take(&self.consumer, chunk) {
            Taken::Some(batch) => return Ok(Received::Some(batch)),
            Taken::Empty => Received::Nothing,
            Taken::Ended => Received::Ended,
        };
        self.pause();
        Ok(next)
    }

    /// As [`next`](Self::next), for messages that are delivered one by one: those that are taken
    /// wait in hand, and count against the capacity for as long as they do.
    pub(super) fn next_in_hand(self: &Rc<Self>) -> napi::Result<Received<()>> {
        // A policy that drops must see all that wait, so nothing is taken ahead from under it.
        let lends = self.overflow == Overflow::Block && self.consumer.capacity() >= MIN_LENDING_CAPACITY;
        let most = (self.consumer.capacity() / 2).min(MAX_IN_HAND);
        let next = self.next(
            |consumer, chunk| {
                if lends { consumer.take_lent(chunk.min(most)) } else { consumer.take(1) }
            },
        )?;
        Ok(match next {
            Received::Some(batch) => {
                self.in_hand.borrow_mut().extend(batch);
                Received::Some(())
            }
            Received::Nothing => Received::Nothing,
            Received::Ended => Received::Ended,
        })
    }

    /// The next message in hand, if it may be delivered now.
    pub(super) fn take_in_hand(&self) -> Option<T> {
        if self.is_waiting.get() { None } else { self.in_hand.borrow_mut().pop_front() }
    }

    /// Whether messages that were taken are still to be delivered.
    pub(super) fn has_in_hand(&self) -> bool {
        !self.in_hand.borrow().is_empty()
    }

    /// Whether this turn has time for messages that were taken before. If not, a wake-up will come.
    pub(super) fn has_time(self: &Rc<Self>) -> napi::Result<bool> {
        Ok(self.time()?.is_some())
    }

    fn time(self: &Rc<Self>) -> napi::Result<Option<usize>> {
        if self.marks.take() {
            self.environment.mark_turn()?;
        }
        if self.has_yielded.get() {
            return Ok(None); // Woken once more, and the event loop has not turned yet.
        }
        let mut budget = self.budget.get();
        let step = budget.next(Instant::now(), self.environment.turn(), 1 + self.environment.yielded());
        self.budget.set(budget);
        Ok(match step {
            Step::Take(chunk) => Some(chunk),
            Step::MarkAndTake(chunk) => {
                self.marks.set(true);
                Some(chunk)
            }
            Step::Yield => {
                self.environment.yield_turn(Rc::clone(self) as Rc<dyn Member>)?;
                self.has_yielded.set(true);
                None
            }
        })
    }

    fn pause(&self) {
        let mut budget = self.budget.get();
        budget.pause();
        self.budget.set(budget);
    }

    /// The next message waits until [`goes_on`](Self::goes_on).
    pub(super) fn wait_for_promise(&self) {
        self.is_waiting.set(true);
        self.pause();
    }

    pub(super) fn goes_on(&self) {
        self.is_waiting.set(false);
        self.wakeup.wake();
    }

    /// A message could not be converted: the program will be told.
    pub(super) fn fails(&self, error: napi::Error) {
        self.consumer.failed(1);
        self.failures.borrow_mut().push_back(error);
    }

    /// What the program is to be told next.
    pub(super) fn next_failure(&self) -> Option<napi::Error> {
        self.failures.borrow_mut().pop_front()
    }

    /// Keeps the event loop alive, or lets it end.
    pub(super) fn set_ref(&self, keep_alive: bool) {
        self.wakeup.set_ref(self.env(), keep_alive);
    }

    /// The counters of the queue. A message in hand waits.
    pub(super) fn stats(&self) -> Stats {
        let in_hand = self.in_hand.borrow().len();
        let stats = self.consumer.stats();
        Stats { delivered: stats.delivered - in_hand as u64, waiting: stats.waiting + in_hand, ..stats }
    }

    /// Drops what waits and calls `on_stop`. What is left is the end of the thread.
    pub(super) fn stop(&self) {
        self.shut();
        // The thread may have returned already, while clones of its producer live on.
        self.wakeup.wake();
    }

    /// Whether the bridge was stopped. Only this thread closes its queue.
    pub(super) fn is_closed(&self) -> bool {
        self.is_closed.get()
    }

    fn shut(&self) {
        self.is_closed.set(true);
        self.consumer.close();
        let in_hand = self.in_hand.take();
        self.consumer.discarded(in_hand.len());
        drop(in_hand);
        let Some(on_stop) = self.on_stop.take() else { return };
        if let Err(panic) = catch_unwind(AssertUnwindSafe(on_stop)) {
            let name = format!("{}: on_stop", self.name);
            self.stop_error.set(Some(ThreadError::panicked(&name, panic.as_ref())));
        }
    }

    /// A promise for the end: it settles after the last message, when the thread was joined.
    pub(super) fn done<'env>(&self, env: &'env Env) -> napi::Result<PromiseRaw<'env, ()>> {
        let (mut deferred, mut promise) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: a live environment on its own thread.
        let status = unsafe { sys::napi_create_promise(env.raw(), &mut deferred, &mut promise) };
        check_status!(status, "the promise of \"{}\"", self.name)?;
        let outcome = self.outcome.borrow().clone();
        match outcome {
            // SAFETY: the deferred was made above.
            Some(outcome) => unsafe { self.settle(deferred, &outcome) },
            None => self.listeners.borrow_mut().push(deferred),
        }
        Ok(PromiseRaw::new(env.raw(), promise))
    }

    /// # Safety
    /// `deferred` is of this environment, and was not settled before.
    unsafe fn settle(&self, deferred: sys::napi_deferred, outcome: &Result<(), ThreadError>) {
        let env = self.env();
        // It fails only where the environment ends, and then nothing is left to be told.
        // SAFETY: the caller's promise.
        unsafe {
            match outcome {
                Ok(()) => sys::napi_resolve_deferred(env, deferred, undefined(env)),
                Err(error) => sys::napi_reject_deferred(env, deferred, thread_error_value(env, error)),
            };
        }
    }

    fn has_ended(&self) -> bool {
        self.outcome.borrow().is_some()
    }

    /// Joins the thread and releases the threadsafe function, after [`Received::Ended`]; how the
    /// thread has ended.
    pub(super) fn end(&self) -> Result<(), ThreadError> {
        if let Some(outcome) = self.outcome.borrow().clone() {
            return outcome;
        }
        self.consumer.close();
        drop(self.on_stop.take());
        let outcome = self.join_thread();
        self.wakeup.close(ReleaseMode::Finish);
        self.finish(outcome.clone());
        outcome
    }

    /// As [`end`](Self::end), and tells the program: the listeners, or as an exception where there
    /// are none.
    pub(super) fn end_and_tell(&self) -> napi::Result<()> {
        // What a read that `on_stop` has interrupted returns is no surprise.
        let was_stopped = self.is_closed();
        let outcome = self.end();
        let listeners = self.listeners.take();
        let has_listeners = !listeners.is_empty();
        for deferred in listeners {
            // SAFETY: each was made by `done`, and is taken out here.
            unsafe { self.settle(deferred, &outcome) };
        }
        match outcome {
            Err(ThreadError::Failed(_)) if was_stopped => Ok(()),
            Err(error) if !has_listeners => {
                // SAFETY: on the thread of a live environment, in the scope of the drain.
                unsafe { sys::napi_throw(self.env(), thread_error_value(self.env(), &error)) };
                Err(napi::Error::from_status(Status::PendingException))
            }
            _ => Ok(()),
        }
    }

    fn join_thread(&self) -> Result<(), ThreadError> {
        let outcome = self.thread.borrow_mut().take().map_or(Ok(()), Thread::join);
        outcome.and_then(|()| self.stop_error.take().map_or(Ok(()), Err))
    }

    fn finish(&self, outcome: Result<(), ThreadError>) {
        *self.outcome.borrow_mut() = Some(outcome);
        if self.environment.has_ended() {
            return;
        }
        self.environment.remove(self.member.get());
        if let Some(hook) = self.hook.take() {
            hook.remove();
        }
    }
}

impl<T: Send + 'static> Member for Inbox<T> {
    fn turned(&self) {
        self.has_yielded.set(false);
        self.wakeup.wake();
    }

    fn close(&self) {
        self.wakeup.close(ReleaseMode::Abort);
        self.shut();
    }

    fn join(&self) {
        // A failure has nothing left to be told to.
        let outcome = self.join_thread();
        self.finish(outcome);
    }
}
