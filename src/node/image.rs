//! The N-API shell of `image`.
//!
//! Most of the time of a small image goes into crossing, so strings are read and
//! made by the calls that measured fastest, and a PNG is written to where it stays:
//! memory of JavaScript's.

use std::cell::RefCell;
use std::panic::AssertUnwindSafe;
use std::ptr;

use napi::bindgen_prelude::{AsyncTask, BufferSlice, Either, Either3, FromNapiValue, ToNapiValue, TypeName};
use napi::{Env, Task, ValueType, check_status, sys};
use napi_derive::napi;

use super::error::Result;
use crate::image::{Charset, Compression, DecodeOptions, EncodeOptions, Text, Workspace, too_large};
use crate::{Error, ErrorCode};

/// UTF-16 units that a thread keeps room for from one call to the next.
const KEPT_UNITS: usize = 1 << 20;

/// The most bytes of a PNG that goes into JavaScript's slab; `js/image.cjs` has the same number.
const MOST_POOLED: usize = 4096;

/// Buffers of units that a thread keeps for its next tasks, at most.
const MOST_SPARE: usize = 8;

thread_local! {
    static UNITS: RefCell<Vec<u16>> = const { RefCell::new(Vec::new()) };
    /// Fresh memory would be paid for on JavaScript's thread, page by page, so tasks bring theirs back.
    static SPARE_UNITS: RefCell<Vec<Vec<u16>>> = const { RefCell::new(Vec::new()) };
}

/// Bits of the `flags` that `js/image.cjs` packs its options into.
mod flag {
    pub(super) const COMPRESSION: u32 = 0b11;
    pub(super) const UTF8: u32 = 0b100;
    pub(super) const ROBUST: u32 = 0b1000;
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

/// Encodes JSON text: a small image into `slab` at `from`, of which the length is returned; else into a buffer of its own.
///
/// The buffer is one that V8 frees as soon as it collects garbage; memory of ours would wait for a finalizer, which
/// runs when JavaScript has returned.
#[napi(
    ts_return_type = "number | Buffer",
    ts_args_type = "json: string, flags: number, maxBytes: number, slab: Uint8Array, from: number"
)]
pub fn encode_image(
    env: Env,
    json: JsText,
    flags: u32,
    max_bytes: u32,
    slab: JsBytes,
    from: u32,
) -> Result<Either<u32, JsBytes>> {
    let options = encode_options(flags, max_bytes);
    guarded(|| {
        json.with_units(env, options.max_bytes, |units| {
            let mut made = Either::A(0);
            Workspace::of_thread(|workspace| {
                workspace.encode(Text::Utf16(units), &options, |length| {
                    if length <= MOST_POOLED {
                        // SAFETY: no other slice of the slab exists during this call.
                        let place = unsafe { slab.bytes(env)? }.get_mut(from as usize..);
                        if let Some(place) = place.and_then(|free| free.get_mut(..length)) {
                            made = Either::A(length as u32);
                            return Ok(place);
                        }
                    }
                    let (buffer, place) = JsBytes::new(env, length)?;
                    made = Either::B(buffer);
                    Ok(place)
                })
            })?;
            Ok(made)
        })
    })
}

/// Encodes JSON text on a thread of the pool.
#[napi(
    ts_return_type = "Promise<Buffer | { code: string, message: string }>",
    ts_args_type = "json: string, flags: number, maxBytes: number"
)]
pub fn encode_image_async(env: Env, json: JsText, flags: u32, max_bytes: u32) -> Result<AsyncTask<Encode>> {
    let mut units = SPARE_UNITS.with_borrow_mut(Vec::pop).unwrap_or_default();
    json.fill(env, max_bytes as usize, &mut units)?;
    Ok(AsyncTask::new(Encode { units, options: encode_options(flags, max_bytes) }))
}

