//! What happens to a sequence, as a state machine: which handles wait, which ids are free, when to
//! claim and how many.
//!
//! It has no thread, no clock and no store. Its driver passes the time in, makes the claim that
//! [`Sequence::next`] asks for, and passes the outcome to [`Sequence::claimed`]. So the claimer and
//! the simulation in the tests run the same code.
//!
//! Invariants:
//! - at most one claim is in flight;
//! - an id is leased to one handle, once; a handle's ids rise;
//! - a handle that asked for ids has them, an error, or a claim that is in flight or due;
//! - nothing is claimed ahead while the horizon is covered.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::backoff::Backoff;
use super::by_handle::{ByHandle, HandleId};
use super::demand_rate::DemandRate;
use super::free_ranges::FreeRanges;
use super::lease_size::LeaseSize;
use super::{Claim, ClaimError, Range, Settings};
use crate::{Error, ErrorCode};

/// What the driver of a [`Sequence`] should do now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Claim this, and pass the outcome to [`Sequence::claimed`].
    Claim(Claim),
    /// Nothing before this time, unless a handle asks.
    Wait(Option<Duration>),
}

/// What a handle was given since its last [`Sequence::take`].
#[derive(Debug, Default)]
pub struct Grant {
    /// Ids that are the handle's now, rising.
    pub ranges: Vec<Range>,
    /// Why the handle's waiters get no id.
    pub error: Option<Error>,
    /// The ids that the handle still holds may be handed out elsewhere too: it must drop them.
    pub revoked: bool,
}

/// Counters of a sequence.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Counters {
    /// Ids claimed from the store.
    pub claimed: u64,
    /// Ranges claimed from the store.
    pub claims: u64,
    /// Claims that were tried again.
    pub retries: u64,
    /// Claims that ended in an error.
    pub errors: u64,
    /// Ids the next range will have.
    pub step: u64,
    /// Ids claimed and not leased.
    pub in_hand: u64,
    /// Those of them that count as supply: the others were returned by closed handles.
    pub in_hand_fresh: u64,
    /// Measured demand, ids a second.
    pub rate: f64,
}

#[derive(Debug, Default)]
struct HandleState {
    /// One past the highest id it was ever given.
    last: i64,
    lease: LeaseSize,
    /// Ids that its callers lack. Positive only while it is in the queue.
    missing: u64,
    grant: Grant,
}

/// The state of one sequence in this process.
#[derive(Debug)]
pub struct Sequence {
    label: Arc<str>,
    settings: Settings,
    free: FreeRanges,
    handles: ByHandle<HandleState>,
    next_handle: u64,
    /// Handles that lack ids, each once, in the order in which they are served.
    queue: VecDeque<HandleId>,
    demand: DemandRate,
    backoff: Backoff,
    in_flight: Option<Claim>,
    /// The index was set while a claim was in flight: its range may lie on either side of the new
    /// index.
    discard_in_flight: bool,
    /// No claim before this time.
    retry_at: Option<Duration>,
    /// Permanent failure: the next request retries immediately.
    lasting: bool,
    /// The most a claim may ask for, near the end of all integers.
    ceiling: Option<u64>,
    /// One past the highest id ever owned: no claim may begin below.
    owned_to: Option<i64>,
    last_error: Option<Error>,
    counters: Counters,
}

impl Sequence {
    /// A sequence without free ids. `label` names it in errors; `seed` spreads its retries.
    #[must_use]
    pub fn new(label: impl Into<Arc<str>>, settings: Settings, seed: u64) -> Self {
        Self {
            label: label.into(),
            settings,
            free: FreeRanges::default(),
            handles: ByHandle::default(),
            next_handle: 0,
            queue: VecDeque::new(),
            demand: DemandRate::default(),
            backoff: Backoff::new(seed),
            in_flight: None,
            discard_in_flight: false,
            retry_at: None,
            lasting: false,
            ceiling: None,
            owned_to: None,
            last_error: None,
            counters: Counters::default(),
        }
    }

    /// The same sequence, of which this process owned ids below `owned_to` before.
    #[must_use]
    pub fn owning(mut self, owned_to: Option<i64>) -> Self {
        self.owned_to = owned_to;
        self
    }

    /// The settings it was made with.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// One past the highest id that this process ever owned of the sequence.
    #[must_use]
    pub fn owned_to(&self) -> Option<i64> {
        self.owned_to
    }

    /// Adds a handle.
    pub fn attach(&mut self) -> HandleId {
        let id = HandleId(self.next_handle);
        self.next_handle += 1;
        self.handles.push(id, HandleState::default());
        id
    }

    /// Removes a handle; `unused` is what is left of its leases, as far as its owner returned them.
    ///
    /// Returns how many handles are left.
    pub fn detach(&mut self, id: HandleId, unused: &[Range]) -> usize {
        if let Some(handle) = self.handles.remove(id) {
            self.queue.retain(|&queued| queued != id);
            // After a revocation its ids may be handed out elsewhere.
            if !handle.grant.revoked {
                for &range in unused.iter().chain(&handle.grant.ranges) {
                    self.free.add_returned(range);
                }
            }
        }
        self.handles.len()
    }

