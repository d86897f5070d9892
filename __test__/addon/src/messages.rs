//! Messages of several kinds.

use napi::bindgen_prelude::{Buffer, Env, FnArgs, Function, PromiseRaw, ToNapiValue};
use napi_derive::napi;
use texample_bridge::napi::Bridge;
use texample_bridge::{Closed, CodedError, PostError};

/// A number whose conversion fails for 3 and panics for 5.
pub struct Fussy(u32);

impl Fussy {
    pub(crate) fn new(number: u32) -> Self {
        Self(number)
    }
}

impl ToNapiValue for Fussy {
    unsafe fn to_napi_value(env: napi::sys::napi_env, value: Self) -> napi::Result<napi::sys::napi_value> {
        match value.0 {
            3 => Err(napi::Error::from_reason("three is not accepted")),
            5 => panic!("five is worse"),
            // SAFETY: the caller's promise.
            number => unsafe { u32::to_napi_value(env, number) },
        }
    }
}

/// What a child process does: lines, then its end, in one order.
#[napi(object, object_from_js = false)]
pub struct Event {
    /// What was printed.
    pub line: Option<String>,
    /// How the process has ended.
    pub code: Option<u32>,
}

macro_rules! handle {
    ($name:ident: $message:ty) => {
        /// A bridge.
        #[napi]
        pub struct $name {
            bridge: Bridge<$message>,
        }

        #[napi]
        impl $name {
            /// Ends it.
            #[napi]
            pub fn stop(&self) {
                self.bridge.stop();
            }

            /// Settles at its end.
            #[napi(ts_return_type = "Promise<void>")]
            pub fn done<'env>(&self, env: &'env Env) -> napi::Result<PromiseRaw<'env, ()>> {
                self.bridge.done(env)
            }

            /// Posted, delivered, failed, dropped and waiting messages.
            #[napi]
            pub fn stats(&self) -> Vec<f64> {
                crate::post::counters(self.bridge.stats())
            }
        }
    };
}

handle!(Fussies: Fussy);
handle!(Events: Event);
handle!(Frames: Buffer);
handle!(Texts: String);
handle!(Pairs: (u32, String));

/// Posts 0 to 7 at once, and hands them on one by one or in batches.
#[napi]
pub fn fussy_each(env: Env, callback: Function<'_, Fussy, ()>) -> napi::Result<Fussies> {
    let bridge = Bridge::builder("fussy").each(&env, &callback)?.spawn(fussy)?;
    Ok(Fussies { bridge })
}

/// The same in batches.
#[napi]
pub fn fussy_batches(env: Env, callback: Function<'_, Vec<Fussy>, ()>) -> napi::Result<Fussies> {
    let bridge = Bridge::builder("fussy").batches(&env, &callback)?.spawn(fussy)?;
    Ok(Fussies { bridge })
}

fn fussy(producer: &texample_bridge::Producer<Fussy>) -> Result<(), PostError<Fussy>> {
    producer.post_all((0..8).map(Fussy)).map(|_| ())
}

/// Lines and the end of a process as one bridge.
#[napi]
pub fn process(env: Env, lines: u32, callback: Function<'_, Event, ()>) -> napi::Result<Events> {
    let ready = Bridge::builder("process").capacity(4).each(&env, &callback)?;
    let bridge = ready.spawn(move |producer| -> Result<(), PostError<Event>> {
        for i in 0..lines {
            producer.post(Event { line: Some(format!("line {i}")), code: None })?;
        }
        producer.post(Event { line: None, code: Some(0) })
    })?;
    Ok(Events { bridge })
}

/// Frames of bytes, the number of each in all of its bytes.
#[napi]
pub fn frames(env: Env, count: u32, size: u32, callback: Function<'_, Buffer, ()>) -> napi::Result<Frames> {
    let bridge = Bridge::builder("frames").capacity(16).each(&env, &callback)?.spawn(
        move |producer| -> Result<(), PostError<Buffer>> {
            for i in 0..count {
                producer.post(vec![i as u8; size as usize].into())?;
            }
            Ok(())
        },
    )?;
    Ok(Frames { bridge })
}

/// Strings, posted together.
#[napi]
pub fn texts(env: Env, texts: Vec<String>, callback: Function<'_, Vec<String>, ()>) -> napi::Result<Texts> {
    let bridge = Bridge::builder("texts").batches(&env, &callback)?.spawn(
        move |producer| -> Result<(), CodedError> {
            let count = texts.len();
            let posted = producer.post_all(texts).map_err(|_| CodedError::new("ERR_STOPPED", "stopped"))?;
            assert_eq!(posted, count);
            Ok(())
        },
    )?;
    Ok(Texts { bridge })
}

/// Two arguments a call, from tuples.
#[napi]
pub fn pairs(env: Env, callback: Function<'_, FnArgs<(u32, String)>, ()>) -> napi::Result<Pairs> {
    let bridge = Bridge::builder("pairs").each(&env, &callback)?.spawn(|producer| -> Result<(), Closed> {
        for i in 0..3 {
            producer.post((i, format!("number {i}"))).map_err(|_| Closed)?;
        }
        Ok(())
    })?;
    Ok(Pairs { bridge })
}
