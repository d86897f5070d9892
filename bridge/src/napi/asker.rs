//! The end that asks.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::thread::ThreadId;
use std::time::{Duration, Instant};

use super::streak::Streak;
use crate::reply::{Responder, reply};
use crate::{AskError, PostError, Producer};

/// A question, and where its answer goes.
pub(super) struct Question<Q, A> {
    pub(super) value: Q,
    pub(super) responder: Responder<A>,
}

/// What the clones of an asker share.
struct Shared<Q, A> {
    producer: Producer<Question<Q, A>>,
    streak: Arc<Streak>,
    /// The thread that answers.
    thread: ThreadId,
}

/// The end that asks, on any thread but JavaScript's own. Clones ask the same callback.
pub struct Asker<Q, A> {
    shared: Arc<Shared<Q, A>>,
}

impl<Q, A> Asker<Q, A> {
    /// An asker whose questions the calling thread answers.
    pub(super) fn new(producer: Producer<Question<Q, A>>, streak: Arc<Streak>) -> Self {
        Self { shared: Arc::new(Shared { producer, streak, thread: std::thread::current().id() }) }
    }

    /// Asks, and waits for the answer.
    ///
    /// Two threads that answer each other's questions can wait for each other for ever, as those of
    /// two workers: use [`ask_timeout`](Self::ask_timeout) there.
    ///
    /// # Errors
    /// See [`AskError`]; never [`AskError::Timeout`].
    pub fn ask(&self, question: Q) -> Result<A, AskError> {
        self.ask_until(question, None)
    }

    /// Asks, and waits for the answer up to `timeout`, the wait for room in the queue included. For
    /// a question that still waits then, JavaScript is not called any more.
    ///
    /// # Errors
    /// See [`AskError`].
    pub fn ask_timeout(&self, question: Q, timeout: Duration) -> Result<A, AskError> {
        // Beyond what the clock can say there is no deadline.
        self.ask_until(question, Instant::now().checked_add(timeout))
    }

    fn ask_until(&self, question: Q, deadline: Option<Instant>) -> Result<A, AskError> {
        if std::thread::current().id() == self.shared.thread {
            return Err(AskError::OnJavaScriptThread);
        }
        let streak = &self.shared.streak;
        let may_spin = streak.asks();
        let (responder, reply) = reply();
        let question = Question { value: question, responder };
        let posted = match deadline {
            Some(deadline) => self.shared.producer.post_until(question, deadline),
            None => self.shared.producer.post(question),
        };
        match posted {
            Ok(()) => {}
            Err(PostError::Closed(_)) => return Err(AskError::Closed),
            Err(PostError::Full(_)) => return Err(AskError::Timeout),
        }
        if may_spin {
            streak.spin_until(|| reply.is_ready());
        }
        reply.wait(deadline)
    }

    /// Asks, as a future for any executor. For a question whose future is dropped while it waits in
    /// the queue, JavaScript is not called any more.
    ///
    /// # Errors
    /// See [`AskError`]; never [`AskError::Timeout`] nor [`AskError::OnJavaScriptThread`], since no
    /// thread waits.
    pub fn ask_async(&self, question: Q) -> impl Future<Output = Result<A, AskError>> + Send + use<Q, A>
    where
        Q: Send + 'static,
        A: Send + 'static,
    {
        let (responder, reply) = reply();
        let shared = Arc::clone(&self.shared);
        let question = Question { value: question, responder };
        async move {
            if shared.producer.post_async(question).await.is_err() {
                return Err(AskError::Closed);
            }
            poll_fn(|context| reply.poll(context)).await
        }
    }
}

impl<Q, A> Clone for Asker<Q, A> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<Q, A> fmt::Debug for Asker<Q, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asker").finish_non_exhaustive()
    }
}
