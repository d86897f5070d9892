//! Why a message was not posted.

use std::fmt;

/// The consumer has closed the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the queue is closed")]
pub struct Closed;

/// A message that was not posted, handed back.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PostError<T> {
    /// The consumer has closed the queue.
    #[error("the queue is closed")]
    Closed(T),
    /// The queue is full, and the call does not wait: it never does
    /// ([`try_post`](crate::Producer::try_post)), its deadline has passed, or it was made on the
    /// consumer's own thread, where waiting would never end.
    #[error("the queue is full")]
    Full(T),
}

impl<T> PostError<T> {
    /// The message that was not posted.
    pub fn into_inner(self) -> T {
        match self {
            Self::Closed(message) | Self::Full(message) => message,
        }
    }

    /// Whether the consumer has closed the queue.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        matches!(self, Self::Closed(_))
    }
}

/// Without the message, so that `unwrap` and `?` need no `Debug` of it.
impl<T> fmt::Debug for PostError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_closed() { "Closed(..)" } else { "Full(..)" })
    }
}
