//! Sequences in a SQLite file: a row each, `_id` and `index`, in a table named like the collection.
//!
//! A range is ours when `COMMIT` said so, and not before: `RETURNING` shows the
//! row of a transaction whose commit may still fail. WAL with `synchronous`
//! FULL, so that a commit outlives a loss of power.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode as Sqlite3, OpenFlags, OptionalExtension, params};

use super::row::{Order, Sequence};
use super::turnstile::{Turn, Turnstile};
use super::{Cancel, Claim, ClaimError, Range, Store, bad_document, unanswered, vanished};
use crate::{Error, ErrorCode};

/// How long SQLite itself waits for somebody who is not one of us; then we look at the clock.
const BUSY: Duration = Duration::from_millis(50);
const PAUSE: Duration = Duration::from_millis(1);

pub(super) struct Sqlite {
    path: PathBuf,
    /// Quoted.
    table: String,
    name: String,
    label: String,
    open: Option<Open>,
}

struct Open {
    connection: Connection,
    turnstile: Turnstile,
    file: Option<FileId>,
    /// The settings are in force and the table is there.
    prepared: Cell<bool>,
}

impl Sqlite {
    pub fn new(path: &Path, collection: &str, name: &str, label: String) -> Self {
        let table = format!("\"{}\"", collection.replace('"', "\"\""));
        Self { path: path.to_owned(), table, name: name.to_owned(), label, open: None }
    }

    /// Runs `work` in a transaction, when it is our turn. What it returns counts: the commit succeeded.
    fn transact<T>(
        &mut self,
        owned_to: Option<i64>,
        deadline: Instant,
        cancel: &Cancel,
        work: impl Fn(&Self, &Connection) -> Result<T, ClaimError>,
    ) -> Result<T, ClaimError> {
        let open = self.take_open()?;
        let outcome = match self.enter(&open, None, deadline, cancel)? {
            Some(Turn::In(_pass)) => Some(self.commit(&open, owned_to, deadline, cancel, work)),
            // Nobody serves who orders nothing.
            Some(Turn::Served(_)) | None => None,
        };
        self.put_back(open, outcome, cancel)
    }

    fn take_open(&mut self) -> Result<Open, ClaimError> {
        self.open.take().map_or_else(|| self.connect(), Ok)
    }

    /// A connection that failed is not used again.
    fn put_back<T>(
        &mut self,
        open: Open,
        outcome: Option<Result<T, ClaimError>>,
        cancel: &Cancel,
    ) -> Result<T, ClaimError> {
        let outcome = outcome.transpose()?;
        self.open = Some(open);
        outcome.ok_or_else(|| unanswered(&self.label, cancel))
    }

