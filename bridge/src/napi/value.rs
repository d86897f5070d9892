//! JavaScript values by hand: references, calls and errors.

use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use napi::bindgen_prelude::{Env, FromNapiValue, JsObjectValue, JsValue, Unknown};
use napi::{Status, check_status, sys};

use crate::error::panic_message;
use crate::{AskError, CodedError, ThreadError};

/// A value that is kept beyond its scope. Lives on the thread of its environment, and no longer
/// than that does.
pub(super) struct Reference {
    env: sys::napi_env,
    raw: sys::napi_ref,
}

impl Reference {
    /// # Safety
    /// `env` is live, this is its thread, and `value` is an object or a function of it.
    pub(super) unsafe fn new(env: sys::napi_env, value: sys::napi_value) -> napi::Result<Self> {
        let mut raw = ptr::null_mut();
        // SAFETY: the caller's promise.
        check_status!(unsafe { sys::napi_create_reference(env, value, 1, &mut raw) }, "a reference")?;
        Ok(Self { env, raw })
    }

    /// The value, in the scope that is open.
    pub(super) fn get(&self) -> napi::Result<sys::napi_value> {
        let mut value = ptr::null_mut();
        // SAFETY: `raw` is a reference of `env`, which lives as long as this does.
        let status = unsafe { sys::napi_get_reference_value(self.env, self.raw, &mut value) };
        check_status!(status, "a reference")?;
        if value.is_null() {
            return Err(napi::Error::from_status(Status::InvalidArg));
        }
        Ok(value)
    }

    /// Lets the value be collected, or (`true`) keeps it again. A new reference keeps it.
    pub(super) fn keep(&self, keep: bool) {
        let mut count = 0;
        // The calls fail only for a missing argument, or when a weak reference is made weaker.
        // SAFETY: as in `get`.
        let _ = unsafe {
            if keep {
                sys::napi_reference_ref(self.env, self.raw, &mut count)
            } else {
                sys::napi_reference_unref(self.env, self.raw, &mut count)
            }
        };
    }

    /// Forgets the reference: its environment has ended and took it along.
    pub(super) fn forget(self) {
        std::mem::forget(self);
    }
}

impl Drop for Reference {
    fn drop(&mut self) {
        // SAFETY: `raw` is a reference of `env`; this is its last use. A failure would say that it
        // is none.
        let _ = unsafe { sys::napi_delete_reference(self.env, self.raw) };
    }
}

/// Calls `function`; an exception may be pending where this is an error.
///
/// # Safety
/// `env` is live, this is its thread, and the others are values of it.
pub(super) unsafe fn call(
    env: sys::napi_env,
    this: Option<sys::napi_value>,
    function: sys::napi_value,
    arguments: &[sys::napi_value],
) -> napi::Result<sys::napi_value> {
    let mut returned = ptr::null_mut();
    // SAFETY: the caller's promise.
    unsafe {
        let this = this.unwrap_or_else(|| undefined(env));
        let status =
            sys::napi_call_function(env, this, function, arguments.len(), arguments.as_ptr(), &mut returned);
        match Status::from(status) {
            Status::Ok => Ok(returned),
            status => Err(napi::Error::from_status(status)),
        }
    }
}

/// # Safety
/// `env` is live, and this is its thread.
pub(super) unsafe fn undefined(env: sys::napi_env) -> sys::napi_value {
    let mut value = ptr::null_mut();
    // SAFETY: the caller's promise; it fails for a missing argument only.
    unsafe { sys::napi_get_undefined(env, &mut value) };
    value
}

/// Takes the exception that is pending, if one is.
///
/// # Safety
/// `env` is live, and this is its thread.
pub(super) unsafe fn pending_exception(env: sys::napi_env) -> Option<sys::napi_value> {
    let mut pending = false;
    let mut thrown = ptr::null_mut();
    // SAFETY: the caller's promise.
    unsafe {
        let status = sys::napi_is_exception_pending(env, &mut pending);
        if Status::from(status) != Status::Ok || !pending {
            return None;
        }
        let status = sys::napi_get_and_clear_last_exception(env, &mut thrown);
        (Status::from(status) == Status::Ok && !thrown.is_null()).then_some(thrown)
    }
}

