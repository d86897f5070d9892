//! A run of ids that belongs to one owner.

/// A half-open run of ids, `start..end`, that one client owns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The first id.
    pub start: i64,
    /// One past the last id; never below `start`.
    pub end: i64,
}

impl Range {
    /// The run from `start` up to but without `end`; empty when `end` is not above `start`.
    #[must_use]
    pub const fn new(start: i64, end: i64) -> Self {
        Self { start, end: if end > start { end } else { start } }
    }

    /// How many ids it holds.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.end.abs_diff(self.start)
    }

    /// Whether no id is left.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Cuts up to `count` ids off the front.
    pub fn take(&mut self, count: u64) -> Self {
        let cut = self.start.saturating_add_unsigned(count).min(self.end);
        let front = Self { start: self.start, end: cut };
        self.start = cut;
        front
    }
}

#[cfg(test)]
mod tests {
    use super::Range;

    #[test]
    fn take_never_passes_the_end() {
        let mut range = Range::new(i64::MAX - 3, i64::MAX);
        assert_eq!(range.take(2), Range::new(i64::MAX - 3, i64::MAX - 1));
        assert_eq!(range.take(u64::MAX).len(), 1);
        assert!(range.is_empty());
    }
}
