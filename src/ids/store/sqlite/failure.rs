//! What goes wrong with a SQLite file, and the error for each document that it concerns.

use std::sync::Arc;

use rusqlite::{ErrorCode as Sqlite3, ffi};

use crate::ids::store::{ClaimError, Document};
use crate::{Error, ErrorCode};

/// Why a request got no outcome.
pub(super) enum Failure {
    /// Of one document.
    Claim(ClaimError),
    /// The path leads to another file, or to none.
    Replaced,
    /// Of the file, or of a statement; the message begins with the document of the request.
    File { lasting: bool, code: ErrorCode, what: String, cause: Option<Arc<rusqlite::Error>> },
}

impl Failure {
    /// The error for one of the documents that it concerns.
    pub fn of(&self, document: &Document) -> ClaimError {
        let (lasting, code, what, cause) = match self {
            Self::Claim(error) => return error.clone(),
            Self::Replaced => {
                let message = format!("{} lost its file, which was removed or replaced", document.label);
                return ClaimError::Transient(Error::new(ErrorCode::SequenceUnavailable, message));
            }
            Self::File { lasting, code, what, cause } => (*lasting, *code, what, cause),
        };
        let mut error = Error::new(code, format!("{} {what}", document.label));
        if let Some(cause) = cause {
            error = error.caused_by(Arc::clone(cause));
        }
        if lasting { ClaimError::Permanent(error) } else { ClaimError::Transient(error) }
    }

    pub fn is_busy(&self) -> bool {
        let Self::File { cause: Some(cause), .. } = self else { return false };
        matches!(cause.sqlite_error_code(), Some(Sqlite3::DatabaseBusy | Sqlite3::DatabaseLocked))
    }

    fn unavailable(what: String) -> Self {
        Self::File { lasting: true, code: ErrorCode::SequenceUnavailable, what, cause: None }
    }

    #[cfg(unix)]
    pub fn no_locks(error: std::io::Error) -> Self {
        let what = format!(
            "cannot be opened: this system has no locks of an open file description ({error}), without which two \
             copies of SQLite in a process corrupt a file"
        );
        Self::unavailable(what)
    }

    pub fn hard_links(count: u64) -> Self {
        let what = format!(
            "cannot be opened: the file has {count} names (hard links), and SQLite keeps a log beside each of them, so \
             that ids would come twice; remove all but one, or make the others symbolic links"
        );
        Self::unavailable(what)
    }

    pub fn link() -> Self {
        let what = "cannot be used: the file has tables of an application, and the path is a symbolic link, beside \
                    which the application's SQLite keeps a log on Windows; name the file itself, in both";
        Self::unavailable(what.into())
    }

    pub fn settings(mode: &str, synchronous: i64, fullfsync: i64) -> Self {
        let what = format!(
            "cannot be made durable: journal_mode is {mode:?}, and synchronous {synchronous} and fullfsync \
             {fullfsync} stay as they are"
        );
        Self::unavailable(what)
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(cause: rusqlite::Error) -> Self {
        use ErrorCode::{SequenceBadDocument, SequenceUnavailable};
        if cause.sqlite_error().is_some_and(|error| error.extended_code == ffi::SQLITE_READONLY_DBMOVED) {
            return Self::Replaced;
        }
        let (lasting, code, what) = match cause.sqlite_error_code() {
            Some(Sqlite3::DatabaseBusy | Sqlite3::DatabaseLocked) => {
                (false, SequenceUnavailable, "is locked by another connection")
            }
            Some(Sqlite3::DiskFull) => (false, SequenceUnavailable, "cannot be written: the disk is full"),
            Some(Sqlite3::SystemIoFailure) => (false, SequenceUnavailable, "cannot be written or read"),
            Some(Sqlite3::CannotOpen) => (true, SequenceUnavailable, "cannot be opened"),
            Some(Sqlite3::ReadOnly | Sqlite3::PermissionDenied) => {
                (true, SequenceUnavailable, "is read-only")
            }
            Some(Sqlite3::NotADatabase) => (true, SequenceUnavailable, "is no SQLite database"),
            Some(Sqlite3::DatabaseCorrupt) => (true, SequenceUnavailable, "is corrupt"),
            Some(Sqlite3::OutOfMemory | Sqlite3::OperationInterrupted) => {
                (false, SequenceUnavailable, "could not be asked")
            }
            _ => (true, SequenceBadDocument, "has a table of another kind"),
        };
        Self::File { lasting, code, what: format!("{what}: {cause}"), cause: Some(Arc::new(cause)) }
    }
}
