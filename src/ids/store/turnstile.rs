//! Fair waiting for a lock between processes.
//!
//! A folder beside the database holds the lock, a row with a place for each who
//! may wait, and a bell for each place. Who leaves tells the next one in the
//! row, round and round, before the lock is free, and nobody enters past one who
//! was told. So everybody waits for about one turn of each other, and a
//! turn costs one wake-up.
//!
//! The lock alone keeps processes apart; row and bell are hints. A hint that is
//! lost, because its process was killed or is frozen, costs the others `PATIENCE`.

//! The lock belongs to an open file, not to the process. So it also keeps the
//! threads of one process apart, and holds when a second copy of SQLite closes
//! the database and thereby drops every lock of the process on that file.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use super::Cancel;
use super::bell::{Bell, Ringer};

/// So many wait fairly; whoever else comes looks now and then.
const PLACES: usize = 256;

/// Who was not told for so long looks whether the lock is free all the same, and whether it is to give up.
const PATIENCE: Duration = Duration::from_millis(20);

/// Between two looks at the row of who waits without a bell.
const PAUSE: Duration = Duration::from_millis(1);

/// What stands in the row at a place: nothing, that its owner waits for its bell, that it was told to come, or that
/// it waits without a bell and looks at the row.
const AWAY: u8 = 0;
const WAITS: u8 = 1;
const TOLD: u8 = 2;
const LOOKS: u8 = 3;

pub(super) struct Turnstile {
    lock: File,
    row: File,
    /// Dropped before what names the folder for it.
    place: Option<Place>,
    ringer: Ringer,
}

/// A place in the row, and the lock that makes it ours.
struct Place {
    number: usize,
    bell: Option<Bell>,
    _ours: File,
}

/// The right to use the database; ends when dropped.
pub(super) struct Pass<'a>(&'a Turnstile);

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        self.0.leave();
    }
}

