//! The free ranges: ids that were claimed from the store and not leased to a handle.

use super::Range;

/// Runs beyond this many are not kept: a bound on memory, not a goal.
///
/// Claims rise and mostly touch, so there is a handful of runs; many short ones come from other
/// clients between our claims, or from closed handles.
const MAX_RUNS: usize = 4096;

/// Disjoint runs of ids in rising order.
///
/// Fresh ids were never leased. Returned ids came back from a handle that was closed; only a handle
/// whose ids are all below may have them, so they do not count as supply.
#[derive(Debug, Default)]
pub(super) struct FreeRanges {
    /// Rising; never empty, never touching.
    runs: Vec<Range>,
    /// Sum over `runs`.
    total: u64,
    /// The highest end of a lease so far: ids at or above it are fresh.
    leased_to: i64,
    /// Ids in `runs` at or above `leased_to`.
    fresh: u64,
}

impl FreeRanges {
    pub fn total(&self) -> u64 {
        self.total
    }

    pub fn fresh(&self) -> u64 {
        self.fresh
    }

    pub fn is_full(&self) -> bool {
        self.runs.len() >= MAX_RUNS
    }

    /// Adds a claimed range. The caller bounds the runs: it claims nothing ahead while these are
    /// full.
    pub fn add(&mut self, range: Range) {
        if range.is_empty() {
            return;
        }
        self.total += range.len();
        self.fresh += Range::new(range.start.max(self.leased_to), range.end).len();
        let at = self.runs.partition_point(|run| run.start < range.start);
        let touches_next = self.runs.get(at).is_some_and(|next| next.start == range.end);
        if let Some(before) = at.checked_sub(1).filter(|&before| self.runs[before].end == range.start) {
            self.runs[before].end = if touches_next { self.runs.remove(at).end } else { range.end };
        } else if touches_next {
            self.runs[at].start = range.start;
        } else {
            self.runs.insert(at, range);
        }
    }

    /// Adds what a closed handle had left; when there are too many runs it becomes a gap.
    pub fn add_returned(&mut self, range: Range) {
        if !self.is_full() {
            self.add(range);
        }
    }

    /// Takes up to `count` of the lowest ids at or above `floor`, as one run.
    ///
    /// `floor` is the end of an earlier lease, or below every id.
    pub fn take(&mut self, floor: i64, count: u64) -> Option<Range> {
        if count == 0 {
            return None;
        }
        let at = self.runs.partition_point(|run| run.end <= floor);
        let run = self.runs.get_mut(at)?;
        let mut rest = Range { start: run.start.max(floor), end: run.end };
        let taken = rest.take(count);
        if taken.start == run.start {
            if rest.is_empty() {
                self.runs.remove(at);
            } else {
                *run = rest;
            }
        } else {
            run.end = taken.start;
            if !rest.is_empty() {
                self.runs.insert(at + 1, rest);
            }
        }
        self.total -= taken.len();
        if taken.end > self.leased_to {
            // No fresh id is skipped: a floor is never above `leased_to`, and the lowest run is
            // taken.
            self.fresh -= Range::new(taken.start.max(self.leased_to), taken.end).len();
            self.leased_to = taken.end;
        }
        Some(taken)
    }

    /// Removes and returns the run that ends at `end`.
    pub fn take_tail(&mut self, end: i64) -> Option<Range> {
        let tail = self.runs.pop_if(|run| run.end == end)?;
        self.total -= tail.len();
        self.fresh -= Range::new(tail.start.max(self.leased_to), end).len();
        Some(tail)
    }

    /// Forgets all ranges.
    pub fn clear(&mut self) {
        self.runs.clear();
        self.total = 0;
        self.fresh = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn touching_runs_merge() {
        let mut free = FreeRanges::default();
        free.add(Range::new(10, 20));
        free.add(Range::new(30, 40));
        free.add(Range::new(20, 30));
        assert_eq!(free.take(0, 100), Some(Range::new(10, 40)));
        assert_eq!(free.total(), 0);
        assert_eq!(free.fresh(), 0);
    }

    #[test]
    fn returned_ids_are_not_fresh_and_go_to_a_lower_handle() {
        let mut free = FreeRanges::default();
        free.add(Range::new(10, 20));
        let lease = free.take(0, 10);
        assert_eq!(lease, Some(Range::new(10, 20)));
        free.add(Range::new(15, 20));
        assert_eq!((free.total(), free.fresh()), (5, 0));
        assert_eq!(free.take(20, 1), None);
        assert_eq!(free.take(15, 1), Some(Range::new(15, 16)));
    }

    #[test]
    fn a_returned_run_that_touches_fresh_ids_hides_none_of_them() {
        let mut free = FreeRanges::default();
        free.add(Range::new(10, 30));
        assert_eq!(free.take(0, 10), Some(Range::new(10, 20)));
        free.add_returned(Range::new(15, 20));
        assert_eq!(free.take(20, 4), Some(Range::new(20, 24)));
        assert_eq!((free.total(), free.fresh()), (11, 6));
        assert_eq!(free.take(0, 100), Some(Range::new(15, 20)));
        assert_eq!(free.take(0, 100), Some(Range::new(24, 30)));
    }

    #[test]
    fn too_many_runs_keep_no_returned_one() {
        let mut free = FreeRanges::default();
        for i in 0..MAX_RUNS as i64 {
            free.add(Range::new(i * 10, i * 10 + 5));
        }
        let total = free.total();
        free.add_returned(Range::new(5, 6));
        assert_eq!(free.total(), total);
    }
}