    /// The callers of a handle lack `missing` ids in all: grants what is free, and queues the
    /// handle for the rest.
    pub fn request(&mut self, now: Duration, id: HandleId, missing: u64) {
        let Some(handle) = self.handles.get_mut(id) else { return };
        if handle.grant.error.is_some() {
            // The waiters are to see it first.
            return;
        }
        // What was granted and not looked at yet counts.
        let granted: u64 = handle.grant.ranges.iter().map(Range::len).sum();
        let was_queued = handle.missing > 0;
        handle.missing = missing.saturating_sub(granted);
        if handle.missing == 0 {
            if was_queued {
                self.queue.retain(|&queued| queued != id);
            }
            return;
        }
        if was_queued || self.serve(now, id) {
            return;
        }
        self.queue.push_back(id);
        if std::mem::take(&mut self.lasting) {
            self.retry_at = None;
        }
    }

    /// Answers the handle's request with `error`.
    pub fn refuse(&mut self, id: HandleId, error: &Error) {
        if let Some(handle) = self.handles.get_mut(id) {
            handle.grant.error = Some(error.clone());
        }
    }

    /// Takes what the handle was given since the last time.
    pub fn take(&mut self, id: HandleId) -> Grant {
        self.handles.get_mut(id).map(|handle| std::mem::take(&mut handle.grant)).unwrap_or_default()
    }

    /// When the next claim is due: in the past means now, none means that nothing is wanted.
    #[must_use]
    pub fn due(&self, now: Duration) -> Option<Duration> {
        if self.in_flight.is_some() {
            return None;
        }
        let covered = || self.free.is_full() || self.free.fresh() >= self.cover(now);
        if self.queue.is_empty() && covered() {
            return None;
        }
        Some(self.retry_at.unwrap_or(now))
    }

    /// What to do now. After `Next::Claim` the claim counts as in flight.
    pub fn next(&mut self, now: Duration) -> Next {
        match self.due(now) {
            Some(at) if at <= now => {}
            later => return Next::Wait(later),
        }
        if self.backoff.failures() > 0 {
            self.counters.retries += 1;
        }
        let claim = Claim { count: self.size(now), start: self.settings.start, owned_to: self.owned_to };
        self.in_flight = Some(claim.clone());
        Next::Claim(claim)
    }

    /// The claim in flight ended. Returns the handles that have something to look at.
    pub fn claimed(&mut self, now: Duration, outcome: Result<Range, ClaimError>) -> Vec<HandleId> {
        let Some(claim) = self.in_flight.take() else { return Vec::new() };
        if std::mem::take(&mut self.discard_in_flight) {
            return Vec::new();
        }
        let outcome = outcome.and_then(|range| self.check(&claim, range));
        match outcome {
            Ok(range) => {
                self.counters.claims += 1;
                self.counters.claimed += range.len();
                self.owned_to = Some(range.end);
                self.forget_failures();
                self.backoff.reset();
                self.free.add(range);
                self.serve_all(now)
            }
            // Fewer are left than were asked for; those few are still good.
            Err(ClaimError::Exhausted { left }) if left > 0 && left < claim.count => {
                self.ceiling = Some(left);
                Vec::new()
            }
            Err(ClaimError::Exhausted { .. }) => {
                let message =
                    format!("{} has no id left below {}; start another sequence", self.label, i64::MAX);
                self.fail(now, Error::new(ErrorCode::SequenceExhausted, message))
            }
            Err(ClaimError::Permanent(error)) => self.fail(now, error),
            Err(ClaimError::WentBack(error)) => self.revoke(now, error),
            Err(ClaimError::Transient(error)) => {
                self.counters.errors += 1;
                self.retry_at = Some(now + self.backoff.failed());
                self.last_error = Some(error);
                Vec::new()
            }
        }
    }

    /// The index was set to `index` through this process. The next id comes from there, so all ids
    /// in hand are dropped; a handle's ids may fall when the index was set by `force`.
    ///
    /// Returns the handles that have something to look at.
    pub fn moved(&mut self, index: i64, force: bool) -> Vec<HandleId> {
        self.owned_to =
            Some(if force { index } else { self.owned_to.map_or(index, |owned| owned.max(index)) });
        self.discard_in_flight = self.in_flight.is_some();
        self.forget_failures();
        self.free = FreeRanges::default();
        // Nothing is claimed ahead before the next request: until then the index stays what it was
        // set to.
        self.demand = DemandRate::default();
        for handle in self.handles.values_mut() {
            handle.last = handle.last.min(index);
            handle.grant = Grant { revoked: true, ..Grant::default() };
        }
        self.handles.ids()
    }

    /// Why the last claim failed, if it did.
    #[must_use]
    pub fn last_error(&self) -> Option<&Error> {
        self.last_error.as_ref()
    }

