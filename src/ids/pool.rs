//! A sequence of this process, shared by its handles on all threads.
//!
//! ```text
//! handle ─request→ Sequence ─Work→ claimer ─operation→ store
//!        ←notify──  (mutex)  ←answer─
//! ```
//!
//! A plain mutex guards the state machine: it is held for a few steps of arithmetic, never across a
//! claim.

use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use super::by_handle::{ByHandle, HandleId};
use super::endpoint::{Endpoint, Event, EventKind};
use super::sequence::{Next, Sequence};
use super::store::{Answer, ClaimError, Document, Operation, Outcome};
use super::{Range, Settings, lock};
use crate::Error;

pub(super) struct Pool {
    pub document: Arc<Document>,
    /// The zero of the state machine's time.
    origin: Instant,
    state: Mutex<State>,
    /// Notified when a caller blocked in `Handle::request_blocking` may have its ids.
    pub served: Condvar,
}

pub(super) struct State {
    pub sequence: Sequence,
    pub owners: ByHandle<Owner>,
    /// The pool is in the claimer's queue.
    pub queued: bool,
    /// The pool is among the claimer's timers, at this time.
    pub timer: Option<Duration>,
    pub closing: Closing,
}

/// Where a handle's owner is notified.
pub(super) struct Owner {
    pub endpoint: Arc<Endpoint>,
    /// The owner's name for the handle.
    pub key: u64,
    /// The endpoint has the handle's key.
    pub notified: bool,
}

/// What becomes of a pool whose last handle was closed.
pub(super) enum Closing {
    /// It has handles, or was abandoned.
    No,
    /// Its claim in flight ends, then its free ids are released, then the owner is notified.
    Waiting {
        owner: Owner,
        /// To be released.
        unused: Option<Range>,
    },
    Done,
}

/// What the claimer has to do for a pool.
pub(super) enum Work {
    Start(Operation),
    /// Look again at this time.
    Later(Duration),
    Nothing,
}

impl Pool {
    pub fn new(document: Arc<Document>, settings: Settings, owned_to: Option<i64>, seed: u64) -> Self {
        let state = State {
            sequence: Sequence::new(Arc::clone(&document.label), settings, seed).owning(owned_to),
            owners: ByHandle::default(),
            queued: false,
            timer: None,
            closing: Closing::No,
        };
        Self { document, origin: Instant::now(), state: Mutex::new(state), served: Condvar::new() }
    }

    /// After a panic the state machine still holds its invariants: it only counts.
    pub fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    pub fn now(&self) -> Duration {
        self.origin.elapsed()
    }

    /// The instant of a time of the state machine.
    pub fn instant(&self, at: Duration) -> Instant {
        self.origin + at
    }

    /// What to do for the pool now. After `Work::Start` the operation counts as in flight.
    pub fn work(&self) -> Work {
        let mut state = self.state();
        state.queued = false;
        if state.owners.is_empty() {
            let claiming = state.sequence.is_claiming();
            let Closing::Waiting { unused, .. } = &mut state.closing else { return Work::Nothing };
            if claiming {
                return Work::Nothing;
            }
            let unused = unused.take();
            return match unused.or_else(|| state.sequence.release()) {
                Some(unused) => Work::Start(Operation::Release(unused)),
                None => {
                    state.close();
                    Work::Nothing
                }
            };
        }
        match state.sequence.next(self.now()) {
            Next::Claim(claim) => Work::Start(Operation::Claim(claim)),
            Next::Wait(Some(at)) => Work::Later(at),
            Next::Wait(None) => Work::Nothing,
        }
    }

    /// Takes the answer to the operation in flight, and notifies the handles that it concerns.
    pub fn answered(&self, answer: Answer, took: Duration) {
        let mut state = self.state();
        match answer {
            Ok(Outcome::Claimed(range)) => self.claimed(&mut state, Ok(range), took),
            Err(error) if state.sequence.is_claiming() => self.claimed(&mut state, Err(error), took),
            // A release: its ids are dead, whatever the answer.
            Ok(_) | Err(_) => state.close(),
        }
        drop(state);
        self.served.notify_all();
    }

