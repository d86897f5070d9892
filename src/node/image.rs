//! The N-API shell of `image`.

use std::ffi::CStr;
use std::ptr;

use napi::bindgen_prelude::{AsyncTask, BufferSlice, Either, ToNapiValue, TypeName};
use napi::{Env, Task, ValueType, check_status, sys};
use napi_derive::napi;

use super::crossing::{Call, Crossed, Form, Value, caught};
use super::error::Result;
use crate::Error;
use crate::image::{Charset, Compression, DecodeOptions, EncodeOptions, Workspace};

/// The most bytes of a PNG that goes into JavaScript's slab; `js/image/index.cjs` has the same number.
const MOST_POOLED: usize = 4096;

/// Bits of the `flags` that `js/image/index.cjs` packs its options into.
mod flag {
    pub(super) const COMPRESSION: u32 = 0b11;
    pub(super) const UTF8: u32 = 0b100;
    pub(super) const ROBUST: u32 = 0b1000;
    pub(super) const LATIN1: u32 = 0b1_0000;
    pub(super) const PIECES: u32 = 0b10_0000;
}

fn encode_options(flags: u32, max_bytes: u32) -> EncodeOptions {
    EncodeOptions {
        compression: match flags & flag::COMPRESSION {
            0 => Compression::Auto,
            1 => Compression::None,
            2 => Compression::Fast,
            _ => Compression::Best,
        },
        charset: if flags & flag::UTF8 == 0 { Charset::Ascii } else { Charset::Utf8 },
        max_bytes: max_bytes as usize,
        robust: flags & flag::ROBUST != 0,
    }
}

fn form(flags: u32) -> Form {
    Form { latin1: flags & flag::LATIN1 != 0, pieces: flags & flag::PIECES != 0 }
}

/// The calls that JavaScript waits for, as functions of one object.
///
/// `encode` makes a small image in `slab` at `from`, and returns its length; else it returns a buffer. `decode` gives a long text that is
/// ASCII as bytes: in `scratch`, and its length is returned, or in a buffer of its own.
#[napi(
    ts_return_type = "{ encode(json: string | string[], flags: number, maxBytes: number, slab: ArrayBuffer, from: number): number | Buffer, decode(png: Uint8Array, maxBytes: number, scratch: Uint8Array): string | number | Buffer }"
)]
pub fn image_calls(env: Env) -> Result<Value> {
    let calls = Value::of_object(env)?;
    EncodeCall::define(env, calls)?;
    DecodeCall::define(env, calls)?;
    Ok(calls)
}

/// Encodes JSON text: a small image into the slab, else into a buffer of its own.
///
/// The buffer is one that V8 frees as soon as it collects garbage; memory of ours would wait for a finalizer, which
/// runs when JavaScript has returned.
struct EncodeCall;

impl Call<5> for EncodeCall {
    const NAME: &CStr = c"encode";

    fn call(env: Env, [json, flags, max_bytes, slab, from]: [Value; 5]) -> crate::Result<Value> {
        let flags = flags.integer(env)?;
        let options = encode_options(flags, max_bytes.integer(env)?);
        let from = from.integer(env)? as usize;
        Crossed::with(env, json, form(flags), options.max_bytes, |text| {
            let mut buffer = None;
            let mut pooled = 0;
            Workspace::of_thread(|workspace| {
                workspace.encode(text, &options, |length| {
                    if length <= MOST_POOLED {
                        // SAFETY: `js/image/index.cjs` gives each place of the slab to one image, and this is the only slice of it.
                        let place = unsafe { slab.memory(env)? }.get_mut(from..);
                        if let Some(place) = place.and_then(|free| free.get_mut(..length)) {
                            pooled = length as u32;
                            return Ok(place);
                        }
                    }
                    let (made, place) = Value::of_length(env, length)?;
                    buffer = Some(made);
                    Ok(place)
                })
            })?;
            buffer.map_or_else(|| Value::of_integer(env, pooled), Ok)
        })
    }
}

/// Encodes JSON text on a thread of the pool.
#[napi(
    ts_return_type = "Promise<Buffer | { code: string, message: string }>",
    ts_args_type = "json: string | string[], flags: number, maxBytes: number"
)]
pub fn encode_image_async(env: Env, json: Value, flags: u32, max_bytes: u32) -> Result<AsyncTask<Encode>> {
    let options = encode_options(flags, max_bytes);
    let json = Crossed::take(env, json, form(flags), options.max_bytes)?;
    Ok(AsyncTask::new(Encode { json, options }))
}

/// Reads the JSON text back from a PNG.
struct DecodeCall;

impl Call<3> for DecodeCall {
    const NAME: &CStr = c"decode";

    fn call(env: Env, [png, max_bytes, scratch]: [Value; 3]) -> crate::Result<Value> {
        let options = DecodeOptions { max_bytes: max_bytes.integer(env)? as usize };
        // SAFETY: no JavaScript runs during this call, which alone might write to the bytes.
        let png = unsafe { png.bytes(env)? };
        Workspace::of_thread(|workspace| {
            workspace.decode(png, &options, |text| {
                if !is_long_ascii(text) {
                    return Value::of_text(env, text);
                }
                // SAFETY: no other slice of the scratch exists: `js/image/index.cjs` gives it to nobody.
                let scratch = unsafe { scratch.bytes(env)? };
                if let Some(place) = scratch.get_mut(..text.len()) {
                    place.copy_from_slice(text.as_bytes());
                    // The longest is some 50 MB.
                    return Value::of_integer(env, text.len() as u32);
                }
                let (buffer, place) = Value::of_length(env, text.len())?;
                place.copy_from_slice(text.as_bytes());
                Ok(buffer)
            })
        })?
    }
}

