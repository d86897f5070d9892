//! The bound of a queue, and its policy.

/// What happens to a message when the queue is full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overflow {
    /// The producer waits until there is room.
    #[default]
    Block,
    /// The oldest message that waits is dropped.
    DropOldest,
    /// The new message is dropped.
    DropNewest,
    /// One message waits at the most: the newest.
    Latest,
}

/// The bound of a queue, and what happens there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Messages that may wait for the consumer; 0 counts as 1. Under [`Overflow::Latest`] it is 1,
    /// whatever this says.
    pub capacity: usize,
    /// What happens to a message when so many wait already.
    pub overflow: Overflow,
}

impl Default for Options {
    /// 1024 messages, and [`Overflow::Block`].
    fn default() -> Self {
        Self { capacity: 1024, overflow: Overflow::Block }
    }
}
