//! What the bridge is measured against: threadsafe functions, as napi-rs makes them.

mod ask;
mod flood;
mod post;
