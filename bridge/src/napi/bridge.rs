//! A thread that posts, and the JavaScript callback that receives.

use std::error::Error;
use std::fmt;
use std::marker::PhantomData;
use std::rc::Rc;

use napi::bindgen_prelude::{Env, Function, JsValue, JsValuesTupleIntoVec, PromiseRaw};

use super::delivery::{Batch, Delivery};
use super::inbox::{Inbox, OnStop};
use super::value::{Reference, not_started};
use crate::{Options, Overflow, Producer, Stats};

/// The options of a bridge; made by [`Bridge::builder`].
pub struct Builder<T> {
    pub(super) name: String,
    pub(super) options: Options,
    pub(super) on_stop: Option<OnStop>,
    waits: bool,
    messages: PhantomData<fn(T)>,
}

impl<T: Send + 'static> Builder<T> {
    /// Messages that may wait for JavaScript; by default 1024, and 0 counts as 1. It bounds
    /// messages, not bytes: choose a small one for frames of 64 KB.
    #[must_use]
    pub fn capacity(mut self, capacity: usize) -> Self {
        self.options.capacity = capacity;
        self
    }

    /// What happens to a message when so many wait already; by default [`Overflow::Block`].
    #[must_use]
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.options.overflow = overflow;
        self
    }

    /// Calls `interrupt` once when the bridge is stopped or its environment ends, before the thread
    /// is joined: for a thread that waits elsewhere than in the bridge. It may shut down the
    /// thread's socket, for example, or close its queue.
    ///
    /// It is called on JavaScript's thread, after the queue was closed. It is not called when the
    /// thread returned before, nor where Node.js runs no cleanup hooks, as in `process.exit()` on
    /// the main thread of Node.js 20. Its panic is the error of the bridge: see [`Bridge::done`].
    #[must_use]
    pub fn on_stop(mut self, interrupt: impl FnOnce() + 'static) -> Self {
        self.on_stop = Some(Box::new(interrupt));
        self
    }

    /// Whether the next call waits until the promise that the callback returned has settled; by
    /// default it does not.
    ///
    /// So JavaScript holds the thread back: messages wait in the queue meanwhile, and its policy
    /// applies. A rejection is an `uncaughtException`. It has no effect on a
    /// [`receiver`](Self::receiver), where JavaScript decides when to take messages.
    #[must_use]
    pub fn wait_for_callback(mut self, wait: bool) -> Self {
        self.waits = wait;
        self
    }

    /// Calls back with several messages at a time: `B` is a [`Batch`] of them, such as
    /// `Vec<String>` for an array and `Float64Array` for a typed array.
    ///
    /// A call has up to 8192 of the messages that wait. A callback whose time grows with their
    /// number gets fewer, so that the event loop turns.
    ///
    /// # Errors
    /// When Node-API makes no reference to the callback.
    pub fn batches<B, R>(self, env: &Env, callback: &Function<'_, B, R>) -> napi::Result<Ready<T>>
    where
        B: Batch<T> + JsValuesTupleIntoVec + 'static,
    {
        self.ready(env, callback, |delivery, inbox| delivery.batches::<T, B>(inbox))
    }

    /// Calls back with one message at a time. A message that converts into
    /// [`FnArgs`](napi::bindgen_prelude::FnArgs), as a tuple does, is several arguments.
    ///
    /// # Errors
    /// When Node-API makes no reference to the callback.
    pub fn each<A, R>(self, env: &Env, callback: &Function<'_, A, R>) -> napi::Result<Ready<T>>
    where
        T: Into<A>,
        A: JsValuesTupleIntoVec + 'static,
    {
        self.ready(env, callback, |delivery, inbox| delivery.each::<T, A>(inbox))
    }

    fn ready<A: JsValuesTupleIntoVec, R>(
        self,
        env: &Env,
        callback: &Function<'_, A, R>,
        drain: fn(&Delivery, &Rc<Inbox<T>>) -> napi::Result<()>,
    ) -> napi::Result<Ready<T>> {
        // SAFETY: a function of `env`, on its thread.
        let callback = unsafe { Reference::new(env.raw(), callback.raw()) }?;
        let delivery = Delivery::new(callback, self.waits);
        Ok(Ready { env: *env, builder: self, delivery, drain })
    }
}

impl<T> fmt::Debug for Builder<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("name", &self.name)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// A bridge that has its callback and no producer yet; made by [`Builder::batches`] and
/// [`Builder::each`].
#[must_use = "a bridge is opened by `spawn` or `open`"]
pub struct Ready<T: 'static> {
    env: Env,
    builder: Builder<T>,
    delivery: Delivery,
    drain: fn(&Delivery, &Rc<Inbox<T>>) -> napi::Result<()>,
}

