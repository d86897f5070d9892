//! One claimer thread and the ids in hand, shared by every handle on a sequence in this process.
//!
//! ```text
//! handle ─request→ Sequence ─Next::Claim→ claimer thread ─claim→ store
//!        ←wake────  (mutex)  ←claimed───
//! ```
//!
//! A plain mutex guards the state machine: it is held for a few steps of
//! arithmetic, never across a claim.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded, never, select};

use super::sequence::{Counters, Grant, HandleId, Next, Sequence};
use super::store::{ATTEMPT, ClaimError, Location, Store};
use super::{Cancel, Range, Settings, Wishes};
use crate::{Error, ErrorCode, Result};

/// How long a give-back may take: what it saves is not worth a longer wait.
const GIVE_BACK: Duration = Duration::from_secs(3);

/// Events that wait to be looked at; older ones are dropped.
const MAX_EVENTS: usize = 256;

/// Tells a handle's owner that there is something to look at.
///
/// Called from the claimer thread, under a lock of the pool: it must not block, nor call the handle.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// What happened in the pool.
#[derive(Clone, Debug)]
pub enum Event {
    /// A range was claimed.
    Claimed {
        /// The range.
        range: Range,
        /// How long the claim took.
        took: Duration,
        /// Claims that failed before this one.
        failures: u32,
    },
    /// A claim ended in an error.
    Failed {
        /// Why.
        error: Error,
        /// How long the claim took.
        took: Duration,
        /// Failures in a row, with this one.
        failures: u32,
    },
}

/// Counters of a pool.
pub type Stats = Counters;

/// By store, collection and sequence.
type Key = (Location, String, String);

/// The pools of this process: the one thing that its threads share.
static POOLS: Mutex<BTreeMap<Key, Weak<Pool>>> = Mutex::new(BTreeMap::new());

struct Pool {
    key: Key,
    label: String,
    origin: Instant,
    state: Mutex<State>,
    /// Rung for those who block in [`Handle::request_blocking`].
    served: Condvar,
    /// Wakes the claimer; one ring in the bell is as good as many.
    bell: Sender<()>,
    rung: Receiver<()>,
    cancel: Cancel,
}

struct State {
    sequence: Sequence,
    ports: HashMap<HandleId, Port>,
    claimer: Claimer,
    /// The claimer panicked: nobody will ever be served.
    broken: Option<Error>,
}

/// Where a handle's owner is told.
struct Port {
    wake: Wake,
    /// Events for an owner that wants them.
    events: Option<VecDeque<Event>>,
}

enum Claimer {
    /// No id was asked for yet.
    Idle,
    Running(JoinHandle<()>),
    /// The last handle was closed; the claimer ends, says so, and wakes its owner.
    Ending {
        thread: JoinHandle<()>,
        wake: Wake,
        over: bool,
    },
    Ended,
}

/// A handle on a sequence: one per owner, each with rising ids of its own.
///
/// Dropping it without [`Handle::close`] abandons what it was leased.
pub struct Handle {
    pool: Arc<Pool>,
    id: HandleId,
    /// It was the last one of its pool, so the end of the claimer is its own affair.
    last: AtomicBool,
}

/// Opens a sequence. Nothing is connected to before the first request.
///
/// # Errors
/// `InvalidArgument` when a wish is out of range, or when the sequence is open with other settings.
pub fn open(location: Location, collection: &str, name: &str, wishes: &Wishes, wake: Wake) -> Result<Handle> {
    let settings = wishes.settle()?;
    let key = (location, collection.to_owned(), name.to_owned());
    let mut pools = POOLS.lock().unwrap_or_else(PoisonError::into_inner);
    let pool = match pools.get(&key).and_then(Weak::upgrade) {
        Some(pool) => {
            let conflict = wishes.conflict(pool.state().sequence.settings());
            if let Some(conflict) = conflict {
                let message =
                    format!("{} is open with {conflict}; ask for the same, or close it first", pool.label);
                return Err(Error::new(ErrorCode::InvalidArgument, message));
            }
            pool
        }
        None => {
            let pool = Arc::new(Pool::new(key.clone(), settings));
            pools.insert(key, Arc::downgrade(&pool));
            pool
        }
    };
    let id = {
        let mut state = pool.state();
        let id = state.sequence.attach();
        state.ports.insert(id, Port { wake, events: None });
        id
    };
    Ok(Handle { pool, id, last: AtomicBool::new(false) })
}

impl Handle {
    /// The callers of this handle lack `missing` ids in all; zero withdraws.
    ///
    /// Returns what is there at once. For the rest the handle is woken.
    pub fn request(&self, missing: u64) -> Grant {
        let mut state = self.pool.state();
        self.pool.request(&mut state, self.id, missing);
        state.sequence.take(self.id)
    }

    /// What is in hand now, if that is `missing` ids; nothing is claimed for it, and nobody is queued.
    pub fn try_request(&self, missing: u64) -> Grant {
        let mut state = self.pool.state();
        self.pool.request(&mut state, self.id, missing);
        let grant = state.sequence.take(self.id);
        state.sequence.request(self.pool.now(), self.id, 0);
        grant
    }

