//! Promises that callbacks return: what becomes of them is told to a native function.
//!
//! Two functions for each promise would cost more than everything else, so pairs of them are
//! used again. While a promise is pending only the promise keeps its pair: a pair that is
//! collected says that its promise never will be settled.

use std::cell::RefCell;
use std::ffi::c_void;
use std::ptr;
use std::rc::{Rc, Weak};

use napi::bindgen_prelude::{Env, Function, JsObjectValue, JsValue, Object, Unknown};
use napi::{check_status, sys};

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
type Handler = Box<dyn FnOnce(Settled)>;

/// The promises of one environment: functions of theirs that a program cannot replace later, and
/// the pairs that wait for one.
pub(super) struct Promises {
    env: sys::napi_env,
    promise: Reference,
    resolve: Reference,
    then: Reference,
    idle: RefCell<Vec<Rc<Pair>>>,
}

/// The functions that a promise calls when it is settled.
struct Pair {
    promises: Weak<Promises>,
    /// Each has the other as a property, so they are collected together, and to keep the first is
    /// to keep both.
    functions: RefCell<Option<[Reference; 2]>>,
    handler: RefCell<Option<Handler>>,
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

impl Promises {
    pub(super) fn new(env: &Env) -> napi::Result<Rc<Self>> {
        let promise: Function<'_, (), Unknown<'_>> = env.get_global()?.get_named_property("Promise")?;
        let resolve: Function<'_, (), Unknown<'_>> = promise.get_named_property("resolve")?;
        let prototype: Object<'_> = promise.get_named_property("prototype")?;
        let then: Function<'_, (), Unknown<'_>> = prototype.get_named_property("then")?;
        // SAFETY: objects of `env`, on its thread.
        unsafe {
            Ok(Rc::new(Self {
                env: env.raw(),
                promise: Reference::new(env.raw(), promise.raw())?,
                resolve: Reference::new(env.raw(), resolve.raw())?,
                then: Reference::new(env.raw(), then.raw())?,
                idle: RefCell::default(),
            }))
        }
    }

    /// Has the handler called when `value`, a promise or an object with a `then`, is settled, from
    /// a microtask, or when it was collected. Of every other value it says `false`.
    ///
    /// On an error the handler is dropped, and an exception may be pending: a getter is foreign
    /// code.
    ///
    /// # Safety
    /// The environment is live, and `value` is a value of it.
    pub(super) unsafe fn when_settled(
        self: &Rc<Self>,
        value: sys::napi_value,
        handler: impl FnOnce() -> Handler,
    ) -> napi::Result<bool> {
        // SAFETY: the caller's promise.
        unsafe {
            let Some(promise) = self.as_promise(value)? else { return Ok(false) };
            let idle = self.idle.borrow_mut().pop();
            let pair = match idle {
                Some(pair) => pair,
                None => Pair::new(self)?,
            };
            let functions = pair.values()?;
            *pair.handler.borrow_mut() = Some(handler());
            call(self.env, Some(promise), self.then.get()?, &functions).inspect_err(|_| {
                pair.handler.take();
            })?;
            pair.keep(false);
            Ok(true)
        }
    }

    /// The promise that `value` is, or stands for if it has a `then`; `None` for every other value.
    ///
    /// # Safety
    /// As [`when_settled`](Self::when_settled).
    unsafe fn as_promise(&self, value: sys::napi_value) -> napi::Result<Option<sys::napi_value>> {
        let env = self.env;
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
            call(env, Some(self.promise.get()?), self.resolve.get()?, &[value]).map(Some)
        }
    }
}

