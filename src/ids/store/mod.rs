//! Where ranges come from.
//!
//! A store holds, for every sequence, the first id that nobody owns. To claim
//! `n` ids is to raise it by `n`, in one step that survives a crash of anybody.

#[cfg(feature = "sqlite")]
mod bell;
#[cfg(feature = "sqlite")]
mod file_id;
#[cfg(feature = "sqlite")]
mod guard;
mod location;
mod memory;
#[cfg(feature = "mongo")]
mod mongo;
#[cfg(feature = "sqlite")]
mod row;
#[cfg(feature = "sqlite")]
mod sqlite;
#[cfg(feature = "sqlite")]
mod turnstile;

use std::time::{Duration, Instant};

pub use location::Location;

use super::{Cancel, Range};
use crate::{Error, ErrorCode};

/// How long one attempt to claim may take. The next one starts after it, though this one may hang.
pub const ATTEMPT: Duration = Duration::from_secs(5);

/// A wish for ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// How many.
    pub count: u64,
    /// The first id, should the sequence not exist yet.
    pub start: i64,
    /// One past the highest id that the claimer ever owned. A claimer that owned any never creates the sequence again.
    pub owned_to: Option<i64>,
}

/// Why a claim gave no range. Whatever it is, the claim may have been applied: its ids are lost, never reused.
#[derive(Clone, Debug)]
pub enum ClaimError {
    /// It may succeed another time.
    Transient(Error),
    /// No retry can mend it.
    Permanent(Error),
    /// The sequence is not where its owner left it: ids may be handed out a second time.
    WentBack(Error),
    /// Fewer ids than asked for are left below the largest integer.
    Exhausted {
        /// How many are.
        left: u64,
    },
}

/// One sequence in a store, as its claimer sees it.
pub trait Store: Send {
    /// Claims ids that nobody else owns, now or later.
    ///
    /// Returns before `deadline`, or soon after `cancel`.
    ///
    /// # Errors
    /// See [`ClaimError`]; the claim may have been applied all the same.
    fn claim(&mut self, claim: &Claim, deadline: Instant, cancel: &Cancel) -> Result<Range, ClaimError>;

    /// Makes `unused.start` the next id, if `unused.end` still is. Sent once, never repeated.
    ///
    /// # Errors
    /// See [`ClaimError`]; it may have been applied all the same, so the ids are given away either way.
    fn give_back(&mut self, unused: Range, deadline: Instant, cancel: &Cancel) -> Result<bool, ClaimError>;

    /// The next id that a claim would get; none when the sequence does not exist.
    ///
    /// # Errors
    /// See [`ClaimError`].
    fn read(&mut self, deadline: Instant, cancel: &Cancel) -> Result<Option<i64>, ClaimError>;

    /// Makes `index` the next id, and creates the sequence if need be. Without `force` only forward:
    /// returns the index that is further already.
    ///
    /// # Errors
    /// See [`ClaimError`]; it may have been applied all the same.
    fn set(
        &mut self,
        index: i64,
        force: bool,
        deadline: Instant,
        cancel: &Cancel,
    ) -> Result<Option<i64>, ClaimError>;
}

/// The index of a sequence that cannot be counted on.
#[cfg_attr(not(any(feature = "mongo", feature = "sqlite")), allow(dead_code))]
fn bad_document(label: &str, held: &str) -> ClaimError {
    ClaimError::Permanent(Error::new(
        ErrorCode::SequenceBadDocument,
        format!("{label} holds {held}; it must be an integer from 0. Fix or remove it"),
    ))
}

/// The sequence of a claimer that owns ids of it is gone.
#[cfg_attr(not(any(feature = "mongo", feature = "sqlite")), allow(dead_code))]
fn vanished(label: &str, owned_to: i64) -> ClaimError {
    ClaimError::WentBack(Error::new(
        ErrorCode::SequenceBadDocument,
        format!(
            "{label} is gone, although ids below {owned_to} belong to this process. It was dropped, or a backup was \
             restored. Create it again with an index above every id in use, and open the sequence again"
        ),
    ))
}

/// The attempt was given up.
#[cfg_attr(not(any(feature = "mongo", feature = "sqlite")), allow(dead_code))]
fn unanswered(label: &str, cancel: &Cancel) -> ClaimError {
    let message = if cancel.is_cancelled() {
        format!("{label} was closed during a claim")
    } else {
        format!("{label} did not answer within {} s", ATTEMPT.as_secs())
    };
    ClaimError::Transient(Error::new(ErrorCode::SequenceUnavailable, message))
}
