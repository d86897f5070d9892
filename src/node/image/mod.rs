//! The Node-API shell of `image`.
//!
//! | file | what it defines |
//! | --- | --- |
//! | `call` | plain Node-API functions |
//! | `value` | JavaScript values and the bytes in them |
//! | `string` | strings, read into buffers that stay |
//! | `data` | what JavaScript hands over to be encoded |
//! | `task` | encoding and decoding on the thread pool |

mod call;
mod data;
mod string;
mod task;
mod value;

use std::ffi::CStr;

use napi::Env;
use napi::bindgen_prelude::AsyncTask;
use napi_derive::napi;

use self::call::Call;
use self::data::{Data, Form};
use self::task::{Decode, Encode};
use self::value::{Value, is_long_ascii};
use super::error::Result;
use crate::image::{Charset, Compression, Content, DecodeOptions, EncodeOptions, Workspace};

/// The most bytes of a PNG that goes into JavaScript's slab; `js/image/index.cjs` has the same
/// number.
const MOST_POOLED: usize = 4096;

/// Bits of the `flags` that `js/image/index.cjs` packs its options into.
mod flag {
    pub(super) const COMPRESSION: u32 = 0b11;
    pub(super) const UTF8: u32 = 0b100;
    pub(super) const ROBUST: u32 = 0b1000;
    pub(super) const LATIN1: u32 = 0b1_0000;
    pub(super) const PIECES: u32 = 0b10_0000;
    pub(super) const BYTES: u32 = 0b100_0000;
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
    match (flags & flag::BYTES != 0, flags & flag::LATIN1 != 0, flags & flag::PIECES != 0) {
        (true, _, _) => Form::Bytes,
        (_, false, false) => Form::Utf16,
        (_, true, false) => Form::Latin1,
        (_, false, true) => Form::Utf16Pieces,
        (_, true, true) => Form::Latin1Pieces,
    }
}

/// The calls that JavaScript waits for, as functions of one object.
///
/// `encode` makes a small image in `slab` at `from`, and returns its length; else it returns a
/// buffer. `decode` gives JSON text as a string; long text that is ASCII as bytes in `scratch`,
/// whose length it returns, or in a buffer; and carried bytes as an `ArrayBuffer`.
#[napi(
    ts_return_type = "{ encode(data: string | string[] | Uint8Array, flags: number, maxBytes: number, slab: ArrayBuffer, from: number): number | Buffer, decode(png: Uint8Array, maxBytes: number, scratch: Uint8Array): string | number | Buffer | ArrayBuffer }"
)]
pub fn image_calls(env: Env) -> Result<Value> {
    let calls = Value::of_object(env)?;
    EncodeCall::define(env, calls)?;
    DecodeCall::define(env, calls)?;
    Ok(calls)
}

/// Encodes data: a small image into the slab, else into a buffer of its own.
///
/// The buffer is one that V8 frees as soon as it collects garbage; memory of ours would wait for a
/// finalizer, which runs when JavaScript has returned.
struct EncodeCall;

impl Call<5> for EncodeCall {
    const NAME: &CStr = c"encode";

    fn call(env: Env, [data, flags, max_bytes, slab, from]: [Value; 5]) -> crate::Result<Value> {
        let flags = flags.integer(env)?;
        let options = encode_options(flags, max_bytes.integer(env)?);
        let from = from.integer(env)? as usize;
        Data::with(env, data, form(flags), options.max_bytes, |source| {
            let mut buffer = None;
            let mut pooled = 0;
            Workspace::of_thread(|workspace| {
                workspace.encode(source, &options, |length| {
                    if length <= MOST_POOLED {
                        // SAFETY: `js/image/index.cjs` gives each place of the slab to one image.
                        if let Some(place) = unsafe { slab.memory(env, from, length)? } {
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

/// Encodes data on a thread of the pool.
#[napi(
    ts_return_type = "Promise<Buffer | { code: string, message: string }>",
    ts_args_type = "data: string | string[] | Uint8Array, flags: number, maxBytes: number"
)]
pub fn encode_image_async(env: Env, data: Value, flags: u32, max_bytes: u32) -> Result<AsyncTask<Encode>> {
    let options = encode_options(flags, max_bytes);
    let data = Data::take(env, data, form(flags), options.max_bytes)?;
    Ok(AsyncTask::new(Encode::new(data, options)))
}

/// Reads the content of a PNG.
struct DecodeCall;

impl Call<3> for DecodeCall {
    const NAME: &CStr = c"decode";

    fn call(env: Env, [png, max_bytes, scratch]: [Value; 3]) -> crate::Result<Value> {
        let options = DecodeOptions { max_bytes: max_bytes.integer(env)? as usize };
        // SAFETY: no JavaScript runs during this call, which alone might write to the bytes.
        let png = unsafe { png.bytes(env)? };
        Workspace::of_thread(|workspace| {
            workspace.decode(png, &options, |content| {
                let text = match content {
                    Content::Json(text) => text,
                    Content::Bytes(bytes) => return Value::of_bytes(env, bytes),
                };
                if !is_long_ascii(text) {
                    return Value::of_text(env, text);
                }
                // SAFETY: no other slice of the scratch exists: `js/image/index.cjs` keeps it to
                // itself.
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

/// Reads the content of a PNG on a thread of the pool.
#[napi(
    ts_return_type = "Promise<string | Buffer | ArrayBuffer | { code: string, message: string }>",
    ts_args_type = "png: Uint8Array, maxBytes: number"
)]
pub fn decode_image_async(env: Env, png: Value, max_bytes: u32) -> Result<AsyncTask<Decode>> {
    // A copy: JavaScript may write to the bytes while the pool's thread reads them.
    // SAFETY: no JavaScript runs during this call.
    let png = unsafe { png.bytes(env)? }.to_vec();
    Ok(AsyncTask::new(Decode::new(png, DecodeOptions { max_bytes: max_bytes as usize })))
}
