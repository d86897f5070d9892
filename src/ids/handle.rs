//! A handle on a sequence, and how it is opened and closed.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::by_handle::HandleId;
use super::claimer::Claimer;
use super::endpoint::Endpoint;
use super::pool::{Closing, Owner, Pool, State};
use super::sequence::{Counters, Grant};
use super::store::{Document, StoreUrl};
use super::{Options, Range, Settings};
use crate::{Error, ErrorCode, Result};

/// A handle on a sequence, for one owner: its ids rise.
///
/// Dropping it without [`Handle::close`] abandons what it was leased.
pub struct Handle {
    pool: Arc<Pool>,
    claimer: Arc<Claimer>,
    id: HandleId,
}

/// Opens a sequence. Nothing is connected to before the first request.
///
/// `endpoint` is notified with `key` when ids or an error wait for the handle.
///
/// # Errors
/// `InvalidArgument` when an option is out of range, or when the sequence is open with another
/// value of it.
pub fn open(
    url: &StoreUrl,
    collection: &str,
    name: &str,
    options: &Options,
    endpoint: &Arc<Endpoint>,
    key: u64,
) -> Result<Handle> {
    let settings = options.settings()?;
    let claimer = Claimer::of(url);
    let document = Arc::new(url.document(collection, name));
    let mut sequences = claimer.sequences();
    let pool = match sequences.open.get(&document) {
        Some(pool) => {
            let conflict = options.conflict(pool.state().sequence.settings());
            if let Some(conflict) = conflict {
                let message = format!(
                    "{} is open with {conflict}; ask for the same, or close it first",
                    document.label
                );
                drop(sequences);
                return Err(Error::new(ErrorCode::InvalidArgument, message));
            }
            Arc::clone(pool)
        }
        None => {
            let seed = RandomState::new().hash_one(name);
            let owned_to = sequences.owned.remove(&document);
            let pool = Arc::new(Pool::new(Arc::clone(&document), settings, owned_to, seed));
            sequences.open.insert(document, Arc::clone(&pool));
            pool
        }
    };
    let id = {
        let mut state = pool.state();
        let id = state.sequence.attach();
        state.owners.push(id, Owner { endpoint: Arc::clone(endpoint), key, notified: false });
        id
    };
    drop(sequences);
    Ok(Handle { pool, claimer, id })
}

impl Handle {
    /// The callers of this handle lack `missing` ids in all; zero withdraws.
    ///
    /// Returns what is there at once. For the rest the owner is notified.
    pub fn request(&self, missing: u64) -> Grant {
        let mut state = self.ask(self.pool.state(), missing);
        state.sequence.take(self.id)
    }

    /// Up to `missing` ids that are free now. The handle does not wait for more.
    pub fn try_request(&self, missing: u64) -> Grant {
        let mut state = self.pool.state();
        state.sequence.request(self.pool.now(), self.id, missing);
        let grant = state.sequence.take(self.id);
        // Withdrawn, so that only the horizon is claimed.
        drop(self.ask(state, 0));
        grant
    }

    /// As [`request`](Self::request), but waits up to `timeout` until all are there, or an error.
    pub fn request_blocking(&self, missing: u64, timeout: Duration) -> Grant {
        let deadline = Instant::now() + timeout;
        let mut state = self.pool.state();
        let mut grant = Grant::default();
        loop {
            let got: u64 = grant.ranges.iter().map(Range::len).sum();
            state = self.ask(state, missing.saturating_sub(got));
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
                state.sequence.request(self.pool.now(), self.id, 0);
                return grant;
            };
            if more.revoked {
                // What was granted for this request is gone too.
                continue;
            }
            let wait = self.pool.served.wait_timeout(state, left);
            state = wait.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// The settings of the sequence.
    #[must_use]
    pub fn settings(&self) -> Settings {
        self.pool.state().sequence.settings().clone()
    }

    /// Why the last claim failed, if it did: of this sequence, or of any in its store.
    #[must_use]
    pub fn last_error(&self) -> Option<Error> {
        let own = self.pool.state().sequence.last_error().cloned();
        own.or_else(|| self.claimer.unavailable())
    }

    /// Counters of the sequence.
    #[must_use]
    pub fn stats(&self) -> Counters {
        self.pool.state().sequence.counters(self.pool.now())
    }

    /// The sequence and its store, without secrets.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.pool.document.label
    }

