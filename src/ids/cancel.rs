//! A stop signal that interrupts waiting.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TryRecvError, bounded};

use super::lock;

/// Tells a thread to stop, wherever it waits. Set once, never cleared; clones share the signal.
#[derive(Clone, Debug)]
pub struct Cancel {
    /// Nothing is ever sent: dropping the sender is the signal.
    sender: Arc<Mutex<Option<Sender<()>>>>,
    receiver: Receiver<()>,
}

impl Default for Cancel {
    fn default() -> Self {
        let (sender, receiver) = bounded(0);
        Self { sender: Arc::new(Mutex::new(Some(sender))), receiver }
    }
}

impl Cancel {
    /// Gives the signal.
    pub fn cancel(&self) {
        lock(&self.sender).take();
    }

    /// Whether the signal was given.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.receiver.try_recv() == Err(TryRecvError::Disconnected)
    }

    /// Sleeps until `deadline` or the signal; true when it was the signal.
    pub fn sleep_until(&self, deadline: Instant) -> bool {
        self.receiver.recv_deadline(deadline) == Err(RecvTimeoutError::Disconnected)
    }

    /// A channel that is disconnected by the signal, to select on.
    #[must_use]
    pub fn signal(&self) -> &Receiver<()> {
        &self.receiver
    }
}
