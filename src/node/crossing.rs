//! What crosses into the image codec and out of it: calls, strings and bytes.
//!
//! Most of the time of a small image goes into crossing, so this is what measured fastest.

use std::cell::RefCell;
use std::ffi::{CStr, c_void};
use std::panic::AssertUnwindSafe;
use std::ptr;

use napi::bindgen_prelude::{FromNapiValue, ToNapiValue, TypeName};
use napi::{Env, JsError, ValueType, sys};

use crate::image::{Text, too_large};
use crate::{Error, ErrorCode, Result};

/// The most bytes of text that a thread keeps room for, in each encoding.
const KEPT: usize = 2 << 20;

/// Texts that a thread keeps the room of for its next tasks, at most.
const MOST_SPARE: usize = 8;

thread_local! {
    static TEXT: RefCell<Crossed> = const { RefCell::new(Crossed::new()) };
    /// Fresh memory would be paid for on JavaScript's thread, page by page, so tasks bring theirs back.
    static SPARE: RefCell<Vec<Crossed>> = const { RefCell::new(Vec::new()) };
}

/// A function for JavaScript that borrows nothing beyond its call.
///
/// For each call of what `#[napi]` exports, napi sets up and locks a list of borrows, which takes a third as long as
/// to encode a small image.
pub(super) trait Call<const ARGUMENTS: usize> {
    /// Its name.
    const NAME: &CStr;

    /// Does what it does; an argument that was not given is `undefined`.
    fn call(env: Env, arguments: [Value; ARGUMENTS]) -> Result<Value>;

    /// Makes it a property of `object`.
    fn define(env: Env, object: Value) -> Result<()>
    where
        Self: Sized,
    {
        let mut function = ptr::null_mut();
        let name = Self::NAME;
        // SAFETY: the name ends in zero, `enter` lives as long as the module, the result is written to a local.
        check(unsafe {
            sys::napi_create_function(
                env.raw(),
                name.as_ptr(),
                name.count_bytes() as isize,
                Some(enter::<ARGUMENTS, Self>),
                ptr::null_mut(),
                &mut function,
            )
        })?;
        // SAFETY: both values belong to this scope, the name ends in zero.
        check(unsafe { sys::napi_set_named_property(env.raw(), object.0, name.as_ptr(), function) })
    }
}

/// How JavaScript comes in: an error is thrown, and so is a panic.
unsafe extern "C" fn enter<const ARGUMENTS: usize, C: Call<ARGUMENTS>>(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    let result = caught(|| {
        let mut arguments = [ptr::null_mut(); ARGUMENTS];
        let mut count = ARGUMENTS;
        // SAFETY: `env` and `info` are those of this call; `count` values are written at the most, and all of them.
        check(unsafe {
            sys::napi_get_cb_info(
                env,
                info,
                &mut count,
                arguments.as_mut_ptr(),
                ptr::null_mut(),
                ptr::null_mut(),
            )
        })?;
        Ok(C::call(Env::from_raw(env), arguments.map(Value))?.0)
    });
    result.unwrap_or_else(|error| {
        // SAFETY: `env` is the one of this call.
        unsafe { JsError::from(napi::Error::<ErrorCode>::from(error)).throw_into(env) };
        ptr::null_mut()
    })
}

/// Runs `work` and turns its panic into an error: nothing unwinds into JavaScript's frames.
pub(super) fn caught<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
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

/// A value of JavaScript's, in the handle scope of the call that it belongs to.
///
/// napi's own slices register a borrow with each call, which costs more than the call.
#[derive(Clone, Copy)]
pub struct Value(sys::napi_value);

impl Value {
    /// An unsigned integer.
    pub(super) fn integer(self, env: Env) -> Result<u32> {
        let mut integer = 0;
        // SAFETY: the result is written to a local.
        check(unsafe { sys::napi_get_value_uint32(env.raw(), self.0, &mut integer) })?;
        Ok(integer)
    }

    /// A new integer.
    pub(super) fn of_integer(env: Env, integer: u32) -> Result<Self> {
        let mut value = ptr::null_mut();
        // SAFETY: the result is written to a local.
        check(unsafe { sys::napi_create_uint32(env.raw(), integer, &mut value) })?;
        Ok(Self(value))
    }

