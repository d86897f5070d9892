//! The main thread's end of a bridge: the queue's consumer, the wake-up, the thread
//! and the hook that stops it when the environment ends.

use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::rc::Rc;
use std::time::Instant;

use napi::bindgen_prelude::Env;
use napi::{check_status, sys};

use super::wakeup::{Drain, Wakeup};
use crate::budget::Pace;
use crate::{Consumer, Options, Producer, Taken, Thread, ThreadError, queue};

thread_local! {
    /// Links of this thread that have had their share of the turn and wait for the next one.
    static WAITING: Cell<usize> = const { Cell::new(0) };
}

/// What the main thread owns of a bridge. Lives on that thread alone.
pub struct Link<T: 'static> {
    env: sys::napi_env,
    consumer: Consumer<T>,
    wakeup: Wakeup,
    thread: RefCell<Option<Thread>>,
    pace: Cell<Pace>,
    /// This turn is over; the event loop must turn before more is taken.
    spent: Cell<bool>,
    hooked: Cell<bool>,
    keeps_alive: Cell<bool>,
}

/// What there is to do for the one who drains.
pub enum Turn<B> {
    /// Hand these on, then look again.
    Deliver(B),
    /// Nothing; a wake-up will come.
    Rest,
    /// Let the event loop turn, then call [`Link::turn`].
    Yield,
    /// Nothing, and never again: call [`Link::end`].
    End,
}

impl<T: Send + 'static> Link<T> {
    /// A queue whose wake-up calls `drain` on the thread of `env`.
    ///
    /// Threads are stopped and joined when the environment ends, if they have not been before.
    pub fn open(
        env: &Env,
        name: &str,
        options: Options,
        drain: Drain<'_>,
    ) -> napi::Result<(Rc<Self>, Producer<T>)> {
        let wakeup = Wakeup::new(env, name, drain)?;
        let (producer, consumer) = queue(options, {
            let wakeup = wakeup.clone();
            move || wakeup.wake()
        });
        let link = Rc::new(Self {
            env: env.raw(),
            consumer,
            wakeup,
            thread: RefCell::new(None),
            pace: Cell::new(Pace::default()),
            spent: Cell::new(false),
            hooked: Cell::new(false),
            keeps_alive: Cell::new(true),
        });
        // Hooks run last in, first out: this one, added after the threadsafe function was made, runs before
        // Node takes that away.
        let data = Rc::into_raw(Rc::clone(&link));
        // SAFETY: `env` is live; the hook owns the reference it is given, until it runs or is removed.
        let status = unsafe {
            sys::napi_add_env_cleanup_hook(env.raw(), Some(environment_ends::<T>), data.cast_mut().cast())
        };
        check_status!(status, "the cleanup hook of \"{name}\" could not be added").inspect_err(|_| {
            // SAFETY: the call failed, so the hook will not take the reference that it was offered.
            drop(unsafe { Rc::from_raw(data) });
            link.wakeup.close(false);
        })?;
        link.hooked.set(true);
        Ok((link, producer))
    }

    /// Starts the thread that posts. On an error the link has ended.
    pub fn spawn(
        self: &Rc<Self>,
        name: &str,
        producer: Producer<T>,
        produce: impl FnOnce(&Producer<T>) + Send + 'static,
    ) -> Result<(), ThreadError> {
        let thread = Thread::spawn(name, producer, produce);
        match thread {
            Ok(thread) => {
                *self.thread.borrow_mut() = Some(thread);
                Ok(())
            }
            Err(error) => {
                // The producer was dropped, which woke a drain that nobody is to see.
                self.wakeup.close(true);
                let _ = self.end(); // No thread, so no second error.
                Err(error)
            }
        }
    }

    pub fn consumer(&self) -> &Consumer<T> {
        &self.consumer
    }

    /// What to do now: `take` is told how many messages this turn has time for.
    pub fn next<B>(&self, take: impl FnOnce(&Consumer<T>, usize) -> Taken<B>) -> Turn<B> {
        let Some(chunk) = self.time() else { return Turn::Yield };
        let turn = match take(&self.consumer, chunk) {
            Taken::Some(batch) => return Turn::Deliver(batch),
            Taken::Empty => Turn::Rest,
            Taken::Ended => Turn::End,
        };
        let mut pace = self.pace.get();
        pace.pause(Instant::now());
        self.pace.set(pace);
        turn
    }

    /// Whether this turn has time for messages that were taken before; if not, it is to be yielded.
    pub fn has_time(&self) -> bool {
        self.time().is_some()
    }

    fn time(&self) -> Option<usize> {
        if self.spent.get() {
            return None; // Woken once more, and the event loop has not turned yet.
        }
        let mut pace = self.pace.get();
        let chunk = pace.next(Instant::now(), 1 + WAITING.get());
        self.pace.set(pace);
        if chunk.is_none() {
            self.spent.set(true);
            WAITING.set(WAITING.get() + 1);
        }
        chunk
    }

    /// The event loop has turned: `drain` will be called by its next poll.
    ///
    /// The wake-up is needed even though the caller could drain now: beside an idle server the loop
    /// would sleep in its next poll, however many unref'd immediates wait.
    pub fn turn(&self) {
        self.turned();
        self.wakeup.wake();
    }

    fn turned(&self) {
        if self.spent.replace(false) {
            WAITING.set(WAITING.get() - 1);
        }
        let mut pace = self.pace.get();
        pace.turned();
        self.pace.set(pace);
    }

    /// Keeps the event loop alive, or lets it end.
    pub fn set_ref(&self, keep_alive: bool) {
        self.keeps_alive.set(keep_alive);
        self.wakeup.set_ref(self.env, keep_alive);
    }

    pub fn has_ref(&self) -> bool {
        self.keeps_alive.get()
    }

    /// Joins the thread and lets go of everything. To be called after [`Turn::End`]; safe to call twice.
    ///
    /// # Errors
    /// [`ThreadError`] when the thread did.
    pub fn end(self: &Rc<Self>) -> Result<(), ThreadError> {
        let outcome = self.shut(false);
        if self.hooked.replace(false) {
            let data = Rc::as_ptr(self);
            // SAFETY: `hooked` says that the hook is there, with a reference of its own, which is taken back here.
            unsafe {
                sys::napi_remove_env_cleanup_hook(
                    self.env,
                    Some(environment_ends::<T>),
                    data.cast_mut().cast(),
                );
                drop(Rc::from_raw(data));
            }
        }
        outcome
    }

    fn shut(&self, environment_ends: bool) -> Result<(), ThreadError> {
        self.turned();
        self.consumer.close();
        if environment_ends {
            self.wakeup.close(true);
        }
        let outcome = self.thread.borrow_mut().take().map_or(Ok(()), Thread::join);
        self.wakeup.close(environment_ends);
        outcome
    }
}

unsafe extern "C" fn environment_ends<T: Send + 'static>(link: *mut c_void) {
    // SAFETY: the reference that `Link::open` gave away; `Link::end` removes the hook before it takes it back.
    let link = unsafe { Rc::from_raw(link.cast_const().cast::<Link<T>>()) };
    link.hooked.set(false);
    // A panic of the thread has nobody left to be told to.
    let _ = link.shut(true);
}