impl Turnstile {
    /// Opens the lock beside `database`.
    pub fn open(database: &Path) -> io::Result<Self> {
        let mut folder = database.as_os_str().to_owned();
        folder.push("-locks");
        let folder = Path::new(&folder);
        if let Err(error) = std::fs::create_dir(folder)
            && error.kind() != io::ErrorKind::AlreadyExists
        {
            return Err(error);
        }
        let open = |name: &str| {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true).truncate(false).open(folder.join(name))
        };
        let (lock, row) = (open("turn")?, open("row")?);
        let ringer = Ringer::new(folder)?;
        let mut place = None;
        for number in 0..PLACES {
            let ours = open(&number.to_string())?;
            if try_lock(&ours)? {
                place = Some(Place { number, bell: ringer.hang(number), _ours: ours });
                break;
            }
        }
        let turnstile = Self { lock, row, place, ringer };
        // Its last owner may have been killed there.
        turnstile.mark_ours(AWAY);
        Ok(turnstile)
    }

    /// Waits for the lock until `deadline` or `cancel`, or a little longer; none when it was not got.
    pub fn enter(&self, deadline: Instant, cancel: &Cancel) -> io::Result<Option<Pass<'_>>> {
        if self.row().iter().all(|&at| at == AWAY) && try_lock(&self.lock)? {
            return Ok(Some(Pass(self)));
        }
        loop {
            let has_bell = self.place.as_ref().is_some_and(|place| place.bell.is_some());
            self.mark_ours(if has_bell { WAITS } else { LOOKS });
            // Marked first: so either the lock is free now, or who holds it will see us when it leaves.
            if !self.row().contains(&TOLD) && try_lock(&self.lock)? {
                break;
            }
            let told = self.told(deadline.min(Instant::now() + PATIENCE), cancel);
            if try_lock(&self.lock)? {
                if !told {
                    // Who was told did not come. It is left out until it says again that it waits.
                    for (number, _) in self.row().iter().enumerate().filter(|&(_, &at)| at == TOLD) {
                        self.mark(number, AWAY);
                    }
                }
                break;
            }
            if cancel.is_cancelled() || Instant::now() >= deadline {
                self.mark_ours(AWAY);
                if try_lock(&self.lock)? {
                    // We may have been told just now: the next one is told instead.
                    self.leave();
                }
                return Ok(None);
            }
        }
        self.mark_ours(AWAY);
        Ok(Some(Pass(self)))
    }

    /// Waits to be told to come; false when it is `until`.
    fn told(&self, until: Instant, cancel: &Cancel) -> bool {
        let told = || self.place.as_ref().is_some_and(|place| self.row()[place.number] == TOLD);
        while !told() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let pause = match &self.place {
                Some(Place { bell: Some(bell), .. }) => {
                    // It may have rung for an earlier wait.
                    bell.wait(left);
                    continue;
                }
                Some(_) => left.min(PAUSE),
                None => left,
            };
            if cancel.sleep_until(Instant::now() + pause) {
                return false;
            }
        }
        true
    }

    /// Frees the lock, which is held, and tells the next one in the row.
    fn leave(&self) {
        // Each round tells somebody or leaves somebody out, unless the row cannot be written.
        for _ in 0..=PLACES {
            let next = self.next();
            if let Some((next, _)) = next {
                // As long as the lock is held, so that nobody comes in between.
                self.mark(next, TOLD);
            }
            // It cannot fail for a lock that is held; if it did, closing the file frees it.
            let _ = self.lock.unlock();
            match next {
                Some((next, how)) if how == LOOKS || self.ringer.ring(next) => return,
                // Its owner was killed.
                Some((next, _)) => self.mark(next, AWAY),
                None if self.next().is_none() => return,
                // Somebody came after we looked, and found the lock held.
                None => {}
            }
            // Whoever else holds it now will see to those who wait.
            if !matches!(try_lock(&self.lock), Ok(true)) {
                return;
            }
        }
        let _ = self.lock.unlock();
    }

    /// Who waits, the first one after us all the way round, and how.
    fn next(&self) -> Option<(usize, u8)> {
        let row = self.row();
        let after = self.place.as_ref().map_or(0, |place| place.number + 1);
        let mut all = (after..PLACES).chain(0..after).map(|number| (number, row[number]));
        all.find(|&(_, how)| how == WAITS || how == LOOKS)
    }

    fn row(&self) -> [u8; PLACES] {
        let mut row = [AWAY; PLACES];
        // What cannot be read is taken for empty: the row is a hint, the lock decides.
        let _ = read_at(&self.row, &mut row);
        row
    }

    fn mark_ours(&self, what: u8) {
        if let Some(place) = &self.place {
            self.mark(place.number, what);
        }
    }

    fn mark(&self, number: usize, what: u8) {
        // On a full disk nobody is told, and everybody looks when out of patience.
        let _ = write_at(&self.row, what, number);
    }
}

fn try_lock(file: &File) -> io::Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

#[cfg(unix)]
fn read_at(file: &File, bytes: &mut [u8]) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, bytes, 0)
}

#[cfg(unix)]
fn write_at(file: &File, byte: u8, at: usize) -> io::Result<usize> {
    std::os::unix::fs::FileExt::write_at(file, &[byte], at as u64)
}

#[cfg(windows)]
fn read_at(file: &File, bytes: &mut [u8]) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, bytes, 0)
}

