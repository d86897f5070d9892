//! Fair waiting for a lock between processes.
//!
//! Two files beside the database carry advisory locks: `queue` admits the one
//! who is next, `lock` the one who is in. Who leaves has to queue again, so a
//! process that claims flat out cannot keep the others out; and of those who
//! queue the longest waiting one looks the most often.
//!
//! The locks belong to open files, not to the process. So they also keep the
//! threads of one process apart, and hold when a second copy of SQLite closes
//! the database and thereby drops every lock of the process on that file.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use super::Cancel;

pub(super) struct Turnstile {
    queue: File,
    lock: File,
}

/// The right to use the database; ends when dropped.
pub(super) struct Pass<'a>(&'a File);

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        // It cannot fail for a lock that is held; if it did, closing the file frees it.
        let _ = self.0.unlock();
    }
}

impl Turnstile {
    /// Opens the lock files beside `database`.
    pub fn open(database: &Path) -> io::Result<Self> {
        let beside = |suffix: &str| {
            let mut path = database.as_os_str().to_owned();
            path.push(suffix);
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
        };
        Ok(Self { queue: beside("-queue")?, lock: beside("-lock")? })
    }

    /// Waits for the lock until `deadline` or `cancel`; none when it was not got.
    pub fn enter(&self, deadline: Instant, cancel: &Cancel) -> io::Result<Option<Pass<'_>>> {
        if !wait(&self.queue, deadline, cancel, queueing)? {
            return Ok(None);
        }
        let _next = Pass(&self.queue);
        Ok(wait(&self.lock, deadline, cancel, next)?.then(|| Pass(&self.lock)))
    }
}

/// How long to pause between two looks, after having waited for `age`.
fn queueing(age: Duration) -> Duration {
    match age.as_millis() {
        0..3 => Duration::from_micros(400),
        3..8 => Duration::from_micros(150),
        8..100 => Duration::from_micros(40),
        // The holder is in trouble: no need to hurry.
        _ => Duration::from_millis(2),
    }
}

fn next(age: Duration) -> Duration {
    if age < Duration::from_millis(100) { Duration::from_micros(60) } else { Duration::from_millis(1) }
}

fn wait(
    file: &File,
    deadline: Instant,
    cancel: &Cancel,
    pause: fn(Duration) -> Duration,
) -> io::Result<bool> {
    let begun = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(true),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let now = Instant::now();
        if now >= deadline || cancel.sleep_until(deadline.min(now + pause(now - begun))) {
            return Ok(false);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_is_between_open_files_and_waiting_ends_at_the_deadline_and_on_cancel() {
        let folder = std::env::temp_dir().join(format!("texample-turnstile-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let database = folder.join("ids.db");
        let (a, b) = (Turnstile::open(&database).unwrap(), Turnstile::open(&database).unwrap());
        let cancel = Cancel::default();
        let soon = || Instant::now() + Duration::from_millis(20);

        let pass = a.enter(soon(), &cancel).unwrap();
        assert!(pass.is_some());
        assert!(b.enter(soon(), &cancel).unwrap().is_none());
        drop(pass);
        assert!(b.enter(soon(), &cancel).unwrap().is_some());

        let _pass = a.enter(soon(), &cancel).unwrap();
        cancel.cancel();
        assert!(b.enter(Instant::now() + Duration::from_secs(600), &cancel).unwrap().is_none());
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
