//! Reads a serial port: a thread of its own waits for bytes, JavaScript gets them as a stream.
#![cfg(unix)]

mod port;

use std::os::unix::net::UnixStream;

use napi::bindgen_prelude::{Buffer, Env, Function, PromiseRaw, Unknown};
use napi_derive::napi;
use texample_bridge::napi::Bridge;

use crate::port::Port;

/// Frames that may wait for JavaScript, of up to 4 KiB each.
const CAPACITY: usize = 16;

/// A port that is read.
#[napi]
pub struct Reader {
    bridge: Bridge<Buffer>,
}

#[napi]
impl Reader {
    /// Opens the port at `path`, on its thread, and calls `callback` with what comes. While a
    /// promise that the callback returned is pending, what comes waits, and then the port holds the
    /// sender back.
    #[napi(constructor)]
    pub fn new(
        env: Env,
        path: String,
        #[napi(ts_arg_type = "(chunk: Buffer) => void | Promise<void>")] callback: Function<
            '_,
            Buffer,
            Unknown<'_>,
        >,
    ) -> napi::Result<Self> {
        // A read of a serial port cannot be interrupted, so the thread waits for two things: the
        // port, and the end.
        let (stop, stopped) = UnixStream::pair()?;
        let ready = Bridge::builder("serial")
            .capacity(CAPACITY)
            .wait_for_callback(true)
            .on_stop(move || drop(stop)) // which `stopped` sees as its end
            .each(&env, &callback)?;
        let bridge = ready.spawn(move |producer| Port::open(&path)?.read(&stopped, producer))?;
        Ok(Self { bridge })
    }

    /// Ends it.
    #[napi]
    pub fn stop(&self) {
        self.bridge.stop();
    }

    /// Settles when the port is closed; rejects when it could not be opened, or was unplugged.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn done<'env>(&self, env: &'env Env) -> napi::Result<PromiseRaw<'env, ()>> {
        self.bridge.done(env)
    }
}
