//! Calls of JavaScript with questions, and its answers.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use napi::bindgen_prelude::{FromNapiValue, JsValuesTupleIntoVec};
use napi::sys;

use super::asker::Question;
use super::inbox::{Inbox, Received};
use super::promises::Settled;
use super::responders::Responders;
use super::streak::{AFTER_CALLS, AFTER_PROMISES, Crowd, Streak};
use super::value::{Reference, call, converted, is_pending, pending_exception, scoped, thrown_error};
use crate::AskError;

/// Puts questions to JavaScript and gives its answers to the askers.
pub(super) struct Answers<Q: 'static, A: 'static, P> {
    inbox: Rc<Inbox<Question<Q, A>>>,
    callback: Reference,
    responders: Rc<Responders<A>>,
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
    pub(super) fn new(
        inbox: Rc<Inbox<Question<Q, A>>>,
        callback: Reference,
        responders: Rc<Responders<A>>,
        streak: Arc<Streak>,
    ) -> Self
    where
        Q: Into<P>,
    {
        Self {
            inbox,
            callback,
            responders,
            streak,
            crowd: Crowd::default(),
            in_flight: Cell::new(0),
            is_draining: Cell::new(false),
            convert: Q::into,
        }
    }

    /// Puts the questions that wait to JavaScript.
    pub(super) fn drain(self: &Rc<Self>) -> napi::Result<()> {
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
            while let Some(question) = inbox.take_in_hand() {
                has_put = true;
                // SAFETY: on the thread of a live environment, in the scope of the wake-up's call.
                unsafe { scoped(inbox.env(), || self.put(question)) }?;
            }
            // The promises that are pending run after this, so spinning would hold them up.
            if has_put && self.in_flight.get() == 0 && self.is_eager() && !inbox.is_closed() {
                self.await_question(AFTER_CALLS);
            }
            match inbox.next_in_hand()? {
                Received::Some(()) => {}
                Received::Nothing => return Ok(()),
                Received::Ended => return inbox.end_and_tell(),
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
    fn put(self: &Rc<Self>, question: Question<Q, A>) -> napi::Result<()> {
        let Question { value, responder } = question;
        let inbox = &self.inbox;
        let env = inbox.env();
        if !responder.is_wanted() {
            inbox.consumer().discarded(1);
            return Ok(());
        }
        let arguments = match converted(|| (self.convert)(value).into_vec(env)) {
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
        let key = self.responders.insert(responder);
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
            Ok((value, false)) => self.answer(key, self.convert_answer(value)),
            Ok((_, true)) => self.in_flight.set(self.in_flight.get() + 1),
            Err(error) => return self.answer_thrown(key, &error),
        }
        Ok(())
    }

    /// Gives the asker its answer; an error counts the question as failed.
    fn answer(&self, key: usize, answer: Result<A, AskError>) {
        if answer.is_err() {
            self.inbox.consumer().failed(1);
        }
        self.responders.answer(key, answer);
    }

    fn convert_answer(&self, value: sys::napi_value) -> Result<A, AskError> {
        let env = self.inbox.env();
        // SAFETY: a value of `env`, on its thread.
        converted(|| unsafe { A::from_napi_value(env, value) }).map_err(|error| {
            // SAFETY: as above. A conversion may leave what it threw.
            let is_alive = unsafe {
                pending_exception(env);
                self.inbox.environment().is_alive()
            };
            if is_alive { AskError::Conversion(error.reason) } else { AskError::Closed }
        })
    }

    /// A call has failed: what was thrown is the answer, or the environment ends.
    fn answer_thrown(&self, key: usize, error: &napi::Error) -> napi::Result<()> {
        let env = self.inbox.env();
        // SAFETY: on the thread of a live environment. A termination looks like a throw, and so
        // does each call after it.
        let thrown = unsafe { pending_exception(env).filter(|_| self.inbox.environment().is_alive()) };
        let Some(thrown) = thrown else {
            self.answer(key, Err(AskError::Closed));
            return if is_pending(error) { Ok(()) } else { Err(napi::Error::from_status(error.status)) };
        };
        // SAFETY: as above.
        self.answer(key, Err(unsafe { thrown_error(env, thrown) }));
        Ok(())
    }

    fn when_settled(self: &Rc<Self>, key: usize, settled: Settled) {
        self.in_flight.set(self.in_flight.get() - 1);
        match settled {
            Settled::Fulfilled(value) => self.answer(key, self.convert_answer(value)),
            Settled::Rejected(reason) => {
                // SAFETY: a value of a live environment, on its thread, in the scope of the
                // microtask.
                let error = unsafe { thrown_error(self.inbox.env(), reason) };
                self.answer(key, Err(error));
            }
            // No scope is open.
            Settled::Abandoned => return self.answer(key, Err(AskError::Abandoned)),
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
