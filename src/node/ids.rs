//! The N-API shell of `ids`: one `SequencePort` for each handle that JavaScript opens.
//!
//! Ids cross as leased ranges; the cursor over them lives in JavaScript. A
//! port's wake-up neither keeps the process alive nor outlives its environment.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use napi::bindgen_prelude::{BigInt64Array, Function, ObjectFinalize, i64n};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{CleanupEnvHook, Env, Status};
use napi_derive::napi;

use super::error::Result;
use crate::Error;
use crate::ids::{Event, Grant, Handle, Location, Range, Wishes, open, operate};

/// Weak: it does not keep the event loop alive.
type WakeFunction = ThreadsafeFunction<(), (), (), Status, false, true>;

/// Bits of the first element of what a port leases.
const FAILED: i64 = 1;
const REVOKED: i64 = 2;

/// The way into JavaScript, until its environment ends.
struct Doorbell {
    function: Mutex<Option<WakeFunction>>,
    /// A wake-up is on its way.
    rung: AtomicBool,
}

impl Doorbell {
    fn ring(&self) {
        if !self.rung.swap(true, Ordering::AcqRel)
            && let Some(function) = &*self.function.lock().unwrap_or_else(PoisonError::into_inner)
        {
            function.call((), ThreadsafeFunctionCallMode::NonBlocking);
        }
    }
}

/// What the environment's end takes away.
struct Shared {
    doorbell: Arc<Doorbell>,
    handle: Mutex<Option<Arc<Handle>>>,
    /// The environment's clean-up hook has run, and is gone.
    ended: AtomicBool,
}

impl Shared {
    /// No wake-up after this, and no thread of ours.
    fn end(&self) {
        self.doorbell.function.lock().unwrap_or_else(PoisonError::into_inner).take();
        let handle = self.handle.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(handle);
    }
}

/// Counters of the pool behind a port.
#[napi(object)]
pub struct PoolStats {
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
pub struct PoolEvent {
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

/// A handle's half that is not in JavaScript.
#[napi(custom_finalize)]
pub struct SequencePort {
    shared: Arc<Shared>,
    hook: CleanupEnvHook<Arc<Shared>>,
    /// Why those who wait get nothing; raised when JavaScript asks.
    error: Option<Error>,
    max_step: f64,
}

#[napi]
impl SequencePort {
    /// Opens the sequence; `wake` is called when there is something to collect.
    #[napi(constructor)]
    #[allow(clippy::too_many_arguments)]
    pub fn new(
        env: Env,
        url: String,
        collection: String,
        name: String,
        start: Option<f64>,
        step: Option<f64>,
        max_step: Option<f64>,
        horizon: Option<f64>,
        wake: Function<(), ()>,
    ) -> Result<Self> {
        let build = || -> napi::Result<WakeFunction> {
            wake.build_threadsafe_function().callee_handled::<false>().weak::<true>().build()
        };
        let function = build().map_err(unexpected)?;
        let doorbell =
            Arc::new(Doorbell { function: Mutex::new(Some(function)), rung: AtomicBool::new(false) });
        // JavaScript has checked that the numbers are integers in range.
        let wishes = Wishes {
            start: start.map(|start| start as i64),
            step: step.map(|step| step as u64),
            max_step: max_step.map(|max_step| max_step as u64),
            horizon: horizon.map(|horizon| Duration::from_secs_f64(horizon / 1000.0)),
        };
        let bell = Arc::clone(&doorbell);
        let handle =
            open(Location::parse(&url)?, &collection, &name, &wishes, Arc::new(move || bell.ring()))?;
        let max_step = handle.settings().max_step as f64;
        let handle = Mutex::new(Some(Arc::new(handle)));
        let shared = Arc::new(Shared { doorbell, handle, ended: AtomicBool::new(false) });
        // After the threadsafe function was made, so that it runs before that one is taken down.
        let hook = env.add_env_cleanup_hook(Arc::clone(&shared), |shared| {
            shared.ended.store(true, Ordering::Release);
            shared.end();
        });
        Ok(Self { hook: hook.map_err(unexpected)?, shared, error: None, max_step })
    }

    /// The callers of the handle lack so many ids in all; zero withdraws. Returns flags and ranges, if any.
    #[napi]
    pub fn request(&mut self, missing: f64) -> Option<Vec<i64n>> {
        let grant = self.handle().map(|handle| handle.request(missing as u64));
        self.pass(grant)
    }

    /// The most ids in a range.
    #[napi(getter)]
    pub fn max_step(&self) -> f64 {
        self.max_step
    }

    /// What is in hand, if it is enough; queues nobody.
    #[napi]
    pub fn try_request(&mut self, missing: f64) -> Option<Vec<i64n>> {
        let grant = self.handle().map(|handle| handle.try_request(missing as u64));
        self.pass(grant)
    }

