//! The N-API half of the bridge: what a thread posts reaches a JavaScript callback,
//! a batch at a time, without the thread or the event loop ever waiting for a lock.
//!
//! ```no_run
//! use napi::bindgen_prelude::{Env, Function};
//! use texample_bridge::Options;
//! use texample_bridge::napi::Bridge;
//!
//! fn squares(env: &Env, callback: &Function<'_, Vec<u32>, ()>) -> napi::Result<Bridge<u32>> {
//!     Bridge::start(env, "squares", Options::default(), callback, |producer| {
//!         for i in 0..1000_u32 {
//!             if producer.post(i * i).is_err() {
//!                 return; // stopped
//!             }
//!         }
//!     })
//! }
//! ```
//!
//! `docs/bridge.md` makes an add-on of it, line by line, and `examples/follow` is an add-on that does something useful.

mod link;
mod wakeup;

use std::cell::OnceCell;
use std::rc::Rc;

use napi::JsValue;
use napi::bindgen_prelude::{
    Env, FromNapiValue, Function, FunctionRef, JsObjectValue, Object, ToNapiValue, Unknown,
};

pub use link::{Link, Turn};
pub use wakeup::Drain;

use self::wakeup::call;
use crate::{Options, Producer, Stats};

/// A thread that posts messages of type `T`, and the JavaScript callback that receives them.
///
/// It goes on when this handle is dropped or collected; [`stop`](Self::stop) ends it, the thread's return does,
/// and the end of the environment (the process, or the worker) does: then the thread is joined.
///
/// A handle stays on the thread of its environment.
pub struct Bridge<T: 'static> {
    link: Rc<Link<T>>,
}

impl<T: Send + 'static> Bridge<T> {
    /// Starts a thread called `name` that runs `produce`, and calls `callback` on the event loop with what it posts.
    ///
    /// Each call receives a batch: `B` is any N-API type that is made from a `Vec<T>`, so that a callback
    /// of type `Function<Vec<String>, ()>` receives an array, and one of type `Function<Float64Array, ()>` a
    /// typed array.
    ///
    /// What the callback throws, and a panic of the thread, is an `uncaughtException`; delivery goes on after the
    /// first, with the next batch. The event loop is kept alive until the thread has returned and the last message
    /// was delivered, unless [`set_ref`](Self::set_ref) says otherwise. `produce` must return soon after a post or
    /// a sleep says that the queue is closed: the end of the process waits for it.
    ///
    /// # Errors
    /// When the operating system gives no thread, or the environment is about to end.
    pub fn start<B, R>(
        env: &Env,
        name: &str,
        options: Options,
        callback: &Function<'_, B, R>,
        produce: impl FnOnce(&Producer<T>) + Send + 'static,
    ) -> napi::Result<Self>
    where
        B: From<Vec<T>> + ToNapiValue + 'static,
        R: 'static,
    {
        // SAFETY: the same function, in the same scope; what it returns is of no interest, so it is not converted.
        let callback =
            unsafe { Function::<'_, B, Unknown<'static>>::from_napi_value(env.raw(), callback.raw())? };
        let callback = callback.create_ref()?;
        let slot = Rc::new(OnceCell::<Rc<Link<T>>>::new());
        let turned = {
            let slot = Rc::clone(&slot);
            env.create_function_from_closure::<(), (), _>("turned", move |_| {
                if let Some(link) = slot.get() {
                    link.turn();
                }
                Ok(())
            })?
        };
        let functions = Functions {
            callback,
            turned: turned.create_ref()?,
            set_immediate: env
                .get_global()?
                .get_named_property::<SetImmediate<'_>>("setImmediate")?
                .create_ref()?,
        };
        let drain = {
            let slot = Rc::clone(&slot);
            Drain::Native(Box::new(move |env| match slot.get() {
                Some(link) => drain(env, link, &functions),
                None => Ok(()),
            }))
        };
        let (link, producer) = Link::open(env, name, options, drain)?;
        // Empty until here: nothing has run on this thread since it was made.
        let link = slot.get_or_init(|| link);
        link.spawn(name, producer, produce).map_err(napi_error)?;
        Ok(Self { link: Rc::clone(link) })
    }

    /// Closes the queue: messages that wait are dropped, the callback is not called again, and the thread is told
    /// by its next post.
    pub fn stop(&self) {
        self.link.consumer().close();
    }

    /// Whether the event loop is kept alive; it is at first.
    pub fn set_ref(&self, keep_alive: bool) {
        self.link.set_ref(keep_alive);
    }

    /// The counters of the queue.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.link.consumer().stats()
    }
}

impl<T: 'static> std::fmt::Debug for Bridge<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bridge").finish_non_exhaustive()
    }
}

type SetImmediate<'env> = Function<'env, Function<'env, (), ()>, Object<'env>>;

/// The functions of JavaScript that a bridge calls.
struct Functions<B: ToNapiValue + 'static> {
    callback: FunctionRef<B, Unknown<'static>>,
    turned: FunctionRef<(), ()>,
    /// Taken at the start, so that a test's fake clock does not reach in here later.
    set_immediate: FunctionRef<Function<'static, (), ()>, Object<'static>>,
}

fn drain<T, B>(env: &Env, link: &Rc<Link<T>>, functions: &Functions<B>) -> napi::Result<()>
where
    T: Send + 'static,
    B: From<Vec<T>> + ToNapiValue + 'static,
{
    let callback = functions.callback.borrow_back(env)?.raw();
    loop {
        match link.next(|consumer, most| consumer.take(most)) {
            Turn::Deliver(batch) => {
                // SAFETY: all are values of `env`, made on its thread in the scope of the wake-up's call.
                let called = unsafe {
                    let batch = B::to_napi_value(env.raw(), B::from(batch))?;
                    call(env.raw(), callback, &[batch])
                };
                if !called {
                    // An exception ends this drain; the wake-up sees to it that there is another.
                    return Err(napi::Error::from_status(napi::Status::PendingException));
                }
            }
            Turn::Rest => return Ok(()),
            Turn::Yield => return functions.after_this_turn(env, link.has_ref()),
            Turn::End => return link.end().map_err(napi_error),
        }
    }
}

impl<B: ToNapiValue + 'static> Functions<B> {
    /// Calls `turned` when the event loop has turned, by an immediate that keeps it alive only if it is to be `referenced`.
    fn after_this_turn(&self, env: &Env, referenced: bool) -> napi::Result<()> {
        let immediate = self.set_immediate.borrow_back(env)?.call(self.turned.borrow_back(env)?)?;
        if !referenced {
            let unref: Function<'_, (), Unknown<'_>> = immediate.get_named_property("unref")?;
            unref.apply(immediate, ())?;
        }
        Ok(())
    }
}

fn napi_error(error: crate::ThreadError) -> napi::Error {
    napi::Error::from_reason(error.to_string())
}
