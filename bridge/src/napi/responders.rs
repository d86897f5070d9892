//! The answers that askers wait for, by key.

use std::cell::RefCell;

use crate::AskError;
use crate::reply::Responder;

/// The askers of the questions that JavaScript was called with, where the end of an environment
/// finds them: a callback may call `process.exit()` and never return.
pub(super) struct Responders<A> {
    slots: RefCell<Slots<A>>,
}

struct Slots<A> {
    responders: Vec<Option<Responder<A>>>,
    free: Vec<usize>,
}

impl<A> Default for Responders<A> {
    fn default() -> Self {
        Self { slots: RefCell::new(Slots { responders: Vec::new(), free: Vec::new() }) }
    }
}

impl<A> Responders<A> {
    pub(super) fn insert(&self, responder: Responder<A>) -> usize {
        let mut slots = self.slots.borrow_mut();
        let key = slots.free.pop().unwrap_or(slots.responders.len());
        if key == slots.responders.len() {
            slots.responders.push(Some(responder));
        } else {
            slots.responders[key] = Some(responder);
        }
        key
    }

    /// The responder of `key`, once.
    fn take(&self, key: usize) -> Option<Responder<A>> {
        let mut slots = self.slots.borrow_mut();
        let responder = slots.responders.get_mut(key)?.take();
        if responder.is_some() {
            slots.free.push(key);
        }
        responder
    }

    pub(super) fn answer(&self, key: usize, answer: Result<A, AskError>) {
        if let Some(responder) = self.take(key) {
            responder.answer(answer);
        }
    }

    /// Tells every asker that there will be no answer. Keys from before are void.
    pub(super) fn close(&self) {
        let responders: Vec<_> = self.slots.borrow_mut().responders.iter_mut().map(Option::take).collect();
        drop(responders);
    }
}