    /// As `request`, but blocks up to `timeout` milliseconds until all are there.
    #[napi]
    pub fn request_blocking(&mut self, missing: f64, timeout: f64) -> Option<Vec<i64n>> {
        let timeout = Duration::from_secs_f64(timeout / 1000.0);
        let grant = self.handle().map(|handle| handle.request_blocking(missing as u64, timeout));
        self.pass(grant)
    }

    /// Takes the wake-up: what comes after this wakes again.
    #[napi]
    pub fn answer(&self) {
        self.shared.doorbell.rung.store(false, Ordering::Release);
    }

    /// Throws why those who waited got nothing.
    #[napi]
    pub fn raise(&mut self) -> Result<()> {
        self.error.take().map_or(Ok(()), |error| Err(error.into()))
    }

    /// Throws why the last claim failed, if it did.
    #[napi]
    pub fn raise_last(&self) -> Result<()> {
        let last = self.handle().and_then(|handle| handle.last_error());
        last.map_or(Ok(()), |error| Err(error.into()))
    }

    /// Counters of the pool.
    #[napi]
    pub fn stats(&self) -> Option<PoolStats> {
        let stats = self.handle()?.stats();
        Some(PoolStats {
            claimed: stats.claimed as f64,
            claims: stats.claims as f64,
            retries: stats.retries as f64,
            errors: stats.errors as f64,
            step: stats.step as f64,
            in_hand: stats.in_hand as f64,
            rate_per_second: stats.rate,
        })
    }

    /// Starts or stops collecting events.
    #[napi]
    pub fn observe(&self, wanted: bool) {
        if let Some(handle) = self.handle() {
            handle.observe(wanted);
        }
    }

    /// The events collected.
    #[napi]
    pub fn events(&self) -> Vec<PoolEvent> {
        let events = self.handle().map(|handle| handle.events()).unwrap_or_default();
        events.into_iter().map(PoolEvent::from).collect()
    }

    /// The sequence and its store, without secrets.
    #[napi]
    pub fn label(&self) -> String {
        self.handle().map(|handle| handle.label().to_owned()).unwrap_or_default()
    }

    /// Closes the handle; `unused` is starts and ends of what it has left. True when that is over at once.
    #[napi]
    pub fn close(&self, unused: BigInt64Array) -> bool {
        let (pairs, _) = unused.as_chunks::<2>();
        let ranges: Vec<_> = pairs.iter().map(|&[start, end]| Range::new(start, end)).collect();
        self.handle().is_none_or(|handle| handle.close(&ranges))
    }

    /// Whether what `close` began is over.
    #[napi]
    pub fn is_closed(&self) -> bool {
        self.handle().is_none_or(|handle| handle.is_closed())
    }

    /// Abandons the handle: its pool's thread, if it was the last one, is stopped and joined.
    #[napi]
    pub fn abandon(&self) {
        self.shared.end();
    }

    /// True the first time in this process: what is said once is not said by every worker thread.
    #[napi]
    pub fn first_default_store() -> bool {
        static SAID: AtomicBool = AtomicBool::new(false);
        !SAID.swap(true, Ordering::Relaxed)
    }

    /// The next id that a claim would get; none when the sequence does not exist. Blocks.
    #[napi]
    pub fn read(url: String, collection: String, name: String) -> Result<Option<i64n>> {
        let index = operate::read(&Location::parse(&url)?, &collection, &name)?;
        Ok(index.map(i64n))
    }

    /// Makes the one element of `index` the next id. Blocks.
    #[napi]
    pub fn set(
        url: String,
        collection: String,
        name: String,
        index: BigInt64Array,
        force: bool,
    ) -> Result<()> {
        let location = Location::parse(&url)?;
        index.iter().try_for_each(|&index| Ok(operate::set(&location, &collection, &name, index, force)?))
    }

    fn handle(&self) -> Option<Arc<Handle>> {
        self.shared.handle.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Not as a typed array: each would have a finalizer of its own, and thousands of them run at once after a collection
    /// of garbage, while everything else on the thread waits.
    fn pass(&mut self, grant: Option<Grant>) -> Option<Vec<i64n>> {
        let grant = grant.unwrap_or_default();
        let mut flags = 0;
        if grant.error.is_some() {
            flags |= FAILED;
            self.error = grant.error;
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

impl ObjectFinalize for SequencePort {
    fn finalize(self, env: Env) -> napi::Result<()> {
        if !self.shared.ended.load(Ordering::Acquire) {
            env.remove_env_cleanup_hook(self.hook)?;
        }
        self.shared.end();
        Ok(())
    }
}

impl From<Event> for PoolEvent {
    fn from(event: Event) -> Self {
        let ms = |took: Duration| took.as_secs_f64() * 1000.0;
        match event {
            Event::Claimed { range, took, failures } => Self {
                first: Some(i64n(range.start)),
                count: range.len() as f64,
                duration: ms(took),
                failures,
                code: None,
                message: None,
            },
            Event::Failed { error, took, failures } => Self {
                first: None,
                count: 0.0,
                duration: ms(took),
                failures,
                code: Some(error.code().as_str().to_owned()),
                message: Some(error.message().to_owned()),
            },
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
