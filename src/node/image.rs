//! The N-API shell of `image`.
//!
//! Most of the time of a small image goes into crossing, so strings are read and
//! made by the calls that measured fastest, and a PNG is made in memory that the
//! thread keeps, then copied into a buffer that JavaScript allocates.

use std::cell::RefCell;
use std::panic::AssertUnwindSafe;
use std::ptr;

use napi::bindgen_prelude::{AsyncTask, BufferSlice, FromNapiValue, ToNapiValue, TypeName};
use napi::{Env, Task, ValueType, check_status, sys};
use napi_derive::napi;

use super::error::Result;
use crate::image::{Charset, Compression, DecodeOptions, EncodeOptions, Text, Workspace, too_large};
use crate::{Error, ErrorCode};

/// UTF-16 units that a thread keeps room for from one call to the next.
const KEPT_UNITS: usize = 1 << 20;

/// Bytes of a PNG that a thread keeps room for.
const KEPT_BYTES: usize = 4 << 20;

/// Buffers of units that a thread keeps for its next tasks, at most.
const MOST_SPARE: usize = 8;

thread_local! {
    static UNITS: RefCell<Vec<u16>> = const { RefCell::new(Vec::new()) };
    /// Fresh memory would be paid for on JavaScript's thread, page by page, so tasks bring theirs back.
    static SPARE_UNITS: RefCell<Vec<Vec<u16>>> = const { RefCell::new(Vec::new()) };
    /// The PNG that was encoded last, until JavaScript has made a buffer for it.
    static ENCODED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
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

/// Encodes JSON text and returns the length of the PNG, which `take_image` gives.
///
/// V8 frees memory that it allocated itself as soon as it collects garbage; what is ours waits for a finalizer, which
/// runs when JavaScript has returned. So JavaScript makes the buffer, and knows its size only now.
#[napi(ts_args_type = "json: string, flags: number, maxBytes: number")]
pub fn encode_image(env: Env, json: JsText, flags: u32, max_bytes: u32) -> Result<u32> {
    let options = encode_options(flags, max_bytes);
    guarded(|| {
        json.with_units(env, options.max_bytes, |units| {
            ENCODED.with_borrow_mut(|png| {
                png.clear();
                Workspace::of_thread(|workspace| workspace.encode(Text::Utf16(units), &options, png))?;
                // The largest image is some 50 MB.
                Ok(png.len() as u32)
            })
        })
    })
}

/// Copies the PNG that `encode_image` made into `image`, which has its length.
#[napi(ts_args_type = "image: Uint8Array")]
pub fn take_image(env: Env, image: JsBytes) -> Result<()> {
    ENCODED.with_borrow_mut(|png| {
        image.write(env, png)?;
        if png.capacity() > KEPT_BYTES {
            *png = Vec::new();
        }
        Ok(())
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
#[napi(ts_return_type = "string", ts_args_type = "png: Uint8Array, maxBytes: number")]
pub fn decode_image(env: Env, png: JsBytes, max_bytes: u32) -> Result<JsText> {
    let options = DecodeOptions { max_bytes: max_bytes as usize };
    guarded(|| {
        png.read(env, |png| {
            Workspace::of_thread(|workspace| workspace.decode(png, &options, |text| JsText::new(env, text)))?
        })?
    })
}

/// Reads the JSON text back from a PNG on a thread of the pool.
#[napi(
    ts_return_type = "Promise<string | { code: string, message: string }>",
    ts_args_type = "png: Uint8Array, maxBytes: number"
)]
pub fn decode_image_async(env: Env, png: JsBytes, max_bytes: u32) -> Result<AsyncTask<Decode>> {
    // A copy: JavaScript may write to the bytes while the pool's thread reads them.
    let png = png.read(env, <[u8]>::to_vec)?;
    Ok(AsyncTask::new(Decode { png, options: DecodeOptions { max_bytes: max_bytes as usize } }))
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

/// A PNG on its way to JavaScript, where it becomes a buffer without a copy.
pub struct Encoded(Vec<u8>);

impl TypeName for Encoded {
    fn type_name() -> &'static str {
        "Buffer"
    }

    fn value_type() -> ValueType {
        ValueType::Object
    }
}

impl ToNapiValue for Encoded {
    unsafe fn to_napi_value(env: sys::napi_env, encoded: Self) -> napi::Result<sys::napi_value> {
        let buffer = BufferSlice::from_data(&Env::from_raw(env), encoded.0)?;
        // SAFETY: `env` is the one that the task completes in.
        unsafe { ToNapiValue::to_napi_value(env, &buffer) }
    }
}

/// A JavaScript `Uint8Array`, in the handle scope of the call that it belongs to.
///
/// napi's own slices register a borrow with each call, which costs more than the call.
pub struct JsBytes(sys::napi_value);

impl JsBytes {
    /// Hands the bytes to `read`, during which no JavaScript runs: it may only make values.
    fn read<R>(&self, env: Env, read: impl FnOnce(&[u8]) -> R) -> crate::Result<R> {
        let (data, length) = self.info(env)?;
        if length == 0 {
            return Ok(read(&[]));
        }
        // SAFETY: the engine says that so many bytes are there; they stay while no JavaScript runs, and
        // `js/image.cjs` hands no shared memory in, which another thread might write to.
        Ok(read(unsafe { std::slice::from_raw_parts(data, length) }))
    }

    /// Writes `bytes` to the front, if they fit.
    fn write(&self, env: Env, bytes: &[u8]) -> crate::Result<()> {
        let (data, length) = self.info(env)?;
        if bytes.len() <= length {
            // SAFETY: the engine says that `length` bytes are there; `bytes` are our own.
            unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), data, bytes.len()) };
        }
        Ok(())
    }

    fn info(&self, env: Env) -> crate::Result<(*mut u8, usize)> {
        let (mut data, mut length) = (ptr::null_mut(), 0);
        // SAFETY: both results are written to locals.
        check(unsafe { sys::napi_get_buffer_info(env.raw(), self.0, &mut data, &mut length) })?;
        Ok((data.cast(), length))
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
    type Output = Settled<Encoded>;
    type JsValue = Settled<Encoded>;

    fn compute(&mut self) -> napi::Result<Self::Output> {
        Ok(caught(|| {
            let mut png = Vec::new();
            let json = Text::Utf16(&self.units);
            Workspace::of_thread(|workspace| workspace.encode(json, &self.options, &mut png))?;
            Ok(Encoded(png))
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
    type JsValue = Settled<JsText>;

    fn compute(&mut self) -> napi::Result<Self::Output> {
        let png = std::mem::take(&mut self.png);
        Ok(caught(|| Workspace::of_thread(|workspace| workspace.decode(&png, &self.options, str::to_owned))))
    }

    fn resolve(&mut self, env: Env, output: Self::Output) -> napi::Result<Self::JsValue> {
        Ok(output.and_then(|text| JsText::new(env, &text)).into())
    }
}
