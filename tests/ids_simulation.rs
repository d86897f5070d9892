//! The pool's protocol under a simulated store: delays, errors, lost answers and late ones, rivals,
//! crashes and releases, in virtual time. The claimer drives the same state machine.
//!
//! A million steps in all. A failure prints its world, seed and all; put it into `replay` below to
//! see it again.
#![cfg(feature = "ids")]

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::Config;
use texample::ids::{Claim, ClaimError, HandleId, Next, Range, Sequence, Settings};
use texample::{Error, ErrorCode};

const CASES: u32 = 100;
const STEPS: u32 = 10_000;

/// What one run is made of.
#[derive(Clone, Debug)]
struct World {
    seed: u64,
    pools: usize,
    handles: usize,
    step: u64,
    max_step: u64,
    horizon_ms: u64,
    /// Of a hundred claims, how many meet a fault.
    faults: u64,
    /// The store's slowest answer.
    delay_ms: u64,
}

fn worlds() -> impl Strategy<Value = World> {
    let step = prop_oneof![Just(1u64), 1..50u64, Just(1000)];
    let factor = prop_oneof![Just(1u64), 1..200u64];
    (any::<u64>(), 1..4usize, 1..6usize, step, factor, 0..20_000u64, 0..60u64, 1..2000u64).prop_map(
        |(seed, pools, handles, step, factor, horizon_ms, faults, delay_ms)| World {
            seed,
            pools,
            handles,
            step,
            max_step: step * factor,
            horizon_ms,
            faults,
            delay_ms,
        },
    )
}

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }

    fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// Everything that was ever handed to a caller.
#[derive(Default)]
struct Issued(BTreeMap<i64, i64>);

impl Issued {
    fn add(&mut self, range: Range) {
        let below = self.0.range(..range.end).next_back();
        assert!(
            below.is_none_or(|(_, &end)| end <= range.start),
            "{range:?} was handed out before: {below:?}"
        );
        // Neighbours become one, so that the map stays small.
        let mut start = range.start;
        if let Some((&before, _)) =
            self.0.range(..range.start).next_back().filter(|&(_, &end)| end == range.start)
        {
            start = before;
        }
        self.0.insert(start, range.end);
    }
}

/// A handle as JavaScript has it: leases in hand, and how many ids its callers lack.
struct Caller {
    id: HandleId,
    held: Vec<Range>,
    lacks: u64,
    last: i64,
}

/// What a store will do, and when.
enum Due {
    /// The write takes effect; true when it still has to be answered.
    Apply {
        pool: usize,
        life: u32,
        claim: Claim,
        answer: bool,
    },
    /// The claimer gives up.
    GiveUp {
        pool: usize,
        life: u32,
    },
    Release(Range),
}

struct Pool {
    sequence: Sequence,
    callers: Vec<Caller>,
    /// Rises with every crash or close: answers to a former life are dropped.
    life: u32,
    claiming: bool,
}

struct Simulation {
    world: World,
    random: Random,
    now: Duration,
    index: Option<i64>,
    /// By time, then by a running number.
    due: BTreeMap<(Duration, u64), Due>,
    posted: u64,
    pools: Vec<Pool>,
    issued: Issued,
    ids: u64,
}

fn unavailable() -> ClaimError {
    ClaimError::Transient(Error::new(ErrorCode::SequenceUnavailable, "simulated"))
}

impl Simulation {
    fn new(world: World) -> Self {
        let mut this = Self {
            random: Random(world.seed),
            now: Duration::ZERO,
            index: None,
            due: BTreeMap::new(),
            posted: 0,
            pools: Vec::new(),
            issued: Issued::default(),
            ids: 0,
            world,
        };
        for _ in 0..this.world.pools {
            let pool = this.pool();
            this.pools.push(pool);
        }
        this
    }

    fn pool(&mut self) -> Pool {
        let settings = Settings {
            start: 1000,
            step: self.world.step,
            max_step: self.world.max_step,
            horizon: Duration::from_millis(self.world.horizon_ms),
        };
        let mut sequence = Sequence::new("simulated", settings, self.random.next());
        let callers = (0..self.world.handles).map(|_| Self::caller(&mut sequence)).collect();
        Pool { sequence, callers, life: 0, claiming: false }
    }

