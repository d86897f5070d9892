//! The only folder that knows Node-API: thin shells that convert and forward.
//!
//! Every decision lives in the core.

// napi registers exports outside of tests only, where nothing else calls them.
#![cfg_attr(test, allow(dead_code))]

mod error;
mod ids;
mod image;
mod ticker;
