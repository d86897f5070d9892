//! Makes the claims of all sequences of one store, on one thread.
//!
//! Pools with something to do stand in a queue, each once, and are served in its order. The store
//! says how many requests may be in flight; the rest wait here, where no deadline runs. `memory:`
//! has no thread: its claims are made by the thread that asks.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, at, bounded, never, select, unbounded};

use super::pool::{Pool, Work};
use super::store::{
    Answer, ClaimError, Document, Operation, Outcome, Request, Responder, Store, StoreUrl, memory,
};
use super::{Cancel, lock};
use crate::{Error, ErrorCode, Result};

/// The claimers of this process, which its threads share.
static CLAIMERS: Mutex<BTreeMap<StoreUrl, Weak<Claimer>>> = Mutex::new(BTreeMap::new());

/// The claimer of one store. Lives as long as a handle, a request or a [`Hold`] on it; dropping the
/// last one stops the thread and joins it.
pub(super) struct Claimer {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What the thread and its owners share.
struct Shared {
    url: StoreUrl,
    sequences: Mutex<Sequences>,
    queue: Mutex<VecDeque<Queued>>,
    /// Holds at most one wake-up, which is as good as many.
    wake: Sender<()>,
    woken: Receiver<()>,
    cancel: Cancel,
    /// `memory:` only: one request at a time, its answer included. A claim must not meet a change
    /// of its index half-way.
    memory: Mutex<()>,
    /// Why the last request failed for want of the store.
    unavailable: Mutex<Option<Error>>,
    /// The thread panicked: no request will be answered.
    broken: Mutex<Option<Error>>,
}

/// The sequences of a store in this process.
#[derive(Default)]
pub(super) struct Sequences {
    pub open: HashMap<Arc<Document>, Arc<Pool>>,
    /// One past the highest id that this process owned, of sequences that were closed.
    pub owned: HashMap<Arc<Document>, i64>,
}

enum Queued {
    Pool(Arc<Pool>),
    Single(Single),
}

/// An operation that no pool asked for.
struct Single {
    document: Arc<Document>,
    operation: Operation,
    /// Gone when its caller gave it up: then it is not sent.
    wanted: Weak<()>,
    on_answer: Box<dyn FnOnce(Answer) + Send>,
}

impl Queued {
    fn document(&self) -> &Arc<Document> {
        match self {
            Self::Pool(pool) => &pool.document,
            Self::Single(single) => &single.document,
        }
    }
}

struct Answered {
    target: Queued,
    took: Duration,
    answer: Answer,
}

/// Keeps the claimer of a store, and what it knows of closed sequences, while no handle is open.
#[derive(Debug)]
pub struct Hold {
    _claimer: Arc<Claimer>,
}

/// Keeps the claimer of the store at `url`. Connects to nothing.
#[must_use]
pub fn hold(url: &StoreUrl) -> Hold {
    Hold { _claimer: Claimer::of(url) }
}

impl Claimer {
    /// The claimer of the store at `url`; its thread starts with the first request.
    pub fn of(url: &StoreUrl) -> Arc<Self> {
        let mut claimers = lock(&CLAIMERS);
        if let Some(claimer) = claimers.get(url).and_then(Weak::upgrade) {
            return claimer;
        }
        let (wake, woken) = bounded(1);
        let shared = Shared {
            url: url.clone(),
            sequences: Mutex::default(),
            queue: Mutex::default(),
            wake,
            woken,
            cancel: Cancel::default(),
            memory: Mutex::default(),
            unavailable: Mutex::default(),
            broken: Mutex::default(),
        };
        let claimer = Arc::new(Self { shared: Arc::new(shared), thread: Mutex::default() });
        claimers.insert(url.clone(), Arc::downgrade(&claimer));
        claimer
    }

    /// Locked before any pool's state.
    pub fn sequences(&self) -> MutexGuard<'_, Sequences> {
        lock(&self.shared.sequences)
    }

    /// Why the store could not be used lately.
    pub fn unavailable(&self) -> Option<Error> {
        lock(&self.shared.unavailable).clone()
    }

    /// Has the claimer look what the pool needs. The pool counts as queued already.
    ///
    /// # Errors
    /// When no thread could be started, or the claimer panicked.
    pub fn look(&self, pool: &Arc<Pool>) -> Result<()> {
        if self.shared.url.is_memory() {
            let _alone = lock(&self.shared.memory);
            while let Work::Start(operation) = pool.work() {
                let begun = Instant::now();
                let answer = memory::answer(&pool.document, &operation);
                pool.answered(answer, begun.elapsed());
            }
            return Ok(());
        }
        self.start()?;
        self.shared.enqueue(Queued::Pool(Arc::clone(pool)));
        // A thread that panicked in between does not look at the queue again.
        lock(&self.shared.broken).clone().map_or(Ok(()), Err)
    }

