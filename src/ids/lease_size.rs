//! How many ids to lease to a handle at a time.

use std::time::Duration;

/// How long a lease is meant to last its handle.
const LEASE_TIME: f64 = 0.010;

/// The most ids in a lease beyond what the handle's callers lack.
const MAX_LEASE: u64 = 65_536;

/// Sizes the leases of one handle: about ten milliseconds of its demand.
///
/// What a handle holds is lost when its process dies, so a slow one gets ids one by one; a fast one
/// must not come back for more too often.
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
    /// It may ask again while it waits: the wait does not count as use.
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
        assert_eq!(lease.next(now + Duration::from_secs(60)), 1);
    }
}
