//! Keeps the write-ahead log of a SQLite file where it is.
//!
//! SQLite's locks belong to the process. So a second copy of SQLite in it, of
//! another add-on perhaps, is not held up by ours, and drops them when it closes
//! the file. Whoever closes the file next then takes itself for the last one, and
//! deletes the log under who still writes to it (see "How To Corrupt An SQLite
//! Database File", 2.2.1).
//!
//! Locks that belong to an open file conflict with SQLite's as those of another
//! process do, and stay until that file is closed. Only Linux has them; elsewhere
//! a log that was taken away is noticed after the commit.

#[cfg(target_os = "linux")]
pub(super) use locks::Guard;

#[cfg(target_os = "linux")]
mod locks {
    use std::collections::BTreeMap;
    use std::fs::File;
    use std::io;
    use std::path::Path;
    use std::sync::{Arc, Mutex, PoisonError, Weak};

    use nix::fcntl::{FcntlArg, fcntl};
    use nix::libc;

    use super::super::file_id::FileId;

    /// Offset and length of the bytes of the database of which each connection holds some. Who deletes the log must
    /// have them all.
    const SHARED: (libc::off_t, libc::off_t) = (0x4000_0002, 510);

    /// The byte of the log's index that each connection holds. Who has it alone empties the index.
    const IN_USE: (libc::off_t, libc::off_t) = (128, 1);

    /// One for each file: to close it drops the locks of all connections of this process.
    static GUARDS: Mutex<BTreeMap<FileId, Weak<Guard>>> = Mutex::new(BTreeMap::new());

    pub struct Guard {
        _database: File,
        _index: File,
    }

    impl Guard {
        /// Guards a database that is open. `WouldBlock` when somebody is about to take the log away, `NotFound` when
        /// somebody just did.
        pub fn of(database: &Path, index: &Path, file: FileId) -> io::Result<Arc<Self>> {
            let mut guards = GUARDS.lock().unwrap_or_else(PoisonError::into_inner);
            guards.retain(|_, guard| guard.strong_count() > 0);
            if let Some(guard) = guards.get(&file).and_then(Weak::upgrade) {
                return Ok(guard);
            }
            let (database, index) = (hold(database, SHARED)?, hold(index, IN_USE)?);
            let guard = Arc::new(Self { _database: database, _index: index });
            guards.insert(file, Arc::downgrade(&guard));
            Ok(guard)
        }
    }

    /// Opens a file and takes a lock of its own on some bytes, which others may share.
    fn hold(path: &Path, bytes: (libc::off_t, libc::off_t)) -> io::Result<File> {
        let file = File::open(path)?;
        fcntl(&file, FcntlArg::F_OFD_SETLK(&lock(libc::F_RDLCK, bytes)))?;
        Ok(file)
    }

    fn lock(kind: libc::c_int, (start, length): (libc::off_t, libc::off_t)) -> libc::flock {
        libc::flock {
            l_type: kind as libc::c_short,
            l_whence: libc::SEEK_SET as libc::c_short,
            l_start: start,
            l_len: length,
            l_pid: 0,
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn while_a_file_is_guarded_not_even_this_process_has_it_alone() {
            let folder = std::env::temp_dir().join(format!("texample-guard-{}", std::process::id()));
            std::fs::create_dir_all(&folder).unwrap();
            let [database, index] = ["ids.db", "ids.db-shm"].map(|name| folder.join(name));
            let files = [&database, &index].map(|path| File::create(path).unwrap());
            // As SQLite does it: this lock belongs to the process.
            let has_alone = |(file, bytes): (&File, _)| {
                fcntl(file, FcntlArg::F_SETLK(&lock(libc::F_WRLCK, bytes))).is_ok()
            };
            let had_alone = || [(&files[0], SHARED), (&files[1], IN_USE)].map(has_alone);

            let id = FileId::of(&database).unwrap();
            let taken_away = Guard::of(&database, &folder.join("gone"), id);
            assert!(taken_away.is_err_and(|error| error.kind() == io::ErrorKind::NotFound));
            let guard = Guard::of(&database, &index, id).unwrap();
            let same = Guard::of(&database, &index, id).unwrap();
            assert!(Arc::ptr_eq(&guard, &same), "one for each file");
            drop(guard);
            assert_eq!(had_alone(), [false, false]);
            drop(same);
            assert_eq!(had_alone(), [true, true]);
            std::fs::remove_dir_all(&folder).unwrap();
        }
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) use none::Guard;

#[cfg(not(target_os = "linux"))]
mod none {
    use std::io;
    use std::path::Path;
    use std::sync::Arc;

    use super::super::file_id::FileId;

    pub struct Guard;

    impl Guard {
        pub fn of(_database: &Path, _index: &Path, _file: FileId) -> io::Result<Arc<Self>> {
            Ok(Arc::new(Self))
        }
    }
}
