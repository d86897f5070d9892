//! How much data an image may carry.

use crate::{Error, ErrorCode};

/// The most bytes of JSON that an image carries: 4096 rows of 4096 pixels of three
/// bytes, less the terminator and the CRC.
pub const MAX_BYTES: usize = 50_331_643;

/// The error for data of more than `limit` bytes; `what` says which, as in "the data are".
pub(crate) fn too_large(what: &str, limit: usize) -> Error {
    Error::new(
        ErrorCode::DataTooLarge,
        format!("{what} past the limit of {limit} bytes; raise maxBytes (at most {MAX_BYTES}) or send less"),
    )
}
