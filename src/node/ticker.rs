//! The Node-API shell of `ticker`.

use std::time::{Duration, Instant};

use napi::bindgen_prelude::{Env, External, Float64ArraySlice, Function};
use napi_derive::napi;
use texample_bridge::Overflow;
use texample_bridge::napi::{Bridge, Received, Receiver};

use super::error::Result;
use crate::ticker::Ticker;
use crate::{Error, ErrorCode};

/// The options of `start`. Their shape was checked in JavaScript.
#[napi(object, object_to_js = false)]
pub struct TickerOptions {
    /// Milliseconds between ticks.
    pub interval: f64,
    /// Ticks to post, or none for no end.
    pub count: Option<f64>,
    /// Ticks that may wait.
    pub capacity: u32,
    /// What happens to a tick when so many wait.
    #[napi(ts_type = "'block' | 'drop-oldest' | 'drop-newest' | 'latest'")]
    pub overflow: String,
}

/// Counters of the queue of a ticker.
#[napi(object, object_from_js = false)]
pub struct QueueStats {
    /// Ticks posted.
    pub posted: f64,
    /// Ticks taken.
    pub taken: f64,
    /// Ticks dropped in the queue.
    pub dropped: f64,
    /// Wake-ups sent.
    pub wakeups: f64,
    /// Ticks in the queue.
    pub waiting: f64,
    /// The most ticks that counted against the capacity.
    pub max_waiting: f64,
    /// The longest wait in the queue, in milliseconds.
    pub longest_wait_ms: f64,
}

type Ticks = Receiver<f64>;

/// Nothing to take: a wake-up will come.
const REST: i32 = 0;
/// Nothing to take, and never again.
const END: i32 = -1;

/// Starts a ticking thread; `drain` is called when there is something to take.
#[napi(ts_return_type = "ExternalObject<unknown>")]
pub fn ticker_start(
    env: Env,
    options: TickerOptions,
    drain: Function<'_, (), ()>,
) -> Result<External<Ticks>> {
    // First of all, to be the moment that the caller takes for the start too.
    let start = Instant::now();
    let count = options.count.map(|count| count as u64);
    let ticker = Ticker::new(options.interval, count)?;
    let overflow = match options.overflow.as_str() {
        "drop-oldest" => Overflow::DropOldest,
        "drop-newest" => Overflow::DropNewest,
        "latest" => Overflow::Latest,
        _ => Overflow::Block,
    };
    let capacity = usize::try_from(options.capacity).unwrap_or(usize::MAX);
    let builder = Bridge::builder("texample-ticker").capacity(capacity).overflow(overflow);
    let (ticks, producer) = builder.receiver(&env, &drain).map_err(|error| not_started(&error))?;
    ticks
        .spawn(&env, producer, move |producer| ticker.run(producer, start))
        .map_err(|error| not_started(&error))?;
    Ok(External::new(ticks))
}

/// Takes ticks into `target`: how many, or one of the other answers. `lend` counts them against the
/// capacity until the next call.
#[napi]
pub fn ticker_take(
    #[napi(ts_arg_type = "ExternalObject<unknown>")] ticks: &External<Ticks>,
    mut target: Float64ArraySlice<'_>,
    lend: bool,
) -> napi::Result<i32> {
    // SAFETY: the memory is JavaScript's, and no JavaScript runs before this returns.
    let target = unsafe { target.as_mut() };
    let received = if lend { ticks.lend(target) } else { ticks.take_into(target) };
    Ok(match received? {
        Received::Some(count) => i32::try_from(count).unwrap_or(i32::MAX),
        Received::Nothing => REST,
        Received::Ended => END,
    })
}

/// Whether this turn of the event loop has time for more ticks that were taken before; if not, a
/// wake-up will come.
#[napi]
pub fn ticker_has_time(
    #[napi(ts_arg_type = "ExternalObject<unknown>")] ticks: &External<Ticks>,
) -> napi::Result<bool> {
    ticks.has_time()
}

/// Takes no more ticks: what waits is dropped and the thread ends.
#[napi]
pub fn ticker_stop(#[napi(ts_arg_type = "ExternalObject<unknown>")] ticks: &External<Ticks>) {
    ticks.stop();
}

/// Joins the thread, after `tickerTake` has answered `END`; throws its panic.
#[napi]
pub fn ticker_end(#[napi(ts_arg_type = "ExternalObject<unknown>")] ticks: &External<Ticks>) -> Result<()> {
    Ok(ticks.end().map_err(Error::from)?)
}

/// Whether the ticker keeps the event loop alive.
#[napi]
pub fn ticker_set_ref(
    #[napi(ts_arg_type = "ExternalObject<unknown>")] ticks: &External<Ticks>,
    keep_alive: bool,
) {
    ticks.set_ref(keep_alive);
}

/// The counters of the queue, read at one moment.
#[napi]
pub fn ticker_stats(#[napi(ts_arg_type = "ExternalObject<unknown>")] ticks: &External<Ticks>) -> QueueStats {
    let stats = ticks.stats();
    QueueStats {
        posted: stats.posted as f64,
        taken: stats.delivered as f64,
        dropped: stats.dropped as f64,
        wakeups: stats.wakeups as f64,
        waiting: stats.waiting as f64,
        max_waiting: stats.max_waiting as f64,
        longest_wait_ms: milliseconds(stats.longest_wait),
    }
}

fn not_started(error: &napi::Error) -> Error {
    Error::new(ErrorCode::ThreadPanicked, format!("the ticker was not started: {error}"))
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
