//! Sequences in a SQLite file: a row each, `_id` and `index`, in a table named like the collection.
//!
//! A range is the claimer's when `COMMIT` succeeded, and not before: `RETURNING` shows the row of a
//! transaction whose commit may still fail.

#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
mod descriptors;
mod failure;
mod file;
mod table;

use std::path::{Path, PathBuf};
use std::time::Instant;

use rusqlite::Connection;

use self::failure::Failure;
use self::file::{OpenFile, patient};
use self::table::Table;
use super::{ATTEMPT, Answer, Operation, Outcome, Request, Store};
use crate::ids::Cancel;

/// Requests in one transaction: while it runs, other connections cannot write.
const BATCH: usize = 1000;

/// A SQLite file, as its claimer drives it.
pub(super) struct Sqlite {
    path: PathBuf,
    cancel: Cancel,
    file: Option<OpenFile>,
}

impl Sqlite {
    pub fn new(path: &Path, cancel: Cancel) -> Self {
        Self { path: path.to_owned(), cancel, file: None }
    }

    /// One answer for each request, from one transaction.
    fn answer(&mut self, requests: &[Request]) -> Result<Vec<Answer>, Failure> {
        let reads = requests.iter().all(|request| matches!(request.operation, Operation::Read));
        // Reading must not create the file.
        if reads && self.file.is_none() && !self.path.exists() {
            return Ok(requests.iter().map(|_| Ok(Outcome::Index(None))).collect());
        }
        // A file that was replaced would take the claims with it. In the file that is there now, a
        // claim begins no lower than what this process owned.
        if let Some(file) = self.file.take().filter(|file| file.is_at(&self.path)) {
            self.file = Some(file);
        }
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(OpenFile::open(&self.path)?),
        };
        let Some(connection) = file.connection() else { return Err(Failure::Replaced) };
        if !reads {
            file.make_durable(&connection)?;
        }
        let answers = transact(&connection, requests, reads)?;
        if file.is_at(&self.path) { Ok(answers) } else { Err(Failure::Replaced) }
    }
}

impl Store for Sqlite {
    fn room(&self) -> usize {
        BATCH
    }

    fn start(&mut self, requests: Vec<Request>) {
        let (deadline, cancel) = (Instant::now() + ATTEMPT, self.cancel.clone());
        match patient(deadline, &cancel, || self.answer(&requests)) {
            Ok(answers) => {
                for (request, answer) in requests.into_iter().zip(answers) {
                    request.responder.answer(answer);
                }
            }
            Err(failure) => {
                // A connection that failed is not used again, unless it only waited for a lock.
                if !failure.is_busy() {
                    self.file = None;
                }
                for request in requests {
                    request.responder.answer(Err(failure.of(&request.document)));
                }
            }
        }
    }
}

fn transact(connection: &Connection, requests: &[Request], reads: bool) -> Result<Vec<Answer>, Failure> {
    connection.execute_batch(if reads { "BEGIN" } else { "BEGIN IMMEDIATE" })?;
    let mut answers = Vec::with_capacity(requests.len());
    for request in requests {
        match operate(connection, request) {
            // A statement that failed may have ended the whole transaction, or concern the whole
            // file.
            Err(failure) if connection.is_autocommit() || matches!(failure, Failure::Replaced) => {
                roll_back(connection);
                return Err(failure);
            }
            Err(failure) => answers.push(Err(failure.of(&request.document))),
            Ok(outcome) => answers.push(Ok(outcome)),
        }
    }
    // A failed COMMIT has an unknown outcome, so the ranges are abandoned.
    connection.execute_batch("COMMIT").inspect_err(|_| roll_back(connection))?;
    Ok(answers)
}

fn roll_back(connection: &Connection) {
    if !connection.is_autocommit() {
        // The error of interest came before; a connection that cannot roll back is closed.
        let _ = connection.execute_batch("ROLLBACK");
    }
}

