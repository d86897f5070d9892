//! Functions for JavaScript that borrow nothing beyond their call.

use std::ffi::CStr;
use std::panic::AssertUnwindSafe;
use std::ptr;

use napi::{Env, JsError, sys};

use super::value::{Value, check};
use crate::{Error, ErrorCode, Result};

/// A plain Node-API function.
///
/// For each call of what `#[napi]` exports, napi sets up and locks a list of borrows, which takes a
/// third as long as to encode a small image.
pub(super) trait Call<const ARGUMENTS: usize> {
    /// Its name.
    const NAME: &CStr;

    /// Runs the call; an argument that was not given is `undefined`.
    fn call(env: Env, arguments: [Value; ARGUMENTS]) -> Result<Value>;

    /// Makes it a property of `object`.
    fn define(env: Env, object: Value) -> Result<()>
    where
        Self: Sized,
    {
        let mut function = ptr::null_mut();
        let name = Self::NAME;
        // SAFETY: the name ends in zero, `enter` lives as long as the module, the result is written
        // to a local.
        check(unsafe {
            sys::napi_create_function(
                env.raw(),
                name.as_ptr(),
                name.count_bytes() as isize,
                Some(enter::<ARGUMENTS, Self>),
                ptr::null_mut(),
                &mut function,
            )
        })?;
        // SAFETY: both values belong to this scope, the name ends in zero.
        check(unsafe { sys::napi_set_named_property(env.raw(), object.raw(), name.as_ptr(), function) })
    }
}

/// The entry from JavaScript: an error is thrown, and so is a panic.
unsafe extern "C" fn enter<const ARGUMENTS: usize, C: Call<ARGUMENTS>>(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    let result = caught(|| {
        let mut arguments = [ptr::null_mut(); ARGUMENTS];
        let mut count = ARGUMENTS;
        // SAFETY: `env` and `info` are those of this call; `count` values are written at the most,
        // and all of them.
        check(unsafe {
            sys::napi_get_cb_info(
                env,
                info,
                &mut count,
                arguments.as_mut_ptr(),
                ptr::null_mut(),
                ptr::null_mut(),
            )
        })?;
        Ok(C::call(Env::from_raw(env), arguments.map(Value::from_raw))?.raw())
    });
    result.unwrap_or_else(|error| {
        // SAFETY: `env` is the one of this call.
        unsafe { JsError::from(napi::Error::<ErrorCode>::from(error)).throw_into(env) };
        ptr::null_mut()
    })
}

/// Runs `work` and turns its panic into an error: nothing unwinds into JavaScript's frames.
pub(super) fn caught<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    // Buffers that a panic leaves half-written are cleared before each use.
    std::panic::catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|panic| Err(Error::panicked("the image codec", &*panic)))
}
