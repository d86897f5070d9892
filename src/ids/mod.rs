//! Hands out ids from ranges claimed in a store.
//!
//! The store is asked once a range, not once an id, and ahead of need: under steady demand no
//! caller waits for it.
//!
//! | file | what it defines |
//! | --- | --- |
//! | `range` | a half-open run of ids |
//! | `free_ranges` | the ids claimed and not leased |
//! | `demand_rate`, `lease_size`, `backoff` | how many to claim and to lease, when to try again |
//! | `sequence` | the state machine over these, without thread, clock or store |
//! | `pool`, `handle`, `by_handle` | a sequence shared by its handles |
//! | `endpoint` | the notification of a thread that owns handles |
//! | `claimer` | the thread that makes the claims of all sequences of one store |
//! | `admin` | reads and sets the index of a sequence |
//! | `cancel`, `lock` | a stop signal that interrupts waiting; locks that a panic does not end |
//! | `store` | where ranges come from: MongoDB, SQLite, memory |

mod admin;
mod backoff;
mod by_handle;
mod cancel;
mod claimer;
mod demand_rate;
mod endpoint;
mod free_ranges;
mod handle;
mod lease_size;
mod lock;
mod options;
mod pool;
mod range;
mod sequence;
mod store;

pub use admin::{Pending, read, set};
pub use by_handle::HandleId;
use cancel::Cancel;
pub use claimer::{Hold, hold};
pub use endpoint::{Endpoint, Event, EventKind, News};
pub use handle::{Handle, open};
pub(crate) use lock::lock;
pub use options::{Options, Settings};
pub use range::Range;
pub use sequence::{Counters, Grant, Next, Sequence};
pub use store::{Claim, ClaimError, Document, StoreUrl};
