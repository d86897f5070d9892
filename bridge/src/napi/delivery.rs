//! Messages as calls of a JavaScript function.

use std::cell::Cell;
use std::ptr;
use std::rc::Rc;
use std::time::Instant;

use napi::bindgen_prelude::{
    BigInt64Array, BigUint64Array, Buffer, Float32Array, Float64Array, Int8Array, Int16Array, Int32Array,
    JsValuesTupleIntoVec, ToNapiValue, Uint8Array, Uint8ClampedArray, Uint16Array, Uint32Array,
};
use napi::{check_status, sys};

use super::inbox::{Inbox, Received};
use super::promises::{Settled, is_promise};
use super::value::{Reference, call, converted, scoped};
use crate::batch_size::BatchSize;

/// What a callback receives for several messages of type `T`.
///
/// `Vec<T>` is an array; for numbers a typed array, such as `Float64Array`, is faster. An
/// implementation of your own decides what becomes of a message that it cannot convert.
pub trait Batch<T>: Sized {
    /// Makes the value. Leaves out each message that cannot be converted, and adds its error to
    /// `failures`: it counts as failed, and its error is an `uncaughtException`.
    ///
    /// # Errors
    /// When no value can be made; all messages count as failed then.
    ///
    /// # Safety
    /// `env` is live, this is its thread, and a scope is open.
    unsafe fn into_value(
        env: sys::napi_env,
        messages: Vec<T>,
        failures: &mut Vec<napi::Error>,
    ) -> napi::Result<sys::napi_value>;
}

impl<T: ToNapiValue> Batch<T> for Vec<T> {
    unsafe fn into_value(
        env: sys::napi_env,
        messages: Vec<T>,
        failures: &mut Vec<napi::Error>,
    ) -> napi::Result<sys::napi_value> {
        let mut array = ptr::null_mut();
        let mut index = 0;
        // SAFETY: the caller's promise.
        unsafe {
            check_status!(sys::napi_create_array_with_length(env, messages.len(), &mut array), "an array")?;
            for message in messages {
                match converted(|| T::to_napi_value(env, message)) {
                    Ok(value) => {
                        check_status!(sys::napi_set_element(env, array, index, value), "an element")?;
                        index += 1;
                    }
                    Err(error) => failures.push(error),
                }
            }
            if !failures.is_empty() {
                let length = u32::to_napi_value(env, index)?;
                check_status!(
                    sys::napi_set_named_property(env, array, c"length".as_ptr(), length),
                    "length"
                )?;
            }
        }
        Ok(array)
    }
}

macro_rules! numbers {
    ($($array:ty: $number:ty),* $(,)?) => {$(
        impl Batch<$number> for $array {
            unsafe fn into_value(
                env: sys::napi_env,
                messages: Vec<$number>,
                _failures: &mut Vec<napi::Error>,
            ) -> napi::Result<sys::napi_value> {
                // SAFETY: the caller's promise.
                unsafe { <$array>::to_napi_value(env, messages.into()) }
            }
        }
    )*};
}

numbers! {
    Int8Array: i8, Uint8Array: u8, Uint8ClampedArray: u8, Int16Array: i16, Uint16Array: u16, Int32Array: i32,
    Uint32Array: u32, Float32Array: f32, Float64Array: f64, BigInt64Array: i64, BigUint64Array: u64, Buffer: u8,
}

/// The callback of a bridge.
pub(super) struct Delivery {
    pub(super) callback: Reference,
    /// The next call waits until the promise that the callback returned has settled.
    waits: bool,
    batch_size: Cell<BatchSize>,
    /// The call whose microtasks are running, with how many messages and since when.
    unmeasured: Cell<Option<(usize, Instant)>>,
}

impl Delivery {
    pub(super) fn new(callback: Reference, waits: bool) -> Self {
        Self { callback, waits, batch_size: Cell::default(), unmeasured: Cell::default() }
    }

    /// Calls back with batches until there is nothing to deliver, or the turn is over.
    pub(super) fn batches<T, B>(&self, inbox: &Rc<Inbox<T>>) -> napi::Result<()>
    where
        T: Send + 'static,
        B: Batch<T>,
    {
        loop {
            if let Some(error) = inbox.next_failure() {
                return Err(error);
            }
            if let Some((count, began)) = self.unmeasured.take() {
                self.measure(count, began);
            }
            let batch = match inbox.next(|consumer, _| consumer.take(self.batch_size.get().get()))? {
                Received::Some(batch) => batch,
                Received::Nothing => return Ok(()),
                Received::Ended => return inbox.end_and_tell(),
            };
            let (count, began) = (batch.len(), Instant::now());
            // SAFETY: on the thread of a live environment, in the scope of the wake-up's call.
            let has_promised = unsafe { scoped(inbox.env(), || self.batch::<T, B>(inbox, batch)) }?;
            if has_promised && !self.waits {
                self.unmeasured.set(Some((count, began)));
                return microtasks_first(inbox);
            }
            self.measure(count, began);
        }
    }