#[cfg(windows)]
fn write_at(file: &File, byte: u8, at: usize) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_write(file, &[byte], at as u64)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// A folder of its own for each test, with the path of a database in it.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            // Longer than the address of a socket may be.
            let name = format!("texample-turnstile-{name}-{}-{}", std::process::id(), "a".repeat(100));
            let folder = std::env::temp_dir().join(name);
            std::fs::create_dir_all(&folder).unwrap();
            Self(folder)
        }

        fn turnstile(&self) -> Turnstile {
            Turnstile::open(&self.0.join("ids.db")).unwrap()
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_millis(20)
    }

    fn later() -> Instant {
        Instant::now() + Duration::from_secs(600)
    }

    #[test]
    fn the_lock_is_between_open_files_and_waiting_ends_at_the_deadline_and_on_cancel() {
        let folder = Folder::new("ends");
        let (a, b) = (folder.turnstile(), folder.turnstile());
        let cancel = Cancel::default();

        let pass = a.enter(soon(), &cancel).unwrap();
        assert!(pass.is_some());
        assert!(b.enter(soon(), &cancel).unwrap().is_none());
        assert!(b.enter(soon(), &cancel).unwrap().is_none());
        drop(pass);
        // Nobody waits: nobody is in.
        drop(a.enter(later(), &cancel).unwrap().unwrap());
        let pass = b.enter(later(), &cancel).unwrap();
        assert!(pass.is_some());
        assert!(a.enter(soon(), &cancel).unwrap().is_none());
        drop(pass);
        drop(a);
        drop(b.enter(later(), &cancel).unwrap().unwrap());

        let c = folder.turnstile();
        let pass = c.enter(later(), &cancel).unwrap();
        assert!(pass.is_some());
        cancel.cancel();
        assert!(b.enter(later(), &cancel).unwrap().is_none());
    }

    #[test]
    fn one_is_in_at_a_time_and_everybody_comes_in() {
        let folder = Folder::new("many");
        let (inside, turns) = (AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let (turnstile, cancel) = (folder.turnstile(), Cancel::default());
                    for _ in 0..200 {
                        let pass = turnstile.enter(later(), &cancel).unwrap();
                        assert!(pass.is_some());
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                        turns.fetch_add(1, Ordering::SeqCst);
                        assert_eq!(inside.fetch_sub(1, Ordering::SeqCst), 1);
                    }
                });
            }
        });
        assert_eq!(turns.into_inner(), 1600);
        assert_eq!(folder.turnstile().row(), [AWAY; PLACES]);
    }

    #[test]
    fn who_leaves_tells_the_next_one_all_the_way_round() {
        let folder = Folder::new("order");
        let three = [folder.turnstile(), folder.turnstile(), folder.turnstile()];
        assert_eq!(three.each_ref().map(|one| one.place.as_ref().unwrap().number), [0, 1, 2]);
        three[0].mark(0, WAITS);
        three[2].mark(2, WAITS);
        assert_eq!(
            three.each_ref().map(Turnstile::next),
            [Some((2, WAITS)), Some((2, WAITS)), Some((0, WAITS))]
        );
        drop(three[1].enter(later(), &Cancel::default()).unwrap().unwrap());
        assert_eq!(three[0].row()[..3], [WAITS, AWAY, TOLD]);
    }

    #[test]
    fn who_was_killed_where_it_waited_or_was_told_is_passed_over() {
        let folder = Folder::new("killed");
        let (one, cancel) = (folder.turnstile(), Cancel::default());
        one.mark(7, WAITS);
        one.mark(9, TOLD);
        drop(one.enter(later(), &cancel).unwrap().unwrap());
        assert_eq!(one.row(), [AWAY; PLACES]);
    }

    #[test]
    fn who_waits_without_a_bell_is_told_in_its_turn_too() {
        let folder = Folder::new("silent");
        let (one, other, cancel) = (folder.turnstile(), folder.turnstile(), Cancel::default());
        other.mark_ours(LOOKS);
        drop(one.enter(later(), &cancel).unwrap().unwrap());
        assert_eq!(one.row()[..2], [AWAY, TOLD]);
        drop(other.enter(later(), &cancel).unwrap().unwrap());
        assert_eq!(one.row(), [AWAY; PLACES]);
    }

    #[test]
    fn a_row_that_cannot_be_written_holds_nobody_up() {
        let folder = Folder::new("full");
        let (mut one, other, cancel) = (folder.turnstile(), folder.turnstile(), Cancel::default());
        other.mark(7, WAITS); // and was killed
        one.row = File::open(folder.0.join("ids.db-locks/row")).unwrap();
        drop(one.enter(later(), &cancel).unwrap().unwrap());
        drop(other.enter(later(), &cancel).unwrap().unwrap());
    }

    #[test]
    fn who_was_told_and_is_frozen_is_passed_over() {
        let folder = Folder::new("frozen");
        let (one, frozen, cancel) = (folder.turnstile(), folder.turnstile(), Cancel::default());
        frozen.mark_ours(WAITS);
        for _ in 0..20 {
            drop(one.enter(later(), &cancel).unwrap().unwrap());
        }
        assert_eq!(one.row()[1], AWAY, "left out until it says again that it waits");
        // It wakes up, and finds its way in.
        drop(frozen.enter(later(), &cancel).unwrap().unwrap());
        drop(one.enter(later(), &cancel).unwrap().unwrap());
    }
}