    fn enter<'a>(
        &self,
        open: &'a Open,
        order: Option<(&Sequence, &Claim)>,
        deadline: Instant,
        cancel: &Cancel,
    ) -> Result<Option<Turn<'a>>, ClaimError> {
        open.turnstile.enter(order, deadline, cancel).map_err(|error| self.no_file(error))
    }

    fn commit<T>(
        &self,
        open: &Open,
        owned_to: Option<i64>,
        deadline: Instant,
        cancel: &Cancel,
        work: impl Fn(&Self, &Connection) -> Result<T, ClaimError>,
    ) -> Result<T, ClaimError> {
        self.check_file(open, owned_to)?;
        loop {
            match self.attempt(open, &work) {
                // Not every kind of lock is waited for by SQLite itself.
                Err(Attempt::Busy)
                    if Instant::now() < deadline && !cancel.sleep_until(Instant::now() + PAUSE) => {}
                Err(Attempt::Busy) => return Err(unanswered(&self.label, cancel)),
                Err(Attempt::Failed(error)) => return Err(error),
                Ok(value) => return Ok(value),
            }
        }
    }

    fn attempt<T>(
        &self,
        open: &Open,
        work: &impl Fn(&Self, &Connection) -> Result<T, ClaimError>,
    ) -> Result<T, Attempt> {
        let sql = |error| self.attempt_failed(error);
        let connection = &open.connection;
        if !open.prepared.get() {
            prepare(connection, &self.table).map_err(sql)?;
            open.prepared.set(true);
        }
        connection.execute_batch("BEGIN IMMEDIATE").map_err(sql)?;
        let value = match work(self, connection) {
            Ok(value) => value,
            Err(error) => {
                roll_back(connection);
                return Err(Attempt::Failed(error));
            }
        };
        match connection.execute_batch("COMMIT") {
            Ok(()) => Ok(value),
            Err(error) => {
                roll_back(connection);
                // Busy or not: whether the transaction will turn out to be there is nobody's to guess.
                Err(Attempt::Failed(self.failed(error)))
            }
        }
    }

    fn connect(&self) -> Result<Open, ClaimError> {
        let turnstile = Turnstile::open(&self.path).map_err(|error| self.no_file(error))?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection =
            Connection::open_with_flags(&self.path, flags).map_err(|error| self.failed(error))?;
        connection.busy_timeout(BUSY).map_err(|error| self.failed(error))?;
        let file = FileId::of(&self.path);
        Ok(Open { connection, turnstile, file, prepared: Cell::new(false) })
    }

    /// A file that was removed or replaced under us would take our claims with it.
    fn check_file(&self, open: &Open, owned_to: Option<i64>) -> Result<(), ClaimError> {
        if open.file == FileId::of(&self.path) {
            return Ok(());
        }
        match owned_to {
            Some(owned_to) => Err(vanished(&self.label, owned_to)),
            // The next attempt opens the file that is there now.
            None => Err(ClaimError::Transient(Error::new(
                ErrorCode::SequenceUnavailable,
                format!("the file of {} was replaced while it was opened", self.label),
            ))),
        }
    }

    /// Why the usual statement touched no row.
    fn inspect(&self, connection: &Connection, claim: &Claim) -> Result<ClaimError, rusqlite::Error> {
        Ok(match self.held(connection)? {
            None => vanished(&self.label, claim.owned_to.unwrap_or(claim.start)),
            Some(Ok(index)) => ClaimError::Exhausted { left: i64::MAX.abs_diff(index) },
            Some(Err(held)) => bad_document(&self.label, &held),
        })
    }

    /// The index, or what stands in its place; none when there is no row.
    fn held(&self, connection: &Connection) -> Result<Option<Result<i64, String>>, rusqlite::Error> {
        let select = format!("SELECT \"index\" FROM {} WHERE _id = ?1", self.table);
        let held = connection.query_row(&select, params![self.name], |row| {
            Ok(match row.get_ref(0)? {
                ValueRef::Integer(index) if index >= 0 => Ok(index),
                ValueRef::Integer(index) => Err(format!("index {index}")),
                ValueRef::Null => Err("index null".to_owned()),
                ValueRef::Real(real) => Err(format!("index {real} (a real number)")),
                ValueRef::Text(text) => {
                    let text: String = String::from_utf8_lossy(text).chars().take(40).collect();
                    Err(format!("index {text:?} (text)"))
                }
                ValueRef::Blob(blob) => Err(format!("an index of {} bytes (a blob)", blob.len())),
            })
        });
        held.optional()
    }

    fn attempt_failed(&self, error: rusqlite::Error) -> Attempt {
        match error.sqlite_error_code() {
            Some(Sqlite3::DatabaseBusy | Sqlite3::DatabaseLocked) => Attempt::Busy,
            _ => Attempt::Failed(self.failed(error)),
        }
    }

    fn failed(&self, error: rusqlite::Error) -> ClaimError {
        use ErrorCode::{SequenceBadDocument, SequenceUnavailable};
        let (lasting, code, what) = match error.sqlite_error_code() {
            Some(Sqlite3::DatabaseBusy | Sqlite3::DatabaseLocked) => {
                (false, SequenceUnavailable, "is locked")
            }
            Some(Sqlite3::DiskFull) => (false, SequenceUnavailable, "cannot be written: the disk is full"),
            Some(Sqlite3::SystemIoFailure) => (false, SequenceUnavailable, "cannot be written or read"),
            Some(Sqlite3::CannotOpen) => (true, SequenceUnavailable, "cannot be opened"),
            Some(Sqlite3::ReadOnly | Sqlite3::PermissionDenied) => {
                (true, SequenceUnavailable, "is read-only")
            }
            Some(Sqlite3::NotADatabase) => (true, SequenceUnavailable, "is no SQLite database"),
            Some(Sqlite3::DatabaseCorrupt) => (true, SequenceUnavailable, "is corrupt"),
            Some(Sqlite3::OutOfMemory | Sqlite3::OperationInterrupted) => {
                (false, SequenceUnavailable, "could not be asked")
            }
            _ => (true, SequenceBadDocument, "has a table of another kind"),
        };
        let error = Error::new(code, format!("{} {what}: {error}", self.label)).caused_by(error);
        if lasting { ClaimError::Permanent(error) } else { ClaimError::Transient(error) }
    }

    fn no_file(&self, error: std::io::Error) -> ClaimError {
        let message = format!("{} cannot be opened: no lock beside it: {error}", self.label);
        ClaimError::Permanent(Error::new(ErrorCode::SequenceUnavailable, message).caused_by(error))
    }
}

