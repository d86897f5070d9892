//! The one connection of this process to a SQLite file.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};

use super::Failure;
use super::table::COLUMNS;
use crate::ids::Cancel;

/// The open files. Locked while a file is opened or closed: two connections to one file would not
/// see each other's locks.
static OPEN: Mutex<BTreeMap<FileId, Weak<File>>> = Mutex::new(BTreeMap::new());

/// A file, whatever its names: device and inode. Where an open file cannot be replaced, nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct FileId(u64, u64);

impl FileId {
    /// Asked with `stat` alone: to open the file and close it again would drop the application's
    /// locks.
    #[cfg(unix)]
    fn of(path: &Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt as _;
        std::fs::metadata(path).ok().map(|file| Self(file.dev(), file.ino()))
    }

    /// Windows' locks belong to the handle, so each claimer may have a connection of its own.
    #[cfg(not(unix))]
    fn of(_path: &Path) -> Option<Self> {
        use std::sync::atomic::AtomicU64;
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Some(Self(0, NEXT.fetch_add(1, Ordering::Relaxed)))
    }
}

/// A connection, shared by the claimers of all paths that lead to the file.
struct File {
    id: FileId,
    connection: Mutex<Connection>,
    /// The settings are in force.
    durable: AtomicBool,
}

/// A claimer's hold on the file. Dropping the last one closes the connection.
pub(super) struct OpenFile(Option<Arc<File>>);

impl Drop for OpenFile {
    fn drop(&mut self) {
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.0.take());
        open.retain(|_, file| file.strong_count() > 0);
    }
}

impl OpenFile {
    /// Opens the file at `path`, and creates it if there is none.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
        super::descriptors::install().map_err(Failure::no_locks)?;
        #[cfg(all(unix, not(any(target_os = "linux", target_os = "android", target_vendor = "apple"))))]
        return Err(Failure::no_locks(std::io::ErrorKind::Unsupported.into()));
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        let before = FileId::of(path);
        if let Some(file) = before.and_then(|id| open.get(&id)).and_then(Weak::upgrade) {
            return Ok(Self(Some(file)));
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(path, flags)?;
        connection.busy_handler(Some(wait))?;
        // Another process may have put another file there in between.
        let id = FileId::of(path).ok_or(Failure::Replaced)?;
        let is_same = cfg!(not(unix)) || before.is_none_or(|before| before == id);
        if !is_same || open.get(&id).and_then(Weak::upgrade).is_some() {
            return Err(Failure::Replaced);
        }
        let file = Arc::new(File { id, connection: Mutex::new(connection), durable: AtomicBool::new(false) });
        open.insert(id, Arc::downgrade(&file));
        Ok(Self(Some(file)))
    }

    /// Whether `path` still leads to this file.
    pub fn is_at(&self, path: &Path) -> bool {
        cfg!(not(unix)) || self.file().is_some_and(|file| FileId::of(path) == Some(file.id))
    }

    /// The connection; other claimers of the file wait.
    pub fn connection(&self) -> Option<MutexGuard<'_, Connection>> {
        self.file().map(|file| file.connection.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts the settings in force that make a commit outlive a loss of power, and reads them back.
    ///
    /// A file that holds nothing but ids gets a write-ahead log. Any other belongs to the
    /// application, whose journal mode stays; what is set is this connection's alone. Source:
    /// <https://www.sqlite.org/pragma.html#pragma_synchronous>: FULL is durable in WAL mode, EXTRA
    /// in rollback modes.
    pub fn make_durable(&self, connection: &Connection) -> Result<(), Failure> {
        let Some(file) = self.file().filter(|file| !file.durable.load(Ordering::Relaxed)) else {
            return Ok(());
        };
        let text = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, String>(0));
        let mut mode = text("PRAGMA journal_mode")?;
        if mode != "wal" && holds_only_ids(connection)? {
            // While other connections use the file it may keep its mode.
            mode = text("PRAGMA journal_mode = WAL").unwrap_or(mode);
        }
        let wanted = if mode == "wal" { 2 } else { 3 };
        // The second one counts on macOS, where the disk's own cache may lose what is committed
        // without it.
        connection.execute_batch(&format!("PRAGMA synchronous = {wanted}; PRAGMA fullfsync = ON"))?;
        let number = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        let (synchronous, fullfsync) = (number("synchronous")?, number("fullfsync")?);
        if synchronous != wanted || fullfsync != 1 {
            return Err(Failure::settings(&mode, synchronous, fullfsync));
        }
        file.durable.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn file(&self) -> Option<&File> {
        self.0.as_deref()
    }
}

fn holds_only_ids(connection: &Connection) -> rusqlite::Result<bool> {
    let others = "SELECT count(*) FROM sqlite_schema \
        WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND NOT (type = 'table' AND sql LIKE '%' || ?1)";
    let count: i64 = connection.query_row(others, [COLUMNS], |row| row.get(0))?;
    Ok(count == 0)
}

/// How long the statements of this thread wait for a lock.
struct Patience {
    deadline: Instant,
    cancel: Cancel,
    random: u64,
}

thread_local! {
    static PATIENCE: RefCell<Option<Patience>> = const { RefCell::new(None) };
}

/// Runs `work`, whose statements wait for the locks of other connections until `deadline` or
/// `cancel`.
pub(super) fn patient<T>(deadline: Instant, cancel: &Cancel, work: impl FnOnce() -> T) -> T {
    let random = RandomState::new().hash_one(()) | 1;
    PATIENCE.set(Some(Patience { deadline, cancel: cancel.clone(), random }));
    let result = work();
    PATIENCE.set(None);
    result
}

/// Busy handler: sleeps for 0.2 to 2 ms, with jitter. SQLite's own sleeps grow to 100 ms, so that
/// of many processes some wait for seconds.
fn wait(_attempts: i32) -> bool {
    PATIENCE.with_borrow_mut(|patience| {
        let Some(patience) = patience else { return false };
        let now = Instant::now();
        // Xorshift: never zero, any seed will do.
        patience.random ^= patience.random << 13;
        patience.random ^= patience.random >> 7;
        patience.random ^= patience.random << 17;
        let pause = Duration::from_micros(200 + patience.random % 1800);
        now < patience.deadline && !patience.cancel.sleep_until((now + pause).min(patience.deadline))
    })
}
