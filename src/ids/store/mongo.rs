//! Sequences in MongoDB: a document each, `{ _id: name, index: <int64> }`, as the original has them.
//!
//! Every write has write concern majority with journal. With less, a failover
//! can forget an increment, and hand its ids out a second time.

use std::time::Instant;

use mongodb::bson::{Bson, Document, doc};
use mongodb::error::{Error as DriverError, ErrorKind, WriteFailure};
use mongodb::options::{
    CollectionOptions, ConnectionString, ReadPreference, ReturnDocument, SelectionCriteria, WriteConcern,
};
use mongodb::{Collection, Database};

use super::{Cancel, Claim, ClaimError, Range, Store, bad_document, unanswered, vanished};
use crate::{Error, ErrorCode, Result};

mod driver;
mod secrets;

use driver::Driver;
pub(super) use secrets::{names_database, without_secrets};

/// Looks at a sequence within one attempt, when rivals change it in between.
const LOOKS: usize = 16;

const TYPE_MISMATCH: i32 = 14;
const BAD_VALUE: i32 = 2;
const DUPLICATE_KEY: i32 = 11000;

/// Rejects a URL that no driver would take, without connecting.
pub(super) fn check_url(url: &str) -> Result<()> {
    ConnectionString::parse(url).map(drop).map_err(|error| {
        // A URL with a user is not quoted, nor what the driver says about it: it may hold a piece of the password.
        let reason =
            if url.contains('@') { "it may need percent-encoding".to_owned() } else { error.to_string() };
        Error::new(ErrorCode::InvalidArgument, format!("url is no MongoDB connection string: {reason}"))
    })
}

pub(super) struct Mongo {
    url: String,
    at: Place,
    driver: Option<Driver>,
}

/// Where the document is.
#[derive(Clone)]
struct Place {
    collection: String,
    name: String,
    label: String,
}

impl Mongo {
    pub fn new(url: &str, collection: &str, name: &str, label: String) -> Self {
        let at = Place { collection: collection.to_owned(), name: name.to_owned(), label };
        Self { url: url.to_owned(), at, driver: None }
    }

    /// Runs one exchange with the database, and gives it up at the deadline.
    fn run<T, F>(
        &mut self,
        deadline: Instant,
        cancel: &Cancel,
        work: impl FnOnce(Database, Place) -> F + Send + 'static,
    ) -> std::result::Result<T, ClaimError>
    where
        T: Send + 'static,
        F: Future<Output = std::result::Result<T, Failure>> + Send + 'static,
    {
        let driver = match &mut self.driver {
            Some(driver) => driver,
            none => none.insert(Driver::get(&self.url).map_err(|cause| {
                let message = format!("{} cannot be reached: no thread could be started", self.at.label);
                ClaimError::Transient(Error::new(ErrorCode::SequenceUnavailable, message).caused_by(cause))
            })?),
        };
        let at = self.at.clone();
        let connection = driver.connection();
        let done = driver.run(deadline, cancel, async move {
            let database = connection.database().await?;
            work(database, at).await
        });
        match done {
            None => Err(unanswered(&self.at.label, cancel)),
            Some(Ok(value)) => Ok(value),
            Some(Err(Failure::Claim(error))) => Err(error),
            Some(Err(Failure::Driver(error))) => Err(self.failed(&error)),
        }
    }

    fn failed(&self, error: &DriverError) -> ClaimError {
        let lasting = match &*error.kind {
            ErrorKind::InvalidArgument { .. }
            | ErrorKind::Authentication { .. }
            | ErrorKind::InvalidTlsConfig { .. }
            | ErrorKind::IncompatibleServer { .. } => true,
            // Unauthorized, AuthenticationFailed, InvalidNamespace, CommandNotSupportedOnView.
            _ => matches!(code(error), Some(13 | 18 | 73 | 166)),
        };
        let cause = secrets::Cause::new(error, &self.url);
        let message = format!("{} cannot be used: {cause}", self.at.label);
        let error = Error::new(ErrorCode::SequenceUnavailable, message).caused_by(cause);
        if lasting { ClaimError::Permanent(error) } else { ClaimError::Transient(error) }
    }
}

