//! Fair waiting for a lock between processes.
//!
//! A folder beside the database holds a row of files with advisory locks: who
//! holds the last one is in. Everybody enters at the first and moves up, file
//! by file, letting go of one only when the next one is held. So nobody
//! overtakes, however slowly the system wakes who is next. At most one waits for
//! each file but the first, where the rest wait when they are more than files.

//! The locks belong to open files, not to the process. So they also keep the
//! threads of one process apart, and hold when a second copy of SQLite closes
//! the database and thereby drops every lock of the process on that file.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, after, bounded, select};

use super::Cancel;

/// So many wait in strict order.
const PLACES: usize = 8;

/// How long to wait for the doorkeeper at the end.
const END: Duration = Duration::from_secs(1);

pub(super) struct Turnstile {
    files: Arc<Files>,
    doorkeeper: Option<Doorkeeper>,
}

/// Waits where the system lets nobody interrupt the wait, so that the claimer can be interrupted.
struct Doorkeeper {
    thread: JoinHandle<()>,
    wishes: Sender<Wish>,
    door: Arc<Mutex<Door>>,
    /// Rung when a wish was granted.
    bell: Receiver<()>,
    /// Disconnected at the thread's end.
    ended: Receiver<()>,
}

/// Between claimer and doorkeeper.
#[derive(Default)]
struct Door {
    /// The doorkeeper is at a wish.
    pending: bool,
    /// The claimer waits for it. To one who gave up nothing is granted: nobody would leave again.
    waiting: bool,
    /// The claimer is in, or never will be.
    granted: Option<io::Result<()>>,
}

/// To move up from this place on; the one before it is held.
struct Wish(usize);

struct Files([File; PLACES]);

/// The right to use the database; ends when dropped.
pub(super) struct Pass(Arc<Files>);

impl Drop for Pass {
    fn drop(&mut self) {
        unlock(self.0.last());
    }
}

impl Turnstile {
    /// Opens the lock files beside `database`.
    pub fn open(database: &Path) -> io::Result<Self> {
        let mut folder = database.as_os_str().to_owned();
        folder.push("-locks");
        let folder = PathBuf::from(folder);
        if let Err(error) = std::fs::create_dir(&folder)
            && error.kind() != io::ErrorKind::AlreadyExists
        {
            return Err(error);
        }
        let open = |place: usize| {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true).truncate(false).open(folder.join(place.to_string()))
        };
        let mut files = Vec::with_capacity(PLACES);
        for place in 0..PLACES {
            files.push(open(place)?);
        }
        // There are as many as places.
        let files: [File; PLACES] =
            files.try_into().map_err(|_| io::Error::other("a lock file is missing"))?;
        Ok(Self { files: Arc::new(Files(files)), doorkeeper: None })
    }

    /// Waits for the lock until `deadline` or `cancel`; none when it was not got.
    pub fn enter(&mut self, deadline: Instant, cancel: &Cancel) -> io::Result<Option<Pass>> {
        let queues = self.doorkeeper.as_ref().is_some_and(Doorkeeper::expect);
        if !queues {
            match self.files.move_up(0, try_lock)? {
                None => return Ok(Some(Pass(Arc::clone(&self.files)))),
                Some(place) => self.doorkeeper()?.wish(Wish(place))?,
            }
        }
        let doorkeeper = self.doorkeeper()?;
        loop {
            let over = select! {
                recv(doorkeeper.bell) -> rung => rung.is_err(),
                recv(cancel.signal()) -> _ => true,
                recv(after(deadline.saturating_duration_since(Instant::now()))) -> _ => true,
            };
            let mut door = doorkeeper.door();
            if let Some(granted) = door.granted.take() {
                door.waiting = false;
                drop(door);
                granted?;
                return Ok(Some(Pass(Arc::clone(&self.files))));
            }
            if over {
                door.waiting = false;
                return Ok(None);
            }
        }
    }

    fn doorkeeper(&mut self) -> io::Result<&mut Doorkeeper> {
        match &mut self.doorkeeper {
            Some(doorkeeper) => Ok(doorkeeper),
            none => Ok(none.insert(Doorkeeper::start(&self.files)?)),
        }
    }
}

