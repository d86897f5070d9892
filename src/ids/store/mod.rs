//! Where ranges come from.
//!
//! A store holds, for every sequence, the first id that no client owns. To claim `n` ids is to
//! raise it by `n`, in one step that is atomic and durable.

pub(super) mod memory;
mod mongo;
mod sqlite;
mod store_url;

use std::sync::Arc;
use std::time::Duration;

pub use store_url::StoreUrl;

use super::Range;
use crate::{Error, ErrorCode};

/// How long an attempt may take, from when it is sent. A driver's own timeouts are longer or
/// absent.
pub const ATTEMPT: Duration = Duration::from_secs(5);

/// How long a release may take: the ids that it saves are not worth a longer wait.
pub(super) const RELEASE: Duration = Duration::from_secs(3);

/// The document of a sequence, or its row.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Document {
    /// The collection, or the table.
    pub collection: Box<str>,
    /// The name of the sequence, which is the document's `_id`.
    pub name: Box<str>,
    /// Names the sequence and its store in messages, without secrets; within a store it follows
    /// from the other two.
    pub label: Arc<str>,
}

/// A request to claim a range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// How many ids.
    pub count: u64,
    /// The first id, should the sequence not exist yet.
    pub start: i64,
    /// One past the highest id that this process ever owned. No range may begin below; and a
    /// claimer that owned any id never creates the sequence again.
    pub owned_to: Option<i64>,
}

impl Claim {
    /// The least index that the claim may raise.
    #[must_use]
    pub fn floor(&self) -> i64 {
        self.owned_to.unwrap_or(0)
    }
}

/// What a store is asked to do with a document.
#[derive(Clone, Debug)]
pub enum Operation {
    /// Claims ids that no other client owns, now or later. Answered by [`Outcome::Claimed`].
    Claim(Claim),
    /// Makes `start` the next id, if `end` still is. Sent once, never repeated: the ids are dead
    /// from the moment it is sent, whatever the answer.
    Release(Range),
    /// Reads the next id that a claim would get. Never creates the document.
    Read,
    /// Makes `index` the next id and creates the document if there is none. Without `force` only
    /// forward.
    Set {
        /// The next id.
        index: i64,
        /// Also when that hands ids out a second time.
        force: bool,
    },
}

impl Operation {
    /// How long it may take, from when it is sent.
    pub(super) fn limit(&self) -> Duration {
        if matches!(self, Self::Release(_)) { RELEASE } else { ATTEMPT }
    }
}

/// What a store answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The range is the claimer's alone.
    Claimed(Range),
    /// The release was sent.
    Released,
    /// The index; none when the document does not exist.
    Index(Option<i64>),
    /// None: the index was set. Otherwise it was not, since it is at this value already.
    Set(Option<i64>),
}

/// An answer to an [`Operation`].
pub type Answer = Result<Outcome, ClaimError>;

/// Why a store did not do what it was asked. It may have done it all the same: ids of a claim that
/// ended in an error are lost, never reused.
#[derive(Clone, Debug)]
pub enum ClaimError {
    /// It may succeed another time.
    Transient(Error),
    /// No retry can mend it.
    Permanent(Error),
    /// The index is below ids that this process owned: ids may be handed out a second time.
    WentBack(Error),
    /// Fewer ids than asked for are left below `i64::MAX`.
    Exhausted {
        /// How many are.
        left: u64,
    },
}

/// Takes the answer to a request.
pub struct Responder(Option<Box<dyn FnOnce(Answer) + Send>>);

impl Responder {
    pub(super) fn new(deliver: impl FnOnce(Answer) + Send + 'static) -> Self {
        Self(Some(Box::new(deliver)))
    }

    /// Answers the request.
    pub fn answer(mut self, answer: Answer) {
        self.deliver(answer);
    }

    fn deliver(&mut self, answer: Answer) {
        if let Some(deliver) = self.0.take() {
            deliver(answer);
        }
    }
}

impl Drop for Responder {
    /// A request whose task panicked or was given up is answered too.
    fn drop(&mut self) {
        self.deliver(Err(ClaimError::Transient(Error::new(
            ErrorCode::SequenceUnavailable,
            "the request to the store ended without an answer",
        ))));
    }
}

/// An operation on a document.
pub struct Request {
    /// The sequence.
    pub document: Arc<Document>,
    /// What to do.
    pub operation: Operation,
    /// Is to be given one answer.
    pub responder: Responder,
}

/// A store as its claimer drives it, on one thread.
pub trait Store: Send {
    /// How many requests may be in flight at once.
    fn room(&self) -> usize;

    /// Starts requests, no more than there is room for. Each is answered before its limit has
    /// passed.
    fn start(&mut self, requests: Vec<Request>);
}

/// An index that no client can count on.
fn bad_document(label: &str, held: &str) -> ClaimError {
    ClaimError::Permanent(Error::new(
        ErrorCode::SequenceBadDocument,
        format!("{label} holds {held}; it must be an integer from 0. Fix or remove it"),
    ))
}

/// The index fell below ids that this process owned.
pub(super) fn went_back(label: &str, index: i64, owned_to: i64) -> ClaimError {
    ClaimError::WentBack(Error::new(
        ErrorCode::SequenceBadDocument,
        format!(
            "{label} went back to {index}, although ids below {owned_to} belong to this process. A backup was \
             restored, or the index was edited. Set the index above every id in use: this process goes on from \
             {owned_to}"
        ),
    ))
}

/// The document is gone, although this process owned ids of it.
fn vanished(label: &str, owned_to: i64) -> ClaimError {
    ClaimError::WentBack(Error::new(
        ErrorCode::SequenceBadDocument,
        format!(
            "{label} is gone, although ids below {owned_to} belong to this process. It was dropped, or a backup was \
             restored. Create it again with an index above every id in use: this process goes on from {owned_to}"
        ),
    ))
}