/// Reads the JSON text back from a PNG.
///
/// A long one that is ASCII is given as bytes: in `scratch`, and its length is returned, or in a buffer of its own.
#[napi(
    ts_return_type = "string | number | Buffer",
    ts_args_type = "png: Uint8Array, maxBytes: number, scratch: Uint8Array"
)]
pub fn decode_image(
    env: Env,
    png: JsBytes,
    max_bytes: u32,
    scratch: JsBytes,
) -> Result<Either3<JsText, u32, JsBytes>> {
    let options = DecodeOptions { max_bytes: max_bytes as usize };
    guarded(|| {
        // SAFETY: no JavaScript runs during this call, which alone might write to the bytes.
        let png = unsafe { png.bytes(env)? };
        Workspace::of_thread(|workspace| {
            workspace.decode(png, &options, |text| {
                if !is_long_ascii(text) {
                    return JsText::new(env, text).map(Either3::A);
                }
                // SAFETY: no other slice of the scratch exists: `js/image.cjs` gives it to nobody.
                if let Some(place) = unsafe { scratch.bytes(env)? }.get_mut(..text.len()) {
                    place.copy_from_slice(text.as_bytes());
                    // The longest is some 50 MB.
                    return Ok(Either3::B(text.len() as u32));
                }
                let (buffer, place) = JsBytes::new(env, text.len())?;
                place.copy_from_slice(text.as_bytes());
                Ok(Either3::C(buffer))
            })
        })?
    })
}

/// Reads the JSON text back from a PNG on a thread of the pool.
#[napi(
    ts_return_type = "Promise<string | Buffer | { code: string, message: string }>",
    ts_args_type = "png: Uint8Array, maxBytes: number"
)]
pub fn decode_image_async(env: Env, png: JsBytes, max_bytes: u32) -> Result<AsyncTask<Decode>> {
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

/// Runs `work` and turns its panic into an error: nothing unwinds into JavaScript's frames.
fn guarded<T>(work: impl FnOnce() -> crate::Result<T>) -> Result<T> {
    Ok(caught(work)?)
}

fn caught<T>(work: impl FnOnce() -> crate::Result<T>) -> crate::Result<T> {
    // Buffers that a panic leaves half-written are cleared before each use.
    std::panic::catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let said = said.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
        Err(Error::new(
            ErrorCode::ThreadPanicked,
            format!("the image codec panicked: {said}. Please report this"),
        ))
    })
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

/// A JavaScript `Uint8Array`, in the handle scope of the call that it belongs to.
///
/// napi's own slices register a borrow with each call, which costs more than the call.
pub struct JsBytes(sys::napi_value);

impl JsBytes {
    /// A new buffer, and its bytes.
    fn new<'a>(env: Env, length: usize) -> crate::Result<(Self, &'a mut [u8])> {
        let (mut data, mut value) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: both results are written to locals.
        check(unsafe { sys::napi_create_buffer(env.raw(), length, &mut data, &mut value) })?;
        if length == 0 {
            return Ok((Self(value), &mut []));
        }
        // SAFETY: so many bytes are there, nobody else knows them yet, and they stay while the call lasts, whose handle
        // scope holds the buffer.
        Ok((Self(value), unsafe { std::slice::from_raw_parts_mut(data.cast(), length) }))
    }

    /// The bytes.
    ///
    /// # Safety
    /// While the slice is used, no JavaScript runs and there is no other slice of them. `js/image.cjs` hands no shared
    /// memory in, which another thread might write to.
    unsafe fn bytes<'a>(&self, env: Env) -> crate::Result<&'a mut [u8]> {
        let (mut data, mut length) = (ptr::null_mut(), 0);
        // SAFETY: both results are written to locals.
        check(unsafe { sys::napi_get_buffer_info(env.raw(), self.0, &mut data, &mut length) })?;
        if length == 0 {
            return Ok(&mut []);
        }
        // SAFETY: the engine says that so many bytes are there; the rest is the caller's word.
        Ok(unsafe { std::slice::from_raw_parts_mut(data.cast(), length) })
    }
}

impl FromNapiValue for JsBytes {
    unsafe fn from_napi_value(_env: sys::napi_env, value: sys::napi_value) -> napi::Result<Self> {
        Ok(Self(value))
    }
}

impl TypeName for JsBytes {
    fn type_name() -> &'static str {
        "Uint8Array"
    }

    fn value_type() -> ValueType {
        ValueType::Object
    }
}

impl ToNapiValue for JsBytes {
    unsafe fn to_napi_value(_env: sys::napi_env, bytes: Self) -> napi::Result<sys::napi_value> {
        Ok(bytes.0)
    }
}

/// A JavaScript string, in the handle scope of the call that it belongs to.
pub struct JsText(sys::napi_value);

impl JsText {
    /// The units of the string, in a buffer that the thread keeps.
    fn with_units<R>(
        &self,
        env: Env,
        most: usize,
        read: impl FnOnce(&[u16]) -> crate::Result<R>,
    ) -> crate::Result<R> {
        let mut units = UNITS.take();
        let result = self.fill(env, most, &mut units).and_then(|()| read(&units));
        if units.capacity() <= KEPT_UNITS {
            UNITS.set(units);
        }
        result
    }

