//! What the bridges of one environment share: the turn of its event loop, the functions that they
//! borrow from it, and its end.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ffi::c_void;
use std::mem::ManuallyDrop;
use std::rc::{Rc, Weak};

use napi::bindgen_prelude::{Env, Function, JsObjectValue, JsValue, Unknown};
use napi::{check_status, sys};

use super::promises::Promises;
use super::value::{Reference, call};
use crate::budget::Turn;

thread_local! {
    /// Those of this thread. Never dropped: where a process exits without running its hooks, Node
    /// is gone by then.
    static ENVIRONMENTS: RefCell<ManuallyDrop<Vec<Rc<Environment>>>> =
        const { RefCell::new(ManuallyDrop::new(Vec::new())) };
}

/// One environment of Node.js: the main thread's, or a worker's.
pub(super) struct Environment {
    env: sys::napi_env,
    turn: Cell<Turn>,
    /// Members that have had their share of the turn, to be woken in the next one.
    yielded: RefCell<Vec<Rc<dyn Member>>>,
    functions: RefCell<Option<Rc<Functions>>>,
    members: RefCell<HashMap<u64, Rc<dyn Member>>>,
    next_member: Cell<u64>,
    has_ended: Cell<bool>,
}

/// What bridges borrow of an environment. Taken when the first bridge is opened, so that a test's
/// fake clock, which comes later, does not reach in here.
struct Functions {
    set_immediate: Reference,
    turned: Reference,
    one: Reference,
    promises: Rc<Promises>,
}

/// A part of an environment that must not outlive it.
pub(super) trait Member {
    /// Called in the turn after the one in which it has yielded.
    fn turned(&self);
    /// Releases each thread that waits, and calls JavaScript no more.
    fn close(&self);
    /// Waits for the thread that it owns.
    fn join(&self);
}

impl Environment {
    /// That of this thread, made when it is asked for first.
    pub(super) fn of(env: &Env) -> napi::Result<Rc<Self>> {
        let known = ENVIRONMENTS.with_borrow(|all| {
            all.iter().find(|known| known.env == env.raw() && !known.has_ended()).cloned()
        });
        if let Some(known) = known {
            return Ok(known);
        }
        let made = Rc::new(Self {
            env: env.raw(),
            turn: Cell::default(),
            yielded: RefCell::default(),
            functions: RefCell::default(),
            members: RefCell::default(),
            next_member: Cell::new(0),
            has_ended: Cell::new(false),
        });
        *made.functions.borrow_mut() = Some(Rc::new(Functions::new(env, &made)?));
        // For when the last member is gone: what is kept for this environment must not be taken for
        // a later one's.
        Hook::add(&made)?;
        ENVIRONMENTS.with_borrow_mut(|all| all.push(Rc::clone(&made)));
        Ok(made)
    }

    pub(super) fn raw(&self) -> sys::napi_env {
        self.env
    }

    pub(super) fn has_ended(&self) -> bool {
        self.has_ended.get()
    }

    fn functions(&self) -> napi::Result<Rc<Functions>> {
        let functions = self.functions.borrow().clone();
        functions.ok_or_else(|| napi::Error::from_status(napi::Status::Closing))
    }

    pub(super) fn promises(&self) -> napi::Result<Rc<Promises>> {
        Ok(Rc::clone(&self.functions()?.promises))
    }

    /// Whether JavaScript may still be run: when a worker is terminated each call fails, as if it
    /// threw.
    ///
    /// # Safety
    /// The environment is live, and no exception is pending.
    pub(super) unsafe fn is_alive(&self) -> bool {
        let Ok(functions) = self.functions() else { return false };
        // Bun's calls succeed then, with `undefined`.
        let mut number = 0;
        let is_called = functions.one.get().and_then(|one| {
            // SAFETY: the caller's promise, and a function of this environment.
            unsafe {
                let returned = call(self.env, None, one, &[])?;
                check_status!(sys::napi_get_value_uint32(self.env, returned, &mut number))
            }
        });
        is_called.is_ok() && number == 1
    }

    pub(super) fn turn(&self) -> Turn {
        self.turn.get()
    }

    /// How many members have had their share of this turn.
    pub(super) fn yielded(&self) -> usize {
        self.yielded.borrow().len()
    }

    /// Marks the end of this turn, by an immediate.
    ///
    /// It is ref'd, also where the bridge is not: while a ref'd immediate waits the event loop does
    /// not sleep in its poll, so a bridge beside an idle server goes on at once.
    pub(super) fn mark_turn(&self) -> napi::Result<()> {
        let turn = self.turn.get();
        if turn.is_marked() {
            return Ok(());
        }
        let functions = self.functions()?;
        // SAFETY: values of this environment, in the scope of the call that led here.
        unsafe { call(self.env, None, functions.set_immediate.get()?, &[functions.turned.get()?])? };
        self.turn.set(turn.marked());
        Ok(())
    }