impl Store for Mongo {
    fn claim(
        &mut self,
        claim: &Claim,
        deadline: Instant,
        cancel: &Cancel,
    ) -> std::result::Result<Range, ClaimError> {
        let claim = claim.clone();
        self.run(deadline, cancel, async move |database, at| at.claim(&database, &claim).await)
    }

    fn give_back(
        &mut self,
        unused: Range,
        deadline: Instant,
        cancel: &Cancel,
    ) -> std::result::Result<bool, ClaimError> {
        self.run(deadline, cancel, async move |database, at| at.give_back(&database, unused).await)
    }
    fn read(&mut self, deadline: Instant, cancel: &Cancel) -> std::result::Result<Option<i64>, ClaimError> {
        self.run(deadline, cancel, async move |database, at| at.read(&database).await)
    }

    fn set(
        &mut self,
        index: i64,
        force: bool,
        deadline: Instant,
        cancel: &Cancel,
    ) -> std::result::Result<Option<i64>, ClaimError> {
        self.run(deadline, cancel, async move |database, at| at.set(&database, index, force).await)
    }
}

/// Why an exchange gave nothing.
enum Failure {
    Driver(DriverError),
    Claim(ClaimError),
}

impl From<DriverError> for Failure {
    fn from(error: DriverError) -> Self {
        Self::Driver(error)
    }
}

/// What the document turned out to be.
enum Seen {
    Missing,
    /// An index that the usual step takes.
    Countable(i64),
    /// An integral double, as the shell and the Node driver write them.
    Double(f64),
    Bad(String),
}

impl Place {
    async fn claim(&self, database: &Database, claim: &Claim) -> std::result::Result<Range, Failure> {
        let count = i64::try_from(claim.count).unwrap_or(i64::MAX);
        let collection = self.collection(database);
        for _ in 0..LOOKS {
            if let Some(end) = self.raise(&collection, count).await? {
                return Ok(Range::new(end - count, end));
            }
            match self.look(&collection).await? {
                Seen::Missing => match claim.owned_to {
                    Some(owned_to) => return Err(Failure::Claim(vanished(&self.label, owned_to))),
                    None => self.create(&collection, claim.start).await?,
                },
                Seen::Double(index) => self.convert(&collection, index).await?,
                Seen::Countable(index) if index > i64::MAX - count => {
                    return Err(Failure::Claim(ClaimError::Exhausted { left: i64::MAX.abs_diff(index) }));
                }
                // A rival created or mended it in between.
                Seen::Countable(_) => {}
                Seen::Bad(held) => return Err(Failure::Claim(bad_document(&self.label, &held))),
            }
        }
        let message = format!("{} keeps changing between an integer and something else", self.label);
        Err(Failure::Claim(ClaimError::Transient(Error::new(ErrorCode::SequenceUnavailable, message))))
    }

    fn collection(&self, database: &Database) -> Collection<Document> {
        let options = CollectionOptions::builder()
            .selection_criteria(SelectionCriteria::ReadPreference(ReadPreference::Primary))
            .build();
        database.collection_with_options(&self.collection, options)
    }

