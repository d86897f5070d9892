//! How much a consumer takes in a turn of the event loop, so that it neither starves the loop
//! nor pays for a clock and a lock with every message.

use std::time::{Duration, Instant};

/// What one turn of the event loop may spend on messages.
const BUDGET: Duration = Duration::from_millis(1);
/// A chunk that took less than this may be larger the next time.
const SHORT: Duration = Duration::from_micros(100);
/// A chunk that took more than this must be smaller the next time.
const LONG: Duration = Duration::from_micros(400);
/// The most messages in a chunk.
const MAX_CHUNK: usize = 8192;

/// Which turn of the event loop it is, as far as that is known.
///
/// A wake-up does not tell whether the loop has turned since the one before: Node.js makes up to a
/// thousand of them in one pass over its events (`kMaxIterationCount` in its `src/node_api.cc`). A
/// turn is known to be over only where it was marked, by an immediate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Turn {
    number: u64,
    /// An immediate was set that ends this turn.
    is_marked: bool,
}

impl Turn {
    pub(crate) const fn is_marked(self) -> bool {
        self.is_marked
    }

    /// The same turn, now with an immediate at its end.
    pub(crate) const fn marked(self) -> Self {
        Self { is_marked: true, ..self }
    }

    /// The immediate has run.
    pub(crate) const fn next(self) -> Self {
        Self { number: self.number + 1, is_marked: false }
    }
}

/// What a consumer does now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Take so many messages.
    Take(usize),
    /// Take so many messages, in a turn that was marked first.
    MarkAndTake(usize),
    /// Nothing before the next turn.
    Yield,
}

/// One consumer's share of the turns. It is told the time, so that it can be tested without one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TurnBudget {
    /// The turn of the latest work, and when that work began.
    turn: Option<(Turn, Instant)>,
    /// When the latest chunk was taken.
    latest: Option<Instant>,
    /// A chunk is being handed on now.
    busy: bool,
    chunk: usize,
}

impl Default for TurnBudget {
    fn default() -> Self {
        Self { turn: None, latest: None, busy: false, chunk: 1 }
    }
}

impl TurnBudget {
    /// What to do in `turn`, of which `sharers` consumers, this one included, want a part.
    pub(crate) fn next(&mut self, now: Instant, turn: Turn, sharers: usize) -> Step {
        let was_busy = std::mem::replace(&mut self.busy, true);
        if let Some(latest) = self.latest.filter(|_| was_busy) {
            let took = now.saturating_duration_since(latest);
            if took < SHORT {
                self.chunk = (self.chunk * 2).min(MAX_CHUNK);
            } else if took > LONG {
                self.chunk = (self.chunk / 2).max(1);
            }
        }
        self.latest = Some(now);
        let began = match self.turn {
            Some((latest, began)) if latest == turn => began,
            _ => {
                self.turn = Some((turn, now));
                return Step::Take(self.chunk);
            }
        };
        let share = BUDGET / u32::try_from(sharers.max(1)).unwrap_or(u32::MAX);
        if now.saturating_duration_since(began) < share {
            return Step::Take(self.chunk);
        }
        if was_busy || turn.is_marked() {
            self.busy = false;
            return Step::Yield;
        }
        // It rested meanwhile, and whether the loop has turned since is not known.
        self.turn = Some((turn.marked(), now));
        Step::MarkAndTake(self.chunk)
    }

    /// Nothing was there to take.
    pub(crate) fn pause(&mut self) {
        self.busy = false;
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const fn us(micros: u64) -> Duration {
        Duration::from_micros(micros)
    }

    fn taken(step: Step) -> usize {
        match step {
            Step::Take(chunk) | Step::MarkAndTake(chunk) => chunk,
            Step::Yield => panic!("it yields"),
        }
    }

    #[test]
    fn a_turn_ends_when_its_budget_is_spent() {
        let mut budget = TurnBudget::default();
        let (start, turn) = (Instant::now(), Turn::default());
        taken(budget.next(start, turn, 1));
        taken(budget.next(start + us(999), turn, 1));
        assert_eq!(budget.next(start + us(1000), turn, 1), Step::Yield);
        taken(budget.next(start + us(1001), turn.marked(), 1)); // another turn, as far as is known
        assert_eq!(budget.next(start + us(2001), turn.marked(), 1), Step::Yield);
        taken(budget.next(start + us(2002), turn.next(), 1));
    }

    #[test]
    fn a_turn_delivers_something_however_slow_the_last_was() {
        let mut budget = TurnBudget::default();
        let (mut now, mut turn) = (Instant::now(), Turn::default());
        for _ in 0..10 {
            taken(budget.next(now, turn, 1000));
            now += us(50_000);
            assert_eq!(budget.next(now, turn, 1000), Step::Yield);
            turn = turn.marked().next();
        }
    }

    /// 0.2 ms of microtasks after each message, and the next message a moment later: a thousand
    /// wake-ups in one pass.
    #[test]
    fn wake_ups_of_one_pass_do_not_spend_more_than_two_budgets() {
        let mut budget = TurnBudget::default();
        let (start, mut turn) = (Instant::now(), Turn::default());
        let mut now = start;
        loop {
            match budget.next(now, turn, 1) {
                Step::Take(_) => {}
                Step::MarkAndTake(_) => turn = turn.marked(),
                Step::Yield => break,
            }
            budget.pause();
            now += us(200);
        }
        assert!(now - start <= us(2400), "{:?}", now - start);
    }

    #[test]
    fn a_wake_up_after_a_rest_delivers_at_once() {
        let mut budget = TurnBudget::default();
        let (mut now, mut turn) = (Instant::now(), Turn::default());
        let mut marks = 0;
        for _ in 0..100 {
            match budget.next(now, turn, 1) {
                Step::Take(_) => {}
                Step::MarkAndTake(_) => {
                    marks += 1;
                    turn = turn.marked().next(); // the loop turns before it sleeps
                }
                Step::Yield => panic!("it yields"),
            }
            budget.pause();
            now += us(2000);
        }
        assert!(marks <= 50, "{marks} immediates for 100 wake-ups");
    }

    #[test]
    fn chunks_grow_while_callbacks_are_fast_and_shrink_when_slow() {
        let mut budget = TurnBudget::default();
        let (mut now, mut turn) = (Instant::now(), Turn::default());
        let mut chunk = 0;
        for _ in 0..20 {
            chunk = taken(budget.next(now, turn, 1));
            now += us(1);
        }
        assert_eq!(chunk, MAX_CHUNK);
        for _ in 0..20 {
            turn = turn.marked().next();
            budget.pause();
            let _ = budget.next(now, turn, 1);
            now += us(500);
            chunk = taken(budget.next(now, turn, 1));
        }
        assert_eq!(chunk, 1);
    }

    #[test]
    fn consumers_share_a_turn() {
        let mut budget = TurnBudget::default();
        let (start, turn) = (Instant::now(), Turn::default());
        taken(budget.next(start, turn, 4));
        taken(budget.next(start + us(249), turn, 4));
        assert_eq!(budget.next(start + us(250), turn, 4), Step::Yield);
    }
}
