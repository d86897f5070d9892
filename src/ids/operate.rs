//! What an operator does to a sequence: look at it, and move it.

use std::time::Instant;

use super::Cancel;
use super::store::{ATTEMPT, ClaimError, Location};
use crate::{Error, ErrorCode, Result};

/// The next id that a claim would get; none when the sequence does not exist.
///
/// # Errors
/// `SequenceBadDocument` when it is no integer, `SequenceUnavailable` when the store cannot be reached.
pub fn read(location: &Location, collection: &str, name: &str) -> Result<Option<i64>> {
    let mut store = location.store(collection, name);
    store
        .read(Instant::now() + ATTEMPT, &Cancel::default())
        .map_err(|error| told(error, location, collection, name))
}

/// Makes `index` the next id; with `force` also when that hands ids out again.
///
/// # Errors
/// `InvalidArgument` when the sequence is further already, and as for [`read`].
pub fn set(location: &Location, collection: &str, name: &str, index: i64, force: bool) -> Result<()> {
    let mut store = location.store(collection, name);
    let further = store.set(index, force, Instant::now() + ATTEMPT, &Cancel::default());
    match further.map_err(|error| told(error, location, collection, name))? {
        None => Ok(()),
        Some(further) => {
            let label = location.label(collection, name);
            let message =
                format!("{label} is at {further}; to go back to {index} would hand ids out a second time");
            Err(Error::new(ErrorCode::InvalidArgument, message))
        }
    }
}

fn told(error: ClaimError, location: &Location, collection: &str, name: &str) -> Error {
    match error {
        ClaimError::Transient(error) | ClaimError::Permanent(error) | ClaimError::WentBack(error) => error,
        ClaimError::Exhausted { .. } => {
            let message = format!("{} has no id left", location.label(collection, name));
            Error::new(ErrorCode::SequenceExhausted, message)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sequence_moves_forward_and_back_only_by_force() {
        let at = |name| (Location::Memory, "operate", name);
        let (location, collection, name) = at("a");
        assert_eq!(read(&location, collection, name).unwrap(), None);
        set(&location, collection, name, 50, false).unwrap();
        let error = set(&location, collection, name, 49, false).unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidArgument);
        assert_eq!(read(&location, collection, name).unwrap(), Some(50));
        set(&location, collection, name, 49, true).unwrap();
        assert_eq!(read(&location, collection, name).unwrap(), Some(49));
    }
}
