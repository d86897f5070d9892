//! Questions of native threads that JavaScript answers.

use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use napi::bindgen_prelude::{Env, FromNapiValue, Function, JsValue, JsValuesTupleIntoVec, PromiseRaw};

use super::answers::Answers;
use super::asker::{Asker, Question};
use super::inbox::Inbox;
use super::responders::Responders;
use super::streak::Streak;
use super::value::Reference;
use crate::{Options, Stats};

/// The end that answers: a JavaScript function is called with each question, and what it returns,
/// or what the promise that it returns is fulfilled with, is the answer.
///
/// Questions are answered for as long as an [`Asker`] lives. [`stop`](Self::stop) ends that
/// earlier, and so does the end of the environment. To drop this handle does not; it is neither
/// `Send` nor `Sync` and stays on the thread of its environment.
///
/// An error of a question, such as an exception of the callback, is its asker's alone.
pub struct Questions<Q: 'static, A: 'static> {
    inbox: Rc<Inbox<Question<Q, A>>>,
}

impl<Q: Send + 'static, A: FromNapiValue + Send + 'static> Questions<Q, A> {
    /// Opens questions that `callback` answers; `name` is that of the threadsafe function.
    ///
    /// `options` bound how many questions wait for JavaScript; an asker waits for room. Under a
    /// policy that drops, the asker of a dropped question gets
    /// [`AskError::Closed`](crate::AskError::Closed). A question that is turned into
    /// [`FnArgs`](napi::bindgen_prelude::FnArgs), as a tuple is, is several arguments.
    ///
    /// The event loop is kept alive while there are askers, unless [`set_ref`](Self::set_ref) was
    /// called with `false`.
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
        let responders = Rc::new(Responders::default());
        // SAFETY: a function of `env`, on its thread.
        let callback = unsafe { Reference::new(env.raw(), callback.raw()) }?;
        let on_stop = {
            let responders = Rc::clone(&responders);
            Box::new(move || responders.close())
        };
        let (inbox, producer) = Inbox::open_native(env, name, options, Some(on_stop), |inbox| {
            let answers = Rc::new(Answers::new(Rc::clone(inbox), callback, responders, Arc::clone(&streak)));
            move || answers.drain()
        })?;
        Ok((Self { inbox }, Asker::new(producer, streak)))
    }

    /// Ends the questions: every asker that waits gets
    /// [`AskError::Closed`](crate::AskError::Closed), and each that asks from now on.
    pub fn stop(&self) {
        self.inbox.stop();
    }

    /// Sets whether the questions keep the event loop alive. They do at first, while an asker
    /// lives.
    pub fn set_ref(&self, keep_alive: bool) {
        self.inbox.set_ref(keep_alive);
    }

    /// The counters, as [`Bridge::stats`](super::Bridge::stats). A question counts as failed when
    /// its asker got an error, and as dropped when its asker gave up before JavaScript was called.
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
