//! The N-API half of the bridge: a wake-up that is a turn of the event loop.

mod link;
mod wakeup;

pub(crate) use link::{Link, Turn, no_wakeup};
