//! What goes wrong with an operation on MongoDB.

use std::time::Duration;

use mongodb::error::{Error as DriverError, ErrorKind, WriteFailure};

use super::secrets::Cause;
use crate::ids::store::{ClaimError, Document};
use crate::{Error, ErrorCode};

/// Server errors that no retry mends: IllegalOperation, CommandNotFound, Unauthorized,
/// AuthenticationFailed, InvalidNamespace, CommandNotSupported, DocumentValidationFailure,
/// CommandNotSupportedOnView, NotImplemented, DataCorruptionDetected, AtlasError,
/// DatabaseDifferCase.
const LASTING: [i32; 12] = [20, 59, 13, 18, 73, 115, 121, 166, 238, 301, 8000, 13297];

/// Why an operation gave nothing.
pub(super) enum Failure {
    Driver(DriverError),
    Claim(ClaimError),
}

impl From<DriverError> for Failure {
    fn from(error: DriverError) -> Self {
        Self::Driver(error)
    }
}

impl Failure {
    /// The error for the document; it shows no secret of the URL.
    pub fn of(self, document: &Document, url: &str) -> ClaimError {
        let error = match self {
            Self::Claim(error) => return error,
            Self::Driver(error) => error,
        };
        let lasting = match &*error.kind {
            ErrorKind::InvalidArgument { .. }
            | ErrorKind::Authentication { .. }
            | ErrorKind::InvalidTlsConfig { .. }
            | ErrorKind::IncompatibleServer { .. } => true,
            _ => code(&error).is_some_and(|code| LASTING.contains(&code)),
        };
        let cause = Cause::new(&error, url);
        let message = format!("{} cannot be used: {cause}", document.label);
        let error = Error::new(ErrorCode::SequenceUnavailable, message).caused_by(cause);
        if lasting { ClaimError::Permanent(error) } else { ClaimError::Transient(error) }
    }
}

/// The attempt took too long.
pub(super) fn unanswered(label: &str, limit: Duration) -> ClaimError {
    let message = format!("{label} did not answer within {} s", limit.as_secs());
    ClaimError::Transient(Error::new(ErrorCode::SequenceUnavailable, message))
}

/// The code of a server's error, wherever it stands.
pub(super) fn code(error: &DriverError) -> Option<i32> {
    match &*error.kind {
        ErrorKind::Command(error) => Some(error.code),
        ErrorKind::Write(WriteFailure::WriteError(error)) => Some(error.code),
        ErrorKind::Write(WriteFailure::WriteConcernError(error)) => Some(error.code),
        _ => None,
    }
}