enum Attempt {
    /// Somebody who is not one of us holds the lock, and nothing was done.
    Busy,
    Failed(ClaimError),
}

impl Store for Sqlite {
    fn claim(&mut self, claim: &Claim, deadline: Instant, cancel: &Cancel) -> Result<Range, ClaimError> {
        let open = self.take_open()?;
        let ours = self.sequence(&open);
        let outcome = match self.enter(&open, Some((&ours, claim)), deadline, cancel)? {
            Some(Turn::In(pass)) => {
                let claimed = self.commit(&open, claim.owned_to, deadline, cancel, |this, connection| {
                    this.claim_for_all(connection, claim, pass.orders(&ours))
                });
                Some(claimed.map(|(range, others)| {
                    for (order, range) in &others {
                        pass.answer(order, *range);
                    }
                    range
                }))
            }
            Some(Turn::Served(range)) => Some(Ok(range)),
            None => None,
        };
        self.put_back(open, outcome, cancel)
    }

    fn give_back(&mut self, unused: Range, deadline: Instant, cancel: &Cancel) -> Result<bool, ClaimError> {
        self.transact(Some(unused.end), deadline, cancel, |this, connection| {
            let update =
                format!("UPDATE {} SET \"index\" = ?1 WHERE _id = ?2 AND \"index\" = ?3", this.table);
            let changed = connection.execute(&update, params![unused.start, this.name, unused.end]);
            changed.map(|rows| rows == 1).map_err(|error| this.failed(error))
        })
    }
    fn read(&mut self, deadline: Instant, cancel: &Cancel) -> Result<Option<i64>, ClaimError> {
        // To look is not to create.
        if !self.path.exists() {
            return Ok(None);
        }
        self.transact(None, deadline, cancel, |this, connection| {
            let held = this.held(connection).map_err(|error| this.failed(error))?;
            held.transpose().map_err(|held| bad_document(&this.label, &held))
        })
    }

    fn set(
        &mut self,
        index: i64,
        force: bool,
        deadline: Instant,
        cancel: &Cancel,
    ) -> Result<Option<i64>, ClaimError> {
        self.transact(None, deadline, cancel, |this, connection| {
            if !force {
                match this.held(connection).map_err(|error| this.failed(error))? {
                    Some(Ok(held)) if held > index => return Ok(Some(held)),
                    Some(Err(held)) => return Err(bad_document(&this.label, &held)),
                    _ => {}
                }
            }
            let replace = format!("INSERT OR REPLACE INTO {} (_id, \"index\") VALUES (?1, ?2)", this.table);
            let replaced = connection.execute(&replace, params![this.name, index]);
            replaced.map(|_| None).map_err(|error| this.failed(error))
        })
    }
}

impl Sqlite {
    fn sequence(&self, open: &Open) -> Sequence {
        let file = open.file.as_ref().map(|&FileId(device, inode)| (device, inode));
        Sequence { file, table: self.table.clone(), name: self.name.clone() }
    }

    /// Ours, and those of others that need nothing but the usual statement. What else there is to say they find out themselves.
    fn claim_for_all(
        &self,
        connection: &Connection,
        claim: &Claim,
        orders: Vec<Order>,
    ) -> Result<(Range, Vec<(Order, Range)>), ClaimError> {
        let raise = |claim: &Claim| self.raise(connection, claim).map_err(|error| self.failed(error));
        let Some(ours) = raise(claim)? else {
            return Err(self.inspect(connection, claim).unwrap_or_else(|error| self.failed(error)));
        };
        let mut others = Vec::new();
        for order in orders {
            if let Some(range) = raise(&order.claim)? {
                others.push((order, range));
            }
        }
        Ok((ours, others))
    }

