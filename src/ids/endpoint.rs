//! Notifies the thread that owns handles, once for all of them.

use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::store::Document;
use super::{Range, lock};
use crate::{Error, Result};

/// Events kept for the owner; older ones are dropped.
const MAX_EVENTS: usize = 16_384;

/// What happened in a sequence.
#[derive(Clone, Debug)]
pub struct Event {
    /// The sequence.
    pub document: Arc<Document>,
    /// How long the claim took.
    pub took: Duration,
    /// Claims of the sequence that failed in a row before this one; with this one, if it failed.
    pub failures: u32,
    /// How the claim ended.
    pub kind: EventKind,
}

/// How a claim ended.
#[derive(Clone, Debug)]
pub enum EventKind {
    /// With a range.
    Claimed(Range),
    /// With an error.
    Failed(Error),
}

/// What arrived at an endpoint.
#[derive(Debug, Default)]
pub struct News {
    /// Keys of the handles that have something to look at.
    pub handles: BTreeSet<u64>,
    /// Claims that ended.
    pub events: VecDeque<Event>,
    /// Answers to reads and changes of an index, by ticket; see [`super::read`].
    pub answers: Vec<(u64, Result<Option<i64>>)>,
}

/// The notification endpoint of one thread that owns handles.
///
/// However many handles have news, `wake` is called once, and again only after
/// [`take`](Self::take).
pub struct Endpoint {
    unread: Mutex<Unread>,
    wake: Box<dyn Fn() + Send + Sync>,
}

#[derive(Default)]
struct Unread {
    news: News,
    /// `wake` was called since the last `take`.
    woken: bool,
}

impl Endpoint {
    /// An endpoint whose owner is told by `wake`, which is called under locks: it must not block,
    /// nor call a handle.
    pub fn new(wake: impl Fn() + Send + Sync + 'static) -> Self {
        Self { unread: Mutex::default(), wake: Box::new(wake) }
    }

    /// Takes what arrived. What comes later wakes again.
    #[must_use]
    pub fn take(&self) -> News {
        std::mem::take(&mut *lock(&self.unread)).news
    }

    pub(super) fn notify(&self, handle: u64) {
        self.deliver(|news| {
            news.handles.insert(handle);
        });
    }

    pub(super) fn publish(&self, event: &Event) {
        self.deliver(|news| {
            if news.events.len() == MAX_EVENTS {
                news.events.pop_front();
            }
            news.events.push_back(event.clone());
        });
    }

    pub(super) fn answer(&self, ticket: u64, answer: Result<Option<i64>>) {
        self.deliver(|news| news.answers.push((ticket, answer)));
    }

    fn deliver(&self, put: impl FnOnce(&mut News)) {
        let mut unread = lock(&self.unread);
        put(&mut unread.news);
        let wake = !std::mem::replace(&mut unread.woken, true);
        drop(unread);
        if wake {
            (self.wake)();
        }
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn many_handles_wake_their_owner_once() {
        let wakes = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&wakes);
        let endpoint = Endpoint::new(move || {
            counted.fetch_add(1, Ordering::Relaxed);
        });
        (0..100).for_each(|handle| endpoint.notify(handle));
        assert_eq!(wakes.load(Ordering::Relaxed), 1);
        assert_eq!(endpoint.take().handles.len(), 100);
        (0..100).for_each(|_| endpoint.notify(1));
        assert_eq!(wakes.load(Ordering::Relaxed), 2);
        assert_eq!(endpoint.take().handles, BTreeSet::from([1]));
    }
}
