//! Reads and sets the index of a sequence, without drawing from it.

use std::sync::Arc;

use super::Endpoint;
use super::claimer::{Claimer, Hold};
use super::store::{Answer, ClaimError, Document, Operation, Outcome, StoreUrl};
use crate::{Error, ErrorCode, Result};

/// What to do with an index.
#[derive(Clone, Copy, Debug)]
pub enum Request {
    /// Reads the next id that a claim would get. Creates nothing.
    Read,
    /// Makes `index` the next id, and creates the sequence if there is none. Without `force` only
    /// forward.
    ///
    /// Ids that this process has in hand are dropped, so that its next id is `index`; other
    /// processes use up theirs.
    Set {
        /// The next id, from 0.
        index: i64,
        /// Also when that hands ids out a second time.
        force: bool,
    },
}

/// Has the claimer do `request`, whose answer arrives at `endpoint` under `ticket`: the index that
/// was read, none when the sequence does not exist, and none after a change.
///
/// The answer comes only while the hold is kept; dropping it gives the request up.
///
/// # Errors
/// `InvalidArgument` for a negative index, `SequenceUnavailable` when no thread could be started.
/// As the answer: `InvalidArgument` when the sequence is further already and `force` is not given,
/// `SequenceBadDocument` when the index is no integer, `SequenceUnavailable` when the store cannot
/// be reached.
pub fn submit(
    url: &StoreUrl,
    collection: &str,
    name: &str,
    request: Request,
    endpoint: &Arc<Endpoint>,
    ticket: u64,
) -> Result<Hold> {
    let claimer = Claimer::of(url);
    let document = Arc::new(url.document(collection, name));
    let operation = request.operation()?;
    let endpoint = Arc::clone(endpoint);
    let reply = {
        let document = Arc::clone(&document);
        move |answer| endpoint.answer(ticket, outcome(answer, request, &document))
    };
    claimer.ask(&document, operation, reply)?;
    Ok(Hold::new(claimer))
}

impl Request {
    fn operation(self) -> Result<Operation> {
        match self {
            Self::Read => Ok(Operation::Read),
            Self::Set { index, .. } if index < 0 => {
                let message = format!("next must be an integer from 0; received {index}");
                Err(Error::new(ErrorCode::InvalidArgument, message))
            }
            Self::Set { index, force } => Ok(Operation::Set { index, force }),
        }
    }
}

fn outcome(answer: Answer, request: Request, document: &Document) -> Result<Option<i64>> {
    match (answer, request) {
        (Ok(Outcome::Index(index)), _) => Ok(index),
        (Ok(Outcome::Set(Some(further))), Request::Set { index, .. }) => {
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
        let ask = |request| {
            let hold = submit(&url, "admin", "a", request, &endpoint, 7)?;
            let mut answers = endpoint.take().answers;
            drop(hold);
            let (ticket, answer) = answers.pop().unwrap();
            assert_eq!(ticket, 7);
            answer
        };
        let set = |index, force| ask(Request::Set { index, force });
        assert_eq!(ask(Request::Read).unwrap(), None);
        set(50, false).unwrap();
        assert_eq!(set(49, false).unwrap_err().code(), ErrorCode::InvalidArgument);
        assert_eq!(ask(Request::Read).unwrap(), Some(50));
        set(49, true).unwrap();
        assert_eq!(ask(Request::Read).unwrap(), Some(49));
        assert_eq!(set(-1, true).unwrap_err().code(), ErrorCode::InvalidArgument);
    }
}
