//! Questions of native threads that JavaScript answers.

use std::cell::{Cell, OnceCell, RefCell};
use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread::ThreadId;
use std::time::{Duration, Instant};

use napi::bindgen_prelude::{Env, FromNapiValue, Function, JsValue, JsValuesTupleIntoVec, PromiseRaw};
use napi::sys;

use super::inbox::{Inbox, Next};
use super::promises::Settled;
use super::streak::{AFTER_CALLS, AFTER_PROMISES, Crowd, Streak};
use super::value::{Reference, call, converted, describe_thrown, is_pending, pending_exception, scoped};
use super::wakeup::Drain;
use crate::reply::{Reply, Responder, reply};
use crate::{AskError, Options, PostError, Producer, Stats};

/// A question, and where its answer goes.
struct Pending<Q, A> {
    question: Q,
    responder: Responder<A>,
}

/// The end that answers: a JavaScript function is called with each question, and what it returns,
/// or what the promise that it returns is fulfilled with, is the answer.
///
/// Questions are answered as long as an [`Asker`] lives; [`stop`](Self::stop) ends that earlier,
/// and the end of the environment does. A handle stays on the thread of its environment, and may be
/// dropped.
///
/// What goes wrong with a question is told to its asker, and to nothing else.
pub struct Questions<Q: 'static, A: 'static> {
    inbox: Rc<Inbox<Pending<Q, A>>>,
}

impl<Q: Send + 'static, A: FromNapiValue + Send + 'static> Questions<Q, A> {
    /// Opens questions that `callback` answers.
    ///
    /// `options` bound how many questions wait for JavaScript; an asker waits for room. Under a
    /// policy that drops, the asker of a dropped question is told [`AskError::Closed`]. A question
    /// that is turned into [`FnArgs`](napi::bindgen_prelude::FnArgs), as a tuple is, is several
    /// arguments.
    ///
    /// The event loop is kept alive while there are askers, unless [`set_ref`](Self::set_ref) says
    /// otherwise.
    ///
    /// # Errors
    /// When the name holds a NUL (`ERR_TEXAMPLE_INVALID_ARGUMENT`), or the environment is about to
    /// end.
    pub fn open<P, R>(
        env: &Env,
        name: &str,
        options: Options,
        callback: &Function<'_, P, R>,
    ) -> napi::Result<(Self, Asker<Q, A>)>
    where
        Q: Into<P>,
        P: JsValuesTupleIntoVec + 'static,
    {
        let streak = Arc::new(Streak::default());
        let replies = Rc::new(Replies::default());
        // SAFETY: a function of `env`, on its thread.
        let callback = unsafe { Reference::new(env.raw(), callback.raw()) }?;
        let slot = Rc::new(OnceCell::<Rc<Answers<Q, A, P>>>::new());
        let native = {
            let slot = Rc::clone(&slot);
            Drain::Native(Box::new(move |_| slot.get().map_or(Ok(()), Answers::drain)))
        };
        let on_stop = {
            let replies = Rc::clone(&replies);
            Box::new(move || replies.close())
        };
        let (inbox, producer) = Inbox::open(env, name, options, Some(on_stop), native)?;
        // Empty until here: nothing has run on this thread since it was made.
        let _ = slot.set(Rc::new(Answers {
            inbox: Rc::clone(&inbox),
            callback,
            replies,
            streak: Arc::clone(&streak),
            crowd: Crowd::default(),
            in_flight: Cell::new(0),
            is_draining: Cell::new(false),
            convert: |question| question.into(),
        }));
        let shared = Arc::new(Shared { producer, streak, thread: std::thread::current().id() });
        Ok((Self { inbox }, Asker { shared }))
    }

    /// Ends the questions: every asker that waits is told [`AskError::Closed`], and each that asks
    /// from now on.
    pub fn stop(&self) {
        self.inbox.stop();
    }