    /// Has a single operation done, unless `wanted` is gone before it is sent. `on_answer` is
    /// called with its answer, on the claimer's thread or here; not at all when the claimer is
    /// stopped before.
    ///
    /// # Errors
    /// When no thread could be started, or the claimer panicked.
    pub fn ask(
        &self,
        document: &Arc<Document>,
        operation: Operation,
        wanted: Weak<()>,
        on_answer: impl FnOnce(Answer) + Send + 'static,
    ) -> Result<()> {
        if self.shared.url.is_memory() {
            let alone = lock(&self.shared.memory);
            let answer = memory::answer(document, &operation);
            self.shared.note_set(document, &operation, &answer);
            drop(alone);
            on_answer(answer);
            return Ok(());
        }
        self.start()?;
        let single =
            Single { document: Arc::clone(document), operation, wanted, on_answer: Box::new(on_answer) };
        self.shared.enqueue(Queued::Single(single));
        lock(&self.shared.broken).clone().map_or(Ok(()), Err)
    }

    /// Starts the thread if it does not run. When the system has none to give, the next request
    /// tries again.
    fn start(&self) -> Result<()> {
        if let Some(error) = &*lock(&self.shared.broken) {
            return Err(error.clone());
        }
        let mut thread = lock(&self.thread);
        if thread.is_none() {
            let shared = Arc::clone(&self.shared);
            let spawned = std::thread::Builder::new().name("texample-ids".into()).spawn(move || shared.run());
            *thread = Some(spawned.map_err(|cause| {
                let message = format!("no thread could be started for {}", self.shared.url);
                Error::new(ErrorCode::SequenceUnavailable, message).caused_by(cause)
            })?);
        }
        Ok(())
    }
}

impl Drop for Claimer {
    fn drop(&mut self) {
        let mut claimers = lock(&CLAIMERS);
        // Another one may have taken its place.
        if claimers.get(&self.shared.url).is_some_and(|claimer| claimer.strong_count() == 0) {
            claimers.remove(&self.shared.url);
        }
        drop(claimers);
        self.shared.cancel.cancel();
        if let Some(thread) = lock(&self.thread).take() {
            // A panic was caught in `run`, and told to the waiters.
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Claimer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claimer").field("url", &self.shared.url).finish_non_exhaustive()
    }
}

impl Shared {
    fn enqueue(&self, queued: Queued) {
        lock(&self.queue).push_back(queued);
        // A full channel holds a wake-up already.
        let _ = self.wake.try_send(());
    }

    fn run(&self) {
        let caught = catch_unwind(AssertUnwindSafe(|| {
            if let Some(store) = self.url.store(self.wake.clone(), self.cancel.clone()) {
                Driver::new(self, store).drive();
            }
        }));
        if let Err(panic) = caught {
            let error = Error::panicked(&format!("the claimer of {}", self.url), &*panic);
            *lock(&self.broken) = Some(error.clone());
            let pools: Vec<_> = lock(&self.sequences).open.values().cloned().collect();
            for queued in std::mem::take(&mut *lock(&self.queue)) {
                match queued {
                    // It may be closing, and open no more.
                    Queued::Pool(pool) => pool.broke(&error),
                    Queued::Single(single) => (single.on_answer)(Err(ClaimError::Permanent(error.clone()))),
                }
            }
            for pool in pools {
                pool.broke(&error);
            }
        }
    }

    /// Tells the pool of a document that its index was set, before the next claim is made.
    fn note_set(&self, document: &Arc<Document>, operation: &Operation, answer: &Answer) {
        let (Operation::Set { index, force }, Ok(Outcome::Set(None))) = (operation, answer) else { return };
        let mut sequences = lock(&self.sequences);
        let owned = sequences.owned.get(document).copied().filter(|_| !force);
        sequences.owned.insert(Arc::clone(document), owned.map_or(*index, |owned| owned.max(*index)));
        // Under the lock, so that no handle closes in between.
        if let Some(pool) = sequences.open.get(document) {
            pool.moved(*index, *force);
        }
    }
}

/// The loop of the thread.
struct Driver<'a> {
    shared: &'a Shared,
    store: Box<dyn Store>,
    /// Documents with a request in flight: another one waits for its answer, so that a claim never
    /// meets a release or a change of its index half-way. The requests that wait, in their order.
    in_flight: HashMap<Arc<Document>, VecDeque<Queued>>,
    answers: Sender<Answered>,
    answered: Receiver<Answered>,
    /// Pools to look at later. Each stands here once, at the time that its state names.
    timers: BTreeMap<(Instant, *const Pool), Arc<Pool>>,
}

impl<'a> Driver<'a> {
    fn new(shared: &'a Shared, store: Box<dyn Store>) -> Self {
        // Bounded by the requests in flight.
        let (answers, answered) = unbounded();
        Self { shared, store, in_flight: HashMap::new(), answers, answered, timers: BTreeMap::new() }
    }

