//! What wakes a JavaScript thread, as JavaScript sees it.

use std::error::Error as _;

use napi::bindgen_prelude::i64n;
use napi_derive::napi;

use crate::ids::{Event, EventKind};

/// A claim that ended.
#[napi(object, object_from_js = false)]
pub struct ClaimEvent {
    /// The name of the sequence.
    pub sequence: String,
    /// Its collection.
    pub collection: String,
    /// The sequence and its store, without secrets.
    pub label: String,
    /// The first id of the range; none when the claim failed.
    pub first: Option<i64n>,
    /// Ids in the range.
    pub count: f64,
    /// How long the claim took, in milliseconds.
    pub duration: f64,
    /// Failures in a row so far.
    pub failures: u32,
    /// The code of the error.
    pub code: Option<String>,
    /// The text of the error.
    pub message: Option<String>,
}

/// The answer to a read or a change of an index.
#[napi(object, object_from_js = false)]
pub struct IndexAnswer {
    /// What it answers.
    pub ticket: f64,
    /// The next id that a claim would get; none when the sequence does not exist.
    pub index: Option<i64n>,
    /// The code of the error, if it failed.
    pub code: Option<String>,
    /// The text of the error.
    pub message: Option<String>,
    /// The text of what caused the error.
    pub cause: Option<String>,
}

/// What arrived since the last wake-up.
#[napi(object, object_from_js = false)]
pub struct SequenceNews {
    /// Keys of the handles that have something to look at.
    pub handles: Vec<f64>,
    /// Claims that ended.
    pub events: Vec<ClaimEvent>,
    /// Answers to `readIndex` and `setIndex`.
    pub answers: Vec<IndexAnswer>,
}

pub(super) fn to_answer(ticket: u64, answer: crate::Result<Option<i64>>) -> IndexAnswer {
    let (index, error) = answer.map_or_else(|error| (None, Some(error)), |index| (index, None));
    IndexAnswer {
        ticket: ticket as f64,
        index: index.map(i64n),
        code: error.as_ref().map(|error| error.code().as_str().to_owned()),
        message: error.as_ref().map(|error| error.message().to_owned()),
        cause: error.as_ref().and_then(|error| error.source()).map(ToString::to_string),
    }
}

impl From<Event> for ClaimEvent {
    fn from(event: Event) -> Self {
        let Event { document, took, failures, kind } = event;
        let (range, error) = match kind {
            EventKind::Claimed(range) => (Some(range), None),
            EventKind::Failed(error) => (None, Some(error)),
        };
        Self {
            sequence: document.name.to_string(),
            collection: document.collection.to_string(),
            label: document.label.to_string(),
            first: range.map(|range| i64n(range.start)),
            count: range.map_or(0.0, |range| range.len() as f64),
            duration: took.as_secs_f64() * 1000.0,
            failures,
            code: error.as_ref().map(|error| error.code().as_str().to_owned()),
            message: error.as_ref().map(|error| error.message().to_owned()),
        }
    }
}
