//! The document of a sequence, `{ _id: name, index: <int64> }`, and the commands on it.
//!
//! Every write has write concern majority with journal. With less, a failover can forget an
//! increment, and hand its ids out a second time.

use std::sync::Arc;

use mongodb::bson::{Bson, Document as Fields, doc};
use mongodb::error::Error as DriverError;
use mongodb::options::{CollectionOptions, ReadPreference, ReturnDocument, SelectionCriteria};
use mongodb::{Collection, Database};

use super::failure::{Failure, code};
use crate::ids::Range;
use crate::ids::store::{Claim, ClaimError, Document, Operation, Outcome, bad_document, vanished, went_back};
use crate::{Error, ErrorCode};

/// How often an attempt reads a document that other clients change in between.
const MAX_READS: usize = 16;

const TYPE_MISMATCH: i32 = 14;
const BAD_VALUE: i32 = 2;
const DUPLICATE_KEY: i32 = 11000;

/// The document of a sequence in its database.
pub(super) struct SequenceDocument {
    database: Database,
    collection: Collection<Fields>,
    document: Arc<Document>,
}

/// What an index turned out to be.
enum StoredIndex {
    Missing,
    /// An index that a claim can raise.
    Countable(i64),
    /// An integral double, as the shell and the Node driver write them.
    Double(f64),
    Bad(String),
}

impl SequenceDocument {
    pub fn new(database: Database, document: Arc<Document>) -> Self {
        let options = CollectionOptions::builder()
            .selection_criteria(SelectionCriteria::ReadPreference(ReadPreference::Primary))
            .build();
        let collection = database.collection_with_options(&document.collection, options);
        Self { database, collection, document }
    }

    pub async fn operate(&self, operation: &Operation) -> Result<Outcome, Failure> {
        Ok(match operation {
            Operation::Claim(claim) => Outcome::Claimed(self.claim(claim).await?),
            Operation::Release(unused) => {
                self.release(*unused).await?;
                Outcome::Released
            }
            Operation::Read => Outcome::Index(self.read().await?),
            Operation::Set { index, force } => Outcome::Set(self.set(*index, *force).await?),
        })
    }

    /// One round trip when the document is there, two when it is created, more when it is mended.
    async fn claim(&self, claim: &Claim) -> Result<Range, Failure> {
        let count = i64::try_from(claim.count).unwrap_or(i64::MAX);
        if let Some(end) = self.raise(claim.floor(), count).await? {
            return Ok(Range::new(end - count, end));
        }
        // Both numbers are below 2^54.
        if claim.owned_to.is_none() && self.create(claim.start + count).await? {
            return Ok(Range::new(claim.start, claim.start + count));
        }
        for _ in 0..MAX_READS {
            let label = &self.document.label;
            match (self.find().await?, claim.owned_to) {
                (StoredIndex::Missing, Some(owned_to)) => {
                    return Err(Failure::Claim(vanished(label, owned_to)));
                }
                (StoredIndex::Missing, None) => {
                    self.create(claim.start).await?;
                }
                (StoredIndex::Double(index), _) => self.convert(index).await?,
                (StoredIndex::Countable(index), _) if index < claim.floor() => {
                    return Err(Failure::Claim(went_back(label, index, claim.floor())));
                }
                (StoredIndex::Countable(index), _) if index > i64::MAX - count => {
                    return Err(Failure::Claim(ClaimError::Exhausted { left: i64::MAX.abs_diff(index) }));
                }
                // Another client created or mended it in between.
                (StoredIndex::Countable(_), _) => {}
                (StoredIndex::Bad(held), _) => return Err(Failure::Claim(bad_document(label, &held))),
            }
            if let Some(end) = self.raise(claim.floor(), count).await? {
                return Ok(Range::new(end - count, end));
            }
        }
        Err(self.restless())
    }