    fn drive(mut self) {
        while !self.shared.cancel.is_cancelled() {
            self.start_requests();
            let next = self.timers.first_key_value().map(|(&(at, _), _)| at);
            let timer = next.map_or_else(never, at);
            select! {
                recv(self.answered) -> answered => answered.into_iter().for_each(|answered| self.take(answered)),
                recv(self.shared.woken) -> _ => {}
                recv(timer) -> _ => {}
                recv(self.shared.cancel.signal()) -> _ => {}
            }
            while let Ok(answered) = self.answered.try_recv() {
                self.take(answered);
            }
            self.expire();
        }
    }

    fn start_requests(&mut self) {
        let room = self.store.room().saturating_sub(self.in_flight.len());
        let mut requests = Vec::new();
        while requests.len() < room {
            let Some(queued) = lock(&self.shared.queue).pop_front() else { break };
            if let Some(waiting) = self.in_flight.get_mut(queued.document()) {
                waiting.push_back(queued);
                continue;
            }
            let document = Arc::clone(queued.document());
            let (operation, target) = match queued {
                Queued::Single(single) if single.wanted.strong_count() == 0 => continue,
                Queued::Single(single) => (single.operation.clone(), Queued::Single(single)),
                Queued::Pool(pool) => match pool.work() {
                    Work::Start(operation) => (operation, Queued::Pool(pool)),
                    Work::Later(at) => {
                        self.look_at(at, pool);
                        continue;
                    }
                    Work::Nothing => continue,
                },
            };
            self.in_flight.insert(Arc::clone(&document), VecDeque::new());
            let (begun, answers) = (Instant::now(), self.answers.clone());
            let responder = Responder::new(move |answer| {
                // The claimer is gone when it was stopped: then no handle waits for the answer.
                let _ = answers.send(Answered { target, took: begun.elapsed(), answer });
            });
            requests.push(Request { document, operation, responder });
        }
        if !requests.is_empty() {
            self.store.start(requests);
        }
    }

    fn take(&mut self, Answered { target, took, answer }: Answered) {
        match &answer {
            Err(ClaimError::Transient(error)) => *lock(&self.shared.unavailable) = Some(error.clone()),
            Ok(_) => *lock(&self.shared.unavailable) = None,
            Err(_) => {}
        }
        let document = match target {
            Queued::Pool(pool) => {
                pool.answered(answer, took);
                let document = Arc::clone(&pool.document);
                // It may need another range, a retry, or its release.
                self.queue(pool);
                document
            }
            Queued::Single(Single { document, operation, on_answer, .. }) => {
                self.shared.note_set(&document, &operation, &answer);
                on_answer(answer);
                document
            }
        };
        let waiting = self.in_flight.remove(&document).unwrap_or_default();
        lock(&self.shared.queue).extend(waiting);
    }

    fn queue(&mut self, pool: Arc<Pool>) {
        if !std::mem::replace(&mut pool.state().queued, true) {
            lock(&self.shared.queue).push_back(Queued::Pool(pool));
        }
    }

    fn look_at(&mut self, at: Duration, pool: Arc<Pool>) {
        let before = pool.state().timer.replace(at);
        if let Some(before) = before {
            self.timers.remove(&(pool.instant(before), Arc::as_ptr(&pool)));
        }
        self.timers.insert((pool.instant(at), Arc::as_ptr(&pool)), pool);
    }

    fn expire(&mut self) {
        let now = Instant::now();
        while let Some(entry) = self.timers.first_entry().filter(|entry| entry.key().0 <= now) {
            let pool = entry.remove();
            pool.state().timer = None;
            self.queue(pool);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::endpoint::Endpoint;
    use super::super::{Options, open};
    use super::*;

    #[test]
    fn a_forced_set_in_memory_rejects_no_draw() {
        let url = StoreUrl::parse("memory:").unwrap();
        let endpoint = Arc::new(Endpoint::new(|| {}));
        let handle = open(&url, "claimer", "set", &Options::default(), &endpoint, 0).unwrap();
        let claimer = Claimer::of(&url);
        let document = Arc::new(url.document("claimer", "set"));
        let set = |index| Operation::Set { index, force: true };
        let force = |index| claimer.ask(&document, set(index), Weak::new(), |_| {}).unwrap();
        std::thread::scope(|scope| {
            let sets = scope.spawn(|| (0..20_000).for_each(|round| force(1000 - round % 2 * 1000)));
            while !sets.is_finished() {
                let grant = handle.request_blocking(1, Duration::from_secs(10));
                assert!(grant.error.is_none(), "{:?}", grant.error);
                assert_eq!(grant.ranges.len(), 1);
            }
        });
    }
}