    /// How often the claim that is due was tried.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.backoff.failures()
    }

    /// Whether a claim is in flight.
    #[must_use]
    pub fn is_claiming(&self) -> bool {
        self.in_flight.is_some()
    }

    /// The counters at `now`.
    #[must_use]
    pub fn counters(&self, now: Duration) -> Counters {
        Counters {
            step: self.size(now),
            in_hand: self.free.total(),
            in_hand_fresh: self.free.fresh(),
            rate: self.demand.rate(now),
            ..self.counters
        }
    }

    /// Ends the sequence: returns the range that may be released to the store, if the store's index
    /// still is its end.
    ///
    /// The ids are dead from here on, whether or not the release is sent.
    pub fn release(&mut self) -> Option<Range> {
        let tail = self.owned_to.and_then(|end| self.free.take_tail(end));
        self.free.clear();
        let tail = tail.filter(|_| self.in_flight.is_none());
        if let Some(tail) = tail {
            // Ids from here on are owned no more, whatever becomes of the release.
            self.owned_to = Some(tail.start);
        }
        tail
    }

    fn forget_failures(&mut self) {
        self.retry_at = None;
        self.lasting = false;
        self.ceiling = None;
        self.last_error = None;
    }

    fn missing(&self) -> u64 {
        let missing = self.queue.iter().filter_map(|id| self.handles.get(*id)).map(|handle| handle.missing);
        missing.fold(0, u64::saturating_add)
    }

    fn cover(&self, now: Duration) -> u64 {
        self.demand.cover(now, self.settings.horizon)
    }

    /// The next range serves the waiters, and covers the horizon beyond.
    fn size(&self, now: Duration) -> u64 {
        let Settings { step, max_step, .. } = self.settings;
        let wanted = self.missing().saturating_add(self.cover(now));
        wanted.clamp(step, max_step).min(self.ceiling.unwrap_or(u64::MAX))
    }

    /// Gives a handle what it lacks, as far as it is free; true when it lacks nothing more.
    fn serve(&mut self, now: Duration, id: HandleId) -> bool {
        let Some(handle) = self.handles.get_mut(id) else { return true };
        // A little more than it lacks, when there is plenty and no other handle waits: it will be
        // back.
        let size = handle.lease.next(now);
        let ahead = if self.queue.is_empty() { size.min(self.free.fresh() / 2) } else { 0 };
        let mut wanted = handle.missing.max(ahead);
        let mut given = 0;
        while let Some(range) = self.free.take(handle.last, wanted) {
            wanted -= range.len();
            given += range.len();
            handle.last = range.end;
            match handle.grant.ranges.last_mut() {
                Some(before) if before.end == range.start => before.end = range.end,
                _ => handle.grant.ranges.push(range),
            }
        }
        if given > 0 {
            handle.lease.granted(now, given);
            self.demand.record(now, given);
        }
        handle.missing = handle.missing.saturating_sub(given);
        handle.missing == 0
    }

    /// Serves the queue from the free ranges, round-robin: a handle that got only a part goes to
    /// its end. Returns the handles that have something to look at.
    pub fn serve_all(&mut self, now: Duration) -> Vec<HandleId> {
        let mut woken = Vec::new();
        for _ in 0..self.queue.len() {
            let Some(id) = self.queue.pop_front() else { break };
            if !self.serve(now, id) {
                self.queue.push_back(id);
            }
            if self.handles.get(id).is_some_and(|handle| !handle.grant.ranges.is_empty()) {
                woken.push(id);
            }
        }
        woken
    }

    /// Stores check this by themselves; a store that does not must not lead to an id handed out
    /// twice.
    fn check(&self, claim: &Claim, range: Range) -> Result<Range, ClaimError> {
        let floor = claim.floor();
        if range.len() == claim.count && range.start >= floor {
            return Ok(range);
        }
        Err(super::store::went_back(&self.label, range.start, floor))
    }

    /// No retry can mend it: every waiter gets the error. Returns the handles that have something
    /// to look at.
    pub fn fail(&mut self, now: Duration, error: Error) -> Vec<HandleId> {
        self.counters.errors += 1;
        self.lasting = true;
        self.retry_at = Some(now + self.backoff.failed());
        self.last_error = Some(error.clone());
        let woken: Vec<_> = self.queue.drain(..).collect();
        for id in &woken {
            if let Some(handle) = self.handles.get_mut(*id) {
                handle.missing = 0;
                handle.grant.error = Some(error.clone());
            }
        }
        woken
    }

    /// The counter went back, so other clients may own the ids in hand: no handle may use them.
    ///
    /// The next claim is made as ever. It gets a range once the index is at or past `owned_to`
    /// again.
    fn revoke(&mut self, now: Duration, error: Error) -> Vec<HandleId> {
        self.fail(now, error);
        self.free.clear();
        for handle in self.handles.values_mut() {
            handle.grant.ranges.clear();
            handle.grant.revoked = true;
        }
        self.handles.ids()
    }
}