/// Runs `body` in a handle scope of its own, so that a drain of many messages keeps no value of
/// those before.
///
/// # Safety
/// `env` is live, and this is its thread.
pub(super) unsafe fn scoped<R>(
    env: sys::napi_env,
    body: impl FnOnce() -> napi::Result<R>,
) -> napi::Result<R> {
    let mut scope = ptr::null_mut();
    // SAFETY: the caller's promise.
    check_status!(unsafe { sys::napi_open_handle_scope(env, &mut scope) }, "a handle scope")?;
    let result = body();
    // SAFETY: opened above, and the last one that is open.
    unsafe { sys::napi_close_handle_scope(env, scope) };
    result
}

/// Runs a conversion, which is foreign code: its panic is an error like any other.
pub(super) fn converted<R>(convert: impl FnOnce() -> napi::Result<R>) -> napi::Result<R> {
    catch_unwind(AssertUnwindSafe(convert)).unwrap_or_else(|panic| {
        let said = panic_message(panic.as_ref());
        Err(napi::Error::from_reason(format!("the conversion of a message panicked: {said}")))
    })
}

pub(super) fn is_pending(error: &napi::Error) -> bool {
    error.status == Status::PendingException
}

/// An `Error` with `code`, or a null pointer when the environment ends.
///
/// # Safety
/// `env` is live, and this is its thread.
pub(super) unsafe fn error_value(env: sys::napi_env, code: &str, message: &str) -> sys::napi_value {
    let string = |text: &str| {
        let mut value = ptr::null_mut();
        // SAFETY: the caller's promise.
        unsafe {
            let length = text.len().try_into().unwrap_or_default();
            sys::napi_create_string_utf8(env, text.as_ptr().cast(), length, &mut value);
        }
        value
    };
    let mut error = ptr::null_mut();
    // SAFETY: the caller's promise.
    unsafe { sys::napi_create_error(env, string(code), string(message), &mut error) };
    error
}

/// An error for JavaScript with a code of ours: `napi::Error` itself has room for Node-API's codes
/// only.
pub(super) fn coded(env: &Env, code: &str, message: &str) -> napi::Error {
    // SAFETY: a live environment on its own thread, with the scope of the call from JavaScript
    // open.
    unsafe { from_value(env, error_value(env.raw(), code, message), message) }
}

/// The error that `value` is, or one that says `message` for a null pointer.
///
/// # Safety
/// `value` is null or a value of `env` in the scope that is open.
unsafe fn from_value(env: &Env, value: sys::napi_value, message: &str) -> napi::Error {
    if value.is_null() {
        return napi::Error::from_reason(message);
    }
    // SAFETY: the caller's promise.
    unsafe { Unknown::from_napi_value(env.raw(), value) }.map_or_else(|error| error, napi::Error::from)
}

/// The `Error` of JavaScript that a thread's failure is, with its code and its causes.
///
/// # Safety
/// `env` is live, and this is its thread.
pub(super) unsafe fn thread_error_value(env: sys::napi_env, error: &ThreadError) -> sys::napi_value {
    // SAFETY: the caller's promise.
    unsafe {
        match error {
            ThreadError::Panicked { .. } => {
                error_value(env, "ERR_TEXAMPLE_THREAD_PANICKED", &error.to_string())
            }
            ThreadError::Failed(error) => error_chain_value(env, error.as_ref()),
            ThreadError::NotStarted { source, .. } => {
                let value = error_value(env, "ERR_TEXAMPLE_THREAD_FAILED", &error.to_string());
                set_cause(env, value, error_chain_value(env, source.as_ref()));
                value
            }
        }
    }
}

pub(super) fn not_started(env: &Env, error: &ThreadError) -> napi::Error {
    // SAFETY: as in `coded`.
    unsafe { from_value(env, thread_error_value(env.raw(), error), &error.to_string()) }
}

