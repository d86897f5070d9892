//! The N-API shell of `image`.
//!
//! Most of the time of a small image goes into crossing, so strings are read and
//! made by the calls that measured fastest, and a small image is written into a
//! buffer that JavaScript keeps and hands in with each call.

use std::cell::RefCell;
use std::panic::AssertUnwindSafe;
use std::ptr;

use napi::bindgen_prelude::{AsyncTask, BufferSlice, FromNapiValue, ToNapiValue, TypeName};
use napi::{Env, Task, ValueType, check_status, sys};
use napi_derive::napi;

use super::error::Result;
use crate::image::{Charset, Compression, DecodeOptions, EncodeOptions, Text, Workspace};
use crate::{Error, ErrorCode};

/// UTF-16 units that a thread keeps room for from one call to the next.
const KEPT_UNITS: usize = 1 << 20;

thread_local! {
    static UNITS: RefCell<Vec<u16>> = const { RefCell::new(Vec::new()) };
    static SMALL: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
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

/// Encodes JSON text. Returns the length when the PNG fits `small`, where it is then, else the PNG.
#[napi(
    ts_return_type = "number | Buffer",
    ts_args_type = "json: string, flags: number, maxBytes: number, small: Uint8Array"
)]
pub fn encode_image(
    env: Env,
    json: JsText,
    flags: u32,
    max_bytes: u32,
    mut small: BufferSlice<'_>,
) -> Result<Encoded> {
    let options = encode_options(flags, max_bytes);
    // A PNG is hardly larger than its JSON, but for what `ascii` escapes; what does not fit after all is copied once more.
    guarded(|| {
        json.with_units(env, |units| {
            if units.len() < small.len() {
                SMALL.with_borrow_mut(|png| {
                    png.clear();
                    Workspace::of_thread(|workspace| workspace.encode(Text::Utf16(units), &options, png))?;
                    if let Some(place) = small.get_mut(..png.len()) {
                        place.copy_from_slice(png);
                        return Ok(Encoded::Small(png.len()));
                    }
                    Ok(Encoded::Large(std::mem::take(png)))
                })
            } else {
                let mut png = Vec::new();
                Workspace::of_thread(|workspace| workspace.encode(Text::Utf16(units), &options, &mut png))?;
                Ok(Encoded::Large(png))
            }
        })
    })
}

/// Encodes JSON text on a thread of the pool.
#[napi(
    ts_return_type = "Promise<Buffer | { code: string, message: string }>",
    ts_args_type = "json: string, flags: number, maxBytes: number"
)]
pub fn encode_image_async(env: Env, json: JsText, flags: u32, max_bytes: u32) -> Result<AsyncTask<Encode>> {
    let units = json.to_units(env)?;
    Ok(AsyncTask::new(Encode { units, options: encode_options(flags, max_bytes) }))
}

/// Reads the JSON text back from a PNG.
#[napi(ts_return_type = "string", ts_args_type = "png: Uint8Array, maxBytes: number")]
pub fn decode_image(env: Env, png: BufferSlice<'_>, max_bytes: u32) -> Result<JsText> {
    let options = DecodeOptions { max_bytes: max_bytes as usize };
    guarded(|| {
        Workspace::of_thread(|workspace| workspace.decode(&png, &options, |text| JsText::new(env, text)))?
    })
}

/// Reads the JSON text back from a PNG on a thread of the pool.
#[napi(
    ts_return_type = "Promise<string | { code: string, message: string }>",
    ts_args_type = "png: Uint8Array, maxBytes: number"
)]
pub fn decode_image_async(png: BufferSlice<'_>, max_bytes: u32) -> AsyncTask<Decode> {
    // A copy: JavaScript may write to the bytes while the pool's thread reads them.
    AsyncTask::new(Decode { png: png.to_vec(), options: DecodeOptions { max_bytes: max_bytes as usize } })
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

/// A PNG on its way to JavaScript.
pub enum Encoded {
    /// Its length; it is in JavaScript's own buffer.
    Small(usize),
    /// The PNG, which becomes a buffer without a copy.
    Large(Vec<u8>),
}

impl TypeName for Encoded {
    fn type_name() -> &'static str {
        "number | Buffer"
    }

    fn value_type() -> ValueType {
        ValueType::Unknown
    }
}

impl ToNapiValue for Encoded {
    unsafe fn to_napi_value(env: sys::napi_env, encoded: Self) -> napi::Result<sys::napi_value> {
        match encoded {
            // SAFETY: `env` is the one this call was made with.
            Encoded::Small(length) => unsafe { ToNapiValue::to_napi_value(env, length as f64) },
            Encoded::Large(png) => {
                let buffer = BufferSlice::from_data(&Env::from_raw(env), png)?;
                // SAFETY: the same.
                unsafe { ToNapiValue::to_napi_value(env, &buffer) }
            }
        }
    }
}

/// A JavaScript string, in the handle scope of the call that it belongs to.
pub struct JsText(sys::napi_value);

impl JsText {
    /// The units of the string, in a buffer that the thread keeps.
    fn with_units<R>(&self, env: Env, read: impl FnOnce(&[u16]) -> crate::Result<R>) -> crate::Result<R> {
        let mut units = UNITS.take();
        let result = self.fill(env, &mut units).and_then(|()| read(&units));
        if units.capacity() <= KEPT_UNITS {
            UNITS.set(units);
        }
        result
    }

    /// The units of the string, in a vector of their own.
    fn to_units(&self, env: Env) -> crate::Result<Vec<u16>> {
        let mut units = Vec::new();
        self.fill(env, &mut units)?;
        Ok(units)
    }

    fn fill(&self, env: Env, units: &mut Vec<u16>) -> crate::Result<()> {
        // Most strings fit what is there: one call then, which truncates a longer one and so shows that it is.
        if self.read(env, units)? {
            return Ok(());
        }
        let mut length = 0;
        // SAFETY: a null buffer asks for the length, which is written to a local.
        check(unsafe {
            sys::napi_get_value_string_utf16(env.raw(), self.0, ptr::null_mut(), 0, &mut length)
        })?;
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

/// V8 holds no string of more than some 512 MB, which no image comes near to.
fn unreadable() -> Error {
    Error::new(ErrorCode::InvalidArgument, "the string cannot be taken from JavaScript, or given to it")
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
        let units = std::mem::take(&mut self.units);
        Ok(caught(|| {
            let mut png = Vec::new();
            Workspace::of_thread(|workspace| workspace.encode(Text::Utf16(&units), &self.options, &mut png))?;
            Ok(Encoded::Large(png))
        })
        .into())
    }

    fn resolve(&mut self, _env: Env, output: Self::Output) -> napi::Result<Self::JsValue> {
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