    /// As [`request`](Self::request), but waits up to `timeout` until all are there, or an error.
    pub fn request_blocking(&self, missing: u64, timeout: Duration) -> Grant {
        let deadline = Instant::now() + timeout;
        let mut state = self.pool.state();
        let mut grant = Grant::default();
        loop {
            let got: u64 = grant.ranges.iter().map(Range::len).sum();
            self.pool.request(&mut state, self.id, missing.saturating_sub(got));
            let more = state.sequence.take(self.id);
            if more.revoked {
                grant.revoked = true;
                grant.ranges.clear();
            }
            grant.ranges.extend(more.ranges);
            let got: u64 = grant.ranges.iter().map(Range::len).sum();
            if more.error.is_some() || got >= missing {
                return Grant { error: more.error, ..grant };
            }
            let Some(left) = deadline.checked_duration_since(Instant::now()) else {
                // Nobody waits any more.
                state.sequence.request(self.pool.now(), self.id, 0);
                return grant;
            };
            let wait = self.pool.served.wait_timeout(state, left);
            state = wait.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// The settings of the pool.
    #[must_use]
    pub fn settings(&self) -> Settings {
        self.pool.state().sequence.settings().clone()
    }

    /// Why the last claim failed, if it did.
    #[must_use]
    pub fn last_error(&self) -> Option<Error> {
        self.pool.state().sequence.last_error().cloned()
    }

    /// Counters of the pool.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.pool.state().sequence.counters(self.pool.now())
    }

    /// Starts or stops collecting events for this handle; it is woken for them.
    pub fn observe(&self, wanted: bool) {
        if let Some(port) = self.pool.state().ports.get_mut(&self.id) {
            port.events = wanted.then(|| port.events.take().unwrap_or_default());
        }
    }

    /// Takes the events collected.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        let mut state = self.pool.state();
        let events = state.ports.get_mut(&self.id).and_then(|port| port.events.as_mut());
        events.map(|events| events.drain(..).collect()).unwrap_or_default()
    }

    /// The sequence and its store, without secrets.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.pool.label
    }

    /// Closes the handle; `unused` is what it has left of its leases.
    ///
    /// The last handle of a pool ends it: the claim under way is waited for, unused ids are given back, and the
    /// handle is woken when that is over. Returns whether it is over already. Only the first call does anything.
    pub fn close(&self, unused: &[Range]) -> bool {
        self.leave(unused, true)
    }

    /// Whether everything that [`close`](Self::close) began is over. Joins the claimer thread then.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        if !self.last.load(Ordering::Acquire) {
            return !self.pool.state().ports.contains_key(&self.id);
        }
        let mut state = self.pool.state();
        if matches!(state.claimer, Claimer::Ending { over: false, .. }) {
            return false;
        }
        let claimer = std::mem::replace(&mut state.claimer, Claimer::Ended);
        drop(state);
        join(claimer);
        true
    }

    fn leave(&self, unused: &[Range], give_back: bool) -> bool {
        let mut pools = POOLS.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = self.pool.state();
        let Some(port) = state.ports.remove(&self.id) else {
            drop(state);
            drop(pools);
            return self.is_closed();
        };
        if state.sequence.detach(self.id, unused) > 0 {
            // What it had left may be what another handle waits for.
            for id in state.sequence.serve_waiting(self.pool.now()) {
                state.wake(id);
            }
            self.pool.served.notify_all();
            return true;
        }
        // The next one to open this sequence makes a new pool.
        pools.remove(&self.pool.key);
        drop(pools);
        self.last.store(true, Ordering::Release);
        if !give_back {
            // The ids in hand are abandoned.
            let _ = state.sequence.give_back();
            self.pool.cancel.cancel();
        }
        let Claimer::Running(thread) = std::mem::replace(&mut state.claimer, Claimer::Ended) else {
            return true;
        };
        // After a panic there is nobody left to say that it is over.
        let over = state.broken.is_some();
        state.claimer = Claimer::Ending { thread, wake: port.wake, over };
        drop(state);
        self.pool.ring();
        self.is_closed()
    }
}

impl Drop for Handle {
    /// Abandons the handle, and with the last one its pool: whatever is in hand becomes a gap.
    fn drop(&mut self) {
        self.leave(&[], false);
        if self.last.load(Ordering::Acquire) {
            // It may have been closed with its pool still ending: who drops it does not wait for the store.
            self.pool.cancel.cancel();
            let claimer = std::mem::replace(&mut self.pool.state().claimer, Claimer::Ended);
            join(claimer);
        }
    }
}

/// Waits for the end of the claimer thread, which is near.
fn join(claimer: Claimer) {
    if let Claimer::Running(thread) | Claimer::Ending { thread, .. } = claimer {
        // A panic was caught at the thread's edge, and told there.
        let _ = thread.join();
    }
}

