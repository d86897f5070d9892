//! Follows a growing log file, as `tail -F` does, and hands its new lines to JavaScript.

mod follow;

use napi::bindgen_prelude::{Env, Function, PromiseRaw};
use napi_derive::napi;
use texample_bridge::napi::Bridge;

/// A file that is followed.
#[napi]
pub struct Follower {
    bridge: Bridge<String>,
}

#[napi]
impl Follower {
    /// Calls `callback` with arrays of the lines that are appended to `path` from now on.
    ///
    /// A file that is truncated or replaced is read from its start.
    #[napi(constructor)]
    pub fn new(env: Env, path: String, callback: Function<'_, Vec<String>, ()>) -> napi::Result<Self> {
        let mut log = follow::Log::open(path)?;
        let ready = Bridge::builder("follow").batches(&env, &callback)?;
        Ok(Self { bridge: ready.spawn(move |producer| log.follow(producer))? })
    }

    /// Ends the thread; no line is handed over after this returns.
    #[napi]
    pub fn stop(&self) {
        self.bridge.stop();
    }

    /// Settles when the thread has ended; rejects with the error of a file that cannot be read any
    /// more.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn done<'env>(&self, env: &'env Env) -> napi::Result<PromiseRaw<'env, ()>> {
        self.bridge.done(env)
    }
}
