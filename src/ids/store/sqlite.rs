//! Sequences in a SQLite file: a row each, `_id` and `index`, in a table named like the collection.
//!
//! A range is ours when `COMMIT` said so, and not before: `RETURNING` shows the
//! row of a transaction whose commit may still fail. WAL with `synchronous`
//! FULL, so that a commit outlives a loss of power.

use std::cell::{Cell, OnceCell};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode as Sqlite3, OpenFlags, OptionalExtension, params};

use super::file_id::FileId;
use super::guard::Guard;
use super::row::{Order, Sequence};
use super::turnstile::{Pass, Turn, Turnstile};
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
    /// Without links, as SQLite names the files beside it.
    path: PathBuf,
    turnstile: Turnstile,
    file: FileId,
    /// A connection that has not looked at the log yet.
    fresh: Cell<Option<Connection>>,
    session: OnceCell<Session>,
}

/// A connection whose settings are in force, whose table is there, and whose log stays where it is.
struct Session {
    /// Released before the connection closes, so that the last one may take the log away. None where the file system
    /// has no such locks.
    _guard: Option<Arc<Guard>>,
    connection: Connection,
    log: Option<FileId>,
}

impl Open {
    /// A file that SQLite keeps beside the database.
    fn beside(&self, suffix: &str) -> PathBuf {
        let mut path = self.path.clone().into_os_string();
        path.push(suffix);
        path.into()
    }

