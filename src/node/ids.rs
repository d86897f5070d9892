//! The N-API shell of `ids`: the handles of one JavaScript thread, under one wake-up.
//!
//! Ids cross as leased ranges; the cursor over them lives in JavaScript. The wake-up neither keeps
//! the process alive nor outlives its environment.

use std::collections::HashMap;
use std::error::Error as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use napi::bindgen_prelude::{BigInt64Array, Function, ObjectFinalize, i64n};
use napi::{CleanupEnvHook, Env};
use napi_derive::napi;
use texample_bridge::napi::Waker;

use super::error::Result;
use crate::Error;
use crate::ids::{
    self, Endpoint, Event, EventKind, Grant, Handle, Hold, News, Options, Range, Request, StoreUrl,
};

/// Bits of the first element of a lease.
const FAILED: i64 = 1;
const REVOKED: i64 = 2;

/// What the end of the environment takes away.
struct Shared {
    entries: Mutex<HashMap<u64, Entry>>,
    /// What keeps the claimers of requests without an answer, by ticket.
    pending: Mutex<HashMap<u64, Hold>>,
    /// The cleanup hook has run, and is removed.
    ended: AtomicBool,
}

struct Entry {
    handle: Arc<Handle>,
    /// Why the waiters of the handle get no id, until JavaScript asks.
    error: Option<Error>,
}

impl Shared {
    /// No claimer after this, unless another thread has a handle.
    fn end(&self) {
        let entries = std::mem::take(&mut *self.entries());
        let pending = std::mem::take(&mut *self.pending());
        drop((entries, pending));
    }

    fn pending(&self) -> MutexGuard<'_, HashMap<u64, Hold>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<u64, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn handle(&self, key: f64) -> Option<Arc<Handle>> {
        self.entries().get(&index(key)).map(|entry| Arc::clone(&entry.handle))
    }
}

/// JavaScript holds keys as numbers; all are integers below 2^53.
fn index(key: f64) -> u64 {
    key as u64
}

/// Counters of a sequence.
#[napi(object)]
pub struct SequenceCounters {
    /// Ids claimed from the store.
    pub claimed: f64,
    /// Ranges claimed from the store.
    pub claims: f64,
    /// Claims tried again.
    pub retries: f64,
    /// Claims that ended in an error.
    pub errors: f64,
    /// Ids the next range will have.
    pub step: f64,
    /// Ids claimed and not leased.
    pub in_hand: f64,
    /// Ids a second.
    pub rate_per_second: f64,
}

/// A claim that ended.
#[napi(object, object_from_js = false)]
pub struct ClaimEvent {
    /// The name of the sequence.
    pub sequence: String,
    /// Its collection.
    pub collection: String,
    /// The sequence and its store, without secrets.
    pub label: String,
    /// The first id of the range; none when the claim failed.
    pub first: Option<i64n>,
    /// Ids in the range.
    pub count: f64,
    /// How long the claim took, in milliseconds.
    pub duration: f64,
    /// Failures in a row so far.
    pub failures: u32,
    /// The code of the error.
    pub code: Option<String>,
    /// The text of the error.
    pub message: Option<String>,
}

/// The answer to a read or a change of an index.
#[napi(object, object_from_js = false)]
pub struct IndexAnswer {
    /// What it answers.
    pub ticket: f64,
    /// The next id that a claim would get; none when the sequence does not exist.
    pub index: Option<i64n>,
    /// The code of the error, if it failed.
    pub code: Option<String>,
    /// The text of the error.
    pub message: Option<String>,
    /// The text of what caused the error.
    pub cause: Option<String>,
}

/// What arrived since the last wake-up.
#[napi(object, object_from_js = false)]
pub struct SequenceNews {
    /// Keys of the handles that have something to look at.
    pub handles: Vec<f64>,
    /// Claims that ended.
    pub events: Vec<ClaimEvent>,
    /// Answers to `readIndex` and `setIndex`.
    pub answers: Vec<IndexAnswer>,
}

/// The handles of one JavaScript thread.
#[napi(custom_finalize)]
pub struct SequenceHandles {
    shared: Arc<Shared>,
    endpoint: Arc<Endpoint>,
    hook: CleanupEnvHook<Arc<Shared>>,
    next_key: u64,
}

#[napi]
impl SequenceHandles {
    /// `wake` is called when there are news.
    #[napi(constructor)]
    pub fn new(env: Env, wake: Function<(), ()>) -> Result<Self> {
        let waker = Waker::new(&env, "texample-ids", &wake).map_err(unexpected)?;
        let endpoint = Arc::new(Endpoint::new(move || waker.wake()));
        let shared = Arc::new(Shared {
            entries: Mutex::default(),
            pending: Mutex::default(),
            ended: AtomicBool::new(false),
        });
        let hook = env.add_env_cleanup_hook(Arc::clone(&shared), |shared| {
            shared.ended.store(true, Ordering::Release);
            shared.end();
        });
        Ok(Self { shared, endpoint, hook: hook.map_err(unexpected)?, next_key: 0 })
    }

