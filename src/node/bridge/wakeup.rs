//! One threadsafe function: how a thread asks the event loop to look at a queue.

use std::ffi::c_void;
use std::ptr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use napi::bindgen_prelude::{Env, Function, JsValue};
use napi::{Status, check_status, sys};

/// A threadsafe function that calls one JavaScript function without arguments.
///
/// What the function throws becomes an `uncaughtException`, and if the program goes on
/// the function is called again: it left off in the middle.
#[derive(Clone)]
pub(super) struct Wakeup {
    gate: Arc<Gate>,
}

/// The threadsafe function while it may be used. Node frees it when the environment ends, and using
/// it later aborts the process, so it is used under this lock only and taken out of it first.
struct Gate(Mutex<Option<Raw>>);

#[derive(Clone, Copy)]
struct Raw(sys::napi_threadsafe_function);

// SAFETY: a threadsafe function is made to be called from any thread; `Gate` sees to it that none
// does after it was released.
unsafe impl Send for Raw {}

impl Gate {
    fn lock(&self) -> MutexGuard<'_, Option<Raw>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wakeup {
    /// A wake-up that calls `drain` on the thread of `env`. It keeps the event loop alive until
    /// [`close`](Self::close), or [`unref`](Self::unref).
    pub(super) fn new(env: &Env, name: &str, drain: &Function<'_, (), ()>) -> napi::Result<Self> {
        let label = env.create_string(name)?;
        let gate = Arc::new(Gate(Mutex::new(None)));
        let mut raw = ptr::null_mut();
        let for_finalizer = Arc::into_raw(Arc::clone(&gate));
        // SAFETY: `env` is live, `drain` and `label` are values of it in an open scope; the finalizer
        // owns the reference to the gate that it is given.
        let status = unsafe {
            sys::napi_create_threadsafe_function(
                env.raw(),
                drain.raw(),
                ptr::null_mut(),
                label.raw(),
                0,
                1,
                for_finalizer.cast_mut().cast(),
                Some(finalize),
                ptr::null_mut(),
                Some(call_js),
                &mut raw,
            )
        };
        check_status!(status, "the threadsafe function \"{name}\" could not be made").inspect_err(|_| {
            // SAFETY: the call failed, so no finalizer will take the reference that it was offered.
            drop(unsafe { Arc::from_raw(for_finalizer) });
        })?;
        *gate.lock() = Some(Raw(raw));
        Ok(Self { gate })
    }

    /// Asks for a call of the function. Never blocks; does nothing once closed.
    pub(super) fn wake(&self) {
        let mut gate = self.gate.lock();
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
            // With this answer Node takes the reference back: the function is no longer ours to use.
            *gate = None;
        }
    }

    /// Lets the event loop end although nothing is closed, or (`true`) keeps it alive again.
    pub(super) fn set_ref(&self, env: sys::napi_env, keep_alive: bool) {
        let gate = self.gate.lock();
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

    /// Lets go of the threadsafe function; later wake-ups do nothing. Calls still in flight are made,
    /// unless the environment is `ending`.
    pub(super) fn close(&self, ending: bool) {
        let Some(Raw(raw)) = self.gate.lock().take() else { return };
        let mode = if ending {
            sys::ThreadsafeFunctionReleaseMode::abort
        } else {
            sys::ThreadsafeFunctionReleaseMode::release
        };
        // Fails only when the function has no reference left, and then there is nothing to let go of.
        // SAFETY: `raw` was live inside the gate and has been taken out, so this is its last use.
        let _ = unsafe { sys::napi_release_threadsafe_function(raw, mode) };
    }
}

/// Node has let go of the threadsafe function; so must we, whoever was first.
unsafe extern "C" fn finalize(_env: sys::napi_env, gate: *mut c_void, _hint: *mut c_void) {
    // SAFETY: the reference that `Wakeup::new` gave away, and this runs once.
    let gate = unsafe { Arc::from_raw(gate.cast_const().cast::<Gate>()) };
    *gate.lock() = None;
}

unsafe extern "C" fn call_js(
    env: sys::napi_env,
    drain: sys::napi_value,
    _context: *mut c_void,
    gate: *mut c_void,
) {
    // Both are null while the environment ends.
    if env.is_null() || drain.is_null() {
        return;
    }
    let mut this = ptr::null_mut();
    let mut returned = ptr::null_mut();
    // SAFETY: Node calls this on the thread of `env`, with a handle scope open and `drain` a live function.
    let thrown = unsafe {
        sys::napi_get_undefined(env, &mut this);
        let status = sys::napi_call_function(env, this, drain, 0, ptr::null(), &mut returned);
        if status == sys::Status::napi_ok { None } else { pending_exception(env) }
    };
    // Without an exception the call failed because the environment ends: nobody is left to tell.
    let Some(thrown) = thrown else { return };
    // SAFETY: `gate` was the live gate of the `Wakeup` that called, and the finalizer's reference keeps
    // it alive until Node has made its last call. Nothing here locks it while JavaScript runs.
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

/// Takes the exception that is pending, if one is.
///
/// # Safety
/// `env` is live, and this is its thread.
unsafe fn pending_exception(env: sys::napi_env) -> Option<sys::napi_value> {
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
