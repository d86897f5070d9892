//! Promises that callbacks return: what becomes of them is told to a native function.
//!
//! Two functions for each promise would cost more than everything else, so pairs of them are
//! used again. While a promise is pending only the promise keeps its pair: a pair that is
//! collected says that its promise never will be settled.

use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::ptr;
use std::rc::{Rc, Weak};

use napi::bindgen_prelude::{Env, Function, JsObjectValue, JsValue, Object, Unknown};
use napi::{check_status, sys};

use super::environment::Environment;
use super::value::{Reference, call};

/// Pairs that are kept for later promises, at the most.
const MAX_IDLE: usize = 1024;

/// What became of a promise.
pub(super) enum Settled {
    Fulfilled(sys::napi_value),
    Rejected(sys::napi_value),
    /// It was collected before it was settled.
    Abandoned,
}

/// Called with what became of a promise, on the thread of its environment.
pub(super) type Handler = Box<dyn FnOnce(Settled)>;

/// The functions of promises that a program cannot replace later.
pub(super) struct Intrinsics {
    promise: Reference,
    resolve: Reference,
    then: Reference,
}

impl Intrinsics {
    pub(super) fn new(env: &Env, promise: &Function<'_, (), Unknown<'_>>) -> napi::Result<Self> {
        let resolve: Function<'_, (), Unknown<'_>> = promise.get_named_property("resolve")?;
        let prototype: Object<'_> = promise.get_named_property("prototype")?;
        let then: Function<'_, (), Unknown<'_>> = prototype.get_named_property("then")?;
        // SAFETY: objects of `env`, on its thread.
        unsafe {
            Ok(Self {
                promise: Reference::new(env.raw(), promise.raw())?,
                resolve: Reference::new(env.raw(), resolve.raw())?,
                then: Reference::new(env.raw(), then.raw())?,
            })
        }
    }
}

/// The functions that a promise calls when it is settled.
pub(super) struct Pair {
    environment: Weak<Environment>,
    fulfilled: RefCell<Option<Reference>>,
    rejected: RefCell<Option<Reference>>,
    handler: RefCell<Option<Handler>>,
    /// How many of the two functions were collected.
    collected: Cell<u8>,
}

/// Whether `value` is a promise of this engine.
///
/// # Safety
/// `env` is live, this is its thread, and `value` is a value of it.
pub(super) unsafe fn is_promise(env: sys::napi_env, value: sys::napi_value) -> bool {
    let mut is_promise = false;
    // SAFETY: the caller's promise; a failure leaves `false`.
    unsafe { sys::napi_is_promise(env, value, &mut is_promise) };
    is_promise
}

impl Environment {
    /// The promise that `value` is, or stands for if it has a `then`; `None` for every other value.
    ///
    /// An exception may be pending where this is an error: a getter is foreign code.
    ///
    /// # Safety
    /// The environment is live, and `value` is a value of it.
    pub(super) unsafe fn as_promise(&self, value: sys::napi_value) -> napi::Result<Option<sys::napi_value>> {
        let env = self.raw();
        // SAFETY: the caller's promise.
        unsafe {
            let mut kind = 0;
            sys::napi_typeof(env, value, &mut kind);
            if kind != sys::ValueType::napi_object && kind != sys::ValueType::napi_function {
                return Ok(None);
            }
            if is_promise(env, value) {
                return Ok(Some(value));
            }
            let mut then = ptr::null_mut();
            check_status!(sys::napi_get_named_property(env, value, c"then".as_ptr(), &mut then))?;
            sys::napi_typeof(env, then, &mut kind);
            if kind != sys::ValueType::napi_function {
                return Ok(None);
            }
            self.with_intrinsics(|intrinsics| {
                call(env, Some(intrinsics.promise.get()?), intrinsics.resolve.get()?, &[value]).map(Some)
            })
        }
    }

    /// Has `handler` called when `promise` is settled, from a microtask, or when it was collected.
    /// On an error it is dropped, and an exception may be pending.
    ///
    /// # Safety
    /// The environment is live, and `promise` is a promise of it.
    pub(super) unsafe fn when_settled(
        self: &Rc<Self>,
        promise: sys::napi_value,
        handler: Handler,
    ) -> napi::Result<()> {
        let idle = self.pairs.borrow_mut().pop();
        // SAFETY: the caller's promise.
        unsafe {
            let pair = match idle {
                Some(pair) => pair,
                None => Pair::new(self)?,
            };
            let functions = [get(&pair.fulfilled)?, get(&pair.rejected)?];
            *pair.handler.borrow_mut() = Some(handler);
            let then = self.with_intrinsics(|intrinsics| intrinsics.then.get())?;
            call(self.raw(), Some(promise), then, &functions).inspect_err(|_| {
                pair.handler.take();
            })?;
            pair.keep(false);
            Ok(())
        }
    }
}