/// Reads the JSON text back from a PNG on a thread of the pool.
#[napi(
    ts_return_type = "Promise<string | Buffer | { code: string, message: string }>",
    ts_args_type = "png: Uint8Array, maxBytes: number"
)]
pub fn decode_image_async(env: Env, png: Value, max_bytes: u32) -> Result<AsyncTask<Decode>> {
    // A copy: JavaScript may write to the bytes while the pool's thread reads them.
    // SAFETY: no JavaScript runs during this call.
    let png = unsafe { png.bytes(env)? }.to_vec();
    Ok(AsyncTask::new(Decode { png, options: DecodeOptions { max_bytes: max_bytes as usize } }))
}

/// Whether JavaScript makes a string of `text` faster than a native call does.
///
/// From about a megabyte on `buffer.toString('latin1')` keeps its strings outside of V8's heap, in memory that is used again.
/// In the heap, each page of a new long string is a page fault, which together take longer than all the rest.
fn is_long_ascii(text: &str) -> bool {
    text.len() >= 1 << 20 && text.is_ascii()
}

/// Bytes on their way to JavaScript, where they become a buffer without a copy.
pub struct Bytes(Vec<u8>);

impl TypeName for Bytes {
    fn type_name() -> &'static str {
        "Buffer"
    }

    fn value_type() -> ValueType {
        ValueType::Object
    }
}

impl ToNapiValue for Bytes {
    unsafe fn to_napi_value(env: sys::napi_env, bytes: Self) -> napi::Result<sys::napi_value> {
        let buffer = BufferSlice::from_data(&Env::from_raw(env), bytes.0)?;
        // SAFETY: `env` is the one that the task completes in.
        unsafe { ToNapiValue::to_napi_value(env, &buffer) }
    }
}

/// How a task on the pool ends: napi's own task errors cannot carry our codes, so errors travel as values.
pub enum Settled<T> {
    /// It worked.
    Done(T),
    /// It did not.
    Failed(Error),
}

impl<T> From<crate::Result<T>> for Settled<T> {
    fn from(result: crate::Result<T>) -> Self {
        match result {
            Ok(value) => Settled::Done(value),
            Err(error) => Settled::Failed(error),
        }
    }
}

impl<T> TypeName for Settled<T> {
    fn type_name() -> &'static str {
        "unknown"
    }

    fn value_type() -> ValueType {
        ValueType::Unknown
    }
}

impl<T: ToNapiValue> ToNapiValue for Settled<T> {
    unsafe fn to_napi_value(env: sys::napi_env, settled: Self) -> napi::Result<sys::napi_value> {
        match settled {
            // SAFETY: `env` is the one that the task completes in.
            Settled::Done(value) => unsafe { T::to_napi_value(env, value) },
            Settled::Failed(error) => {
                // SAFETY: the same.
                let (code, message) = unsafe {
                    (
                        ToNapiValue::to_napi_value(env, error.code().as_str())?,
                        ToNapiValue::to_napi_value(env, error.message())?,
                    )
                };
                let mut object = ptr::null_mut();
                // SAFETY: the values belong to this scope, the names end in zero.
                unsafe {
                    check_status!(sys::napi_create_object(env, &mut object))?;
                    check_status!(sys::napi_set_named_property(env, object, c"code".as_ptr(), code))?;
                    check_status!(sys::napi_set_named_property(env, object, c"message".as_ptr(), message))?;
                }
                Ok(object)
            }
        }
    }
}

/// An encode on the pool.
pub struct Encode {
    json: Crossed,
    options: EncodeOptions,
}

impl Task for Encode {
    type Output = Settled<Bytes>;
    type JsValue = Settled<Bytes>;

    fn compute(&mut self) -> napi::Result<Self::Output> {
        Ok(caught(|| {
            let mut png = Vec::new();
            Workspace::of_thread(|workspace| {
                workspace.encode(self.json.text(), &self.options, |length| {
                    png.resize(length, 0);
                    Ok(&mut png)
                })
            })?;
            Ok(Bytes(png))
        })
        .into())
    }

    fn resolve(&mut self, _env: Env, output: Self::Output) -> napi::Result<Self::JsValue> {
        std::mem::replace(&mut self.json, Crossed::new()).give_back();
        Ok(output)
    }
}

/// A decode on the pool.
pub struct Decode {
    png: Vec<u8>,
    options: DecodeOptions,
}

impl Task for Decode {
    type Output = crate::Result<String>;
    type JsValue = Settled<Either<Value, Bytes>>;

    fn compute(&mut self) -> napi::Result<Self::Output> {
        let png = std::mem::take(&mut self.png);
        Ok(caught(|| Workspace::of_thread(|workspace| workspace.decode(&png, &self.options, str::to_owned))))
    }

    fn resolve(&mut self, env: Env, output: Self::Output) -> napi::Result<Self::JsValue> {
        Ok(output
            .and_then(|text| {
                if is_long_ascii(&text) {
                    Ok(Either::B(Bytes(text.into_bytes())))
                } else {
                    Value::of_text(env, &text).map(Either::A)
                }
            })
            .into())
    }
}