    fn claimed(&self, state: &mut State, outcome: Result<Range, ClaimError>, took: Duration) {
        let before = state.sequence.failures();
        let errors = state.sequence.counters(self.now()).errors;
        let range = outcome.as_ref().ok().copied();
        let news = state.sequence.claimed(self.now(), outcome);
        let failed = state.sequence.counters(self.now()).errors > errors;
        let kind = match (failed, state.sequence.last_error(), range) {
            (true, Some(error), _) => Some(EventKind::Failed(error.clone())),
            (_, _, Some(range)) => Some(EventKind::Claimed(range)),
            // A claim near the end of all integers is repeated for fewer ids.
            _ => None,
        };
        state.notify(&news);
        if let Some(kind) = kind {
            let failures = if failed { state.sequence.failures() } else { before };
            let document = Arc::clone(&self.document);
            state.publish(&Event { document, took, failures, kind });
        }
    }

    /// The index was set through this process.
    pub fn moved(&self, index: i64, force: bool) {
        let mut state = self.state();
        let news = state.sequence.moved(index, force);
        state.notify(&news);
        drop(state);
        self.served.notify_all();
    }

    /// The claimer panicked: the waiters get the error, and so does every later request.
    pub fn broke(&self, error: &Error) {
        let mut state = self.state();
        // It stands in no queue any more.
        state.queued = false;
        state.timer = None;
        let (now, error) = (self.now(), error.clone());
        let news = if state.sequence.is_claiming() {
            state.sequence.claimed(now, Err(ClaimError::Permanent(error)))
        } else {
            state.sequence.fail(now, error)
        };
        state.notify(&news);
        state.close();
        drop(state);
        self.served.notify_all();
    }
}

impl State {
    pub fn notify(&mut self, handles: &[HandleId]) {
        for &id in handles {
            if let Some(owner) = self.owners.get_mut(id)
                && !std::mem::replace(&mut owner.notified, true)
            {
                owner.endpoint.notify(owner.key);
            }
        }
    }

    /// Each thread that has handles gets the event once.
    fn publish(&self, event: &Event) {
        let mut told: Vec<&Arc<Endpoint>> = Vec::new();
        for Owner { endpoint, .. } in self.owners.values() {
            if !told.iter().any(|other| Arc::ptr_eq(other, endpoint)) {
                endpoint.publish(event);
                told.push(endpoint);
            }
        }
    }

    fn close(&mut self) {
        if matches!(self.closing, Closing::No) {
            return;
        }
        if let Closing::Waiting { owner, .. } = std::mem::replace(&mut self.closing, Closing::Done) {
            owner.endpoint.notify(owner.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorCode;
    use crate::ids::StoreUrl;

    #[test]
    fn a_panic_of_the_claimer_reaches_every_waiter() {
        let url = StoreUrl::parse("memory:").unwrap();
        for claiming in [true, false] {
            let pool = Pool::new(Arc::new(url.document("pool", "a")), Settings::default(), None, 1);
            let id = {
                let mut state = pool.state();
                let id = state.sequence.attach();
                let endpoint = Arc::new(Endpoint::new(|| {}));
                state.owners.push(id, Owner { endpoint, key: 0, notified: false });
                state.sequence.request(pool.now(), id, 1);
                id
            };
            if claiming {
                assert!(matches!(pool.work(), Work::Start(Operation::Claim(_))));
            }
            pool.broke(&Error::panicked("the claimer", &"told to"));
            let mut state = pool.state();
            let error = state.sequence.take(id).error.unwrap();
            assert_eq!(error.code(), ErrorCode::ThreadPanicked);
            assert!(error.message().contains("panicked: told to"));
            // The next request reaches the claimer, which refuses it.
            state.sequence.request(pool.now(), id, 1);
            assert!(state.sequence.due(pool.now()).is_some());
        }
    }
}