impl Drop for Turnstile {
    fn drop(&mut self) {
        let Some(Doorkeeper { thread, wishes, ended, .. }) = self.doorkeeper.take() else { return };
        drop(wishes);
        if ended.recv_timeout(END) != Err(RecvTimeoutError::Timeout) {
            // It only waits and tells: there is no panic in it to hand on.
            let _ = thread.join();
        }
        // Else the process that holds the lock is frozen. The thread ends when that one does, and touches nothing of ours.
    }
}

impl Doorkeeper {
    fn start(files: &Arc<Files>) -> io::Result<Self> {
        let files = Arc::clone(files);
        let door = Arc::new(Mutex::new(Door::default()));
        let (wishes, wished) = bounded::<Wish>(1);
        let (ring, bell) = bounded(1);
        let (ending, ended) = bounded::<()>(0);
        let keeper = Arc::clone(&door);
        let work = move || {
            let _ending = ending;
            for Wish(place) in wished {
                let entered = files.move_up(place, |file| lock(file).map(|()| true)).map(drop);
                let mut door = keeper.lock().unwrap_or_else(PoisonError::into_inner);
                door.pending = false;
                if door.waiting {
                    door.granted = Some(entered);
                    // A full bell is rung already.
                    let _ = ring.try_send(());
                } else if entered.is_ok() {
                    unlock(files.last());
                }
            }
        };
        let thread = std::thread::Builder::new().name("texample-lock".into()).spawn(work)?;
        Ok(Self { thread, wishes, door, bell, ended })
    }

    fn door(&self) -> MutexGuard<'_, Door> {
        self.door.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits again for an earlier wish; false when there is none.
    fn expect(&self) -> bool {
        let mut door = self.door();
        door.waiting = door.pending;
        door.pending
    }

    fn wish(&self, wish: Wish) -> io::Result<()> {
        {
            let mut door = self.door();
            door.pending = true;
            door.waiting = true;
        }
        // Room for one, and none is pending.
        self.wishes.send(wish).map_err(|_| io::Error::other("the thread that waits for the lock has ended"))
    }
}

impl Files {
    /// Takes one place after the other from `place` on; returns the first that was not to be had.
    fn move_up(&self, place: usize, take: impl Fn(&File) -> io::Result<bool>) -> io::Result<Option<usize>> {
        for place in place..PLACES {
            let taken = take(&self.0[place]);
            if taken.is_err() && place > 0 {
                unlock(&self.0[place - 1]);
            }
            if !taken? {
                return Ok(Some(place));
            }
            if place > 0 {
                unlock(&self.0[place - 1]);
            }
        }
        Ok(None)
    }

    fn last(&self) -> &File {
        &self.0[PLACES - 1]
    }
}

fn lock(file: &File) -> io::Result<()> {
    loop {
        match file.lock() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

fn try_lock(file: &File) -> io::Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn unlock(file: &File) {
    // It cannot fail for a lock that is held; if it did, closing the file frees it.
    let _ = file.unlock();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_is_between_open_files_and_waiting_ends_at_the_deadline_and_on_cancel() {
        let folder = std::env::temp_dir().join(format!("texample-turnstile-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let database = folder.join("ids.db");
        let (mut a, mut b) = (Turnstile::open(&database).unwrap(), Turnstile::open(&database).unwrap());
        let cancel = Cancel::default();
        let soon = || Instant::now() + Duration::from_millis(20);
        let later = || Instant::now() + Duration::from_secs(600);

        let pass = a.enter(soon(), &cancel).unwrap();
        assert!(pass.is_some());
        assert!(b.enter(soon(), &cancel).unwrap().is_none());
        assert!(b.enter(soon(), &cancel).unwrap().is_none(), "it still queues");
        drop(pass);
        // Nobody waits: nobody is in.
        drop(a.enter(later(), &cancel).unwrap().unwrap());
        let pass = b.enter(later(), &cancel).unwrap();
        assert!(pass.is_some());
        assert!(a.enter(soon(), &cancel).unwrap().is_none());
        // The wish of who left the queue for good is granted to nobody.
        drop(pass);
        drop(a);
        drop(b.enter(later(), &cancel).unwrap().unwrap());

        let mut c = Turnstile::open(&database).unwrap();
        let pass = c.enter(later(), &cancel).unwrap();
        assert!(pass.is_some());
        cancel.cancel();
        assert!(b.enter(later(), &cancel).unwrap().is_none());
        drop(pass);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
