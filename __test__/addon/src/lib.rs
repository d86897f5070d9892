//! Producers and askers as add-on authors write them, for the tests of texample-bridge.

mod ask;
mod messages;
mod post;
mod read;
