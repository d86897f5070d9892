//! The ids in hand: claimed from the store and not leased to a handle.

use std::collections::BTreeMap;

use super::Range;

/// Runs beyond this many are not kept: a bound on memory, not a goal.
///
/// Claims rise and mostly touch, so a stock has a handful of runs; many short
/// ones come from other clients between our claims, or from closed handles.
const MAX_RUNS: usize = 4096;

/// Disjoint runs of ids in rising order.
///
/// Fresh ids were never leased. Returned ids came back from a handle that was
/// closed; only a handle whose ids are all below may have them, so they are no
/// supply that one can count on.
#[derive(Debug, Default)]
pub(super) struct Stock {
    /// Start to end; disjoint, never empty, never touching.
    runs: BTreeMap<i64, i64>,
    /// Sum over `runs`.
    total: u64,
    /// The highest end of a lease so far: ids at or above it are fresh.
    leased_to: i64,
    /// Ids in `runs` at or above `leased_to`.
    fresh: u64,
}

impl Stock {
    pub fn total(&self) -> u64 {
        self.total
    }

    pub fn fresh(&self) -> u64 {
        self.fresh
    }

    pub fn is_full(&self) -> bool {
        self.runs.len() >= MAX_RUNS
    }

    /// Adds what was claimed. Bounded by who calls: nothing is claimed ahead into a full stock.
    pub fn add(&mut self, range: Range) {
        if range.is_empty() {
            return;
        }
        let Range { mut start, mut end } = range;
        let before = self.runs.range(..start).next_back().map(|(&s, &e)| (s, e));
        if let Some((s, e)) = before.filter(|&(_, e)| e == start) {
            self.runs.remove(&s);
            start = s;
            debug_assert_eq!(e, range.start);
        }
        if let Some(e) = self.runs.remove(&end) {
            end = e;
        }
        self.runs.insert(start, end);
        self.total += range.len();
        self.fresh += Range::new(range.start.max(self.leased_to), range.end).len();
    }

    /// Adds what a closed handle had left; a full stock lets it go as a gap.
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
        let around = self.runs.range(..floor).next_back().filter(|&(_, &end)| end > floor);
        let (&start, &end) = around.or_else(|| self.runs.range(floor..).next())?;
        self.runs.remove(&start);
        if start < floor {
            self.runs.insert(start, floor);
        }
        let mut rest = Range { start: start.max(floor), end };
        let taken = rest.take(count);
        if !rest.is_empty() {
            self.runs.insert(rest.start, rest.end);
        }
        self.total -= taken.len();
        if taken.end > self.leased_to {
            // No fresh id is skipped: a floor is never above `leased_to`, and the lowest run is taken.
            self.fresh -= Range::new(taken.start.max(self.leased_to), taken.end).len();
            self.leased_to = taken.end;
        }
        Some(taken)
    }

    /// Removes and returns the run that ends at `end`.
    pub fn take_tail(&mut self, end: i64) -> Option<Range> {
        let (&start, &last) = self.runs.iter().next_back()?;
        if last != end {
            return None;
        }
        self.runs.remove(&start);
        let tail = Range { start, end };
        self.total -= tail.len();
        self.fresh -= Range::new(start.max(self.leased_to), end).len();
        Some(tail)
    }

    /// Forgets everything in hand.
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
        let mut stock = Stock::default();
        stock.add(Range::new(10, 20));
        stock.add(Range::new(30, 40));
        stock.add(Range::new(20, 30));
        assert_eq!(stock.take(0, 100), Some(Range::new(10, 40)));
        assert_eq!(stock.total(), 0);
        assert_eq!(stock.fresh(), 0);
    }

    #[test]
    fn returned_ids_are_no_fresh_supply_and_go_only_to_a_lower_handle() {
        let mut stock = Stock::default();
        stock.add(Range::new(10, 20));
        let lease = stock.take(0, 10);
        assert_eq!(lease, Some(Range::new(10, 20)));
        stock.add(Range::new(15, 20));
        assert_eq!((stock.total(), stock.fresh()), (5, 0));
        assert_eq!(stock.take(20, 1), None);
        assert_eq!(stock.take(15, 1), Some(Range::new(15, 16)));
    }

    #[test]
    fn a_returned_run_that_touches_fresh_ids_hides_none_of_them() {
        let mut stock = Stock::default();
        stock.add(Range::new(10, 30));
        assert_eq!(stock.take(0, 10), Some(Range::new(10, 20)));
        stock.add_returned(Range::new(15, 20));
        assert_eq!(stock.take(20, 4), Some(Range::new(20, 24)));
        assert_eq!((stock.total(), stock.fresh()), (11, 6));
        assert_eq!(stock.take(0, 100), Some(Range::new(15, 20)));
        assert_eq!(stock.take(0, 100), Some(Range::new(24, 30)));
    }

    #[test]
    fn a_full_stock_keeps_no_more_returned_runs() {
        let mut stock = Stock::default();
        for i in 0..MAX_RUNS as i64 {
            stock.add(Range::new(i * 10, i * 10 + 5));
        }
        let total = stock.total();
        stock.add_returned(Range::new(5, 6));
        assert_eq!(stock.total(), total);
    }
}