    /// Has `member` told of the next turn.
    pub(super) fn yield_turn(&self, member: Rc<dyn Member>) -> napi::Result<()> {
        self.mark_turn()?;
        self.yielded.borrow_mut().push(member);
        Ok(())
    }

    fn end_turn(&self) {
        self.turn.set(self.turn.get().next());
        let yielded = self.yielded.take();
        yielded.iter().for_each(|member| member.turned());
    }

    /// Has `member` closed and joined when the environment ends, unless it is removed before.
    pub(super) fn add(&self, member: Rc<dyn Member>) -> u64 {
        let key = self.next_member.get();
        self.next_member.set(key + 1);
        self.members.borrow_mut().insert(key, member);
        key
    }

    pub(super) fn remove(&self, key: u64) {
        let removed = self.members.borrow_mut().remove(&key);
        drop(removed);
    }

    /// Closes all members before the first is joined: the thread of one may wait for an answer from
    /// another.
    fn end(self: &Rc<Self>) {
        if self.has_ended.replace(true) {
            return;
        }
        ENVIRONMENTS.with_borrow_mut(|all| {
            all.retain(|other| !Rc::ptr_eq(other, self));
            // The list is never dropped, so the last one frees its memory.
            all.shrink_to_fit();
        });
        let members = self.members.take();
        members.values().for_each(|member| member.close());
        members.values().for_each(|member| member.join());
        self.yielded.take();
        self.functions.take();
    }
}

impl Functions {
    fn new(env: &Env, environment: &Rc<Environment>) -> napi::Result<Self> {
        let weak: Weak<Environment> = Rc::downgrade(environment);
        let turned = env.create_function_from_closure::<(), (), _>("turned", move |_| {
            if let Some(environment) = weak.upgrade() {
                environment.end_turn();
            }
            Ok(())
        })?;
        let one = env.create_function_from_closure::<(), u32, _>("one", |_| Ok(1))?;
        let global = env.get_global()?;
        let set_immediate: Function<'_, (), Unknown<'_>> = global.get_named_property("setImmediate")?;
        // SAFETY: all are functions and objects of `env`, on its thread.
        unsafe {
            Ok(Self {
                set_immediate: Reference::new(env.raw(), set_immediate.raw())?,
                turned: Reference::new(env.raw(), turned.raw())?,
                one: Reference::new(env.raw(), one.raw())?,
                promises: Promises::new(env)?,
            })
        }
    }
}

/// A cleanup hook that ends an environment. It stays until it has run or is removed; dropping this
/// does nothing.
///
/// Hooks run last in, first out, so one that was added after a threadsafe function was made runs
/// before Node.js frees that. Source: <https://nodejs.org/api/n-api.html#napi_add_env_cleanup_hook>.
pub(super) struct Hook {
    env: sys::napi_env,
    data: *mut c_void,
}

impl Hook {
    pub(super) fn add(environment: &Rc<Environment>) -> napi::Result<Self> {
        // A box of its own: a hook is known by its data.
        let data: *mut c_void = Box::into_raw(Box::new(Rc::clone(environment))).cast();
        // SAFETY: the environment is live; the hook owns the box that it is given, until it runs or
        // is removed.
        let status = unsafe { sys::napi_add_env_cleanup_hook(environment.env, Some(environment_ends), data) };
        check_status!(status, "the cleanup hook could not be added").inspect_err(|_| {
            // SAFETY: the call failed, so the hook will not take what it was offered.
            drop(unsafe { Box::from_raw(data.cast::<Rc<Environment>>()) });
        })?;
        Ok(Self { env: environment.env, data })
    }

    /// Takes the hook away, before it has run.
    pub(super) fn remove(self) {
        // SAFETY: the hook is there, with a box of its own, which is taken back here.
        unsafe {
            sys::napi_remove_env_cleanup_hook(self.env, Some(environment_ends), self.data);
            drop(Box::from_raw(self.data.cast::<Rc<Environment>>()));
        }
    }
}

unsafe extern "C" fn environment_ends(data: *mut c_void) {
    // SAFETY: the box that `Hook::add` gave away; `Hook::remove` takes the hook away before it
    // takes that back.
    let environment = unsafe { Box::from_raw(data.cast::<Rc<Environment>>()) };
    environment.end();
}