    /// The bytes of a `Uint8Array`.
    ///
    /// # Safety
    /// While the slice is used, no JavaScript runs and there is no other slice of them. `js/image/index.cjs` hands no shared
    /// memory in, which another thread might write to.
    pub(super) unsafe fn bytes<'a>(self, env: Env) -> Result<&'a mut [u8]> {
        let (mut data, mut length) = (ptr::null_mut(), 0);
        // SAFETY: both results are written to locals.
        check(unsafe { sys::napi_get_buffer_info(env.raw(), self.0, &mut data, &mut length) })?;
        // SAFETY: the engine says that so many bytes are there; the rest is the caller's word.
        Ok(unsafe { slice_of(data, length) })
    }

    /// The bytes of an `ArrayBuffer`; none if it was detached.
    ///
    /// # Safety
    /// That of [`bytes`](Self::bytes).
    pub(super) unsafe fn memory<'a>(self, env: Env) -> Result<&'a mut [u8]> {
        let (mut data, mut length) = (ptr::null_mut(), 0);
        // SAFETY: both results are written to locals.
        check(unsafe { sys::napi_get_arraybuffer_info(env.raw(), self.0, &mut data, &mut length) })?;
        // SAFETY: the engine says that so many bytes are there; the rest is the caller's word.
        Ok(unsafe { slice_of(data, length) })
    }

