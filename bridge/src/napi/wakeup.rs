//! One threadsafe function: how a thread asks the event loop to look at a queue.

use std::ffi::c_void;
use std::ptr;

use napi::bindgen_prelude::{Env, Function, JsValue};
use napi::{JsError, Status, check_status, sys};

use super::value::{call, pending_exception};
use crate::sync::{Arc, Mutex, lock};

/// A threadsafe function that calls one function, of JavaScript or of ours, without arguments.
///
/// What the function throws becomes an `uncaughtException`, and if the program goes on
/// the function is called again: it left off in the middle.
#[derive(Clone)]
pub(super) struct Wakeup {
    gate: Arc<Gate>,
}

/// The threadsafe function while it may be used. Node frees it when the environment ends, and using
/// it later aborts the process, so it is used under this lock only and taken out of it first.
type Gate = Mutex<Option<Raw>>;

#[derive(Clone, Copy)]
struct Raw(sys::napi_threadsafe_function);

// SAFETY: a threadsafe function is made to be called from any thread; `Gate` sees to it that none
// does after it was released.
unsafe impl Send for Raw {}

/// A function of ours that a wake-up calls.
pub(super) type Native = Box<dyn Fn(&Env) -> napi::Result<()>>;

/// What a wake-up calls.
pub(super) enum Drain<'a> {
    JavaScript(Function<'a, (), ()>),
    Native(Native),
}

/// What becomes of calls in flight when a threadsafe function is released.
pub(super) enum ReleaseMode {
    /// They are made.
    Finish,
    /// They are dropped: the environment ends, or nothing is to be called any more.
    Abort,
}

impl Wakeup {
    /// A wake-up that calls `drain` on the thread of `env`. It keeps the event loop alive until
    /// [`close`](Self::close), or [`set_ref`](Self::set_ref).
    pub(super) fn new(env: &Env, name: &str, drain: Drain<'_>) -> napi::Result<Self> {
        let label = env.create_string(name)?;
        let gate = Arc::new(Gate::new(None));
        let mut raw = ptr::null_mut();
        let for_finalizer = Arc::into_raw(Arc::clone(&gate));
        let (function, native) = match drain {
            Drain::JavaScript(function) => (function.raw(), ptr::null_mut()),
            Drain::Native(native) => (ptr::null_mut(), Box::into_raw(Box::new(native))),
        };
        // SAFETY: `env` is live, `function` and `label` are values of it in an open scope; the
        // finalizer owns the reference to the gate and the native function that it is given.
        let status = unsafe {
            sys::napi_create_threadsafe_function(
                env.raw(),
                function,
                ptr::null_mut(),
                label.raw(),
                0,
                1,
                for_finalizer.cast_mut().cast(),
                Some(finalize),
                native.cast(),
                Some(call_js),
                &mut raw,
            )
        };
        check_status!(status, "the threadsafe function \"{name}\" could not be made").inspect_err(|_| {
            // SAFETY: the call failed, so no finalizer will take what it was offered.
            unsafe { release(for_finalizer, native) };
        })?;
        *lock(&gate) = Some(Raw(raw));
        Ok(Self { gate })
    }

    /// Asks for a call of the function. Never blocks; does nothing once closed.
    pub(super) fn wake(&self) {
        let mut gate = lock(&self.gate);
        let Some(Raw(raw)) = *gate else { return };
        // SAFETY: inside the gate `raw` is live.
        let status = unsafe {
            sys::napi_call_threadsafe_function(
                raw,
                // The threadsafe function hands this to `call_js`, which wakes again by it.
                Arc::as_ptr(&self.gate).cast_mut().cast(),
                sys::ThreadsafeFunctionCallMode::nonblocking,
            )
        };
        if status == sys::Status::napi_closing {
            // With this answer Node takes the reference back: the function is no longer ours to
            // use.
            *gate = None;
        }
    }

    /// Lets the event loop end although nothing is closed, or (`true`) keeps it alive again.
    pub(super) fn set_ref(&self, env: sys::napi_env, keep_alive: bool) {
        let gate = lock(&self.gate);
        let Some(Raw(raw)) = *gate else { return };
        // The two calls fail only for a missing argument; a function that is closing ignores them.
        // SAFETY: inside the gate `raw` is live, and `env` is its environment, on its own thread.
        let _ = unsafe {
            if keep_alive {
                sys::napi_ref_threadsafe_function(env, raw)
            } else {
                sys::napi_unref_threadsafe_function(env, raw)
            }
        };
    }

    /// Releases the threadsafe function; later wake-ups do nothing.
    pub(super) fn close(&self, mode: ReleaseMode) {
        let Some(Raw(raw)) = lock(&self.gate).take() else { return };
        let mode = match mode {
            ReleaseMode::Finish => sys::ThreadsafeFunctionReleaseMode::release,
            ReleaseMode::Abort => sys::ThreadsafeFunctionReleaseMode::abort,
        };
        // Fails only when the function has no reference left, and then there is nothing to release.
        // SAFETY: `raw` was live inside the gate and has been taken out, so this is its last use.
        let _ = unsafe { sys::napi_release_threadsafe_function(raw, mode) };
    }
}

/// Node has released the threadsafe function: the gate is closed, if it was not before.
unsafe extern "C" fn finalize(_env: sys::napi_env, gate: *mut c_void, native: *mut c_void) {
    let gate = gate.cast_const().cast::<Gate>();
    // SAFETY: `Wakeup::new` gave both away, and this runs once.
    unsafe {
        *lock(&*gate) = None;
        release(gate, native.cast());
    }
}

/// # Safety
/// To be called once with what `Wakeup::new` made for Node to keep.
unsafe fn release(gate: *const Gate, native: *mut Native) {
    // SAFETY: the caller's promise.
    unsafe {
        drop(Arc::from_raw(gate));
        if !native.is_null() {
            drop(Box::from_raw(native));
        }
    }
}

unsafe extern "C" fn call_js(
    env: sys::napi_env,
    function: sys::napi_value,
    native: *mut c_void,
    gate: *mut c_void,
) {
    // Null while the environment ends.
    if env.is_null() || (function.is_null() && native.is_null()) {
        return;
    }
    // SAFETY: Node calls this on the thread of `env`, with a handle scope open, `function` live if
    // it is there, and `native` what `Wakeup::new` made, alive until it was finalized.
    let thrown = unsafe {
        let done = if native.is_null() {
            call(env, None, function, &[]).is_ok()
        } else {
            let native = &*native.cast_const().cast::<Native>();
            match native(&Env::from_raw(env)) {
                Ok(()) => true,
                Err(error) => {
                    if error.status != Status::PendingException {
                        JsError::from(error).throw_into(env);
                    }
                    false
                }
            }
        };
        if done { None } else { pending_exception(env) }
    };
    // Without an exception the call failed because the environment ends: no handler is left to be
    // told.
    let Some(thrown) = thrown else { return };
    // SAFETY: `gate` was the live gate of the `Wakeup` that called, and the finalizer's reference
    // keeps it alive until Node has made its last call. Nothing here locks it while JavaScript
    // runs.
    let gate = unsafe {
        let gate = gate.cast_const().cast::<Gate>();
        Arc::increment_strong_count(gate);
        Arc::from_raw(gate)
    };
    // SAFETY: as above; this is where the program may end.
    let status = unsafe { sys::napi_fatal_exception(env, thrown) };
    if status == sys::Status::napi_ok {
        Wakeup { gate }.wake();
    }
}
