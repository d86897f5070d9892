//! The one error type of the crate, and the codes that are API.
//!
//! Codes are stable and may be matched on; texts are for people and may change. A text says what
//! failed, with which value, and what to do about it.

#![forbid(unsafe_code)]

use std::any::Any;
use std::sync::Arc;

/// What `Result` means everywhere in this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// The kinds of failure, sorted by whose fault they are. JavaScript adds codes of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorCode {
    /// An argument has the wrong type or is out of range; the caller's fault.
    InvalidArgument,
    /// The value has no JSON form.
    NotSerializable,
    /// The JSON, or the image, is larger than the limit in force.
    DataTooLarge,
    /// The bytes are not a PNG, or a kind of PNG that carries no data.
    ImageInvalid,
    /// The file is damaged, or its pixels do not hold what an encoder wrote.
    ImageCorrupt,
    /// The store could not be reached; the driver's error is the source.
    SequenceUnavailable,
    /// No id is left below the largest representable one.
    SequenceExhausted,
    /// The stored document holds no index that this crate may raise.
    SequenceBadDocument,
    /// A native thread panicked, or could not be started. A panic is caught before it leaves the
    /// thread.
    ThreadPanicked,
}

impl ErrorCode {
    /// The code as JavaScript sees it in `error.code`.
    ///
    /// ```
    /// assert_eq!(texample::ErrorCode::ImageCorrupt.as_str(), "ERR_TEXAMPLE_IMAGE_CORRUPT");
    /// ```
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidArgument => "ERR_TEXAMPLE_INVALID_ARGUMENT",
            Self::NotSerializable => "ERR_TEXAMPLE_NOT_SERIALIZABLE",
            Self::DataTooLarge => "ERR_TEXAMPLE_DATA_TOO_LARGE",
            Self::ImageInvalid => "ERR_TEXAMPLE_IMAGE_INVALID",
            Self::ImageCorrupt => "ERR_TEXAMPLE_IMAGE_CORRUPT",
            Self::SequenceUnavailable => "ERR_TEXAMPLE_SEQUENCE_UNAVAILABLE",
            Self::SequenceExhausted => "ERR_TEXAMPLE_SEQUENCE_EXHAUSTED",
            Self::SequenceBadDocument => "ERR_TEXAMPLE_SEQUENCE_BAD_DOCUMENT",
            Self::ThreadPanicked => "ERR_TEXAMPLE_THREAD_PANICKED",
        }
    }
}

impl AsRef<str> for ErrorCode {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

/// A failure: a code to match on, a text to read, and what caused it.
///
/// Cheap to clone, since every caller that waited for a failed claim gets its error.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    code: ErrorCode,
    message: Box<str>,
    #[source]
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error of `code` that says `message`.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into().into_boxed_str(), source: None }
    }

    /// The error for a panic of `what`, with the panic's message.
    #[must_use]
    pub fn panicked(what: &str, panic: &(dyn Any + Send)) -> Self {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
        Self::new(ErrorCode::ThreadPanicked, format!("{what} panicked: {text}. Please report this"))
    }

    /// The same error, with what caused it.
    ///
    /// ```
    /// use std::error::Error as _;
    /// use texample::{Error, ErrorCode};
    ///
    /// let cause = std::io::Error::other("disk full");
    /// let error = Error::new(ErrorCode::SequenceUnavailable, "no store").caused_by(cause);
    /// assert_eq!(error.source().map(ToString::to_string).as_deref(), Some("disk full"));
    /// ```
    #[must_use]
    pub fn caused_by(mut self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    /// The kind of failure.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        self.code
    }

    /// What failed, with which value, and what to do about it.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}