    fn caller(sequence: &mut Sequence) -> Caller {
        Caller { id: sequence.attach(), held: Vec::new(), lacks: 0, last: i64::MIN }
    }

    fn post(&mut self, after: u64, due: Due) {
        self.posted += 1;
        self.due.insert((self.now + Duration::from_millis(after), self.posted), due);
    }

    /// One thing happens: an answer comes, or a caller, a rival or a process does something.
    fn step(&mut self) {
        let first = self.due.first_key_value().map(|(&(at, _), _)| at);
        if let Some(at) = first.filter(|&at| at <= self.now || self.random.percent(30)) {
            self.now = self.now.max(at);
            if let Some((_, due)) = self.due.pop_first() {
                self.happen(due);
            }
        } else {
            self.now += Duration::from_micros(self.random.below(20_000));
            let pool = self.random.below(self.pools.len() as u64) as usize;
            match self.random.below(1000) {
                0 => self.end(pool, false),
                1 => self.end(pool, true),
                2..10 => self.replace_handle(pool),
                10..20 => self.rival(),
                20..60 => self.withdraw(pool),
                _ => self.draw(pool),
            }
        }
        for pool in 0..self.pools.len() {
            self.drive(pool);
        }
        self.check();
    }

    fn happen(&mut self, due: Due) {
        match due {
            Due::Apply { pool, life, claim, answer } => {
                let outcome = self.apply(&claim);
                if answer {
                    self.answer(pool, life, outcome);
                }
            }
            Due::GiveUp { pool, life } => self.answer(pool, life, Err(unavailable())),
            Due::Release(unused) => {
                if self.index == Some(unused.end) {
                    self.index = Some(unused.start);
                }
            }
        }
    }

    fn apply(&mut self, claim: &Claim) -> Result<Range, ClaimError> {
        let start = *self.index.get_or_insert(claim.start);
        let end = start.checked_add_unsigned(claim.count).ok_or(ClaimError::Exhausted { left: 0 })?;
        self.index = Some(end);
        Ok(Range::new(start, end))
    }

    fn answer(&mut self, pool: usize, life: u32, outcome: Result<Range, ClaimError>) {
        let now = self.now;
        let Some(pool) = self.pools.get_mut(pool).filter(|pool| pool.life == life) else { return };
        assert!(pool.claiming, "an answer without a claim");
        pool.claiming = false;
        let woken = pool.sequence.claimed(now, outcome);
        for id in woken {
            let Some(caller) = pool.callers.iter_mut().find(|caller| caller.id == id) else {
                panic!("a handle was woken that is gone");
            };
            Self::collect(&mut pool.sequence, caller, &mut self.issued, &mut self.ids);
        }
    }

    /// What the claimer does whenever it looks.
    fn drive(&mut self, index: usize) {
        let now = self.now;
        let pool = &mut self.pools[index];
        let before = pool.sequence.counters(now);
        let lacked: u64 = pool.callers.iter().map(|caller| caller.lacks).sum();
        let Next::Claim(claim) = pool.sequence.next(now) else { return };
        assert!(!pool.claiming, "two claims under way");
        assert!(claim.count >= 1 && claim.count <= self.world.max_step, "{claim:?}");
        // Ahead of need up to the horizon and no further: demand within it, or one step.
        let horizon = (before.rate * self.world.horizon_ms as f64 / 1000.0).round() as u64;
        assert!(
            claim.count <= (lacked + horizon.max(1)).max(self.world.step),
            "{claim:?} for {lacked} and {horizon}"
        );
        if lacked == 0 {
            assert!(before.in_hand_fresh <= horizon.max(1), "claimed ahead with {before:?} in hand");
        }
        pool.claiming = true;
        let life = pool.life;
        let takes = self.random.below(self.world.delay_ms);
        if !self.random.percent(self.world.faults) {
            return self.post(takes, Due::Apply { pool: index, life, claim, answer: true });
        }
        match self.random.below(3) {
            // Never applied.
            0 => {}
            // Applied, but the answer is lost.
            1 => self.post(takes, Due::Apply { pool: index, life, claim, answer: false }),
            // Applied long after it was given up.
            _ => self.post(takes + 5000, Due::Apply { pool: index, life, claim, answer: false }),
        }
        self.post(takes, Due::GiveUp { pool: index, life });
    }