    /// The write-ahead log that is there.
    fn log(&self) -> Option<FileId> {
        FileId::of(&self.beside("-wal"))
    }
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
        let session = match open.session.get() {
            Some(session) => session,
            None => {
                let session = self.session(open)?;
                open.session.get_or_init(|| session)
            }
        };
        let connection = &session.connection;
        self.check_log(open, session)?;
        connection.execute_batch("BEGIN IMMEDIATE").map_err(|error| self.attempt_failed(error))?;
        let value = match work(self, connection) {
            Ok(value) => value,
            Err(error) => {
                roll_back(connection);
                return Err(Attempt::Failed(error));
            }
        };
        match connection.execute_batch("COMMIT") {
            Ok(()) => self.check_log(open, session).map(|()| value),
            Err(error) => {
                roll_back(connection);
                // Busy or not: whether the transaction will turn out to be there is nobody's to guess.
                Err(Attempt::Failed(self.failed(error)))
            }
        }
    }

    fn connect(&self) -> Result<Open, ClaimError> {
        let before = FileId::of(&self.path);
        let fresh = Cell::new(Some(self.connection()?));
        let path = self.path.canonicalize().map_err(|error| self.no_file(error))?;
        let file = FileId::of(&path).filter(|&file| before.is_none_or(|before| before == file));
        let file = file.ok_or_else(|| self.replaced())?;
        let turnstile = Turnstile::open(&path).map_err(|error| self.no_file(error))?;
        Ok(Open { path, turnstile, file, fresh, session: OnceCell::new() })
    }

    fn connection(&self) -> Result<Connection, ClaimError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection =
            Connection::open_with_flags(&self.path, flags).map_err(|error| self.failed(error))?;
        connection.busy_timeout(BUSY).map_err(|error| self.failed(error))?;
        Ok(connection)
    }

    /// Connects twice: the first connection makes the log, if there is none. The second one opens it when it is
    /// guarded, so that it is surely the one that is there.
    fn session(&self, open: &Open) -> Result<Session, Attempt> {
        let connection = || self.connection().map_err(Attempt::Failed);
        let first = open.fresh.take().map_or_else(connection, Ok)?;
        if let Err(error) = prepare(&first, &self.table) {
            open.fresh.set(Some(first));
            return Err(self.attempt_failed(error));
        }
        let guard = match Guard::of(&open.path, &open.beside("-shm"), open.file) {
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::NotFound) => {
                return Err(Attempt::Busy);
            }
            guard => guard.ok(),
        };
        drop(first);
        let connection = connection()?;
        prepare(&connection, &self.table).map_err(|error| self.attempt_failed(error))?;
        Ok(Session { _guard: guard, connection, log: open.log() })
    }

    /// A file that was removed or replaced under us would take our claims with it.
    fn check_file(&self, open: &Open, owned_to: Option<i64>) -> Result<(), ClaimError> {
        if FileId::of(&self.path) == Some(open.file) {
            return Ok(());
        }
        match owned_to {
            Some(owned_to) => Err(vanished(&self.label, owned_to)),
            // The next attempt opens the file that is there now.
            None => Err(self.replaced()),
        }
    }

    /// So would a write-ahead log that somebody took away. What was just claimed is abandoned then, and the next attempt
    /// opens the log that is there now.
    fn check_log(&self, open: &Open, session: &Session) -> Result<(), Attempt> {
        if open.log() == session.log {
            return Ok(());
        }
        let message = format!("the write-ahead log of {} was taken away while it was in use", self.label);
        Err(Attempt::Failed(ClaimError::Transient(Error::new(ErrorCode::SequenceUnavailable, message))))
    }

    fn replaced(&self) -> ClaimError {
        let message = format!("the file of {} was replaced while it was opened", self.label);
        ClaimError::Transient(Error::new(ErrorCode::SequenceUnavailable, message))
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

    fn no_file(&self, error: io::Error) -> ClaimError {
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
            Some(Turn::In(pass)) => Some(self.claim_in(&open, &pass, (&ours, claim), deadline, cancel)),
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
        // In turn, with a guard: a connection beside both loses its locks with the last guard of this process.
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
        Sequence { file: open.file, table: self.table.clone(), name: self.name.clone() }
    }

    /// Claims for ourselves and for those who wait for the same, and answers them when that is committed.
    fn claim_in(
        &self,
        open: &Open,
        pass: &Pass<'_>,
        (of, claim): (&Sequence, &Claim),
        deadline: Instant,
        cancel: &Cancel,
    ) -> Result<Range, ClaimError> {
        let (ours, others) = self.commit(open, claim.owned_to, deadline, cancel, |this, connection| {
            this.claim_for_all(connection, claim, || pass.orders(of))
        })?;
        for (order, range) in &others {
            pass.answer(order, *range);
        }
        Ok(ours)
    }

    /// Ours, and those of others that need nothing but the usual statement. `orders` is asked late, when more have come.
    fn claim_for_all(
        &self,
        connection: &Connection,
        claim: &Claim,
        orders: impl FnOnce() -> Vec<Order>,
    ) -> Result<(Range, Vec<(Order, Range)>), ClaimError> {
        let Some(ours) = self.raise(connection, claim).map_err(|error| self.failed(error))? else {
            return Err(self.inspect(connection, claim).unwrap_or_else(|error| self.failed(error)));
        };
        let mut others = Vec::new();
        for order in orders() {
            match self.raise(connection, &order.claim) {
                Ok(Some(range)) => others.push((order, range)),
                // The whole transaction failed.
                Err(error) if connection.is_autocommit() => return Err(self.failed(error)),
                // What there is to say its owner finds out itself.
                Ok(None) | Err(_) => {}
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
    // The second one counts on macOS, where the disk's own cache may lose what is committed without it.
    connection.execute_batch("PRAGMA synchronous = FULL; PRAGMA fullfsync = ON")?;
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get(0));
    let (synchronous, fullfsync): (i64, i64) = (pragma("synchronous")?, pragma("fullfsync")?);
    if mode != "wal" || synchronous != 2 || fullfsync != 1 {
        let reason = format!(
            "journal_mode is {mode:?}, synchronous {synchronous} and fullfsync {fullfsync}, not \"wal\", 2 and 1"
        );
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

#[cfg(test)]
mod tests {
    use super::*;

    const CLAIM: Claim = Claim { count: 3, start: 7, owned_to: None };

    /// A database in a folder of its own for each test.
    struct Database(PathBuf);

    impl Database {
        fn new(name: &str) -> Self {
            let folder = std::env::temp_dir().join(format!("texample-sqlite-{name}-{}", std::process::id()));
            std::fs::create_dir_all(&folder).unwrap();
            Self(folder.join("ids.db"))
        }

        fn store(&self, name: &str) -> Sqlite {
            Sqlite::new(&self.0, "ids", name, String::new())
        }
    }

    impl Drop for Database {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(self.0.parent().unwrap());
        }
    }

    fn later() -> Instant {
        Instant::now() + Duration::from_secs(600)
    }

    fn claim(store: &mut Sqlite, claim: &Claim) -> Range {
        store.claim(claim, later(), &Cancel::default()).unwrap()
    }

    fn come_in(turnstile: &Turnstile) -> Pass<'_> {
        match turnstile.enter(None, later(), &Cancel::default()).unwrap() {
            Some(Turn::In(pass)) => pass,
            _ => panic!("not in"),
        }
    }

    /// Waits until so many have left an order.
    fn wait_for_orders(pass: &Pass<'_>, of: &Sequence, count: usize) {
        let end = Instant::now() + Duration::from_secs(60);
        while pass.orders(of).len() < count {
            assert!(Instant::now() < end, "no order in a minute");
            std::thread::yield_now();
        }
    }

    #[test]
    fn claims_of_many_at_once_are_distinct_and_none_is_lost() {
        let database = &Database::new("many");
        let claim_all = |name: &str| {
            let mut store = database.store(name);
            let mut owned_to = None;
            let ranges: Vec<Range> = (1..=200)
                .map(|count| {
                    let range = claim(&mut store, &Claim { count, start: 7, owned_to });
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
                let left = database.store(name).read(later(), &Cancel::default()).unwrap();
                assert_eq!(left, Some(next));
            }
        });
    }

    #[test]
    fn a_claim_is_made_with_the_settings_that_outlive_a_loss_of_power() {
        let database = Database::new("power");
        let mut store = database.store("a");
        claim(&mut store, &CLAIM);
        let connection = &store.open.as_ref().unwrap().session.get().unwrap().connection;
        let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).unwrap();
        assert_eq!((pragma("synchronous"), pragma("fullfsync")), (2, 1));
        let mode: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
        assert_eq!(mode, "wal");
    }

    #[test]
    fn one_transaction_claims_for_all_who_wait() {
        let database = Database::new("all");
        let mut stores = [(); 5].map(|()| database.store("a"));
        for store in &mut stores {
            store.open = Some(store.connect().unwrap());
        }
        let ours = stores[0].sequence(stores[0].open.as_ref().unwrap());
        let turnstile = Turnstile::open(&database.0).unwrap();
        let inside = come_in(&turnstile);
        std::thread::scope(|scope| {
            let threads = stores.each_mut().map(|store| scope.spawn(|| claim(store, &CLAIM)));
            wait_for_orders(&inside, &ours, 5);
            drop(inside);
            let mut ranges = threads.map(|thread| thread.join().unwrap());
            ranges.sort_by_key(|range| range.start);
            assert_eq!(ranges.map(|range| range.start), [7, 10, 13, 16, 19]);
        });
        let used = stores.iter().filter(|store| store.open.as_ref().unwrap().session.get().is_some());
        assert_eq!(used.count(), 1, "the others never used the database");
    }

    #[test]
    fn who_waits_hears_nothing_of_a_commit_that_failed() {
        let database = Database::new("fails");
        let (mut one, mut other) = (database.store("a"), database.store("a"));
        assert_eq!(claim(&mut one, &CLAIM).start, 7);
        assert_eq!(claim(&mut other, &CLAIM).start, 10);
        let (one_open, other_open) = (one.open.take().unwrap(), other.open.as_ref().unwrap());
        let pragma = |open: &Open, on: &str| {
            let connection = &open.session.get().unwrap().connection;
            connection.execute_batch(&format!("PRAGMA foreign_keys = {on}")).unwrap();
        };
        pragma(&one_open, "ON");
        pragma(other_open, "OFF");
        let broken = "CREATE TABLE parents (x PRIMARY KEY);
            CREATE TABLE children (x REFERENCES parents (x) DEFERRABLE INITIALLY DEFERRED);
            CREATE TRIGGER breaks AFTER UPDATE ON ids BEGIN INSERT INTO children VALUES (1); END";
        one_open.session.get().unwrap().connection.execute_batch(broken).unwrap();

        let ours = one.sequence(&one_open);
        let inside = come_in(&one_open.turnstile);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| claim(&mut other, &CLAIM));
            wait_for_orders(&inside, &ours, 1);
            let failed = one.claim_in(&one_open, &inside, (&ours, &CLAIM), later(), &Cancel::default());
            assert!(failed.is_err());
            assert_eq!(inside.orders(&ours).len(), 1, "it was not answered");
            drop(inside);
            assert_eq!(waiting.join().unwrap().start, 13, "as if nobody had tried");
        });
    }

    #[test]
    fn an_order_that_the_table_does_not_take_fails_nobody_else() {
        let database = Database::new("check");
        let (mut one, mut other) = (database.store("a"), database.store("a"));
        assert_eq!(claim(&mut one, &CLAIM).start, 7);
        let open = one.open.take().unwrap();
        let picky = "CREATE TRIGGER picky BEFORE UPDATE ON ids WHEN NEW.\"index\" > OLD.\"index\" + 10
            BEGIN SELECT RAISE(ABORT, 'too many'); END";
        open.session.get().unwrap().connection.execute_batch(picky).unwrap();
        let ours = one.sequence(&open);
        let inside = come_in(&open.turnstile);
        std::thread::scope(|scope| {
            let refused = scope
                .spawn(|| other.claim(&Claim { count: 100, ..CLAIM }, later(), &Cancel::default()).is_err());
            wait_for_orders(&inside, &ours, 1);
            let range = one.claim_in(&open, &inside, (&ours, &CLAIM), later(), &Cancel::default());
            assert_eq!(range.unwrap(), Range::new(10, 13));
            drop(inside);
            assert!(refused.join().unwrap(), "its owner found out itself");
        });
    }

    #[test]
    fn a_log_that_was_taken_away_is_noticed_before_and_after_a_commit() {
        let database = Database::new("log");
        let mut store = database.store("a");
        assert_eq!(claim(&mut store, &CLAIM).start, 7);
        let log = store.open.as_ref().unwrap().beside("-wal");
        std::fs::remove_file(&log).unwrap();
        std::fs::write(&log, []).unwrap();
        let lost = |outcome| matches!(outcome, Err(Attempt::Failed(ClaimError::Transient(_))));
        let open = store.open.as_ref().unwrap();
        let attempted = store.attempt(open, &|_, _| -> Result<(), _> { panic!("not with this log") });
        assert!(lost(attempted));

        let database = Database::new("log-later");
        let mut store = database.store("a");
        assert_eq!(claim(&mut store, &CLAIM).start, 7);
        let open = store.open.as_ref().unwrap();
        let log = open.beside("-wal");
        let attempted = store.attempt(open, &|_, _| {
            std::fs::remove_file(&log).unwrap();
            Ok(())
        });
        assert!(lost(attempted));
    }

    #[cfg(unix)]
    #[test]
    fn a_link_leads_to_the_same_turn_and_the_same_log() {
        let database = Database::new("link");
        let mut store = database.store("a");
        assert_eq!(claim(&mut store, &CLAIM).start, 7);
        let link = database.0.with_file_name("link.db");
        std::os::unix::fs::symlink(&database.0, &link).unwrap();
        let mut linked = Sqlite::new(&link, "ids", "a", String::new());
        assert_eq!(claim(&mut linked, &CLAIM).start, 10);
        let (open, linked) = (store.open.as_ref().unwrap(), linked.open.as_ref().unwrap());
        assert_eq!(open.path, linked.path);
        assert!(open.log().is_some());
        assert_eq!(store.sequence(open), store.sequence(linked));
    }
}
