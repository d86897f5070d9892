//! Fair waiting for a lock between processes, and one transaction for all who wait.
//!
//! A folder beside the database holds the lock, a row with a place for each who
//! may wait, and a bell for each place. Who waits leaves an order in the row. Who
//! is in does the orders for its own sequence in its own transaction (a group
//! commit), answers them, and rings their bells: so to wait costs about one
//! transaction and one wake-up, however many wait. Of those who wait still when
//! it leaves it tells one to come next, all the way round, and nobody enters past
//! that one who would not do its order too.
//!
//! The lock alone keeps processes apart; who is told and rung for is a hint. A
//! hint that is lost, because its process was killed, is frozen, or gave up at
//! that moment, costs the others `PATIENCE`.
//!
//! The lock belongs to an open file, not to the process. So it also keeps the
//! threads of one process apart, and holds when a second copy of SQLite closes
//! the database and thereby drops every lock of the process on that file.

use std::cell::{Cell, OnceCell, RefCell};
use std::fs::{File, OpenOptions, TryLockError};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::bell::{Bell, Ringer};
use super::row::{AWAY, Head, LOOKS, Order, PLACES, Row, Sequence, TOLD, WAITS};
use super::{Cancel, Claim, Range};

/// Who was not told for so long looks whether the lock is free all the same, and whether it is to give up.
const PATIENCE: Duration = Duration::from_millis(20);

/// So many places are tried by who came when all were taken, each time it waits.
const FEW: usize = 8;

/// Between two looks at the row of who waits without a bell.
const PAUSE: Duration = Duration::from_millis(1);

pub(super) struct Turnstile {
    lock: File,
    row: Row,
    /// Dropped before what names the folder for it. Empty while all places are taken.
    place: OnceCell<Place>,
    ringer: Ringer,
    folder: PathBuf,
    /// Of the next order.
    number: Cell<u64>,
}

/// A place in the row, and the lock that makes it ours.
struct Place {
    number: usize,
    bell: Option<Bell>,
    _ours: File,
}

/// How waiting ended.
pub(super) enum Turn<'a> {
    /// The database is ours.
    In(Pass<'a>),
    /// Who was in has claimed this for us.
    Served(Range),
}

/// The right to use the database; ends when dropped.
pub(super) struct Pass<'a> {
    turnstile: &'a Turnstile,
    served: RefCell<Vec<usize>>,
}