    /// Whether the questions keep the event loop alive; they do at first, while an asker lives.
    pub fn set_ref(&self, keep_alive: bool) {
        self.inbox.set_ref(keep_alive);
    }

    /// The counters, as [`Bridge::stats`](super::Bridge::stats). A question has failed when its
    /// asker got an error, and was dropped when its asker had gone before it was put to JavaScript.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.inbox.stats()
    }

    /// A promise for the end: after the last question, when no asker is left or the questions were
    /// stopped.
    ///
    /// # Errors
    /// When Node-API makes no promise.
    pub fn done<'env>(&self, env: &'env Env) -> napi::Result<PromiseRaw<'env, ()>> {
        self.inbox.done(env)
    }
}

impl<Q: 'static, A: 'static> fmt::Debug for Questions<Q, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Questions").finish_non_exhaustive()
    }
}

/// What the clones of an asker share.
struct Shared<Q, A> {
    producer: Producer<Pending<Q, A>>,
    streak: Arc<Streak>,
    /// The thread that answers.
    thread: ThreadId,
}

/// The end that asks, on any thread.
pub struct Asker<Q, A> {
    shared: Arc<Shared<Q, A>>,
}

impl<Q, A> Asker<Q, A> {
    /// Asks, and waits for the answer.
    ///
    /// Two environments that ask each other like this can wait for each other for ever: use
    /// [`ask_timeout`](Self::ask_timeout) there.
    ///
    /// # Errors
    /// See [`AskError`]; never [`AskError::Timeout`].
    pub fn ask(&self, question: Q) -> Result<A, AskError> {
        self.ask_until(question, None)
    }

    /// Asks, and waits for the answer for as long as `timeout`. A question that JavaScript has not
    /// begun with by then is not put to it any more.
    ///
    /// # Errors
    /// See [`AskError`].
    pub fn ask_timeout(&self, question: Q, timeout: Duration) -> Result<A, AskError> {
        // Beyond what the clock can say there is no deadline.
        self.ask_until(question, Instant::now().checked_add(timeout))
    }

    fn ask_until(&self, question: Q, deadline: Option<Instant>) -> Result<A, AskError> {
        if std::thread::current().id() == self.shared.thread {
            return Err(AskError::OnJavaScriptThread);
        }
        let streak = &self.shared.streak;
        let may_spin = streak.asks();
        let (responder, reply) = reply();
        let pending = Pending { question, responder };
        let posted = match deadline {
            Some(deadline) => self.shared.producer.post_until(pending, deadline),
            None => self.shared.producer.post(pending),
        };
        match posted {
            Ok(()) => {}
            Err(PostError::Closed(_)) => return Err(AskError::Closed),
            Err(PostError::Full(_)) => return Err(AskError::Timeout),
        }
        if may_spin {
            streak.spin_until(|| reply.is_ready());
        }
        reply.wait(deadline)
    }

    /// Asks, as a future for any executor. Dropped, it takes its question back unless JavaScript
    /// has begun with it.
    pub fn ask_async(&self, question: Q) -> impl Future<Output = Result<A, AskError>> + Send + use<Q, A>
    where
        Q: Send + 'static,
        A: Send + 'static,
    {
        let (responder, reply) = reply();
        let shared = Arc::clone(&self.shared);
        let pending = Pending { question, responder };
        async move {
            if shared.producer.post_async(pending).await.is_err() {
                return Err(AskError::Closed);
            }
            Answer(reply).await
        }
    }
}

/// The wait for an answer.
struct Answer<A>(Reply<A>);

impl<A> Future for Answer<A> {
    type Output = Result<A, AskError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll(context)
    }
}

impl<Q, A> Clone for Asker<Q, A> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<Q, A> fmt::Debug for Asker<Q, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asker").finish_non_exhaustive()
    }
}

/// The askers of the questions that JavaScript was called with, where the end of an environment
/// finds them: a callback may call `process.exit()` and never return.
struct Replies<A> {
    slots: RefCell<Slots<A>>,
}

