//! Scores in order.

use std::sync::{Mutex, PoisonError};

/// The scores so far, the highest first.
#[derive(Default)]
pub(crate) struct Ranking(Mutex<Vec<f64>>);

impl Ranking {
    /// Adds a score: how many are higher.
    pub(crate) fn place(&self, score: f64) -> u32 {
        let mut scores = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = scores.partition_point(|other| *other > score);
        scores.insert(place, score);
        u32::try_from(place).unwrap_or(u32::MAX)
    }
}