fn operate(
    connection: &Connection,
    Request { document, operation, .. }: &Request,
) -> Result<Outcome, Failure> {
    let table = Table::new(connection, document);
    Ok(match operation {
        Operation::Read if !table.exists()? => Outcome::Index(None),
        Operation::Read => Outcome::Index(table.read()?),
        Operation::Claim(claim) => {
            table.create()?;
            Outcome::Claimed(table.claim(claim)?)
        }
        Operation::Release(unused) => {
            table.release(*unused)?;
            Outcome::Released
        }
        &Operation::Set { index, force } => {
            table.create()?;
            Outcome::Set(table.set(index, force)?)
        }
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::ids::Range;
    use crate::ids::store::{Claim, ClaimError, Responder, StoreUrl};

    const CLAIM: Operation = Operation::Claim(Claim { count: 3, start: 7, owned_to: None });

    /// A database in a folder of its own for each test.
    struct Database(PathBuf);

    impl Database {
        fn new(name: &str) -> Self {
            let folder = std::env::temp_dir().join(format!("texample-sqlite-{name}-{}", std::process::id()));
            std::fs::create_dir_all(&folder).unwrap();
            Self(folder.join("ids.db"))
        }

        fn store(&self) -> Sqlite {
            Sqlite::new(&self.0, Cancel::default())
        }
    }

    impl Drop for Database {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(self.0.parent().unwrap());
        }
    }

    /// The answers to claims of these sequences, made at once.
    fn claim(store: &mut Sqlite, names: &[&str]) -> Vec<Answer> {
        let url = StoreUrl::parse("memory:").unwrap();
        let (answers, answered) = crossbeam_channel::unbounded();
        let request = |name: &&str| {
            let answers = answers.clone();
            let responder = Responder::new(move |answer| answers.send(answer).unwrap());
            Request { document: Arc::new(url.document("ids", name)), operation: CLAIM, responder }
        };
        store.start(names.iter().map(request).collect());
        answered.try_iter().collect()
    }

    fn run(store: &Sqlite, sql: &str) {
        store.file.as_ref().unwrap().connection().unwrap().execute_batch(sql).unwrap();
    }

    fn pragma<T: rusqlite::types::FromSql>(store: &Sqlite, name: &str) -> T {
        let connection = store.file.as_ref().unwrap().connection().unwrap();
        connection.pragma_query_value(None, name, |row| row.get(0)).unwrap()
    }

    fn claimed(start: i64) -> Outcome {
        Outcome::Claimed(Range::new(start, start + 3))
    }

    #[test]
    fn claims_outlive_a_loss_of_power_in_every_journal_mode() {
        let own = Database::new("own");
        let mut store = own.store();
        assert_eq!(claim(&mut store, &["a"])[0].as_ref().unwrap(), &claimed(7));
        let settings = |store: &Sqlite| {
            let numbers = ["synchronous", "fullfsync"].map(|name| pragma::<i64>(store, name));
            (pragma::<String>(store, "journal_mode"), numbers)
        };
        assert_eq!(settings(&store), ("wal".to_owned(), [2, 1]));

        let shared = Database::new("shared");
        Connection::open(&shared.0).unwrap().execute_batch("CREATE TABLE orders (id INTEGER)").unwrap();
        let mut store = shared.store();
        assert!(claim(&mut store, &["a"])[0].is_ok());
        assert_eq!(settings(&store), ("delete".to_owned(), [3, 1]));
    }

    #[test]
    fn a_failed_commit_answers_no_claim_with_a_range() {
        let database = Database::new("commit");
        let mut store = database.store();
        assert!(claim(&mut store, &["a", "b"]).iter().all(Result::is_ok));
        run(
            &store,
            "CREATE TABLE parents (x PRIMARY KEY);
             CREATE TABLE children (x REFERENCES parents (x) DEFERRABLE INITIALLY DEFERRED);
             CREATE TRIGGER breaks AFTER UPDATE ON ids WHEN NEW._id = 'b' BEGIN INSERT INTO children VALUES (1); END",
        );
        assert!(claim(&mut store, &["a", "b"]).iter().all(Result::is_err));
        assert_eq!(claim(&mut store, &["a"])[0].as_ref().unwrap(), &claimed(10), "it was rolled back");
    }

    #[test]
    fn a_statement_that_fails_concerns_its_sequence_alone() {
        let database = Database::new("statement");
        let mut store = database.store();
        assert!(claim(&mut store, &["a", "b"]).iter().all(Result::is_ok));
        run(
            &store,
            "CREATE TRIGGER refuses BEFORE UPDATE ON ids WHEN NEW._id = 'b' BEGIN SELECT RAISE(ABORT, 'no'); END",
        );
        let answers = claim(&mut store, &["a", "b", "c"]);
        assert_eq!([&answers[0], &answers[2]].map(|answer| answer.clone().unwrap()), [10, 7].map(claimed));
        assert!(matches!(answers[1], Err(ClaimError::Permanent(_))));
    }
}