    /// The callers of a handle want ids, use some, or both.
    fn draw(&mut self, pool: usize) {
        let most = if self.random.percent(5) { 500 } else { 5 };
        let (now, wanted) = (self.now, 1 + self.random.below(most));
        let which = self.random.next() as usize;
        let pool = &mut self.pools[pool];
        let count = pool.callers.len();
        let caller = &mut pool.callers[which % count];
        caller.lacks += wanted;
        Self::serve(caller, &mut self.issued, &mut self.ids);
        pool.sequence.request(now, caller.id, caller.lacks);
        Self::collect(&mut pool.sequence, caller, &mut self.issued, &mut self.ids);
    }

    /// Callers give up waiting.
    fn withdraw(&mut self, pool: usize) {
        let which = self.random.next() as usize;
        let pool = &mut self.pools[pool];
        let count = pool.callers.len();
        let caller = &mut pool.callers[which % count];
        caller.lacks /= 2;
        pool.sequence.request(self.now, caller.id, caller.lacks);
        Self::collect(&mut pool.sequence, caller, &mut self.issued, &mut self.ids);
    }

    fn collect(sequence: &mut Sequence, caller: &mut Caller, issued: &mut Issued, ids: &mut u64) {
        let grant = sequence.take(caller.id);
        assert!(grant.error.is_none() && !grant.revoked, "nothing goes wrong for good here: {grant:?}");
        caller.held.extend(grant.ranges);
        Self::serve(caller, issued, ids);
    }

    /// The cursor hands out what the handle holds.
    fn serve(caller: &mut Caller, issued: &mut Issued, ids: &mut u64) {
        while caller.lacks > 0 && !caller.held.is_empty() {
            let taken = caller.held[0].take(caller.lacks);
            assert!(taken.start >= caller.last, "ids of a handle rise: {taken:?} after {}", caller.last);
            caller.last = taken.end;
            caller.lacks -= taken.len();
            *ids += taken.len();
            issued.add(taken);
            if caller.held[0].is_empty() {
                caller.held.remove(0);
            }
        }
    }

    fn replace_handle(&mut self, pool: usize) {
        let which = self.random.next() as usize;
        let returns = self.random.percent(50);
        let pool = &mut self.pools[pool];
        let at = which % pool.callers.len();
        let caller = pool.callers.swap_remove(at);
        pool.sequence.detach(caller.id, if returns { &caller.held } else { &[] });
        pool.callers.push(Self::caller(&mut pool.sequence));
    }

    /// A client of the original algorithm.
    fn rival(&mut self) {
        if let Some(index) = &mut self.index {
            self.issued.add(Range::new(*index, *index + 10));
            *index += 10;
        }
    }

    /// The process of a pool ends, killed or by a close, and another begins.
    fn end(&mut self, index: usize, orderly: bool) {
        let life = self.pools[index].life + 1;
        if orderly && !self.pools[index].claiming {
            let pool = &mut self.pools[index];
            for caller in std::mem::take(&mut pool.callers) {
                pool.sequence.detach(caller.id, &caller.held);
            }
            if let Some(unused) = pool.sequence.release() {
                // It comes at once, late, or never; it is sent once.
                match self.random.below(4) {
                    0 => {}
                    1 => self.post(7000, Due::Release(unused)),
                    _ => self.post(0, Due::Release(unused)),
                }
            }
        }
        let mut pool = self.pool();
        pool.life = life;
        self.pools[index] = pool;
    }

    /// No caller that lacks ids is forgotten.
    fn check(&self) {
        for pool in &self.pools {
            let lacking = pool.callers.iter().any(|caller| caller.lacks > 0);
            assert!(
                !lacking || pool.claiming || pool.sequence.due(self.now).is_some(),
                "a caller waits, and no claim will come"
            );
        }
    }
}

fn simulate(world: World, steps: u32) -> u64 {
    let mut simulation = Simulation::new(world);
    for _ in 0..steps {
        simulation.step();
    }
    simulation.ids
}