/// # Safety
/// `env` is live, and this is its thread.
unsafe fn error_chain_value(env: sys::napi_env, error: &(dyn Error + 'static)) -> sys::napi_value {
    let message = napi_error(error).map_or_else(|| error.to_string(), |(_, reason)| reason.to_owned());
    let code = code_of(error).unwrap_or_else(|| "ERR_TEXAMPLE_THREAD_FAILED".to_owned());
    // SAFETY: the caller's promise.
    unsafe {
        let value = error_value(env, &code, &message);
        if let Some(source) = error.source() {
            set_cause(env, value, error_chain_value(env, source));
        }
        value
    }
}

/// # Safety
/// `env` is live, this is its thread, and the others are values of it or null.
unsafe fn set_cause(env: sys::napi_env, error: sys::napi_value, cause: sys::napi_value) {
    if !error.is_null() && !cause.is_null() {
        // It fails only when the environment ends.
        // SAFETY: the caller's promise.
        unsafe { sys::napi_set_named_property(env, error, c"cause".as_ptr(), cause) };
    }
}

/// The code of an error, or of the nearest one that led to it.
fn code_of(error: &(dyn Error + 'static)) -> Option<String> {
    let own = error
        .downcast_ref::<CodedError>()
        .map(|error| error.code().to_owned())
        .or_else(|| napi_error(error).map(|(status, _)| status.to_owned()))
        .or_else(|| error.downcast_ref::<std::io::Error>().and_then(io_code).map(str::to_owned))
        .or_else(|| match error.downcast_ref()? {
            AskError::Thrown { code, .. } => code.clone(),
            _ => None,
        });
    own.or_else(|| error.source().and_then(code_of))
}

/// The status of a `napi::Error`, and what it says without the status in front.
fn napi_error<'a>(error: &'a (dyn Error + 'static)) -> Option<(&'a str, &'a str)> {
    fn of<'a, S: AsRef<str> + std::fmt::Debug + 'static>(
        error: &'a (dyn Error + 'static),
    ) -> Option<(&'a str, &'a str)> {
        error.downcast_ref::<napi::Error<S>>().map(|error| (error.status.as_ref(), error.reason.as_str()))
    }
    of::<Status>(error).or_else(|| of::<String>(error)).or_else(|| of::<&'static str>(error))
}

/// The code that Node.js has for an error of the operating system.
fn io_code(error: &std::io::Error) -> Option<&'static str> {
    use std::io::ErrorKind;
    Some(match error.kind() {
        ErrorKind::NotFound => "ENOENT",
        ErrorKind::PermissionDenied => "EACCES",
        ErrorKind::AlreadyExists => "EEXIST",
        ErrorKind::AddrInUse => "EADDRINUSE",
        ErrorKind::BrokenPipe => "EPIPE",
        ErrorKind::ConnectionAborted => "ECONNABORTED",
        ErrorKind::ConnectionRefused => "ECONNREFUSED",
        ErrorKind::ConnectionReset => "ECONNRESET",
        ErrorKind::InvalidInput => "EINVAL",
        ErrorKind::IsADirectory => "EISDIR",
        ErrorKind::NotConnected => "ENOTCONN",
        ErrorKind::NotADirectory => "ENOTDIR",
        ErrorKind::ResourceBusy => "EBUSY",
        ErrorKind::StorageFull => "ENOSPC",
        ErrorKind::TimedOut => "ETIMEDOUT",
        // The same numbers on Linux and on macOS.
        _ if cfg!(unix) => match error.raw_os_error()? {
            5 => "EIO",
            6 => "ENXIO",
            9 => "EBADF",
            19 => "ENODEV",
            24 => "EMFILE",
            _ => return None,
        },
        _ => return None,
    })
}

/// The asker's error for what JavaScript threw.
///
/// # Safety
/// `env` is live, this is its thread, and `thrown` is a value of it.
pub(super) unsafe fn thrown_error(env: sys::napi_env, thrown: sys::napi_value) -> AskError {
    // SAFETY: the caller's promise. Getters are foreign code: what they throw is cleared.
    unsafe {
        let property = |name: &str| {
            let object = napi::bindgen_prelude::Object::from_napi_value(env, thrown).ok()?;
            let value: Option<Unknown<'_>> = object.get_named_property(name).ok();
            let _ = pending_exception(env);
            value
        };
        let mut kind = 0;
        sys::napi_typeof(env, thrown, &mut kind);
        let is_object = kind == sys::ValueType::napi_object || kind == sys::ValueType::napi_function;
        let text = |value: Unknown<'_>| {
            let text = value.coerce_to_string().and_then(|text| text.into_utf8()?.into_owned()).ok();
            let _ = pending_exception(env);
            text
        };
        let is_text = |value: &Unknown<'_>| {
            let mut kind = 0;
            sys::napi_typeof(env, value.raw(), &mut kind);
            kind == sys::ValueType::napi_string || kind == sys::ValueType::napi_number
        };
        let message = if is_object { property("message").filter(is_text).and_then(text) } else { None };
        let code = if is_object { property("code").filter(is_text).and_then(text) } else { None };
        let message = message.or_else(|| {
            if kind == sys::ValueType::napi_symbol {
                return None; // it has no text
            }
            Unknown::from_napi_value(env, thrown).ok().and_then(text)
        });
        let message = message.unwrap_or_else(|| "a value without a text was thrown".to_owned());
        AskError::Thrown { message, code }
    }
}
