//! One answer, on its way from the event loop to the thread or the future that asked.

use std::task::{Context, Poll, Waker};
use std::time::Instant;

use crate::AskError;
use crate::sync::{Arc, AtomicBool, Condvar, Mutex, Ordering, lock, wait};

struct Slot<A> {
    state: Mutex<State<A>>,
    answered: Condvar,
    /// `state` was answered: for an asker that spins.
    is_ready: AtomicBool,
}

enum State<A> {
    /// Nothing waits for the answer yet.
    Asked,
    /// The asker sleeps in `answered`.
    Asleep,
    Polled(Waker),
    Answered(Result<A, AskError>),
    Taken,
}

/// A question's two ends.
pub(crate) fn reply<A>() -> (Responder<A>, Reply<A>) {
    let slot = Arc::new(Slot {
        state: Mutex::new(State::Asked),
        answered: Condvar::new(),
        is_ready: AtomicBool::new(false),
    });
    (Responder { slot: Some(Arc::clone(&slot)) }, Reply { slot })
}

/// The end that answers. Dropped without an answer it answers [`AskError::Closed`].
pub(crate) struct Responder<A> {
    slot: Option<Arc<Slot<A>>>,
}

impl<A> Responder<A> {
    /// Whether the asker is there still.
    pub(crate) fn is_wanted(&self) -> bool {
        self.slot.as_ref().is_some_and(|slot| Arc::strong_count(slot) > 1)
    }

    pub(crate) fn answer(mut self, answer: Result<A, AskError>) {
        self.settle(answer);
    }

    /// The first answer holds.
    fn settle(&mut self, answer: Result<A, AskError>) {
        let Some(slot) = self.slot.take() else { return };
        let mut state = lock(&slot.state);
        let before = std::mem::replace(&mut *state, State::Answered(answer));
        slot.is_ready.store(true, Ordering::Release);
        drop(state);
        match before {
            State::Asleep => slot.answered.notify_one(),
            State::Polled(waker) => waker.wake(),
            State::Asked | State::Answered(_) | State::Taken => {}
        }
    }
}

impl<A> Drop for Responder<A> {
    fn drop(&mut self) {
        self.settle(Err(AskError::Closed));
    }
}

/// The end that asked.
pub(crate) struct Reply<A> {
    slot: Arc<Slot<A>>,
}

impl<A> Reply<A> {
    /// Whether there is an answer, without a lock.
    pub(crate) fn is_ready(&self) -> bool {
        self.slot.is_ready.load(Ordering::Acquire)
    }

    /// Waits for the answer, until `deadline` at the latest.
    pub(crate) fn wait(self, deadline: Option<Instant>) -> Result<A, AskError> {
        let mut state = lock(&self.slot.state);
        loop {
            if let Some(answer) = state.take_answer() {
                return answer;
            }
            if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                return Err(AskError::Timeout);
            }
            *state = State::Asleep;
            state = wait(&self.slot.answered, state, deadline);
        }
    }

    pub(crate) fn poll(&self, context: &mut Context<'_>) -> Poll<Result<A, AskError>> {
        let mut state = lock(&self.slot.state);
        if let Some(answer) = state.take_answer() {
            return Poll::Ready(answer);
        }
        let replaced = std::mem::replace(&mut *state, State::Polled(context.waker().clone()));
        drop(state);
        drop(replaced); // foreign code
        Poll::Pending
    }
}

/// An answer that comes later is dropped with the slot.
impl<A> Drop for Reply<A> {
    fn drop(&mut self) {
        if !self.is_ready() {
            let left = std::mem::replace(&mut *lock(&self.slot.state), State::Taken);
            drop(left); // after the lock: foreign code
        }
    }
}

impl<A> State<A> {
    fn take_answer(&mut self) -> Option<Result<A, AskError>> {
        match std::mem::replace(self, State::Taken) {
            State::Answered(answer) => Some(answer),
            other => {
                *self = other;
                None
            }
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_answer_reaches_the_thread_that_waits() {
        let (responder, reply) = reply();
        let asker = std::thread::spawn(move || reply.wait(None));
        responder.answer(Ok(7));
        assert_eq!(asker.join().unwrap(), Ok(7));
    }

    #[test]
    fn a_responder_that_is_dropped_says_closed() {
        let (responder, reply) = reply::<u8>();
        drop(responder);
        assert!(reply.is_ready());
        assert_eq!(reply.wait(None), Err(AskError::Closed));
    }

    #[test]
    fn a_wait_ends_at_its_deadline() {
        let (responder, reply) = reply::<u8>();
        assert!(responder.is_wanted());
        assert_eq!(reply.wait(Some(Instant::now() + Duration::from_millis(5))), Err(AskError::Timeout));
        assert!(!responder.is_wanted());
        responder.answer(Ok(1));
    }

    struct Count(std::sync::atomic::AtomicUsize);

    impl std::task::Wake for Count {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn a_future_that_is_dropped_lets_its_task_go() {
        let count = std::sync::Arc::new(Count(0.into()));
        let (responder, reply) = reply::<u8>();
        let waker = Waker::from(std::sync::Arc::clone(&count));
        assert_eq!(reply.poll(&mut Context::from_waker(&waker)), Poll::Pending);
        drop((waker, reply));
        assert_eq!(std::sync::Arc::strong_count(&count), 1);
        assert!(!responder.is_wanted());
        responder.answer(Ok(1));
        assert_eq!(count.0.load(Ordering::SeqCst), 0);
    }

    #[test]
    fn a_future_is_woken_by_the_answer() {
        let count = std::sync::Arc::new(Count(0.into()));
        let waker = Waker::from(std::sync::Arc::clone(&count));
        let (responder, reply) = reply();
        assert_eq!(reply.poll(&mut Context::from_waker(&waker)), Poll::Pending);
        responder.answer(Ok("yes"));
        assert_eq!(count.0.load(Ordering::SeqCst), 1);
        assert_eq!(reply.poll(&mut Context::from_waker(&waker)), Poll::Ready(Ok("yes")));
    }
}

#[cfg(all(test, loom))]
mod model {
    use super::*;

    #[test]
    fn an_answer_or_the_end_reaches_the_asker() {
        loom::model(|| {
            let (responder, reply) = reply();
            let thread = loom::thread::spawn(move || responder.answer(Ok(1)));
            assert_eq!(reply.wait(None), Ok(1));
            thread.join().unwrap();
        });
        loom::model(|| {
            let (responder, reply) = reply();
            let thread = loom::thread::spawn(move || {
                if responder.is_wanted() {
                    responder.answer(Ok(1));
                }
            });
            let answer = loom::future::block_on(std::future::poll_fn(|context| reply.poll(context)));
            assert_eq!(answer, Ok(1));
            assert!(reply.is_ready());
            thread.join().unwrap();
        });
        loom::model(|| {
            let (responder, reply) = reply();
            let thread = loom::thread::spawn(move || responder.answer(Ok(1)));
            drop(reply);
            thread.join().unwrap();
        });
        loom::model(|| {
            let (responder, reply) = reply::<u8>();
            let thread = loom::thread::spawn(move || drop(responder));
            assert_eq!(reply.wait(None), Err(AskError::Closed));
            thread.join().unwrap();
        });
    }
}
