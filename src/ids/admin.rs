//! Reads and sets the index of a sequence, without drawing from it.

use std::sync::Arc;

use super::Endpoint;
use super::claimer::Claimer;
use super::store::{Answer, ClaimError, Document, Operation, Outcome, StoreUrl};
use crate::{Error, ErrorCode, Result};

/// A request of [`read`] or [`set`]. Dropping it gives the request up: unless it was sent, it is
/// not made.
#[derive(Debug)]
#[must_use = "dropping it gives the request up"]
pub struct Pending {
    /// Dropped first: to drop the last claimer joins its thread, which may be about to send.
    _wanted: Arc<()>,
    _claimer: Arc<Claimer>,
}

/// Has the claimer read the next id that a claim would get; creates nothing.
///
/// The answer arrives at `endpoint` under `ticket`: the index, or none when the sequence does not
/// exist. It comes for certain only while the returned value is kept.
///
/// # Errors
/// `SequenceUnavailable` when no thread could be started. As the answer: `SequenceBadDocument` when
/// the index is no integer, `SequenceUnavailable` when the store cannot be reached.
pub fn read(
    url: &StoreUrl,
    collection: &str,
    name: &str,
    endpoint: &Arc<Endpoint>,
    ticket: u64,
) -> Result<Pending> {
    submit(url, url.document(collection, name), Operation::Read, endpoint, ticket)
}

/// Has the claimer make `index` the next id, and create the sequence if there is none; only forward
/// without `force`, which hands ids out a second time.
///
/// Ids that this process has in hand are dropped, so that its next id is `index`; other processes
/// use up theirs. The answer arrives as that of [`read`], and holds no index.
///
/// # Errors
/// As [`read`]; also `InvalidArgument` for a negative index, and as the answer when the sequence is
/// past `index` and `force` is not given.
pub fn set(
    url: &StoreUrl,
    collection: &str,
    name: &str,
    index: i64,
    force: bool,
    endpoint: &Arc<Endpoint>,
    ticket: u64,
) -> Result<Pending> {
    if index < 0 {
        let message = format!("next must be an integer from 0; received {index}");
        return Err(Error::new(ErrorCode::InvalidArgument, message));
    }
    submit(url, url.document(collection, name), Operation::Set { index, force }, endpoint, ticket)
}

fn submit(
    url: &StoreUrl,
    document: Document,
    operation: Operation,
    endpoint: &Arc<Endpoint>,
    ticket: u64,
) -> Result<Pending> {
    let claimer = Claimer::of(url);
    let document = Arc::new(document);
    let on_answer = {
        let (document, operation, endpoint) =
            (Arc::clone(&document), operation.clone(), Arc::clone(endpoint));
        move |answer| endpoint.answer(ticket, outcome(answer, &operation, &document))
    };
    let wanted = Arc::new(());
    claimer.ask(&document, operation, Arc::downgrade(&wanted), on_answer)?;
    Ok(Pending { _claimer: claimer, _wanted: wanted })
}

fn outcome(answer: Answer, operation: &Operation, document: &Document) -> Result<Option<i64>> {
    match (answer, operation) {
        (Ok(Outcome::Index(index)), _) => Ok(index),
        (Ok(Outcome::Set(Some(further))), Operation::Set { index, .. }) => {
            let message = format!(
                "{} is at {further}; to go back to {index} would hand ids out a second time, and needs force",
                document.label
            );
            Err(Error::new(ErrorCode::InvalidArgument, message))
        }
        (Ok(_), _) => Ok(None),
        (Err(error), _) => Err(to_error(error, document)),
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
        let endpoint = Arc::new(Endpoint::new(|| {}));
        let answer = |pending: Result<Pending>| {
            let pending = pending?;
            let mut answers = endpoint.take().answers;
            drop(pending);
            let (ticket, answer) = answers.pop().unwrap();
            assert_eq!(ticket, 7);
            answer
        };
        let read = || answer(read(&url, "admin", "a", &endpoint, 7));
        let set = |index, force| answer(set(&url, "admin", "a", index, force, &endpoint, 7));
        assert_eq!(read().unwrap(), None);
        set(50, false).unwrap();
        assert_eq!(set(49, false).unwrap_err().code(), ErrorCode::InvalidArgument);
        assert_eq!(read().unwrap(), Some(50));
        set(49, true).unwrap();
        assert_eq!(read().unwrap(), Some(49));
        assert_eq!(set(-1, true).unwrap_err().code(), ErrorCode::InvalidArgument);
    }
}