    /// The index after an increment; none when there is no index that the claim may raise.
    async fn raise(&self, floor: i64, count: i64) -> Result<Option<i64>, DriverError> {
        // The floor keeps a claim from walking an index that went back through ids of other
        // clients.
        let countable = doc! { "$type": ["int", "long"], "$gte": floor, "$lte": i64::MAX - count };
        let raised = self
            .collection
            .find_one_and_update(
                doc! { "_id": &*self.document.name, "index": countable },
                doc! { "$inc": { "index": Bson::Int64(count) } },
            )
            .projection(doc! { "index": 1 })
            .return_document(ReturnDocument::After)
            .await;
        match raised {
            Ok(Some(fields)) => Ok(match fields.get("index") {
                Some(Bson::Int64(index)) => Some(*index),
                Some(Bson::Int32(index)) => Some(i64::from(*index)),
                _ => None,
            }),
            Ok(None) => Ok(None),
            // An array of integers passes the filter: `find` says so.
            Err(error) if matches!(code(&error), Some(TYPE_MISMATCH | BAD_VALUE)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn find(&self) -> Result<StoredIndex, DriverError> {
        let found = self.collection.find_one(doc! { "_id": &*self.document.name }).await?;
        let Some(fields) = found else { return Ok(StoredIndex::Missing) };
        Ok(match fields.get("index") {
            Some(Bson::Int64(index)) if *index >= 0 => StoredIndex::Countable(*index),
            Some(Bson::Int32(index)) if *index >= 0 => StoredIndex::Countable(i64::from(*index)),
            // 2^53 - 1 is the last double that no other integer rounds to.
            Some(Bson::Double(index))
                if index.fract() == 0.0 && (0.0..9_007_199_254_740_992.0).contains(index) =>
            {
                StoredIndex::Double(*index)
            }
            Some(other) => StoredIndex::Bad(describe(other)),
            None => StoredIndex::Bad("no index".to_owned()),
        })
    }

    /// Inserts the document; false when another client has.
    async fn create(&self, index: i64) -> Result<bool, DriverError> {
        let fields = doc! { "_id": &*self.document.name, "index": Bson::Int64(index) };
        match self.collection.insert_one(fields).await {
            Err(error) if code(&error) == Some(DUPLICATE_KEY) => Ok(false),
            other => other.map(|_| true),
        }
    }

    /// By compare-and-set: of several clients that convert only one does, and no increment is lost.
    async fn convert(&self, index: f64) -> Result<(), DriverError> {
        let unchanged = doc! { "_id": &*self.document.name, "index": { "$type": "double", "$eq": index } };
        // `find` has checked that it is integral and in range.
        let integer = Bson::Int64(index as i64);
        self.collection.update_one(unchanged, doc! { "$set": { "index": integer } }).await.map(drop)
    }

    async fn read(&self) -> Result<Option<i64>, Failure> {
        match self.find().await? {
            StoredIndex::Missing => Ok(None),
            StoredIndex::Countable(index) => Ok(Some(index)),
            // `find` has checked that it is integral and in range.
            StoredIndex::Double(index) => Ok(Some(index as i64)),
            StoredIndex::Bad(held) => Err(Failure::Claim(bad_document(&self.document.label, &held))),
        }
    }

    /// Sets the index. Without `force` an index that is further stays, and is returned.
    async fn set(&self, index: i64, force: bool) -> Result<Option<i64>, Failure> {
        let name = &*self.document.name;
        let set = doc! { "$set": { "index": Bson::Int64(index) } };
        if force {
            self.collection.update_one(doc! { "_id": name }, set).upsert(true).await?;
            return Ok(None);
        }
        for _ in 0..MAX_READS {
            let behind = doc! { "$type": ["int", "long", "double"], "$gte": 0, "$lte": index };
            let moved =
                self.collection.update_one(doc! { "_id": name, "index": behind }, set.clone()).await?;
            if moved.matched_count == 1 {
                return Ok(None);
            }
            match self.read().await? {
                None => {
                    if self.create(index).await? {
                        return Ok(None);
                    }
                }
                Some(further) if further > index => return Ok(Some(further)),
                Some(_) => {}
            }
        }
        Err(self.restless())
    }

    /// As a raw command, because the driver repeats no raw command.
    async fn release(&self, unused: Range) -> Result<(), DriverError> {
        let unchanged = doc! {
            "_id": &*self.document.name,
            "index": { "$type": ["int", "long"], "$eq": unused.end },
        };
        let command = doc! {
            "update": &*self.document.collection,
            "updates": [{ "q": unchanged, "u": { "$set": { "index": Bson::Int64(unused.start) } } }],
            "writeConcern": { "w": "majority", "j": true },
        };
        self.database.run_command(command).await.map(drop)
    }

    fn restless(&self) -> Failure {
        let message = format!("{} keeps changing between an integer and something else", self.document.label);
        Failure::Claim(ClaimError::Transient(Error::new(ErrorCode::SequenceUnavailable, message)))
    }
}

/// An index of the wrong kind, for people.
fn describe(index: &Bson) -> String {
    let (kind, value) = match index {
        Bson::Double(_) => ("double", index.to_string()),
        Bson::Int32(_) | Bson::Int64(_) => ("negative integer", index.to_string()),
        Bson::String(text) => {
            let short: String = text.chars().take(40).collect();
            ("string", format!("{short:?}"))
        }
        Bson::Null => return "index null".to_owned(),
        Bson::Array(_) => return "an array as index".to_owned(),
        Bson::Boolean(value) => ("boolean", value.to_string()),
        Bson::DateTime(_) => return "a date as index".to_owned(),
        Bson::Document(_) => return "a document as index".to_owned(),
        Bson::Decimal128(value) => ("decimal", value.to_string()),
        other => return format!("an index of type {:?}", other.element_type()),
    };
    format!("index {value} ({kind})")
}