fn get(reference: &RefCell<Option<Reference>>) -> napi::Result<sys::napi_value> {
    let reference = reference.borrow();
    reference.as_ref().ok_or_else(|| napi::Error::from_status(napi::Status::Closing))?.get()
}

impl Pair {
    /// # Safety
    /// The environment is live, with a scope open.
    unsafe fn new(environment: &Rc<Environment>) -> napi::Result<Rc<Self>> {
        let pair = Rc::new(Self {
            environment: Rc::downgrade(environment),
            fulfilled: RefCell::default(),
            rejected: RefCell::default(),
            handler: RefCell::default(),
            collected: Cell::new(0),
        });
        // SAFETY: the caller's promise.
        unsafe {
            *pair.fulfilled.borrow_mut() = Some(pair.function(environment.raw(), fulfilled)?);
            *pair.rejected.borrow_mut() = Some(pair.function(environment.raw(), rejected)?);
        }
        Ok(pair)
    }

    /// A function that calls `native` with this pair, and keeps it.
    ///
    /// # Safety
    /// `env` is live, with a scope open, and this is its thread.
    unsafe fn function(
        self: &Rc<Self>,
        env: sys::napi_env,
        native: unsafe extern "C" fn(sys::napi_env, sys::napi_callback_info) -> sys::napi_value,
    ) -> napi::Result<Reference> {
        let mut function = ptr::null_mut();
        let data = Rc::as_ptr(self).cast_mut().cast::<c_void>();
        // SAFETY: the caller's promise. The finalizer's reference keeps the pair for as long as the
        // function can be called.
        unsafe {
            check_status!(sys::napi_create_function(
                env,
                c"settled".as_ptr(),
                7,
                Some(native),
                data,
                &mut function
            ))?;
            let kept = Rc::into_raw(Rc::clone(self)).cast_mut().cast::<c_void>();
            let status = sys::napi_add_finalizer(
                env,
                function,
                kept,
                Some(collected),
                ptr::null_mut(),
                ptr::null_mut(),
            );
            check_status!(status).inspect_err(|_| drop(Rc::from_raw(kept.cast_const().cast::<Self>())))?;
            Reference::new(env, function)
        }
    }

    fn keep(&self, keep: bool) {
        for reference in [&self.fulfilled, &self.rejected] {
            if let Some(reference) = reference.borrow().as_ref() {
                reference.keep(keep);
            }
        }
    }

    /// The promise is settled: the pair is free for another.
    fn settle(self: &Rc<Self>, settled: Settled) {
        let handler = self.handler.take();
        if let Some(environment) = self.environment.upgrade() {
            // The function that was not called may have been collected already.
            let is_whole = get(&self.fulfilled).is_ok() && get(&self.rejected).is_ok();
            if is_whole && environment.pairs.borrow().len() < MAX_IDLE {
                self.keep(true);
                environment.pairs.borrow_mut().push(Rc::clone(self));
            }
        }
        if let Some(handler) = handler {
            handler(settled);
        }
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        // At the end of an environment its references go with it.
        if self.environment.upgrade().is_none_or(|environment| environment.has_ended()) {
            for reference in [&self.fulfilled, &self.rejected] {
                reference.take().into_iter().for_each(Reference::forget);
            }
        }
    }
}

unsafe extern "C" fn fulfilled(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    // SAFETY: Node calls this with what `Pair::function` made.
    unsafe { settled(env, info, Settled::Fulfilled) }
}

unsafe extern "C" fn rejected(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    // SAFETY: Node calls this with what `Pair::function` made.
    unsafe { settled(env, info, Settled::Rejected) }
}

/// # Safety
/// To be called by a function that `Pair::function` made, with what it was called with.
unsafe fn settled(
    env: sys::napi_env,
    info: sys::napi_callback_info,
    how: fn(sys::napi_value) -> Settled,
) -> sys::napi_value {
    let mut data = ptr::null_mut();
    let mut value = ptr::null_mut();
    let mut count = 1;
    // SAFETY: the caller's promise; the function that is called keeps its pair.
    let pair = unsafe {
        sys::napi_get_cb_info(env, info, &mut count, &mut value, ptr::null_mut(), &mut data);
        let pair = data.cast_const().cast::<Pair>();
        Rc::increment_strong_count(pair);
        Rc::from_raw(pair)
    };
    pair.settle(how(value));
    ptr::null_mut()
}

/// A function of a pair was collected. When both were, the promise that had them is gone.
unsafe extern "C" fn collected(_env: sys::napi_env, pair: *mut c_void, _: *mut c_void) {
    // SAFETY: the reference that `Pair::function` gave away.
    let pair = unsafe { Rc::from_raw(pair.cast_const().cast::<Pair>()) };
    pair.collected.set(pair.collected.get() + 1);
    if pair.collected.get() == 2
        && let Some(handler) = pair.handler.take()
    {
        handler(Settled::Abandoned);
    }
}