impl Pass<'_> {
    /// The orders of those who wait for the same sequence.
    pub fn orders(&self, of: &Sequence) -> Vec<Order> {
        let row = &self.turnstile.row;
        let states = row.head().states;
        let waiting = (0..PLACES).filter(|&place| states[place] != AWAY && !row.is_answered(place));
        waiting.filter_map(|place| row.order(place)).filter(|order| order.of == *of).collect()
    }

    /// Gives a range, which is committed, to who waits for it.
    pub fn answer(&self, order: &Order, range: Range) {
        self.turnstile.row.put_answer(order.place, order.number, range);
        self.served.borrow_mut().push(order.place);
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        // While the lock is held, which costs the next one some microseconds each: they may be back with their next orders by
        // the time that it has come in.
        for &place in self.served.borrow().iter() {
            // If it does not hear the bell, it looks when out of patience.
            if !self.turnstile.ringer.ring(place) {
                // Its owner was killed, or has no bell and marks itself again.
                self.turnstile.row.mark(place, AWAY);
            }
        }
        self.turnstile.leave();
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
        let open = |name| open(folder, name);
        let (lock, row) = (open("turn")?, Row::new(open("row")?));
        let (ringer, folder) = (Ringer::new(folder)?, folder.to_owned());
        let number = Cell::new(RandomState::new().hash_one(0));
        let turnstile = Self { lock, row, place: OnceCell::new(), ringer, folder, number };
        turnstile.take_place(0..PLACES)?;
        Ok(turnstile)
    }

    /// Waits for the lock, or for somebody who does `claim` for us, until `deadline` or `cancel`, or a little longer;
    /// none when there was neither.
    pub fn enter(
        &self,
        claim: Option<(&Sequence, &Claim)>,
        deadline: Instant,
        cancel: &Cancel,
    ) -> io::Result<Option<Turn<'_>>> {
        let of = claim.map(|(of, _)| of);
        let turn = if !self.is_behind(of) && try_lock(&self.lock)? {
            Ok(Some(Turn::In(self.pass())))
        } else {
            let from = self.number.get() as usize % PLACES;
            self.take_place((from..from + FEW).map(|number| number % PLACES))?;
            self.wait(of, self.put_order(claim), deadline, cancel)
        };
        self.mark_ours(AWAY);
        turn
    }

    /// Takes a free place among some, if it has none yet.
    fn take_place(&self, numbers: impl Iterator<Item = usize>) -> io::Result<()> {
        for number in numbers {
            if self.place.get().is_some() {
                return Ok(());
            }
            let ours = open(&self.folder, &number.to_string())?;
            if try_lock(&ours)? {
                // Its last owner may have been killed there.
                self.row.mark(number, AWAY);
                self.place.get_or_init(|| Place { number, bell: self.ringer.hang(number), _ours: ours });
            }
        }
        Ok(())
    }

    fn wait(
        &self,
        of: Option<&Sequence>,
        number: u64,
        deadline: Instant,
        cancel: &Cancel,
    ) -> io::Result<Option<Turn<'_>>> {
        let mut patience = Patience::new(self.row.head().turns);
        loop {
            // Marked first: so either the lock is free now, or who holds it will see us when it leaves.
            if self.is_left_out() {
                self.mark_ours(if self.bell().is_some() { WAITS } else { LOOKS });
            }
            if let Some(range) = self.answer(number) {
                return Ok(Some(Turn::Served(range)));
            }
            let given_up = cancel.is_cancelled() || Instant::now() >= deadline;
            let mut is_in = self.come_in(of, &mut patience)?;
            if given_up {
                self.mark_ours(AWAY);
                // We may have been told just now: the next one is told instead.
                is_in = is_in || try_lock(&self.lock)?;
            }
            // Who was in may have answered just before it left.
            let answer = self.answer(number);
            if is_in && answer.is_none() && !given_up {
                return Ok(Some(Turn::In(self.pass())));
            }
            if is_in {
                self.mark_ours(AWAY);
                self.leave();
            }
            if is_in || given_up {
                return Ok(answer.map(Turn::Served));
            }
            self.rest(deadline.min(patience.until), cancel);
        }
    }

    /// Takes the lock, if nobody else was told to, or has been told for too long.
    fn come_in(&self, of: Option<&Sequence>, patience: &mut Patience) -> io::Result<bool> {
        if !self.is_behind(of) && try_lock(&self.lock)? {
            return Ok(true);
        }
        if Instant::now() < patience.until {
            return Ok(false);
        }
        let head = self.row.head();
        let is_in = head.turns == patience.turns && try_lock(&self.lock)?;
        if is_in {
            // Who was told did not come. It is left out until it says again that it waits.
            for place in (0..PLACES).filter(|&place| head.states[place] == TOLD) {
                self.row.mark(place, AWAY);
            }
        }
        *patience = Patience::new(head.turns);
        Ok(is_in)
    }

    /// Waits for the bell, or looks again soon if there is none.
    fn rest(&self, until: Instant, cancel: &Cancel) {
        if let Some(bell) = self.bell() {
            // It may have rung for an earlier wait, and no time may be left.
            let left = until.saturating_duration_since(Instant::now());
            bell.wait(left.max(Duration::from_micros(1)));
        } else {
            let pause = if self.place.get().is_some() { PAUSE } else { PATIENCE };
            cancel.sleep_until(until.min(Instant::now() + pause));
        }
    }

    fn bell(&self) -> Option<&Bell> {
        self.place.get().and_then(|place| place.bell.as_ref())
    }

    fn pass(&self) -> Pass<'_> {
        Pass { turnstile: self, served: RefCell::default() }
    }

    /// Whether somebody else was told to come whose order we would not do.
    fn is_behind(&self, of: Option<&Sequence>) -> bool {
        let ours = self.place.get().map(|place| place.number);
        let states = self.row.head().states;
        let told = (0..PLACES).filter(|&place| states[place] == TOLD && Some(place) != ours);
        let mut told = told.filter(|&place| !self.row.is_answered(place));
        told.any(|place| of.is_none() || self.row.order(place).is_none_or(|order| Some(&order.of) != of))
    }

    /// Whether nobody sees that we wait.
    fn is_left_out(&self) -> bool {
        self.place.get().is_some_and(|place| self.row.head().states[place.number] == AWAY)
    }

    /// Leaves an order in the row, or takes the last one away, and returns its number.
    fn put_order(&self, claim: Option<(&Sequence, &Claim)>) -> u64 {
        let number = self.number.get().wrapping_add(1);
        self.number.set(number);
        match (self.place.get(), claim) {
            (Some(place), Some((of, claim))) => {
                let (of, claim) = (of.clone(), claim.clone());
                self.row.put_order(&Order { place: place.number, number, of, claim });
            }
            (Some(place), None) => self.row.clear_order(place.number),
            (None, _) => {}
        }
        number
    }

    fn answer(&self, number: u64) -> Option<Range> {
        let (answered, range) = self.place.get().and_then(|place| self.row.answer(place.number))?;
        (answered == number).then_some(range)
    }

    /// Frees the lock, which is held, and tells the next one in the row.
    fn leave(&self) {
        // Each round tells somebody or leaves somebody out, unless the row cannot be written.
        for _ in 0..=PLACES {
            let head = self.row.head();
            let next = self.next(&head);
            if let Some(next) = next {
                // As long as the lock is held, so that nobody comes in between.
                self.row.mark(next, TOLD);
            }
            self.row.turn(next.unwrap_or(head.last), head.turns.wrapping_add(1));
            // It cannot fail for a lock that is held; if it did, closing the file frees it.
            let _ = self.lock.unlock();
            match next {
                Some(next) if head.states[next] == LOOKS || self.ringer.ring(next) => return,
                // Its owner was killed.
                Some(next) => self.row.mark(next, AWAY),
                None if self.next(&self.row.head()).is_none() => return,
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

    /// Who was told and did not come yet, or the first one who waits, all the way round after who was told last.
    fn next(&self, head: &Head) -> Option<usize> {
        let waits = |&place: &usize| head.states[place] != AWAY && !self.row.is_answered(place);
        let told = (0..PLACES).filter(|&place| head.states[place] == TOLD).find(waits);
        told.or_else(|| (head.last + 1..PLACES).chain(0..=head.last).find(waits))
    }

    fn mark_ours(&self, state: u8) {
        if let Some(place) = self.place.get() {
            self.row.mark(place.number, state);
        }
    }
}

/// How long to wait until we look past who was told: since the last turn that we saw.
struct Patience {
    turns: u8,
    until: Instant,
}

impl Patience {
    fn new(turns: u8) -> Self {
        Self { turns, until: Instant::now() + PATIENCE }
    }
}

fn open(folder: &Path, name: &str) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(folder.join(name))
}

fn try_lock(file: &File) -> io::Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::super::file_id::FileId;
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

        let pass = a.enter(None, soon(), &cancel).unwrap();
        assert!(pass.is_some());
        assert!(b.enter(None, soon(), &cancel).unwrap().is_none());
        assert!(b.enter(None, soon(), &cancel).unwrap().is_none());
        drop(pass);
        // Nobody waits: nobody is in.
        drop(a.enter(None, later(), &cancel).unwrap().unwrap());
        let pass = b.enter(None, later(), &cancel).unwrap();
        assert!(pass.is_some());
        assert!(a.enter(None, soon(), &cancel).unwrap().is_none());
        drop(pass);
        drop(a);
        drop(b.enter(None, later(), &cancel).unwrap().unwrap());

        let c = folder.turnstile();
        let pass = c.enter(None, later(), &cancel).unwrap();
        assert!(pass.is_some());
        cancel.cancel();
        assert!(b.enter(None, later(), &cancel).unwrap().is_none());
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
                        let pass = turnstile.enter(None, later(), &cancel).unwrap();
                        assert!(pass.is_some());
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                        turns.fetch_add(1, Ordering::SeqCst);
                        assert_eq!(inside.fetch_sub(1, Ordering::SeqCst), 1);
                    }
                });
            }
        });
        assert_eq!(turns.into_inner(), 1600);
        assert_eq!(folder.turnstile().row.head().states, [AWAY; PLACES]);
    }

    #[test]
    fn who_leaves_tells_the_next_one_all_the_way_round() {
        let folder = Folder::new("order");
        let three = [folder.turnstile(), folder.turnstile(), folder.turnstile()];
        assert_eq!(three.each_ref().map(|one| one.place.get().unwrap().number), [0, 1, 2]);
        three[0].row.mark(0, WAITS);
        three[2].row.mark(2, WAITS);
        drop(three[1].enter(None, later(), &Cancel::default()).unwrap().unwrap());
        assert_eq!(three[0].row.head().states[..3], [WAITS, AWAY, TOLD], "0 was the last, so to say");
        three[2].row.mark(2, AWAY);
        three[1].row.mark(1, WAITS);
        drop(three[2].enter(None, later(), &Cancel::default()).unwrap().unwrap());
        assert_eq!(three[0].row.head().states[..3], [TOLD, WAITS, AWAY]);
    }

    #[test]
    fn who_was_killed_where_it_waited_or_was_told_is_passed_over() {
        let folder = Folder::new("killed");
        let (one, cancel) = (folder.turnstile(), Cancel::default());
        one.row.mark(7, WAITS);
        one.row.mark(9, TOLD);
        drop(one.enter(None, later(), &cancel).unwrap().unwrap());
        assert_eq!(one.row.head().states, [AWAY; PLACES]);
    }

    #[test]
    fn who_waits_without_a_bell_is_told_in_its_turn_too() {
        let folder = Folder::new("silent");
        let (one, other, cancel) = (folder.turnstile(), folder.turnstile(), Cancel::default());
        other.mark_ours(LOOKS);
        drop(one.enter(None, later(), &cancel).unwrap().unwrap());
        assert_eq!(one.row.head().states[..2], [AWAY, TOLD]);
        drop(other.enter(None, later(), &cancel).unwrap().unwrap());
        assert_eq!(one.row.head().states, [AWAY; PLACES]);
    }

    #[test]
    fn a_row_that_cannot_be_written_holds_nobody_up() {
        let folder = Folder::new("full");
        let (mut one, other, cancel) = (folder.turnstile(), folder.turnstile(), Cancel::default());
        other.row.mark(7, WAITS); // and was killed
        one.row = Row::new(File::open(folder.0.join("ids.db-locks/row")).unwrap());
        drop(one.enter(None, later(), &cancel).unwrap().unwrap());
        drop(other.enter(None, later(), &cancel).unwrap().unwrap());
    }

    #[test]
    fn who_was_told_and_is_frozen_is_passed_over() {
        let folder = Folder::new("frozen");
        let (one, frozen, cancel) = (folder.turnstile(), folder.turnstile(), Cancel::default());
        frozen.mark_ours(WAITS);
        for _ in 0..20 {
            drop(one.enter(None, later(), &cancel).unwrap().unwrap());
        }
        assert_eq!(one.row.head().states[1], AWAY, "left out until it says again that it waits");
        // It wakes up, and finds its way in.
        drop(frozen.enter(None, later(), &cancel).unwrap().unwrap());
        drop(one.enter(None, later(), &cancel).unwrap().unwrap());
    }

    fn sequence(name: &str) -> Sequence {
        Sequence { file: FileId(1, 2), table: "\"ids\"".into(), name: name.into() }
    }

    const CLAIM: Claim = Claim { count: 3, start: 1000, owned_to: None };

    /// Until somebody has left an order of this sequence in the row.
    fn orders(pass: &Pass<'_>, of: &Sequence) -> Vec<Order> {
        let end = Instant::now() + Duration::from_secs(60);
        loop {
            assert!(Instant::now() < end, "no order in a minute");
            let orders = pass.orders(of);
            if !orders.is_empty() {
                return orders;
            }
            std::thread::yield_now();
        }
    }

    fn pass(turn: Option<Turn<'_>>) -> Pass<'_> {
        match turn {
            Some(Turn::In(pass)) => pass,
            Some(Turn::Served(range)) => panic!("served with {range:?}"),
            None => panic!("not in"),
        }
    }

    #[test]
    fn who_is_in_does_the_orders_of_the_others_and_they_need_not_come_in() {
        let folder = Folder::new("served");
        let (one, ours, cancel) = (folder.turnstile(), sequence("a"), Cancel::default());
        let inside = pass(one.enter(Some((&ours, &CLAIM)), later(), &cancel).unwrap());
        std::thread::scope(|scope| {
            let other = scope.spawn(|| {
                let other = folder.turnstile();
                let turn = other.enter(Some((&ours, &CLAIM)), later(), &cancel).unwrap();
                assert!(matches!(turn, Some(Turn::Served(Range { start: 70, end: 73 }))));
            });
            let order = orders(&inside, &ours).remove(0);
            assert_eq!((order.place, &order.of, &order.claim), (1, &ours, &CLAIM));
            inside.answer(&order, Range::new(70, 73));
            assert_eq!(inside.orders(&ours), [], "an order is done once");
            other.join().unwrap();
        });
        drop(inside);
        assert_eq!(one.row.head().states, [AWAY; PLACES]);
    }

    #[test]
    fn who_waits_for_something_else_gets_its_turn() {
        let folder = Folder::new("other");
        let (one, cancel) = (folder.turnstile(), Cancel::default());
        let of_another_file = Sequence { file: FileId(1, 3), ..sequence("a") };
        let others = [of_another_file, Sequence { table: "\"more\"".into(), ..sequence("a") }, sequence("b")];
        let inside = pass(one.enter(None, later(), &cancel).unwrap());
        std::thread::scope(|scope| {
            for other in &others {
                scope.spawn(|| {
                    drop(pass(folder.turnstile().enter(Some((other, &CLAIM)), later(), &cancel).unwrap()))
                });
            }
            for other in &others {
                assert_eq!(orders(&inside, other).len(), 1);
            }
            assert_eq!(inside.orders(&sequence("a")), []);
            drop(inside);
        });
    }

    #[test]
    fn past_who_was_told_only_those_enter_who_do_its_order_too() {
        let folder = Folder::new("past");
        let (one, told, cancel) = (folder.turnstile(), folder.turnstile(), Cancel::default());
        let number = told.put_order(Some((&sequence("a"), &CLAIM)));
        told.mark_ours(TOLD);
        assert!(one.is_behind(None));
        assert!(one.is_behind(Some(&sequence("b"))));
        assert!(!one.is_behind(Some(&sequence("a"))));
        let inside = pass(one.enter(Some((&sequence("a"), &CLAIM)), later(), &cancel).unwrap());
        inside.answer(&orders(&inside, &sequence("a"))[0], Range::new(5, 8));
        drop(inside);
        assert!(!one.is_behind(None), "it was answered, and only has to wake up");
        assert_eq!(one.next(&one.row.head()), None);
        assert_eq!(told.answer(number), Some(Range::new(5, 8)));
    }

    #[test]
    fn an_answer_to_an_earlier_order_is_none() {
        let folder = Folder::new("earlier");
        let (one, cancel) = (folder.turnstile(), Cancel::default());
        let number = one.put_order(Some((&sequence("a"), &CLAIM)));
        one.row.put_answer(0, number, Range::new(5, 8));
        // Its owner was killed, or gave up; the next owner of the place orders the same.
        drop(one);
        let (one, other) = (folder.turnstile(), folder.turnstile());
        let inside = pass(other.enter(None, later(), &cancel).unwrap());
        std::thread::scope(|scope| {
            let late = scope.spawn(|| one_enters(one, &cancel));
            assert_ne!(orders(&inside, &sequence("a"))[0].number, number);
            drop(inside);
            late.join().unwrap();
        });

        fn one_enters(one: Turnstile, cancel: &Cancel) {
            drop(pass(one.enter(Some((&sequence("a"), &CLAIM)), later(), cancel).unwrap()));
        }
    }

    #[test]
    fn what_is_no_order_or_half_an_answer_is_passed_over() {
        let folder = Folder::new("half");
        let (one, cancel) = (folder.turnstile(), Cancel::default());
        let too_long = sequence(&"n".repeat(1000));
        one.put_order(Some((&sequence("a"), &CLAIM)));
        one.put_order(Some((&too_long, &CLAIM)));
        assert_eq!(one.row.order(0), None, "nor is the last one left there");

        let number = one.put_order(Some((&sequence("a"), &CLAIM)));
        one.row.put_answer(0, number, Range::new(5, 8));
        let path = folder.0.join("ids.db-locks/row");
        let whole = std::fs::read(&path).unwrap();
        let answer = whole.iter().rposition(|&byte| byte == b'5').unwrap();
        for (at, byte) in [(answer, b'4'), (answer + 2, b'9'), (answer + 3, b' ')] {
            let mut bytes = whole.clone();
            bytes[at] = byte;
            std::fs::write(&path, bytes).unwrap();
            assert_eq!(one.answer(number), None);
        }
        // Whatever stands there, everybody comes in.
        for byte in [0, b'1', 0xff, TOLD] {
            std::fs::write(&path, [byte].repeat(whole.len() * 2)).unwrap();
            drop(pass(one.enter(Some((&sequence("a"), &CLAIM)), later(), &cancel).unwrap()));
        }
    }

    #[test]
    fn who_was_killed_where_it_waited_gets_one_answer_and_is_forgotten() {
        let folder = Folder::new("forgotten");
        let (one, killed, ours, cancel) =
            (folder.turnstile(), folder.turnstile(), sequence("a"), Cancel::default());
        killed.put_order(Some((&ours, &CLAIM)));
        killed.mark_ours(WAITS);
        drop(killed);
        let inside = pass(one.enter(Some((&ours, &CLAIM)), later(), &cancel).unwrap());
        inside.answer(&inside.orders(&ours)[0], Range::new(5, 8));
        drop(inside);
        assert_eq!(one.row.head().states, [AWAY; PLACES]);
    }

    #[test]
    fn who_finds_no_place_comes_in_too_and_takes_one_when_there_is_one() {
        let folder = Folder::new("crowd");
        let (one, cancel) = (folder.turnstile(), Cancel::default());
        let mut crowd: Vec<Turnstile> = (1..PLACES).map(|_| folder.turnstile()).collect();
        let late = folder.turnstile();
        assert!(late.place.get().is_none());
        drop(pass(late.enter(None, later(), &cancel).unwrap()));
        let inside = pass(one.enter(None, later(), &cancel).unwrap());
        assert!(late.enter(None, soon(), &cancel).unwrap().is_none());
        crowd.clear();
        assert!(late.enter(None, soon(), &cancel).unwrap().is_none());
        assert!(late.place.get().is_some());
        drop(inside);
        drop(pass(late.enter(None, later(), &cancel).unwrap()));
    }
}
