//! Follows a growing log file, as `tail -F` does, and hands its new lines to JavaScript.

mod follow;

use napi::bindgen_prelude::{Env, External, Function};
use napi_derive::napi;
use texample_bridge::Options;
use texample_bridge::napi::Bridge;

/// Calls `callback` with arrays of the lines that are appended to `path` from now on.
///
/// The handle is for `stop`; a file that is truncated or replaced is read from its start.
#[napi(ts_return_type = "ExternalObject<unknown>")]
pub fn follow(
    env: Env,
    path: String,
    callback: Function<'_, Vec<String>, ()>,
) -> napi::Result<External<Bridge<String>>> {
    let mut log = follow::Log::open(path)?;
    let bridge = Bridge::start(&env, "follow", Options::default(), &callback, move |producer| {
        log.follow(producer);
    })?;
    Ok(External::new(bridge))
}

/// Ends the thread; no line is handed over after this returns.
#[napi]
pub fn stop(#[napi(ts_arg_type = "ExternalObject<unknown>")] bridge: &External<Bridge<String>>) {
    bridge.stop();
}