    /// Opens a sequence; returns the key of the handle.
    #[napi]
    #[allow(clippy::too_many_arguments)]
    pub fn open(
        &mut self,
        url: String,
        collection: String,
        name: String,
        start: Option<f64>,
        step: Option<f64>,
        max_step: Option<f64>,
        horizon: Option<f64>,
    ) -> Result<f64> {
        // JavaScript has checked that the numbers are integers in range.
        let options = Options {
            start: start.map(|start| start as i64),
            step: step.map(|step| step as u64),
            max_step: max_step.map(|max_step| max_step as u64),
            horizon: horizon.map(|horizon| Duration::from_secs_f64(horizon / 1000.0)),
        };
        let key = self.next_key;
        let handle = ids::open(&StoreUrl::parse(&url)?, &collection, &name, &options, &self.endpoint, key)?;
        self.next_key += 1;
        self.shared.entries().insert(key, Entry { handle: Arc::new(handle), error: None });
        Ok(key as f64)
    }

    /// Takes what arrived; events only if they are wanted. What comes later wakes again.
    #[napi]
    pub fn news(&self, with_events: bool) -> SequenceNews {
        let News { handles, mut events, answers } = self.endpoint.take();
        if !with_events {
            events.clear();
        }
        for (ticket, _) in &answers {
            self.forget(*ticket as f64);
        }
        SequenceNews {
            handles: handles.into_iter().map(|key| key as f64).collect(),
            events: events.into_iter().map(ClaimEvent::from).collect(),
            answers: answers.into_iter().map(|(ticket, answer)| to_answer(ticket, answer)).collect(),
        }
    }

    /// Reads the next id that a claim would get, and creates nothing. Returns the ticket of the
    /// answer.
    #[napi]
    pub fn read_index(&mut self, url: String, collection: String, name: String) -> Result<f64> {
        self.submit(&url, &collection, &name, Request::Read)
    }

    /// Makes the one element of `index` the next id: forward, or by force. Returns the ticket of
    /// the answer.
    #[napi]
    pub fn set_index(
        &mut self,
        url: String,
        collection: String,
        name: String,
        index: BigInt64Array,
        force: bool,
    ) -> Result<f64> {
        // JavaScript passes one element: napi's BigInt panics on 0n.
        let index = index.first().copied().unwrap_or_default();
        self.submit(&url, &collection, &name, Request::Set { index, force })
    }

    /// Gives a request up whose answer has not come.
    #[napi]
    pub fn forget(&self, ticket: f64) {
        let hold = self.shared.pending().remove(&index(ticket));
        drop(hold);
    }

    fn submit(&mut self, url: &str, collection: &str, name: &str, request: Request) -> Result<f64> {
        let ticket = self.next_key;
        self.next_key += 1;
        let url = StoreUrl::parse(url)?;
        let hold = ids::submit(&url, collection, name, request, &self.endpoint, ticket)?;
        self.shared.pending().insert(ticket, hold);
        Ok(ticket as f64)
    }

    /// The callers of the handle lack so many ids in all; zero withdraws. Returns flags and ranges,
    /// if any.
    #[napi]
    pub fn request(&self, key: f64, missing: f64) -> Option<Vec<i64n>> {
        let grant = self.shared.handle(key)?.request(missing as u64);
        self.pass(key, grant)
    }

    /// The ids that are free, if they are enough; queues no request.
    #[napi]
    pub fn try_request(&self, key: f64, missing: f64) -> Option<Vec<i64n>> {
        let grant = self.shared.handle(key)?.try_request(missing as u64);
        self.pass(key, grant)
    }

    /// As `request`, but blocks up to `timeout` milliseconds until all are there.
    #[napi]
    pub fn request_blocking(&self, key: f64, missing: f64, timeout: f64) -> Option<Vec<i64n>> {
        let timeout = Duration::from_secs_f64(timeout / 1000.0);
        let grant = self.shared.handle(key)?.request_blocking(missing as u64, timeout);
        self.pass(key, grant)
    }

    /// Throws why the waiters got nothing.
    #[napi]
    pub fn raise(&self, key: f64) -> Result<()> {
        let error = self.shared.entries().get_mut(&index(key)).and_then(|entry| entry.error.take());
        error.map_or(Ok(()), |error| Err(error.into()))
    }

    /// Throws why the last claim failed, if it did.
    #[napi]
    pub fn raise_last(&self, key: f64) -> Result<()> {
        let last = self.shared.handle(key).and_then(|handle| handle.last_error());
        last.map_or(Ok(()), |error| Err(error.into()))
    }

    /// The most ids in a range.
    #[napi]
    pub fn max_step(&self, key: f64) -> f64 {
        self.shared.handle(key).map_or(0.0, |handle| handle.settings().max_step as f64)
    }

    /// The sequence and its store, without secrets.
    #[napi]
    pub fn label(&self, key: f64) -> String {
        self.shared.handle(key).map(|handle| handle.label().to_owned()).unwrap_or_default()
    }

