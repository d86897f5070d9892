//! Strings, read into buffers that stay.
//!
//! Most of the time of a small image goes into crossing, so this is what measured fastest.

use std::ptr;

use napi::{Env, sys};

use super::value::{Value, check, unreadable};
use crate::Result;
use crate::image::too_large;

/// Node-API's call that reads a string: into room for so many units, or its length alone for a null
/// pointer.
type Get<U> = unsafe fn(sys::napi_env, sys::napi_value, *mut U, usize, *mut usize) -> sys::napi_status;

/// The unit that a string is read in.
pub(super) trait Unit: Copy {
    /// `,`
    const COMMA: Self;
    const GET: Get<Self>;
}

impl Unit for u8 {
    const COMMA: Self = b',';
    const GET: Get<Self> = |env, text, into, capacity, length| {
        // SAFETY: that of the caller.
        unsafe { sys::napi_get_value_string_latin1(env, text, into.cast(), capacity, length) }
    };
}

impl Unit for u16 {
    const COMMA: Self = b',' as u16;
    const GET: Get<Self> = |env, text, into, capacity, length| {
        // SAFETY: that of the caller.
        unsafe { sys::napi_get_value_string_utf16(env, text, into, capacity, length) }
    };
}

/// Reads a string into `units`; no memory is taken for more than `most`.
pub(super) fn read_whole<U: Unit>(env: Env, json: Value, most: usize, units: &mut Vec<U>) -> Result<()> {
    units.clear();
    // Most strings fit the capacity: one call then, which cuts a longer one off and so shows that
    // it is.
    if read(env, json, units)? {
        return Ok(());
    }
    let length = length_of(env, json)?;
    if length > most {
        return Err(too_large("the data are", most));
    }
    // One for the terminating zero, one for `read` to see that nothing was cut off.
    *units = Vec::with_capacity(length + 2);
    if read(env, json, units)? { Ok(()) } else { Err(unreadable()) }
}

/// Reads the pieces of one JSON array into `units`; no memory is taken for more than `most`.
pub(super) fn read_pieces<U: Unit>(env: Env, json: Value, most: usize, units: &mut Vec<U>) -> Result<()> {
    let pieces = json.elements(env)?;
    let mut length = 0;
    for &piece in &pieces {
        length += length_of(env, piece)?;
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
        if !read(env, piece, units)? {
            return Err(unreadable());
        }
        if let Some(first) = border.and_then(|border| units.get_mut(border)) {
            *first = U::COMMA;
        }
    }
    Ok(())
}

/// Reads a string into the spare capacity of `units`; false if it may not have fitted.
fn read<U: Unit>(env: Env, text: Value, units: &mut Vec<U>) -> Result<bool> {
    let room = units.spare_capacity_mut();
    let capacity = room.len();
    if capacity < 2 {
        return Ok(false);
    }
    let mut length = 0;
    // SAFETY: there is room for `capacity` units, the terminating zero among them.
    check(unsafe { (U::GET)(env.raw(), text.raw(), room.as_mut_ptr().cast(), capacity, &mut length) })?;
    // SAFETY: `length` leaves the zero out, and all units before it were written.
    unsafe { units.set_len(units.len() + length) };
    Ok(length < capacity - 1)
}

/// The length of a string, in UTF-16 units.
fn length_of(env: Env, text: Value) -> Result<usize> {
    let mut length = 0;
    // SAFETY: a null buffer asks for the length, which is written to a local.
    check(unsafe { (u16::GET)(env.raw(), text.raw(), ptr::null_mut(), 0, &mut length) })?;
    Ok(length)
}