impl Pool {
    fn new(key: Key, settings: Settings) -> Self {
        let label = key.0.label(&key.1, &key.2);
        let (bell, rung) = bounded(1);
        let seed = RandomState::new().hash_one(&key.2);
        let state = State {
            sequence: Sequence::new(&label, settings, seed),
            ports: HashMap::new(),
            claimer: Claimer::Idle,
            broken: None,
        };
        Self {
            key,
            label,
            origin: Instant::now(),
            state: Mutex::new(state),
            served: Condvar::new(),
            bell,
            rung,
            cancel: Cancel::default(),
        }
    }

    /// The state machine keeps no promise across a panic, but it has none to break: it only counts.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Duration {
        self.origin.elapsed()
    }

    fn ring(&self) {
        // A full bell is rung already.
        let _ = self.bell.try_send(());
    }

    fn request(self: &Arc<Self>, state: &mut State, id: HandleId, missing: u64) {
        let now = self.now();
        if missing > 0 {
            let started = match &state.broken {
                Some(error) => Err(error.clone()),
                None => state.start(self),
            };
            if let Err(error) = started {
                state.sequence.refuse(id, &error);
                return;
            }
        }
        state.sequence.request(now, id, missing);
        if state.sequence.due(now).is_some() {
            self.ring();
        }
    }

    /// The claimer thread.
    fn run(self: &Arc<Self>) {
        let caught = catch_unwind(AssertUnwindSafe(|| {
            let mut store = self.key.0.store(&self.key.1, &self.key.2);
            self.claim_ahead(store.as_mut());
            self.give_back(store.as_mut());
        }));
        let mut state = self.state();
        if let Err(panic) = caught {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
            let message = format!("the claimer of {} panicked: {text}", self.label);
            let error = Error::new(ErrorCode::ThreadPanicked, message);
            for id in state.sequence.claimed(self.now(), Err(ClaimError::Permanent(error.clone()))) {
                state.wake(id);
            }
            state.broken = Some(error);
            self.served.notify_all();
        }
        if let Claimer::Ending { wake, over, .. } = &mut state.claimer {
            *over = true;
            wake();
        }
    }

    fn claim_ahead(&self, store: &mut dyn Store) {
        loop {
            let mut state = self.state();
            if !matches!(state.claimer, Claimer::Running(_)) {
                return;
            }
            match state.sequence.next(self.now()) {
                Next::Claim(claim) => {
                    drop(state);
                    let begun = Instant::now();
                    let outcome = store.claim(&claim, begun + ATTEMPT, &self.cancel);
                    self.tell(begun.elapsed(), outcome);
                }
                Next::Wait(until) => {
                    drop(state);
                    let timer = until.map_or_else(never, |until| crossbeam_channel::at(self.origin + until));
                    select! {
                        recv(self.rung) -> _ => {}
                        recv(timer) -> _ => {}
                        recv(self.cancel.signal()) -> _ => return,
                    }
                }
            }
        }
    }

    /// Passes the outcome of a claim on to who waits for it, and who watches.
    fn tell(&self, took: Duration, outcome: std::result::Result<Range, ClaimError>) {
        let mut state = self.state();
        let before = state.sequence.failures();
        let errors = state.sequence.counters(self.now()).errors;
        let claimed = outcome.as_ref().ok().copied();
        let woken = state.sequence.claimed(self.now(), outcome);
        let event = match (claimed, state.sequence.last_error()) {
            _ if state.sequence.counters(self.now()).errors == errors => {
                claimed.map(|range| Event::Claimed { range, took, failures: before })
            }
            (_, Some(error)) => {
                Some(Event::Failed { error: error.clone(), took, failures: state.sequence.failures() })
            }
            (_, None) => None,
        };
        for id in &woken {
            state.wake(*id);
        }
        if let Some(event) = event {
            state.publish(&event);
        }
        self.served.notify_all();
    }

    fn give_back(&self, store: &mut dyn Store) {
        if self.cancel.is_cancelled() {
            return;
        }
        let Some(unused) = self.state().sequence.give_back() else { return };
        // Given away from here on, whatever the answer: see the module `store`.
        let _ = store.give_back(unused, Instant::now() + GIVE_BACK, &self.cancel);
    }
}

impl State {
    /// Starts the claimer if it does not run yet. Should the system have no thread to give, the next request tries again.
    fn start(&mut self, pool: &Arc<Pool>) -> Result<()> {
        if !matches!(self.claimer, Claimer::Idle) {
            return Ok(());
        }
        let claimer = Arc::clone(pool);
        let spawned = std::thread::Builder::new().name("texample-ids".into()).spawn(move || claimer.run());
        let thread = spawned.map_err(|cause| {
            let message = format!("no thread could be started to claim ids of {}", pool.label);
            Error::new(ErrorCode::SequenceUnavailable, message).caused_by(cause)
        })?;
        self.claimer = Claimer::Running(thread);
        Ok(())
    }

    fn wake(&self, id: HandleId) {
        if let Some(port) = self.ports.get(&id) {
            (port.wake)();
        }
    }

    fn publish(&mut self, event: &Event) {
        for port in self.ports.values_mut() {
            if let Some(events) = &mut port.events {
                if events.len() == MAX_EVENTS {
                    events.pop_front();
                }
                events.push_back(event.clone());
                (port.wake)();
            }
        }
    }
}
