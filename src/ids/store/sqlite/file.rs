//! The one connection of this process to a SQLite file.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::path::Path;
#[cfg(windows)]
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};

use super::failure::Failure;
use super::table::COLUMNS;
use crate::ids::{Cancel, lock};

/// The open files. Locked while a file is opened or closed: two connections to one file would not
/// see each other's locks.
static OPEN: Mutex<BTreeMap<FileId, Weak<File>>> = Mutex::new(BTreeMap::new());

/// A file, whatever its names: the disk's number and the file's on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct FileId(u64, u64);

/// What a path leads to.
#[derive(Clone, Copy)]
struct Target {
    id: FileId,
    /// Names in folders; symbolic links are none.
    hard_links: u64,
}

impl Target {
    /// Asked with `stat` alone: to open the file and close it again would drop the application's
    /// locks.
    #[cfg(unix)]
    fn of(path: &Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt as _;
        let file = std::fs::metadata(path).ok()?;
        Some(Self { id: FileId(file.dev(), file.ino()), hard_links: file.nlink() })
    }

    /// Asked by a handle without any right, which no other program's handle keeps out.
    #[cfg(windows)]
    fn of(path: &Path) -> Option<Self> {
        use std::os::windows::fs::OpenOptionsExt as _;
        let file = std::fs::OpenOptions::new().access_mode(0).open(path).ok()?;
        let file = winapi_util::file::information(&file).ok()?;
        let id = FileId(file.volume_serial_number(), file.file_index());
        Some(Self { id, hard_links: file.number_of_links() })
    }
}

/// The file's own path, and the file, if there was none.
///
/// SQLite names the log after the path that it opens. On Unix it follows symbolic links first; on
/// Windows two processes that name the file differently would not see each other's log.
#[cfg(windows)]
fn own_path(path: &Path) -> PathBuf {
    // What goes wrong here is told by SQLite, which opens the file next.
    let _ = std::fs::OpenOptions::new().write(true).create(true).truncate(false).open(path);
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// A connection, shared by the claimers of all paths that lead to the file.
struct File {
    id: FileId,
    connection: Mutex<Connection>,
    /// The settings are in force.
    durable: AtomicBool,
    /// It was opened by a symbolic link, after which an application's SQLite names its log.
    linked: bool,
}

/// A claimer's hold on the file. Dropping the last one closes the connection.
pub(super) struct OpenFile(Option<Arc<File>>);

impl Drop for OpenFile {
    fn drop(&mut self) {
        let mut open = lock(&OPEN);
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
        let linked = cfg!(windows) && path.is_symlink();
        #[cfg(windows)]
        let path = &own_path(path);
        let mut open = lock(&OPEN);
        let before = Target::of(path).map(|target| target.id);
        if let Some(file) = before.and_then(|id| open.get(&id)).and_then(Weak::upgrade) {
            return Ok(Self(Some(file)));
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(path, flags)?;
        connection.busy_handler(Some(wait))?;
        // Another process may have put another file there in between.
        let Target { id, hard_links } = Target::of(path).ok_or(Failure::Replaced)?;
        if hard_links > 1 {
            return Err(Failure::hard_links(hard_links));
        }
        let is_same = before.is_none_or(|before| before == id);
        if !is_same || open.get(&id).and_then(Weak::upgrade).is_some() {
            return Err(Failure::Replaced);
        }
        let (connection, durable) = (Mutex::new(connection), AtomicBool::new(false));
        let file = Arc::new(File { id, connection, durable, linked });
        open.insert(id, Arc::downgrade(&file));
        Ok(Self(Some(file)))
    }

    /// Whether `path` still leads to this file.
    pub fn is_at(&self, path: &Path) -> bool {
        let target = Target::of(path);
        self.file().is_some_and(|file| target.is_some_and(|target| target.id == file.id))
    }

    /// The connection; other claimers of the file wait.
    pub fn connection(&self) -> Option<MutexGuard<'_, Connection>> {
        self.file().map(|file| lock(&file.connection))
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
        let only_ids = holds_only_ids(connection)?;
        if file.linked && !only_ids {
            return Err(Failure::link());
        }
        let text = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, String>(0));
        let mut mode = text("PRAGMA journal_mode")?;
        if mode != "wal" && only_ids {
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
