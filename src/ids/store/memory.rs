//! Sequences that live as long as the process: for tests and trials.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use super::{Cancel, Claim, ClaimError, Range, Store, vanished};

/// By collection and name. Meant to be shared: all threads and pools see the same sequences.
static SEQUENCES: Mutex<BTreeMap<(String, String), i64>> = Mutex::new(BTreeMap::new());

pub(super) struct Memory {
    key: (String, String),
    label: String,
}

impl Memory {
    pub fn new(collection: &str, name: &str, label: String) -> Self {
        Self { key: (collection.to_owned(), name.to_owned()), label }
    }
}

impl Store for Memory {
    fn claim(&mut self, claim: &Claim, _deadline: Instant, _cancel: &Cancel) -> Result<Range, ClaimError> {
        let mut sequences = SEQUENCES.lock().unwrap_or_else(PoisonError::into_inner);
        let index = match (sequences.get_mut(&self.key), claim.owned_to) {
            (Some(index), _) => index,
            (None, Some(owned_to)) => return Err(vanished(&self.label, owned_to)),
            (None, None) => sequences.entry(self.key.clone()).or_insert(claim.start),
        };
        let start = *index;
        match start.checked_add_unsigned(claim.count) {
            Some(end) => {
                *index = end;
                Ok(Range { start, end })
            }
            None => Err(ClaimError::Exhausted { left: i64::MAX.abs_diff(start) }),
        }
    }

    fn give_back(&mut self, unused: Range, _deadline: Instant, _cancel: &Cancel) -> Result<bool, ClaimError> {
        let mut sequences = SEQUENCES.lock().unwrap_or_else(PoisonError::into_inner);
        match sequences.get_mut(&self.key) {
            Some(index) if *index == unused.end => {
                *index = unused.start;
                Ok(true)
            }
            _ => Ok(false),
        }
    }
    fn read(&mut self, _deadline: Instant, _cancel: &Cancel) -> Result<Option<i64>, ClaimError> {
        let sequences = SEQUENCES.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(sequences.get(&self.key).copied())
    }

    fn set(
        &mut self,
        index: i64,
        force: bool,
        _deadline: Instant,
        _cancel: &Cancel,
    ) -> Result<Option<i64>, ClaimError> {
        let mut sequences = SEQUENCES.lock().unwrap_or_else(PoisonError::into_inner);
        let held = sequences.entry(self.key.clone()).or_insert(index);
        if *held > index && !force {
            return Ok(Some(*held));
        }
        *held = index;
        Ok(None)
    }
}