proptest! {
    #![proptest_config(Config { cases: CASES, failure_persistence: None, ..Config::default() })]

    #[test]
    fn no_id_is_handed_out_twice_and_no_caller_is_forgotten(world in worlds()) {
        simulate(world, STEPS);
    }
}

#[test]
fn replay() {
    let world = World {
        seed: 1,
        pools: 3,
        handles: 4,
        step: 10,
        max_step: 1000,
        horizon_ms: 2000,
        faults: 30,
        delay_ms: 100,
    };
    assert!(simulate(world, STEPS) > 1000, "it does hand out ids");
}

/// The counter goes back at a random moment, and is mended later: nothing is handed out in between,
/// nothing twice, and the sequence goes on by itself. Also when the store does not compare the
/// index with what the pool owned.
#[test]
fn a_counter_that_goes_back_is_refused_until_it_is_mended() {
    for seed in 0..300 {
        let mut random = Random(seed);
        let store_compares = seed % 2 == 0;
        let settings = Settings { step: 1 + random.below(20), max_step: 50, ..Settings::default() };
        let mut sequence = Sequence::new("simulated", settings, seed);
        let id = sequence.attach();
        let (mut index, mut issued, mut now) = (1000i64, Issued::default(), Duration::ZERO);
        let (goes_back, is_mended) = (5 + random.below(200) as usize, 300);
        let (mut owned_to, mut back, mut refused, mut served_after) = (0, false, false, false);
        for i in 0..500 {
            now += Duration::from_millis(random.below(50));
            if i >= goes_back && i < is_mended && !back && owned_to > 1000 {
                index = 1000 + random.below((owned_to - 1000) as u64) as i64;
                back = true;
            }
            if i == is_mended {
                index = owned_to + random.below(100) as i64;
                back = false;
            }
            sequence.request(now, id, 1 + random.below(9));
            if let Next::Claim(claim) = sequence.next(now) {
                let floor = claim.owned_to.unwrap_or(0);
                let outcome = if store_compares && index < floor {
                    let error = Error::new(ErrorCode::SequenceBadDocument, "went back");
                    Err(ClaimError::WentBack(error))
                } else {
                    // A store that does not compare has raised it, which the pool must notice. So
                    // must the mended index be beyond.
                    let range = Range::new(index, index + claim.count as i64);
                    if !back {
                        index = range.end;
                        owned_to = range.end;
                    }
                    Ok(range)
                };
                sequence.claimed(now, outcome);
            }
            let grant = sequence.take(id);
            let bad = grant.error.is_some_and(|error| error.code() == ErrorCode::SequenceBadDocument);
            assert!(!bad || back, "an error without a cause");
            refused |= bad;
            served_after |= i > is_mended && !grant.ranges.is_empty();
            grant.ranges.into_iter().for_each(|range| issued.add(range));
        }
        assert!(refused && served_after, "seed {seed}: refused {refused}, served {served_after}");
    }
}

/// The index is set through the process while claims are in flight: the next ids come from there.
#[test]
fn an_index_that_is_set_replaces_what_is_in_hand() {
    let mut sequence = Sequence::new("simulated", Settings::default(), 1);
    let id = sequence.attach();
    let now = Duration::from_secs(1);
    let claim = |sequence: &mut Sequence, start: i64| {
        let Next::Claim(claim) = sequence.next(now) else { panic!("no claim is due") };
        sequence.claimed(now, Ok(Range::new(start, start + claim.count as i64)));
        claim
    };
    sequence.request(now, id, 1);
    claim(&mut sequence, 1000);
    assert_eq!(sequence.take(id).ranges, [Range::new(1000, 1001)]);
    // The claim in flight may have been made before or after: it is abandoned.
    sequence.request(now, id, 100);
    assert!(matches!(sequence.next(now), Next::Claim(_)));
    assert_eq!(sequence.moved(5, true), [id]);
    assert!(sequence.take(id).revoked);
    sequence.claimed(now, Ok(Range::new(1010, 1110)));
    assert_eq!(sequence.take(id).ranges, []);
    assert_eq!(claim(&mut sequence, 5).owned_to, Some(5));
    assert_eq!(sequence.take(id).ranges.first().map(|range| range.start), Some(5));
}
