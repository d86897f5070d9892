//! Why a thread did not end as it should, and why a question has no answer.

use std::any::Any;
use std::error::Error;
use std::io;
use std::sync::Arc;

/// Why a thread ended early, or was never started. Cheap to clone.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ThreadError {
    /// The thread panicked. The panic was caught before it left the thread.
    #[error("the thread \"{name}\" panicked: {message}")]
    Panicked {
        /// The thread's name.
        name: Box<str>,
        /// The message of the panic; `no message` when its payload is no text.
        message: Box<str>,
    },
    /// The thread returned an error.
    #[error(transparent)]
    Failed(Arc<dyn Error + Send + Sync>),
    /// The thread was not started: the operating system has none, or its name holds a NUL.
    #[error("the thread \"{name}\" could not be started: {source}")]
    NotStarted {
        /// The thread's name.
        name: Box<str>,
        /// The error of the operating system.
        source: Arc<io::Error>,
    },
}

impl ThreadError {
    pub(crate) fn panicked(name: &str, panic: &(dyn Any + Send)) -> Self {
        Self::Panicked { name: name.into(), message: panic_message(panic).into() }
    }
}

pub(crate) fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

/// An error with a code, for a producer's thread to return: the code becomes `error.code` in
/// JavaScript.
///
/// ```
/// use texample_bridge::CodedError;
///
/// let error = CodedError::new("ERR_DEVICE_GONE", "the scale on COM3 was unplugged");
/// assert_eq!(error.code(), "ERR_DEVICE_GONE");
/// ```
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct CodedError {
    code: Box<str>,
    message: Box<str>,
    #[source]
    source: Option<Arc<dyn Error + Send + Sync>>,
}

impl CodedError {
    /// An error that says `message`, with a `code` to match on.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into().into(), message: message.into().into(), source: None }
    }

    /// The same error, with what caused it: `error.cause` in JavaScript.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into().into());
        self
    }

    /// The code.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.code
    }
}

/// Why a question has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// The questions were stopped, their environment has ended, or the overflow policy dropped the
    /// question.
    #[error("JavaScript does not answer any more")]
    Closed,
    /// The timeout passed before there was an answer, or before there was room for the question.
    #[error("JavaScript did not answer in time")]
    Timeout,
    /// The callback threw, or the promise that it returned was rejected.
    #[error("{message}")]
    Thrown {
        /// The error's message, or the text of what was thrown.
        message: String,
        /// The error's `code`, if it has one.
        code: Option<String>,
    },
    /// The question was asked on the thread that answers, which would wait for itself.
    #[error("a question on JavaScript's own thread would wait for itself; call the function instead")]
    OnJavaScriptThread,
    /// The promise that the callback returned was garbage-collected and never settled.
    #[error("the promise of the answer was never settled")]
    Abandoned,
    /// The question could not be converted to a JavaScript value, or the answer not to the type of
    /// the asker; with the message of the conversion.
    #[error("{0}")]
    Conversion(String),
}
