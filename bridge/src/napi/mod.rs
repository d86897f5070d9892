//! Bridges into the event loop of Node.js, for add-ons made with napi-rs.
//!
//! | | |
//! | --- | --- |
//! | [`Bridge`] | threads post, a JavaScript callback receives |
//! | [`Questions`] | threads ask, a JavaScript callback answers |
//! | [`Receiver`] | threads post, and JavaScript takes when it wants to |
//! | [`Waker`] | threads have a JavaScript function called, without a message |
//!
//! ```no_run
//! use napi::bindgen_prelude::{Env, Function};
//! use texample_bridge::PostError;
//! use texample_bridge::napi::Bridge;
//!
//! fn squares(env: &Env, callback: &Function<'_, Vec<u32>, ()>) -> napi::Result<Bridge<u32>> {
//!     let squares = Bridge::builder("squares").batches(env, callback)?;
//!     squares.spawn(|producer| -> Result<(), PostError<u32>> {
//!         for i in 0..1000_u32 {
//!             producer.post(i * i)?; // fails when JavaScript has stopped it
//!         }
//!         Ok(())
//!     })
//! }
//! ```

mod answers;
mod asker;
mod bridge;
mod delivery;
mod environment;
mod inbox;
mod promises;
mod questions;
mod receiver;
mod responders;
mod streak;
mod value;
mod waker;
mod wakeup;

pub use self::asker::Asker;
pub use self::bridge::{Bridge, Builder, Ready};
pub use self::delivery::Batch;
pub use self::inbox::Received;
pub use self::questions::Questions;
pub use self::receiver::Receiver;
pub use self::waker::Waker;
