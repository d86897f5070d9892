//! The only folder that knows N-API: thin shells that convert and forward.
//!
//! Every decision lives in the core. With the feature `node` alone this is the
//! N-API half of the bridge, for other add-ons; `addon` adds our own exports.

// napi registers exports outside of tests only, where nothing else calls them.
#![cfg_attr(test, allow(dead_code))]

pub mod bridge;
#[cfg(feature = "addon")]
mod error;
#[cfg(feature = "addon")]
mod ids;
#[cfg(feature = "addon")]
mod image;
#[cfg(feature = "addon")]
mod ticker;