    /// The usual step; none when there is no document that it may count on.
    async fn raise(
        &self,
        collection: &Collection<Document>,
        count: i64,
    ) -> std::result::Result<Option<i64>, DriverError> {
        let countable = doc! { "$type": ["int", "long"], "$gte": 0, "$lte": i64::MAX - count };
        let raised = collection
            .find_one_and_update(
                doc! { "_id": &self.name, "index": countable },
                doc! { "$inc": { "index": Bson::Int64(count) } },
            )
            .projection(doc! { "index": 1 })
            .return_document(ReturnDocument::After)
            .await;
        match raised {
            Ok(Some(document)) => Ok(match document.get("index") {
                Some(Bson::Int64(index)) => Some(*index),
                Some(Bson::Int32(index)) => Some(i64::from(*index)),
                _ => None,
            }),
            Ok(None) => Ok(None),
            // An array of integers passes the filter: look at the document and say so.
            Err(error) if matches!(code(&error), Some(TYPE_MISMATCH | BAD_VALUE)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn look(&self, collection: &Collection<Document>) -> std::result::Result<Seen, DriverError> {
        let found = collection.find_one(doc! { "_id": &self.name }).await?;
        let Some(document) = found else { return Ok(Seen::Missing) };
        Ok(match document.get("index") {
            Some(Bson::Int64(index)) if *index >= 0 => Seen::Countable(*index),
            Some(Bson::Int32(index)) if *index >= 0 => Seen::Countable(i64::from(*index)),
            // 2^53 - 1 is the last double that no other integer rounds to.
            Some(Bson::Double(index))
                if index.fract() == 0.0 && (0.0..9_007_199_254_740_992.0).contains(index) =>
            {
                Seen::Double(*index)
            }
            Some(other) => Seen::Bad(describe(other)),
            None => Seen::Bad("no index".to_owned()),
        })
    }

    async fn create(
        &self,
        collection: &Collection<Document>,
        start: i64,
    ) -> std::result::Result<(), DriverError> {
        match collection.insert_one(doc! { "_id": &self.name, "index": Bson::Int64(start) }).await {
            // A rival was faster.
            Err(error) if code(&error) == Some(DUPLICATE_KEY) => Ok(()),
            other => other.map(drop),
        }
    }

    /// By compare-and-set: of several who convert only one does, and no increment is lost.
    async fn convert(
        &self,
        collection: &Collection<Document>,
        index: f64,
    ) -> std::result::Result<(), DriverError> {
        let unchanged = doc! { "_id": &self.name, "index": { "$type": "double", "$eq": index } };
        // Checked by `look`: integral and in range.
        let integer = Bson::Int64(index as i64);
        collection.update_one(unchanged, doc! { "$set": { "index": integer } }).await.map(drop)
    }

    async fn read(&self, database: &Database) -> std::result::Result<Option<i64>, Failure> {
        match self.look(&self.collection(database)).await? {
            Seen::Missing => Ok(None),
            Seen::Countable(index) => Ok(Some(index)),
            // Checked by `look`: integral and in range.
            Seen::Double(index) => Ok(Some(index as i64)),
            Seen::Bad(held) => Err(Failure::Claim(bad_document(&self.label, &held))),
        }
    }

    async fn set(
        &self,
        database: &Database,
        index: i64,
        force: bool,
    ) -> std::result::Result<Option<i64>, Failure> {
        let collection = self.collection(database);
        let set = doc! { "$set": { "index": Bson::Int64(index) } };
        if force {
            collection.update_one(doc! { "_id": &self.name }, set).upsert(true).await?;
            return Ok(None);
        }
        for _ in 0..LOOKS {
            let behind = doc! { "$type": ["int", "long", "double"], "$gte": 0, "$lte": index };
            let moved =
                collection.update_one(doc! { "_id": &self.name, "index": behind }, set.clone()).await?;
            if moved.matched_count == 1 {
                return Ok(None);
            }
            match self.read(database).await? {
                None => self.create(&collection, index).await?,
                Some(further) if further > index => return Ok(Some(further)),
                Some(_) => {}
            }
        }
        let message = format!("{} keeps changing", self.label);
        Err(Failure::Claim(ClaimError::Transient(Error::new(ErrorCode::SequenceUnavailable, message))))
    }

    /// As a raw command, because the driver repeats no raw command.
    async fn give_back(&self, database: &Database, unused: Range) -> std::result::Result<bool, Failure> {
        let unchanged = doc! { "_id": &self.name, "index": { "$type": ["int", "long"], "$eq": unused.end } };
        let reply = database
            .run_command(doc! {
                "update": &self.collection,
                "updates": [{ "q": unchanged, "u": { "$set": { "index": Bson::Int64(unused.start) } } }],
                "writeConcern": { "w": "majority", "j": true },
            })
            .await?;
        Ok(reply.get_i32("n").is_ok_and(|changed| changed == 1))
    }
}

/// The code of a server's error, wherever it stands.
fn code(error: &DriverError) -> Option<i32> {
    match &*error.kind {
        ErrorKind::Command(error) => Some(error.code),
        ErrorKind::Write(WriteFailure::WriteError(error)) => Some(error.code),
        ErrorKind::Write(WriteFailure::WriteConcernError(error)) => Some(error.code),
        _ => None,
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

/// Majority and journal, with the URL's own time limit.
fn durable(asked: Option<WriteConcern>) -> WriteConcern {
    let mut concern = WriteConcern::majority();
    concern.journal = Some(true);
    concern.w_timeout = asked.and_then(|asked| asked.w_timeout);
    concern
}
