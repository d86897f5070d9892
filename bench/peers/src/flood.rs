//! Messages as fast as they are taken: for what the event loop does meanwhile.

use napi::bindgen_prelude::{Env, Function, PromiseRaw, Unknown};
use napi_derive::napi;
use texample_bridge::PostError;
use texample_bridge::napi::Bridge;

/// A bridge that posts numbers flat out, one a call.
#[napi]
pub struct Flood {
    bridge: Bridge<f64>,
}

#[napi]
impl Flood {
    /// Starts it.
    #[napi(constructor)]
    pub fn new(env: Env, callback: Function<'_, f64, Unknown<'_>>) -> napi::Result<Self> {
        let bridge = Bridge::builder("flood").each(&env, &callback)?.spawn(
            |producer| -> Result<(), PostError<f64>> {
                for i in 0.. {
                    producer.post(f64::from(i))?;
                }
                Ok(())
            },
        )?;
        Ok(Self { bridge })
    }

    /// Ends it.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn stop<'env>(&self, env: &'env Env) -> napi::Result<PromiseRaw<'env, ()>> {
        self.bridge.stop();
        self.bridge.done(env)
    }
}