struct Slots<A> {
    responders: Vec<Option<Responder<A>>>,
    free: Vec<usize>,
}

impl<A> Default for Replies<A> {
    fn default() -> Self {
        Self { slots: RefCell::new(Slots { responders: Vec::new(), free: Vec::new() }) }
    }
}

impl<A> Replies<A> {
    fn insert(&self, responder: Responder<A>) -> usize {
        let mut slots = self.slots.borrow_mut();
        let key = slots.free.pop().unwrap_or(slots.responders.len());
        if key == slots.responders.len() {
            slots.responders.push(Some(responder));
        } else {
            slots.responders[key] = Some(responder);
        }
        key
    }

    /// The responder of `key`, once.
    fn take(&self, key: usize) -> Option<Responder<A>> {
        let mut slots = self.slots.borrow_mut();
        let responder = slots.responders.get_mut(key)?.take();
        if responder.is_some() {
            slots.free.push(key);
        }
        responder
    }

    fn answer(&self, key: usize, answer: Result<A, AskError>) {
        if let Some(responder) = self.take(key) {
            responder.answer(answer);
        }
    }

    /// Tells every asker that there will be no answer. Keys of before find nothing afterwards.
    fn close(&self) {
        let responders: Vec<_> = self.slots.borrow_mut().responders.iter_mut().map(Option::take).collect();
        drop(responders);
    }
}

/// Puts questions to JavaScript and gives its answers to the askers.
struct Answers<Q: 'static, A: 'static, P> {
    inbox: Rc<Inbox<Pending<Q, A>>>,
    callback: Reference,
    replies: Rc<Replies<A>>,
    streak: Arc<Streak>,
    crowd: Crowd,
    /// Questions whose promise is pending.
    in_flight: Cell<usize>,
    is_draining: Cell<bool>,
    convert: fn(Q) -> P,
}