    fn raise(&self, connection: &Connection, claim: &Claim) -> rusqlite::Result<Option<Range>> {
        // Both numbers fit: a start is below 2^53, a count below 2^31.
        let count = i64::try_from(claim.count).unwrap_or(i64::MAX);
        let most = i64::MAX - count;
        let table = &self.table;
        let raise =
            "\"index\" = \"index\" + ?2 WHERE typeof(\"index\") = 'integer' AND \"index\" BETWEEN 0 AND ?3";
        let range = |row: &rusqlite::Row<'_>| row.get(0).map(|end: i64| Range::new(end - count, end));
        if claim.owned_to.is_some() {
            // A sequence that was there must not begin again.
            let update = format!("UPDATE {table} SET {raise} AND _id = ?1 RETURNING \"index\"");
            let mut update = connection.prepare_cached(&update)?;
            update.query_row(params![self.name, count, most], range).optional()
        } else {
            let upsert = format!(
                "INSERT INTO {table} (_id, \"index\") VALUES (?1, ?4 + ?2) \
                 ON CONFLICT (_id) DO UPDATE SET {raise} RETURNING \"index\""
            );
            let mut upsert = connection.prepare_cached(&upsert)?;
            upsert.query_row(params![self.name, count, most, claim.start], range).optional()
        }
    }
}

/// Durable settings, asked for and read back, and the table.
fn prepare(connection: &Connection, table: &str) -> rusqlite::Result<()> {
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    connection.execute_batch("PRAGMA synchronous = FULL")?;
    let synchronous: i64 = connection.query_row("PRAGMA synchronous", [], |row| row.get(0))?;
    if mode != "wal" || synchronous != 2 {
        let reason = format!("journal_mode is {mode:?} and synchronous {synchronous}, not \"wal\" and 2");
        let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CANTOPEN);
        return Err(rusqlite::Error::SqliteFailure(code, Some(reason)));
    }
    connection.execute_batch(&format!(
        "CREATE TABLE IF NOT EXISTS {table} (_id TEXT PRIMARY KEY NOT NULL, \"index\" INTEGER NOT NULL) STRICT"
    ))
}

fn roll_back(connection: &Connection) {
    if !connection.is_autocommit() {
        // The connection is closed next, which rolls back in any case.
        let _ = connection.execute_batch("ROLLBACK");
    }
}

/// Which file a path leads to. Asked with `stat` alone: to open and close the
/// database here would drop every lock of this process on it.
#[derive(PartialEq, Eq)]
struct FileId(u64, u64);

impl FileId {
    #[cfg(unix)]
    fn of(path: &Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt as _;
        std::fs::metadata(path).ok().map(|file| Self(file.dev(), file.ino()))
    }

    /// Elsewhere an open file cannot be replaced.
    #[cfg(not(unix))]
    fn of(_path: &Path) -> Option<Self> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COUNTS: std::ops::RangeInclusive<u64> = 1..=200;

    #[test]
    fn claims_of_many_at_once_are_distinct_and_none_is_lost() {
        let folder = std::env::temp_dir().join(format!("texample-sqlite-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("ids.db");
        let later = Instant::now() + Duration::from_secs(600);
        let claim_all = |name: &str| {
            let mut store = Sqlite::new(&path, "ids", name, String::new());
            let mut owned_to = None;
            let ranges: Vec<Range> = COUNTS
                .map(|count| {
                    let claim = Claim { count, start: 7, owned_to };
                    let range = store.claim(&claim, later, &Cancel::default()).unwrap();
                    assert_eq!(range.len(), count);
                    assert!(owned_to.is_none_or(|owned_to| range.start >= owned_to));
                    owned_to = Some(range.end);
                    range
                })
                .collect();
            ranges
        };
        let claim_all = &claim_all;
        std::thread::scope(|scope| {
            let names = ["a", "b"];
            let threads = names.map(|name| [(); 4].map(|()| scope.spawn(move || claim_all(name))));
            for (name, threads) in names.into_iter().zip(threads) {
                let mut ranges: Vec<Range> =
                    threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
                ranges.sort_by_key(|range| range.start);
                let mut next = 7;
                for range in ranges {
                    assert_eq!(range.start, next);
                    next = range.end;
                }
                let mut store = Sqlite::new(&path, "ids", name, String::new());
                assert_eq!(store.read(later, &Cancel::default()).unwrap(), Some(next));
            }
        });
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
