//! The handles of one JavaScript thread, under one wake-up.
//!
//! Ids cross as leased ranges; the cursor over them lives in JavaScript. The wake-up neither keeps
//! the process alive nor outlives its environment.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use napi::bindgen_prelude::{BigInt64Array, Function, ObjectFinalize, i64n};
use napi::{CleanupEnvHook, Env};
use napi_derive::napi;
use texample_bridge::napi::Waker;

use super::news::{ClaimEvent, SequenceNews, to_answer};
use crate::Error;
use crate::ids::{self, Endpoint, Grant, Handle, News, Options, Pending, Range, StoreUrl, lock};
use crate::node::error::Result;

/// Bits of the first element of a lease.
const FAILED: i64 = 1;
const REVOKED: i64 = 2;

/// What the end of the environment takes away.
struct Shared {
    entries: Mutex<HashMap<u64, Entry>>,
    /// Reads and changes of an index without an answer, by ticket.
    pending: Mutex<HashMap<u64, Pending>>,
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
        let entries = std::mem::take(&mut *lock(&self.entries));
        let pending = std::mem::take(&mut *lock(&self.pending));
        drop((entries, pending));
    }

    fn handle(&self, key: f64) -> Option<Arc<Handle>> {
        lock(&self.entries).get(&to_u64(key)).map(|entry| Arc::clone(&entry.handle))
    }
}

/// JavaScript holds keys and tickets as numbers; all are integers below 2^53.
fn to_u64(key: f64) -> u64 {
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
        lock(&self.shared.entries).insert(key, Entry { handle: Arc::new(handle), error: None });
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
        self.submit(&url, |url, endpoint, ticket| ids::read(url, &collection, &name, endpoint, ticket))
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
        self.submit(&url, |url, endpoint, ticket| {
            ids::set(url, &collection, &name, index, force, endpoint, ticket)
        })
    }

    /// Gives a request up whose answer has not come.
    #[napi]
    pub fn forget(&self, ticket: f64) {
        let given_up = lock(&self.shared.pending).remove(&to_u64(ticket));
        drop(given_up);
    }

    fn submit(
        &mut self,
        url: &str,
        request: impl FnOnce(&StoreUrl, &Arc<Endpoint>, u64) -> crate::Result<Pending>,
    ) -> Result<f64> {
        let ticket = self.next_key;
        self.next_key += 1;
        let pending = request(&StoreUrl::parse(url)?, &self.endpoint, ticket)?;
        lock(&self.shared.pending).insert(ticket, pending);
        Ok(ticket as f64)
    }

    /// The callers of the handle lack so many ids in all; zero withdraws. Returns flags and ranges,
    /// if any.
    #[napi]
    pub fn request(&self, key: f64, missing: f64) -> Option<Vec<i64n>> {
        self.lease(key, |handle| handle.request(missing as u64))
    }

    /// Up to `missing` ids that are free now; queues no request.
    #[napi]
    pub fn try_request(&self, key: f64, missing: f64) -> Option<Vec<i64n>> {
        self.lease(key, |handle| handle.try_request(missing as u64))
    }

    /// As `request`, but blocks up to `timeout` milliseconds until all are there.
    #[napi]
    pub fn request_blocking(&self, key: f64, missing: f64, timeout: f64) -> Option<Vec<i64n>> {
        let timeout = Duration::from_secs_f64(timeout / 1000.0);
        self.lease(key, |handle| handle.request_blocking(missing as u64, timeout))
    }

    /// Throws why the waiters got nothing.
    #[napi]
    pub fn raise(&self, key: f64) -> Result<()> {
        let error = lock(&self.shared.entries).get_mut(&to_u64(key)).and_then(|entry| entry.error.take());
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
        let entry = lock(&self.shared.entries).remove(&to_u64(key));
        drop(entry);
    }

    /// The flags and ranges of what the handle is granted.
    ///
    /// Not as a typed array: each would have a finalizer of its own, and thousands of them run at
    /// once after a garbage collection, while everything else on the thread waits.
    fn lease(&self, key: f64, request: impl FnOnce(&Handle) -> Grant) -> Option<Vec<i64n>> {
        let grant = request(&*self.shared.handle(key)?);
        let mut flags = 0;
        if grant.error.is_some() {
            flags |= FAILED;
            if let Some(entry) = lock(&self.shared.entries).get_mut(&to_u64(key)) {
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

/// N-API itself failed: no memory, or an environment that is ending.
fn unexpected(error: napi::Error) -> Error {
    Error::new(
        crate::ErrorCode::SequenceUnavailable,
        format!("the sequence could not be opened: {}", error.reason),
    )
}
