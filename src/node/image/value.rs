//! JavaScript values and the bytes in them.

use std::ffi::c_void;
use std::ptr;

use napi::bindgen_prelude::{FromNapiValue, ToNapiValue, TypeName};
use napi::{Env, ValueType, sys};

use crate::{Error, ErrorCode, Result};

/// A JavaScript value, in the handle scope of the call that it belongs to.
///
/// napi's own slices register a borrow with each call, which costs more than the call.
#[derive(Clone, Copy)]
pub struct Value(sys::napi_value);

impl Value {
    pub(super) const fn from_raw(value: sys::napi_value) -> Self {
        Self(value)
    }

    pub(super) const fn raw(self) -> sys::napi_value {
        self.0
    }

    pub(super) fn integer(self, env: Env) -> Result<u32> {
        let mut integer = 0;
        // SAFETY: the result is written to a local.
        check(unsafe { sys::napi_get_value_uint32(env.raw(), self.0, &mut integer) })?;
        Ok(integer)
    }

    pub(super) fn of_integer(env: Env, integer: u32) -> Result<Self> {
        let mut value = ptr::null_mut();
        // SAFETY: the result is written to a local.
        check(unsafe { sys::napi_create_uint32(env.raw(), integer, &mut value) })?;
        Ok(Self(value))
    }

    /// The bytes of a `Uint8Array`.
    ///
    /// # Safety
    /// While the slice is used, no JavaScript runs and there is no other slice of them.
    /// `js/image/index.cjs` hands no shared memory in, which another thread might write to.
    pub(super) unsafe fn bytes<'a>(self, env: Env) -> Result<&'a mut [u8]> {
        let (mut data, mut length) = (ptr::null_mut(), 0);
        // SAFETY: both results are written to locals.
        check(unsafe { sys::napi_get_buffer_info(env.raw(), self.0, &mut data, &mut length) })?;
        // SAFETY: the engine says that so many bytes are there; the rest is the caller's word.
        Ok(unsafe { slice_of(data, length) })
    }

    /// `length` bytes of an `ArrayBuffer` from `from` on; none if it is shorter, or detached.
    ///
    /// # Safety
    /// While the slice is used, no JavaScript runs and there is no other slice of the same bytes.
    pub(super) unsafe fn memory<'a>(
        self,
        env: Env,
        from: usize,
        length: usize,
    ) -> Result<Option<&'a mut [u8]>> {
        let (mut data, mut size) = (ptr::null_mut::<c_void>(), 0);
        // SAFETY: both results are written to locals.
        check(unsafe { sys::napi_get_arraybuffer_info(env.raw(), self.0, &mut data, &mut size) })?;
        if from.checked_add(length).is_none_or(|end| end > size) {
            return Ok(None);
        }
        // SAFETY: `size` bytes are there, and the slice ends within them; the rest is the caller's
        // word.
        Ok(Some(unsafe { slice_of(data.cast::<u8>().add(from).cast(), length) }))
    }

    /// A new `Buffer`, and its bytes.
    pub(super) fn of_length<'a>(env: Env, length: usize) -> Result<(Self, &'a mut [u8])> {
        let (mut data, mut value) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: both results are written to locals.
        check(unsafe { sys::napi_create_buffer(env.raw(), length, &mut data, &mut value) })?;
        // SAFETY: `length` bytes are there, no other slice of them exists, and the handle scope of
        // the call keeps the buffer.
        Ok((Self(value), unsafe { slice_of(data, length) }))
    }

    /// A new `ArrayBuffer` with a copy of `bytes`.
    pub(super) fn of_bytes(env: Env, bytes: &[u8]) -> Result<Self> {
        let (mut data, mut value) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: both results are written to locals.
        check(unsafe { sys::napi_create_arraybuffer(env.raw(), bytes.len(), &mut data, &mut value) })?;
        // SAFETY: as in `of_length`.
        unsafe { slice_of(data, bytes.len()) }.copy_from_slice(bytes);
        Ok(Self(value))
    }

    pub(super) fn elements(self, env: Env) -> Result<Vec<Self>> {
        let mut length = 0;
        // SAFETY: the result is written to a local.
        check(unsafe { sys::napi_get_array_length(env.raw(), self.0, &mut length) })?;
        let element = |index| {
            let mut element = ptr::null_mut();
            // SAFETY: the result is written to a local.
            check(unsafe { sys::napi_get_element(env.raw(), self.0, index, &mut element) })?;
            Ok(Self(element))
        };
        (0..length).map(element).collect()
    }

    pub(super) fn of_object(env: Env) -> Result<Self> {
        let mut value = ptr::null_mut();
        // SAFETY: the result is written to a local.
        check(unsafe { sys::napi_create_object(env.raw(), &mut value) })?;
        Ok(Self(value))
    }

    pub(super) fn of_text(env: Env, text: &str) -> Result<Self> {
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

/// Whether JavaScript makes a string of `text` faster than a native call does.
///
/// From about a megabyte on `buffer.toString('latin1')` keeps its strings outside of V8's heap, in
/// memory that is used again. In the heap, each page of a new long string is a page fault, which
/// together take longer than all the rest.
pub(super) fn is_long_ascii(text: &str) -> bool {
    text.len() >= 1 << 20 && text.is_ascii()
}

impl FromNapiValue for Value {
    unsafe fn from_napi_value(_env: sys::napi_env, value: sys::napi_value) -> napi::Result<Self> {
        Ok(Self(value))
    }
}

impl ToNapiValue for Value {
    unsafe fn to_napi_value(_env: sys::napi_env, value: Self) -> napi::Result<sys::napi_value> {
        Ok(value.0)
    }
}

impl TypeName for Value {
    fn type_name() -> &'static str {
        "unknown"
    }

    fn value_type() -> ValueType {
        ValueType::Unknown
    }
}

/// The engine's bytes; it may say that none are at a null pointer.
///
/// # Safety
/// Those of `from_raw_parts_mut`, unless `length` is 0.
unsafe fn slice_of<'a>(data: *mut c_void, length: usize) -> &'a mut [u8] {
    if length == 0 {
        return &mut [];
    }
    // SAFETY: the caller's word.
    unsafe { std::slice::from_raw_parts_mut(data.cast(), length) }
}

pub(super) fn check(status: sys::napi_status) -> Result<()> {
    if status == sys::Status::napi_ok { Ok(()) } else { Err(unreadable()) }
}

/// Not expected: `js/image/index.cjs` has checked the types.
pub(super) fn unreadable() -> Error {
    Error::new(ErrorCode::InvalidArgument, "a value cannot be taken from JavaScript, or given to it")
}
