//! Native threads that post to JavaScript, JSON as the pixels of a PNG, and sequential unique ids.
//!
//! The three capabilities share one idea: work happens on native threads, and JavaScript gets the
//! results without waiting for them.
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`ticker`] | the thread that ticks |
//! | [`image`] | JSON text to PNG and back |
//! | [`ids`] | ranges of ids claimed ahead from a store |
//! | [`mod@error`] | the one error type, and the codes that are API |
//! | `node` | the only folder that knows Node-API: thin shells over the rest |
//!
//! Layers point one way: `js` → `node` → {`ticker`, `image`, `ids`} → {`texample_bridge`, `error`}.

pub mod error;
#[cfg(feature = "ids")]
pub mod ids;
pub mod image;
#[cfg(feature = "addon")]
mod node;
pub mod ticker;

pub use error::{Error, ErrorCode, Result};
