//! How fast ids are used, and so how many to claim ahead.

use std::time::Duration;

/// The first ids are not measured: a process that draws a few and ends costs one range, not two.
const UNMEASURED: u64 = 10;

/// Rates are decaying averages over a short and a long time in seconds; the higher one counts, so
/// that a rising demand is followed at once and a falling one slowly.
const SHORT_SECONDS: f64 = 1.0;
const LONG_SECONDS: f64 = 10.0;

/// A sequence unused for so long has nothing claimed ahead, not even one range.
const FORGOTTEN: Duration = Duration::from_secs(60);

/// Measures demand in ids a second.
#[derive(Debug, Default)]
pub struct DemandRate {
    /// Ids seen, up to `UNMEASURED`.
    seen: u64,
    last: Option<Duration>,
    short: f64,
    long: f64,
}

impl DemandRate {
    /// `count` ids were asked for at `now`.
    pub fn record(&mut self, now: Duration, count: u64) {
        let unmeasured = count.min(UNMEASURED - self.seen);
        self.seen += unmeasured;
        let age = self.age(now);
        self.short = self.short * (-age / SHORT_SECONDS).exp() + (count - unmeasured) as f64;
        self.long = self.long * (-age / LONG_SECONDS).exp() + (count - unmeasured) as f64;
        self.last = Some(now);
    }

    /// Ids a second.
    #[must_use]
    pub fn rate(&self, now: Duration) -> f64 {
        let age = self.age(now);
        f64::max(
            self.short * (-age / SHORT_SECONDS).exp() / SHORT_SECONDS,
            self.long * (-age / LONG_SECONDS).exp() / LONG_SECONDS,
        )
    }

    /// How many ids cover `horizon`; at least one while there was use in the last minute.
    #[must_use]
    pub fn cover(&self, now: Duration, horizon: Duration) -> u64 {
        let lately = self.last.is_some_and(|last| now.saturating_sub(last) < FORGOTTEN);
        // A float that is out of range saturates.
        let ids = (self.rate(now) * horizon.as_secs_f64()).round() as u64;
        if lately { ids.max(1) } else { 0 }
    }

    fn age(&self, now: Duration) -> f64 {
        self.last.map_or(0.0, |last| now.saturating_sub(last).as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn steady_demand_is_measured_within_a_second() {
        let mut demand = DemandRate::default();
        for t in 0..1000 {
            demand.record(ms(t * 10), 100);
            if t > 300 {
                let rate = demand.rate(ms(t * 10));
                assert!((9_000.0..11_500.0).contains(&rate), "{rate} at {t}");
            }
        }
        assert!(demand.cover(ms(10_000), ms(15_000)) > 135_000);
    }

    #[test]
    fn a_few_ids_ask_for_no_second_range() {
        let mut demand = DemandRate::default();
        demand.record(ms(0), 1);
        assert_eq!(demand.cover(ms(0), ms(15_000)), 1);
        assert_eq!(demand.cover(ms(60_000), ms(15_000)), 0);
    }

    #[test]
    fn a_burst_is_followed_at_once_and_forgotten() {
        let mut demand = DemandRate::default();
        demand.record(ms(0), 1000);
        assert_eq!(demand.rate(ms(0)).round(), 990.0);
        assert!(demand.rate(ms(100_000)) < 0.01);
    }
}