    /// The units of the string, into `units`; no memory is taken for more than `most`.
    fn fill(&self, env: Env, most: usize, units: &mut Vec<u16>) -> crate::Result<()> {
        // Most strings fit what is there: one call then, which truncates a longer one and so shows that it is.
        if self.read(env, units)? {
            return Ok(());
        }
        let mut length = 0;
        // SAFETY: a null buffer asks for the length, which is written to a local.
        check(unsafe {
            sys::napi_get_value_string_utf16(env.raw(), self.0, ptr::null_mut(), 0, &mut length)
        })?;
        if length > most {
            return Err(too_large("the data are", most));
        }
        // One for the terminating zero, one for `read` to see that nothing was cut off.
        *units = Vec::with_capacity(length + 2);
        if self.read(env, units)? { Ok(()) } else { Err(unreadable()) }
    }

    /// Reads the string into the capacity of `units`; false if it may not have fitted.
    fn read(&self, env: Env, units: &mut Vec<u16>) -> crate::Result<bool> {
        units.clear();
        let capacity = units.capacity();
        if capacity < 2 {
            return Ok(false);
        }
        let mut length = 0;
        // SAFETY: the buffer has room for `capacity` units, the terminating zero among them; `length` leaves the zero
        // out, and all units before it were written.
        unsafe {
            let status = sys::napi_get_value_string_utf16(
                env.raw(),
                self.0,
                units.as_mut_ptr(),
                capacity,
                &mut length,
            );
            check(status)?;
            units.set_len(length);
        }
        Ok(length < capacity - 1)
    }

    /// A new string.
    fn new(env: Env, text: &str) -> crate::Result<Self> {
        let mut value = ptr::null_mut();
        let (data, length) = (text.as_ptr().cast(), text.len() as isize);
        // ASCII is Latin-1 too, and a Latin-1 string is made by a plain copy.
        // SAFETY: `data` and `length` are those of `text`; the result is written to a local.
        check(unsafe {
            if text.is_ascii() {
                sys::napi_create_string_latin1(env.raw(), data, length, &mut value)
            } else {
                sys::napi_create_string_utf8(env.raw(), data, length, &mut value)
            }
        })?;
        Ok(Self(value))
    }
}

fn check(status: sys::napi_status) -> crate::Result<()> {
    if status == sys::Status::napi_ok { Ok(()) } else { Err(unreadable()) }
}

/// `js/image.cjs` has checked the types, and V8 makes strings larger than any image.
fn unreadable() -> Error {
    Error::new(ErrorCode::InvalidArgument, "a value cannot be taken from JavaScript, or given to it")
}

impl FromNapiValue for JsText {
    unsafe fn from_napi_value(_env: sys::napi_env, value: sys::napi_value) -> napi::Result<Self> {
        Ok(Self(value))
    }
}

impl ToNapiValue for JsText {
    unsafe fn to_napi_value(_env: sys::napi_env, text: Self) -> napi::Result<sys::napi_value> {
        Ok(text.0)
    }
}

impl TypeName for JsText {
    fn type_name() -> &'static str {
        "string"
    }

    fn value_type() -> ValueType {
        ValueType::String
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
    units: Vec<u16>,
    options: EncodeOptions,
}

impl Task for Encode {
    type Output = Settled<Bytes>;
    type JsValue = Settled<Bytes>;

    fn compute(&mut self) -> napi::Result<Self::Output> {
        Ok(caught(|| {
            let mut png = Vec::new();
            let json = Text::Utf16(&self.units);
            Workspace::of_thread(|workspace| {
                workspace.encode(json, &self.options, |length| {
                    png.resize(length, 0);
                    Ok(&mut png)
                })
            })?;
            Ok(Bytes(png))
        })
        .into())
    }

    fn resolve(&mut self, _env: Env, output: Self::Output) -> napi::Result<Self::JsValue> {
        let units = std::mem::take(&mut self.units);
        SPARE_UNITS.with_borrow_mut(|spare| {
            if spare.len() < MOST_SPARE && units.capacity() <= KEPT_UNITS {
                spare.push(units);
            }
        });
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
    type JsValue = Settled<Either<JsText, Bytes>>;

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
                    JsText::new(env, &text).map(Either::A)
                }
            })
            .into())
    }
}