    /// Counters of the sequence.
    #[napi]
    pub fn stats(&self, key: f64) -> Option<SequenceCounters> {
        let stats = self.shared.handle(key)?.stats();
        Some(SequenceCounters {
            claimed: stats.claimed as f64,
            claims: stats.claims as f64,
            retries: stats.retries as f64,
            errors: stats.errors as f64,
            step: stats.step as f64,
            in_hand: stats.in_hand as f64,
            rate_per_second: stats.rate,
        })
    }

    /// Closes the handle; `unused` is starts and ends of what it has left. True when that is over
    /// at once.
    #[napi]
    pub fn close(&self, key: f64, unused: BigInt64Array) -> bool {
        let (pairs, _) = unused.as_chunks::<2>();
        let ranges: Vec<_> = pairs.iter().map(|&[start, end]| Range::new(start, end)).collect();
        self.shared.handle(key).is_none_or(|handle| handle.close(&ranges))
    }

    /// Whether what `close` began is over.
    #[napi]
    pub fn is_closed(&self, key: f64) -> bool {
        self.shared.handle(key).is_none_or(|handle| handle.is_closed())
    }

    /// Lets go of the handle. The claimer of a store without handles is stopped and joined.
    #[napi]
    pub fn abandon(&self, key: f64) {
        let entry = self.shared.entries().remove(&index(key));
        drop(entry);
    }

    /// Not as a typed array: each would have a finalizer of its own, and thousands of them run at
    /// once after a garbage collection, while everything else on the thread waits.
    fn pass(&self, key: f64, grant: Grant) -> Option<Vec<i64n>> {
        let mut flags = 0;
        if grant.error.is_some() {
            flags |= FAILED;
            if let Some(entry) = self.shared.entries().get_mut(&index(key)) {
                entry.error = grant.error;
            }
        }
        if grant.revoked {
            flags |= REVOKED;
        }
        if flags == 0 && grant.ranges.is_empty() {
            return None;
        }
        let pairs = grant.ranges.iter().flat_map(|range| [range.start, range.end]);
        Some(std::iter::once(flags).chain(pairs).map(i64n).collect())
    }
}

impl ObjectFinalize for SequenceHandles {
    fn finalize(self, env: Env) -> napi::Result<()> {
        if !self.shared.ended.load(Ordering::Acquire) {
            env.remove_env_cleanup_hook(self.hook)?;
        }
        self.shared.end();
        Ok(())
    }
}

/// Keeps the claimer of a store while no sequence of it is open.
#[napi]
pub struct StoreHold {
    hold: Option<Hold>,
}

#[napi]
impl StoreHold {
    /// Connects to nothing.
    #[napi(constructor)]
    pub fn new(url: String) -> Result<Self> {
        Ok(Self { hold: Some(ids::hold(&StoreUrl::parse(&url)?)) })
    }

    /// Lets go of the claimer. A claimer without handles is stopped and joined.
    #[napi]
    pub fn release(&mut self) {
        self.hold.take();
    }
}

/// The options of a URL that are taken and ignored, with their values.
#[napi]
pub fn ignored_url_options(url: String) -> Vec<String> {
    StoreUrl::ignored_options(&url)
}

/// True the first time in this process: a warning is not repeated by each worker thread.
#[napi]
pub fn is_first_default_store() -> bool {
    static SAID: AtomicBool = AtomicBool::new(false);
    !SAID.swap(true, Ordering::Relaxed)
}

fn to_answer(ticket: u64, answer: crate::Result<Option<i64>>) -> IndexAnswer {
    let (index, error) = answer.map_or_else(|error| (None, Some(error)), |index| (index, None));
    IndexAnswer {
        ticket: ticket as f64,
        index: index.map(i64n),
        code: error.as_ref().map(|error| error.code().as_str().to_owned()),
        message: error.as_ref().map(|error| error.message().to_owned()),
        cause: error.as_ref().and_then(|error| error.source()).map(ToString::to_string),
    }
}

impl From<Event> for ClaimEvent {
    fn from(event: Event) -> Self {
        let Event { document, took, failures, kind } = event;
        let (range, error) = match kind {
            EventKind::Claimed(range) => (Some(range), None),
            EventKind::Failed(error) => (None, Some(error)),
        };
        Self {
            sequence: document.name.to_string(),
            collection: document.collection.to_string(),
            label: document.label.to_string(),
            first: range.map(|range| i64n(range.start)),
            count: range.map_or(0.0, |range| range.len() as f64),
            duration: took.as_secs_f64() * 1000.0,
            failures,
            code: error.as_ref().map(|error| error.code().as_str().to_owned()),
            message: error.as_ref().map(|error| error.message().to_owned()),
        }
    }
}

/// N-API itself failed: no memory, or an environment that is ending.
fn unexpected(error: napi::Error) -> Error {
    Error::new(
        crate::ErrorCode::SequenceUnavailable,
        format!("the sequence could not be opened: {}", error.reason),
    )
}
