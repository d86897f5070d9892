//! One threadsafe-function call per message, as napi-rs makes it, beside the bridge.

use std::thread;
use std::time::Duration;

use napi::bindgen_prelude::{Env, Function};
use napi::threadsafe_function::ThreadsafeFunctionCallMode;
use napi_derive::napi;
use texample_bridge::PostError;
use texample_bridge::napi::Bridge;

/// Calls back `count` times as fast as it can, one threadsafe-function call per message.
#[napi]
pub fn tsfn_flood(callback: Function<'_, f64, ()>, count: u32) -> napi::Result<()> {
    let call = callback.build_threadsafe_function::<f64>().build()?;
    thread::spawn(move || {
        for i in 0..count {
            call.call(f64::from(i), ThreadsafeFunctionCallMode::NonBlocking);
        }
    });
    Ok(())
}

/// Calls back with the time, `count` times, after a sleep each: one threadsafe-function call per
/// message.
#[napi]
pub fn tsfn_stamps(callback: Function<'_, f64, ()>, count: u32, every_ms: u32) -> napi::Result<()> {
    let call = callback.build_threadsafe_function::<f64>().build()?;
    thread::spawn(move || {
        for _ in 0..count {
            thread::sleep(Duration::from_millis(every_ms.into()));
            call.call(nanoseconds(), ThreadsafeFunctionCallMode::NonBlocking);
        }
    });
    Ok(())
}

/// The same over the bridge.
#[napi]
pub fn bridge_stamps(
    env: Env,
    callback: Function<'_, f64, ()>,
    count: u32,
    every_ms: u32,
) -> napi::Result<()> {
    Bridge::builder("stamps").each(&env, &callback)?.spawn(
        move |producer| -> Result<(), PostError<f64>> {
            for _ in 0..count {
                thread::sleep(Duration::from_millis(every_ms.into()));
                producer.post(nanoseconds())?;
            }
            Ok(())
        },
    )?;
    Ok(())
}

/// The clock of `process.hrtime`, in nanoseconds.
fn nanoseconds() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a live timespec, and the clock is one that every Linux has.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}
