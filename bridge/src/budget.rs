//! How much a consumer takes at once, so that it neither starves the event loop
//! nor pays for a clock and a lock with every message.

use std::time::{Duration, Instant};

/// What one turn of the event loop may spend on messages.
const BUDGET: Duration = Duration::from_millis(1);
/// Work that resumes this soon after it had paused is still the same turn: a wake-up can come back
/// at once, from inside the same pass over the loop's events.
const PAUSE: Duration = Duration::from_micros(100);
/// A chunk that took less than this may be larger the next time.
const SHORT: Duration = Duration::from_micros(100);
/// A chunk that took more than this must be smaller the next time.
const LONG: Duration = Duration::from_micros(400);
/// The most messages in a chunk.
const MAX_CHUNK: usize = 8192;

/// The pace of one consumer. It is told the time, so that it can be tested without one.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// When this turn began; `None` between turns.
    turn: Option<Instant>,
    /// When the latest chunk was taken, or the consumer paused.
    latest: Option<Instant>,
    /// A chunk is being handed on now.
    busy: bool,
    chunk: usize,
}

impl Default for Pace {
    fn default() -> Self {
        Self { turn: None, latest: None, busy: false, chunk: 1 }
    }
}

impl Pace {
    /// How many messages to take now, or `None` when the turn has had its share: `sharers` is how many
    /// consumers, this one included, want a part of it.
    pub fn next(&mut self, now: Instant, sharers: usize) -> Option<usize> {
        let since_latest = self.latest.map_or(PAUSE, |latest| now.saturating_duration_since(latest));
        if self.busy {
            if since_latest < SHORT {
                self.chunk = (self.chunk * 2).min(MAX_CHUNK);
            } else if since_latest > LONG {
                self.chunk = (self.chunk / 2).max(1);
            }
        } else if since_latest >= PAUSE {
            self.turn = None;
        }
        self.latest = Some(now);
        let began = *self.turn.get_or_insert(now);
        let share = BUDGET / u32::try_from(sharers.max(1)).unwrap_or(u32::MAX);
        self.busy = began == now || now.saturating_duration_since(began) < share;
        self.busy.then_some(self.chunk)
    }

    /// Nothing was there to take.
    pub fn pause(&mut self, now: Instant) {
        self.latest = Some(now);
        self.busy = false;
    }

    /// The event loop has turned: a new share begins.
    pub fn turned(&mut self) {
        self.turn = None;
        self.busy = false;
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const fn us(micros: u64) -> Duration {
        Duration::from_micros(micros)
    }

    #[test]
    fn a_turn_ends_when_its_budget_is_spent_and_the_next_begins_with_a_new_one() {
        let mut pace = Pace::default();
        let start = Instant::now();
        assert!(pace.next(start, 1).is_some());
        assert!(pace.next(start + us(999), 1).is_some());
        assert_eq!(pace.next(start + us(1000), 1), None);
        pace.turned();
        assert!(pace.next(start + us(1001), 1).is_some());
    }

    #[test]
    fn a_turn_delivers_something_however_slow_the_last_one_was() {
        let mut pace = Pace::default();
        let mut now = Instant::now();
        for _ in 0..10 {
            assert!(pace.next(now, 1000).is_some());
            now += us(50_000);
            assert_eq!(pace.next(now, 1000), None);
            pace.turned();
        }
    }

    #[test]
    fn a_wake_up_that_comes_back_at_once_belongs_to_the_same_turn() {
        let mut pace = Pace::default();
        let mut now = Instant::now();
        let mut turns = 0;
        for _ in 0..2000 {
            match pace.next(now, 1) {
                Some(_) => pace.pause(now + us(5)),
                None => {
                    turns += 1;
                    pace.turned();
                }
            }
            now += us(10);
        }
        assert!((18..=21).contains(&turns), "20 ms of work that pauses all the time, {turns} turns");
    }

    #[test]
    fn a_pause_ends_the_turn() {
        let mut pace = Pace::default();
        let start = Instant::now();
        assert!(pace.next(start, 1).is_some());
        pace.pause(start + us(900));
        assert!(pace.next(start + us(1000), 1).is_some());
        assert!(pace.next(start + us(1900), 1).is_some());
    }

    #[test]
    fn chunks_grow_while_callbacks_are_fast_and_shrink_to_one_when_they_are_slow() {
        let mut pace = Pace::default();
        let mut now = Instant::now();
        let mut chunk = 0;
        for _ in 0..20 {
            chunk = pace.next(now, 1).unwrap();
            now += us(1);
        }
        assert_eq!(chunk, MAX_CHUNK);
        for _ in 0..20 {
            pace.turned();
            let _ = pace.next(now, 1);
            now += us(500);
            chunk = pace.next(now, 1).unwrap();
        }
        assert_eq!(chunk, 1);
    }

    #[test]
    fn consumers_share_a_turn() {
        let mut pace = Pace::default();
        let start = Instant::now();
        assert!(pace.next(start, 4).is_some());
        assert!(pace.next(start + us(249), 4).is_some());
        assert_eq!(pace.next(start + us(250), 4), None);
    }
}
