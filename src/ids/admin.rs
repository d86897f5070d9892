//! Reads and sets the index of a sequence, without drawing from it.

use std::sync::Arc;

use super::claimer::Claimer;
use super::store::{ClaimError, Document, Operation, Outcome, StoreUrl};
use crate::{Error, ErrorCode, Result};

/// The next id that a claim would get; none when the sequence does not exist. Creates nothing.
///
/// Blocks up to 30 s, of which the store may take 5.
///
/// # Errors
/// `SequenceBadDocument` when the index is no integer, `SequenceUnavailable` when the store cannot be reached,
/// `SequenceTimeout` when other requests kept the store busy.
pub fn read(url: &StoreUrl, collection: &str, name: &str) -> Result<Option<i64>> {
    let claimer = Claimer::of(url);
    let document = Arc::new(url.document(collection, name));
    match claimer.ask(&document, Operation::Read)? {
        Ok(Outcome::Index(index)) => Ok(index),
        Ok(_) => Ok(None),
        Err(error) => Err(to_error(error, &document)),
    }
}

/// Makes `index` the next id, and creates the sequence if there is none. Without `force` only forward.
///
/// Ids that this process has in hand are dropped, so that its next id is `index`; other processes use up theirs.
///
/// # Errors
/// `InvalidArgument` when the index is negative, or the sequence is further already and `force` is not given; and as
/// for [`read`].
pub fn set(url: &StoreUrl, collection: &str, name: &str, index: i64, force: bool) -> Result<()> {
    let wrong = |message| Err(Error::new(ErrorCode::InvalidArgument, message));
    if index < 0 {
        return wrong(format!("next must be an integer from 0; received {index}"));
    }
    let claimer = Claimer::of(url);
    let document = Arc::new(url.document(collection, name));
    match claimer.ask(&document, Operation::Set { index, force })? {
        Ok(Outcome::Set(Some(further))) => wrong(format!(
            "{} is at {further}; to go back to {index} would hand ids out a second time, and needs force",
            document.label
        )),
        Ok(_) => {
            let mut sequences = claimer.sequences();
            sequences.owned.remove(&document);
            let pool = sequences.open.get(&document).cloned();
            drop(sequences);
            if let Some(pool) = pool {
                pool.moved(index);
            }
            Ok(())
        }
        Err(error) => Err(to_error(error, &document)),
    }
}

fn to_error(error: ClaimError, document: &Document) -> Error {
    match error {
        ClaimError::Transient(error) | ClaimError::Permanent(error) | ClaimError::WentBack(error) => error,
        ClaimError::Exhausted { .. } => {
            let message = format!("{} has no id left", document.label);
            Error::new(ErrorCode::SequenceExhausted, message)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sequence_moves_forward_and_back_only_by_force() {
        let url = StoreUrl::parse("memory:").unwrap();
        let at = |index, force| set(&url, "admin", "a", index, force);
        let read = || read(&url, "admin", "a").unwrap();
        assert_eq!(read(), None);
        at(50, false).unwrap();
        assert_eq!(at(49, false).unwrap_err().code(), ErrorCode::InvalidArgument);
        assert_eq!(read(), Some(50));
        at(49, true).unwrap();
        assert_eq!(read(), Some(49));
        assert_eq!(at(-1, true).unwrap_err().code(), ErrorCode::InvalidArgument);
    }
}