impl<Q, A, P> Answers<Q, A, P>
where
    Q: Send + 'static,
    A: FromNapiValue + Send + 'static,
    P: JsValuesTupleIntoVec + 'static,
{
    fn drain(self: &Rc<Self>) -> napi::Result<()> {
        if self.is_draining.replace(true) {
            return Ok(()); // JavaScript has run its microtasks inside the callback
        }
        let drained = self.put_all();
        self.is_draining.set(false);
        drained
    }

    fn put_all(self: &Rc<Self>) -> napi::Result<()> {
        let inbox = &self.inbox;
        if inbox.has_in_hand() && !inbox.has_time()? {
            return Ok(());
        }
        loop {
            let mut has_put = false;
            while let Some(pending) = inbox.take_in_hand() {
                has_put = true;
                // SAFETY: on the thread of a live environment, in the scope of the wake-up's call.
                unsafe { scoped(inbox.env(), || self.put(pending)) }?;
            }
            // The promises that are pending run after this, so spinning would hold them up.
            if has_put && self.in_flight.get() == 0 && self.is_eager() && !inbox.is_closed() {
                self.await_question(AFTER_CALLS);
            }
            match inbox.next_in_hand()? {
                Next::Deliver(()) => {}
                Next::Rest => return Ok(()),
                Next::End => return inbox.end_and_tell(),
            }
        }
    }

    /// Whether the next question is expected at once.
    fn is_eager(&self) -> bool {
        self.streak.is_on() || self.crowd.is_on()
    }

    /// Spins for the next question; whether it is there.
    fn await_question(&self, longest: Duration) -> bool {
        let consumer = self.inbox.consumer();
        if self.streak.is_on() {
            self.streak.spin_until(|| !consumer.is_empty())
        } else {
            self.crowd.spin_until(longest, || !consumer.is_empty())
        }
    }

    /// Calls JavaScript with a question.
    fn put(self: &Rc<Self>, pending: Pending<Q, A>) -> napi::Result<()> {
        let Pending { question, responder } = pending;
        let inbox = &self.inbox;
        let env = inbox.env();
        if !responder.is_wanted() {
            inbox.consumer().discarded(1);
            return Ok(());
        }
        let arguments = match converted(|| (self.convert)(question).into_vec(env)) {
            Ok(arguments) => arguments,
            Err(error) => {
                inbox.consumer().failed(1);
                // SAFETY: on the thread of a live environment. A conversion may leave what it
                // threw.
                let _ = unsafe { pending_exception(env) };
                responder.answer(Err(AskError::Conversion(error.reason)));
                return Ok(());
            }
        };
        let key = self.replies.insert(responder);
        // SAFETY: values of `env`, on its thread.
        let answer = unsafe {
            call(env, None, self.callback.get()?, &arguments).and_then(|returned| {
                let has_promised = inbox.environment().promises()?.when_settled(returned, || {
                    let answers = Rc::clone(self);
                    Box::new(move |settled| answers.when_settled(key, settled))
                })?;
                Ok((returned, has_promised))
            })
        };
        match answer {
            Ok((answer, false)) => self.answer(key, answer),
            Ok((_, true)) => self.in_flight.set(self.in_flight.get() + 1),
            Err(error) => return self.answer_thrown(key, &error),
        }
        Ok(())
    }

    fn answer(&self, key: usize, value: sys::napi_value) {
        let env = self.inbox.env();
        // SAFETY: a value of `env`, on its thread.
        let answer = converted(|| unsafe { A::from_napi_value(env, value) });
        let answer = answer.map_err(|error| {
            self.inbox.consumer().failed(1);
            // SAFETY: as above. A conversion may leave what it threw.
            let is_alive = unsafe {
                pending_exception(env);
                self.inbox.environment().is_alive()
            };
            if is_alive { AskError::Conversion(error.reason) } else { AskError::Closed }
        });
        self.replies.answer(key, answer);
    }

    /// A call has failed: what was thrown is the answer, or the environment ends.
    fn answer_thrown(&self, key: usize, error: &napi::Error) -> napi::Result<()> {
        let env = self.inbox.env();
        self.inbox.consumer().failed(1);
        // SAFETY: on the thread of a live environment. A termination looks like a throw, and so
        // does each call after it.
        let thrown = unsafe { pending_exception(env).filter(|_| self.inbox.environment().is_alive()) };
        let Some(thrown) = thrown else {
            self.replies.answer(key, Err(AskError::Closed));
            return if is_pending(error) { Ok(()) } else { Err(napi::Error::from_status(error.status)) };
        };
        // SAFETY: as above.
        let (message, code) = unsafe { describe_thrown(env, thrown) };
        self.replies.answer(key, Err(AskError::Thrown { message, code }));
        Ok(())
    }

    fn when_settled(self: &Rc<Self>, key: usize, settled: Settled) {
        self.in_flight.set(self.in_flight.get() - 1);
        match settled {
            Settled::Fulfilled(value) => self.answer(key, value),
            Settled::Rejected(reason) => {
                self.inbox.consumer().failed(1);
                // SAFETY: a value of a live environment, on its thread, in the scope of the
                // microtask.
                let (message, code) = unsafe { describe_thrown(self.inbox.env(), reason) };
                self.replies.answer(key, Err(AskError::Thrown { message, code }));
            }
            Settled::Abandoned => {
                self.inbox.consumer().failed(1);
                return self.replies.answer(key, Err(AskError::Abandoned)); // no scope is open
            }
        }
        let inbox = &self.inbox;
        if inbox.is_closed() || self.is_draining.get() {
            return;
        }
        let is_last = self.in_flight.get() == 0;
        let has_more =
            !inbox.consumer().is_empty() || is_last && self.is_eager() && self.await_question(AFTER_PROMISES);
        if has_more && self.drain().is_err() {
            // It fails where the environment ends, and then the hook tells the askers. An exception
            // must not stay behind in a microtask.
            // SAFETY: on the thread of the environment.
            let _ = unsafe { pending_exception(inbox.env()) };
        }
    }
}
