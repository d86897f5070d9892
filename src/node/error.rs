//! Errors on their way to JavaScript: the code becomes `error.code`, the source `error.cause`.

use std::error::Error as _;

use crate::{Error, ErrorCode};

/// What an exported function returns.
pub(super) type Result<T> = std::result::Result<T, napi::Error<ErrorCode>>;

impl From<Error> for napi::Error<ErrorCode> {
    fn from(error: Error) -> Self {
        let mut thrown = napi::Error::new(error.code(), error.message());
        if let Some(source) = error.source() {
            thrown.set_cause(cause(source));
        }
        thrown
    }
}

fn cause(source: &(dyn std::error::Error + 'static)) -> napi::Error {
    let mut error = napi::Error::new(napi::Status::GenericFailure, source.to_string());
    if let Some(deeper) = source.source() {
        error.set_cause(cause(deeper));
    }
    error
}
