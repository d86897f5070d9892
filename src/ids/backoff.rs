//! How long to wait before a failed claim is tried again.

use std::time::Duration;

const FIRST_WAIT: Duration = Duration::from_millis(20);
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// Exponential back-off with jitter, capped at a second.
#[derive(Debug)]
pub struct Backoff {
    failures: u32,
    random: u64,
}

impl Backoff {
    /// Different seeds spread the retries of many clients; zero is as good as any.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { failures: 0, random: seed ^ 0x9E37_79B9_7F4A_7C15 }
    }

    /// The wait after one more failure: between half of the exponential delay and all of it.
    pub fn failed(&mut self) -> Duration {
        let delay = FIRST_WAIT.saturating_mul(1 << self.failures.min(16)).min(LONGEST_WAIT);
        self.failures = self.failures.saturating_add(1);
        // SplitMix64: any seed will do, and no lock or system call is needed.
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let unit = ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64;
        delay.mul_f64(0.5 + unit / 2.0)
    }

    /// The claim succeeded.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// Failures since the last success.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_second_and_are_spread() {
        let mut waits = Vec::new();
        for seed in 0..50 {
            let mut backoff = Backoff::new(seed);
            for n in 0..40u32 {
                let full = FIRST_WAIT.saturating_mul(1 << n.min(16)).min(LONGEST_WAIT);
                let wait = backoff.failed();
                assert!(wait >= full / 2 && wait <= full, "{wait:?} after {n} failures");
            }
            waits.push(backoff.failed());
            backoff.reset();
            assert!(backoff.failed() <= FIRST_WAIT);
        }
        waits.sort();
        waits.dedup();
        assert!(waits.len() > 40, "the waits of different clients differ");
    }
}