    /// Closes the handle; `unused` is what it has left of its leases.
    ///
    /// The last handle of a sequence ends it: the claim in flight is waited for, free ids are
    /// released, and the owner is notified when that is over. Returns whether it is over already.
    /// Only the first call does anything.
    pub fn close(&self, unused: &[Range]) -> bool {
        self.leave(unused, true)
    }

    /// Whether everything that [`close`](Self::close) began is over.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        let state = self.pool.state();
        state.owners.get(self.id).is_none() && !matches!(state.closing, Closing::Waiting { .. })
    }

    /// Passes the request on, and has the claimer look if a claim is due. What `state` guards is
    /// unlocked in between.
    fn ask<'a>(&'a self, mut state: MutexGuard<'a, State>, missing: u64) -> MutexGuard<'a, State> {
        if let Some(owner) = state.owners.get_mut(self.id) {
            owner.notified = false;
        }
        state.sequence.request(self.pool.now(), self.id, missing);
        // A timer that runs out in time will do.
        let due = state.sequence.due(self.pool.now());
        let due = due.is_some_and(|due| state.timer.is_none_or(|timer| timer > due));
        if !due || std::mem::replace(&mut state.queued, true) {
            return state;
        }
        drop(state);
        let started = self.claimer.look(&self.pool);
        let mut state = self.pool.state();
        if let Err(error) = started {
            state.queued = false;
            state.sequence.request(self.pool.now(), self.id, 0);
            state.sequence.refuse(self.id, &error);
        }
        state
    }

    fn leave(&self, unused: &[Range], release: bool) -> bool {
        let mut sequences = self.claimer.sequences();
        let mut state = self.pool.state();
        let Some(owner) = state.owners.remove(self.id) else {
            drop(state);
            drop(sequences);
            return self.is_closed();
        };
        if state.sequence.detach(self.id, unused) > 0 {
            // What it had left may be what another handle waits for.
            let news = state.sequence.serve_all(self.pool.now());
            state.notify(&news);
            drop(state);
            self.pool.served.notify_all();
            return true;
        }
        // The next opener of this sequence makes a new pool.
        sequences.open.remove(&self.pool.document);
        if !release {
            remember(&mut sequences.owned, &self.pool, &state);
            return true;
        }
        // Free ids are dead from here on: they are released, or a gap. Beside a claim in flight
        // they are a gap: the next pool claims from where this one's ids end, and a release after
        // that claim must not go below.
        let unused = state.sequence.release();
        remember(&mut sequences.owned, &self.pool, &state);
        if unused.is_none() && !state.sequence.is_claiming() {
            state.closing = Closing::Done;
            return true;
        }
        state.closing = Closing::Waiting { owner, unused };
        let queued = std::mem::replace(&mut state.queued, true);
        drop(state);
        drop(sequences);
        if !queued && self.claimer.look(&self.pool).is_err() {
            self.pool.state().closing = Closing::Done;
        }
        self.is_closed()
    }
}

impl Drop for Handle {
    /// Abandons the handle: with the last one of its sequence, all ids in hand become a gap.
    fn drop(&mut self) {
        self.leave(&[], false);
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("label", &self.label()).finish_non_exhaustive()
    }
}

/// While the claimer lives, a sequence that is opened again claims no range below what this process
/// owned.
fn remember(owned: &mut HashMap<Arc<Document>, i64>, pool: &Pool, state: &State) {
    if let Some(owned_to) = state.sequence.owned_to() {
        owned.insert(Arc::clone(&pool.document), owned_to);
    }
}
