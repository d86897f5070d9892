//! Hands out ids from ranges claimed in a store.
//!
//! The store is asked once a range, not once an id, and ahead of need: while
//! demand is steady nobody waits for it.
//!
//! | file | what it defines |
//! | --- | --- |
//! | `range` | a run of ids |
//! | `stock` | the ids in hand |
//! | `pace`, `backoff` | how many to claim, how many to lease, when to try again |
//! | `sequence` | the state machine over these, without thread, clock or store |
//! | `pool` | the claimer thread that drives it, shared by all handles of a process |
//! | `operate` | to look at a sequence, and to move it |
//! | `store` | where ranges come from: MongoDB, SQLite, memory |

#![forbid(unsafe_code)]

mod backoff;
mod cancel;
pub mod operate;
mod pace;
mod pool;
mod range;
mod sequence;
mod settings;
mod stock;
pub mod store;

pub use backoff::Backoff;
pub use cancel::Cancel;
pub use pace::{LeaseSize, Pace};
pub use pool::{Event, Handle, Stats, Wake, open};
pub use range::Range;
pub use sequence::{Counters, Grant, HandleId, Next, Sequence};
pub use settings::{Settings, Wishes};
pub use store::{Claim, ClaimError, Location, Store};