    /// A new `Buffer`, and its bytes.
    pub(super) fn of_length<'a>(env: Env, length: usize) -> Result<(Self, &'a mut [u8])> {
        let (mut data, mut value) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: both results are written to locals.
        check(unsafe { sys::napi_create_buffer(env.raw(), length, &mut data, &mut value) })?;
        // SAFETY: so many bytes are there, nobody else knows them yet, and they stay while the call lasts, whose handle
        // scope holds the buffer.
        Ok((Self(value), unsafe { slice_of(data, length) }))
    }

    /// A string, into the spare capacity of `units`; false if it may not have fitted.
    fn read<U: Unit>(self, env: Env, units: &mut Vec<U>) -> Result<bool> {
        let room = units.spare_capacity_mut();
        let capacity = room.len();
        if capacity < 2 {
            return Ok(false);
        }
        let mut length = 0;
        // SAFETY: there is room for `capacity` units, the terminating zero among them.
        check(unsafe { U::get(env.raw(), self.0, room.as_mut_ptr().cast(), capacity, &mut length) })?;
        // SAFETY: `length` leaves the zero out, and all units before it were written.
        unsafe { units.set_len(units.len() + length) };
        Ok(length < capacity - 1)
    }

    /// The length of a string, in UTF-16 units.
    fn text_length(self, env: Env) -> Result<usize> {
        let mut length = 0;
        // SAFETY: a null buffer asks for the length, which is written to a local.
        check(unsafe { u16::get(env.raw(), self.0, ptr::null_mut(), 0, &mut length) })?;
        Ok(length)
    }

    /// The elements of an array.
    fn elements(self, env: Env) -> Result<Vec<Self>> {
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

    /// A new object without properties.
    pub(super) fn of_object(env: Env) -> Result<Self> {
        let mut value = ptr::null_mut();
        // SAFETY: the result is written to a local.
        check(unsafe { sys::napi_create_object(env.raw(), &mut value) })?;
        Ok(Self(value))
    }

    /// A new string.
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

/// What a string is read as.
trait Unit: Copy {
    /// `,`
    const COMMA: Self;

    /// Node-API's call that reads a string.
    ///
    /// # Safety
    /// `into` has room for `capacity` units, or is null.
    unsafe fn get(
        env: sys::napi_env,
        text: sys::napi_value,
        into: *mut Self,
        capacity: usize,
        length: *mut usize,
    ) -> sys::napi_status;
}

impl Unit for u8 {
    const COMMA: Self = b',';

    unsafe fn get(
        env: sys::napi_env,
        text: sys::napi_value,
        into: *mut Self,
        capacity: usize,
        length: *mut usize,
    ) -> sys::napi_status {
        // SAFETY: the caller's word.
        unsafe { sys::napi_get_value_string_latin1(env, text, into.cast(), capacity, length) }
    }
}

impl Unit for u16 {
    const COMMA: Self = b',' as u16;

    unsafe fn get(
        env: sys::napi_env,
        text: sys::napi_value,
        into: *mut Self,
        capacity: usize,
        length: *mut usize,
    ) -> sys::napi_status {
        // SAFETY: the caller's word.
        unsafe { sys::napi_get_value_string_utf16(env, text, into, capacity, length) }
    }
}

/// How JavaScript hands a text over.
#[derive(Clone, Copy)]
pub(super) struct Form {
    /// No character is above `ÿ`.
    pub(super) latin1: bool,
    /// It is an array of texts, each of them a JSON array: together they are one.
    pub(super) pieces: bool,
}

/// A text that was read from JavaScript.
pub(super) struct Crossed {
    latin1: Vec<u8>,
    utf16: Vec<u16>,
    is_latin1: bool,
}

impl Crossed {
    pub(super) const fn new() -> Self {
        Self { latin1: Vec::new(), utf16: Vec::new(), is_latin1: false }
    }

    /// Reads a text into room that this thread keeps, and hands it to `work`, which must not come back here.
    pub(super) fn with<R>(
        env: Env,
        json: Value,
        form: Form,
        most: usize,
        work: impl FnOnce(Text<'_>) -> Result<R>,
    ) -> Result<R> {
        TEXT.with_borrow_mut(|crossed| {
            let result = crossed.read(env, json, form, most).and_then(|()| work(crossed.text()));
            crossed.trim();
            result
        })
    }

    /// Reads a text into room that is kept for tasks.
    pub(super) fn take(env: Env, json: Value, form: Form, most: usize) -> Result<Self> {
        let mut crossed = SPARE.with_borrow_mut(Vec::pop).unwrap_or(Self::new());
        crossed.read(env, json, form, most)?;
        Ok(crossed)
    }

    /// Keeps the room of what `take` gave.
    pub(super) fn give_back(mut self) {
        self.trim();
        SPARE.with_borrow_mut(|spare| {
            if spare.len() < MOST_SPARE {
                spare.push(self);
            }
        });
    }

    pub(super) fn text(&self) -> Text<'_> {
        if self.is_latin1 { Text::Latin1(&self.latin1) } else { Text::Utf16(&self.utf16) }
    }

    fn read(&mut self, env: Env, json: Value, form: Form, most: usize) -> Result<()> {
        self.is_latin1 = form.latin1;
        match form {
            Form { latin1: true, pieces: false } => read_whole(env, json, most, &mut self.latin1),
            Form { latin1: false, pieces: false } => read_whole(env, json, most, &mut self.utf16),
            Form { latin1: true, pieces: true } => read_pieces(env, json, most, &mut self.latin1),
            Form { latin1: false, pieces: true } => read_pieces(env, json, most, &mut self.utf16),
        }
    }

    fn trim(&mut self) {
        if self.latin1.capacity() > KEPT {
            self.latin1 = Vec::new();
        }
        if self.utf16.capacity() > KEPT / 2 {
            self.utf16 = Vec::new();
        }
    }
}

/// Reads a string into `units`; no memory is taken for more than `most`.
fn read_whole<U: Unit>(env: Env, json: Value, most: usize, units: &mut Vec<U>) -> Result<()> {
    units.clear();
    // Most strings fit what is there: one call then, which truncates a longer one and so shows that it is.
    if json.read(env, units)? {
        return Ok(());
    }
    let length = json.text_length(env)?;
    if length > most {
        return Err(too_large("the data are", most));
    }
    // One for the terminating zero, one for `read` to see that nothing was cut off.
    *units = Vec::with_capacity(length + 2);
    if json.read(env, units)? { Ok(()) } else { Err(unreadable()) }
}

/// Reads the pieces of one JSON array into `units`; no memory is taken for more than `most`.
fn read_pieces<U: Unit>(env: Env, json: Value, most: usize, units: &mut Vec<U>) -> Result<()> {
    let pieces = json.elements(env)?;
    let mut length = 0;
    for piece in &pieces {
        length += piece.text_length(env)?;
    }
    let length = (length + 1).saturating_sub(pieces.len());
    if length > most {
        return Err(too_large("the data are", most));
    }
    units.clear();
    if units.capacity() < length + 2 {
        *units = Vec::with_capacity(length + 2);
    }
    for piece in pieces {
        // Where a piece ends, the next one begins: `]` and `[` become a comma.
        let border = units.len().checked_sub(1);
        units.truncate(border.unwrap_or(0));
        if !piece.read(env, units)? {
            return Err(unreadable());
        }
        if let Some(first) = border.and_then(|border| units.get_mut(border)) {
            *first = U::COMMA;
        }
    }
    Ok(())
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

fn check(status: sys::napi_status) -> Result<()> {
    if status == sys::Status::napi_ok { Ok(()) } else { Err(unreadable()) }
}

/// `js/image/index.cjs` has checked the types, and V8 makes strings larger than any image.
fn unreadable() -> Error {
    Error::new(ErrorCode::InvalidArgument, "a value cannot be taken from JavaScript, or given to it")
}
