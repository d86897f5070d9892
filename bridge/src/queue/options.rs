//! The bound of a queue, and its policy.

/// What happens to a message when as many wait as the capacity admits.
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
    /// Messages that may wait for the consumer; at least one. [`Overflow::Latest`] has one whatever
    /// this says.
    pub capacity: usize,
    /// What happens to a message when so many wait.
    pub overflow: Overflow,
}

impl Default for Options {
    /// 1024 messages; producers wait.
    fn default() -> Self {
        Self { capacity: 1024, overflow: Overflow::Block }
    }
}