impl Pair {
    /// # Safety
    /// The environment is live, with a scope open.
    unsafe fn new(promises: &Rc<Promises>) -> napi::Result<Rc<Self>> {
        let pair = Rc::new(Self {
            promises: Rc::downgrade(promises),
            functions: RefCell::default(),
            handler: RefCell::default(),
        });
        let env = promises.env;
        // SAFETY: the caller's promise. The finalizer's reference keeps the pair for as long as the
        // functions can be called.
        unsafe {
            let [first, second] = [pair.function(env, fulfilled)?, pair.function(env, rejected)?];
            tie(env, first, second)?;
            tie(env, second, first)?;
            let functions = [Reference::new(env, first)?, Reference::new(env, second)?];
            functions[1].keep(false);
            let kept = Rc::into_raw(Rc::clone(&pair)).cast_mut().cast::<c_void>();
            let status =
                sys::napi_add_finalizer(env, first, kept, Some(collected), ptr::null_mut(), ptr::null_mut());
            check_status!(status).inspect_err(|_| drop(Rc::from_raw(kept.cast_const().cast::<Self>())))?;
            *pair.functions.borrow_mut() = Some(functions);
        }
        Ok(pair)
    }

    /// A function that calls `native` with this pair.
    ///
    /// # Safety
    /// `env` is live, with a scope open, and this is its thread.
    unsafe fn function(
        self: &Rc<Self>,
        env: sys::napi_env,
        native: unsafe extern "C" fn(sys::napi_env, sys::napi_callback_info) -> sys::napi_value,
    ) -> napi::Result<sys::napi_value> {
        let mut function = ptr::null_mut();
        let data = Rc::as_ptr(self).cast_mut().cast::<c_void>();
        // SAFETY: the caller's promise.
        check_status!(unsafe {
            sys::napi_create_function(env, c"settled".as_ptr(), 7, Some(native), data, &mut function)
        })?;
        Ok(function)
    }

    fn values(&self) -> napi::Result<[sys::napi_value; 2]> {
        match &*self.functions.borrow() {
            Some([fulfilled, rejected]) => Ok([fulfilled.get()?, rejected.get()?]),
            None => Err(napi::Error::from_status(napi::Status::Closing)),
        }
    }

    fn keep(&self, keep: bool) {
        if let Some([fulfilled, _]) = &*self.functions.borrow() {
            fulfilled.keep(keep);
        }
    }

    /// The promise is settled: the pair is free for another.
    fn settle(self: &Rc<Self>, settled: Settled) {
        let handler = self.handler.take();
        if let Some(promises) = self.promises.upgrade() {
            let mut idle = promises.idle.borrow_mut();
            if idle.len() < MAX_IDLE {
                self.keep(true); // one of the two is called now, so neither was collected
                idle.push(Rc::clone(self));
            }
        }
        if let Some(handler) = handler {
            handler(settled);
        }
    }
}

/// Keeps `other` for as long as `function` lives. Defined, not set: a setter of a prototype would
/// be foreign code.
///
/// # Safety
/// `env` is live, this is its thread, and the others are functions of it.
unsafe fn tie(env: sys::napi_env, function: sys::napi_value, other: sys::napi_value) -> napi::Result<()> {
    let property = sys::napi_property_descriptor {
        utf8name: c"other".as_ptr(),
        name: ptr::null_mut(),
        method: None,
        getter: None,
        setter: None,
        value: other,
        attributes: sys::PropertyAttributes::default,
        data: ptr::null_mut(),
    };
    // SAFETY: the caller's promise.
    check_status!(unsafe { sys::napi_define_properties(env, function, 1, &property) })
}

/// At the end of an environment, where it still takes references back.
impl Drop for Promises {
    fn drop(&mut self) {
        for pair in self.idle.take() {
            drop(pair.functions.take());
        }
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        // Collected after the end of its environment, which takes no reference back any more.
        if self.promises.strong_count() == 0 {
            self.functions.take().into_iter().flatten().for_each(Reference::forget);
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

/// A pair was collected, so the promise that had it is gone.
unsafe extern "C" fn collected(_env: sys::napi_env, pair: *mut c_void, _: *mut c_void) {
    // SAFETY: the reference that `Pair::new` gave away.
    let pair = unsafe { Rc::from_raw(pair.cast_const().cast::<Pair>()) };
    let handler = pair.handler.take();
    if let Some(handler) = handler {
        handler(Settled::Abandoned);
    }
}