impl<T: Send + 'static> Ready<T> {
    /// Starts a thread that runs `produce`.
    ///
    /// `produce` is to return soon after a post or a sleep fails because the queue is closed: the
    /// end of the process waits for it. To return that error is no failure. With every other error,
    /// and with a panic, the promise of [`Bridge::done`] is rejected. Where `done` was never called
    /// it is an `uncaughtException`, except for an error that is returned after [`Bridge::stop`].
    ///
    /// # Errors
    /// When the name holds a NUL (`ERR_TEXAMPLE_INVALID_ARGUMENT`), the operating system gives no
    /// thread (`ERR_TEXAMPLE_THREAD_FAILED`), or the environment is about to end.
    pub fn spawn<E>(
        self,
        produce: impl FnOnce(&Producer<T>) -> Result<(), E> + Send + 'static,
    ) -> napi::Result<Bridge<T>>
    where
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let env = self.env;
        let (bridge, producer) = self.open()?;
        bridge.inbox.spawn(producer, produce).map_err(|error| not_started(&env, &error))?;
        Ok(bridge)
    }

    /// Opens the bridge for threads of your own. It ends when the last clone of the producer is
    /// dropped, and when it is stopped, even while clones are left.
    ///
    /// # Errors
    /// When the name holds a NUL (`ERR_TEXAMPLE_INVALID_ARGUMENT`), or the environment is about to
    /// end.
    pub fn open(self) -> napi::Result<(Bridge<T>, Producer<T>)> {
        let Self { env, builder, delivery, drain } = self;
        let Builder { name, options, on_stop, .. } = builder;
        let (inbox, producer) = Inbox::open_native(&env, &name, options, on_stop, |inbox| {
            let inbox = Rc::clone(inbox);
            move || drain(&delivery, &inbox)
        })?;
        Ok((Bridge { inbox }, producer))
    }
}

impl<T> fmt::Debug for Ready<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ready").field("builder", &self.builder).finish_non_exhaustive()
    }
}

/// Producers that post messages of type `T`, and the JavaScript callback that receives them.
///
/// It goes on when this handle is dropped or collected. It ends when its thread has returned, or
/// the last clone of its producer was dropped, and the last message was delivered; by
/// [`stop`](Self::stop); and with its environment, which is the process or the worker.
///
/// What the callback throws is an `uncaughtException`, and so is a message that cannot be
/// converted. Delivery goes on with the next message.
///
/// The handle is neither `Send` nor `Sync`: it stays on the thread of its environment.
pub struct Bridge<T: 'static> {
    inbox: Rc<Inbox<T>>,
}

impl<T: Send + 'static> Bridge<T> {
    /// The options of a new bridge. Its thread and its threadsafe function are called `name`, which
    /// must not hold a NUL.
    #[must_use]
    pub fn builder(name: &str) -> Builder<T> {
        Builder {
            name: name.to_owned(),
            options: Options::default(),
            on_stop: None,
            waits: false,
            messages: PhantomData,
        }
    }

    /// Ends the bridge: messages that wait are dropped, the callback is not called again, posts and
    /// sleeps fail because the queue is closed, and `on_stop` is called. A second call does
    /// nothing.
    pub fn stop(&self) {
        self.inbox.stop();
    }

    /// Sets whether the bridge keeps the event loop alive. It does at first, and not after its end.
    pub fn set_ref(&self, keep_alive: bool) {
        self.inbox.set_ref(keep_alive);
    }

    /// The counters, all read at one moment: `posted = delivered + failed + dropped + waiting`.
    ///
    /// A message counts as failed when it could not be converted, when the callback threw, and with
    /// [`wait_for_callback`](Builder::wait_for_callback) when the promise was rejected.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.inbox.stats()
    }

    /// A promise for the end of the bridge. It settles after the last message, when the thread was
    /// joined: what the thread held, such as a serial port, is free then.
    ///
    /// It is rejected with the panic of the thread (`ERR_TEXAMPLE_THREAD_PANICKED`), or with the
    /// error that the thread returned. That has the code of a [`CodedError`](crate::CodedError) or
    /// a [`napi::Error`], the code that Node.js has for a [`std::io::Error`], such as `ENOENT`, or
    /// `ERR_TEXAMPLE_THREAD_FAILED`; the error's sources are its `cause`.
    ///
    /// # Errors
    /// When Node-API makes no promise.
    pub fn done<'env>(&self, env: &'env Env) -> napi::Result<PromiseRaw<'env, ()>> {
        self.inbox.done(env)
    }
}

impl<T: 'static> fmt::Debug for Bridge<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bridge").finish_non_exhaustive()
    }
}
