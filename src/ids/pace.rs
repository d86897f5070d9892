//! How fast ids are used, and so how many to claim and to lease at a time.

use std::time::Duration;

/// The first ids teach nothing: a process that draws a few and ends costs one range, not two.
const UNMEASURED: u64 = 10;

/// Rates are decaying averages over a short and a long time; the higher one counts, so that
/// demand is followed up at once and forgotten slowly.
const SHORT: f64 = 1.0;
const LONG: f64 = 10.0;

/// Without any use for so long nothing is claimed ahead, not even one range.
const FORGOTTEN: Duration = Duration::from_secs(60);

/// Measures demand in ids a second.
#[derive(Debug, Default)]
pub struct Pace {
    /// Ids seen, up to `UNMEASURED`.
    seen: u64,
    last: Option<Duration>,
    short: f64,
    long: f64,
}

impl Pace {
    /// `count` ids were asked for at `now`.
    pub fn record(&mut self, now: Duration, count: u64) {
        let unmeasured = count.min(UNMEASURED - self.seen);
        self.seen += unmeasured;
        let age = self.age(now);
        self.short = self.short * (-age / SHORT).exp() + (count - unmeasured) as f64;
        self.long = self.long * (-age / LONG).exp() + (count - unmeasured) as f64;
        self.last = Some(now);
    }

    /// Ids a second.
    #[must_use]
    pub fn rate(&self, now: Duration) -> f64 {
        let age = self.age(now);
        f64::max(self.short * (-age / SHORT).exp() / SHORT, self.long * (-age / LONG).exp() / LONG)
    }

    /// How many ids cover `horizon`; at least one while there was any use lately.
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

/// How long a lease is meant to last its handle.
const LEASE_TIME: f64 = 0.010;

/// The most ids in a lease that nobody waits for.
const MAX_LEASE: u64 = 65_536;

/// Sizes the leases of one handle: about ten milliseconds of its demand.
///
/// What a handle holds is lost when its process dies, so a slow one gets ids one
/// by one; a fast one must not come back for more too often.
#[derive(Debug)]
pub struct LeaseSize {
    size: u64,
    /// When the last lease was granted, until the handle comes back.
    granted_at: Option<Duration>,
}

impl Default for LeaseSize {
    fn default() -> Self {
        Self { size: 1, granted_at: None }
    }
}

impl LeaseSize {
    /// How many to lease to a handle that comes back at `now`, its last lease used up.
    ///
    /// It may ask again while it waits: the wait is not its pace.
    pub fn next(&mut self, now: Duration) -> u64 {
        if let Some(since) = self.granted_at.take() {
            let lasted = now.saturating_sub(since).as_secs_f64().max(1e-6);
            let fitting = (self.size as f64 * LEASE_TIME / lasted) as u64;
            self.size = fitting.clamp(1, (self.size * 8).min(MAX_LEASE));
        }
        self.size
    }

    /// The lease that was granted has `count` ids.
    pub fn granted(&mut self, now: Duration, count: u64) {
        self.size = count.clamp(1, MAX_LEASE);
        self.granted_at = Some(now);
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
        let mut pace = Pace::default();
        for t in 0..1000 {
            pace.record(ms(t * 10), 100);
            if t > 300 {
                let rate = pace.rate(ms(t * 10));
                assert!((9_000.0..11_500.0).contains(&rate), "{rate} at {t}");
            }
        }
        assert!(pace.cover(ms(10_000), ms(15_000)) > 135_000);
    }

    #[test]
    fn a_few_ids_ask_for_no_second_range() {
        let mut pace = Pace::default();
        pace.record(ms(0), 1);
        assert_eq!(pace.cover(ms(0), ms(15_000)), 1);
        assert_eq!(pace.cover(ms(60_000), ms(15_000)), 0);
    }

    #[test]
    fn a_burst_is_followed_at_once_and_forgotten() {
        let mut pace = Pace::default();
        pace.record(ms(0), 1000);
        assert_eq!(pace.rate(ms(0)).round(), 990.0);
        assert!(pace.rate(ms(100_000)) < 0.01);
    }

    #[test]
    fn a_lease_lasts_about_ten_milliseconds() {
        let mut lease = LeaseSize::default();
        let mut now = Duration::ZERO;
        let mut size = 0;
        for _ in 0..20 {
            size = lease.next(now);
            assert_eq!(lease.next(now), size);
            lease.granted(now, size);
            // One id takes a microsecond.
            now += Duration::from_micros(size);
        }
        assert!((9_000..=11_000).contains(&size), "{size}");
        assert_eq!(lease.next(now + ms(60_000)), 1);
    }
}
