//! One answer, on its way from the event loop to the thread or the future that asked.

use std::task::{Context, Poll, Waker};
use std::time::Instant;

use crate::AskError;
use crate::sync::{Arc, AtomicBool, Condvar, Mutex, Ordering, lock, wait};

struct Slot<A> {
    state: Mutex<State<A>>,
    answered: Condvar,
    /// `state` holds an answer: for an asker that spins.
    is_ready: AtomicBool,
    /// The asker is gone.
    is_unwanted: AtomicBool,
}

struct State<A> {
    answer: Option<Result<A, AskError>>,
    /// An answer was given, whether or not it was taken.
    is_settled: bool,
    /// The asker sleeps in `answered`.
    sleeps: bool,
    waker: Option<Waker>,
}

/// A question's two ends.
pub(crate) fn reply<A>() -> (Responder<A>, Reply<A>) {
    let slot = Arc::new(Slot {
        state: Mutex::new(State { answer: None, is_settled: false, sleeps: false, waker: None }),
        answered: Condvar::new(),
        is_ready: AtomicBool::new(false),
        is_unwanted: AtomicBool::new(false),
    });
    (Responder { slot: Arc::clone(&slot) }, Reply { slot })
}

/// The end that answers. Dropped without an answer it answers [`AskError::Closed`].
pub(crate) struct Responder<A> {
    slot: Arc<Slot<A>>,
}

impl<A> Responder<A> {
    /// Whether the asker is there still.
    pub(crate) fn is_wanted(&self) -> bool {
        !self.slot.is_unwanted.load(Ordering::Acquire)
    }

    pub(crate) fn answer(self, answer: Result<A, AskError>) {
        self.settle(answer);
    }

    /// The first answer holds.
    fn settle(&self, answer: Result<A, AskError>) {
        let mut state = lock(&self.slot.state);
        if state.is_settled {
            return;
        }
        state.is_settled = true;
        if !self.is_wanted() {
            drop(state);
            return; // the answer is dropped after the lock: that is foreign code
        }
        state.answer = Some(answer);
        self.slot.is_ready.store(true, Ordering::Release);
        let sleeps = state.sleeps;
        let waker = state.waker.take();
        drop(state);
        if sleeps {
            self.slot.answered.notify_one();
        }
        if let Some(waker) = waker {
            waker.wake();
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
            if let Some(answer) = state.answer.take() {
                return answer;
            }
            if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                return Err(AskError::Timeout);
            }
            state.sleeps = true;
            state = wait(&self.slot.answered, state, deadline);
            state.sleeps = false;
        }
    }

    pub(crate) fn poll(&self, context: &mut Context<'_>) -> Poll<Result<A, AskError>> {
        let mut state = lock(&self.slot.state);
        if let Some(answer) = state.answer.take() {
            return Poll::Ready(answer);
        }
        let replaced = state.waker.replace(context.waker().clone());
        drop(state);
        drop(replaced); // foreign code
        Poll::Pending
    }
}

impl<A> Drop for Reply<A> {
    fn drop(&mut self) {
        let mut state = lock(&self.slot.state);
        self.slot.is_unwanted.store(true, Ordering::Release);
        let left = (state.answer.take(), state.waker.take());
        drop(state);
        drop(left);
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

    #[test]
    fn a_future_is_woken_by_the_answer() {
        struct Count(std::sync::atomic::AtomicUsize);
        impl std::task::Wake for Count {
            fn wake(self: std::sync::Arc<Self>) {
                self.0.fetch_add(1, Ordering::SeqCst);
            }
        }
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
            let (responder, reply) = reply::<u8>();
            let thread = loom::thread::spawn(move || drop(responder));
            assert_eq!(reply.wait(None), Err(AskError::Closed));
            thread.join().unwrap();
        });
    }
}
