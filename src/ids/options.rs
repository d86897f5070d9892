//! The settings of a sequence, which all of its handles share.

use std::time::Duration;

use crate::{Error, ErrorCode, Result};

/// Where a sequence begins, and how many ids its ranges have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The first id of a sequence that does not exist yet; 0 to 2^53 - 1.
    pub start: i64,
    /// Ids in the first range, and the fewest in a later one; 1 to `max_step`.
    pub step: u64,
    /// The most ids in a range; up to [`MAX_STEP`](Self::MAX_STEP).
    pub max_step: u64,
    /// For how long the ids in hand shall last, at the measured demand: the next range is claimed
    /// when they cover less.
    pub horizon: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self { start: 1000, step: 10, max_step: 1_000_000, horizon: Duration::from_secs(15) }
    }
}

impl Settings {
    /// The largest `start`: the last integer that a JavaScript number holds exactly.
    pub const MAX_START: i64 = (1 << 53) - 1;
    /// The largest `max_step`.
    pub const MAX_STEP: u64 = (1 << 31) - 1;

    /// Checks the bounds of the values.
    ///
    /// # Errors
    /// `InvalidArgument` with the value that is out of range.
    pub fn check(self) -> Result<Self> {
        let wrong = |message: String| Err(Error::new(ErrorCode::InvalidArgument, message));
        if !(0..=Self::MAX_START).contains(&self.start) {
            return wrong(format!("start must be from 0 to {}; received {}", Self::MAX_START, self.start));
        }
        if self.step == 0 || self.max_step > Self::MAX_STEP {
            return wrong(format!("step and maxStep must be from 1 to {}", Self::MAX_STEP));
        }
        if self.step > self.max_step {
            return wrong(format!(
                "step must be at most maxStep ({}); received {}",
                self.max_step, self.step
            ));
        }
        Ok(self)
    }
}

/// The settings that an opener asks for. One that is left out is that of the open sequence, or the
/// default.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// See [`Settings::start`].
    pub start: Option<i64>,
    /// See [`Settings::step`].
    pub step: Option<u64>,
    /// See [`Settings::max_step`].
    pub max_step: Option<u64>,
    /// See [`Settings::horizon`].
    pub horizon: Option<Duration>,
}

impl Options {
    /// Settings with the defaults for what was left out.
    ///
    /// # Errors
    /// `InvalidArgument` when a value is out of range, or `step` is above `max_step`.
    pub fn settings(&self) -> Result<Settings> {
        let default = Settings::default();
        let max_step = self.max_step.unwrap_or(default.max_step.max(self.step.unwrap_or(0)));
        let settings = Settings {
            start: self.start.unwrap_or(default.start),
            step: self.step.unwrap_or(default.step.min(max_step)),
            max_step,
            horizon: self.horizon.unwrap_or(default.horizon),
        };
        settings.check()
    }

    /// The first option that differs from `settings`, as text.
    pub(super) fn conflict(&self, settings: &Settings) -> Option<String> {
        fn differ<T: PartialEq + std::fmt::Debug>(name: &str, asked: Option<T>, is: T) -> Option<String> {
            asked.filter(|asked| *asked != is).map(|asked| format!("{name} {is:?}, not {asked:?}"))
        }
        differ("start", self.start, settings.start)
            .or_else(|| differ("step", self.step, settings.step))
            .or_else(|| differ("maxStep", self.max_step, settings.max_step))
            .or_else(|| differ("horizon", self.horizon, settings.horizon))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_fits_what_is_given() {
        let settings = |step, max_step| Options { step, max_step, ..Options::default() }.settings().unwrap();
        assert_eq!(settings(None, Some(5)).step, 5);
        assert_eq!(settings(Some(5_000_000), None).max_step, 5_000_000);
        assert!(Options { step: Some(2), max_step: Some(1), ..Options::default() }.settings().is_err());
        assert!(Options { step: Some(0), ..Options::default() }.settings().is_err());
        assert!(Options { start: Some(-1), ..Options::default() }.settings().is_err());
    }
}
