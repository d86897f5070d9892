//! Sequences that live as long as the process: for tests and trials.

use std::collections::BTreeMap;
use std::sync::Mutex;

use super::{Answer, Claim, ClaimError, Document, Operation, Outcome, vanished, went_back};
use crate::ids::{Range, lock};

/// Indexes by collection and name. Meant to be shared: all threads see the same sequences.
static INDEXES: Mutex<Indexes> = Mutex::new(BTreeMap::new());

type Indexes = BTreeMap<(Box<str>, Box<str>), i64>;

/// Answers at once: memory has no claimer thread.
pub(in crate::ids) fn answer(document: &Document, operation: &Operation) -> Answer {
    let key = (document.collection.clone(), document.name.clone());
    let mut indexes = lock(&INDEXES);
    match operation {
        Operation::Claim(claim) => {
            let index = match (indexes.get_mut(&key), claim.owned_to) {
                (Some(index), _) => index,
                (None, Some(owned_to)) => return Err(vanished(&document.label, owned_to)),
                (None, None) => indexes.entry(key).or_insert(claim.start),
            };
            raise(index, document, claim).map(Outcome::Claimed)
        }
        Operation::Release(unused) => {
            if let Some(index) = indexes.get_mut(&key).filter(|index| **index == unused.end) {
                *index = unused.start;
            }
            Ok(Outcome::Released)
        }
        Operation::Read => Ok(Outcome::Index(indexes.get(&key).copied())),
        &Operation::Set { index, force } => {
            let held = indexes.entry(key).or_insert(index);
            if *held > index && !force {
                return Ok(Outcome::Set(Some(*held)));
            }
            *held = index;
            Ok(Outcome::Set(None))
        }
    }
}

fn raise(index: &mut i64, document: &Document, claim: &Claim) -> Result<Range, ClaimError> {
    let start = *index;
    if start < claim.floor() {
        return Err(went_back(&document.label, start, claim.floor()));
    }
    let Some(end) = start.checked_add_unsigned(claim.count) else {
        return Err(ClaimError::Exhausted { left: i64::MAX.abs_diff(start) });
    };
    *index = end;
    Ok(Range { start, end })
}
