//! Why a producer's thread did not end as it should.

use std::error::Error;
use std::io;
use std::sync::Arc;

/// Why a thread ended early, or was never started. Cheap to clone.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ThreadError {
    /// It panicked; the panic was caught at its edge.
    #[error("the thread \"{name}\" panicked: {message}")]
    Panicked {
        /// The thread's name.
        name: Box<str>,
        /// What the panic said.
        message: Box<str>,
    },
    /// It returned an error.
    #[error(transparent)]
    Failed(Arc<dyn Error + Send + Sync>),
    /// The operating system gave no thread.
    #[error("the thread \"{name}\" could not be started: {source}")]
    NotStarted {
        /// The thread's name.
        name: Box<str>,
        /// What the operating system said.
        source: Arc<io::Error>,
    },
}
