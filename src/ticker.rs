//! The thread that ticks: 0, 1, 2, … at absolute deadlines.
//!
//! Tick `i` is due `(i + 1) * interval` after the start, whatever happened to the ticks before it,
//! so a late tick delays no later one and ticks never drift.

#![forbid(unsafe_code)]

use std::time::{Duration, Instant};

use texample_bridge::{Closed, Producer, ThreadError};

use crate::{Error, ErrorCode, Result};

/// The longest interval in milliseconds, that of `setInterval`.
pub const MAX_INTERVAL_MS: f64 = 2_147_483_647.0;

/// Ticks posted under one lock, at the most.
const CHUNK: usize = 256;

impl From<ThreadError> for Error {
    fn from(error: ThreadError) -> Self {
        Self::new(ErrorCode::ThreadPanicked, error.to_string())
    }
}

/// When ticks are due, and how many there are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ticker {
    interval_ms: f64,
    count: u64,
}

impl Ticker {
    /// Ticks every `interval_ms` milliseconds, `count` times or until the queue is closed.
    ///
    /// An interval of 0 ticks as fast as the queue takes them.
    ///
    /// # Errors
    /// `InvalidArgument` when the interval is not between 0 and [`MAX_INTERVAL_MS`], or the count
    /// is 0.
    ///
    /// ```
    /// use texample_bridge::{Options, Taken, Thread, queue};
    /// use texample::ticker::Ticker;
    ///
    /// let ticker = Ticker::new(0.5, Some(3))?;
    /// let (producer, consumer) = queue(Options::default(), || {});
    /// let start = std::time::Instant::now();
    /// Thread::spawn("ticker", producer, move |producer| ticker.run(producer, start))?.join()?;
    /// assert_eq!(consumer.take(10), Taken::Some(vec![0.0, 1.0, 2.0]));
    /// # Ok::<(), texample::Error>(())
    /// ```
    pub fn new(interval_ms: f64, count: Option<u64>) -> Result<Self> {
        if !(0.0..=MAX_INTERVAL_MS).contains(&interval_ms) {
            let text =
                format!("interval must be 0 to {MAX_INTERVAL_MS} milliseconds; received {interval_ms}");
            return Err(Error::new(ErrorCode::InvalidArgument, text));
        }
        if count == Some(0) {
            return Err(Error::new(ErrorCode::InvalidArgument, "count must be at least 1; received 0"));
        }
        Ok(Self { interval_ms, count: count.unwrap_or(u64::MAX) })
    }

    /// Posts the ticks of a ticker that began at `start`, to the last of them.
    ///
    /// # Errors
    /// [`Closed`] when the consumer has closed the queue before.
    pub fn run(&self, producer: &Producer<f64>, start: Instant) -> std::result::Result<(), Closed> {
        let mut ticks = [0.0; CHUNK];
        let mut next = 0;
        while next < self.count {
            if self.interval_ms > 0.0 {
                producer.sleep_until(self.due(start, next))?;
            }
            let many = self.ready(start, next);
            for (tick, i) in ticks.iter_mut().zip(next..next + many as u64) {
                // Exact below 2^53: 285 years of flat-out ticks.
                *tick = i as f64;
            }
            producer.post_all(ticks[..many].iter().copied()).map_err(|_| Closed)?;
            next += many as u64;
        }
        Ok(())
    }

    fn due(&self, start: Instant, tick: u64) -> Instant {
        let since = (tick + 1) as f64 * self.interval_ms / 1000.0;
        // The clock may not reach further; no ticker runs for a century.
        const CENTURY: Duration = Duration::from_secs(100 * 365 * 86_400);
        let since = Duration::try_from_secs_f64(since).map_or(CENTURY, |since| since.min(CENTURY));
        start.checked_add(since).unwrap_or(start)
    }

    /// How many ticks from `next` on, which is due, are due by now: at least that one, at most a
    /// chunk.
    fn ready(&self, start: Instant, next: u64) -> usize {
        let left = usize::try_from(self.count - next).unwrap_or(CHUNK).min(CHUNK);
        if self.interval_ms == 0.0 {
            return left;
        }
        let elapsed = start.elapsed().as_secs_f64() * 1000.0;
        let past = (elapsed / self.interval_ms) - next as f64;
        // A float cast saturates: what is below 0 or not a number becomes 0.
        (past as usize).clamp(1, left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use texample_bridge::{Consumer, Options, Overflow, Taken, Thread, queue};

    #[allow(clippy::unwrap_used)] // as in a test
    fn ticks(ticker: Ticker, options: Options) -> (Consumer<f64>, Thread) {
        let (producer, consumer) = queue(options, || {});
        let start = Instant::now();
        let thread = Thread::spawn("ticker", producer, move |producer| ticker.run(producer, start)).unwrap();
        (consumer, thread)
    }

    #[test]
    fn a_count_is_posted_to_the_last_tick_and_no_further() {
        for (interval, count) in [(0.0, 1), (0.0, 255), (0.0, 256), (0.0, 257), (0.01, 300), (1.0, 3)] {
            let ticker = Ticker::new(interval, Some(count)).unwrap();
            let (consumer, thread) = ticks(ticker, Options { capacity: 1000, overflow: Overflow::Block });
            thread.join().unwrap();
            let expected: Vec<f64> = (0..count).map(|i| i as f64).collect();
            assert_eq!(consumer.take(1000), Taken::Some(expected));
            assert_eq!(consumer.take(1000), Taken::Ended);
        }
    }

    #[test]
    fn no_tick_comes_before_it_is_due() {
        let ticker = Ticker::new(2.5, Some(8)).unwrap();
        let start = Instant::now();
        let (_consumer, thread) = ticks(ticker, Options::default());
        thread.join().unwrap();
        assert!(start.elapsed() >= Duration::from_micros(20_000));
    }

    #[test]
    fn closing_the_queue_ends_a_sleeping_and_a_blocked_ticker() {
        for interval in [MAX_INTERVAL_MS, 0.0] {
            let ticker = Ticker::new(interval, None).unwrap();
            let (consumer, thread) = ticks(ticker, Options { capacity: 4, overflow: Overflow::Block });
            consumer.close();
            thread.join().unwrap();
            assert_eq!(consumer.take(4), Taken::Ended);
        }
    }

    #[test]
    fn a_late_tick_is_due_at_once_and_delays_no_later_one() {
        let ticker = Ticker::new(10.0, None).unwrap();
        let now = Instant::now();
        let start = now.checked_sub(Duration::from_millis(95)).unwrap();
        assert_eq!(ticker.due(start, 0), start + Duration::from_millis(10));
        assert_eq!(ticker.due(start, 9), start + Duration::from_millis(100));
        assert!(ticker.ready(start, 0) >= 9);
    }

    #[test]
    fn a_deadline_beyond_the_clock_is_far_and_never_a_panic() {
        let ticker = Ticker::new(MAX_INTERVAL_MS, None).unwrap();
        let start = Instant::now();
        assert!(ticker.due(start, u64::MAX - 1) > start + Duration::from_secs(86_400));
    }

    #[test]
    fn intervals_and_counts_out_of_range_are_refused() {
        for interval in [-1.0, f64::NAN, f64::INFINITY, MAX_INTERVAL_MS + 1.0] {
            assert_eq!(Ticker::new(interval, None).unwrap_err().code(), ErrorCode::InvalidArgument);
        }
        assert_eq!(Ticker::new(1.0, Some(0)).unwrap_err().code(), ErrorCode::InvalidArgument);
    }
}