    /// Calls back with messages, one by one.
    pub(super) fn each<T, A>(&self, inbox: &Rc<Inbox<T>>) -> napi::Result<()>
    where
        T: Into<A> + Send + 'static,
        A: JsValuesTupleIntoVec,
    {
        // A callback threw in the middle, or was waited for: the rest comes first.
        if inbox.has_in_hand() && !inbox.has_time()? {
            return Ok(());
        }
        loop {
            let mut has_promised = false;
            while let Some(message) = inbox.take_in_hand() {
                // SAFETY: on the thread of a live environment, in the scope of the wake-up's call.
                has_promised |= unsafe { scoped(inbox.env(), || self.one::<T, A>(inbox, message)) }?;
            }
            if has_promised && !self.waits {
                return microtasks_first(inbox);
            }
            match inbox.next_in_hand()? {
                Received::Some(()) => {}
                Received::Nothing => return Ok(()),
                Received::Ended => return inbox.end_and_tell(),
            }
        }
    }

    fn measure(&self, count: usize, began: Instant) {
        let mut size = self.batch_size.get();
        size.called(count, began.elapsed());
        self.batch_size.set(size);
    }

    fn batch<T, B>(&self, inbox: &Rc<Inbox<T>>, messages: Vec<T>) -> napi::Result<bool>
    where
        T: Send + 'static,
        B: Batch<T>,
    {
        let count = messages.len();
        let mut failures = Vec::new();
        // SAFETY: the environment is live, this is its thread, and a scope is open.
        let value = converted(|| unsafe { B::into_value(inbox.env(), messages, &mut failures) });
        let failed = failures.len().min(count);
        failures.into_iter().for_each(|error| inbox.fails(error));
        let value = value.inspect_err(|_| inbox.consumer().failed(count - failed))?;
        if failed == count {
            return Ok(false); // nothing is left to hand on
        }
        self.call(inbox, &[value], count - failed)
    }

    fn one<T, A>(&self, inbox: &Rc<Inbox<T>>, message: T) -> napi::Result<bool>
    where
        T: Into<A> + Send + 'static,
        A: JsValuesTupleIntoVec,
    {
        let arguments = converted(|| message.into().into_vec(inbox.env()));
        let arguments = arguments.inspect_err(|_| inbox.consumer().failed(1))?;
        self.call(inbox, &arguments, 1)
    }

    /// Calls back with `count` messages; whether the callback returned a promise. An error is the
    /// exception that is pending.
    fn call<T: Send + 'static>(
        &self,
        inbox: &Rc<Inbox<T>>,
        arguments: &[sys::napi_value],
        count: usize,
    ) -> napi::Result<bool> {
        let env = inbox.env();
        // SAFETY: values of `env`, on its thread.
        let returned = unsafe { call(env, None, self.callback.get()?, arguments) };
        let returned = returned.inspect_err(|_| inbox.consumer().failed(count))?;
        if !self.waits {
            // SAFETY: as above.
            return Ok(unsafe { is_promise(env, returned) });
        }
        // SAFETY: as above.
        let has_promised = inbox.environment().promises().and_then(|promises| unsafe {
            promises.when_settled(returned, || {
                let inbox = Rc::clone(inbox);
                Box::new(move |settled| when_settled(&inbox, count, &settled))
            })
        });
        let has_promised = has_promised.inspect_err(|_| inbox.consumer().failed(count))?;
        if has_promised {
            inbox.wait_for_promise();
        }
        Ok(has_promised)
    }
}

/// The promise of a callback that was waited for has settled.
fn when_settled<T: Send + 'static>(inbox: &Rc<Inbox<T>>, count: usize, settled: &Settled) {
    // First, because the program may end in what follows.
    inbox.goes_on();
    match settled {
        Settled::Fulfilled(_) => {}
        Settled::Rejected(reason) => {
            inbox.consumer().failed(count);
            // SAFETY: on the thread of a live environment, in the scope of the microtask.
            unsafe { sys::napi_fatal_exception(inbox.env(), *reason) };
        }
        Settled::Abandoned => inbox.consumer().failed(count),
    }
}

/// Goes on after the microtasks of what was called, and with the time that those take on the same
/// account.
fn microtasks_first<T: Send + 'static>(inbox: &Rc<Inbox<T>>) -> napi::Result<()> {
    inbox.wakeup().wake();
    Ok(())
}
