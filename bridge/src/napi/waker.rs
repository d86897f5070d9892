//! A wake-up without messages: a thread has the event loop call a function soon.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use napi::bindgen_prelude::{Env, Function, JsValue, JsValuesTupleIntoVec};

use super::environment::{Environment, Hook, Member};
use super::value::{Reference, call};
use super::wakeup::{Drain, ReleaseMode, Wakeup};

/// Has a JavaScript function called on the thread of its environment: once for all wake-ups that
/// come before the call.
///
/// It does not keep the event loop alive. After the end of the environment its clones, on whatever
/// thread, do nothing. Make one for each environment, not one for each object: it stays until the
/// environment ends, and libuv walks over all of them at each wake-up (`uv__async_io` in its
/// `src/unix/async.c`).
#[derive(Clone)]
pub struct Waker {
    wakeup: Wakeup,
    is_awake: Arc<AtomicBool>,
}

impl Waker {
    /// A waker that calls `function` without arguments; `name` is that of the threadsafe function.
    /// What `function` throws is an `uncaughtException`.
    ///
    /// # Errors
    /// When the environment is about to end.
    pub fn new<A: JsValuesTupleIntoVec, R>(
        env: &Env,
        name: &str,
        function: &Function<'_, A, R>,
    ) -> napi::Result<Self> {
        let environment = Environment::of(env)?;
        let is_awake = Arc::new(AtomicBool::new(false));
        // SAFETY: a function of `env`, on its thread.
        let function = unsafe { Reference::new(env.raw(), function.raw()) }?;
        let woken = Arc::clone(&is_awake);
        let drain = Drain::Native(Box::new(move |env| {
            // What is asked for from here on is another call.
            woken.store(false, Ordering::SeqCst);
            // SAFETY: on the thread of a live environment, in the scope of the wake-up's call.
            unsafe { call(env.raw(), None, function.get()?, &[]) }.map(|_| ())
        }));
        let wakeup = Wakeup::new(env, name, drain)?;
        // After the threadsafe function was made, so that it runs before that is taken down.
        Hook::add(&environment).inspect_err(|_| wakeup.close(ReleaseMode::Finish))?;
        wakeup.set_ref(env.raw(), false);
        let waker = Self { wakeup, is_awake };
        environment.add(std::rc::Rc::new(waker.clone()));
        Ok(waker)
    }

    /// Asks for a call of the function, from any thread. Never blocks.
    pub fn wake(&self) {
        if !self.is_awake.swap(true, Ordering::SeqCst) {
            self.wakeup.wake();
        }
    }
}

impl Member for Waker {
    fn turned(&self) {}

    fn close(&self) {
        self.wakeup.close(ReleaseMode::Abort);
    }

    fn join(&self) {}
}

impl fmt::Debug for Waker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waker").finish_non_exhaustive()
    }
}
